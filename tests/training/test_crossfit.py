"""Cross-fitting: the division, and evidence of clips that the recogniser has not seen."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.test_cli import tf_slr
from tf_slr.core.errors import UsageError
from tf_slr.corpus.manifest import Corpus, Sample
from tf_slr.formats.alternatives import read_alternatives
from tf_slr.scoring.wer import describe, score
from tf_slr.training.crossfit import crossfit, deal
from tf_slr.training.recipe import load_recipe
from tf_slr.training.reporting import evaluate_model
from tf_slr.training.runs import Run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
# As many steps on half of the clips as the recipe makes on all.
QUICK = ("training.epochs=16", "training.evaluate_every=8")

sentences = st.lists(st.sampled_from("ABCDE"), min_size=1, max_size=3).map(tuple)
collections = st.lists(st.tuples(sentences, st.sampled_from(["anna", "ben"])), min_size=2, max_size=40).map(
    lambda rows: [Sample(str(i), signer, 99, glosses) for i, (glosses, signer) in enumerate(rows)]
)


@hypothesis.settings(max_examples=40)
@given(collections, st.integers(2, 4), st.integers(0, 99))
def test_every_fold_has_clips_and_no_sentence_is_in_two(samples, folds, seed):
    if len({sample.glosses for sample in samples}) < folds:
        with pytest.raises(UsageError, match="different sentence"):
            deal(samples, folds, seed)
        return
    numbers = deal(samples, folds, seed)
    assert set(numbers) == set(range(folds))
    assert numbers == deal(samples, folds, seed)
    assert len({(s.glosses, n) for s, n in zip(samples, numbers, strict=True)}) == len({s.glosses for s in samples})


def test_signers_and_glosses_are_shared_out_evenly():
    glosses = [f"G{i}" for i in range(40)]
    samples = [
        Sample(f"{i}", f"signer{i % 3}", 99, (glosses[i % 40], glosses[(i * 7 + i // 40) % 40], f"N{i}"))
        for i in range(400)
    ]
    for seed in range(3):
        dealt = Counter()
        for sample, number in zip(samples, deal(samples, 2, seed), strict=True):
            dealt.update([(sample.signer, number), *((gloss, number) for gloss in sample.glosses[:2])])
        assert all(abs(dealt[f"signer{i}", 0] - dealt[f"signer{i}", 1]) <= 6 for i in range(3))
        assert all(min(dealt[gloss, 0], dealt[gloss, 1]) >= 5 for gloss in glosses)
    assert deal(samples, 2, 0) != deal(samples, 2, 1)


def test_too_few_folds_are_refused():
    with pytest.raises(UsageError, match="received 1"):
        deal([Sample("a", "x", 9, ("A",)), Sample("b", "x", 9, ("B",))], 1, 0)


def options(corpus, recipe, out):
    """The command line of a quick cross-fitting."""
    settings = [word for setting in QUICK for word in ("--set", setting)]
    return ["crossfit", "--corpus", corpus, "--recipe", recipe, "--out", out, *settings]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory, tiny_corpus, tiny_recipe):
    """A finished cross-fitting, and what the command printed."""
    out = tmp_path_factory.mktemp("crossfit") / "out"
    stdout, _ = tf_slr(*options(tiny_corpus, tiny_recipe, out))
    return out, stdout


def test_every_clip_is_recognised_by_a_run_that_has_not_seen_it(fitted, tiny_corpus):
    out, stdout = fitted
    samples = Corpus(tiny_corpus).split("train")
    kept = read_alternatives(out / "train.jsonl")
    assert list(kept) == [sample.id for sample in samples]
    halves = []
    for number in (1, 2):
        fold = Corpus(out / f"fold-{number}/corpus")
        train, test = ({sample.id for sample in fold.split(name)} for name in ("train", "test"))
        assert json.loads((out / f"fold-{number}/run/corpus.json").read_text())["path"] == str(fold.root.resolve())
        assert train | test == kept.keys()
        assert not {s.glosses for s in fold.split("train")} & {s.glosses for s in fold.split("test")}
        assert [sample.id for sample in fold.split("dev")] == [sample.id for sample in Corpus(tiny_corpus).split("dev")]
        # What the fold's own run says of its held-out clips is what stands in the file.
        summary, _ = evaluate_model(out / f"fold-{number}/run", None, None, "test")
        for result in summary["results"]:
            sentence = [slot.glosses[0] for slot in kept[result["id"]] if slot.chosen]
            assert " ".join(sentence) == result["hypothesis"]
        halves.append(test)
        assert f"fold {number} of 2: {len(test)} clips held out, WER " in stdout
    assert not halves[0] & halves[1]


def test_errors_are_those_of_the_held_out_clips(fitted, tiny_corpus):
    out, stdout = fitted
    kept = read_alternatives(out / "train.jsonl")
    samples = Corpus(tiny_corpus).split("train")
    errors = score([s.glosses for s in samples], [[x.glosses[0] for x in kept[s.id] if x.chosen] for s in samples])
    written = json.loads((out / "crossfit.json").read_text())
    assert errors.wer < 0.5  # it has learnt what can be learnt of half the clips
    assert f"held out: {describe(written)}" in stdout
    assert {name: written[name] for name in errors.summary()} == errors.summary()
    assert written["rates"]["deletion"] == errors.deletions / errors.reference
    assert sum(fold["glosses"] for fold in written["folds"]) == errors.reference


def test_a_finished_fold_is_not_computed_again_and_a_damaged_one_is_refused(fitted, tiny_corpus, tiny_recipe):
    out, _ = fitted
    before = (out / "train.jsonl").read_bytes()
    marks = {path: path.stat().st_mtime_ns for path in out.glob("fold-*/run/*")}
    again = crossfit(Corpus(tiny_corpus), load_recipe(str(tiny_recipe), QUICK), out)
    assert again.evidence.read_bytes() == before
    assert {path: path.stat().st_mtime_ns for path in out.glob("fold-*/run/*")} == marks
    with pytest.raises(UsageError, match="holds a run on another corpus or division"):
        crossfit(Corpus(tiny_corpus), load_recipe(str(tiny_recipe), QUICK), out, seed=1)
    # What was refused has changed nothing.
    assert crossfit(Corpus(tiny_corpus), load_recipe(str(tiny_recipe), QUICK), out).evidence.read_bytes() == before
    Run(out / "fold-1/run").corpus()
    with pytest.raises(UsageError, match="another recipe"):
        crossfit(Corpus(tiny_corpus), load_recipe(str(tiny_recipe), (*QUICK, "training.batch=4")), out)


def test_recipes_that_would_leak_or_cannot_work_are_refused(tmp_path, tiny_corpus, tiny_recipe):
    taught, begun = ("distill.teacher=x", "distill.conv=1.0"), (f"training.init={json.dumps(str(tmp_path))}",)
    refused = {taught: "has seen the clips", begun: "has seen the clips", ("features.source=shards",): "a fold is none"}
    for settings, message in refused.items():
        recipe = load_recipe(str(tiny_recipe), settings)
        with pytest.raises(UsageError, match=message):
            crossfit(Corpus(tiny_corpus), recipe, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_killed_in_the_second_fold_it_goes_on_and_ends_the_same(fitted, tmp_path, tiny_corpus, tiny_recipe):
    out = tmp_path / "out"
    command = [sys.executable, "-m", "tf_slr", *options(tiny_corpus, tiny_recipe, out)]
    process = subprocess.Popen(list(map(str, command)), cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 300
        while not (out / "fold-2/run/last.npz").is_file():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.wait()
    assert not (out / "train.jsonl").exists()
    first = (out / "fold-1/run/best.npz").stat().st_mtime_ns
    stdout, _ = tf_slr(*options(tiny_corpus, tiny_recipe, out))
    assert f"wrote {out / 'train.jsonl'}" in stdout
    assert (out / "fold-1/run/best.npz").stat().st_mtime_ns == first
    assert (out / "train.jsonl").read_bytes() == (fitted[0] / "train.jsonl").read_bytes()
    assert (out / "crossfit.json").read_bytes() == (fitted[0] / "crossfit.json").read_bytes()
