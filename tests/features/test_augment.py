"""Augmentation: geometry, and what must never change."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_slr.core.errors import UsageError
from tf_slr.core.landmarks import (
    LEFT_HAND,
    LEFT_WRIST,
    MIRROR,
    POINTS,
    RIGHT_HAND,
    RIGHT_WRIST,
    Clip,
    Normalisation,
    body_frame,
    normalise,
    to_square,
)
from tf_slr.features.augment import NONE, AugmentOptions, Change, apply, draw, single_moments, unchanged

STRONG = AugmentOptions(
    flip=0.5, rotate=1, rotate_degrees=30, translate=0.2, scale=0.2, fuse=0.5, speed=0.3, warp=0.5, stretch=0.2,
    turn_hands=20, move_hands=0.2, jitter=0.02,
)  # fmt: skip


def clip_of(seed=0, frames=20, aspect=1.6):
    rng = np.random.default_rng(seed)
    landmarks = rng.uniform(0.1, 0.9, (frames, POINTS, 3)).astype(np.float32)
    landmarks[rng.random(frames) < 0.3, LEFT_HAND] = np.nan
    landmarks[rng.random(frames) < 0.3, RIGHT_HAND] = np.nan
    shoulders = np.tile(np.array([[0.62, 0.41, 0], [0.38, 0.39, 0]], np.float32), (frames, 1, 1))
    return Clip(landmarks, shoulders, aspect)


def still(frames=20, **changes):
    return dataclasses.replace(Change(np.arange(frames), np.zeros(frames)), **changes)


def distances(clip):
    """Distances between some points that a rigid change must keep."""
    points = to_square(clip.landmarks, clip.aspect)[:, [LEFT_WRIST, RIGHT_WRIST, 0, 5, 20, 30], :2]
    return np.linalg.norm(points[:, :, None] - points[:, None], axis=-1)


@settings(max_examples=60)
@given(st.integers(0, 10**6))
def test_missing_points_stay_missing_and_none_is_added(seed):
    clip = clip_of(seed)
    change = draw(STRONG, 20, np.random.default_rng(seed))
    changed, _ = apply(clip, change)
    expected = np.isnan(clip.landmarks)[np.round(change.positions).astype(int)]
    assert np.array_equal(np.isnan(changed.landmarks), expected[:, MIRROR] if change.flip else expected)


@settings(max_examples=60)
@given(st.floats(-3, 3), st.floats(-1, 1), st.floats(-1, 1))
def test_turning_and_shifting_keep_true_distances(angle, dx, dy):
    clip = clip_of()
    changed, _ = apply(clip, still(angle=angle, shift=(dx, dy)))
    assert np.allclose(distances(changed), distances(clip), atol=1e-4)


def test_a_quarter_turn_goes_about_the_body():
    clip = clip_of()
    changed, frame = apply(clip, still(angle=np.pi / 2))
    before = to_square(clip.landmarks, clip.aspect)[..., :2] - frame.origin
    after = to_square(changed.landmarks, clip.aspect)[..., :2] - frame.origin
    assert np.allclose(after[..., 0], -before[..., 1], atol=1e-5, equal_nan=True)
    assert np.allclose(after[..., 1], before[..., 0], atol=1e-5, equal_nan=True)
    turned = body_frame(changed)
    assert turned.origin == pytest.approx(frame.origin, abs=1e-5)
    assert turned.scale == pytest.approx(frame.scale, rel=1e-4)


def test_flip_mirrors_the_picture_and_swaps_sides():
    clip = clip_of()
    changed, frame = apply(clip, still(flip=True))
    assert np.allclose(changed.landmarks[:, LEFT_WRIST, 0], 1 - clip.landmarks[:, RIGHT_WRIST, 0])
    assert np.allclose(changed.landmarks[:, LEFT_HAND, 1], clip.landmarks[:, RIGHT_HAND, 1], equal_nan=True)
    assert np.allclose(changed.shoulders[:, 0, 0], 1 - clip.shoulders[:, 1, 0])
    assert frame.origin == pytest.approx(body_frame(changed).origin, abs=1e-5)


def test_flipping_twice_gives_the_clip_back():
    clip = clip_of()
    twice, _ = apply(apply(clip, still(flip=True))[0], still(flip=True))
    assert np.allclose(twice.landmarks, clip.landmarks, atol=1e-6, equal_nan=True)
    assert np.allclose(twice.shoulders, clip.shoulders, atol=1e-6)


def test_fusion_mixes_with_the_frame_before_where_both_are_known():
    clip = clip_of()
    clip.landmarks[4:6] = 0.5
    clip.landmarks[5, 3] = 0.7
    clip.landmarks[4, 60], clip.landmarks[5, 61] = np.nan, np.nan
    fusion = np.zeros(20)
    fusion[5] = 0.25
    changed, _ = apply(clip, still(fusion=fusion))
    assert np.allclose(changed.landmarks[5, 3], 0.25 * 0.5 + 0.75 * 0.7)
    assert np.allclose(changed.landmarks[5, 60], 0.5)  # the one before is missing: unchanged
    assert np.isnan(changed.landmarks[5, 61]).all()
    assert np.allclose(changed.landmarks[6:], clip.landmarks[6:], atol=1e-6, equal_nan=True)


def test_shift_and_scale_reach_the_network():
    """The returned frame is that of the unmoved body, else normalisation would undo the change."""
    clip, rule = clip_of(), Normalisation()
    plain = normalise(clip, rule).reshape(20, POINTS, 3)
    shifted, frame = apply(clip, still(shift=(0.3, -0.2)))
    values = normalise(shifted, rule, frame).reshape(20, POINTS, 3)
    assert np.allclose(values[:, LEFT_WRIST, :2] - plain[:, LEFT_WRIST, :2], [0.3, -0.2], atol=1e-4)
    scaled, frame = apply(clip, still(scale=1.1))
    values = normalise(scaled, rule, frame).reshape(20, POINTS, 3)
    assert np.allclose(values[:, LEFT_WRIST], 1.1 * plain[:, LEFT_WRIST], atol=1e-4)


def test_a_lost_hand_is_lost_in_its_run_only():
    clip = clip_of()
    changed, _ = apply(clip, still(lost=((3, 6), (0, 0))))
    assert np.isnan(changed.landmarks[3:6, LEFT_HAND]).all()
    assert np.allclose(changed.landmarks[6:], clip.landmarks[6:], atol=1e-6, equal_nan=True)
    assert np.allclose(changed.landmarks[:, RIGHT_HAND], clip.landmarks[:, RIGHT_HAND], atol=1e-6, equal_nan=True)


def test_speed_keeps_enough_frames_and_both_ends():
    for seed in range(50):
        change = draw(AugmentOptions(speed=0.5), 40, np.random.default_rng(seed), shortest=36)
        assert 36 <= len(change.positions) <= 60
        assert change.positions[0] == 0
        assert change.positions[-1] == 39


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 80))
def test_a_warped_clip_goes_from_its_first_frame_to_its_last_and_never_back(seed, frames):
    change = draw(AugmentOptions(speed=0.3, warp=0.6), frames, np.random.default_rng(seed), shortest=2)
    assert change.positions[0] == 0
    assert change.positions[-1] == pytest.approx(frames - 1)
    assert (np.diff(change.positions) >= 0).all()
    assert np.round(change.positions).max() <= frames - 1


def test_a_warped_clip_is_faster_here_and_slower_there():
    plain, warped = (
        [draw(AugmentOptions(speed=0, warp=warp), 60, np.random.default_rng(i)).positions for i in range(50)]
        for warp in (0, 0.3)
    )
    assert all(np.allclose(positions, np.arange(60)) for positions in plain)
    # At half of its frames a clip is a few frames from where it would be, either way.
    assert 1 < np.std([positions[30] for positions in warped]) < 6
    assert np.mean([positions[30] for positions in warped]) == pytest.approx(30.5, abs=2)


def test_stretching_makes_the_body_wider_and_lower_about_its_centre():
    clip = clip_of()
    changed, frame = apply(clip, still(stretch=1.25))
    before = to_square(clip.landmarks, clip.aspect)[..., :2] - frame.origin
    after = to_square(changed.landmarks, clip.aspect)[..., :2] - frame.origin
    assert np.allclose(after, before * [1.25, 0.8], atol=1e-5, equal_nan=True)


@settings(max_examples=30)
@given(st.floats(-3, 3))
def test_a_hand_turns_about_its_wrist_and_keeps_its_shape(angle):
    clip = clip_of()
    changed, _ = apply(clip, still(turns=(angle, 0)))
    before, after = (to_square(one.landmarks, clip.aspect)[..., :2] for one in (clip, changed))
    arms = (before[:, LEFT_HAND] - before[:, LEFT_HAND][:, :1], after[:, LEFT_HAND] - after[:, LEFT_HAND][:, :1])
    cos, sin = np.cos(angle), np.sin(angle)
    assert np.allclose(after[:, LEFT_HAND][:, 0], before[:, LEFT_HAND][:, 0], atol=1e-5, equal_nan=True)
    assert np.allclose(arms[1], arms[0] @ np.array([[cos, sin], [-sin, cos]]), atol=1e-4, equal_nan=True)
    others = np.setdiff1d(np.arange(POINTS), np.arange(POINTS)[LEFT_HAND])
    assert np.allclose(changed.landmarks[:, others], clip.landmarks[:, others], atol=1e-6, equal_nan=True)


def test_a_moved_hand_takes_the_arms_end_along_and_leaves_the_elbow():
    clip = clip_of()
    changed, frame = apply(clip, still(ways=((0, 0), (0.5, -0.25))))
    way = (to_square(changed.landmarks, clip.aspect) - to_square(clip.landmarks, clip.aspect)) / frame.scale
    moved = [*range(RIGHT_HAND.start, RIGHT_HAND.stop), *range(RIGHT_WRIST, RIGHT_WRIST + 4)]
    expected = np.zeros((POINTS, 3))
    expected[moved, :2] = 0.5, -0.25
    assert np.allclose(np.nan_to_num(way), np.where(np.isnan(way), 0, expected), atol=1e-4)
    assert np.isfinite(way[:, RIGHT_HAND]).any()


def test_nothing_asked_changes_nothing():
    clip = clip_of()
    changed, frame = apply(clip, draw(NONE, 20, np.random.default_rng(0)))
    assert np.allclose(changed.landmarks, clip.landmarks, atol=1e-6, equal_nan=True)
    assert frame == body_frame(clip)


def test_jitter_is_noise_in_shoulder_widths_along_every_axis():
    clip = clip_of(aspect=1.6)
    changed, frame = apply(clip, still(jitter=0.02, noise_seed=7))
    noise = (to_square(changed.landmarks, clip.aspect) - to_square(clip.landmarks, clip.aspect)) / frame.scale
    drawn = 0.02 * np.random.default_rng(7).standard_normal(noise.shape, np.float32)
    assert np.allclose(noise, np.where(np.isnan(noise), np.nan, drawn), atol=1e-5, equal_nan=True)
    assert np.nanstd(noise, axis=(0, 1)) == pytest.approx([0.02] * 3, rel=0.1)
    assert np.array_equal(changed.shoulders, apply(clip, still())[0].shoulders)


@pytest.mark.parametrize("side", [0, 1])
def test_a_hand_is_turned_before_it_is_moved(side):
    clip = clip_of(aspect=1.6)
    hand = (LEFT_HAND, RIGHT_HAND)[side]
    turns, ways = [0.0, 0.0], [(0.0, 0.0), (0.0, 0.0)]
    turns[side], ways[side] = 0.5, (0.2, -0.1)
    changed, frame = apply(clip, still(turns=tuple(turns), ways=tuple(ways)))
    before, after = (to_square(one.landmarks, clip.aspect)[:, hand] for one in (clip, changed))
    cos, sin = np.cos(0.5), np.sin(0.5)
    turned = (before - before[:, :1]) @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    expected = before[:, :1] + turned + frame.scale * np.array([0.2, -0.1, 0])
    assert np.allclose(after, expected, atol=1e-5, equal_nan=True)


def test_the_body_is_stretched_turned_and_scaled_in_this_order():
    change = still(angle=0.3, scale=1.2, stretch=1.25)
    cos, sin = np.cos(0.3), np.sin(0.3)
    expected = [[1.5 * cos, -0.96 * sin, 0], [1.5 * sin, 0.96 * cos, 0], [0, 0, 1.2]]
    assert np.allclose(change.matrix, expected)
    clip = clip_of()
    changed, frame = apply(clip, dataclasses.replace(change, shift=(0.1, -0.2)))
    centre, moved = np.array([*frame.origin, 0]), frame.scale * np.array([0.1, -0.2, 0])
    for before, after in ((clip.landmarks, changed.landmarks), (clip.shoulders, changed.shoulders)):
        points = (to_square(before, clip.aspect) - centre) @ change.matrix.T + centre + moved
        assert np.allclose(to_square(after, clip.aspect), points, atol=1e-5, equal_nan=True)


def test_glimpses_are_single_moments_of_the_same_change():
    change = draw(dataclasses.replace(STRONG, drop_hand=1.0), 20, np.random.default_rng(1))
    assert change.lost != ((0, 0), (0, 0))
    assert change.fusion.any()
    shown = [single_moments(change, 3, 40, np.random.default_rng(i)) for i in range(2)]
    for one in shown:
        assert set(one.positions) == {0.0, 1.0, 2.0}
        assert (np.diff(one.positions) >= 0).all()
        assert len(one.positions) == len(one.fusion) == 40
        assert not one.fusion.any()
        assert one.lost == ((0, 0), (0, 0))
        same = dataclasses.replace(one, positions=change.positions, fusion=change.fusion, lost=change.lost)
        assert same == change
    assert not np.array_equal(shown[0].positions, shown[1].positions)


def test_no_change_is_that_of_a_change_that_says_nothing():
    change = unchanged(5)
    assert change.positions.tolist() == [0, 1, 2, 3, 4]
    assert change.fusion.tolist() == [0] * 5
    fields = {field.name: getattr(change, field.name) for field in dataclasses.fields(change)[2:]}
    assert fields == {
        "flip": False, "angle": 0.0, "shift": (0.0, 0.0), "scale": 1.0, "stretch": 1.0, "turns": (0.0, 0.0),
        "ways": ((0.0, 0.0), (0.0, 0.0)), "jitter": 0.0, "lost": ((0, 0), (0, 0)), "noise_seed": 0, "crop": (0.5, 0.5),
    }  # fmt: skip


@pytest.fixture(scope="module")
def draws():
    """Many changes of a clip of 30 frames, in which everything happens."""
    options = dataclasses.replace(STRONG, flip=0.4, rotate=0.7, fuse=0.2, jitter=0.03, drop_hand=0.3)
    return [draw(options, 30, np.random.default_rng([1, i])) for i in range(1500)]


def test_hands_are_lost_as_often_and_as_long_as_asked(draws):
    for hand in (0, 1):
        runs = np.array([change.lost[hand] for change in draws])
        lost = runs[:, 1] > 0
        assert lost.mean() == pytest.approx(0.3, abs=0.05)
        starts, ends = runs[lost].T
        lengths = np.array([len(change.positions) for change in draws])[lost]
        assert starts.min() == 0
        assert starts.max() >= 27
        assert (ends <= lengths).all()
        assert (ends == lengths).mean() == pytest.approx(6 / 30, abs=0.07)
        assert set((ends - starts)[ends < lengths]) == set(range(1, 13))
    both = np.mean([change.lost[0][1] > 0 and change.lost[1][1] > 0 for change in draws])
    assert both == pytest.approx(0.09, abs=0.03)
    assert all(draw(NONE, 30, np.random.default_rng(i)).lost == ((0, 0), (0, 0)) for i in range(20))


def test_what_is_drawn_spreads_as_asked(draws):
    assert {change.jitter for change in draws} == {0.03}
    assert np.mean([change.flip for change in draws]) == pytest.approx(0.4, abs=0.05)
    angles = np.degrees([change.angle for change in draws if change.angle])
    assert len(angles) / len(draws) == pytest.approx(0.7, abs=0.05)
    assert np.abs(angles).max() == pytest.approx(30, abs=1)
    assert angles.mean() == pytest.approx(0, abs=2)
    fusion = np.concatenate([change.fusion for change in draws])
    mixed = fusion[fusion > 0]
    assert {change.fusion[0] for change in draws} == {0.0}
    assert mixed.min() == pytest.approx(0.1, abs=0.01)
    assert mixed.max() == 0.5
    assert np.mean(mixed == 0.5) == pytest.approx(0.5, abs=0.05)
    lengths = [len(change.positions) for change in draws]
    assert all(len(change.fusion) == length for change, length in zip(draws, lengths, strict=True))
    assert (min(lengths), max(lengths)) == (21, 39)
    for values, spread in (
        ([change.shift for change in draws], 0.2), (np.log([change.scale for change in draws]), 0.2),
        (np.log([change.stretch for change in draws]), 0.2), (np.degrees([change.turns for change in draws]), 20),
        ([change.ways for change in draws], 0.2),
    ):  # fmt: skip
        assert np.mean(values) == pytest.approx(0, abs=0.1 * spread)
        assert np.std(values, axis=0) == pytest.approx(spread, rel=0.1)
        assert len(np.unique(values)) > 1000
    crops = np.array([change.crop for change in draws])
    assert (crops.min(0), crops.max(0)) == (pytest.approx([0, 0], abs=0.01), pytest.approx([1, 1], abs=0.01))
    assert draw(NONE, 30, np.random.default_rng(0)).crop == (0.5, 0.5)
    seeds = {change.noise_seed for change in draws}
    assert len(seeds) > 1490
    assert max(seeds) < 2**31


def test_a_clip_of_one_frame_stays_one():
    lengths = {len(draw(AugmentOptions(speed=0.9), 1, np.random.default_rng(i)).positions) for i in range(40)}
    assert lengths == {1, 2}


def test_drawing_is_repeatable_and_probabilities_hold():
    draws = [draw(AugmentOptions(), 30, np.random.default_rng([1, i])) for i in range(800)]
    again = draw(AugmentOptions(), 30, np.random.default_rng([1, 7]))
    assert np.array_equal(draws[7].fusion, again.fusion)
    assert draws[7].shift == again.shift
    assert np.mean([d.flip for d in draws]) == pytest.approx(0.5, abs=0.05)
    assert np.mean([d.angle != 0 for d in draws]) == pytest.approx(0.3, abs=0.05)
    assert np.mean([(d.fusion[1:] > 0).mean() for d in draws]) == pytest.approx(0.2, abs=0.02)


def test_a_seed_draws_what_it_always_drew():
    """Else no training could be repeated with a later version."""
    change = draw(dataclasses.replace(STRONG, drop_hand=0.5), 40, np.random.default_rng(9))
    assert len(change.positions) == 49
    assert change.positions[[1, 10, 20, 30]] == pytest.approx([0.65279, 7.45026, 16.90227, 26.57819], abs=1e-4)
    mixed = change.fusion[change.fusion > 0]
    assert (len(mixed), *mixed[:3]) == pytest.approx((24, 0.36907, 0.4201, 0.18783), abs=1e-4)
    assert (change.flip, change.lost, change.noise_seed) == (True, ((0, 0), (31, 35)), 543383685)
    assert (change.angle, change.scale, change.stretch) == pytest.approx((-0.08217, 1.04767, 1.31325), abs=1e-4)
    found = np.concatenate([change.shift, change.turns, *change.ways, change.crop])
    expected = [0.08694, -0.14793, 0.10655, -0.59913, 0.04287, 0.05029, -0.08429, 0.0086, 0.5388, 0.93171]
    assert found == pytest.approx(expected, abs=1e-4)
    others = [draw(AugmentOptions(speed=0, warp=0.5, stretch=0.2), n, np.random.default_rng(4)) for n in (2, 8, 90)]
    assert others[0].positions.tolist() == [0, 1]
    assert others[1].positions[1:-1] == pytest.approx([0.85768, 1.75893, 2.70594, 3.70105, 4.7467, 5.84545], abs=1e-4)
    assert others[2].positions[[30, 60]] == pytest.approx([25.88935, 61.28787], abs=1e-4)
    assert [change.stretch for change in others] == pytest.approx([1.079, 1.16136, 1.00837], abs=1e-4)


def test_options_of_published_figures():
    assert dataclasses.asdict(AugmentOptions()) == {
        "flip": 0.5, "rotate": 0.3, "rotate_degrees": 15.0, "translate": 0.05, "scale": 0.05, "fuse": 0.2, "speed": 0.2,
        "warp": 0.0, "stretch": 0.0, "turn_hands": 0.0, "move_hands": 0.0, "jitter": 0.01, "drop_hand": 0.0,
        "crop": True,
    }  # fmt: skip
    assert not any(dataclasses.asdict(dataclasses.replace(NONE, rotate_degrees=0)).values())


PROBABILITIES = ("flip", "rotate", "fuse", "drop_hand")
SPREADS = ("translate", "scale", "warp", "stretch", "move_hands", "jitter")
DEGREES = ("rotate_degrees", "turn_hands")


@pytest.mark.parametrize(
    ("name", "sound", "wrong"),
    [*((name, (0, 1), (-0.01, 1.01)) for name in PROBABILITIES), *((name, (0, 10), (-0.01, 10.01)) for name in SPREADS),
     *((name, (0, 180), (-0.01, 180.01)) for name in DEGREES), ("speed", (0, 0.99), (-0.01, 1))],
)  # fmt: skip
def test_options_have_their_bounds(name, sound, wrong):
    for value in sound:
        assert getattr(AugmentOptions(**{name: value}), name) == value
    for value in wrong:
        with pytest.raises(UsageError, match=rf"augment.{name}: expected .*, received {value}"):
            AugmentOptions(**{name: value})
