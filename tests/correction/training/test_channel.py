"""What is learned from a recogniser's own errors."""

import numpy as np
import pytest

from tf_slr.core.errors import DataError
from tf_slr.correction.symbols import recognised, text_slots
from tf_slr.correction.training.channel import Channel, evidence_examples, fitted
from tf_slr.correction.training.examples import Example
from tf_slr.correction.training.noise import NoiseOptions
from tf_slr.correction.training.text import Text
from tf_slr.formats.alternatives import Alternatives
from tf_slr.scoring.cleanup import NONE

TEXT = Text({f"s{i}": tuple("ABCAB") for i in range(40)}, "gloss", "none")
# A is taken for C every fifth time, B is missed at the end.
HEARD = {f"s{i}": text_slots("CBCA" if i % 5 == 0 else "ABCA") for i in range(40)}


def test_rates_are_those_of_the_recogniser():
    examples = list(evidence_examples(HEARD, TEXT, NONE, "e.jsonl").values())
    options = fitted(NoiseOptions(), examples)
    assert options.substitution == pytest.approx(8 / 200)
    assert options.deletion == pytest.approx(40 / 200)
    assert options.insertion == 0
    assert options.similar == NoiseOptions().similar


def test_the_channel_says_other_sentences_with_the_same_errors():
    channel = Channel([Example(tuple(HEARD[name]), TEXT.sentences[name]) for name in HEARD], TEXT)
    rng = np.random.default_rng(0)
    heard = [recognised(channel(("B", "A", "A"), rng)) for _ in range(2000)]
    glosses = [gloss for sentence in heard for gloss in sentence]
    # A was signed 80 times and taken for C 8 times; B was signed 80 times and missed 40 times.
    assert glosses.count("C") / 4000 == pytest.approx(0.1, abs=0.02)
    assert glosses.count("B") / 2000 == pytest.approx(0.5, abs=0.04)
    assert set(glosses) == {"A", "B", "C"}


def test_glosses_without_record_are_certain_and_slots_made_up_come_again():
    slots = (*text_slots("A"), Alternatives(0.0, 0.0, ("B",), (0.2,), False))
    channel = Channel([Example(slots, ("A",))], TEXT)
    rng = np.random.default_rng(1)
    said = [channel(("C",), rng) for _ in range(300)]
    assert all(recognised(slots) == ["C"] for slots in said)
    # One slot was made up at three places where it could be.
    assert sum(len(slots) - 1 for slots in said) / 600 == pytest.approx(1 / 3, abs=0.06)


def test_evidence_of_what_the_rules_empty_is_left_out():
    text = Text({"a": ("A",), "b": ("B",)}, "gloss", "none", emptied=frozenset(["mute"]))
    examples = evidence_examples({"a": text_slots("A"), "mute": text_slots("B")}, text, NONE, "e.jsonl")
    assert list(examples) == ["a"]


def test_evidence_of_other_clips_is_refused_by_name():
    with pytest.raises(DataError, match=r"e\.jsonl.*1 clips.*dev-1.*training"):
        evidence_examples({"dev-1": text_slots("A")}, TEXT, NONE, "e.jsonl")
