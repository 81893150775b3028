import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.apps.test_inputs import UNSTEADY, film, level
from tf_slr.core.errors import DataError
from tf_slr.video import decoding as video_module
from tf_slr.video.decoding import frame_count, image_paths, mark_of, open_video, read_frames

cv2 = pytest.importorskip("cv2")


def write_images(folder, names, size=(80, 64)):
    """Images whose red value is their place in `names`, times ten."""
    folder.mkdir()
    for place, name in enumerate(names):
        bgr = np.zeros((size[1], size[0], 3), np.uint8)
        bgr[..., 2] = 10 * place
        assert cv2.imwrite(str(folder / name), bgr)
    return folder


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "mp4v"), ("a.avi", "MJPG"), ("a.mkv", "MJPG")])
def test_a_whole_video_gives_every_frame(video_of_noise, name, codec):
    path = video_of_noise(name, frames=17, fps=12.5, codec=codec)
    video = open_video(path)
    frames = list(video.frames())
    assert (video.fps, video.promised, video.width, video.height) == (12.5, 17, 96, 80)
    assert len(frames) == 17
    assert {(frame.shape, frame.dtype) for frame in frames} == {((80, 96, 3), np.dtype(np.uint8))}
    assert len(list(video.frames())) == 17, "a video can be read twice"


def test_frames_are_rgb(tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / "red.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 25, (64, 64))
    writer.write(np.full((64, 64, 3), (0, 0, 255), np.uint8))  # red, in OpenCV's order
    writer.release()
    red, green, blue = next(read_frames(tmp_path / "red.avi")).reshape(-1, 3).mean(0)
    assert red > 240
    assert max(green, blue) < 15


@pytest.mark.parametrize("suffix", ["avi", "mkv"])
def test_a_truncated_video_says_how_many_frames_it_gives(video_of_noise, suffix):
    path = video_of_noise(f"cut.{suffix}", frames=58)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    frames = read_frames(path)
    with pytest.raises(DataError, match=rf"cut\.{suffix}: promised 58 frames, gives (1\d|2\d) \(truncated\?\)"):
        list(frames)


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.webm", "libvpx-vp9")])
def test_a_video_without_a_steady_rate_is_read_to_its_end_with_its_times(tmp_path, name, codec):
    path, shown = film(tmp_path / name, UNSTEADY, codec), []
    brightness = [np.median(frame) for frame in open_video(path).frames(shown)]
    assert brightness == pytest.approx([level(number) for number in range(len(UNSTEADY))], abs=5)
    assert np.subtract(shown, shown[0]) == pytest.approx(UNSTEADY / 1000, abs=2e-3)
    # Matroska promises 29.
    assert frame_count(path)[0] == frame_count(path, len(UNSTEADY))[0] == len(UNSTEADY)
    with pytest.raises(DataError, match=f"expected 20 frames, found {len(UNSTEADY)}"):
        frame_count(path, 20)


def test_an_mp4_without_its_index_is_refused(video_of_noise):
    path = video_of_noise("cut.mp4", frames=30, codec="mp4v")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=r"cut\.mp4: is no readable video"):
        open_video(path)


def test_one_frame_less_than_promised_is_no_fault_but_two_are(video_of_noise):
    video = open_video(video_of_noise("a.avi", frames=10))
    assert len(list(dataclasses.replace(video, promised=11).frames())) == 10
    with pytest.raises(DataError, match="promised 12 frames, gives 10"):
        list(dataclasses.replace(video, promised=12).frames())
    assert len(list(dataclasses.replace(video, promised=0).frames())) == 10


def test_what_is_no_video_is_named_with_the_reason(tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("this is no video\n" * 100)
    (tmp_path / "bare").mkdir()
    os.mkfifo(tmp_path / "pipe.mp4")
    for name, reason in {
        "missing.mp4": "does not exist",
        "empty.mp4": "is empty",
        "text.mp4": "is no readable video",
        "bare": "holds no image",
        "pipe.mp4": "is neither a file nor a folder",
    }.items():
        with pytest.raises(DataError, match=f"{name}: {reason}"):
            open_video(tmp_path / name)


def test_a_video_or_folder_written_anew_has_another_mark(tmp_path, video_of_noise):
    folder = write_images(tmp_path / "frames", ["0.png", "1.png"])
    for path, part in ((video_of_noise("a.avi"), None), (folder, folder / "1.png")):
        before = mark_of(path)
        assert mark_of(path) == before
        os.utime(part or path, ns=(1, before.written + 1))
        assert mark_of(path) != before


@pytest.mark.parametrize(
    ("size", "reason"), [((16, 22), "16 x 22 pixels are too small"), ((800, 64), "800 x 64 pixels is no picture")]
)
def test_pictures_in_which_nobody_can_be_seen_are_refused(video_of_noise, size, reason):
    with pytest.raises(DataError, match=reason):
        open_video(video_of_noise("small.avi", size=size))


def test_a_frame_rate_beyond_belief_counts_as_unknown(video_of_noise):
    assert open_video(video_of_noise("fast.avi", fps=1000)).fps is None


def test_a_folder_gives_its_images_in_the_order_of_their_numbers(tmp_path):
    names = ["f1.png", "f2.png", "f9.PNG", "f10.jpg", "f11.jpeg"]
    folder = write_images(tmp_path / "clip", names)
    (folder / "notes.txt").write_text("no image")
    (folder / "._f1.png").write_bytes(b"left by a Mac")
    video = open_video(folder)
    assert (video.fps, video.promised, video.width, video.height) == (None, 5, 80, 64)
    assert [round(frame[..., 0].mean(), -1) for frame in video.frames()] == [0, 10, 20, 30, 40]


def test_images_are_sorted_by_name_where_numbers_have_leading_zeros(tmp_path):
    names = ["b01.png", "a02.png", "a10.png", "a.png", "7.png", "a01b2.png", "a1b1.png"]
    folder = write_images(tmp_path / "clip", names)
    assert [path.name for path in image_paths(folder)] == [
        "7.png", "a.png", "a1b1.png", "a01b2.png", "a02.png", "a10.png", "b01.png"
    ]  # fmt: skip


def test_a_damaged_image_and_one_of_another_size_are_named(tmp_path):
    folder = write_images(tmp_path / "clip", ["1.png", "2.png", "3.png"])
    whole = (folder / "2.png").read_bytes()
    (folder / "2.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"2\.png: is not a readable image"):
        list(read_frames(folder))
    (folder / "2.png").write_bytes(whole)
    cv2.imwrite(str(folder / "3.png"), np.zeros((65, 80, 3), np.uint8))
    with pytest.raises(DataError, match="frame 3 is 80 x 65 pixels, the first is 80 x 64"):
        list(read_frames(folder))


def test_grey_images_have_three_channels(tmp_path):
    (tmp_path / "grey").mkdir()
    cv2.imwrite(str(tmp_path / "grey" / "1.png"), np.full((64, 64), 77, np.uint8))
    assert next(read_frames(tmp_path / "grey")).shape == (64, 64, 3)


def test_a_single_image_file_is_not_taken_for_a_series(tmp_path):
    folder = write_images(tmp_path / "clip", ["f01.png", "f02.png", "f03.png"])
    assert len(list(read_frames(folder / "f01.png"))) == 1


def test_nothing_is_written_to_the_terminal(video_of_noise):
    path = video_of_noise("cut.mp4", codec="mp4v")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    code = "import sys; from tf_slr.video.decoding import open_video; open_video(sys.argv[1])"
    root = Path(video_module.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=root, capture_output=True, text=True)
    assert done.stderr.startswith("Traceback"), "only Python speaks, not the libraries"
    assert done.stderr.rstrip().endswith(
        "cut.mp4: is no readable video (damaged, no picture track, or an unknown format)"
    )
