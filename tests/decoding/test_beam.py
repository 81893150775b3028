"""Prefix beam search, against every path of small grids."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tf_slr.decoding.beam import BeamOptions, beam_search
from tf_slr.decoding.greedy import greedy, log_softmax
from tf_slr.errors import UsageError

EXHAUSTIVE = BeamOptions(width=10_000, candidates=4)
grids = arrays(np.float64, st.tuples(st.integers(1, 5), st.just(3)), elements=st.floats(-4, 4))


def brute_force(logits):
    """Log probability of every sentence, summed over all paths."""
    frames = log_softmax(logits)
    sentences = {}
    for classes in itertools.product(range(frames.shape[1]), repeat=len(frames)):
        sentence = tuple(k for k, _ in itertools.groupby(classes) if k != 0)
        mass = frames[range(len(frames)), classes].sum()
        sentences[sentence] = np.logaddexp(sentences.get(sentence, -np.inf), mass)
    return sentences


@settings(max_examples=150, deadline=None)
@given(grids)
def test_a_wide_beam_finds_every_sentence_with_its_probability(logits):
    expected = brute_force(logits)
    found = {hypothesis.glosses: hypothesis.score for hypothesis in beam_search(logits, EXHAUSTIVE)}
    assert found.keys() == expected.keys()
    assert all(np.isclose(found[sentence], expected[sentence]) for sentence in expected)


@settings(max_examples=100, deadline=None)
@given(grids, st.integers(1, 5))
def test_hypotheses_are_sorted_and_the_best_beats_greedy(logits, width):
    found = beam_search(logits, BeamOptions(width, 3))
    assert all(a.score >= b.score for a, b in itertools.pairwise(found))
    assert len(found) <= width
    exhaustive = beam_search(logits, EXHAUSTIVE)
    greedy_sentence = tuple(segment.gloss for segment in greedy(logits))
    assert exhaustive[0].score >= brute_force(logits)[greedy_sentence] - 1e-9


@settings(max_examples=100, deadline=None)
@given(grids)
def test_renaming_glosses_renames_the_result(logits):
    swapped = beam_search(logits[:, [0, 2, 1]], EXHAUSTIVE)
    rename = {1: 2, 2: 1}
    expected = {tuple(rename[k] for k in h.glosses): h.score for h in beam_search(logits, EXHAUSTIVE)}
    assert {h.glosses: pytest.approx(h.score) for h in swapped} == expected


def test_the_language_model_decides_between_equals():
    logits = np.log(np.array([[0.2, 0.4, 0.4], [0.9, 0.05, 0.05]]))
    assert beam_search(logits)[0].glosses == (1,)
    prefers_two = lambda prefix, gloss: 0.5 if gloss == 2 else 0.0  # noqa: E731
    best = beam_search(logits, language_model=prefers_two)[0]
    assert best.glosses == (2,)
    plain = {h.glosses: h.score for h in beam_search(logits)}
    assert best.score == pytest.approx(plain[2,] + 0.5)


def test_the_language_model_scores_add_up_along_a_sentence():
    logits = np.log(np.array([[0.1, 0.8, 0.1], [0.8, 0.1, 0.1], [0.1, 0.1, 0.8]]))
    plain = {h.glosses: h.score for h in beam_search(logits, EXHAUSTIVE)}
    scored = {h.glosses: h.score for h in beam_search(logits, EXHAUSTIVE, lambda prefix, gloss: -0.25 * gloss)}
    assert scored[1, 2] == pytest.approx(plain[1, 2] - 0.75)
    assert scored[1,] == pytest.approx(plain[1,] - 0.25)


def test_the_language_model_sees_the_prefix():
    seen = []
    beam_search(np.log(np.full((3, 3), 1 / 3)), EXHAUSTIVE, lambda prefix, gloss: seen.append((prefix, gloss)) or 0.0)
    assert ((), 1) in seen
    assert ((1,), 2) in seen
    assert ((1, 2), 1) in seen


def test_no_step_gives_the_empty_sentence():
    assert beam_search(np.zeros((0, 5)))[0].glosses == ()


def test_certain_logits_do_not_underflow():
    logits = np.full((40, 6), -1e4)
    logits[np.arange(40), [i % 5 + 1 for i in range(40)]] = 1e4
    assert len(beam_search(logits)[0].glosses) == 40


def test_options_are_checked():
    with pytest.raises(UsageError, match="width 0"):
        BeamOptions(0)
