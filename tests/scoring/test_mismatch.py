"""An error rate near 100 % says why where the glosses cannot match, and says nothing where they can."""

import json

import pytest

from tf_slr.cli.main import main
from tf_slr.scoring.mismatch import known_notes, name_notes

REFERENCES = [["RAIN", "NORTH"], ["RAIN", "A\u0308"]]


@pytest.mark.parametrize(
    ("names", "note"),
    [
        (["rain", "north"], "75% of the references' glosses are among those of X in another case or form only "
                            "('north' for 'NORTH', 'rain' for 'RAIN'), and count as errors; write both in one way"),
        (["RAIN", "NORTH", "\u00c4"], "25% of the references' glosses are among those of X in another case or form"),
        (["SOL", "MAR"], "no gloss of the references (A\u0308, NORTH, RAIN) is among those of X (MAR, SOL), so that"),
        (["RAIN"], None), (["RAIN", "rain", "NORTH"], None), ([], None),
    ],
)  # fmt: skip
def test_names_that_cannot_match_are_noted(names, note):
    notes = name_notes(REFERENCES, names, "X")
    assert len(notes) == (note is not None)
    assert all(line.startswith(note) for line in notes)


def test_a_model_that_hardly_knows_the_glosses_is_noted():
    (note,) = known_notes({"rain", "snow", "SUN"}, ["RAIN", "SNOW", "SUN"], "x.arpa", "the recogniser")
    assert note.startswith("x.arpa: knows 1 of 3 glosses of the recogniser, and not 'RAIN' where it has 'rain', 'SNOW'")
    assert known_notes({"A"}, ["A", "B"], "x.arpa", "the recogniser") == []
    assert known_notes({"A"}, [], "x.arpa", "the recogniser") == []


@pytest.fixture
def files(tmp_path):
    (tmp_path / "x.ctm").write_text("a 1 0.0 0.1 rain\na 1 0.2 0.1 north\n")
    (tmp_path / "y.stm").write_text("a 1 s 0 1 RAIN NORTH\n")
    return tmp_path


def test_score_says_why_in_a_line_and_in_json(files, capsys):
    command = ["score", "--hyp", str(files / "x.ctm"), "--ref", str(files / "y.stm")]
    assert main([*command, "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["wer"] == 1
    (note,) = json.loads(out)["notes"]
    assert err == f"note: {note}\n"
    assert "'rain' for 'RAIN'" in note
    assert main([*command, "--rules", "phoenix2014"]) == 0  # to which case is nothing
    assert capsys.readouterr().err == ""


def test_an_ngram_of_cleaned_text_says_that_it_does_not_know_the_corpus(files, capsys):
    from tf_slr.corpus.manifest import CorpusInfo, Sample, write_corpus

    samples = [Sample(f"{i}", "s", 40, ("loc-NORD", "cl-KOMMEN", "REGEN")) for i in range(3)]
    write_corpus(files / "c", CorpusInfo("c", "x"), {"train": samples})
    command = ["train-ngram", "--corpus", str(files / "c"), "--order", "2", "--out"]
    assert main([*command, str(files / "a.arpa"), "--rules", "phoenix2014"]) == 0
    assert "a.arpa: knows 1 of 3 glosses of the corpus, and not 'cl-KOMMEN', 'loc-NORD'" in capsys.readouterr().err
    assert main([*command, str(files / "b.arpa")]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("rules", ["phoenix2014", "none"])
def test_published_outputs_have_no_such_note(real_data, capsys, rules):
    folder = real_data / "recognizer_outputs"
    command = ["--hyp", str(folder / "phoenix2014.dev.MSTNet.ctm"), "--ref", str(folder / "phoenix2014.dev.stm")]
    assert main(["score", *command, "--rules", rules]) == 0
    assert "case or form" not in (said := capsys.readouterr().err)
    assert "of one corpus" not in said
