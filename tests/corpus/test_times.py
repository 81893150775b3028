"""Times of frames: uneven ones are told from rounded ones, and damaged ones are none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_slr.corpus.times import checked_times, mean_fps, unevenness

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
