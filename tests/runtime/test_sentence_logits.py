"""Logits of a sentence: each step from the window that saw most around it, no step twice, nothing kept for good."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_slr.runtime.sentence_logits import SILENT, SentenceLogits

CLASSES = 3


def window(begin, stop):
    """Logits that tell where they come from: each row the window's first step, the row's own, and 0."""
    return np.array([(begin, step, 0) for step in range(begin, stop)], np.float32).reshape(-1, CLASSES)


def read(logits, size, hop, stop):
    """Windows of at most `size` steps every `hop` steps, and one that ends at `stop`, as a stream reads them."""
    for seen in [*range(hop, stop, hop), stop]:
        begin = max(0, seen - size)
        logits.add(begin, window(begin, seen))


@given(st.integers(2, 40), st.integers(1, 20), st.integers(1, 200))
def test_each_step_comes_from_the_window_with_most_around_it(size, hop, stop):
    hop = min(hop, size // 2)
    logits = SentenceLogits(size, CLASSES)
    read(logits, size, hop, stop)
    first, rows = logits.take(stop)
    assert (first, len(rows)) == (0, stop)
    assert rows[:, 1].tolist() == list(range(stop))
    begins = {max(0, seen - size) for seen in [*range(hop, stop, hop), stop]}
    for begin, step, _ in rows.tolist():
        # The last window that knows half a window of what came before the step, or all there was.
        assert begin == max(each for each in begins if not each or each + size // 2 <= step)


@given(st.integers(1, 40))
def test_what_fits_into_a_window_is_that_window(stop):
    logits = SentenceLogits(40, CLASSES)
    for seen in range(1, stop + 1):
        logits.add(0, window(0, seen) + seen)
    assert np.array_equal(logits.take(stop)[1], window(0, stop) + stop)


def test_the_end_of_a_sentence_may_lie_before_what_was_read():
    """Resting hands are read until their rest is long enough to be a pause."""
    logits = SentenceLogits(20, CLASSES)
    read(logits, 20, 4, 48)
    logits.add(25, window(25, 45) + 100)
    _, rows = logits.take(45)
    assert rows[:, 1].tolist() == [*range(35), *range(135, 145)]


def test_what_was_not_read_is_silence():
    logits = SentenceLogits(8, CLASSES)
    logits.add(0, window(0, 4))
    logits.add(10, window(10, 14))
    _, rows = logits.take(14)
    assert rows[4:10].tolist() == 6 * [[0, SILENT, SILENT]]
    assert rows[10:, 1].tolist() == [10, 11, 12, 13]


@given(st.lists(st.integers(0, 6), max_size=40))
def test_what_was_taken_is_forgotten_and_nothing_is_lost(cuts):
    logits, seen, taken = SentenceLogits(12, CLASSES), 0, []
    for cut in cuts:
        seen += 4
        logits.add(max(0, seen - 12), window(max(0, seen - 12), seen))
        first, rows = logits.take(max(len(taken), seen - cut))
        assert first == len(taken)
        taken += rows[:, 1].tolist()
    _, rows = logits.take(seen)
    assert [*taken, *rows[:, 1].tolist()] == list(range(seen))
    assert len(logits.take(10**9)[1]) == 0


@pytest.mark.parametrize(
    ("start", "stop", "quietest"), [(0, 9, 6), (7, 9, 7), (0, 6, 4), (9, 9, 9), (20, 30, 20), (0, 3, 4)]
)
def test_a_cut_is_made_where_the_blank_is_surest(start, stop, quietest):
    blank = np.array([0.2, 9.0, 0.2, 0.2, 0.3, 0.1, 0.8, 0.5, 0.4])
    logits = SentenceLogits(20, CLASSES)
    logits.add(0, np.log(np.stack([blank, 1 - blank.clip(0, 0.99), 0 * blank + 1e-9], 1)).astype(np.float32))
    logits.take(4)
    assert logits.quietest(start, stop) == quietest
