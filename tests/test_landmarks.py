"""Layout, mirror image and normalisation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_slr.errors import DataError
from tf_slr.landmarks import (
    LEFT_HAND,
    LIPS,
    LIPS_INDICES,
    MIRROR,
    POINTS,
    POSE,
    POSE_INDICES,
    RIGHT_HAND,
    RIGHT_WRIST,
    Clip,
    Normalisation,
    body_frame,
    check_clip,
    normalise,
)

RULE = Normalisation()


def random_clip(seed=0, frames=12, aspect=1.5, shoulders=True):
    rng = np.random.default_rng(seed)
    landmarks = rng.uniform(0.2, 0.8, (frames, POINTS, 3)).astype(np.float32)
    ends = np.array([[0.65, 0.4, 0], [0.35, 0.4, 0]], np.float32)
    return Clip(landmarks, np.tile(ends, (frames, 1, 1)) if shoulders else None, aspect)


def moved(clip, scale, dx, dy):
    """The same signer elsewhere in the picture and of another size (in the square unit)."""
    unit = np.array([clip.aspect, 1, clip.aspect], np.float32)
    shift = np.array([dx, dy, 0], np.float32)
    change = lambda points: (points * unit * scale + shift) / unit  # noqa: E731
    return Clip(change(clip.landmarks), change(clip.shoulders), clip.aspect)


def test_layout_is_that_of_the_published_landmark_files():
    assert POSE_INDICES == (13, 15, 17, 19, 21, 14, 16, 18, 20, 22)
    lips = "61,185,40,39,37,0,267,269,270,409,291,146,91,181,84,17,314,405,321,375,"
    lips += "78,191,80,81,82,13,312,311,310,415,95,88,178,87,14,317,402,318,324,308"
    assert ",".join(map(str, LIPS_INDICES)) == lips
    assert (LIPS, LEFT_HAND, RIGHT_HAND) == (slice(10, 50), slice(50, 71), slice(71, 92))


def test_mirror_is_its_own_inverse_and_swaps_sides():
    assert np.array_equal(MIRROR[MIRROR], np.arange(POINTS))
    assert MIRROR[LEFT_HAND].tolist() == list(range(RIGHT_HAND.start, RIGHT_HAND.stop))
    assert MIRROR[1] == RIGHT_WRIST


def test_lips_mirror_pairs_lie_opposite_on_a_real_mouth_order():
    # The outer upper lip runs from corner 61 over 0 to corner 291: its mirror image is itself backwards.
    upper = range(LIPS.start, LIPS.start + 11)
    assert MIRROR[list(upper)].tolist() == list(upper)[::-1]
    inner_lower = [LIPS.start + LIPS_INDICES.index(i) for i in (95, 88, 178, 87, 14, 317, 402, 318, 324)]
    assert MIRROR[inner_lower].tolist() == inner_lower[::-1]


@given(st.floats(0.4, 2.0), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_normalisation_ignores_where_and_how_large_the_signer_is(scale, dx, dy):
    clip = random_clip()
    assert np.allclose(normalise(clip, RULE), normalise(moved(clip, scale, dx, dy), RULE), atol=2e-4)


def test_normalisation_ignores_the_aspect_of_the_picture():
    clip = random_clip(aspect=1.0)
    wide = clip.landmarks / np.array([2, 1, 2], np.float32), clip.shoulders / np.array([2, 1, 2], np.float32)
    assert np.allclose(normalise(clip, RULE), normalise(Clip(*wide, 2.0), RULE), atol=1e-5)


def test_shoulders_are_the_unit():
    clip = random_clip()
    clip.landmarks[:, RIGHT_WRIST, :2] = clip.shoulders[:, 1, :2]  # the right wrist on the right shoulder
    values = normalise(clip, RULE).reshape(-1, POINTS, 3)
    assert np.allclose(values[:, RIGHT_WRIST, :2], [-0.5, 0.0], atol=1e-5)


def test_fingers_are_relative_to_their_wrist():
    clip = random_clip()
    before = normalise(clip, RULE).reshape(-1, POINTS, 3)
    clip.landmarks[:, LEFT_HAND] += np.array([0.05, 0.02, 0], np.float32)
    after = normalise(clip, RULE).reshape(-1, POINTS, 3)
    fingers = slice(LEFT_HAND.start + 1, LEFT_HAND.stop)
    assert np.allclose(before[:, fingers], after[:, fingers], atol=1e-4)
    assert not np.allclose(before[:, LEFT_HAND.start], after[:, LEFT_HAND.start], atol=1e-2)


def test_missing_points_become_zero_and_touch_nothing_else():
    clip = random_clip()
    whole = normalise(clip, RULE).reshape(-1, POINTS, 3)
    clip.landmarks[3:6, RIGHT_HAND] = np.nan
    holed = normalise(clip, RULE).reshape(-1, POINTS, 3)
    assert (holed[3:6, RIGHT_HAND] == 0).all()
    holed[3:6, RIGHT_HAND] = whole[3:6, RIGHT_HAND]
    assert np.array_equal(holed, whole)


def test_pose_depth_is_dropped_and_far_points_are_limited():
    clip = random_clip()
    clip.landmarks[0, 0, :2] = 50
    values = normalise(clip, RULE).reshape(-1, POINTS, 3)
    assert (values[:, POSE, 2] == 0).all()
    assert np.abs(values).max() == RULE.limit


def test_without_shoulders_elbows_place_the_signer():
    clip = random_clip(shoulders=False)
    clip.landmarks[:, 0, :2], clip.landmarks[:, 5, :2] = (0.65, 0.7), (0.35, 0.7)
    frame = body_frame(clip)
    assert frame.scale == pytest.approx(0.3 * clip.aspect / 1.5)
    assert frame.origin == pytest.approx((0.5 * clip.aspect, 0.7 - frame.scale))


def test_input_is_not_changed():
    clip = random_clip()
    copy = clip.landmarks.copy()
    normalise(clip, RULE)
    assert np.array_equal(copy, clip.landmarks)


@pytest.mark.parametrize(
    ("landmarks", "reason"),
    [
        (np.zeros((5, 91, 3), np.float32), "shape"),
        (np.zeros((5, 276), np.float32), "shape"),
        (np.zeros((0, 92, 3), np.float32), "no frame"),
        (np.zeros((5, 92, 3), np.int32), "floating"),
        (np.full((5, 92, 3), np.nan, np.float32), "no landmark"),
        (np.full((5, 92, 3), np.inf, np.float32), "infinite"),
    ],
)
def test_unfit_clips_are_refused(landmarks, reason):
    with pytest.raises(DataError, match=f"clip.npz.*{reason}"):
        check_clip(landmarks, "clip.npz")
