"""Steps and feasibility."""

import pytest

from tf_slr.core import timing


@pytest.mark.parametrize(("frames", "steps"), [(1, 1), (4, 1), (5, 2), (8, 2), (9, 3)])
def test_steps_round_up(frames, steps):
    assert timing.steps(frames) == steps


def test_equal_neighbours_need_a_blank_between():
    assert timing.needed_steps("AAB") == 4
    assert timing.feasible(16, "AAB")
    assert not timing.feasible(12, "AAB")
    assert timing.feasible(12, "ABA")
