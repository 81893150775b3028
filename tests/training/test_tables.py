"""Tables: which runs they need, that each is made once and survives a SIGKILL, and that figures are what they say."""

import dataclasses
import json
import math
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.tiny_corrector import write_untrained_corrector
from tests.tiny_video import RECIPE, write_tiny_video
from tf_slr.core import files
from tf_slr.core.errors import UsageError
from tf_slr.core.locks import locked
from tf_slr.corpus.manifest import Corpus
from tf_slr.correction.edits import Margins
from tf_slr.features.augment import NONE
from tf_slr.training.options.distill import DistillOptions
from tf_slr.training.reporting import evaluate_model
from tf_slr.training.tables.ablations import NO, YES, Ablations, Recipes
from tf_slr.training.tables.cells import Cell, Cells, corrected_name
from tf_slr.training.tables.report import Figure, Report, compared
from tf_slr.training.tables.runner import Runner

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
STUDENT = """
promised_wer = 0.01
[model]
width = 16
hidden = 12
[features.augment]
speed = 0.0
[training]
epochs = 2
batch = 16
learning_rate = 4e-3
"""
DISTILLED = "[distill]\nconv = 2.0\nsequence = 3.0\ninner = 1.0\ntemperature = 2.0\n"
LRINET = """
[model]
kind = "lrinet"
size = 12
scale = 2
widths = [8, 8, 8, 8]
[model.temporal]
width = 16
[distill]
features = 1.0
sequence = 1.0
online = true
"""
TEACHER = LRINET.replace("[distill]\nfeatures = 1.0\nsequence = 1.0\nonline = true\n", "")


@pytest.fixture(scope="module")
def recipes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recipes")
    for name, text in {"student": STUDENT, "kd": STUDENT + DISTILLED, "lrinet": LRINET, "teacher": TEACHER}.items():
        (folder / f"{name}.toml").write_text(text)
    paths = {name: str(folder / f"{name}.toml") for name in ("student", "lrinet")}
    return Recipes(**paths, distilled=str(folder / "kd.toml"), seeds=2)


@pytest.fixture
def ablations(recipes, tmp_path):
    teacher = Cell.of(recipes.lrinet.replace("lrinet", "teacher"), ())
    return Ablations(recipes, teacher, tmp_path / "teacher")


def row_of(table, *marks):
    (row,) = [row for row in table.rows if row.marks == marks]
    return row


def test_one_run_stands_in_every_table_that_needs_it(ablations):
    plain = row_of(ablations.table("6"), "K5-K5-K5-P2-K5-P2").cells
    assert [cell.seed for cell in plain] == [0, 1]
    assert plain == ablations.table("1").rows[0].cells
    assert plain == row_of(ablations.table("4"), YES, NO).cells
    assert plain == row_of(ablations.table("7"), NO, NO, NO).cells
    taught = ablations.table("1").rows[1].cells
    assert taught == row_of(ablations.table("4"), YES, YES).cells
    assert taught == row_of(ablations.table("7"), YES, YES, YES).cells
    cells = {cell for key in ("1", "4", "6", "7") for row in ablations.table(key).rows for cell in row.cells}
    # plain and taught, each with and without augmentation, 3 other kernels, 6 other choices of terms, the teacher
    assert len(cells) == 2 * (4 + 3 + 6) + 1
    assert all(cell.recipe.promised_wer is None for cell in cells)


def test_rows_differ_in_what_the_table_is_about_and_nothing_else(ablations, tmp_path):
    first, *others = (row.cells[0].recipe for row in ablations.table("4").rows)
    assert first.features.augment == NONE
    assert [recipe.features.augment == NONE for recipe in others] == [False, True, False]
    assert [bool(recipe.distill.teacher) for recipe in others] == [False, True, True]
    expected = DistillOptions(str(tmp_path / "teacher"), 2.0, 3.0, 0.0, 1.0, temperature=2.0)
    assert others[-1].distill == expected
    for recipe in others:
        augment = dataclasses.replace(recipe.features, augment=NONE)
        assert dataclasses.replace(recipe, features=augment, distill=DistillOptions()) == first
    terms = ablations.table("7")
    only = row_of(terms, NO, YES, NO).cells[0].recipe
    assert only.distill == dataclasses.replace(expected, conv=0.0, inner=0.0)
    inner = row_of(terms, NO, NO, YES).cells[0].recipe
    assert inner.distill == DistillOptions(inner=1.0)


def test_table_1_says_when_its_students_differ_in_more_than_distillation(ablations):
    assert not ablations.table("1").note
    assert not with_recipes(ablations, settings=("training.batch=8",)).table("1").note
    assert "differ in more than distillation" in with_recipes(ablations, student="smoke").table("1").note


def with_recipes(ablations, **change):
    recipes = dataclasses.replace(ablations.recipes, **change)
    return Ablations(recipes, ablations.teacher, ablations.teacher_root)


def test_resolutions_keep_the_teachers_scale_or_are_up_sampled_to_it(ablations):
    table = ablations.table("crkd")
    models = [row.cells[0].recipe.model for row in table.rows]
    assert [(model.size, model.recover, model.sides[-1]) for model in models[::2]] == [
        (12, "equal-scale", 2), (24, "equal-scale", 2), (12, "upsample", 1)
    ]  # fmt: skip
    assert models[::2] == models[1::2]
    coarse = with_recipes(ablations, settings=("model.size=24", "model.stem_stride=2")).table("crkd")
    assert [row.marks[0] for row in coarse.rows[::2]] == ["24 x 24", "12 x 12", "24 x 24"]
    assert [row.cells[0].recipe.distill.features for row in table.rows] == [0.0, 1.0] * 3
    logits_alone = with_recipes(ablations, settings=("distill.features=0.0",)).table("crkd")
    assert [row.marks for row in logits_alone.rows] == [row.marks for row in table.rows[:4]]


def test_recipes_that_cannot_make_a_table_are_refused_before_anything_is_trained(ablations):
    with pytest.raises(UsageError, match=r"table 7 needs a weight above 0 of distill\.inner"):
        with_recipes(ablations, settings=("distill.inner=0.0",)).table("7")
    with pytest.raises(UsageError, match="expected a recipe --lrinet"):
        with_recipes(ablations, lrinet="").table("crkd")
    with pytest.raises(UsageError, match=r"table 6 is about .* the recipe has 'lrinet'"):
        with_recipes(ablations, student=ablations.recipes.lrinet.replace("lrinet", "teacher")).table("6")
    with pytest.raises(UsageError, match=r"a side of 4, expected the teacher's, 2"):
        with_recipes(ablations, settings=("model.scale=4", "model.size=32")).table("crkd")


@pytest.fixture
def corpus(tiny_corpus):
    return Corpus(tiny_corpus)


def fake_run(root, weights):
    root.mkdir()
    (root / "best.npz").write_bytes(weights)
    (root / "summary.json").write_text("{}")


def test_a_result_is_of_one_recipe_seed_corpus_and_teacher(ablations, corpus, tmp_path, recipes):
    cells = Cells(tmp_path / "out", corpus)
    plain, other_seed = ablations.table("6").rows[0].cells
    taught = ablations.table("1").rows[1].cells[0]
    assert cells.folder(taught) is None  # there is no teacher yet
    assert cells.result(taught) is None
    fake_run(tmp_path / "teacher", b"weights")
    first = cells.digest(taught)
    assert len({first, cells.digest(plain), cells.digest(other_seed)}) == 3
    assert cells.folder(plain).parent == cells.folder(other_seed).parent

    fake_run(tmp_path / "moved", b"weights")
    moved = Ablations(recipes, ablations.teacher, tmp_path / "moved").table("1").rows[1].cells[0]
    assert cells.digest(moved) == first
    fake_run(tmp_path / "better", b"other weights")
    better = Ablations(recipes, ablations.teacher, tmp_path / "better").table("1").rows[1].cells[0]
    assert cells.digest(better) != first
    from_weights = Cell.of(plain.name, (*plain.settings, f"training.init={json.dumps(str(tmp_path / 'moved'))}"))
    before = cells.digest(from_weights)
    assert before != cells.digest(plain)
    (tmp_path / "moved/best.npz").write_bytes(b"other weights")
    assert cells.digest(from_weights) != before
    for name in ("train.csv", "test.csv"):
        copy = shutil.copytree(corpus.root, tmp_path / name)
        lines = (copy / name).read_text().splitlines(keepends=True)
        (copy / name).write_text("".join(lines[:-1]))
        assert Cells(tmp_path / "out", Corpus(copy)).digest(plain) != cells.digest(plain)

    result = {"digest": cells.digest(plain)}
    files.write_json(cells.folder(plain) / "result.json", result)
    assert cells.result(plain) == result
    files.write_json(cells.folder(plain) / "result.json", {"digest": first})
    assert cells.result(plain) is None


def test_a_mean_its_spread_and_what_lies_within():
    first = Figure.of([0.20, 0.22, 0.24])
    assert (first.mean, first.deviation) == pytest.approx((0.22, 0.02))
    assert first.shown() == "22.00 ± 2.00"
    assert Figure.of([0.2]).shown() == "20.00"
    assert Figure.of([]) is None
    limit = math.hypot(0.02, 0.01)  # of the difference between this figure and one that spreads by 0.01
    for difference, within in ((0.9 * limit, True), (-0.9 * limit, True), (1.1 * limit, False), (-1.1 * limit, False)):
        mean = first.mean + difference
        text = compared(Figure.of([mean - 0.01, mean, mean + 0.01]), first)
        assert text.startswith("+" if difference > 0 else "-")
        assert text.endswith("within the spread") == within
    assert compared(Figure.of([0.2]), first) == "-2.00 (spread unknown)"
    assert compared(None, first) == ""


def test_the_report_of_hand_made_results(ablations, corpus, tmp_path):
    cells = Cells(tmp_path / "out", corpus)
    table = ablations.table("6")
    made = {0: (0.30, 0.34), 1: (0.31, 0.35), 2: (0.50,)}
    for number, rates in made.items():
        for cell, wer in zip(table.rows[number].cells, rates, strict=False):
            groups = {"known signers": {"wer": wer - 0.1}, "held-out signers": {"wer": wer + 0.1}}
            splits = {"dev": {"wer": wer, "groups": {}}, "test": {"wer": wer + 0.01, "groups": groups}}
            result = {"digest": cells.digest(cell), "splits": splits, "training": {"parameters": 12345}}
            files.write_json(cells.folder(cell) / "result.json", result)
    report = Report(cells, {})
    lines = report.markdown([table]).splitlines()
    assert "## Table 6: Kernel size of the convolutions over time, tiny" in lines
    (head, _, *rows) = [[text.strip() for text in line.split("|")[1:-1]] for line in lines if line.startswith("| ")]
    rows = [dict(zip(head, row, strict=True)) for row in rows]
    assert head[0] == "tiny"
    assert [row["dev"] for row in rows] == ["32.00 ± 2.83", "33.00 ± 2.83", "50.00", "not run"]
    assert rows[0]["test, held-out signers"] == "42.00 ± 2.83"
    assert [row["dev against the first row"] for row in rows] == [
        "", "+1.00, within the spread", "+18.00 (spread unknown)", ""
    ]  # fmt: skip
    assert [row["runs"] for row in rows] == ["2 of 2", "2 of 2", "1 of 2", "0 of 2"]
    assert [row["parameters"] for row in rows] == ["12,345"] * 3 + ["not run"]
    found = json.loads(json.dumps(report.json([table])))
    assert [row["missing_seeds"] for row in found["tables"]["6"]["rows"]] == [[], [], [1], [0, 1]]
    assert len(found["cells"]) == 5


def test_what_a_corrector_makes_of_the_sentences_stands_beside_them_in_table_4_only(ablations, corpus, tmp_path):
    cells, corrector = Cells(tmp_path / "out", corpus), tmp_path / "corrector"
    with pytest.raises(UsageError, match=r"expected a corrector, found no corrector\.json"):
        corrected_name(corrector)
    files.write_json(corrector / "corrector.json", {"files": {}})
    tables = [ablations.table(key) for key in ("4", "6")]
    plain = row_of(tables[0], YES, NO)
    assert plain.cells == row_of(tables[1], "K5-K5-K5-P2-K5-P2").cells
    for seed, cell in enumerate(plain.cells):
        for name, wer in (("result.json", 0.3), (corrected_name(corrector), 0.2)):
            splits = {"test": {"wer": wer + 0.02 * seed, "groups": {}}}
            facts = {"digest": cells.digest(cell), "splits": splits, "training": {"parameters": 12345}}
            files.write_json(cells.folder(cell) / name, facts)
    report = Report(cells, {}, corrector)
    figures = {name: figure.mean for name, figure in report.figures(tables[0], plain).items()}
    assert figures == pytest.approx({"test": 0.31, "test, corrected": 0.21})
    assert list(report.figures(tables[1], plain)) == list(Report(cells, {}).figures(tables[0], plain)) == ["test"]
    first, second = report.markdown(tables[:1]), report.markdown(tables[1:])
    assert "| 2 of 2 | 31.00 ± 1.41 | 21.00 ± 1.41 |" in first
    assert f"as {corrector} repairs" in first
    assert "orrect" not in second
    files.write_json(corrector / "corrector.json", {"files": {"first.tflite": "another"}})
    assert list(report.figures(tables[0], plain)) == ["test"]


def test_a_student_without_its_teacher_is_left_out_by_name(ablations, corpus, tmp_path):
    taught = ablations.table("1").rows[1].cells[0]
    with locked(tmp_path / "out") as lock:
        failed = Runner(Cells(tmp_path / "out", corpus), lock, {}).compute([taught])
    assert failed == [f"{tmp_path / 'teacher'}: is no finished teacher; its students were left out"]


def test_cells_that_differ_in_distillation_alone_share_their_pretraining(tmp_path):
    (tmp_path / "video.toml").write_text(RECIPE)
    settings = ("pretrain.epochs=1", "pretrain.pictures=2", "pretrain.clips=4", "training.epochs=1")

    def cell(*others):
        return Cell.of(str(tmp_path / "video.toml"), (*settings, *others))

    first, second = cell(), cell("distill.inner=1.0")
    cells = Cells(tmp_path / "out", Corpus(write_tiny_video(tmp_path / "corpus", track=True)))
    shared = cells.pretrained(first)
    assert cells.pretrained(second) == shared
    for other in ("training.seed=1", "pretrain.pictures=3", "model.plain_blocks=0", "features.margin=1.5"):
        assert cells.pretrained(cell(other)) != shared
    assert cells.pretrained(cell("pretrain.epochs=0")) is None

    with locked(tmp_path / "out") as lock:
        runner = Runner(cells, lock, {})
        assert runner.compute([first]) == []
        arrays = files.read_npz(shared)
        state = json.loads(arrays["state"].tobytes()) | {"loss": 42.0}
        files.write_npz(shared, arrays | {"state": np.frombuffer(json.dumps(state).encode(), np.uint8)})
        assert runner.compute([second]) == []
        assert "squared distance of landmarks 42.000" in (cells.folder(second) / "log.txt").read_text()


def test_several_at_once_wait_for_what_they_need_of_each_other(tmp_path):
    (tmp_path / "video.toml").write_text(RECIPE)
    settings = ("pretrain.epochs=1", "pretrain.pictures=2", "pretrain.clips=4", "training.epochs=1")
    cells = Cells(tmp_path / "out", Corpus(write_tiny_video(tmp_path / "corpus", track=True)))

    def cell(*others):
        return Cell.of(str(tmp_path / "video.toml"), (*settings, *others))

    teacher, other = cell(), cell("training.seed=1")
    pretrained_alike = cell("distill.inner=1.0")
    taught = cell(f'distill={{teacher = "{cells.run(teacher)}", sequence = 1.0}}', "training.seed=2")
    with locked(tmp_path / "out") as lock:
        assert Runner(cells, lock, {}, jobs=3).compute([teacher, pretrained_alike, taught, other]) == []

    def begun(cell):
        return (cells.folder(cell) / "cell.json").stat().st_mtime_ns

    ended = (cells.folder(teacher) / "result.json").stat().st_mtime_ns
    assert begun(other) < ended <= begun(taught)
    assert cells.pretrained(teacher).stat().st_mtime_ns <= begun(pretrained_alike)
    assert all(cells.result(each)["splits"]["dev"] for each in (teacher, other, pretrained_alike, taught))


def tables(corpus, out, recipes, *extra):
    command = [sys.executable, ROOT / "tools/tables.py", "--corpus", corpus.root, "--out", out, "--tables", "6",
               "--seeds", "2", "--student", recipes.student, *extra]  # fmt: skip
    return subprocess.Popen(
        list(map(str, command)), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_killed_with_its_training_it_goes_on_and_computes_nothing_twice(corpus, recipes, tmp_path):
    out = tmp_path / "out"
    cells = Cells(out, corpus)
    wanted = Ablations(recipes, None, None).table("6").rows[0].cells
    folder = cells.folder(wanted[0])
    process = tables(corpus, out, recipes)
    deadline = time.monotonic() + 300
    while not (folder / "run/metrics.jsonl").is_file() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with locked(out) as lock:  # which is free only once the training, too, has ended
        assert not (folder / "result.json").is_file()
        assert [line["epoch"] for line in map(json.loads, open(folder / "run/metrics.jsonl"))] == [1]
        runner = Runner(cells, lock, {"commit": "abc"})
        assert runner.compute(wanted) == []
        log = (folder / "log.txt").read_text()
        assert "epoch   2" in log
        assert "epoch   1" not in log
        before = {path: path.stat().st_mtime_ns for path in (out / "cells").rglob("*")}
        assert runner.compute(wanted) == []
    assert {path: path.stat().st_mtime_ns for path in (out / "cells").rglob("*")} == before
    result = cells.result(wanted[1])
    assert (result["seed"], result["commit"]) == (1, "abc")

    # A corrector that hears one gloss everywhere is told by what it makes of the sentences, once.
    glosses = corpus.vocabulary().glosses
    corrector = write_untrained_corrector(tmp_path / "corrector", glosses, glosses[0], Margins())
    with locked(out) as lock:
        runner = Runner(cells, lock, {})
        assert runner.correct(wanted, corrector) == []
        written = cells.folder(wanted[1]) / corrected_name(corrector)
        changed = written.stat().st_mtime_ns
        assert runner.correct(wanted, corrector) == []
    assert written.stat().st_mtime_ns == changed
    again, _ = evaluate_model(cells.run(wanted[1]), None, corpus.root, "test", corrector=corrector)
    assert cells.corrected(wanted[1], corrector)["splits"]["test"]["wer"] == again["wer"]
    assert again["wer"] != result["splits"]["test"]["wer"]

    assert result["splits"]["test"]["glosses"] == sum(len(sample.glosses) for sample in corpus.split("test"))
    assert result["command"][:2] == ["tf-slr", "train"]
    assert "training.seed=1" in result["command"]

    process = tables(corpus, out, recipes, "--report-only")
    printed, _ = process.communicate()
    assert process.returncode == 0, printed
    (line,) = [line for line in printed.splitlines() if line.startswith("| MSLR | K3-")]
    mean = sum(cells.result(cell)["splits"]["dev"]["wer"] for cell in wanted) / 2
    assert f"| 2 of 2 | {100 * mean:.2f} ± " in line
    assert printed.count("| 0 of 2 | not run | not run |") == 3
    assert f"wrote {out / 'tables.json'}" in printed
    assert (out / "table6.png").read_bytes().startswith(b"\x89PNG")
