"""Word error rate, against jiwer and by definition."""

import math
import random

import jiwer
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_slr.scoring import Errors, align, count, score

sentences = st.lists(st.sampled_from("ABCDE"), max_size=9)


def test_agrees_with_jiwer_on_random_pairs():
    rng = random.Random(0)
    for _ in range(3000):
        reference = rng.choices("abcdef", k=rng.randint(1, 12))
        hypothesis = rng.choices("abcdef", k=rng.randint(0, 12))
        ours = count(align(reference, hypothesis))
        theirs = jiwer.process_words(" ".join(reference), " ".join(hypothesis))
        assert ours.total == theirs.substitutions + theirs.deletions + theirs.insertions
        assert ours.wer == pytest.approx(theirs.wer)


@given(sentences, sentences)
def test_alignment_is_of_both_sentences(reference, hypothesis):
    pairs = align(reference, hypothesis)
    assert [r for r, _ in pairs if r is not None] == reference
    assert [h for _, h in pairs if h is not None] == hypothesis
    errors = count(pairs)
    assert errors.reference == len(reference)
    assert errors.hits + errors.substitutions + errors.insertions == len(hypothesis)


@given(sentences, sentences)
def test_swapping_sides_swaps_deletions_and_insertions(reference, hypothesis):
    one, other = count(align(reference, hypothesis)), count(align(hypothesis, reference))
    assert one.total == other.total


def test_kinds_of_errors():
    assert count(align("A B C D".split(), "A X C D E".split())) == Errors(3, 1, 0, 1)
    assert count(align("A B C".split(), "A C".split())) == Errors(2, 0, 1, 0)


def test_empty_cases_are_defined():
    assert score([[]], [[]]).wer == 0
    assert math.isinf(score([[]], [["A"]]).wer)
    assert score([["A", "B"]], [[]]).wer == 1
    assert score([], []).wer == 0


def test_corpus_rate_weighs_sentences_by_length():
    references, hypotheses = [["A"], ["B"] * 9], [["X"], ["B"] * 9]
    assert score(references, hypotheses).wer == pytest.approx(0.1)  # the mean of sentence rates would be 0.5


def test_lists_of_unequal_length_are_refused():
    with pytest.raises(ValueError):
        score([["A"]], [])
