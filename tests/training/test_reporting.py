"""`tf-slr evaluate` writes files that say what it says, and asks the language model it is given."""

import csv
import json
import shutil
import subprocess
import sys

import pytest

from tests.cli.test_cli import ROOT, tf_slr
from tests.sclite import sclite
from tests.tiny_corrector import write_untrained_corrector
from tf_slr.cli import main as cli
from tf_slr.core.errors import UsageError
from tf_slr.core.glosses import Vocabulary
from tf_slr.corpus.manifest import Corpus
from tf_slr.correction.edits import Margins
from tf_slr.decoding.beam import BeamOptions
from tf_slr.decoding.kneser_ney import estimate
from tf_slr.decoding.ngram import write_arpa
from tf_slr.formats.alternatives import read_alternatives
from tf_slr.formats.transcripts import read_ctm, read_stm
from tf_slr.training.reporting import evaluate_model, gloss_model


@pytest.fixture
def command(capsys):
    """A function that runs the command in this process, which has loaded TensorFlow; returns (stdout, stderr)."""

    def run(*arguments, code=0):
        capsys.readouterr()
        assert cli.main([*map(str, arguments)]) == code
        return capsys.readouterr()

    return run


@pytest.mark.parametrize("options", [(), ("--beam", 4)], ids=["greedy", "beam"])
def test_scoring_the_written_files_gives_the_rate_that_was_printed(command, tiny_run, tiny_corpus, tmp_path, options):
    ctm, stm = tmp_path / "out" / "h.ctm", tmp_path / "r.stm"
    files = ("--ctm", ctm, "--stm", stm)
    stdout, stderr = command("evaluate", "--run", tiny_run, "--split", "test", "--json", *options, *files)
    evaluated = json.loads(stdout)
    assert stderr == f"wrote {ctm}\nwrote {stm}\n"
    stdout, stderr = command("score", "--hyp", ctm, "--ref", stm, "--rules", "none", "--json")
    scored = json.loads(stdout)
    kinds = ("wer", "substitutions", "deletions", "insertions", "glosses", "sentences")
    assert {kind: scored[kind] for kind in kinds} == {kind: evaluated[kind] for kind in kinds}
    corpus = Corpus(tiny_corpus)
    hypotheses, references = read_ctm(ctm), read_stm(stm)
    for sample, result in zip(corpus.split("test"), evaluated["results"], strict=True):
        tokens, reference = hypotheses.get(sample.id, []), references[sample.id]
        assert " ".join(token.gloss for token in tokens) == result["hypothesis"]
        assert reference.glosses == sample.glosses
        assert reference.speaker == sample.signer
        assert reference.end == pytest.approx(sample.frames / corpus.info.fps, abs=1e-3)
        # Times are those of the signs: in order, apart, and within the clip.
        ends = [0.0, *(token.start + token.duration for token in tokens)]
        starts = [*(token.start for token in tokens), reference.end]
        assert all(end <= start + 2e-3 for end, start in zip(ends, starts, strict=True))
        assert all(token.duration >= 4 / corpus.info.fps - 2e-3 for token in tokens[:-1])


def test_sclite_reads_the_written_files(command, tiny_run, tmp_path):
    ctm, stm = tmp_path / "h.ctm", tmp_path / "r.stm"
    stdout, _ = command("evaluate", "--run", tiny_run, "--split", "test", "--ctm", ctm, "--stm", stm)
    assert stdout.startswith(f"wrote {ctm}\nwrote {stm}\n")
    counts = [sentence.counts for sentence in sclite(ctm, stm, tmp_path / "out").values()]
    scored = json.loads(command("score", "--hyp", ctm, "--ref", stm, "--rules", "phoenix2014", "--json")[0])
    assert tuple(map(sum, zip(*counts, strict=True)))[1:] == (
        scored["substitutions"], scored["deletions"], scored["insertions"],
    )  # fmt: skip


def test_a_reference_the_formats_cannot_hold_is_refused_before_the_work(command, tiny_run, tiny_corpus, tmp_path):
    corpus = shutil.copytree(tiny_corpus, tmp_path / "corpus")
    with (corpus / "test.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    rows[3]["glosses"] += " @"
    with (corpus / "test.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    files = ("--ctm", tmp_path / "h.ctm", "--stm", tmp_path / "r.stm")
    _, stderr = command("evaluate", "--run", tiny_run, "--corpus", corpus, "--split", "test", *files, code=1)
    assert stderr.startswith(f"error: {rows[3]['id']}: '@' means")
    assert not (tmp_path / "h.ctm").exists()
    assert not (tmp_path / "r.stm").exists()


@pytest.fixture(scope="module")
def ngram(tmp_path_factory, tiny_corpus):
    """A bigram of the tiny corpus, made by the command."""
    path = tmp_path_factory.mktemp("ngram") / "tiny.arpa"
    stdout, _ = tf_slr("train-ngram", "--corpus", tiny_corpus, "--order", 2, "--out", path)
    assert stdout.startswith("64 sentences, 4 glosses, order 2, perplexity on its own text ")
    assert stdout.endswith(f"wrote {path}\n")
    return path


def test_alternatives_are_those_of_the_greedy_sentences(tiny_run, tiny_corpus, tmp_path):
    path = tmp_path / "x.jsonl"
    summary, _ = evaluate_model(tiny_run, None, None, "test", alternatives=path)
    corpus, kept = Corpus(tiny_corpus), read_alternatives(path)
    for sample, result in zip(corpus.split("test"), summary["results"], strict=True):
        slots = kept[sample.id]
        assert " ".join(slot.glosses[0] for slot in slots if slot.chosen) == result["hypothesis"]
        assert all(slot.end <= sample.frames / corpus.info.fps + 1e-3 for slot in slots)
    assert {key for line in path.read_text().splitlines() for key in json.loads(line)} == {"id", "slots"}


def test_the_language_model_is_asked_with_its_weight(tiny_run, ngram):
    def hypotheses(beam, model=None):
        summary, _ = evaluate_model(tiny_run, None, None, "test", beam, model)
        return [result["hypothesis"] for result in summary["results"]]

    plain = hypotheses(BeamOptions(8))
    assert hypotheses(BeamOptions(8, weight=0.0), ngram) == plain
    # So heavy a model wants sentences as short as it has seen them; so large a bonus the longest.
    heavy, long = hypotheses(BeamOptions(8, weight=30.0), ngram), hypotheses(BeamOptions(8, insertion=30.0))
    assert len("".join(heavy)) < len("".join(plain)) < len("".join(long))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--ngram", "x.arpa"), "--ngram and --insertion need --beam"),
        (("--insertion", "1"), "--ngram and --insertion need --beam"),
        (("--beam", "4", "--ngram-weight", "0.5"), "--ngram-weight needs --ngram"),
        (
            ("--beam", "4", "--ngram", "x.arpa", "--ngram-weight", "-1"),
            "beam.weight: expected from 0 to 1000",
        ),
        (("--beam", "-4"), "beam.width: expected from 1 to 10000, received -4"),
        (("--beam", "1000000"), "beam.width: expected from 1 to 10000, received 1000000"),
    ],
)
def test_options_that_would_do_nothing_are_refused(tiny_run, ngram, capsys, options, message):
    options = [str(ngram) if option == "x.arpa" else option for option in options]
    assert cli.main(["evaluate", "--run", str(tiny_run), *options]) == 1
    assert message in capsys.readouterr().err


def test_a_language_model_of_other_glosses_is_refused(tmp_path):
    ngram = estimate([["RAIN", "SNOW"]], 2)
    with pytest.raises(UsageError, match="knows none of the model's glosses, such as UP"):
        gloss_model(ngram, Vocabulary(("UP", "DOWN")), tmp_path / "x.arpa")
    with pytest.raises(UsageError, match=r"such as rain \(it has 'RAIN' for 'rain'\)"):
        gloss_model(ngram, Vocabulary(("rain", "snow")), tmp_path / "x.arpa")


def test_a_corpus_of_other_names_says_why_nothing_matches(command, tiny_run, tiny_corpus, tmp_path):
    corpus = shutil.copytree(tiny_corpus, tmp_path / "corpus")
    with (corpus / "test.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    with (corpus / "test.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | {"glosses": row["glosses"].lower()} for row in rows)
    write_arpa(tmp_path / "x.arpa", estimate([["UP", "OTHER"]], 2))
    options = ("--run", tiny_run, "--corpus", corpus, "--split", "test", "--beam", "2", "--ngram", tmp_path / "x.arpa")
    stdout, stderr = command("evaluate", *options, "--json")
    result = json.loads(stdout)
    assert result["wer"] >= 0.9
    assert [f"note: {note}" for note in result["notes"]] == stderr.splitlines()
    assert "100% of the references' glosses are among those of the recogniser in another case" in stderr
    assert "x.arpa: knows 1 of 4 glosses of the recogniser" in stderr


def test_tuning_finds_the_pair_that_evaluate_then_confirms(command, tiny_run, ngram, tmp_path):
    out = tmp_path / "tuning.json"
    tool = [sys.executable, ROOT / "tools/tune_decoding.py", "--run", tiny_run, "--ngram", ngram, "--out", out,
               "--weights", 0, 0.5, "--insertions", 0, 1]  # fmt: skip
    done = subprocess.run(list(map(str, tool)), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    rates = {(one["weight"], one["insertion"]): one["wer"] for one in result["grid"]}
    assert rates.keys() == {(0.0, 0.0), (0.0, 1.0), (0.5, 0.0), (0.5, 1.0)}
    assert rates[0.0, 0.0] == result["without"]["wer"]
    best = result["best"]
    assert best["wer"] == min(rates.values())
    options = f"--beam 10 --ngram-weight {best['weight']:g} --insertion {best['insertion']:g}"
    assert f"best: {options} ({100 * best['wer']:.2f} %)" in done.stdout
    stdout, _ = command(
        "evaluate", "--run", tiny_run, "--split", "dev", "--json", "--ngram", ngram, *options.split(),
        "--alternatives", tmp_path / "x.jsonl",
    )  # fmt: skip
    assert json.loads(stdout)["wer"] == best["wer"]
    assert (tmp_path / "x.jsonl").is_file()


@pytest.mark.slow
def test_ways_to_decode_are_compared_as_evaluate_decodes(command, tiny_run, tiny_corpus, tmp_path):
    """Greedily as `evaluate` does; and without --test nothing of test is looked at."""
    corpus = Corpus(tiny_corpus)
    glosses = corpus.vocabulary().glosses
    corrector = write_untrained_corrector(tmp_path / "corrector", glosses, glosses[0], Margins.never())
    tool = [sys.executable, ROOT / "tools/compare_correction.py", "--run", tiny_run, "--corrector", corrector,
               "--out", tmp_path / "ways.json"]  # fmt: skip
    results = {}
    for more in ([], ["--test"]):
        done = subprocess.run(list(map(str, tool + more)), cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        results[bool(more)] = json.loads((tmp_path / "ways.json").read_text())
    assert "test" not in results[False]
    assert results[False]["dev"] == results[True]["dev"]
    for split in ("dev", "test"):
        stdout, _ = command("evaluate", "--run", tiny_run, "--split", split, "--json")
        assert results[True][split]["greedy"]["wer"] == json.loads(stdout)["wer"]
        assert f"{100 * results[True][split]['n-gram']['wer']:.2f}" in done.stdout
        # This corrector never changes anything.
        assert results[True][split]["edited"] == results[True][split]["greedy"]
    assert results[True]["dev"].keys() == {"greedy", "edited", *results[True]["weights"]}
