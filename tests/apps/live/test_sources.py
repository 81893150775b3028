"""Frames of files and cameras, with their times."""

import itertools
import threading

import numpy as np
import pytest

pytest.importorskip("cv2")

import cv2

from tests.apps.test_inputs import UNSTEADY, film, level
from tf_slr.apps.live.sources import Camera, VideoFile
from tf_slr.core.errors import DataError, UsageError
from tf_slr.synth.signsynth import write_video
from tf_slr.video.decoding import read_frames


@pytest.fixture
def video(tmp_path):
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (12, 8, 10, 3), dtype=np.uint8)
    write_video(tmp_path / "clip.avi", np.repeat(np.repeat(coarse, 10, axis=1), 10, axis=2))
    return tmp_path / "clip.avi"


def test_a_file_that_may_wait_gives_every_frame_with_its_time(video):
    source = VideoFile(video, realtime=False, usual_fps=30)
    assert source.waits
    shots = list(source.shots(threading.Event()))
    assert [shot.time for shot in shots] == pytest.approx([number / 25 for number in range(12)])
    for shot, frame in zip(shots, read_frames(video), strict=True):
        np.testing.assert_array_equal(shot.picture, frame)


def test_in_real_time_no_frame_comes_before_its_time(video):
    source = VideoFile(video, realtime=True, usual_fps=30)
    assert not source.waits
    begun = None
    for shot in source.shots(threading.Event()):
        begun = shot.taken if begun is None else begun
        assert shot.taken - begun == pytest.approx(shot.time)


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.webm", "libvpx-vp9")])
def test_a_video_without_a_steady_rate_has_its_own_times(tmp_path, name, codec):
    """Some of its frames are shown for 33 ms and some for 200; at a steady rate half of them would be far off."""
    path = film(tmp_path / name, UNSTEADY, codec)
    for realtime in (False, True):
        shots = list(VideoFile(path, realtime, usual_fps=30).shots(threading.Event()))
        assert [shot.time for shot in shots] == pytest.approx(UNSTEADY / 1000, abs=2e-3)
        assert [np.median(shot.picture) for shot in shots] == pytest.approx(
            [level(number) for number in range(len(UNSTEADY))], abs=5
        )
        if realtime:
            taken = [shot.taken - shots[0].taken for shot in shots]
            assert taken == pytest.approx([shot.time for shot in shots]), "it plays by them, too"


def test_a_video_of_bare_pictures_has_the_usual_rate(tmp_path):
    """A raw stream has no container that would know times."""
    path = film(tmp_path / "a.h264", UNSTEADY, "libx264")
    shots = list(VideoFile(path, realtime=False, usual_fps=30).shots(threading.Event()))
    assert [shot.time for shot in shots] == pytest.approx(np.arange(len(UNSTEADY)) / 30)


def test_pictures_without_a_rate_have_that_of_the_training(tmp_path):
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((80, 80, 3), 40 * number, np.uint8))
    shots = VideoFile(tmp_path, realtime=False, usual_fps=10).shots(threading.Event())
    assert [shot.time for shot in shots] == pytest.approx([0, 0.1, 0.2])


def test_a_source_stops_when_told(video):
    stop = threading.Event()
    shots = VideoFile(video, realtime=True, usual_fps=30).shots(stop)
    assert len(list(itertools.islice(shots, 3))) == 3
    stop.set()
    assert list(shots) == []


def test_what_is_no_video_is_refused(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        VideoFile(tmp_path / "none.mp4", realtime=True, usual_fps=30)


def test_a_camera_that_is_not_there_is_refused_with_advice():
    with pytest.raises(UsageError, match=r"camera 99: cannot be opened.*--source"):
        Camera(99)
