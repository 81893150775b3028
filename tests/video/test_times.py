"""Times of frames: uneven ones are told from rounded ones, and damaged ones are none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_slr.video.times import MAX_GAP, FrameClock, checked_times, mean_fps, unevenness

RATES = st.sampled_from([8.0, 10.0, 12.5, 23.976, 25.0, 29.97, 30.0, 50.0, 60.0, 120.0])


@given(RATES, st.integers(2, 2000), st.floats(-1e4, 1e4))
def test_a_rate_rounded_to_milliseconds_is_steady(fps, frames, start):
    times = checked_times((start + np.arange(frames) / fps).round(3))
    assert times[0] == 0
    assert unevenness(times) == 0
    assert mean_fps(times) == pytest.approx(fps, rel=0.0013 * fps / (frames - 1) + 1e-6)


@given(RATES, st.integers(20, 300), st.data())
def test_a_pause_of_three_frames_is_told_in_seconds(fps, frames, data):
    where = data.draw(st.integers(2, frames - 3))
    times = np.arange(frames) / fps
    times[where:] += 3 / fps
    # Frames on both sides are off, by shares of the pause that add up to nearly all of it.
    assert 1.2 / fps < unevenness(checked_times(times)) <= 3 / fps


@pytest.mark.parametrize(
    "seconds", [[], [0.0], [0.0, 0.0], [0.0, 0.04, 0.03], [0.0, np.nan, 0.08], [0.0, np.inf], [0.0, 0.04, 0.08, 4000.0]]
)
def test_damaged_times_are_none(seconds):
    assert checked_times(seconds) is None


def told(fps, shown):
    clock = FrameClock(fps)
    return [clock.next(each) for each in shown]


@given(RATES, st.lists(st.floats(1e-3, MAX_GAP - 1), max_size=50), st.floats(-1e4, 1e4))
def test_a_clock_tells_whatever_times_a_container_has(fps, steps, start):
    times = np.cumsum([0, *steps])
    assert told(fps, start + times) == pytest.approx(times, abs=1e-6)


@given(RATES, st.lists(st.sampled_from([0.01, 0.04, 0.0, -3.0, 1e9, -1e9, np.nan, np.inf, -np.inf]), max_size=50))
def test_a_clock_always_goes_on(fps, steps):
    times = told(fps, [0.0, *steps])
    assert times[0] == 0
    assert all(0 < step <= MAX_GAP for step in np.diff(times))


@pytest.mark.parametrize(
    ("shown", "times"),
    [
        ([np.nan] * 4, [0, 0.1, 0.2, 0.3]),
        ([0.0] * 4, [0, 0.1, 0.2, 0.3]),
        # A clock that is set, on its first frame after that and for good.
        ([5.0, 5.2, 5000.0, 5000.4], [0, 0.2, 0.3, 0.7]),
        ([5.0, 5.2, 0.0, 0.4], [0, 0.2, 0.3, 0.7]),
        ([5.0, np.nan, 5.3], [0, 0.1, 0.3]),
        ([np.nan, 5.0, 5.3], [0, 0.1, 0.4]),
    ],
)
def test_a_frame_without_a_time_follows_at_the_usual_rate(shown, times):
    assert told(10.0, shown) == pytest.approx(times)
