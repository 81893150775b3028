"""`tf-slr evaluate` writes CTM and STM that say what it says."""

import csv
import json
import shutil

import pytest

from tests.sclite import sclite
from tests.test_cli import tf_slr
from tf_slr.corpus.manifest import Corpus
from tf_slr.transcripts import read_ctm, read_stm


@pytest.mark.parametrize("options", [(), ("--beam", 4)], ids=["greedy", "beam"])
def test_scoring_the_written_files_gives_the_rate_that_was_printed(tiny_run, tiny_corpus, tmp_path, options):
    ctm, stm = tmp_path / "out" / "h.ctm", tmp_path / "r.stm"
    files = ("--ctm", ctm, "--stm", stm)
    stdout, stderr = tf_slr("evaluate", "--run", tiny_run, "--split", "test", "--json", *options, *files)
    evaluated = json.loads(stdout)
    assert stderr == f"wrote {ctm}\nwrote {stm}\n"
    stdout, stderr = tf_slr("score", "--hyp", ctm, "--ref", stm, "--rules", "none", "--json")
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


def test_sclite_reads_the_written_files(tiny_run, tmp_path):
    ctm, stm = tmp_path / "h.ctm", tmp_path / "r.stm"
    stdout, _ = tf_slr("evaluate", "--run", tiny_run, "--split", "test", "--ctm", ctm, "--stm", stm)
    assert stdout.startswith(f"wrote {ctm}\nwrote {stm}\n")
    counts = [sentence.counts for sentence in sclite(ctm, stm, tmp_path / "out").values()]
    scored = json.loads(tf_slr("score", "--hyp", ctm, "--ref", stm, "--rules", "phoenix2014", "--json")[0])
    assert tuple(map(sum, zip(*counts, strict=True)))[1:] == (
        scored["substitutions"], scored["deletions"], scored["insertions"],
    )  # fmt: skip


def test_a_reference_the_formats_cannot_hold_is_refused_before_the_work(tiny_run, tiny_corpus, tmp_path):
    corpus = shutil.copytree(tiny_corpus, tmp_path / "corpus")
    with (corpus / "test.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    rows[3]["glosses"] += " @"
    with (corpus / "test.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    files = ("--ctm", tmp_path / "h.ctm", "--stm", tmp_path / "r.stm")
    _, stderr = tf_slr("evaluate", "--run", tiny_run, "--corpus", corpus, "--split", "test", *files, code=1)
    assert stderr.startswith(f"error: {rows[3]['id']}: '@' means")
    assert not (tmp_path / "h.ctm").exists()
    assert not (tmp_path / "r.stm").exists()
