"""A phone's video, stored as its sensor saw it, is tracked as if it had been filmed upright."""

import importlib.util
import itertools

import numpy as np
import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(importlib.util.find_spec(name) for name in ("mediapipe", "cv2", "av")), reason="needs tf_slr[video]"
    ),
]


def test_a_turned_video_has_the_landmarks_of_the_plain_one(real_data, tmp_path):
    from tests.filmed import TURNED, film, turn
    from tf_slr.tracking.tracker import Tracker
    from tf_slr.video.decoding import read_frames

    plain = real_data / "videos" / "phone_clip_540x720.mp4"
    shown, tracker = list(itertools.islice(read_frames(plain), 20, 26)), Tracker()
    expected = tracker.track(shown, "plain")
    for how in ("90", "180", "270"):
        store, note = TURNED[how]
        lying = [store(picture) for picture in shown]
        path = film(tmp_path / f"{how}.mp4", lying, "libx264rgb", "rgb24", options={"qp": "0"})  # no pixel is lost
        found = tracker.extract(turn(path, note)).clip
        np.testing.assert_array_equal(found.landmarks, expected.landmarks)
        assert found.aspect == expected.aspect == 540 / 720
        if how == "180":  # as it was before: somebody is seen, and is not there
            astray = tracker.track(lying, "lying").landmarks
            assert np.nanmax(np.abs(astray - expected.landmarks)) > 0.1
