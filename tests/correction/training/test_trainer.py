"""Training: it learns to correct, goes on after SIGKILL as if nothing had been, and refuses what does not fit."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.tiny_corrector import RECIPE, errors_in, sentence, tiny_corrector, write_list
from tf_slr.core import files
from tf_slr.core.errors import DataError, UsageError
from tf_slr.correction.symbols import text_slots
from tf_slr.correction.training.recipe import CorrectorRecipe, load_corrector_recipe
from tf_slr.correction.training.run import CorrectorRun
from tf_slr.correction.training.text import Text, text_of_table
from tf_slr.correction.training.trainer import CorrectionTrainer
from tf_slr.formats.alternatives import Alternatives
from tf_slr.formats.transcripts import Reference, Token, write_ctm, write_stm
from tf_slr.scoring.cleanup import NONE

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


def command(root, out, *extra):
    line = [sys.executable, "-m", "tf_slr", "train-corrector", "--text", root / "list.csv", "--out", out,
            "--recipe", root / "recipe.toml", *extra]  # fmt: skip
    return subprocess.Popen(list(map(str, line)), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture
def world(tmp_path):
    (tmp_path / "recipe.toml").write_text(RECIPE)
    write_list(tmp_path / "list.csv")
    return tmp_path


def test_losses_fall_on_sentences_held_out_and_the_run_is_recorded():
    run = CorrectorRun(tiny_corrector())
    lines = [json.loads(line) for line in run.metrics_path.read_text().splitlines()]
    assert [(line["network"], line["epoch"]) for line in lines] == [(1, i) for i in range(1, 31)] + [(2, 1), (2, 2)]
    assert lines[29]["held_out_loss"] < lines[0]["held_out_loss"] / 3
    summary = files.read_json(run.summary_path)
    weights = [weight for number in (0, 1) for weight in run.network(number).trainable_weights]
    assert summary["parameters"] == sum(int(np.prod(weight.shape)) for weight in weights)
    assert summary["noise"]["substitution"] == 0.1


def test_killed_twice_it_ends_with_the_weights_of_an_unbroken_run(world):
    out = world / "run"
    for _ in range(2):
        seen = (out / "last.npz").stat().st_mtime_ns if (out / "last.npz").exists() else 0
        process, deadline = command(world, out), time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            if (out / "last.npz").exists() and (out / "last.npz").stat().st_mtime_ns > seen:
                break
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
    rng = np.random.default_rng(2)
    truths = {f"d{i}": sentence(rng) for i in range(30)}
    write_stm(world / "dev.stm", {name: Reference(glosses) for name, glosses in truths.items()})
    heard = zip(truths, errors_in(truths.values(), rng), strict=True)
    write_ctm(world / "dev.ctm", {name: [Token(gloss, i / 9, 0.1) for i, gloss in enumerate(one)]
                                  for name, one in heard})  # fmt: skip
    process = command(world, out, "--dev", world / "dev.ctm", "--dev-ref", world / "dev.stm")
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert "chosen: " in output
    assert files.read_json(out / "corrector.json")["metrics"]["dev_sentences"] == 30
    for name in ("first.npz", "second.npz"):
        unbroken, resumed = files.read_npz(tiny_corrector() / name), files.read_npz(out / name)
        assert all(np.array_equal(unbroken[key], resumed[key]) for key in unbroken), name
    assert not list(out.glob(".tmp*"))


def test_the_second_network_learns_from_what_the_first_one_writes():
    drafts = files.read_json(tiny_corrector() / "drafts.json")["drafts"][0]
    truths = text_of_table(tiny_corrector().parent / "list.csv", NONE).sentences
    assert drafts.keys() == truths.keys()
    right = np.mean([tuple(drafts[name]) == truths[name] for name in truths])
    # Written by a network that never saw the truth: mostly right, and wrong often enough to learn from.
    assert 0.3 < right < 1


def test_a_sentence_that_is_held_out_is_not_learned_from_another_clip(tmp_path):
    recipe = load_corrector_recipe("corrector", ["training.held_out=0.3"])
    text = Text({f"{number:02d}": (f"G{number % 6}", "X") for number in range(30)}, "gloss", "none")
    trainer = CorrectionTrainer(text, recipe, tmp_path / "run")
    held_out, learned = ({text.sentences[name] for name in names} for names in (trainer.held_out, trainer.learned))
    assert len(trainer.held_out) == 5  # 9 were asked for, and each sentence has 5 clips
    assert not held_out & learned
    assert sorted(trainer.held_out + trainer.learned) == sorted(text.sentences)


def test_another_recipe_text_or_evidence_is_refused(tmp_path, world):
    run = shutil.copytree(tiny_corrector(), tmp_path / "run")
    text, recipe = text_of_table(world / "list.csv", NONE), load_corrector_recipe(str(world / "recipe.toml"))
    with pytest.raises(UsageError, match="another recipe"):
        CorrectionTrainer(text, CorrectorRecipe(), run)
    with pytest.raises(UsageError, match="another text or evidence"):
        CorrectionTrainer(text, recipe, run, {"s1": text_slots(["G01"])})
    (world / "list.csv").open("a").write("x|x|S1|" + "G01 " * 30 + "\n")
    long = text_of_table(world / "list.csv", NONE)
    with pytest.raises(UsageError, match=r"model\.positions: expected at least 32"):
        CorrectionTrainer(long, recipe, tmp_path / "other")
    with pytest.raises(DataError, match="no training sentences: stranger"):
        CorrectionTrainer(text, recipe, tmp_path / "evidence", {"stranger": text_slots(["G01"])})


def test_evidence_decides_the_noise_and_is_learned_from(tmp_path, world):
    text = text_of_table(world / "list.csv", NONE)
    # A recogniser that is never sure of G03 and puts G09 first.
    doubt = Alternatives(0.0, 0.1, ("G09", "G03"), (0.5, 0.4), True)
    evidence = {name: [doubt if gloss == "G03" else one for gloss, one in zip(glosses, text_slots(glosses),
                strict=True)] for name, glosses in text.sentences.items()}  # fmt: skip
    settings = ["training.epochs=4", "training.second_epochs=0", "training.evidence=0.9"]
    recipe = load_corrector_recipe(str(world / "recipe.toml"), settings)
    trainer = CorrectionTrainer(text, recipe, tmp_path / "run", evidence)
    share = np.mean([gloss == "G03" for glosses in text.sentences.values() for gloss in glosses])
    assert trainer.noise.options.substitution == pytest.approx(share, abs=0.01)
    assert trainer.noise.options.deletion == 0
    trainer.fit()
    from export.corrector import export_corrector
    from tf_slr.correction.corrector import Corrector

    export_corrector(tmp_path / "run")
    words = Corrector.load(tmp_path / "run").correct([*text_slots(["G01", "G02"]), doubt, *text_slots(["G04"])])
    assert [word.gloss for word in words] == ["G01", "G02", "G03", "G04"]


def test_shipped_recipes_load():
    for name in ("corrector", "corrector-smoke"):
        assert isinstance(load_corrector_recipe(name), CorrectorRecipe)
    with pytest.raises(UsageError, match=r"no recipe 'nothing'.*corrector"):
        load_corrector_recipe("nothing")
    with pytest.raises(UsageError, match=r"training\.epochs"):
        load_corrector_recipe("corrector", ["training.epochs=0"])
