"""A corpus from a plan: in one go, in parts that are merged, or without landmarks."""

import json

import cv2
import numpy as np
import pytest

from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.landmarks import Clip
from tf_slr.corpus.manifest import Corpus, CorpusInfo, landmark_path, write_clip
from tf_slr.importers import assemble as module
from tf_slr.importers.assemble import Assembly, assemble, merge_parts
from tf_slr.importers.entries import Entry
from tf_slr.importers.plan import Plan
from tf_slr.tracking.engines import Engine
from tf_slr.tracking.extract import Extraction

INFO = CorpusInfo("test", "x", fps=25.0)


@pytest.fixture
def tracked(monkeypatch):
    """Stand in for MediaPipe, which would find nobody: a clip's landmarks follow from its name."""

    def extract_many(jobs, out, engine):
        results = []
        for job in jobs:
            if job.id == "dark":
                results.append(Extraction(job.id, refusal=f"{job.video}: nobody is there"))
                continue
            seed = np.random.default_rng([*job.id.encode()])
            write_clip(out / landmark_path(job.id), Clip(seed.random((40, 92, 3), np.float32), None, 1.5))
            record = out / "landmarks" / ".source" / f"{job.id}.json"
            record.parent.mkdir(exist_ok=True)
            record.write_text("{}")
            results.append(Extraction(job.id, 40, 25.0))
        return results

    monkeypatch.setattr(module, "extract_many", extract_many)
    monkeypatch.setattr(module, "landmark_source", lambda: "a tracker 1.0")


def plan_of(folder, **changes):
    splits = ("train",) * 4 + ("dev", "test", "train")
    names = ("a", "b", "c", "d", "e", "f", "dark")
    entries = [
        Entry(name, folder / name, ("G", name.upper()), "anna", split)
        for name, split in zip(names, splits, strict=True)
    ]
    return Plan(INFO, tuple(entries), (f"{folder}/list, row 9: is empty",), ("note: of the reader",), **changes)


def files_of(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("shared", [True, False])
def test_merged_parts_equal_one_run_to_the_byte(tmp_path, tracked, shared):
    whole = assemble(plan_of(tmp_path), tmp_path / "whole", Assembly())
    refused = [f"{tmp_path}/list, row 9: is empty", f"{tmp_path / 'dark'}: nobody is there"]
    assert whole == [*refused, "note: of the reader"]
    parts = [tmp_path / ("merged" if shared else f"part{number}") for number in (1, 2, 3)]
    for number in (3, 1, 2):
        lines = assemble(plan_of(tmp_path), parts[number - 1], Assembly(shard=number, shards=3))
        assert f"part {number} of 3 is tracked" in lines[-1]
        assert not (parts[number - 1] / "corpus.toml").exists()
    merged = tmp_path / "merged"
    assert merge_parts(sorted({*parts}), merged) == whole
    expected = files_of(tmp_path / "whole")
    assert {name: content for name, content in files_of(merged).items() if not name.startswith("parts/")} == expected
    assert merge_parts(sorted({*parts}), merged) == whole
    assert Corpus(merged).info.landmark_source == "a tracker 1.0"


def test_videos_may_lie_elsewhere_on_another_machine(tmp_path, tracked):
    for number, place in ((1, "mnt"), (2, "nfs")):
        assemble(plan_of(tmp_path / place), tmp_path / "out", Assembly(shard=number, shards=2))
    merge_parts([tmp_path / "out"], tmp_path / "out")
    assert Corpus(tmp_path / "out").split("train")[1].video == str(tmp_path / "mnt" / "b")


def test_a_missing_damaged_or_foreign_part_is_named(tmp_path, tracked):
    out, part = tmp_path / "out", tmp_path / "out" / "parts" / "2-of-2.json"
    with pytest.raises(DataError, match="out: holds no part; make one with 'tf-slr prepare"):
        merge_parts([out], out)
    assemble(plan_of(tmp_path), out, Assembly(shard=2, shards=2))
    with pytest.raises(DataError, match="of 2 parts these are missing: 1"):
        merge_parts([out], out)
    other = tmp_path / "other"
    assemble(plan_of(tmp_path, dev_share=0.5), other, Assembly(shard=1, shards=2))
    with pytest.raises(DataError, match=r"other/parts/1-of-2.json: is of another corpus than .*2-of-2.json"):
        merge_parts([out, other], out)
    assemble(plan_of(tmp_path), tmp_path / "twice", Assembly(shard=2, shards=2))
    with pytest.raises(DataError, match="part 2 is also in"):
        merge_parts([out, tmp_path / "twice"], out)
    good = part.read_text()
    for damaged in ("", "[]", "{}", good[: len(good) // 2], good.replace("anna", "anne"), good.replace("40", "41")):
        part.write_text(damaged)
        with pytest.raises(DataError, match=r"2-of-2\.json: "):
            merge_parts([out], out)
    part.write_text(good)
    part.rename(part.with_name("x-of-2.json"))
    with pytest.raises(DataError, match=r"x-of-2\.json: is damaged"):
        merge_parts([out], out)
    assert not (out / "corpus.toml").exists()


def test_landmarks_that_a_part_lost_are_refused_and_the_rest_is_merged(tmp_path, tracked):
    for number in (1, 2):
        assemble(plan_of(tmp_path), tmp_path / f"part{number}", Assembly(shard=number, shards=2))
    lost, short = tmp_path / "part1/landmarks/a.npz", tmp_path / "part2/landmarks/b.npz"
    lost.unlink()
    write_clip(short, Clip(np.zeros((39, 92, 3), np.float32), None, 1.0))
    lines = merge_parts([tmp_path / "part1", tmp_path / "part2"], tmp_path / "out")
    assert f"{lost}: cannot be read (No such file or directory)" in lines
    assert f"{short}: does not have the 40 frames that its part promises" in lines
    assert [sample.id for sample in Corpus(tmp_path / "out").split("train")] == ["c", "d"]


def test_without_landmarks_pictures_are_only_counted(tmp_path):
    rng = np.random.default_rng(0)
    for name, count in (("a", 12), ("b", 11), ("empty", 0)):
        (tmp_path / name).mkdir()
        for number in range(count):
            cv2.imwrite(str(tmp_path / name / f"{number}.png"), rng.integers(0, 255, (8, 8, 3), np.uint8))
    entries = [
        Entry("a", tmp_path / "a", ("A",), split="train", frames=12),
        Entry("b", tmp_path / "b", ("A",), split="train", frames=12),
        Entry("empty", tmp_path / "empty", ("A",), split="train"),
        Entry("gone", tmp_path / "gone", ("A",), split="dev"),
    ]
    plan = Plan(INFO, tuple(entries), known_fps=True)
    assert assemble(plan, tmp_path / "out", Assembly(landmarks=False)) == [
        f"{tmp_path / 'b'}: expected 12 frames, found 11",
        f"{tmp_path / 'empty'}: holds no image (.png, .jpg, .jpeg)",
        f"{tmp_path / 'gone'}: does not exist",
    ]
    corpus = Corpus(tmp_path / "out")
    (sample,) = corpus.split("train")
    assert (sample.frames, sample.landmarks, corpus.info.landmark_source) == (12, "", "none")
    with pytest.raises(DataError, match="a: has no landmarks; prepare the corpus without --no-landmarks"):
        corpus.clip(sample)


def test_without_landmarks_videos_are_decoded_to_their_ends(tmp_path, video_of_noise):
    """A list must not promise what training will not find."""
    whole, cut = video_of_noise("whole.avi", frames=40), video_of_noise("cut.avi", frames=40)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    entries = tuple(
        Entry(name, path, ("A",), split="train", frames=frames)
        for name, path, frames in (("whole", whole, None), ("near", whole, 41), ("far", whole, 43), ("cut", cut, None))
    )
    far, broken, *_ = assemble(Plan(INFO, entries), tmp_path / "out", Assembly(landmarks=False))
    assert far == f"{whole}: expected 43 frames, found 40"
    assert broken.startswith(f"{cut}: promised 40 frames, gives")
    samples = Corpus(tmp_path / "out").split("train")
    assert {sample.id: sample.frames for sample in samples} == {"whole": 40, "near": 40}


@pytest.mark.parametrize(
    "fault",
    [
        lambda: Assembly(shard=3, shards=2),
        lambda: Assembly(shard=0),
        lambda: Assembly(shard=1, shards=2, landmarks=False),
        lambda: Engine(workers=-1),
        lambda: Engine("dask"),
        lambda: Engine("processes", scheduler="tcp://x:1"),
        lambda: Engine("dask", 2, "tcp://x:1"),
    ],
)
def test_requests_that_cannot_be_are_refused(fault):
    with pytest.raises(UsageError):
        fault()


def test_a_part_says_what_it_holds(tmp_path, tracked):
    assemble(plan_of(tmp_path), tmp_path, Assembly(shard=1, shards=2))
    content = json.loads((tmp_path / "parts/1-of-2.json").read_text())
    assert [one["id"] for one in content["ended"]] == ["a", "c", "e", "dark"]
    assert len(content["plan"]["entries"]) == 7
