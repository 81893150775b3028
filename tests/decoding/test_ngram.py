"""Gloss n-grams: distributions, ARPA files of ours and of others, and the beam search with them."""

import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.glosses import Vocabulary
from tf_slr.correction.rescoring import Rescoring, n_best
from tf_slr.decoding.beam import BeamOptions, beam_search
from tf_slr.decoding.kneser_ney import estimate
from tf_slr.decoding.ngram import END, START, UNKNOWN, GlossModel, NGram, read_arpa, write_arpa

texts = st.lists(st.lists(st.sampled_from("ABCD"), max_size=7), min_size=1, max_size=14)
orders = st.integers(1, 4)
SENTENCES = [sentence.split() for sentence in ("A B C", "A B D", "A C", "B C C A", "A B C D", "D", "A B C")]


def histories(order, known="ABCD"):
    """Every history of up to order glosses, at the beginning of a sentence and within one, unknown glosses too."""
    for length in range(order + 1):
        for glosses in itertools.product((*known, "NEVER"), repeat=length):
            yield glosses
            yield (START, *glosses)


@settings(max_examples=20)
@given(texts, orders)
def test_after_every_history_the_probabilities_sum_to_one(text, order):
    model = estimate(text, order)
    outcomes = {gloss for sentence in text for gloss in sentence} | {END, UNKNOWN}
    for history in histories(min(order, 3)):
        shares = [10 ** model.log10(gloss, history) for gloss in outcomes]
        assert min(shares) > 0
        assert sum(shares) == pytest.approx(1, abs=1e-9)


@settings(max_examples=15)
@given(texts, orders)
@example([["A"], ["A"], ["A", "A"]], 3)  # a back-off weight of 1, which need not be written
def test_a_model_that_was_written_and_read_says_the_same(tmp_path_factory, text, order):
    path = tmp_path_factory.getbasetemp() / "model.arpa"
    model = estimate(text, order)
    write_arpa(path, model)
    read = read_arpa(path)
    assert read.order == model.order
    for history in histories(2):
        for gloss in ("A", "D", "NEVER", END):
            assert read.log10(gloss, history) == pytest.approx(model.log10(gloss, history), abs=1e-5)
    first = path.read_bytes()
    write_arpa(path, read)
    assert path.read_bytes() == first


@settings(max_examples=25)
@given(texts, orders, st.lists(st.sampled_from([1, 2, 3, 4, 5]), max_size=6))
def test_the_gloss_model_of_the_beam_search_says_what_the_ngram_says(text, order, sentence):
    ngram = estimate(text, order)
    vocabulary = Vocabulary(("A", "B", "C", "D", "NEVER"))
    model = GlossModel(ngram, vocabulary)
    state, history = model.begin(), [START]
    for gloss in [*sentence, 0]:
        row = model.log_probabilities([state], range(6))[0]
        expected = [ngram.log10(name, history) * math.log(10) for name in (END, *vocabulary.glosses)]
        assert row == pytest.approx(expected, rel=1e-5)
        if gloss:
            state = model.advance(state, gloss)
            history.append(vocabulary.glosses[gloss - 1])
    names = vocabulary.decode(sentence)
    assert model(sentence) == pytest.approx(ngram.sentence_log10(names) * math.log(10))


@settings(max_examples=25)
@given(
    arrays(np.float64, st.tuples(st.integers(1, 5), st.just(3)), elements=st.floats(-4, 4)), texts, st.floats(0, 3),
    st.floats(-1, 1),
)  # fmt: skip
def test_rescoring_every_sentence_is_the_beam_search_with_the_model(logits, text, weight, insertion):
    model = GlossModel(estimate(text, 3), Vocabulary(("A", "B")))
    # Found with other weights than they are then judged by.
    everything = n_best(logits, model, None, Rescoring(10_000, 0.3, 0.5))
    options = Rescoring(10_000, weight, insertion)
    searched = beam_search(logits, BeamOptions(10_000, 3, weight, insertion), model)
    assert {one.glosses: pytest.approx(one.score(options), rel=1e-4, abs=1e-4) for one in everything} == {
        found.glosses: found.score for found in searched
    }


def test_probabilities_worked_by_hand():
    """A bigram of 'A B', 'A B', 'A'."""
    model = estimate([["A", "B"], ["A", "B"], ["A"]], 2)
    # Continuations: A after <s> only (1), B after A only (1), </s> after B and A (2). None has three, so that D is
    # 0.5, 1, 1.5. Below lies 1/4 for each of A, B, </s> and <unk>.
    freed = (0.5 + 0.5 + 1.0) / 4
    b = (1 - 0.5) / 4 + freed / 4
    assert 10 ** model.log10("B", []) == pytest.approx(b)
    assert 10 ** model.log10(UNKNOWN, []) == pytest.approx(freed / 4)
    # After A: B twice, </s> once. Of the four bigrams one was counted once, two twice, one three times.
    once, twice = 1 - 2 * 0.2 * 2 / 1, 2 - 3 * 0.2 * 1 / 2
    assert 10 ** model.log10("B", ["A"]) == pytest.approx((2 - twice) / 3 + (twice + once) / 3 * b)
    assert 10 ** model.log10("A", ["A"]) == pytest.approx((twice + once) / 3 * b)


def test_counts_of_counts_give_the_discounts():
    """Chen and Goodman's equation 26 on a text whose 1-grams were counted 1, 2, 3 and 4 times."""
    counted = {1: 5, 2: 3, 3: 2, 4: 1}
    words = [f"{count}{i}" for count, number in counted.items() for i in range(number) for _ in range(count)]
    model = estimate([words], 1)
    # Once counted: five and the sentence's end.
    ratio = 6 / (6 + 2 * 3)
    discounts = (1 - 2 * ratio * 3 / 6, 2 - 3 * ratio * 2 / 3, 3 - 4 * ratio * 1 / 2)
    total = len(words) + 1
    equal = (6 * discounts[0] + 3 * discounts[1] + 3 * discounts[2]) / total / (12 + 1)
    for count, gloss in ((1, "10"), (2, "20"), (3, "30"), (4, "40")):
        expected = (count - discounts[min(count, 3) - 1]) / total + equal
        assert 10 ** model.log10(gloss, []) == pytest.approx(expected)


def test_a_sentence_of_the_text_is_likelier_than_its_reverse():
    model = estimate(SENTENCES, 3)
    assert model.sentence_log10("A B C".split()) > model.sentence_log10("C B A".split())
    assert model.perplexity(SENTENCES) < estimate(SENTENCES, 1).perplexity(SENTENCES)


def test_what_cannot_be_estimated_is_refused():
    for order in (0, 7):
        with pytest.raises(UsageError, match=f"received {order}"):
            estimate(SENTENCES, order)
    with pytest.raises(DataError, match="received none"):
        estimate([], 2)
    with pytest.raises(DataError, match="</s>, which is a mark"):
        estimate([["A", "</s>"]], 2)


# As SRILM writes: -99 for <s>, no <unk>, tabs, back-off weights only where they are needed.
SRILM = """
comment lines before the data are allowed

\\data\\
ngram 1=4
ngram 2=3

\\1-grams:
-0.6020600\t</s>
-99\t<s>\t-0.3010300
-0.3010300\tREGEN\t-0.1760913
-0.6020600\tSÜD

\\2-grams:
-0.1760913\t<s> REGEN
-0.4771213\tREGEN </s>
-0.4771213\tREGEN SÜD

\\end\\
"""


def test_anothers_model_is_read(tmp_path):
    path = tmp_path / "srilm.arpa"
    path.write_text(SRILM, encoding="utf-8")
    model = read_arpa(path)
    assert model.order == 2
    assert model.glosses == {"REGEN", "SÜD"}
    assert model.log10("SÜD", ["<s>", "REGEN"]) == -0.4771213
    assert model.log10("SÜD", ["<s>"]) == pytest.approx(-0.30103 - 0.60206)
    assert model.log10("REGEN", ["REGEN"]) == pytest.approx(-0.1760913 - 0.30103)
    assert model.log10("SCHNEE", ["REGEN"]) == -99  # no <unk>: the model has no place for it
    assert model.sentence_log10(["REGEN", "SÜD"]) == pytest.approx(-0.1760913 - 0.4771213 - 0.60206)
    decoded = beam_search(np.log([[0.1, 0.4, 0.5]]), language_model=GlossModel(model, Vocabulary(("REGEN", "SCHNEE"))))
    assert decoded[0].glosses == (1,)


def test_back_off_weights_of_histories_without_listed_glosses_count(tmp_path):
    path = tmp_path / "x.arpa"
    path.write_text(SRILM.replace("SÜD\n", "SÜD\t-1.0\n", 1), encoding="utf-8")
    model = read_arpa(path)
    gloss_model = GlossModel(model, Vocabulary(("REGEN", "SÜD")))
    state = gloss_model.advance(gloss_model.begin(), 2)
    assert model.log10("REGEN", ["SÜD"]) == pytest.approx(-1.30103)
    assert gloss_model.log_probabilities([state], [1])[0, 0] == pytest.approx(-1.30103 * math.log(10), rel=1e-5)


DAMAGE = {
    "another file": (SRILM, "id|annotation\n", r"has no line \\data\\"),
    "order left out": ("ngram 2=3", "ngram 3=3", "line 6: expected 'ngram 2=COUNT'"),
    "count": ("ngram 2=3", "ngram 2=4", "expected 4 2-grams, as .data. says, found 3"),
    "huge count": ("ngram 2=3", "ngram 2=" + "9" * 30, "line 6: expected 'ngram 2=COUNT'"),
    "no count": ("ngram 1=4\nngram 2=3\n", "", "order 1 to 6, found 0"),
    "section": ("\\2-grams:", "\\3-grams:", "line 14: expected .2-grams:, found"),
    "cut off": ("REGEN SÜD\n\n\\end\\", "REGEN SÜD", "ends within the 2-grams"),
    "no end": ("\\end\\", "\\done\\", "expected .end."),
    "nan": ("-0.3010300\tREGEN", "nan\tREGEN", "line 11: expected a number, found 'nan'"),
    "no number": ("-0.3010300\tREGEN", "x\tREGEN", "line 11: expected a number, found 'x'"),
    "positive": ("-0.3010300\tREGEN", "0.3\tREGEN", "line 11: expected the logarithm of a probability"),
    "infinite weight": ("REGEN\t-0.1760913", "REGEN\tinf", "line 11: expected a number, found 'inf'"),
    "fields": ("<s> REGEN", "<s>", "line 15: expected 'log10 gloss gloss', found 2 fields"),
    "weight of the longest": ("<s> REGEN", "<s> REGEN\t-0.1", "line 15: .*found 4 fields"),
    "strange gloss": ("<s> REGEN", "<s> SCHNEE", "line 15: 'SCHNEE' is not among the 1-grams"),
    "twice": ("REGEN SÜD", "REGEN </s>", "line 17: the 2-gram stands twice"),
    "no end of sentence": ("-0.6020600\t</s>", "-0.6020600\tX", "'</s>' is not among"),
    "long line": ("<s> REGEN", "<s> " + "R" * 20_000, "line 15: lines of more than"),
}


@pytest.mark.parametrize(("old", "new", "message"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_refused_by_name_and_line(tmp_path, old, new, message):
    assert old in SRILM
    path = tmp_path / "x.arpa"
    path.write_text(SRILM.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}.*({message})"):
        read_arpa(path)


def test_files_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "x.arpa"
    path.write_bytes(b"\x1f\x8b\x08\x00\xff\xfe\n")
    with pytest.raises(DataError, match="line 1: is not UTF-8"):
        read_arpa(path)
    with pytest.raises(DataError, match="absent: cannot be read"):
        read_arpa(tmp_path / "absent")


def test_a_model_without_sentences_marks_is_refused(tmp_path):
    path = tmp_path / "x.arpa"
    path.write_text("\\data\\\nngram 1=1\n\n\\1-grams:\n-0.1\tA\n\n\\end\\\n")
    with pytest.raises(DataError, match="does not know <s> and </s>"):
        read_arpa(path)


def test_an_unlisted_history_is_cut_to_what_matters():
    model = NGram(3, {(): {"A": -0.3, END: -0.3, START: -99.0}, ("A",): {END: -0.1}}, {})
    assert model.history(["A", "B", "A"]) == ("A",)
    assert model.history(["A", "B"]) == ()
