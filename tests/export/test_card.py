"""The model card: it says what is in the bundle, and never more than was measured."""

import copy
import hashlib
import math

import pytest

from export.card import model_card
from tf_slr import __version__
from tf_slr.core import files
from tf_slr.correction.corrector import Description
from tf_slr.correction.edits import Margins
from tf_slr.runtime.bundle import read_bundle


def rate(wer):
    return {"wer": wer, "substitutions": 1, "deletions": 1, "insertions": 1, "glosses": 12}


DESCRIPTION = {
    "files": {"student.tflite": "ab" * 32, "vocabulary.json": "cd" * 32},
    "bytes": {"student.tflite": 3_000_000, "vocabulary.json": 77},
    "classes": 81,
    "input": "landmarks",
    "normalisation": {"version": 1, "part_gain": 4.0, "pose_z_gain": 0.0, "limit": 4.0},
    "corpus": {"name": "made-up", "language": "none", "unit": "gloss", "fps": 25.0, "licence": "free to use",
               "landmark_source": "a model", "synthetic": True},
    "training": {"sentences": 1600, "hours": 1.2345, "signers": 5},
    "quantisation": {"variant": "integer", "weights": "fine-tuned", "calibration": ["a", "b", "c"],
                     "dev_wer": {"post-training": 0.321, "fine-tuned": 0.1234}},
    "metrics": {
        "dev_wer_fp32": 0.12, "dev_wer_int8": 0.1234, "dev_sentences": 160, "bytes_fp32": 12_000_000,
        "dev_groups": {
            "FP32": {"all signers": rate(0.12), "known signers": rate(0.1), "held-out signers": rate(0.2)},
            "INT8": {"all signers": rate(0.1234), "known signers": rate(0.11), "held-out signers": rate(0.22)},
        },
    },
}  # fmt: skip
CORRECTOR = Description(
    ("A", "B"), "gloss", "none", 30, 32, margins=Margins(1.5, 2.5, math.inf, math.inf),
    metrics={"dev_sentences": 160, "before": rate(0.1234),
             "methods": {"edit 1": {"always": rate(0.3), "with margins": rate(0.0987)}}},
)  # fmt: skip


def changed(**values):
    """The description with other values, named section__key."""
    description = copy.deepcopy(DESCRIPTION)
    for path, value in values.items():
        section, _, key = path.partition("__")
        description[section] = description[section] | {key: value} if key else value
    return description


def line_with(card, words):
    (line,) = [line for line in card.splitlines() if words in line]
    return line


def test_it_says_what_was_measured_and_on_what():
    card = model_card(DESCRIPTION, CORRECTOR)
    assert "| all signers, made-up (synthetic) | 12 | 12.00 % | 12.34 % |" in card
    assert "| known signers, made-up (synthetic) | 12 | 10.00 % | 11.00 % |" in card
    assert "| held-out signers, made-up (synthetic) | 12 | 20.00 % | 22.00 % |" in card
    assert "1600 sentences, 1.23 hours, signers: 5" in card
    assert "80 of them" in card
    assert "licence: free to use" in card
    assert "version 1, part_gain 4, pose_z_gain 0, limit 4" in card
    assert "25 a second" in card
    assert "Variant: integer, INT8; weights: fine-tuned" in card
    assert "Calibration: 3 clips of the training split" in card
    assert f"| `student.tflite` | 3000000 | `{'ab' * 32}` |" in card
    assert "FP32 takes 12.00 MB" in card
    assert __version__ in card
    assert "tf-slr evaluate --bundle BUNDLE --corpus CORPUS --split test" in card


def test_every_figure_of_a_synthetic_corpus_says_so_in_its_line():
    card = model_card(DESCRIPTION, CORRECTOR)
    figures = [line for line in card.splitlines() if "%" in line or "hours" in line]
    assert len(figures) == 6
    assert all("synthetic" in line for line in figures)
    assert "nobody signed it" in card
    real = model_card(changed(corpus__synthetic=False), CORRECTOR)
    assert "synthetic" not in real


def test_it_says_of_its_corrector_what_dev_says():
    card = model_card(DESCRIPTION, CORRECTOR)
    assert "Method: edit, networks: 1" in card
    assert "replace 1.5, delete 2.5, insert never, rewrite never" in card
    assert "12.34 % before, 9.87 % after (160 sentences)" in card
    unmeasured = model_card(DESCRIPTION, Description(("A",), "gloss", "none", 30, 32))
    assert "not chosen on dev" in unmeasured
    assert "None: sentences come out as the student" in model_card(DESCRIPTION)


def test_it_admits_that_nobody_was_held_out():
    groups = {name: {"all signers": rate(0.5)} for name in ("FP32", "INT8")}
    assert "no held-out signer" in model_card(changed(metrics__dev_groups=groups))
    assert "no held-out signer" not in model_card(DESCRIPTION)


def test_rates_that_are_none_are_called_undefined():
    groups = {name: {"all signers": rate(None)} for name in ("FP32", "INT8")}
    assert "| 12 | undefined | undefined |" in model_card(changed(metrics__dev_groups=groups))


def test_a_student_that_reads_video_is_described():
    card = model_card(changed(input="frames", frames={"size": 56, "margin": 1.14}))
    assert "squeezed and cropped to 56 x 56 pixels" in line_with(card, "RGB pictures")
    assert "MediaPipe" not in card


@pytest.mark.parametrize("name", ["a | b", "two\nlines", "<img src=x>", "# heading"])
def test_a_corpus_cannot_write_tables_or_lines_of_its_own(name):
    plain, card = model_card(DESCRIPTION), model_card(changed(corpus__name=name, corpus__licence=name))
    assert len(card.splitlines()) == len(plain.splitlines())
    assert card.replace("\\|", "").count("|") == plain.count("|")
    assert "<" not in card


def test_the_card_of_an_export_is_hashed_and_tells_of_it(tiny_bundle):
    description = read_bundle(tiny_bundle).description
    card = files.read_text(tiny_bundle / "MODEL_CARD.md")
    assert description["files"]["MODEL_CARD.md"] == hashlib.sha256(card.encode()).hexdigest()
    assert f"{100 * description['metrics']['dev_wer_int8']:.2f} %" in line_with(card, "| all signers")
    assert description["files"]["student.tflite"] in card
    assert str(tiny_bundle) not in card


def test_it_says_what_a_missing_depth_costs():
    assert "z is missing" not in model_card(DESCRIPTION)
    card = model_card(changed(metrics__dev_wer_without_depth=0.3))
    assert "WER 30.00 % on dev, made-up (synthetic)" in line_with(card, "z is missing")
