"""Word error rate, against jiwer, against NIST sclite, and by definition."""

import math
import random

import jiwer
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sclite import sclite
from tf_slr.formats.transcripts import Reference, Token, write_ctm, write_stm
from tf_slr.scoring.wer import SCLITE, Errors, align, confusions, count, score

sentences = st.lists(st.sampled_from("ABCDE"), max_size=9)
weights = st.builds(type(SCLITE), *[st.integers(1, 6)] * 3)


def random_pairs(number, shortest=0):
    rng = random.Random(0)
    lengths = range(shortest, 20)
    return [
        (rng.choices("ABCDEF", k=max(1, rng.choice(lengths))), rng.choices("ABCDEF", k=rng.choice(lengths)))
        for _ in range(number)
    ]


def total(theirs):
    return theirs.substitutions + theirs.deletions + theirs.insertions


def test_agrees_with_jiwer_on_ten_thousand_random_pairs():
    pairs = random_pairs(10_000)
    references, hypotheses = ([" ".join(sentence) for sentence in side] for side in zip(*pairs, strict=True))
    for (reference, hypothesis), r, h in zip(pairs, references, hypotheses, strict=True):
        assert count(align(reference, hypothesis)).total == total(jiwer.process_words(r, h))
    assert score(*zip(*pairs, strict=True)).wer == jiwer.wer(list(references), list(hypotheses))


def test_confusions_are_the_substitutions_and_nothing_else():
    pairs = align("A B C D A".split(), "A X C A Y".split())
    assert pairs == [("A", "A"), ("B", "X"), ("C", "C"), ("D", "A"), ("A", "Y")]
    assert confusions([*pairs, *pairs, ("A", None), (None, "A")]) == {("B", "X"): 2, ("D", "A"): 2, ("A", "Y"): 2}


def test_aligns_as_sclite_does(tmp_path):
    pairs = {f"u{number:04d}": pair for number, pair in enumerate(random_pairs(3000))}
    write_stm(tmp_path / "r.stm", {name: Reference(tuple(reference)) for name, (reference, _) in pairs.items()})
    tokens = {name: [Token(gloss, 0.1 * i, 0.1) for i, gloss in enumerate(h)] for name, (_, h) in pairs.items()}
    write_ctm(tmp_path / "h.ctm", tokens)
    theirs = sclite(tmp_path / "h.ctm", tmp_path / "r.stm", tmp_path / "out")
    assert theirs.keys() == pairs.keys()
    for name, pair in pairs.items():
        ours = align(*pair, SCLITE)
        errors = count(ours)
        assert (errors.hits, errors.substitutions, errors.deletions, errors.insertions) == theirs[name].counts
        assert [reference or "*" for reference, _ in ours] == theirs[name].reference
        assert [hypothesis or "*" for _, hypothesis in ours] == theirs[name].hypothesis


@given(sentences, sentences, weights)
def test_alignment_is_of_both_sentences(reference, hypothesis, weights):
    pairs = align(reference, hypothesis, weights)
    assert [r for r, _ in pairs if r is not None] == reference
    assert [h for _, h in pairs if h is not None] == hypothesis
    errors = count(pairs)
    assert errors.reference == len(reference)
    assert errors.hits + errors.substitutions + errors.insertions == len(hypothesis)


@given(sentences, sentences)
def test_swapping_sides_swaps_deletions_and_insertions(reference, hypothesis):
    one, other = count(align(reference, hypothesis)), count(align(hypothesis, reference))
    assert one.total == other.total
    # Ties may be broken otherwise, but what one side has more than the other is deleted or inserted.
    assert one.deletions - one.insertions == other.insertions - other.deletions == len(reference) - len(hypothesis)


@given(sentences, sentences, sentences)
def test_errors_obey_the_triangle_inequality(a, b, c):
    def distance(x, y):
        return count(align(x, y)).total

    assert distance(a, c) <= distance(a, b) + distance(b, c)


@given(sentences, sentences, weights)
def test_no_error_if_and_only_if_equal(reference, hypothesis, weights):
    assert (count(align(reference, hypothesis, weights)).wer == 0) == (reference == hypothesis)


@given(sentences, sentences, weights)
def test_no_alignment_is_cheaper(reference, hypothesis, weights):
    def paid(errors):
        return (
            errors.substitutions * weights.substitution
            + errors.deletions * weights.deletion
            + errors.insertions * weights.insertion
        )

    ours = paid(count(align(reference, hypothesis, weights)))
    assert ours <= paid(count(align(reference, hypothesis)))
    assert ours <= len(reference) * weights.deletion + len(hypothesis) * weights.insertion


def test_kinds_of_errors():
    assert count(align("A B C D".split(), "A X C D E".split())) == Errors(3, 1, 0, 1)
    assert count(align("A B C".split(), "A C".split())) == Errors(2, 0, 1, 0)


def test_sclites_weights_keep_a_hit_where_unit_weights_see_two_substitutions():
    assert count(align("AB", "BC")) == Errors(0, 2, 0, 0)
    assert count(align("AB", "BC", SCLITE)) == Errors(1, 0, 1, 1)


def test_empty_cases_are_defined():
    assert score([[]], [[]]).wer == 0
    assert math.isinf(score([[]], [["A"]]).wer)
    assert score([[]], [["A"]]).summary()["wer"] is None
    assert score([["A", "B"]], [[]]).wer == 1
    assert score([], []).wer == 0


def test_corpus_rate_weighs_sentences_by_length():
    references, hypotheses = [["A"], ["B"] * 9], [["X"], ["B"] * 9]
    assert score(references, hypotheses).wer == pytest.approx(0.1)  # the mean of sentence rates would be 0.5


def test_lists_of_unequal_length_are_refused():
    with pytest.raises(ValueError):
        score([["A"]], [])
