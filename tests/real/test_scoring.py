"""What real recognisers produced on PHOENIX, scored by us and by NIST sclite."""

import csv
import json

import pytest

from tests.sclite import sclite
from tf_slr.cli import main as cli
from tf_slr.formats.transcripts import Reference, Token, read_ctm, read_stm, write_ctm, write_stm
from tf_slr.scoring.cleanup import RULES
from tf_slr.scoring.scoresheet import score_transcripts
from tf_slr.scoring.wer import SCLITE, Errors, score

OUTPUTS = ["phoenix2014.dev.MSTNet", "phoenix2014.dev.TSRN-a", "phoenix2014.dev.TSRN-b", "phoenix2014T.dev.KD-MSLR"]


@pytest.fixture(params=OUTPUTS)
def output(request, real_data, tmp_path):
    """A recogniser's CTM, the STM, and the rules of the corpus."""
    folder = real_data / "recognizer_outputs"
    if (folder / f"{request.param}.ctm").is_file():
        return folder / f"{request.param}.ctm", folder / "phoenix2014.dev.stm", RULES["phoenix2014"]
    with (folder / f"{request.param}.csv").open(newline="") as stream:
        rows = {f"{number:04d}": row for number, row in enumerate(csv.DictReader(stream))}
    ctm, stm = tmp_path / "T.ctm", tmp_path / "T.stm"
    tokens = {
        name: [Token(g, i / 10, 0.1) for i, g in enumerate(row["hypothesis"].split())] for name, row in rows.items()
    }
    write_ctm(ctm, tokens)
    write_stm(stm, {name: Reference(tuple(row["reference"].split())) for name, row in rows.items()})
    return ctm, stm, RULES["phoenix2014T"]


def scored_by_sclite(hypotheses, references, folder):
    """Write both files as sclite wants them, and sum what it counts."""
    tokens = {name: [Token(g, i / 10, 0.1) for i, g in enumerate(glosses)] for name, glosses in hypotheses.items()}
    write_ctm(folder / "h.ctm", tokens)
    write_stm(folder / "r.stm", references)
    sentences = sclite(folder / "h.ctm", folder / "r.stm", folder / "sclite").values()
    assert len(sentences) == len(references)
    return sum((Errors(*sentence.counts) for sentence in sentences), Errors())


def test_agrees_with_sclite_before_and_after_clean_up(output, tmp_path):
    ctm, stm, rules = output
    hypotheses, references = read_ctm(ctm), read_stm(stm)
    raw = {name: [token.gloss for token in hypotheses.get(name, ())] for name in references}
    theirs = scored_by_sclite(raw, references, tmp_path)
    glosses = [list(reference.glosses) for reference in references.values()]
    assert score(glosses, list(raw.values()), SCLITE) == theirs
    assert score(glosses, list(raw.values())).wer == pytest.approx(theirs.wer, abs=1e-3)

    cleaned = {name: rules.hypothesis(sentence) for name, sentence in raw.items()}
    sheet = score_transcripts(hypotheses, references, rules)
    assert sheet.errors == scored_by_sclite(cleaned, references, tmp_path)
    assert sheet.errors.wer < theirs.wer
    assert not sheet.unclean  # dev references come cleaned


@pytest.mark.parametrize(("name", "wer"), [("MSTNet", 32.3), ("TSRN-a", 26.5), ("TSRN-b", 25.7)])
def test_score_prints_the_rate_of_the_corpus_own_evaluation(real_data, capsys, name, wer):
    # What evaluatePhoenix2014.sh and sclite 2.10 make of these files, to the digit they print.
    folder = real_data / "recognizer_outputs"
    files = ["--hyp", f"{folder}/phoenix2014.dev.{name}.ctm", "--ref", f"{folder}/phoenix2014.dev.stm"]
    assert cli.main(["score", *files, "--rules", "phoenix2014", "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    result = json.loads(out)
    assert (result["sentences"], result["glosses"]) == (540, 5540)
    assert round(100 * result["wer"], 1) == wer
