"""Forced alignment: the times of a given sentence on its likeliest CTC path."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_slr.core.errors import UsageError
from tf_slr.decoding.alignment import forced_alignment
from tf_slr.decoding.beam import BeamOptions, beam_search
from tf_slr.decoding.greedy import greedy, log_softmax


def logits_of(seed, steps, classes=4):
    return np.random.default_rng(seed).normal(0, 3, (steps, classes))


@given(st.integers(0, 999), st.integers(0, 12))
def test_the_greedy_sentence_gets_the_greedy_times(seed, steps):
    logits = logits_of(seed, steps)
    found = greedy(logits)
    assert forced_alignment(logits, [segment.gloss for segment in found]) == found


@given(st.integers(0, 999), st.integers(1, 5), st.lists(st.integers(1, 2), max_size=3))
def test_no_path_of_the_sentence_is_likelier(seed, steps, sentence):
    logits = logits_of(seed, steps, classes=3)

    def spelled(path):
        return [gloss for gloss, _ in itertools.groupby(path) if gloss]

    paths = [path for path in itertools.product(range(3), repeat=steps) if spelled(path) == sentence]
    if not paths:
        with pytest.raises(UsageError, match="expected at least"):
            forced_alignment(logits, sentence)
        return
    posteriors = log_softmax(logits)
    best = max(paths, key=lambda path: posteriors[np.arange(steps), path].sum())
    found = forced_alignment(logits, sentence)
    path = np.zeros(steps, int)
    for segment in found:
        path[segment.start : segment.stop] = segment.gloss
    assert [segment.gloss for segment in found] == sentence
    assert tuple(path) == best


def test_a_beam_search_gets_times_in_order():
    logits = logits_of(5, 40)
    sentence = beam_search(logits, BeamOptions(8))[0].glosses
    assert sentence != tuple(segment.gloss for segment in greedy(logits))  # or the test would show nothing
    found = forced_alignment(logits, sentence)
    assert tuple(segment.gloss for segment in found) == sentence
    assert all(one.stop <= other.start for one, other in itertools.pairwise(found))
    assert all(0 <= segment.start < segment.stop <= 40 and 0 < segment.confidence <= 1 for segment in found)
