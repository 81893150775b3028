"""Layout, mirror image and normalisation."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.landmarks import (
    BONES,
    HAND_POINTS,
    LEFT_HAND,
    LIPS,
    LIPS_INDICES,
    MIRROR,
    POINTS,
    POSE,
    POSE_INDICES,
    RIGHT_HAND,
    RIGHT_WRIST,
    SHOULDER_INDICES,
    VALUES,
    BodyFrame,
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


def test_bones_are_those_of_mediapipes_hands_and_lips():
    hand = "0-1 1-2 2-3 3-4 0-5 5-6 6-7 7-8 5-9 9-10 10-11 11-12 9-13 13-14 14-15 15-16 13-17 17-18 18-19 19-20 0-17"
    arcs = (
        (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291), (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291),
        (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308), (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
    )  # fmt: skip
    pairs = [tuple(map(int, pair.split("-"))) for pair in hand.split()]
    expected = {frozenset((start + a, start + b)) for start in (50, 71) for a, b in pairs}
    for arc in arcs:
        expected |= {frozenset(10 + LIPS_INDICES.index(i) for i in pair) for pair in itertools.pairwise(arc)}
    expected |= {frozenset((0, 1)), frozenset((5, 6))}  # the forearms
    assert {frozenset(bone) for bone in BONES} == expected
    assert len(BONES) == len(expected)


def test_mirror_is_its_own_inverse_and_swaps_sides():
    assert np.array_equal(MIRROR[MIRROR], np.arange(POINTS))
    assert MIRROR[LEFT_HAND].tolist() == list(range(RIGHT_HAND.start, RIGHT_HAND.stop))
    assert MIRROR[1] == RIGHT_WRIST


def test_lips_mirror_pairs_lie_opposite_on_a_real_mouth_order():
    # The outer upper lip runs from corner 61 over 0 to corner 291: its mirror image is itself backwards.
    upper = range(LIPS.start, LIPS.start + 11)
    assert MIRROR[list(upper)].tolist() == list(upper)[::-1]
    for indices in (
        (95, 88, 178, 87, 14, 317, 402, 318, 324),
        (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
        (146, 91, 181, 84, 17, 314, 405, 321, 375),
    ):
        arc = [LIPS.start + LIPS_INDICES.index(i) for i in indices]
        assert MIRROR[arc].tolist() == arc[::-1]


def by_the_rule(clip, rule, frame):
    """`normalise` value by value, in double precision, as its docstring says it."""
    unit = (clip.aspect, 1, clip.aspect)
    anchors = {point: part.start for part in (LIPS, LEFT_HAND, RIGHT_HAND) for point in range(part.start, part.stop)}
    values = np.zeros((len(clip.landmarks), POINTS, 3))
    for t, point, axis in np.ndindex(values.shape):
        origin = (*frame.origin, 0)[axis]
        value = (float(clip.landmarks[t, point, axis]) * unit[axis] - origin) / frame.scale
        anchor = anchors.get(point)
        if anchor is None:
            value *= rule.pose_z_gain if axis == 2 else 1
        elif point == anchor:
            value = value if axis < 2 else 0 * value
        else:
            of_anchor = (float(clip.landmarks[t, anchor, axis]) * unit[axis] - origin) / frame.scale
            value = (value - of_anchor) * rule.part_gain
        values[t, point, axis] = 0 if np.isnan(value) else min(max(value, -rule.limit), rule.limit)
    return values.reshape(-1, VALUES)


@pytest.mark.parametrize("rule", [RULE, Normalisation(part_gain=2.5, pose_z_gain=0.5, limit=1.75)])
def test_every_value_is_what_the_rule_says(rule):
    clip = random_clip(frames=3, aspect=1.6)
    clip.landmarks[0, 2], clip.landmarks[1, LEFT_HAND], clip.landmarks[2, 12] = np.nan, np.nan, np.nan
    frame = BodyFrame((0.8, 0.4), 0.48)
    assert body_frame(clip) == (pytest.approx(frame.origin), pytest.approx(frame.scale))
    for found in (normalise(clip, rule), normalise(clip, rule, frame)):
        assert found.dtype == np.float32
        assert np.allclose(found, by_the_rule(clip, rule, frame), atol=1e-5)
    elsewhere = BodyFrame((0.3, 0.9), 1.25)
    assert np.allclose(normalise(clip, rule, elsewhere), by_the_rule(clip, rule, elsewhere), atol=1e-5)


def test_version_1_has_its_parameters():
    assert Normalisation() == Normalisation(version=1, part_gain=4.0, pose_z_gain=0.0, limit=4.0)
    assert (SHOULDER_INDICES, HAND_POINTS) == ((11, 12), 21)
    assert Normalisation(part_gain=0, pose_z_gain=0, limit=1e-3)
    assert Normalisation(part_gain=100, pose_z_gain=100, limit=1000)
    for wrong in ({"part_gain": 100.5}, {"part_gain": -0.1}, {"pose_z_gain": 100.5}, {"pose_z_gain": -0.1},
                  {"limit": 0}, {"limit": 1000.5}, {"version": 0}, {"version": 2}):  # fmt: skip
        with pytest.raises(UsageError, match=min(wrong)):
            Normalisation(**wrong)
    with pytest.raises(AttributeError):
        RULE.limit = 3.0


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


def shoulders_of(*frames):
    """Shoulders of frames of (left x, left y, right x, right y)."""
    return np.array([[[a, b, 0], [c, d, 0]] for a, b, c, d in frames], np.float32)


def test_the_signer_is_where_shoulders_are_in_most_frames():
    frames = [(0.6, 0.3, 0.4, 0.5), (0.62, 0.3, 0.42, 0.5), (5.0, 9.0, 0.4, 0.5), (0.61, np.nan, 0.4, 0.5)]
    frame = body_frame(Clip(random_clip(frames=4).landmarks, shoulders_of(*frames), 2.0))
    assert frame.origin == pytest.approx((1.04, 0.4))  # the medians, of frames in which both were found
    assert frame.scale == pytest.approx(np.hypot(0.4, 0.2))


@pytest.mark.parametrize("width", [np.nan, 0.0049, 0.0051])
def test_shoulders_that_lie_in_one_place_give_way_to_elbows(width):
    clip = random_clip(frames=3, aspect=2.0)
    clip.landmarks[:, 0, :2], clip.landmarks[:, 5, :2] = (0.65, 0.7), (0.35, 0.7)
    frame = body_frame(Clip(clip.landmarks, shoulders_of(*[(0.4 + width, 0.3, 0.4, 0.3)] * 3), 2.0))
    if width > 0.005:
        assert frame == (pytest.approx((0.8051, 0.3)), pytest.approx(0.0102, rel=1e-3))
    else:
        assert frame == (pytest.approx((1.0, 0.3)), pytest.approx(0.4))


def test_without_shoulders_and_elbows_all_that_was_found_places_the_signer():
    landmarks = np.full((2, POINTS, 3), np.nan, np.float32)
    landmarks[0, 60], landmarks[0, 61], landmarks[1, 80] = (0.2, 0.1, 0), (0.3, 0.4, 0), (0.5, 0.9, 0)
    landmarks[1, 81, 0] = 0.9  # half of a point is none
    frame = body_frame(Clip(landmarks, None, 2.0))
    assert frame.origin == pytest.approx((0.6, 0.4))
    assert frame.scale == pytest.approx(2 * (0.2 + 0.4 + 0.3 + 0.5) / 6)
    landmarks[0, 60:62] = landmarks[1, 80]
    assert body_frame(Clip(landmarks, None, 2.0)).scale == pytest.approx(0.01)
    landmarks[:] = np.nan
    with pytest.raises(DataError, match="no landmark was found"):
        body_frame(Clip(landmarks, None, 2.0))


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


def test_a_clip_of_which_little_was_found_is_one():
    landmarks = np.full((2, POINTS, 3), np.nan, np.float16)
    landmarks[1, 91, 1] = 0.5
    check_clip(landmarks)
    landmarks[1, 91] = np.nan, np.nan, 0.5  # of depth alone nobody knows where it is
    with pytest.raises(DataError, match="no landmark"):
        check_clip(landmarks)
