"""Frames of any times at even moments."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_slr.core.resampling import Resampler


def point(value):
    return np.full((1, 3), value, np.float32)


def pushed(resampler, times, values=None):
    """All moments' values of frames whose one point is their time, or a given value."""
    values = times if values is None else values
    shown = [moment for time, value in zip(times, values, strict=True) for moment in resampler.push(time, point(value))]
    return np.array([moment[0, 0] for moment in shown])


def test_frames_of_the_same_rate_are_taken_as_they_are():
    rng = np.random.default_rng(0)
    values = rng.normal(size=1000).astype(np.float32)
    values[::7] = np.nan
    times = 12345.678 + np.round(np.arange(1000) / 30, 3)  # a clock of milliseconds
    np.testing.assert_array_equal(pushed(Resampler(30, 1), times, values), values)


@given(st.lists(st.floats(0.001, 0.24), min_size=1, max_size=60), st.sampled_from([10.0, 25.0, 30.0]))
def test_moments_are_even_and_points_move_evenly_between_frames(steps, fps):
    times = np.cumsum(steps)
    shown = pushed(Resampler(fps, 1), times)
    expected = times[0] + np.arange(len(shown)) / fps
    np.testing.assert_allclose(shown, expected, atol=0.02 / fps + 1e-5)
    assert times[-1] - 1 / fps < expected[-1] <= times[-1] + 0.02 / fps


def test_where_one_neighbour_lacks_a_point_the_nearer_one_decides():
    shown = pushed(Resampler(10, 1), [0.0, 0.13, 0.23], [1.0, np.nan, 3.0])
    np.testing.assert_array_equal(shown, [1.0, np.nan, 3.0])


def test_nothing_is_made_up_in_a_gap():
    shown = pushed(Resampler(10, 1), [0.0, 0.5])
    np.testing.assert_array_equal(shown, [0, np.nan, np.nan, np.nan, np.nan, 0.5])


def test_a_long_gap_and_a_clock_set_back_begin_anew():
    resampler = Resampler(10, 1)
    pushed(resampler, [0.0, 0.1])
    for time in (7.77, 3.33):
        assert resampler.breaks(time)
        assert pushed(resampler, [time, time + 0.1]) == pytest.approx([time, time + 0.1])
        assert resampler.origin == time
    assert not resampler.breaks(3.0), "a late frame"


def test_frames_without_a_usable_time_are_ignored_and_counted():
    resampler = Resampler(10, 1)
    shown = pushed(resampler, [0.0, 0.0, np.nan, 0.1, 0.05, -np.inf, 0.2], [0, 9, 9, 1, 9, 9, 2])
    np.testing.assert_array_equal(shown, [0, 1, 2])
    assert resampler.ignored == 4
