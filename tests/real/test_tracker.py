"""The tracker on real signing: what it finds, and that every value is MediaPipe's own."""

import importlib.util
import itertools
import queue
import threading

import numpy as np
import pytest

from tf_slr.core.errors import DataError
from tf_slr.core.landmarks import LEFT_HAND, MIRROR, POSE, RIGHT_HAND
from tf_slr.tracking.tracker import Tracker, holistic_class
from tf_slr.video.decoding import read_frames

pytestmark = pytest.mark.skipif(
    not (importlib.util.find_spec("mediapipe") and importlib.util.find_spec("cv2")), reason="needs tf_slr[video]"
)

PARTS = {"pose": 33, "face": 468, "left_hand": 21, "right_hand": 21}


@pytest.fixture(scope="module")
def frames(real_data):
    def read(name, first, last):
        return list(itertools.islice(read_frames(real_data / "videos" / name), first, last))

    return {
        "dictasign": read("dictasign_lsf_S4.mp4", 0, 40),
        "phone": read("phone_clip_540x720.mp4", 0, 40),
        "isl": read("isl/cat.mp4", 7, 27),
    }


@pytest.fixture(scope="module")
def ours():
    return holistic_class()()


def points_of(parts):
    """All 543 points of a frame, NaN where not found."""
    return np.concatenate(
        [
            np.full((count, 3), np.nan) if part is None else np.array([(p.x, p.y, p.z) for p in part.landmark])
            for part, count in zip(parts, PARTS.values(), strict=True)
        ]
    )


def by_us(holistic, frames):
    holistic.reset()
    return np.array([points_of(holistic.process(frame)) for frame in frames])


def by_mediapipe(frames):
    holistic_class()  # imports MediaPipe without TensorFlow
    from mediapipe.python.solutions.holistic import Holistic

    with Holistic(model_complexity=1) as holistic:
        results = (holistic.process(frame) for frame in frames)
        return np.array([points_of([getattr(r, f"{part}_landmarks") for part in PARTS]) for r in results])


def test_several_clips_in_a_row_have_the_values_of_mediapipe(ours, frames):
    for name, clip in frames.items():
        expected = by_mediapipe(clip)
        assert np.isfinite(expected[:, :501]).all(), "pose and face are there in every frame"
        some_hand = np.isfinite(expected[:, 501:, 0]).any(1).mean()
        assert some_hand == 1 if name == "dictasign" else 0.2 < some_hand < 0.8
        np.testing.assert_array_equal(by_us(ours, clip), expected, err_msg=name)


def test_so_has_a_clip_in_which_the_signer_comes_and_goes(ours, frames):
    signer, nobody = frames["isl"], np.zeros_like(frames["isl"][0])
    clip = [nobody, nobody, *signer[:8], nobody, *signer[8:12], nobody, nobody, nobody, *signer[12:]]
    expected = by_mediapipe(clip)
    assert np.isnan(expected[:, 0, 0]).sum() == 6
    np.testing.assert_array_equal(by_us(ours, clip), expected)


def test_the_halves_find_the_same_in_two_threads(ours, frames):
    clip = frames["dictasign"][:20]
    expected = by_us(ours, clip)
    bodies, found = queue.Queue(maxsize=2), []

    def find_bodies():
        for frame in clip:
            bodies.put(ours.find_body(frame))

    def find_hands():
        for _ in clip:
            found.append(points_of(ours.find_hands(bodies.get())))

    ours.reset()
    threads = [threading.Thread(target=half) for half in (find_bodies, find_hands)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(found, expected)


def test_a_clip_depends_neither_on_the_one_before_nor_on_a_failure(frames):
    tracker, clip = Tracker(), frames["isl"][:12]
    alone = tracker.track(clip, "alone")
    tracker.track(frames["phone"][:6], "before")
    after_another = tracker.track(clip, "after another")
    with pytest.raises(DataError, match="frame 4"):
        tracker.track([*frames["phone"][:3], frames["phone"][3][..., 0]], "grey")
    after_failure = tracker.track(clip, "after a failure")
    for again in (after_another, after_failure):
        np.testing.assert_array_equal(again.landmarks, alone.landmarks)
        np.testing.assert_array_equal(again.shoulders, alone.shoulders)


def hand_presence(clip):
    """The shares of frames with a left and with a right hand."""
    return [float(np.isfinite(clip.landmarks[:, hand]).all((1, 2)).mean()) for hand in (LEFT_HAND, RIGHT_HAND)]


def test_a_signer_is_found_and_the_mirror_swaps_the_hands(real_data):
    path = real_data / "videos" / "isl" / "cat.mp4"
    tracker = Tracker()
    clip, fps, times = tracker.extract(path)
    mirrored = tracker.track((frame[:, ::-1] for frame in read_frames(path)), "mirror")
    assert fps == 10
    assert times == pytest.approx(np.arange(34) / 10, abs=2e-3)
    assert clip.landmarks.shape == (34, 92, 3)
    assert clip.shoulders.shape == (34, 2, 3)
    assert clip.aspect == pytest.approx(320 / 180)
    assert np.isfinite(clip.landmarks[:, POSE]).all()
    assert (clip.shoulders[:, 0, 0] > clip.shoulders[:, 1, 0]).all(), "a signer's left is at the picture's right"
    left, right = hand_presence(clip)
    assert (left, right) == (0, pytest.approx(0.32, abs=0.1))
    assert hand_presence(mirrored) == [pytest.approx(right, abs=0.1), 0]
    back = mirrored.landmarks[:, MIRROR]
    assert np.nanmedian(np.abs(1 - back[..., 0] - clip.landmarks[..., 0])) < 0.01
    assert np.nanmedian(np.abs(back[..., 1] - clip.landmarks[..., 1])) < 0.01
