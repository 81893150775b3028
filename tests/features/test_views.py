"""Details: hands and mouth from nearer, wherever they go."""

import numpy as np
import pytest
from hypothesis import given, settings

from tests.features.test_frames import STRONG, changed, clip_with_pictures, dots
from tf_slr.core.errors import UsageError
from tf_slr.core.landmarks import LEFT_HAND, LIPS, RIGHT_HAND, to_square
from tf_slr.core.pictures import FrameOptions
from tf_slr.features.augment import draw, unchanged
from tf_slr.features.frames import show
from tf_slr.features.views import MOUTH_SHARE, View

FRAMES = FrameOptions(128, margin=1.25)
SIGNER, MOUTH, LEFT, RIGHT = (0, 0), (0, 64), (64, 0), (64, 64)


def tile(shown, corner):
    top, left = corner
    return shown[:, top : top + 64, left : left + 64]


@settings(max_examples=40)
@given(changed(FRAMES, details=4.0))
def test_each_hand_lies_in_the_middle_of_its_square_and_all_else_where_the_landmarks_say(clip):
    aspect, body, shown, ((left, red), (right, blue)) = clip
    way = to_square(right - left, aspect)[:, :2] / (4.0 * body.scale)
    for corner, colour, place in ((LEFT, red, 0 * way), (LEFT, blue, way), (RIGHT, blue, 0 * way), (RIGHT, red, -way)):
        whole = (np.abs(place) < 0.35).all(1)  # nearer to the edge a part of the dot is cut off
        assert np.abs(dots(tile(shown, corner), colour) - (0.5 + place))[whole].max(initial=0) < 0.02


def test_the_signer_is_shown_beside_them_as_alone():
    clip, pictures = clip_with_pictures(96, 96)
    change = draw(STRONG, 6, np.random.default_rng(1))
    shown = show(pictures, FRAMES, change, clip, view=View(close_up=4.0, details=1.0))
    alone = show(pictures, FrameOptions(64, margin=1.25), change, clip, view=View(close_up=4.0))
    assert np.array_equal(tile(shown, SIGNER), alone)


def test_the_mouth_is_shown_from_still_nearer():
    clip, pictures = clip_with_pictures(96, 96)
    clip.landmarks[:, LIPS] = clip.landmarks[:, LEFT_HAND.start : LEFT_HAND.start + 1]
    nearer = show(pictures, FRAMES, unchanged(6), clip, view=View(details=2.0 / MOUTH_SHARE))
    same = show(pictures, FRAMES, unchanged(6), clip, view=View(details=2.0))
    assert np.array_equal(tile(nearer, MOUTH), tile(same, LEFT))


def test_a_hand_that_was_not_found_is_sought_at_the_knuckles_of_the_pose_and_else_where_it_was_before_and_after():
    clip, pictures = clip_with_pictures(96, 96)
    # The knuckles lie a quarter of the square beside where the hand is.
    clip.landmarks[1:5, 7:9] = clip.landmarks[1:5, RIGHT_HAND.start : RIGHT_HAND.start + 1] - (0.05, 0, 0)
    clip.landmarks[1:5, RIGHT_HAND] = np.nan
    beside = dots(tile(show(pictures, FRAMES, unchanged(6), clip, view=View(details=1.0)), RIGHT), 2)
    assert np.abs(beside - 0.5)[[0, 5]].max() < 0.02
    assert np.abs(beside - (0.75, 0.5))[1:5].max() < 0.02
    clip.landmarks[1:5, 7:9] = np.nan  # the dot moves steadily
    between = show(pictures, FRAMES, unchanged(6), clip, view=View(details=1.0))
    assert np.abs(dots(tile(between, RIGHT), 2) - 0.5).max() < 0.02


def test_parts_that_were_never_found_are_sought_at_the_middle_of_the_signer():
    clip, pictures = clip_with_pictures(96, 96)
    clip.landmarks[:, RIGHT_HAND] = np.nan
    shown = show(pictures, FRAMES, unchanged(6), clip, view=View(details=4.0))
    # Between the shoulders, as the mouth of this clip, too.
    assert dots(tile(shown, RIGHT), 0)[0] == pytest.approx([0.5 + 0.1 / 0.8, 0.5 + 0.1 / 0.8], abs=0.02)


@pytest.mark.parametrize("wrong", [{"close_up": 0.5}, {"close_up": 30.0}, {"details": 0.01}, {"details": -1.0}])
def test_squares_of_no_size_are_refused(wrong):
    with pytest.raises(UsageError, match="shoulder widths"):
        View(**wrong)
