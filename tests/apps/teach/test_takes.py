"""Takes are cut from rest to rest, and those that show too little are named."""

import numpy as np
import pytest

from tests.apps.teach.streams import REST, cut, seated
from tf_slr.apps.teach.session import cut_clip
from tf_slr.apps.teach.takes import MARGIN, RestCutter, SignCutter, fault_of_rest, fault_of_sign
from tf_slr.core.landmarks import LEFT_HAND, RIGHT_HAND, Clip
from tf_slr.synth.defects import Defects
from tf_slr.synth.motion import FPS

SIGNS = ("ONE", "GOOD", "MOTHER", "RIVER", "WE")


def moving(clean):
    """First and last frame in which a wrist is on its way, of a clip without noise."""
    wrists = clean.landmarks[:, [LEFT_HAND.start, RIGHT_HAND.start], :2]
    moves = np.flatnonzero(np.abs(np.diff(wrists, axis=0)).max((1, 2)) > 1e-3)
    return moves[0], moves[-1] + 1


@pytest.mark.parametrize("seed", range(3))
def test_each_sign_is_one_take(seed):
    takes = cut(seated(SIGNS, seed))
    assert len(takes) == len(SIGNS)
    assert [fault_of_sign(take, FPS) for take in takes] == [""] * len(SIGNS)


def test_a_take_has_the_whole_movement_and_little_rest():
    clean = seated(["GOOD"], defects=Defects(0.0, 0.0))
    first, last = moving(clean)
    (take,) = cut(clean)
    starts = [start for start in range(len(clean.landmarks))
              if np.array_equal(take.landmarks, clean.landmarks[start : start + len(take.landmarks)].astype(np.float16),
                                equal_nan=True)]  # fmt: skip
    assert starts, "the landmarks are those that were seen"
    slack = 2 * MARGIN * FPS + 3
    assert REST - slack <= first - slack <= starts[0] <= first + 3
    assert last - 3 <= starts[0] + len(take.landmarks) <= last + slack


def test_frames_of_any_rate_become_those_of_the_takes():
    clip = seated(["GOOD"])
    (slow,) = cut(clip, FPS / 2)  # played half as fast
    (usual,) = cut(clip)
    assert 1.6 < len(slow.landmarks) / len(usual.landmarks) < 2.2


def test_a_video_without_a_steady_rate_gives_takes_as_long_as_they_were_signed():
    clip = seated(["GOOD"])
    times = np.arange(len(clip.landmarks)) / FPS
    kept = np.arange(len(times)) % 4 < 2  # two frames, then a gap of two
    (usual,) = cut(clip)
    uneven = Clip(clip.landmarks[kept], clip.shoulders[kept], clip.aspect)
    (take,) = cut_clip(uneven, times[kept], SignCutter(FPS))
    assert len(take.landmarks) == pytest.approx(len(usual.landmarks), abs=6)


def test_a_clip_without_rest_is_one_take():
    clip = seated(["GOOD"], rest=0)
    (take,) = cut(clip)
    assert len(take.landmarks) > 0.7 * len(clip.landmarks)


def test_nobody_and_rest_give_no_take():
    still = seated(["GOOD"], rest=80)
    rest = Clip(still.landmarks[:80], still.shoulders[:80], still.aspect)
    nobody = Clip(np.full_like(rest.landmarks, np.nan), np.full_like(rest.shoulders, np.nan), rest.aspect)
    assert cut(rest) == cut(nobody) == []


def test_a_start_is_no_take():
    clip = seated(["GOOD"], defects=Defects(0.0, 0.0))
    clip.landmarks[10:13, :, 0] += 0.08
    (take,) = cut(clip)
    assert len(take.landmarks) > 0.5 * FPS


def test_what_cannot_be_learnt_from_is_named():
    clip = seated(["GOOD"], rest=5)
    length = len(clip.landmarks)
    assert fault_of_sign(clip, FPS) == ""
    assert "too short" in fault_of_sign(Clip(clip.landmarks[:8], clip.shoulders[:8], clip.aspect), FPS)
    assert "longer than 6 s" in fault_of_sign(Clip(np.tile(clip.landmarks, (8, 1, 1)), None, clip.aspect), FPS)
    blind = clip.landmarks.copy()
    blind[:, LEFT_HAND.start : RIGHT_HAND.stop] = np.nan
    assert f"shows a hand in 0 of {length} frames" in fault_of_sign(Clip(blind, None, clip.aspect), FPS)


def test_hands_that_never_rest_are_not_kept_for_ever():
    raised = seated(["GOOD"], rest=0, defects=Defects(0.0, 0.0))
    middle = raised.landmarks[len(raised.landmarks) // 2]
    held = Clip(np.repeat(middle[None], 400, axis=0), np.repeat(raised.shoulders[:1], 400, axis=0), raised.aspect)
    takes = cut(held)
    assert takes
    assert all("longer than" in fault_of_sign(take, FPS) for take in takes[:-1])


def test_rest_is_cut_into_even_stretches():
    idle = seated(["GOOD"], rest=60)
    stretches = cut_clip(idle, np.arange(len(idle.landmarks)) / FPS, RestCutter(FPS))
    assert {len(stretch.landmarks) for stretch in stretches} == {round(FPS)}
    assert len(stretches) == len(idle.landmarks) // round(FPS)
    assert fault_of_rest(stretches[0], FPS) == ""
    nobody = np.full_like(stretches[0].landmarks, np.nan)
    assert "sit before the camera" in fault_of_rest(Clip(nobody, None, 1.0), FPS)
