"""Nothing of the user's is lost, whatever outputs are called: one rule over all commands."""

import os
import runpy
import shutil
import time
from pathlib import Path

import pytest

from tests.landmark_clips import moving_figure
from tests.tiny import isolated
from tests.tiny_corrector import write_list, write_untrained_corrector
from tf_slr.cli import main as cli
from tf_slr.core import files, outputs
from tf_slr.core.errors import UsageError
from tf_slr.corpus.manifest import CorpusInfo, Sample, landmark_path, write_clip, write_corpus
from tf_slr.correction.edits import Margins

ROOT = Path(__file__).parents[2]
MINE = "what the user has written\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory, tiny_bundle, tiny_run):
    """Inputs of all commands, in one folder."""
    root = tmp_path_factory.mktemp("built")
    write_clip(root / "c" / landmark_path("a"), moving_figure(30, 0, 1.0))
    write_corpus(
        root / "c", CorpusInfo("c", "DGS", fps=25), {"train": [Sample("a", "x", 30, ("A",), "", landmark_path("a"))]}
    )
    shutil.copy(root / "c/landmarks/a.npz", root / "clip.npz")
    assert cli.main(["export-pose", str(root / "c"), "--out", str(root / "poses")]) == 0
    isolated(root / "signs.npz", takes=6)
    write_list(root / "list.csv", 30)
    (root / "h.ctm").write_text("a 1 0.0 0.5 CLAP\n")
    (root / "h.stm").write_text("a 1 x 0.0 0.5 CLAP\n")
    assert cli.main(["train-ngram", "--text", str(root / "list.csv"), "--out", str(root / "n.arpa")]) == 0
    write_untrained_corrector(root / "corrector", ("UP", "CLAP"), "CLAP", Margins())
    for name, source in (("bundle", tiny_bundle), ("run", tiny_run)):
        shutil.copytree(source, root / name)
    return root


@pytest.fixture
def world(built, tmp_path, monkeypatch):
    """The same in a folder where a test may do what it wants, and is."""
    shutil.copytree(built, tmp_path / "w")
    monkeypatch.chdir(tmp_path / "w")
    return tmp_path / "w"


def tree(root):
    return {path: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def refused(capsys, line, *named):
    """The message of a command that must end at once and change nothing."""
    capsys.readouterr()
    before, start = tree(Path.cwd()), time.monotonic()
    code = cli.main(line.split()) if not line.startswith("export ") else exported(line)
    assert time.monotonic() - start < 1
    message = capsys.readouterr().err
    assert code == 1, message
    assert tree(Path.cwd()) == before
    assert message.startswith("error: "), message
    assert message.count("\n") == 1
    for text in named:
        assert text in message
    return message


def exported(line):
    from export.__main__ import main

    return main(line.split()[1:])


EVALUATE = "evaluate --run run"
RECOGNIZE = "recognize --bundle bundle clip.npz"
FILES = {
    "ctm": (f"{EVALUATE} --ctm x.ctm", "x.ctm"),
    "stm": (f"{EVALUATE} --stm x.stm", "x.stm"),
    "alternatives": (f"{EVALUATE} --alternatives x.jsonl", "x.jsonl"),
    "logits": (f"{EVALUATE} --logits x.npz", "x.npz"),
    "another corpus' list": ("evaluate --run run --ctm c/test.csv", "c/test.csv"),
    "srt": (f"{RECOGNIZE} --srt", "clip.srt"),
    "srt in a folder": (f"{RECOGNIZE} --srt d", "d/clip.srt"),
    "vtt": (f"{RECOGNIZE} --vtt x.vtt", "x.vtt"),
    "draw": (f"{RECOGNIZE} --draw x.mp4", "x.mp4"),
    # What a shell makes of --draw g*.mp4.
    "the first of two clips": ("recognize --bundle bundle --draw g1.mp4 g2.mp4", "g1.mp4"),
    "correct": ("correct --model corrector --hyp h.ctm --out x.ctm", "x.ctm"),
    "ngram": ("train-ngram --text list.csv --out x.arpa", "x.arpa"),
    "stats": ("stats c --out d", "d/stats.md"),
    "stats' picture": ("stats c --out d", "d/stats.png"),
    "poses": ("export-pose c --out d", "d/a.pose"),
    "poses' index": ("export-pose c --out d", "d/index.tsv"),
    "a single pose": ("export-pose clip.npz --out d", "d/clip.pose"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_the_users_is_not_replaced(name, world, capsys):
    line, path = FILES[name]
    if not Path(path).exists():
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_text(MINE)
    refused(capsys, line, path, "choose another name", "--overwrite")


PREPARE = {
    "signsynth": "prepare signsynth --train 2 --dev 1 --test 1",
    "isolated": "prepare isolated --train signs.npz",
    "boston104": "prepare boston104 --root poses",
    "phoenix2014": "prepare phoenix2014 --root poses",
    "phoenix2014T": "prepare phoenix2014T --root poses",
    "csl-daily": "prepare csl-daily --root poses",
    "videos": "prepare videos --index poses/index.tsv",
    "a shard": "prepare videos --index poses/index.tsv --shard 1/2",
    "pose": "prepare pose --index poses/index.tsv",
    "kd-mslrt": "prepare kd-mslrt --root poses",
    "merge": "merge poses",
}
FOLDERS = {
    **{f"{name} over {taken}": (f"{line} --out d", f"d/{taken}")
       for name, line in PREPARE.items() for taken in ("train.csv", "corpus.toml")},
    "clips": (f"{PREPARE['pose']} --out d", "d/landmarks/a.npz"),
    "parts": (f"{PREPARE['a shard']} --out d", "d/parts/1-of-2.json"),
    "films": ("prepare signsynth --frame-size 32 --out d", "d/video/train-00000.avi"),
    "train": ("train --corpus c --run d", "d/recipe.toml"),
    "weights": ("train --corpus c --run d", "d/best.npz"),
    "crossfit": ("crossfit --corpus c --out d", "d/train.jsonl"),
    "corrector": ("train-corrector --text list.csv --out d", "d/vocabulary.json"),
    "export": ("export --run run --out d", "d/MODEL_CARD.md"),
    "shards": ("pack c", "c/shards/shards.json"),
}  # fmt: skip


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_of_the_users_is_none_of_ours(name, world, capsys):
    line, path = FOLDERS[name]
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(MINE)
    refused(capsys, line, path.partition("/")[2], "choose another folder")


# What is read is not written, also not with --overwrite.
READ = {
    "an index": "prepare pose --index d/train.csv --out d",
    "an index under another name": "prepare pose --index link.csv --out d",
    "an index in an own corpus": "prepare videos --index c/train.csv --out c",
    "a hard link of an own list": "prepare videos --index hard.csv --out c",
    "signs": "prepare isolated --train signs.npz x=c/landmarks/a.npz --out c",
    "a release": "prepare kd-mslrt --root d --out d",
    "a release's link": "prepare csl-daily --root links --out d",
    "recognised": "correct --model corrector --hyp h.ctm --out h.ctm",
    "a corrector": "correct --model corrector --hyp h.ctm --out corrector/corrector.json",
    "a text": "train-ngram --text list.csv --out list.csv",
    "a corpus' list": "train-ngram --corpus c --out c/train.csv",
    "a clip of a corpus": "evaluate --bundle bundle --corpus c --logits c/landmarks/a.npz",
    "the corpus of a run": "evaluate --run run --stm CORPUS/test.csv",
    "weights": "evaluate --run run --logits run/best.npz",
    "a student": "evaluate --bundle bundle --corpus c --ctm bundle/student.tflite",
    "a language model": "evaluate --run run --beam 2 --ngram x.arpa --alternatives x.arpa",
    "a clip": "recognize --bundle bundle poses/a.pose g.mp4 --draw g.mp4",
    "a film by another name": "recognize --bundle bundle g.mp4 --draw hard.mp4",
    "a corpus for a run": "train --corpus c --run c",
    "a run for a bundle": "export --run run --out run",
    "recordings": "teach c --out c",
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_what_is_read_is_never_written(name, world, tiny_corpus, capsys):
    Path("d").mkdir()
    Path("links").mkdir()
    shutil.copy("poses/index.tsv", "d/train.csv")
    os.symlink("d/train.csv", "link.csv")
    os.symlink("../d/train.csv", "links/list.csv")
    os.link("c/train.csv", "hard.csv")
    Path("g.mp4").write_text(MINE)
    os.link("g.mp4", "hard.mp4")
    Path("x.arpa").write_text(MINE)
    # A run's corpus is found by what the run says.
    shutil.copytree(tiny_corpus, "tiny")
    about = files.read_json("run/corpus.json")
    files.write_json("run/corpus.json", about | {"path": str(Path("tiny").absolute())})
    line = READ[name].replace("CORPUS", "tiny")
    has_overwrite = not line.startswith(("train ", "export ", "teach "))
    for more in ("", " --overwrite")[: 1 + has_overwrite]:
        refused(capsys, line + more)


def test_two_outputs_of_one_path_are_refused(world, capsys):
    refused(capsys, f"{EVALUATE} --ctm x --stm x", "--ctm and --stm")
    os.symlink(".", "here")
    refused(capsys, f"{EVALUATE} --ctm x --logits here/x", "--ctm and --logits")


def test_an_output_that_is_no_file_is_refused(world, capsys):
    Path("d").mkdir()
    os.mkfifo("pipe")
    refused(capsys, f"{EVALUATE} --ctm d", "is a folder")
    refused(capsys, f"{EVALUATE} --ctm pipe --overwrite", "no ordinary file")
    refused(capsys, "prepare pose --index poses/index.tsv --out h.ctm --overwrite", "is a file")


AGAIN = {
    "recognised": (f"{RECOGNIZE} --srt --vtt d --json --draw d", ("clip.srt", "d/clip.vtt", "d/clip.mp4")),
    "correct": ("correct --model corrector --hyp h.ctm --out x.ctm", ("x.ctm",)),
    "ngram": ("train-ngram --text list.csv --out x.arpa", ("x.arpa",)),
    "stats": ("stats c --out d", ("d/stats.md", "d/stats.json", "d/stats.png")),
    "poses": ("export-pose c --out poses", ("poses/a.pose", "poses/index.tsv")),
    "pose": ("prepare pose --index poses/index.tsv --out p --workers 1", ("p/train.csv", "p/corpus.toml")),
    "signsynth": ("prepare signsynth --train 2 --dev 1 --test 1 --workers 1 --out s", ("s/dev.csv",)),
    "shards": ("pack c", ()),
}


@pytest.mark.parametrize("name", AGAIN)
def test_the_same_command_writes_its_own_results_again_and_spares_what_was_edited(name, world, capsys):
    line, made = AGAIN[name]
    for _ in range(2):
        assert cli.main(line.split()) == 0, capsys.readouterr().err
    for path in map(Path, made):
        content = path.read_bytes()
        path.write_bytes(content + MINE.encode())
        refused(capsys, line, path.name, "changed since", "--overwrite")
        path.write_bytes(content)
    if made:
        Path(made[0]).write_text(MINE)
        assert cli.main([*line.split(), "--overwrite"]) == 0, capsys.readouterr().err
        assert Path(made[0]).read_text(errors="replace") != MINE
        assert cli.main(line.split()) == 0, capsys.readouterr().err


def test_evaluate_writes_its_own_results_again(world, tiny_corpus, capsys):
    names = {"--ctm": "x.ctm", "--stm": "x.stm", "--alternatives": "x.jsonl", "--logits": "x.npz"}
    line = [
        "evaluate",
        "--bundle",
        "bundle",
        "--corpus",
        str(tiny_corpus),
        *(text for pair in names.items() for text in pair),
    ]
    for _ in range(2):
        assert cli.main(line) == 0, capsys.readouterr().err
    os.replace("x.stm", "x.ctm")
    assert cli.main(line) == 1, "a CTM takes the place of a CTM, and not that of references"


def test_a_corpus_whose_rewriting_was_killed_is_still_ours(world, capsys):
    from tf_slr.corpus.manifest import begin_corpus

    line = AGAIN["pose"][0].split()
    assert cli.main(line) == 0
    whole = tree(Path("p"))
    begin_corpus("p")
    Path("p/.tf-slr-written").open("ab").write(b'["corpus", "0a1b')  # a full disk ended a line
    assert not Path("p/corpus.toml").exists()
    assert cli.main(line) == 0, capsys.readouterr().err
    assert {path: text for path, text in tree(Path("p")).items() if path.name != outputs.RECORD} == {
        path: text for path, text in whole.items() if path.name != outputs.RECORD
    }


def test_a_corpus_of_an_earlier_version_is_ours(world, capsys):
    Path("c/.tf-slr-written").unlink()
    assert cli.main("prepare pose --index poses/index.tsv --out c --workers 1".split()) == 0, capsys.readouterr().err


def test_a_result_is_known_however_it_was_killed(tmp_path):
    """Its line is there before the file is: nothing is left that the next run would take for somebody else's."""
    path = tmp_path / "x.ctm"
    outputs.claim_files([outputs.Output("--ctm", path, "ctm")])
    with files.atomic_path(path) as temporary:
        temporary.write_text("new")
        assert not (tmp_path / outputs.RECORD).exists(), "nothing is said of what is not finished"
    assert files.sha256(path) in (tmp_path / outputs.RECORD).read_text()
    path.write_text("edited")
    with pytest.raises(UsageError, match="changed since"):
        outputs.claim_files([outputs.Output("--ctm", path, "ctm")])


def test_sweeping_a_folder_leaves_hidden_files_of_the_users(tmp_path):
    mine = [tmp_path / name for name in (".tmp-notes", ".tmp-notebook", ".tmp-0123456789abcde", "below/.tmp-a.txt")]
    for path in mine:
        path.parent.mkdir(exist_ok=True)
        path.write_text(MINE)
    (tmp_path / ".tmp-0123456789abcdef.csv").write_text("of a killed writer")
    (tmp_path / ".tmp-tf_slr-a1b2c3d4.csv").write_text("of another")
    files.sweep(tmp_path)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted(mine)


TOOLS = {
    "bench": ("bench --run run --bundle bundle --out x.json", "x.json"),
    "bench's table": ("bench --run run --bundle bundle --out x.json", "x.md"),
    "bench over its table": ("bench --run run --bundle bundle --out x.md", ""),
    "bench over a student": ("bench --run run --bundle bundle --out run/summary.json --overwrite", ""),
    "rivals": ("student_weights --run run --out x.npz", "x.npz"),
    "report": ("html_report --run run --bundle bundle --out x.html", "x.html"),
    "report's results": ("html_report --run run --out x.html --json x.json", "x.json"),
    "report over a run": ("html_report --run run --out x.html --json run/summary.json --overwrite", ""),
    "variants": ("compare_variants --run run --out x.json", "x.json"),
    "correction": ("compare_correction --run run --corrector corrector --out x.json", "x.json"),
    "decoding": ("tune_decoding --run run --ngram n.arpa --out n.arpa --overwrite", ""),
    "input": ("bench_input --corpus c --out c/corpus.toml --overwrite", ""),
    "weights": ("import_torch resnet18 h.ctm --out x.npz", "x.npz"),
    "a run": ("import_torch corrnet h.ctm --corpus c --out d", "d/recipe.toml"),
    "table 5": ("table5 --text list.csv --hyp h.ctm --ref h.stm --out d", "d/table5.md"),
    "tables": ("tables --corpus c --teacher-run run --out d", "d/tables.md"),
    "pictures": ("pictures --bundle bundle --corpus c --out d", "d/live.jpg"),
}


@pytest.mark.parametrize("name", TOOLS)
def test_tools_keep_the_rule(name, world, capsys, monkeypatch):
    line, path = TOOLS[name]
    if path:
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_text(MINE)
    before = tree(world)
    monkeypatch.setattr("sys.argv", line.split())
    monkeypatch.syspath_prepend(ROOT / "tools")
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / f"tools/{line.split()[0]}.py"), run_name="__main__")
    message = capsys.readouterr().err
    assert ended.value.code == 1, message
    assert path.rpartition("/")[2] in message
    assert message.count("\n") == 1, message
    assert message.startswith("error: --"), message
    assert tree(world) == before
