"""`tf-slr live` on real signing: the landmarks of extraction, and a session that is interrupted."""

import importlib.util
import itertools
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tf_slr.apps.live.effort import LEVELS
from tf_slr.apps.live.sources import VideoFile
from tf_slr.apps.live.tracking import BodyFinder, LiveTracker
from tf_slr.core.landmarks import LIPS, POINTS, POSE, RIGHT_HAND
from tf_slr.tracking.tracker import Tracker, holistic_class, points_of
from tf_slr.video.decoding import read_frames

pytestmark = pytest.mark.skipif(
    not (importlib.util.find_spec("mediapipe") and importlib.util.find_spec("cv2")), reason="needs tf_slr[video]"
)
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def path(real_data):
    return real_data / "videos" / "isl" / "cat.mp4"


@pytest.fixture(scope="module")
def offline(path):
    return Tracker().extract(path).clip


def test_a_file_that_may_wait_has_the_landmarks_of_extraction(path, offline):
    tracker = LiveTracker(VideoFile(path, realtime=False, usual_fps=25), notice=pytest.fail)
    with tracker:
        sights = list(tracker.sights())
    np.testing.assert_array_equal([sight.landmarks for sight in sights], offline.landmarks)
    np.testing.assert_array_equal([sight.shoulders for sight in sights], offline.shoulders)
    assert [sight.shot.time for sight in sights] == pytest.approx(np.arange(len(offline.landmarks)) / 10)
    assert (tracker.frames, tracker.dropped) == (len(sights), 0)


def test_a_session_that_is_left_ends_its_threads(path):
    tracker = LiveTracker(VideoFile(path, realtime=False, usual_fps=25), notice=pytest.fail)
    with tracker:
        assert len(list(itertools.islice(tracker.sights(), 3))) == 3
    assert not any(thread.is_alive() for thread in tracker._threads)


def test_less_effort_keeps_the_hands(path, offline):
    """Face and pose of a level stand still between the frames in which they are looked for; hands do not."""
    level = LEVELS[2]
    assert level == (3, 2)
    holistic = holistic_class()()
    holistic.reset()
    finder = BodyFinder(holistic)
    found = [holistic.find_hands(finder.find(frame, level)) for frame in itertools.islice(read_frames(path), 20)]
    points = np.array([points_of(each) for each in found])[:, :POINTS]
    changed = (points[1:, :, :2] != points[:-1, :, :2]).any(-1)  # [frame, point]; NaN counts as change
    frames = np.arange(1, 20)
    assert (changed[:, LIPS].any(1) == (frames % 3 == 0)).all()
    assert (changed[:, POSE].any(1) == (frames % 2 == 0)).all()
    assert changed[:, RIGHT_HAND].all(1).mean() > 0.95
    whole, kept = (np.isfinite(each[:20, RIGHT_HAND.start, 0]) for each in (offline.landmarks, points))
    assert kept.sum() >= whole.sum() - 2


def test_ctrl_c_ends_a_session_cleanly(tiny_bundle, real_data):
    clip = real_data / "videos" / "dictasign_lsf_S4.mp4"
    # A process that was started in the background ignores Ctrl-C, and so would its children.
    command = [sys.executable, "-c", "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
               "from tf_slr.cli.main import main; sys.exit(main(sys.argv[1:]))",
               "live", "--bundle", tiny_bundle, "--source", clip, "--realtime", "--headless", "--json"]  # fmt: skip
    with subprocess.Popen(list(map(str, command)), cwd=ROOT, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:  # fmt: skip
        assert "Ctrl-C" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    summary = json.loads(said.splitlines()[-1])
    assert summary["type"] == "summary"
    assert summary["frames"] < 251, "it was interrupted"
