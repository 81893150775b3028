"""A whole lesson on made-up takes: killed, gone on with, and the same in the end."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.tiny import GLOSSES, sign
from tf_slr.apps.teach.budget import FEWEST, MIN_EPOCHS, budget
from tf_slr.apps.teach.division import ENOUGH, REST, divide, notes_on
from tf_slr.apps.teach.recordings import Recordings
from tf_slr.core import files
from tf_slr.core.landmarks import Clip
from tf_slr.corpus.manifest import Corpus
from tf_slr.runtime.recognizer import Recognizer

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
TAKES = 6
RECIPE = """
[model]
width = 32
hidden = 24
dropout = 0.1

[features.augment]
flip = 0.0

[training]
batch = 16
learning_rate = 1e-2
"""


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Six takes of each of the tiny signs, and rest."""
    made = Recordings.open(tmp_path_factory.mktemp("recorded") / "signs of Ann", "made up", "test")
    made.name_signs([*GLOSSES, "never recorded"])
    rng = np.random.default_rng(0)
    for gloss in (*GLOSSES, "REST"):
        for _ in range(TAKES):
            landmarks = sign(gloss, rng)
            shoulders = np.tile(np.array([[0.6, 0.4, 0], [0.4, 0.4, 0]], np.float32), (len(landmarks), 1, 1))
            assert made.add(None if gloss == "REST" else gloss, Clip(landmarks, shoulders, 4 / 3))
    return made


def command(recordings, out, recipe):
    options = ["--recipe", recipe, "--minutes", 0.01, "--out", out]
    return [sys.executable, "-m", "tf_slr", "teach", *map(str, [recordings.root, *options])]


def wait_for(path, process):
    while not path.is_file():
        assert process.poll() is None, f"it ended before it had written {path}"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def taught(tmp_path_factory, recordings):
    """Standard output and folder of a lesson that was killed in the midst of its training, and gone on with."""
    root = tmp_path_factory.mktemp("lesson")
    (root / "recipe.toml").write_text(RECIPE)
    work = command(recordings, root / "out", root / "recipe.toml")
    killed = subprocess.Popen(work, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    metrics = root / "out" / "run" / "metrics.jsonl"
    wait_for(metrics, killed)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert not (root / "out" / "teach.json").exists()
    begun = len(metrics.read_text().splitlines())
    assert 1 <= begun < MIN_EPOCHS
    done = subprocess.run(work, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done, root


def test_the_signs_are_learnt_and_the_results_say_how_well(taught, recordings):
    done, root = taught
    result = json.loads((root / "out" / "teach.json").read_text())
    assert result["composed"]["wer"] < 0.2
    assert result["alone"]["takes"] == len(GLOSSES)  # one of six takes each
    assert {entry["sign"] for entry in result["signs"]} == set(GLOSSES)
    assert sum(entry["right"] for entry in result["signs"]) == result["alone"]["right"] >= 3
    assert {entry["takes"] for entry in result["signs"]} == {TAKES}
    page = (root / "out" / "teach.md").read_text()
    assert "nobody signed them continuously" in page
    assert "nobody signed them continuously" in done.stdout
    assert all(f"| {gloss} | 6 | 1 | " in page for gloss in GLOSSES)
    assert f"tf-slr live --bundle {root / 'out' / 'bundle'}" in done.stdout.splitlines()[-1]
    assert "no take yet of 'never recorded'" in done.stderr
    assert "few takes of UP (6)" in done.stderr
    assert Recognizer.load(root / "out" / "bundle").bundle.vocabulary.glosses == tuple(sorted(GLOSSES))


def test_a_lesson_that_is_done_is_told_again(taught, recordings):
    _, root = taught
    before = {path: path.read_bytes() for path in (root / "out").rglob("*") if path.is_file()}
    again = subprocess.run(
        command(recordings, root / "out", root / "recipe.toml"), cwd=ROOT, capture_output=True, text=True
    )
    assert again.returncode == 0
    results = again.stdout.splitlines()
    assert results[0].startswith("100 composed sentences: WER")
    assert results == taught[0].stdout.splitlines()[-len(results) :]
    assert {path: path.read_bytes() for path in (root / "out").rglob("*") if path.is_file()} == before


def test_a_lesson_that_was_not_killed_is_the_same(taught, recordings):
    """As far as its weights, of which everything later is made."""
    _, root = taught
    work = command(recordings, root / "whole", root / "recipe.toml")
    whole = subprocess.Popen(work, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_for(root / "whole" / "run" / "summary.json", whole)
    whole.kill()  # in the export
    whole.wait()
    for name in ("run/best.npz", "run/vocabulary.json", "corpus/train.csv", "corpus/test.csv"):
        assert (root / "whole" / name).read_bytes() == (root / "out" / name).read_bytes(), name


def test_other_takes_are_another_lesson(taught, recordings, capsys):
    from tf_slr.cli.main import main

    _, root = taught
    arguments = command(recordings, root / "out", root / "recipe.toml")[3:]
    assert main([*arguments, "--seed", "1"]) == 1
    assert "holds a lesson with other options" in capsys.readouterr().err
    last = recordings.takes("UP")[-1]
    content = last.read_bytes()
    last.unlink()
    try:
        assert main(arguments) == 1
    finally:
        last.write_bytes(content)
    assert "holds a lesson with other takes" in capsys.readouterr().err


def test_no_take_of_the_test_is_learnt_from(taught, recordings):
    _, root = taught
    division, _ = divide(recordings, None)
    tested = {(take.gloss, take.take) for take in division.splits["test"]}
    assert tested == {(gloss, TAKES - 1) for gloss in (*GLOSSES, REST)}
    assert tested.isdisjoint((take.gloss, take.take) for take in division.splits["train"] + division.splits["dev"])
    assert REST not in Corpus(root / "out" / "corpus").vocabulary()


def test_of_many_takes_some_are_for_dev_only(recordings, monkeypatch):
    monkeypatch.setattr("tf_slr.apps.teach.division.DEV_FROM", TAKES - 1)
    division, left_out = divide(recordings, None)
    assert left_out == []
    places = {name: {(take.gloss, take.take) for take in takes} for name, takes in division.splits.items()}
    assert places["test"] == {(gloss, TAKES - 1) for gloss in (*GLOSSES, REST)}
    assert places["dev"] == {(gloss, TAKES - 2) for gloss in (*GLOSSES, REST)}
    assert places["train"] == {(gloss, take) for gloss in (*GLOSSES, REST) for take in range(TAKES - 2)}
    assert division.borrowed == ()


def test_the_last_epoch_is_kept(taught):
    summary = files.read_json(taught[1] / "out" / "run" / "summary.json")
    assert summary["best_epoch"] == summary["epochs"]


def test_few_takes_all_teach(recordings):
    division, _ = divide(recordings, 3)
    numbers = {name: {take.take for take in takes} for name, takes in division.splits.items()}
    assert numbers == {"train": {0, 1, 2}, "dev": {0, 1, 2}, "test": {3, 4, 5}}
    assert set(division.borrowed) == set(GLOSSES)


def test_notes_name_what_is_missing(recordings, tmp_path):
    division, _ = divide(recordings, None)
    assert f"{ENOUGH} or more" in " ".join(notes_on(recordings, division))
    without = division._replace(takes={gloss: 20 for gloss in GLOSSES})
    assert any("no rest was recorded" in note for note in notes_on(recordings, without))


def test_a_budget_is_kept(recordings):
    division, _ = divide(recordings, None)
    plans = [budget(division, minutes) for minutes in (0.01, 2, 4, 8, 1000)]
    work = [plan.sentences * plan.epochs for plan in plans]
    assert work == sorted(work)
    assert (plans[0].sentences, plans[0].epochs) == (FEWEST, MIN_EPOCHS)
    assert work[3] < 30 * plans[3].sentences + 1
