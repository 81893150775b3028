"""Films: the right picture, skeleton and caption at every moment."""

import os
from pathlib import Path

import numpy as np
import pytest

cv2 = pytest.importorskip("cv2")
pytest.importorskip("PIL")

from tests.apps.test_inputs import UNSTEADY, film, level  # noqa: E402
from tests.shared import room_for  # noqa: E402
from tf_slr.apps.drawing import LEFT, default_font  # noqa: E402
from tf_slr.apps.film import write_film  # noqa: E402
from tf_slr.apps.inputs import Input, InputReader  # noqa: E402
from tf_slr.core.errors import DataError  # noqa: E402
from tf_slr.core.landmarks import LEFT_HAND, Clip  # noqa: E402
from tf_slr.formats.subtitles import cues  # noqa: E402
from tf_slr.video.decoding import open_video  # noqa: E402


def moving_hand(frames, aspect):
    """A left hand that goes down from frame to frame."""
    landmarks = np.full((frames, 92, 3), np.nan, np.float32)
    landmarks[:, LEFT_HAND, 0] = 0.5 + np.linspace(-0.1, 0.1, 21)
    landmarks[:, LEFT_HAND, 1] = np.linspace(0.1, 0.5, frames)[:, None]
    return Clip(landmarks, None, aspect)


def watch(path):
    """The frames of a film (RGB) and its rate."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1][..., ::-1].astype(int))
    return frames, capture.get(cv2.CAP_PROP_FPS)


def has_caption(frame):
    return (frame[int(0.8 * len(frame)) :].min(-1) > 200).sum() > 20


def test_landmarks_on_a_blank_canvas_with_captions_at_their_times(tmp_path):
    shown = Input(tmp_path / "clip.npz", moving_hand(60, 4 / 3), np.arange(60) / 20)
    write_film(tmp_path / "out" / "film.mp4", shown, cues([("HAUS", 0.5, 1.3), ("天", 2.0, 2.1)]), default_font())
    frames, fps = watch(tmp_path / "out" / "film.mp4")
    assert fps == pytest.approx(20, rel=0.01)
    assert len(frames) == 60
    assert frames[0].shape == (480, 640, 3)
    captioned = [number / 20 for number, frame in enumerate(frames) if has_caption(frame)]
    assert captioned == pytest.approx([*np.arange(10, 26) / 20, *np.arange(40, 54) / 20])
    hand = [np.nonzero(np.abs(frame - LEFT).max(-1) < 80)[0].mean() / 480 for frame in (frames[0], frames[59])]
    assert hand == pytest.approx([0.1, 0.5], abs=0.03)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["film.mp4"]


def test_a_film_may_have_a_colon_in_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = Input(Path("12:30.npz"), moving_hand(10, 4 / 3), np.arange(10) / 20)
    write_film(Path("12:30.mp4"), shown, [], default_font())
    assert len(watch(tmp_path / "12:30.mp4")[0]) == 10


def test_a_film_that_a_full_disk_cuts_short_does_not_replace_a_whole_one(tmp_path):
    shown = Input(tmp_path / "clip.npz", moving_hand(40, 4 / 3), np.arange(40) / 20)
    path = tmp_path / "film.mp4"
    write_film(path, shown, cues([("HAUS", 0.5, 1.3)]), default_font())
    whole = path.read_bytes()
    for share in (0.3, 0.9):
        with room_for(int(share * len(whole))), pytest.raises(OSError, match=r"of 40 frames .*film\.mp4"):
            write_film(path, shown, cues([("HAUS", 0.5, 1.3)]), default_font())
    assert path.read_bytes() == whole
    assert os.listdir(tmp_path) == ["film.mp4"]


def test_an_unsteady_video_becomes_a_steady_film_of_the_same_length(tmp_path):
    video = film(tmp_path / "unsteady.mkv", UNSTEADY, "libx264")
    shown = InputReader(25.0, track=False).read(video)
    times = shown.times
    shown = shown._replace(clip=moving_hand(len(times), 4 / 3))
    write_film(tmp_path / "film.mp4", shown, [], default_font())
    frames, fps = watch(tmp_path / "film.mp4")
    assert len(frames) / fps == pytest.approx(times[-1], abs=0.06)
    for number, frame in enumerate(frames):
        before, after = np.searchsorted(times, number / fps + np.array([-0.005, 0.005]), side="right") - 1
        if before == after:  # else just when the next frame comes
            assert np.median(frame) == pytest.approx(level(after), abs=5), number


def test_large_and_odd_pictures_are_brought_to_size(tmp_path, video_of_noise):
    video = video_of_noise("large.avi", frames=2, size=(1500, 1001))
    write_film(
        tmp_path / "film.mp4",
        Input(video, moving_hand(2, 1.5), np.arange(2) / 25, open_video(video)),
        [],
        default_font(),
    )
    frames, _ = watch(tmp_path / "film.mp4")
    assert [frame.shape for frame in frames] == [(720, 1080, 3)] * 2


def test_a_video_that_changed_is_refused_and_leaves_no_film(tmp_path, video_of_noise):
    video = video_of_noise("video.avi", frames=9)
    shown = Input(video, moving_hand(12, 1.2), np.arange(12) / 25, open_video(video))
    with pytest.raises(DataError, match="another number of frames"):
        write_film(tmp_path / "film.mp4", shown, [], default_font())
    assert not (tmp_path / "film.mp4").exists()
