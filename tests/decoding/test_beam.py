"""Prefix beam search, against every path of small grids."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tf_slr.core.errors import UsageError
from tf_slr.decoding.beam import BeamOptions, beam_search
from tf_slr.decoding.greedy import greedy, log_softmax

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


@settings(max_examples=150)
@given(grids)
def test_a_wide_beam_finds_every_sentence_with_its_probability(logits):
    expected = brute_force(logits)
    found = {hypothesis.glosses: hypothesis.score for hypothesis in beam_search(logits, EXHAUSTIVE)}
    assert found.keys() == expected.keys()
    assert all(np.isclose(found[sentence], expected[sentence]) for sentence in expected)


@settings(max_examples=100)
@given(grids, st.integers(1, 5))
def test_hypotheses_are_sorted_and_the_best_beats_greedy(logits, width):
    found = beam_search(logits, BeamOptions(width, 3))
    assert all(a.score >= b.score for a, b in itertools.pairwise(found))
    assert len(found) <= width
    exhaustive = beam_search(logits, EXHAUSTIVE)
    greedy_sentence = tuple(segment.gloss for segment in greedy(logits))
    assert exhaustive[0].score >= brute_force(logits)[greedy_sentence] - 1e-9


@settings(max_examples=100)
@given(grids)
def test_renaming_glosses_renames_the_result(logits):
    swapped = beam_search(logits[:, [0, 2, 1]], EXHAUSTIVE)
    rename = {1: 2, 2: 1}
    expected = {tuple(rename[k] for k in h.glosses): h.score for h in beam_search(logits, EXHAUSTIVE)}
    assert {h.glosses: pytest.approx(h.score) for h in swapped} == expected


class TableModel:
    """A language model drawn at random: log probabilities after each pair of glosses, and of the end."""

    def __init__(self, seed, classes=3):
        self.table = np.random.default_rng(seed).normal(-2, 1.5, (classes, classes, classes))
        self.states = [(0, 0)]

    def begin(self):
        return 0

    def advance(self, state, gloss):
        self.states.append((self.states[state][1], gloss))
        return len(self.states) - 1

    def log_probabilities(self, states, classes):
        return np.array([self.table[self.states[state]][list(classes)] for state in states])

    def sentence(self, glosses):
        padded = (0, 0, *glosses, 0)
        return sum(self.table[padded[i : i + 3]] for i in range(len(glosses) + 1))


@settings(max_examples=150)
@given(grids, st.integers(0, 10_000), st.floats(0, 3), st.floats(-2, 2))
def test_a_wide_beam_with_a_language_model_scores_every_sentence_as_the_formula_says(logits, seed, weight, insertion):
    model = TableModel(seed)
    expected = {
        sentence: mass + weight * model.sentence(sentence) + insertion * len(sentence)
        for sentence, mass in brute_force(logits).items()
    }
    options = dataclasses.replace(EXHAUSTIVE, weight=weight, insertion=insertion)
    found = beam_search(logits, options, model)
    assert {h.glosses: pytest.approx(h.score) for h in found} == expected
    assert expected[found[0].glosses] == pytest.approx(max(expected.values()))


@settings(max_examples=100)
@given(arrays(np.float64, st.tuples(st.integers(4, 7), st.just(3)), elements=st.floats(-3, 3)), st.integers(1, 9))
def test_a_narrow_beam_never_counts_an_alignment_twice(logits, width):
    """Prefixes that fall out of the beam and come back are still the same sentences, each listed once."""
    found = beam_search(logits, BeamOptions(width, 3))
    exact = {h.glosses: h.score for h in beam_search(logits, EXHAUSTIVE)}
    assert len({h.glosses for h in found}) == len(found) <= width
    assert all(h.score <= exact[h.glosses] + 1e-9 for h in found)


def test_a_prefix_that_comes_back_is_the_one_that_left():
    """Logits on which a prefix falls out of a beam of 5, its continuation stays, and it grows into that again."""
    for seed in (0, 217, 444):
        logits = np.round(np.random.default_rng(seed).normal(0, 2, (7, 3)), 1)
        sentences = [hypothesis.glosses for hypothesis in beam_search(logits, BeamOptions(5, 3))]
        assert len(set(sentences)) == len(sentences) == 5


def test_the_language_model_decides_between_equals():
    logits = np.log(np.array([[0.2, 0.4, 0.4], [0.9, 0.05, 0.05]]))
    assert beam_search(logits)[0].glosses == (1,)
    model = TableModel(0)
    model.table[:] = np.log([0.2, 0.3, 0.5])
    assert beam_search(logits, language_model=model)[0].glosses == (2,)
    assert beam_search(logits, BeamOptions(weight=0.0), model)[0].glosses == (1,)


def test_the_end_of_the_sentence_is_scored():
    logits = np.log(np.array([[0.05, 0.5, 0.45]]))
    model = TableModel(0)
    model.table[:] = np.log(1 / 3)
    model.table[:, 1, 0] = -9.0  # a sentence never ends with gloss 1
    assert beam_search(logits, language_model=model)[0].glosses == (2,)


def test_the_insertion_bonus_lengthens_sentences():
    logits = np.log(np.array([[0.6, 0.3, 0.1], [0.8, 0.1, 0.1], [0.6, 0.1, 0.3]]))
    lengths = [len(beam_search(logits, BeamOptions(insertion=bonus))[0].glosses) for bonus in (-1.0, 0.0, 0.7, 9.0)]
    assert lengths == sorted(lengths)
    assert (lengths[1], lengths[-1]) == (0, 3)


def test_no_step_gives_the_empty_sentence():
    assert beam_search(np.zeros((0, 5))) == [((), 0.0)]


@pytest.mark.parametrize(
    ("logits", "candidates", "sentences"),
    [([1, 4, 3, 2], 1, [(1,), ()]), ([1, 4, 3, 2], 2, [(1,), (2,), ()]), ([1, 4, 3, 2], 9, [(1,), (2,), (3,), ()]),
     ([4, 1, 2, 3], 1, [()]), ([4, 1, 2, 3], 2, [(), (3,)])],
)  # fmt: skip
def test_a_step_goes_on_with_its_likeliest_classes_only(logits, candidates, sentences):
    logits = np.array([logits], float)
    found = beam_search(logits, BeamOptions(10, candidates))
    assert [hypothesis.glosses for hypothesis in found] == sentences
    expected = log_softmax(logits)[0]
    assert [h.score for h in found] == pytest.approx([expected[sum(glosses)] for glosses in sentences])


def test_equal_scores_are_in_the_order_of_their_glosses():
    assert [h.glosses for h in beam_search(np.zeros((1, 4)))] == [(), (1,), (2,), (3,)]


def test_a_vocabulary_of_one_gloss_is_searched_as_any_other():
    logits = np.random.default_rng(3).normal(0, 2, (6, 2))
    found = {h.glosses: pytest.approx(h.score) for h in beam_search(logits, EXHAUSTIVE)}
    assert found == brute_force(logits)
    assert len(found) == 4


def test_what_a_gloss_adds_decides_what_is_kept():
    probabilities = np.array([[0.6, 0.4, 1e-9], [0.85, 0.05, 0.1]])
    kept = beam_search(np.log(probabilities), BeamOptions(width=1, insertion=1.0))
    assert kept == [((1,), pytest.approx(np.log(0.4 * (0.85 + 0.05)) + 1, abs=1e-6))]
    # The sentence whose gloss a language model likes is kept, and one that it dislikes falls out at once.
    model = TableModel(0)
    model.table[:] = np.log([0.2, 0.1, 0.7])
    kept = beam_search(np.log(np.array([[0.2, 0.45, 0.35]])), BeamOptions(width=1, weight=1.0, insertion=1.0), model)
    assert kept == [((2,), pytest.approx(np.log(0.35 * 0.7 * 0.2) + 1))]


def test_certain_logits_do_not_underflow():
    logits = np.full((40, 6), -1e4)
    logits[np.arange(40), [i % 5 + 1 for i in range(40)]] = 1e4
    assert len(beam_search(logits)[0].glosses) == 40


def test_options_are_checked():
    with pytest.raises(UsageError, match=r"beam\.width: .* received 0"):
        BeamOptions(0)
    with pytest.raises(UsageError, match=r"beam\.weight"):
        BeamOptions(weight=-1.0)
    with pytest.raises(UsageError, match="nan"):
        BeamOptions(insertion=float("nan"))
    with pytest.raises(UsageError, match=r"beam\.candidates: .* received 0"):
        BeamOptions(candidates=0)
    for wrong in (
        {"width": 10_001}, {"candidates": 10_001}, {"weight": -0.01}, {"weight": 1000.5}, {"insertion": -1000.5},
        {"insertion": 1000.5},
    ):  # fmt: skip
        with pytest.raises(UsageError, match=f"beam.{min(wrong)}"):
            BeamOptions(**wrong)
    assert BeamOptions(10_000, 10_000, 1000, 1000).insertion == 1000
    assert BeamOptions() == BeamOptions(width=10, candidates=20, weight=0.5, insertion=0.0)
    assert BeamOptions(1, 1, 0, -1000).width == 1
