"""Folders of `.pose` files: what becomes a corpus, what a corpus becomes, and the commands."""

import sys

import numpy as np
import pytest

from tests.landmark_clips import assert_same, moving_figure
from tf_slr.cli import main as cli
from tf_slr.core.errors import DataError, UsageError
from tf_slr.corpus.manifest import Corpus, CorpusInfo, Sample, landmark_path, write_clip, write_corpus
from tf_slr.importers.poses import export_pose, prepare_pose, read_pose, write_pose

pose_format = pytest.importorskip("pose_format")

INFO = CorpusInfo("test", "a sign language")


def collection(folder, rows):
    """`.pose` files and an index of (name, glosses, split)."""
    folder.mkdir(exist_ok=True)
    lines = ["file\tglosses\tsplit\tsigner"]
    for seed, (name, glosses, split) in enumerate(rows):
        write_pose(folder / name, moving_figure(40, seed), 25)
        lines.append(f"{name}\t{glosses}\t{split}\tanna")
    (folder / "index.tsv").write_text("\n".join(lines) + "\n")
    return folder / "index.tsv"


ROWS = [("a.pose", "HELLO YOU", "train"), ("b.pose", "YOU", "dev"), ("c.pose", "HELLO", "test")]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_index_of_files_becomes_a_corpus(tmp_path, workers):
    index = collection(tmp_path / "in", ROWS)
    assert prepare_pose(index, tmp_path / "out", INFO, workers=workers) == []
    corpus = Corpus(tmp_path / "out")
    assert (corpus.info.fps, corpus.info.name) == (25.0, "test")
    (sample,) = corpus.split("dev")
    assert sample == Sample("b", "anna", 40, ("YOU",), landmarks="landmarks/b.npz")
    assert_same(corpus.clip(sample), moving_figure(40, 1))


def test_bad_files_are_named_and_the_rest_goes_on(tmp_path):
    rows = [*ROWS, ("bad.pose", "HELLO", "train"), ("short.pose", "HELLO", "train"), ("fast.pose", "YOU", "train")]
    index = collection(tmp_path / "in", rows)
    folder = index.parent
    (folder / "bad.pose").write_bytes(b"bad")
    write_pose(folder / "short.pose", moving_figure(1), 25)
    write_pose(folder / "fast.pose", moving_figure(40), 50)
    with index.open("a") as stream:
        stream.write("gone.pose\tHELLO\ttrain\tanna\nshort.pose\tYOU\ttrain\tanna\n")
    with (folder / "a.pose").open("wb") as stream:
        pose_format.Pose.read((folder / "b.pose").read_bytes()).remove_components(["FACE_LANDMARKS"]).write(stream)
    lines = prepare_pose(index, tmp_path / "out", INFO)
    assert lines[:2] == [
        f"{index}, row 8: gone.pose: does not exist",
        f"{index}, row 9: short.pose: the id 'short' stands twice",
    ]
    assert lines[2].startswith(f"{folder / 'bad.pose'}: is no readable .pose file")
    assert lines[3:] == [
        "note: 1 of 5 clips were brought to 25 frames per second: 1 from 50 (fast)",
        "note: 1 clips lack 40 of 40 lip points (a)",
    ]
    assert [sample.id for sample in Corpus(tmp_path / "out").split("train")] == ["a", "short", "fast"]


def test_without_a_split_it_is_drawn(tmp_path):
    folder = tmp_path / "in"
    collection(folder, [(f"{i}.pose", "HELLO", "") for i in range(24)])
    lines = [line.rsplit("\t", 2)[0] for line in (folder / "index.tsv").read_text().splitlines()]
    (folder / "index.tsv").write_text("\n".join(lines))
    assert prepare_pose(folder / "index.tsv", tmp_path / "out", INFO, 0.3, 0.3) == []
    sizes = [len(Corpus(tmp_path / "out").split(name)) for name in ("train", "dev", "test")]
    assert sum(sizes) == 24
    assert min(sizes) > 1


def test_nothing_usable_leaves_no_corpus_behind(tmp_path):
    index = collection(tmp_path / "in", ROWS)
    prepare_pose(index, tmp_path / "out", INFO)
    (index.parent / "a.pose").write_bytes(b"bad")
    with pytest.raises(DataError, match=r"test: no usable training clip \(.*a\.pose: is no readable"):
        prepare_pose(index, tmp_path / "out", INFO)
    assert not (tmp_path / "out" / "corpus.toml").exists()


def test_an_index_without_training_rows_is_refused_before_the_work(tmp_path):
    index = collection(tmp_path / "in", ROWS[1:])
    with pytest.raises(DataError, match="no row is for training"):
        prepare_pose(index, tmp_path / "out", INFO)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def corpus(tmp_path):
    """A corpus with a text that holds a tab, and clips with and without shoulders."""
    root = tmp_path / "corpus"
    splits = {}
    text = '"Hallo",\tihr "da"!'
    for seed, (name, split, signer) in enumerate([("1", "train", "anna"), ("zwei", "dev", "ben"), ("3.5", "test", "")]):
        clip = moving_figure(30, seed, 210 / 260)
        write_clip(root / landmark_path(name), clip if seed else clip._replace(shoulders=None))
        splits[split] = [Sample(name, signer, 30, ("A", "B+C"), text, landmark_path(name))]
    write_corpus(root, CorpusInfo("of clips", "DGS", fps=25), splits)
    return Corpus(root)


def test_a_corpus_survives_export_and_preparing(tmp_path, corpus):
    assert export_pose(corpus, tmp_path / "poses") == []
    assert sorted(path.name for path in (tmp_path / "poses").iterdir()) == [
        "1.pose", "3.5.pose", "index.tsv", "zwei.pose",
    ]  # fmt: skip
    assert prepare_pose(tmp_path / "poses" / "index.tsv", tmp_path / "again", INFO) == []
    again = Corpus(tmp_path / "again")
    assert again.info.fps == 25
    for split in ("train", "dev", "test"):
        (before,), (after,) = corpus.split(split), again.split(split)
        assert (after.id, after.frames, after.glosses) == (before.id, 30, ("A", "B+C"))
        assert after.signer == (before.signer or "unknown")
        assert after.text == '"Hallo", ihr "da"!'
        clip = corpus.clip(before)
        if clip.shoulders is None:
            clip = clip._replace(shoulders=np.full((30, 2, 3), np.nan))
        assert_same(again.clip(after), clip)


def test_characters_survive_export_and_preparing(tmp_path):
    root = tmp_path / "corpus"
    write_clip(root / landmark_path("news"), moving_figure(60))
    info = CorpusInfo("news", "CSL", unit="character")
    write_corpus(root, info, {"train": [Sample("news", "", 60, tuple("新闻联播"), "", landmark_path("news"))]})
    export_pose(Corpus(root), tmp_path / "poses")
    assert "news.pose\t新闻联播\t" in (tmp_path / "poses" / "index.tsv").read_text(encoding="utf-8")
    prepare_pose(tmp_path / "poses" / "index.tsv", tmp_path / "again", info)
    assert Corpus(tmp_path / "again").split("train")[0].glosses == tuple("新闻联播")


def test_single_clips_are_exported_and_unknown_ones_named(tmp_path, corpus):
    export_pose(corpus, tmp_path / "poses", ("train", "dev"), ["zwei"])
    assert sorted(path.name for path in (tmp_path / "poses").iterdir()) == ["index.tsv", "zwei.pose"]
    with pytest.raises(UsageError, match=r"no clip 3\.5 in train, dev"):
        export_pose(corpus, tmp_path / "poses", ("train", "dev"), ["zwei", "3.5"])


def test_clips_that_cannot_be_exported_are_named_and_the_rest_goes_on(tmp_path, corpus):
    (corpus.root / "landmarks" / "1.npz").write_bytes(b"damaged")
    lists = (corpus.root / "dev.csv").read_text()
    (corpus.root / "dev.csv").write_text(lists.replace("zwei,", "../../zwei,", 1))
    lists = (corpus.root / "test.csv").read_text()
    (corpus.root / "test.csv").write_text(lists.replace("3.5,", "3\t5,", 1))
    one, two, three = export_pose(corpus, tmp_path / "poses")
    assert one.startswith(f"{corpus.root / 'landmarks/1.npz'}: ")
    assert "'../../zwei'" in two
    assert "'3\\t5' cannot stand in a table" in three
    assert (tmp_path / "poses" / "index.tsv").read_text() == "file\tglosses\tsigner\tsplit\ttext\tid\n"
    assert [path.name for path in (tmp_path / "poses").iterdir()] == ["index.tsv"]
    assert not (tmp_path.parent / "zwei.pose").exists()


def test_the_commands(tmp_path, corpus, capsys):
    poses = tmp_path / "poses"
    assert cli.main(["export-pose", str(corpus.root), "--out", str(poses), "--split", "train"]) == 0
    assert capsys.readouterr().out == f"wrote {poses}\n"
    out = tmp_path / "out"
    options = ["--unit", "character", "--name", "n", "--language", "l", "--licence", "free", "--workers", "1"]
    assert cli.main(["prepare", "pose", "--index", str(poses / "index.tsv"), "--out", str(out), *options]) == 0
    assert capsys.readouterr().out == f"wrote {out}\n"
    info = Corpus(out).info
    assert (info.unit, info.name, info.language, info.licence) == ("character", "n", "l", "free")
    assert ".pose" in info.landmark_source

    single = corpus.root / "landmarks" / "3.5.npz"
    assert cli.main(["export-pose", str(single), "--out", str(poses), "--fps", "50"]) == 0
    assert capsys.readouterr().out == f"wrote {poses / '3.5.pose'}\n"
    assert read_pose(poses / "3.5.pose").fps == 50
    assert cli.main(["export-pose", str(single), "--out", str(poses), "--split", "dev"]) == 1
    assert "is one landmark file" in capsys.readouterr().err
    assert cli.main(["export-pose", str(single), "--out", str(poses), "--fps", "0"]) == 1
    assert cli.main(["export-pose", str(tmp_path / "nowhere"), "--out", str(poses)]) == 1
    assert "nowhere: does not exist; expected a corpus" in capsys.readouterr().err


def test_without_the_package_the_extra_is_named_and_nothing_is_touched(tmp_path, monkeypatch, capsys):
    index = collection(tmp_path / "in", ROWS)
    prepare_pose(index, tmp_path / "out", INFO)
    monkeypatch.setitem(sys.modules, "pose_format", None)
    assert cli.main(["prepare", "pose", "--index", str(index), "--out", str(tmp_path / "out")]) == 1
    assert "tf_slr[pose]" in capsys.readouterr().err
    assert (tmp_path / "out" / "corpus.toml").exists()
