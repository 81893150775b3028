"""Margins chosen on dev: the best of all by its own rule, and never a loss."""

import dataclasses
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tiny_corrector import GLOSSES, errors_in, sentence, tiny_corrector
from tf_slr.core.errors import DataError
from tf_slr.core.glosses import Vocabulary
from tf_slr.correction.corrector import MODELS, Corrector
from tf_slr.correction.edits import REPLACE, Margins
from tf_slr.correction.sentence_rescoring import Rescorer
from tf_slr.correction.symbols import text_slots
from tf_slr.correction.training.selection import (
    CAUTION,
    Candidate,
    DevSentence,
    dev_sentences,
    gains,
    least_margin,
    own_margin,
    select,
    utterances,
)
from tf_slr.decoding.kneser_ney import estimate
from tf_slr.formats.transcripts import Reference
from tf_slr.scoring.wer import Errors, score

pytestmark = pytest.mark.slow


@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(-2, 2), st.integers(0, 9)), max_size=30),
    st.sampled_from([8, 9999]),  # steps wider and finer than margins are rounded to
)
def test_no_other_margin_gains_more_beyond_its_chance(triples, scale):
    candidates = [Candidate(REPLACE, margin / scale, gain, place) for margin, gain, place in triples]
    chosen = least_margin(candidates)

    def value(margin):
        gains = Counter()
        for one in candidates:
            gains[one.utterance] += one.gain * (one.margin >= margin)
        return gains.total() - CAUTION * math.sqrt(sum(gain**2 for gain in gains.values()))

    best = max([0.0, *(value(one.margin) for one in candidates)])
    assert value(chosen) == pytest.approx(best)
    assert math.isinf(chosen) == (best <= 0)


def models():
    return [(tiny_corrector() / name).read_bytes() for name in MODELS]


def dev(count, wrong):
    rng = np.random.default_rng(3)
    truths = [sentence(rng) for _ in range(count)]
    heard = errors_in(truths, rng) if wrong else truths
    return [DevSentence(text_slots(one), truth) for one, truth in zip(heard, truths, strict=True)]


def test_a_corrector_that_helps_on_dev_is_used_and_every_method_is_measured():
    plain = Corrector.load(tiny_corrector()).description
    chosen = select(models(), plain, dev(60, wrong=True))
    assert set(chosen.metrics["methods"]) == {"edit 1", "generate 1", "generate 2"}
    before = chosen.metrics["before"]["wer"]
    for results in chosen.metrics["methods"].values():
        assert results["with margins"]["wer"] <= before
    best = min(results["with margins"]["wer"] for results in chosen.metrics["methods"].values())
    assert chosen.metrics["methods"][f"{chosen.method} {chosen.networks}"]["with margins"]["wer"] == best < before / 2


def test_where_nothing_can_be_gained_nothing_is_ever_changed():
    plain = Corrector.load(tiny_corrector()).description
    chosen = select(models(), plain, dev(30, wrong=False))
    assert chosen.margins == Margins.never()
    corrector = Corrector(models(), chosen)
    for one in dev(20, wrong=True):
        assert [word.gloss for word in corrector.correct(one.slots)] == [slot.glosses[0] for slot in one.slots]
    assert dataclasses.replace(chosen).table()["margins"] == dict.fromkeys(["replace", "delete", "insert", "rewrite"])


def test_hypotheses_meet_their_references_or_are_refused():
    references = {"a": Reference(("X",)), "b": Reference(("Y", "Z"))}
    joined = dev_sentences({"b": text_slots(["Y"])}, references, "h.ctm")
    assert [(len(one.slots), one.reference) for one in joined] == [(0, ("X",)), (1, ("Y", "Z"))]
    with pytest.raises(DataError, match=r"h\.ctm.*references lack: c"):
        dev_sentences({"c": []}, references, "h.ctm")


def test_a_few_lucky_sentences_are_no_gain():
    none, one, two = (Errors(substitutions=count) for count in range(3))
    assert gains([one] * 9, [none] * 9, range(9))
    assert not gains([one] * 3, [none] * 3, range(3))  # as a coin may fall
    assert not gains([one] * 9 + [none] * 4, [none] * 9 + [one] * 4, range(13))
    assert not gains([two, none], [two, none], range(2))
    assert not gains([one] * 9, [none] * 9, [0, 1, 2] * 3)  # three systems' output of three utterances


def test_what_systems_make_of_one_utterance_is_one():
    dev = [DevSentence((), (), name=name) for name in ("a", "b", "", "a", "", "b")]
    assert utterances(dev) == [0, 1, 2, 0, 3, 1]


def test_one_that_learned_from_evidence_is_believed_unless_dev_speaks_against_it():
    lucky = [Candidate("replace", 0.2, 1, 0), Candidate("replace", 0.1, 0, 1), Candidate("replace", -0.5, -1, 2)]
    assert own_margin(lucky) == 0.0
    assert least_margin(lucky) == math.inf  # too few to prove anything
    assert own_margin([*lucky, Candidate("replace", 0.3, -2, 3)]) == math.inf


def said(heard, rng):
    """Logits of a recogniser that was quite sure of each gloss, and nearly as sure of another one."""
    vocabulary = Vocabulary(GLOSSES)
    logits = np.zeros((4 * len(heard) + 2, vocabulary.classes), np.float32)
    logits[:, 0] = 6
    for place, gloss in enumerate(vocabulary.encode(heard)):
        logits[4 * place + 1, gloss] = 9
        logits[4 * place + 1, rng.integers(1, vocabulary.classes)] += 8
    return logits


def test_with_logits_an_ngram_takes_part_and_the_choice_is_what_was_measured():
    plain, rng = Corrector.load(tiny_corrector()).description, np.random.default_rng(5)
    truths = [sentence(rng) for _ in range(40)]
    wrong = errors_in(truths, rng)
    heard = [DevSentence(text_slots(one), truth, said(one, rng)) for one, truth in zip(wrong, truths, strict=True)]
    ngram = estimate([sentence(rng) for _ in range(200)], 3)
    chosen = select(models(), plain, heard, ngram=ngram)
    methods = chosen.metrics["methods"]
    assert methods["n-gram"]["tuned"]["wer"] < chosen.metrics["before"]["wer"] / 2
    assert methods["n-gram and network"]["tuned"]["wer"] <= methods["n-gram"]["tuned"]["wer"]
    rescorer = Rescorer(Corrector(models(), chosen), ngram, Vocabulary(GLOSSES))
    found = [rescorer.glosses(one.logits, chosen.rescoring) for one in heard]
    judges = "n-gram and network" if chosen.rescoring.network else "n-gram"
    assert score(truths, found).wer == pytest.approx(methods[judges]["tuned"]["wer"])
    # One that learned from evidence need not prove itself: what errs least on dev is taken, of equals the simpler.
    trusted = select(models(), plain, heard, calibrated=True, ngram=ngram)
    measured = trusted.metrics["methods"]
    ranked = [(measured[name]["tuned"]["wer"], name) for name in ("n-gram", "n-gram and network")]
    assert bool(trusted.rescoring.network) == (min(ranked)[1] == "n-gram and network")
    few = heard[:4]  # with an error each: too few to prove anything by
    assert select(models(), plain, few, ngram=ngram).rescoring is None
    believed = select(models(), plain, few, calibrated=True, ngram=ngram)
    least = {kind: min(way[kind]["wer"] for way in believed.metrics["methods"].values() if kind in way)
             for kind in ("with margins", "tuned")}  # fmt: skip
    assert (believed.rescoring is not None) == (least["tuned"] < least["with margins"])
    # One sentence without logits: everything is chosen without the n-gram.
    alone = select(models(), plain, [*heard, heard[0]._replace(logits=None)], ngram=ngram)
    assert alone.rescoring is None
    assert set(alone.metrics["methods"]) == {"edit 1", "generate 1", "generate 2"}
