"""Whatever a phone, a browser or a camera writes comes out upright, whole, and at its times."""

import os
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av")
pytest.importorskip("cv2")

import av
import cv2

from tests.filmed import FRAMES, TURNED, Pipe, film, pictures, turn, with_cover
from tf_slr.apps.inputs import InputReader
from tf_slr.apps.live.sources import VideoFile
from tf_slr.core.errors import DataError
from tf_slr.video.container import Container
from tf_slr.video.decoding import decoded_count, frame_count, open_video, read_frames
from tf_slr.video.times import frame_times

SHOWN = pictures()


def differs(found, expected):
    """How far pictures are from those that were filmed, in levels of 256."""
    assert [picture.shape for picture in found] == [picture.shape for picture in expected]
    return max(np.abs(a.astype(int) - b).mean() for a, b in zip(found, expected, strict=True))


def is_whole(path, expected=SHOWN, step=0.04, within=6):
    """Whether a video has these pictures, one every `step` seconds."""
    video, shown = open_video(path), []
    assert differs(list(video.frames(shown)), expected) < within
    assert (video.height, video.width, 3) == expected[0].shape
    assert np.subtract(shown, shown[0]) == pytest.approx(step * np.arange(len(expected)), abs=2e-3)
    assert frame_times(path) == pytest.approx(step * np.arange(len(expected)), abs=2e-3)
    assert decoded_count(path)[0] == frame_count(path)[0] == len(expected)
    return True


@pytest.mark.parametrize("how", TURNED)
def test_a_phone_video_is_upright(tmp_path, how):
    store, note = TURNED[how]
    lying = [store(picture) for picture in SHOWN]
    path = film(tmp_path / "phone.mp4", lying, "libx264")
    assert differs(list(read_frames(path)), lying) < 6
    assert is_whole(turn(path, note))
    assert open_video(path).fps == 25
    (first, *_) = VideoFile(path, realtime=False, usual_fps=25)._video.frames()
    assert differs([first], SHOWN[:1]) < 6
    reader = InputReader(25.0, track=False)
    assert differs(list(reader.read(path).pictures_at(25.0)[0]), SHOWN) < 6


def test_a_plain_video_is_what_opencv_makes_of_it(tmp_path):
    for name, codec, pix_fmt in (("a.mp4", "libx264", "yuv420p"), ("a.avi", "mjpeg", "yuvj420p")):
        path = film(tmp_path / name, SHOWN, codec, pix_fmt)
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        for frame in read_frames(path):
            np.testing.assert_array_equal(frame, capture.read()[1][..., ::-1])
        assert not capture.grab()


KINDS = {
    "hevc of 10 bits": ("a.mp4", "libx265", "yuv420p10le", {"x265-params": "log-level=none"}),
    "av1": ("a.mp4", "libsvtav1", "yuv420p", {"preset": "12"}),
    "vp9": ("a.webm", "libvpx-vp9", "yuv420p", {"deadline": "realtime", "cpu-used": "8"}),
    "mpeg transport stream": ("a.ts", "libx264", "yuv420p", {}),
    "prores": ("a.mov", "prores_ks", "yuv422p10le", {}),
    "motion jpeg": ("a.avi", "mjpeg", "yuvj420p", {}),
    "gif": ("a.gif", "gif", "rgb8", {}),
    "interlaced": ("a.ts", "mpeg2video", "yuv420p", {"flags": "+ilme+ildct"}),
    "with B frames in avi": ("a.avi", "libx264", "yuv420p", {"bf": "2"}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_is_read(tmp_path, kind):
    name, codec, pix_fmt, options = KINDS[kind]
    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV has no encoder {codec}")
    path = film(tmp_path / name, SHOWN, codec, pix_fmt, options=options)
    if kind == "with B frames in avi":  # which has no times, only a rate
        assert differs(list(read_frames(path)), SHOWN) < 6
        assert InputReader(9.0, track=False).read(path).times == pytest.approx(0.04 * np.arange(FRAMES))
    else:
        assert is_whole(path, within=30 if kind == "gif" else 6)


def test_a_browser_recording_has_no_duration(tmp_path):
    pipe = Pipe()
    film(None, SHOWN, "libvpx-vp9", stream=pipe, format="webm")
    path = tmp_path / "recorded.webm"
    path.write_bytes(pipe.content)
    assert open_video(path).promised == 0
    assert is_whole(path)


def test_a_cover_is_no_video(tmp_path):
    cover = np.zeros((200, 200, 3), np.uint8)
    path = with_cover(tmp_path / "a.mp4", SHOWN, cover)
    with av.open(str(path)) as container:
        assert container.streams.video[0].disposition & av.stream.Disposition.attached_pic
    assert differs(list(read_frames(path)), SHOWN) < 6
    alone = tmp_path / "song.mp4"
    with av.open(str(alone), "w") as container:
        sound = container.add_stream("aac", rate=8000)
        for _ in range(8):
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            silence.sample_rate = 8000
            container.mux(sound.encode(silence))
        container.mux(sound.encode())
    with pytest.raises(DataError, match=r"song\.mp4: is no readable video"):
        open_video(alone)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_a_video_that_begins_late_and_goes_unevenly_has_its_times(tmp_path, name):
    times = 5000 + np.cumsum([0, *[33, 34, 200, 40] * 2])[:FRAMES]
    path = film(tmp_path / name, SHOWN, "libx264", times=times)
    assert differs(list(read_frames(path)), SHOWN) < 6
    assert frame_times(path) == pytest.approx((times - times[0]) / 1000, abs=2e-3)


@pytest.mark.parametrize(
    ("stored", "pixel", "size"), [((96, 90), Fraction(3, 2), (144, 90)), ((145, 97), Fraction(1, 2), (145, 194))]
)
def test_pixels_are_squares(tmp_path, stored, pixel, size):
    width, height = stored
    path = film(tmp_path / "a.mp4", pictures(width, height), "png", "rgb24", pixel=pixel)
    assert is_whole(path, pictures(*size), within=4)
    sideways = list(read_frames(turn(path, TURNED["90"][1])))
    assert sideways[0].shape == (size[0], size[1], 3)


def test_a_part_of_a_video_is_not_a_truncated_one(tmp_path):
    """Phones cut a video by noting which part of it is shown, and keep all of its frames."""
    shown = pictures(frames=40)
    path = film(tmp_path / "a.mp4", shown, "libx264", options={"bf": "0"})
    content = bytearray(path.read_bytes())
    place = content.index(b"elst") + 12  # duration, in the header's units of 1/1000 s, and where it begins
    content[place : place + 4] = (800).to_bytes(4, "big")
    path.write_bytes(content)
    assert len(list(read_frames(path))) == pytest.approx(20, abs=1)


NAMES = [
    "12:30.mp4",
    "http:a.mp4",
    "take %03d.mp4",
    "%d.mp4",
    "-i.mp4",
    " a  b .mp4",
    "ü 天.mp4",
    os.fsdecode(b"a\xff.mp4"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_a_name(tmp_path, monkeypatch, name):
    film(tmp_path / "plain.mp4", SHOWN, "libx264").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    path = Path(name)
    assert is_whole(path)
    assert len(list(InputReader(25.0, track=False).read(path).pictures_at(25.0)[0])) == FRAMES
    assert VideoFile(path, realtime=False, usual_fps=25).name == str(path)


def test_images_with_any_name_are_read(tmp_path, monkeypatch):
    folder = tmp_path / os.fsdecode(b"12:30 \xe4")
    folder.mkdir()
    for number, picture in enumerate(SHOWN):
        content = cv2.imencode(".png", picture[..., ::-1])[1].tobytes()
        (folder / f"%d {number}.png").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    assert differs(list(read_frames(Path(folder.name))), SHOWN) == 0


def test_what_names_another_file_or_address_is_no_video(tmp_path):
    film(tmp_path / "a.mp4", SHOWN, "libx264")
    (tmp_path / "list.txt").write_text("signs\n" * 300)
    (tmp_path / "net.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    for name in ("list.txt", "net.m3u8"):
        with pytest.raises(DataError, match=name):
            open_video(tmp_path / name)
    with pytest.raises(DataError, match="does not exist"):
        open_video(Path("rtsp://127.0.0.1:9/a"))


def test_a_picture_that_would_fill_the_memory_is_refused(tmp_path):
    path = film(tmp_path / "a.gif", SHOWN, "gif", "rgb8")
    content = path.read_bytes()
    path.write_bytes(content[:6] + (16000).to_bytes(2, "little") * 2 + content[10:])
    with pytest.raises(DataError, match=r"a\.gif: 16000 x 16000 pixels are too many"):
        open_video(path)


def test_a_broadcast_with_a_gap_keeps_its_times(tmp_path):
    path = film(tmp_path / "a.ts", SHOWN, "libx264")
    content = path.read_bytes()
    for share in (0.9, 0.95):
        gap = int(share * len(content))
        path.write_bytes(content[:gap] + bytes(400) + content[gap + 400 :])
        with Container(path) as video:
            times = list(video.times())
        assert 2 <= len(times) < FRAMES
        assert (np.diff(times) > 0.039).all()


def test_a_damaged_video_ends_with_a_reason(tmp_path):
    path = film(tmp_path / "a.mp4", pictures(frames=60), "libx264", options={"g": "10"})
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat")
    middle = slice(start + (len(content) - start) // 4, start + (len(content) - start) // 2)
    content[middle] = bytes(len(content[middle]))
    path.write_bytes(content)
    with Container(path) as video:
        assert sum(1 for _ in video.times()) < 59
    with pytest.raises(DataError, match=r"a\.mp4: promised 60 frames, gives \d+ "):
        list(read_frames(path))
