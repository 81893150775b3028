"""Clips of a moving figure with every landmark, for files of other layouts."""

import numpy as np

from tf_slr.core.landmarks import LEFT_HAND, LIPS, POINTS, POSE, RIGHT_HAND, Clip


def moving_figure(frames: int = 20, seed: int = 0, aspect: float = 16 / 9) -> Clip:
    """A clip whose 92 points and shoulders lie where a signer's would; hands are missing for a while, as in life."""
    rng = np.random.default_rng(seed)
    centre = np.zeros((POINTS + 2, 3))
    centre[POSE], centre[LIPS], centre[LEFT_HAND], centre[RIGHT_HAND] = (0.5, 0.7, -0.8), (0.5, 0.3, 0), 0.6, 0.4
    centre[POSE, :2] = [
        (0.7, 0.7),
        *[(0.6, 0.6)] * 4,
        (0.3, 0.7),
        *[(0.4, 0.4)] * 4,
    ]
    centre[LEFT_HAND, 2] = centre[RIGHT_HAND, 2] = -0.02
    centre[POINTS:] = (0.65, 0.5, -0.3), (0.35, 0.5, -0.3)
    points = centre + rng.normal(0, 0.03, (frames, POINTS + 2, 3))
    points[frames // 4 : frames // 2, LEFT_HAND] = np.nan
    points[: frames // 4, RIGHT_HAND] = np.nan
    points = points.astype(np.float32)
    return Clip(points[:, :POINTS], points[:, POINTS:], aspect)


def assert_same(clip: Clip, other: Clip, tolerance: float = 1e-6) -> None:
    """Two clips miss the same points, and the others lie where they lay, relative to the picture's size."""
    for ours, theirs in ((clip.landmarks, other.landmarks), (clip.shoulders, other.shoulders)):
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance)
    assert abs(clip.aspect - other.aspect) <= tolerance
