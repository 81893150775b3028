"""Whether streams know real signing from real rest."""

import numpy as np
import pytest

from tf_slr.core.landmarks import Clip, body_frame, to_square
from tf_slr.runtime.activity import Activity, ActivityOptions, wrists_in_sight

FPS, ASPECT = 30, 4 / 3
IDLE = "predicting....."  # people at rest before their webcam
SETTLED = 10  # frames after which movement can be seen


@pytest.fixture(scope="module")
def shares(real_data):
    """For each gloss the mean share of frames that are taken for signing."""
    with np.load(real_data / "isolated" / "bhutanese16.npz") as data:
        arrays = {name: data[name] for name in ("landmarks", "shoulders", "gloss")}
    found = {}
    for gloss in np.unique(arrays["gloss"]):
        signing = []
        for i in np.flatnonzero(arrays["gloss"] == gloss)[::4]:
            clip = Clip(arrays["landmarks"][i].astype(np.float32), arrays["shoulders"][i].astype(np.float32), ASPECT)
            if np.isfinite(clip.landmarks[..., :2]).all(-1).any():
                activity, body = Activity(ActivityOptions(), FPS), body_frame(clip)
                frames = (to_square(wrists_in_sight(frame), ASPECT)[:, :2] for frame in clip.landmarks)
                signing.append(np.mean([activity.signs(wrists, body) for wrists in frames][SETTLED:]))
        found[str(gloss)] = float(np.mean(signing))
    return found


def test_people_at_rest_are_silent(shares):
    assert shares[IDLE] < 0.1


def test_people_who_sign_are_not(shares):
    assert min(share for gloss, share in shares.items() if gloss != IDLE) > 0.4
    assert np.mean([share for gloss, share in shares.items() if gloss != IDLE]) > 0.75
