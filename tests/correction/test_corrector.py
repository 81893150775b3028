"""Correcting on a device: it repairs, it keeps what it does not know, and no input breaks it."""

import dataclasses
import inspect
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tiny_corrector import GLOSSES, errors_in, sentence, tiny_corrector
from tf_slr.cli.main import main
from tf_slr.core.errors import BundleError
from tf_slr.correction.corrector import DESCRIPTION, EDIT, GENERATE, MODELS, Corrector, windows
from tf_slr.correction.edits import Margins
from tf_slr.correction.generation import SearchOptions
from tf_slr.correction.symbols import recognised, text_slots
from tf_slr.formats.alternatives import Alternatives
from tf_slr.formats.transcripts import Token, read_ctm, write_ctm
from tf_slr.scoring.wer import score

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
WAYS = [(EDIT, 1, 1), (GENERATE, 1, 1), (GENERATE, 2, 1), (GENERATE, 2, 3)]


def corrector(method=EDIT, networks=1, width=1, margins=None):
    models = [(tiny_corrector() / name).read_bytes() for name in MODELS]
    description = dataclasses.replace(
        Corrector.load(tiny_corrector()).description, method=method, networks=networks,
        search=SearchOptions(width), margins=margins or Margins(0, 0, 0, 0),
    )  # fmt: skip
    return Corrector(models, description)


@pytest.fixture(scope="module")
def correctors():
    return {way: corrector(*way) for way in WAYS}


@pytest.mark.parametrize("way", WAYS)
def test_clear_errors_are_repaired_and_right_sentences_are_left_alone(way, correctors):
    rng = np.random.default_rng(9)
    truths = [sentence(rng) for _ in range(60)]
    wrong = errors_in(truths, rng)
    repaired = [[word.gloss for word in correctors[way].correct(text_slots(one))] for one in wrong]
    # Judging in place is what such little training is enough for; writing anew repairs less.
    left = 0.5 if way[0] == EDIT else 0.75
    assert score(truths, repaired).total < left * score(truths, wrong).total
    kept = [[word.gloss for word in correctors[way].correct(text_slots(one))] for one in truths]
    assert score(truths, kept).wer < 0.02


NAMES = st.sampled_from([*GLOSSES, "UNKNOWN", "?", "GÖTTINGEN", "__ON__", *(f"X{i}" for i in range(12))])
PAIRS = st.lists(st.tuples(NAMES, st.floats(0, 0.2)), min_size=1, max_size=5, unique_by=lambda pair: pair[0])


@st.composite
def slots(draw):
    pairs = sorted(draw(PAIRS), key=lambda pair: -pair[1])
    return Alternatives(0.0, 0.0, tuple(name for name, _ in pairs), tuple(p for _, p in pairs), draw(st.booleans()))


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=15)
@given(sentence=st.lists(slots(), max_size=34), text=st.lists(NAMES, max_size=34))
def test_any_sentence_gives_known_glosses_at_ascending_places(way, correctors, sentence, text):
    # Training sentences have up to 8 glosses.
    for given_slots in (sentence, text_slots(text)):
        words = correctors[way].correct(given_slots)
        places = [(word.first, word.stop) for word in words]
        assert places == sorted(places)
        occurring = {name for slot in given_slots for name in slot.glosses}
        for word in words:
            assert 0 <= word.first <= word.stop <= min(word.first + 1, len(given_slots))
            assert word.gloss in GLOSSES or word.gloss in occurring
        if not given_slots:
            assert words == []


def test_margins_that_nothing_reaches_leave_every_sentence_as_it_is():
    careful = corrector(margins=Margins.never())
    rng = np.random.default_rng(1)
    for one in errors_in([sentence(rng) for _ in range(10)], rng):
        words = careful.correct(text_slots([*one, "UNKNOWN"]))
        assert [word.gloss for word in words] == [*one, "UNKNOWN"]
        assert [word.first for word in words] == list(range(len(one) + 1))


def test_a_margin_is_what_separates_accepted_edits_from_others(correctors):
    every = correctors[EDIT, 1, 1].proposals(text_slots(["G01", "G02", "G09", "G04", "G05"]))
    top = max(every.candidates, key=lambda edit: edit.margin)
    just = corrector(margins=Margins(top.margin, np.inf, np.inf, np.inf))
    above = corrector(margins=Margins(np.nextafter(top.margin, 99), np.inf, np.inf, np.inf))
    glosses = text_slots(["G01", "G02", "G09", "G04", "G05"])
    assert [word.gloss for word in just.correct(glosses)] == ["G01", "G02", "G03", "G04", "G05"]
    assert [word.gloss for word in above.correct(glosses)] == ["G01", "G02", "G09", "G04", "G05"]


def test_probability_one_is_the_same_as_text_and_weak_evidence_opens_a_slot(correctors):
    judge = correctors[EDIT, 1, 1]
    plain = text_slots(["G01", "G02", "G09", "G04"])
    padded = [slot._replace(glosses=(*slot.glosses, "G15"), probabilities=(1.0, 0.0)) for slot in plain]
    margins = [max(edit.margin for edit in judge.proposals(one).candidates) for one in (plain, padded)]
    assert margins[0] == pytest.approx(margins[1], abs=0.05)
    doubt = Alternatives(0.0, 0.0, ("G09", "G03"), (0.5, 0.45), True)

    def margin_of(one):
        found = judge.proposals([*plain[:2], one, plain[3]]).candidates
        return next(edit.margin for edit in found if edit.place == 2 and not edit.gap)

    assert margin_of(doubt) > margin_of(plain[2]) + 3


@given(st.integers(0, 300), st.integers(1, 40))
def test_windows_decide_on_every_slot_once(count, size):
    found = windows(count, size)
    decided = [place for _, _, first, last in found for place in range(first, last)]
    assert decided == list(range(count))
    for start, stop, first, last in found:
        assert 0 <= start <= first <= last <= stop <= count
        assert stop - start <= size


def test_nothing_the_corrector_is_given_could_hold_a_reference():
    assert list(inspect.signature(Corrector.correct).parameters) == ["self", "slots"]
    assert set(Alternatives._fields) == {"start", "end", "glosses", "probabilities", "chosen"}


def test_it_runs_without_tensorflow():
    script = f"""
import sys
from tf_slr.correction.symbols import text_slots
from tf_slr.correction.corrector import Corrector
Corrector.load({str(tiny_corrector())!r}).correct(text_slots(["G01", "G02"]))
print({{name.split(".")[0] for name in sys.modules}} & {{"tensorflow", "keras_nlp", "cv2", "scipy"}})
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def damaged(tmp_path, **changes):
    root = shutil.copytree(tiny_corrector(), tmp_path / "damaged", dirs_exist_ok=True)
    content = json.loads((root / DESCRIPTION).read_text())
    (root / DESCRIPTION).write_text(json.dumps(content | changes))
    return root


@pytest.mark.parametrize("changes", [
    {"format": 1}, {"files": {}}, {"files": 3}, {"glosses": ["A", "A"]}, {"glosses": 3}, {"unknown": 1},
    {"networks": 3}, {"margins": None}, {"margins": {"replace": "x"}}, {"margins": {"other": 1.0}}, {"window": 0},
    {"window": 23},
    {"positions": 25}, {"rules": "other"}, {"method": "guess"}, {"search": {"width": 0}}, {"metrics": []},
])  # fmt: skip
def test_a_changed_description_is_refused(tmp_path, changes):
    with pytest.raises(BundleError):
        Corrector.load(damaged(tmp_path, **changes))


@pytest.mark.parametrize("glosses", [GLOSSES[:-1], (*GLOSSES, "MORE")])
def test_glosses_that_do_not_fit_the_network_are_refused_by_name(tmp_path, glosses):
    found = rf"first\.tflite: tells \d+ symbols apart, the {len(glosses)} glosses of corrector\.json need"
    with pytest.raises(BundleError, match=found):
        Corrector.load(damaged(tmp_path, glosses=glosses))


def test_a_flipped_bit_and_a_missing_file_are_refused_by_name(tmp_path):
    root = damaged(tmp_path)
    content = bytearray((root / MODELS[0]).read_bytes())
    content[len(content) // 2] ^= 1
    (root / MODELS[0]).write_bytes(content)
    with pytest.raises(BundleError, match=r"first\.tflite: is damaged"):
        Corrector.load(root)
    (root / MODELS[0]).unlink()
    with pytest.raises(BundleError, match=r"first\.tflite"):
        Corrector.load(root)
    with pytest.raises(BundleError, match="train-corrector"):
        Corrector.load(tmp_path / "nothing")


def test_a_ctm_is_repaired_with_times_in_order(tmp_path, capsys):
    hypotheses = {
        "a": [Token(f"G0{i}", 0.1 * place, 0.15) for place, i in enumerate((1, 2, 9, 4, 5))],
        "b": [Token("WHO", 0.5, 0.1)],
    }
    write_ctm(tmp_path / "in.ctm", hypotheses)
    bold = damaged(tmp_path, margins=dict.fromkeys(["replace", "delete", "insert", "rewrite"], 0.0))
    assert main(["correct", "--model", str(bold), "--hyp", str(tmp_path / "in.ctm"),
                 "--out", str(tmp_path / "out.ctm")]) == 0  # fmt: skip
    assert "changed 1 of 2 sentences" in capsys.readouterr().out
    found = read_ctm(tmp_path / "out.ctm")
    assert [token.gloss for token in found["a"]] == ["G01", "G02", "G03", "G04", "G05"]
    for before, after in zip(hypotheses["a"], found["a"], strict=True):
        assert after[1:] == pytest.approx(before[1:], abs=1e-3)
    assert found["b"] == hypotheses["b"]


def test_times_of_inserted_glosses_lie_between_their_neighbours():
    from tf_slr.correction.corrector import Corrected

    one = [Alternatives(0.4, 0.6, ("A",), (1.0,), True), Alternatives(1.0, 1.2, ("B",), (1.0,), True)]
    assert Corrected("X", 1, 1).token(one) == Token("X", 0.6, pytest.approx(0.4))
    assert Corrected("X", 0, 0).token(one) == Token("X", 0.0, pytest.approx(0.4))
    assert Corrected("X", 2, 2).token(one) == Token("X", 1.2, 0.0)
    assert Corrected("B", 1, 2).token(one) == Token("B", 1.0, pytest.approx(0.2))
    overlapping = [one[0]._replace(end=2.0), one[1]]
    assert 0.4 <= Corrected("X", 1, 1).token(overlapping).start <= 1.0
    assert recognised(one) == ["A", "B"]
