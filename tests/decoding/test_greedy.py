"""Greedy decoding."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tf_slr.decoding.greedy import greedy, log_softmax

logits = arrays(np.float64, st.tuples(st.integers(1, 12), st.just(4)), elements=st.floats(-9, 9))


def path(*classes):
    """Logits whose likeliest classes are these."""
    return np.eye(4)[list(classes)] * 5.0


def test_repeats_merge_and_blanks_separate():
    assert [s.gloss for s in greedy(path(0, 1, 1, 0, 1, 2, 2, 0))] == [1, 1, 2]
    assert greedy(path(0, 0)) == []
    assert greedy(np.zeros((0, 4))) == []


def test_segments_say_when_and_how_sure():
    logits = path(0, 3, 3, 0)
    logits[1] /= 2  # less sure in the first of its two steps
    (segment,) = greedy(logits)
    assert (segment.start, segment.stop) == (1, 3)
    assert np.isclose(segment.confidence, np.exp(5) / (np.exp(5) + 3))


@given(logits)
def test_log_softmax_is_a_distribution_whatever_the_offset(x):
    assert np.allclose(np.exp(log_softmax(x)).sum(-1), 1)
    assert np.allclose(log_softmax(x), log_softmax(x + 1e4), atol=1e-6)


@given(logits)
def test_segments_are_ordered_and_disjoint(x):
    segments = greedy(x)
    assert all(a.stop <= b.start for a, b in itertools.pairwise(segments))
    assert all(0 < s.confidence <= 1 for s in segments)


@given(logits)
def test_repeating_every_step_changes_nothing(x):
    assert [s.gloss for s in greedy(np.repeat(x, 2, axis=0))] == [s.gloss for s in greedy(x)]
