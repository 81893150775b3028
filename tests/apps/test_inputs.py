"""Whatever is handed in comes out at the network's frame rate, every point where it was at its time."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_slr.apps.inputs import Input, InputReader
from tf_slr.core.errors import DataError
from tf_slr.core.landmarks import Clip
from tf_slr.corpus.manifest import write_clip
from tf_slr.video.times import frame_times

RATES = st.sampled_from([8.0, 10.0, 12.5, 24.0, 25.0, 29.97, 30.0, 50.0, 60.0, 120.0])


def line(times, shoulders=True):
    """Points that move evenly: where each is tells the time."""
    landmarks = np.repeat(np.asarray(times, np.float32)[:, None, None], 92, 1) * np.float32([0.1, 0.2, 0.3])
    return Clip(landmarks, landmarks[:, :2].copy() if shoulders else None, 1.5)


@given(RATES, RATES, st.integers(2, 90), st.integers(0, 2**31), st.booleans())
def test_points_are_where_they_were_at_each_moment(fps, wanted, frames, seed, shoulders):
    gaps = np.random.default_rng(seed).uniform(0.2, 3.0, frames) / fps
    times = np.cumsum(gaps) - gaps[0]
    clip, rate = Input(Path("x.npz"), line(times, shoulders), times).landmarks_at(wanted)
    moments = np.arange(len(clip.landmarks)) / rate
    assert abs(len(moments) / rate - times[-1]) <= 1.5 / rate
    inside = moments.clip(0, times[-1])
    if not np.isclose(rate, wanted):  # left as it is: a steady clip of nearly that rate
        assert rate == pytest.approx(wanted, rel=0.02)
        return
    assert np.allclose(clip.landmarks[:, 7], inside[:, None] * [0.1, 0.2, 0.3], atol=0.3 * 0.51 / wanted + 1e-4)
    assert clip.aspect == 1.5
    assert (clip.shoulders is not None) == shoulders
    if shoulders:
        assert np.array_equal(clip.shoulders, clip.landmarks[:, :2])


def test_a_clip_of_the_right_rate_is_not_touched():
    for fps in (30.0, 29.97, 30.3):
        shown = Input(Path("x.npz"), line(np.arange(50) / fps), np.arange(50) / fps)
        clip, rate = shown.landmarks_at(30.0)
        assert clip is shown.clip
        assert rate == pytest.approx(fps)


def test_a_single_frame_has_the_rate_that_was_told(tmp_path):
    write_clip(tmp_path / "one.npz", line([0.5]))
    shown = InputReader(25.0).read(tmp_path / "one.npz")
    assert (len(shown.times), shown.fps) == (1, 25.0)
    assert shown.landmarks_at(30.0)[1] == 25.0


def test_a_missing_point_is_not_invented():
    times = np.arange(10) / 10
    clip = line(times)
    clip.landmarks[4:6, 50:71] = np.nan
    seen, _ = Input(Path("x.npz"), clip, times).landmarks_at(40.0)
    missing = np.isnan(seen.landmarks[:, 60, 0])
    moments = np.arange(len(seen.landmarks)) / 40
    assert missing[(moments > 0.36) & (moments < 0.54)].all()
    assert not missing[(moments < 0.34) | (moments > 0.56)].any()
    assert not np.isnan(seen.landmarks[:, 80]).any()


def test_a_landmark_file_has_the_usual_rate(tmp_path):
    write_clip(tmp_path / "clip.npz", line(np.arange(20) / 10))
    shown = InputReader(12.5).read(tmp_path / "clip.npz")
    assert shown.fps == pytest.approx(12.5)
    assert shown.video is None
    assert not shown.note


def level(number):
    """How bright frame `number` of a film is."""
    return 50 + 12 * number


def film(path, times, codec):
    """A video whose frames are shown at given milliseconds."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, time in enumerate(times):
            picture = np.full((96, 128, 3), level(number), np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = int(time), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


UNSTEADY = np.cumsum([0, *[33, 34, 200, 40] * 3])


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.webm", "libvpx-vp9")])
def test_an_unsteady_video_keeps_its_times(tmp_path, name, codec):
    times = frame_times(film(tmp_path / name, UNSTEADY, codec))
    assert times == pytest.approx(UNSTEADY / 1000, abs=2e-3)
    shown = Input(tmp_path / name, line(times), times)
    assert shown.fps == pytest.approx(1000 / 37, rel=0.1)
    clip, rate = shown.landmarks_at(25.0)
    assert rate == 25.0
    assert clip.landmarks[:, 3, 0] == pytest.approx(0.1 * np.arange(len(clip.landmarks)) / 25, abs=2e-3)


def test_a_video_that_is_not_tracked_gives_the_picture_of_each_moment(tmp_path):
    shown = InputReader(25.0, track=False).read(film(tmp_path / "a.mkv", UNSTEADY, "libx264"))
    assert shown.clip is None
    pictures, rate = shown.pictures_at(50.0)
    seen = [np.median(picture) for picture in pictures]
    frames = [np.flatnonzero(UNSTEADY <= 20 * number + 1)[-1] for number in range(len(seen))]
    assert rate == 50
    assert len(seen) == pytest.approx(UNSTEADY[-1] / 20, abs=1)
    assert seen == pytest.approx([level(number) for number in frames], abs=5)


def test_a_folder_of_images_has_the_usual_rate_and_that_is_said(tmp_path):
    cv2 = pytest.importorskip("cv2")
    for number in range(7):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((64, 64, 3), 30 * number, np.uint8))
    shown = InputReader(12.5, track=False).read(tmp_path)
    assert shown.times == pytest.approx(np.arange(7) / 12.5)
    assert "does not say its frame rate; 12.5" in shown.note
    pictures, rate = shown.pictures_at(12.5)
    assert rate == pytest.approx(12.5)
    assert [picture[0, 0, 0] for picture in pictures] == [30 * number for number in range(7)]


def test_an_unsteady_matroska_is_not_taken_for_a_truncated_one(tmp_path, video_of_noise):
    """Nobody is in it: whoever reads it to its end says so, and not that frames are missing."""
    pytest.importorskip("mediapipe")
    reader = InputReader(25.0)
    with pytest.raises(DataError, match="no landmark was found"):
        reader.read(film(tmp_path / "a.mkv", UNSTEADY, "libx264"))
    # What is cut off is still missed.
    whole = video_of_noise("whole.avi", frames=24)
    cut = tmp_path / "cut.avi"
    content = whole.read_bytes()
    cut.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(DataError, match="truncated"):
        reader.read(cut)


def test_landmark_files_are_read_without_opencv_and_mediapipe(tmp_path):
    write_clip(tmp_path / "clip.npz", line(np.arange(20) / 10))
    script = (
        "import sys; from pathlib import Path; from tf_slr.apps.inputs import InputReader;"
        "InputReader(25.0).read(Path(sys.argv[1]));"
        "sys.exit(', '.join({'cv2', 'mediapipe', 'tensorflow', 'pose_format'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "clip.npz"], capture_output=True, text=True,
                          cwd=Path(__file__).parents[2])  # fmt: skip
    assert done.returncode == 0, done.stderr
