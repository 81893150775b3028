"""The bias on the blank: chosen on dev where it helps by more than chance, and then in everything that recognises."""

import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.convert import convert
from tf_slr.cli.main import main
from tf_slr.core import files
from tf_slr.core.glosses import BLANK, Vocabulary
from tf_slr.corpus.manifest import Corpus, Sample
from tf_slr.features.splits import load_split
from tf_slr.runtime.student import Student
from tf_slr.training.blank_bias import GRID, Tally, shifted
from tf_slr.training.evaluation import network_logits
from tf_slr.training.networks import stream_of
from tf_slr.training.runs import Run
from tf_slr.training.teacher import SEQUENCE, Teacher

VOCABULARY = Vocabulary(("A", "B", "C"))


def clip(spoken: list[tuple[str, float]]) -> tuple[np.ndarray, Sample]:
    """Logits of a clip whose glosses' logits are so far above those of the blank, and its reference."""
    logits = np.full((3 * len(spoken) + 1, 4), -10.0, np.float32)
    logits[:, BLANK] = 0
    for place, (gloss, height) in enumerate(spoken):
        logits[3 * place + 1, VOCABULARY.encode([gloss])] = height
    glosses = tuple(gloss for gloss, _ in spoken)
    return logits, Sample("id", "signer", len(logits) * 4, glosses, "", "", "")


def tally(clips):
    logits, samples = zip(*clips, strict=True)
    return Tally.of(logits, samples, VOCABULARY)


def test_glosses_left_out_for_the_blank_are_brought_back():
    clips = [clip([("A", 2.0), ("B", -1.7), ("C", 1.0)])] * 8
    assert tally(clips).choice() == (-2.0, 0.0)
    # Who puts in what nobody signed is held back.
    logits, sample = clip([("A", 4.0), ("B", 1.3)])
    noisy = [(logits, replace(sample, glosses=("A",)))] * 8
    assert tally(noisy).choice() == (1.5, 0.0)


@pytest.mark.parametrize(("helped", "bias"), [(0, 0.0), (1, 0.0), (3, 0.0), (5, -0.5), (50, -0.5)])
def test_what_helps_few_sentences_may_be_chance(helped, bias):
    clips = [clip([("A", 2.0), ("B", -0.2)])] * helped + [clip([("A", 2.0), ("B", 2.0)])] * (50 - helped)
    found, wer = tally(clips).choice()
    assert found == bias
    assert wer == (0 if bias else helped / 100)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_few_sentences_that_gain_alike_prove_nothing(count):
    assert tally([clip([("A", 2.0), ("B", -0.2)])] * count).choice()[0] == 0.0


@given(st.lists(st.lists(st.tuples(st.sampled_from("ABC"), st.floats(-4, 4)), min_size=1, max_size=4), min_size=1),
       st.integers(1, 3))  # fmt: skip
def test_parts_of_dev_add_up(sentences, workers):
    clips = [clip(sentence) for sentence in sentences]
    parts = [Tally.of([logits for logits, _ in clips[first::workers]], [sample for _, sample in clips[first::workers]],
                      VOCABULARY).numbers for first in range(workers)]  # fmt: skip
    whole = tally(clips)
    assert Tally.from_numbers(np.sum(parts, 0).tolist()) == whole
    bias, wer = whole.choice()
    assert bias in GRID
    assert wer <= whole.errors[0] / whole.glosses


# So much that a student says nothing, whatever the last digits of its logits are on this processor.
SILENCING = 50.0


@pytest.fixture
def biased(tiny_run, tmp_path):
    """A run whose bias is so strong that it recognises nothing."""
    root = shutil.copytree(tiny_run, tmp_path / "run")
    summary = files.read_json(root / "summary.json")
    assert summary["blank_bias"] in GRID
    files.write_json(root / "summary.json", summary | {"blank_bias": SILENCING})
    return Run(root)


def test_a_run_and_its_file_recognise_with_the_bias(biased, tiny_run, capsys):
    corpus = biased.corpus()
    dev = load_split(corpus, "dev")
    stream = stream_of(biased.recipe.model, biased.recipe.features, corpus, dev)
    raw, found = (list(network_logits(biased.network(bias), stream, dev.frames)) for bias in (False, True))
    student = Student(convert(biased.network()))
    for i, (before, after) in enumerate(zip(raw, found, strict=True)):
        expected = shifted(before, SILENCING)
        assert np.allclose(after, expected, atol=1e-2)
        assert np.allclose(student.logits(stream.shown(i, None)), expected, atol=1e-2)
        assert (expected.argmax(-1) == BLANK).all()
        assert (before.argmax(-1) != BLANK).any()
    for root, wer in ((biased.root, r"100\.00"), (tiny_run, r"\d?\d\.\d\d")):
        assert main(["evaluate", "--run", str(root), "--split", "dev"]) == 0
        assert re.search(rf"dev, all +WER +{wer} %", capsys.readouterr().out)


def test_a_teacher_says_what_it_learned(biased):
    corpus: Corpus = biased.corpus()
    dev = load_split(corpus, "dev")
    _, sequence = Teacher(biased.root, corpus, biased.vocabulary).kept(dev)
    assert sequence.name == SEQUENCE
    stream = stream_of(biased.recipe.model, biased.recipe.features, corpus, dev)
    for i, expected in enumerate(network_logits(biased.network(biased=False), stream, dev.frames)):
        assert np.allclose(sequence.shown(i, None), expected, rtol=2e-3, atol=2e-3)
