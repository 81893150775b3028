"""Training: it learns, repeats, resumes after SIGKILL, and refuses what does not fit."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.shared import all_cores
from tf_slr.core import files
from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.locks import locked
from tf_slr.corpus.manifest import Corpus
from tf_slr.correction.training.recipe import load_corrector_recipe
from tf_slr.synth.signsynth import SignsynthOptions, write_signsynth
from tf_slr.training import checkpoints
from tf_slr.training.recipe import Recipe, load_recipe
from tf_slr.training.runs import Run
from tf_slr.training.schedule import Linear, OneCycle
from tf_slr.training.trainer import Trainer

ROOT = Path(__file__).parents[2]


def train(corpus, run, recipe, *extra):
    command = [sys.executable, "-m", "tf_slr", "train", "--corpus", corpus, "--run", run, "--recipe", recipe, *extra]
    return subprocess.Popen(
        list(map(str, command)), cwd=ROOT, env=all_cores(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_it_learns_and_records_the_run(tiny_run):
    summary = files.read_json(tiny_run / "summary.json")
    assert summary["dev_wer"] < 0.3
    lines = [json.loads(line) for line in (tiny_run / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == list(range(1, 9))
    assert lines[-1]["loss"] < lines[0]["loss"] / 3
    assert min(line["dev_wer"] for line in lines) == summary["dev_wer"]
    assert lines[summary["best_epoch"] - 1]["dev_wer"] == summary["dev_wer"]
    assert {path.name for path in tiny_run.iterdir()} >= {"best.npz", "corpus.json", "last.npz", "metrics.jsonl"}
    assert not list(tiny_run.glob(".tmp*"))


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_with_the_weights_of_an_unbroken_run(
    tmp_path, tiny_corpus, tiny_recipe, tiny_run
):
    rng, run = random.Random(1), tmp_path / "run"
    for _ in range(3):
        process = train(tiny_corpus, run, tiny_recipe)
        deadline = time.monotonic() + 60
        seen = (run / "last.npz").stat().st_mtime_ns if (run / "last.npz").exists() else 0
        while process.poll() is None and time.monotonic() < deadline:
            if (run / "last.npz").exists() and (run / "last.npz").stat().st_mtime_ns > seen:
                break
            time.sleep(0.02)
        time.sleep(rng.uniform(0, 0.7))
        process.send_signal(signal.SIGKILL)
        process.wait()
    process = train(tiny_corpus, run, tiny_recipe)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    unbroken, resumed = files.read_npz(tiny_run / "last.npz"), files.read_npz(run / "last.npz")
    for name in unbroken:
        if name != "state":  # which holds the time taken
            assert np.array_equal(unbroken[name], resumed[name]), name
    assert [line["dev_wer"] for line in Run(run).metrics()] == [line["dev_wer"] for line in Run(tiny_run).metrics()]
    best = [files.read_npz(root / "best.npz") for root in (run, tiny_run)]
    assert all(np.array_equal(best[0][name], best[1][name]) for name in best[0])


def test_a_finished_run_is_left_as_it_is(tmp_path, tiny_corpus, tiny_recipe, tiny_run):
    run = shutil.copytree(tiny_run, tmp_path / "run")
    before = (run / "best.npz").read_bytes()
    process = train(tiny_corpus, run, tiny_recipe)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert (run / "best.npz").read_bytes() == before


def test_another_recipe_or_corpus_is_refused_by_name(tmp_path, tiny_corpus, tiny_run):
    run = Run(shutil.copytree(tiny_run, tmp_path / "run"))
    with pytest.raises(UsageError, match=r"training\.epochs: 8 -> 30"):
        run.start(Corpus(tiny_corpus), Recipe())
    corpus = shutil.copytree(tiny_corpus, tmp_path / "corpus")
    lines = (corpus / "train.csv").read_text().splitlines(keepends=True)
    (corpus / "train.csv").write_text("".join(lines[:-1]))
    with pytest.raises(UsageError, match="another corpus"):
        run.start(Corpus(corpus), run.recipe)


def test_clips_made_anew_are_another_corpus_and_a_moved_one_is_the_same(tmp_path):
    """Of the same names, lengths and glosses, as with another tracker."""
    options = SignsynthOptions(train=3, dev=2, test=2)
    write_signsynth(tmp_path / "one", options)
    recipe, run = load_recipe("smoke"), Run(tmp_path / "run")
    run.start(Corpus(tmp_path / "one"), recipe)
    shutil.copytree(tmp_path / "one", tmp_path / "moved")
    run.start(Corpus(tmp_path / "moved"), recipe)
    assert run.corpus().root == tmp_path / "moved"
    lists = (tmp_path / "one/train.csv").read_text()
    write_signsynth(tmp_path / "one", replace(options, jitter=3.0))
    assert (tmp_path / "one/train.csv").read_text() == lists
    with pytest.raises(UsageError, match="another corpus"):
        run.start(Corpus(tmp_path / "one"), recipe)


def test_a_run_that_another_process_trains_is_refused(tmp_path, tiny_corpus, tiny_recipe, monkeypatch):
    trainer = Trainer(Corpus(tiny_corpus), load_recipe(str(tiny_recipe)), tmp_path / "run")
    monkeypatch.setattr("tf_slr.training.trainer.locked", partial(locked, grace=0.1))
    with locked(tmp_path / "run"), pytest.raises(UsageError, match="another process is at work here"):
        trainer.fit()


def test_a_corpus_that_changed_after_training_is_refused(tmp_path, tiny_corpus, tiny_run):
    run = shutil.copytree(tiny_run, tmp_path / "run")
    corpus = shutil.copytree(tiny_corpus, tmp_path / "corpus")
    stored = files.read_json(run / "corpus.json")
    files.write_json(run / "corpus.json", stored | {"path": str(corpus)})
    assert Run(run).corpus().root == corpus
    with (corpus / "dev.csv").open("a") as stream:
        stream.write("new,s,20,UP,,landmarks/new.npz,\n")
    with pytest.raises(DataError, match="changed since"):
        Run(run).corpus()


@pytest.mark.parametrize("keep", [0, 100, 5000, -200])
def test_a_damaged_checkpoint_is_refused_by_name(tmp_path, tiny_run, keep):
    run = shutil.copytree(tiny_run, tmp_path / "run")
    content = (run / "best.npz").read_bytes()
    (run / "best.npz").write_bytes(content[:keep])
    with pytest.raises(DataError, match=r"best\.npz"):
        Run(run).network()


def test_a_flipped_bit_in_a_checkpoint_is_refused(tmp_path, tiny_run):
    run = shutil.copytree(tiny_run, tmp_path / "run")
    content = bytearray((run / "best.npz").read_bytes())
    content[len(content) // 2] ^= 1
    (run / "best.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"best\.npz"):
        Run(run).network()


def test_weights_of_another_shape_change_nothing(tmp_path):
    import tensorflow as tf

    checkpoints.save(tmp_path / "c.npz", {}, network=[tf.Variable([1.0, 2.0]), tf.Variable([3.0])])
    ours = [tf.Variable([0.0, 0.0]), tf.Variable([0.0, 0.0])]
    with pytest.raises(DataError, match=r"expected float32 \[2\], found float32 \[1\]"):
        checkpoints.load(tmp_path / "c.npz", network=ours)
    assert ours[0].numpy().tolist() == [0, 0]
    with pytest.raises(DataError, match="expected 1 variables of network, found 2"):
        checkpoints.load(tmp_path / "c.npz", network=ours[:1])


def test_a_damaged_clip_is_left_out_by_name_and_training_goes_on(tmp_path, tiny_corpus, tiny_recipe):
    corpus = shutil.copytree(tiny_corpus, tmp_path / "corpus")
    (corpus / "landmarks/train-00003.npz").write_bytes(b"")
    process = train(corpus, tmp_path / "run", tiny_recipe, "--set", "training.epochs=1")
    output, _ = process.communicate()
    assert process.returncode == 1
    assert "train-00003.npz" in output
    assert (tmp_path / "run/best.npz").exists()


def test_the_first_clips_alone_are_trained_on(tmp_path, tiny_corpus, tiny_recipe):
    corpus = Corpus(tiny_corpus)
    wanted = Trainer(corpus, load_recipe(str(tiny_recipe), ["training.clips=5"]), tmp_path / "few")
    assert [sample.id for sample in wanted.train.samples] == [sample.id for sample in corpus.split("train")[:5]]
    batches = wanted.batches.dataset(epoch=0, start=0, stop=len(wanted.batches))
    labels = [
        tuple(row[:count]) for batch in batches for row, count in zip(batch["labels"], batch["glosses"], strict=True)
    ]
    listed = [tuple(corpus.vocabulary().encode(sample.glosses)) for sample in corpus.split("train")[:5]]
    assert sorted(labels) == sorted(listed)
    with pytest.raises(UsageError, match=r"expected at most the 64 usable clips of .*train\.csv, received 65"):
        Trainer(corpus, load_recipe(str(tiny_recipe), ["training.clips=65"]), tmp_path / "many")
    assert not (tmp_path / "many").exists()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("training.seed=-1", r"training\.seed: expected from 0 to 4294967295, received -1"),
        ("training.learning_rate=0", r"training\.learning_rate: expected more than 0"),
        ("training.clip_norm=-1", r"training\.clip_norm: expected more than 0"),
        ("training.weight_decay=-1", r"training\.weight_decay: expected from 0 to 10, received -1"),
    ],
)
def test_what_no_training_can_go_by_is_refused(tiny_recipe, setting, message):
    for load, recipe in ((load_recipe, str(tiny_recipe)), (load_corrector_recipe, "corrector-evidence")):
        with pytest.raises(UsageError, match=message):
            load(recipe, [setting])


def test_a_training_that_diverges_is_stopped(tmp_path, tiny_corpus, tiny_recipe):
    trainer = Trainer(Corpus(tiny_corpus), load_recipe(str(tiny_recipe)), tmp_path)
    kernel = trainer.network.dense.kernel
    kernel.assign(np.full(kernel.shape, 1e38, np.float32))
    with pytest.raises(DataError, match=r"the loss became nan in epoch 1, .*lower training\.learning_rate"):
        trainer.fit()


def test_a_broken_promise_fails_the_run_again_and_again(tmp_path, tiny_corpus, tiny_recipe):
    settings = ("--set", "training.epochs=1", "--set", "promised_wer=0.001")
    for _ in range(2):
        process = train(tiny_corpus, tmp_path / "run", tiny_recipe, *settings)
        output, _ = process.communicate()
        assert process.returncode == 1
        assert "promises a dev WER of 0.1 %" in output
        assert not (tmp_path / "run/summary.json").exists()


def test_shipped_recipes_load():
    # Correctors have recipes of their own kind (tests/training/correction).
    names = [path.stem for path in (ROOT / "tf_slr/recipes").glob("*.toml") if "corrector" not in path.stem]
    assert {"default", "signsynth", "smoke"} <= set(names)
    for name in names:
        if "-kd" in name or name.endswith("crkd"):
            with pytest.raises(UsageError, match="name its run with --teacher RUN"):
                load_recipe(name)
            recipe = load_recipe(name, ["distill.teacher=run"])
        else:
            recipe = load_recipe(name)
        assert isinstance(recipe, Recipe)
    with pytest.raises(UsageError, match=r"no recipe 'nothing'; known recipes: .*signsynth"):
        load_recipe("nothing")


def test_schedules():
    cycle, linear = OneCycle(1.0, 100, rise=0.25), Linear(1.0, 100)
    rates = [float(cycle(step)) for step in range(101)]
    assert np.argmax(rates) == 25
    assert rates[0] == pytest.approx(0.04)
    assert rates[25] == pytest.approx(1.0)
    assert rates[100] == pytest.approx(0.0, abs=1e-6)
    assert [float(linear(step)) for step in (0, 50, 100)] == pytest.approx([1, 0.5, 0])
