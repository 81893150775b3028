"""Sentences by posteriors of slots and gaps: against a sum over every way to say them."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_slr.correction.lattice import sentence_scores
from tf_slr.decoding.greedy import log_softmax

SYMBOLS = 3


def posteriors(seed, count):
    rng = np.random.default_rng(seed)
    return log_softmax(rng.normal(0, 2, (count, SYMBOLS))), log_softmax(rng.normal(0, 2, (count + 1, SYMBOLS)))


def by_hand(slots, gaps):
    """Every sentence and its probability."""
    places = [row for pair in zip(gaps, slots, strict=False) for row in pair] + [gaps[-1]]
    sums = {}
    for said in itertools.product(range(SYMBOLS), repeat=len(places)):
        sentence = tuple(symbol for symbol in said if symbol)
        probability = math.exp(sum(row[symbol] for row, symbol in zip(places, said, strict=True)))
        sums[sentence] = sums.get(sentence, 0.0) + probability
    return sums


@given(st.integers(0, 10_000), st.integers(0, 2))
def test_every_way_to_say_a_sentence_counts(seed, count):
    slots, gaps = posteriors(seed, count)
    expected = by_hand(slots, gaps)
    scores = sentence_scores(slots, gaps, list(expected))
    assert np.exp(scores) == pytest.approx(list(expected.values()))
    assert np.exp(scores).sum() == pytest.approx(1)


def test_a_sentence_of_more_glosses_than_places_is_impossible():
    slots, gaps = posteriors(0, 1)
    assert sentence_scores(slots, gaps, [(1, 1, 1, 1), (1,)]).tolist()[0] == -math.inf
    assert sentence_scores(slots, gaps, []).shape == (0,)
