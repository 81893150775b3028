"""Shards: the same clips as from files, to the bit; and nothing damaged or outdated is ever trained on."""

import hashlib
import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.cli.test_cli import tf_slr
from tests.shared import room_for
from tf_slr.core import files
from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.landmarks import POINTS, Clip
from tf_slr.corpus.check import check_corpus
from tf_slr.corpus.manifest import Corpus, CorpusInfo, Sample, landmark_path, write_clip, write_corpus
from tf_slr.corpus.shards import ShardedSplit, check_shards
from tf_slr.features.batches import FeatureOptions, TrainingBatches
from tf_slr.features.records import pack, parse, read_record, serialise
from tf_slr.features.splits import load_split
from tf_slr.features.streams import Landmarks

SHARD_BYTES = 170_000  # three shards of train


def clip_of(seed, frames, dtype=np.float16, shoulders=True):
    rng = np.random.default_rng(seed)
    landmarks = rng.random((frames, POINTS, 3)).astype(dtype)
    landmarks[frames // 2, 50:71] = np.nan
    return Clip(landmarks, rng.random((frames, 2, 3)).astype(np.float32) if shoulders else None, 0.1 + seed / 3)


def write(root):
    """A corpus of every kind of clip: both types, with and without shoulders."""
    splits = {}
    for number, (name, count) in enumerate((("train", 13), ("dev", 4), ("test", 1))):
        splits[name] = []
        for i in range(count):
            seed, frames = 100 * number + i, 18 + 7 * i % 40
            path = landmark_path(f"{name}-{i}")
            write_clip(root / path, clip_of(seed % 9, frames, np.float32 if i % 2 else np.float16, i % 3 > 0))
            splits[name].append(Sample(f"{name}-{i}", "s", frames, ("A", "B")[: 1 + i % 2], landmarks=path))
    write_corpus(root, CorpusInfo("tiny", "test"), splits)
    return Corpus(root)


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    corpus = write(tmp_path_factory.mktemp("packed") / "corpus")
    assert pack(corpus, SHARD_BYTES) == []
    return corpus


@pytest.fixture
def copy(packed, tmp_path):
    return Corpus(shutil.copytree(packed.root, tmp_path / "corpus"))


def shards_of(corpus):
    return {path.name: path.read_bytes() for path in sorted((corpus.root / "shards").iterdir())}


def same(one, other):
    return (
        one.landmarks.dtype == other.landmarks.dtype
        and one.landmarks.tobytes() == other.landmarks.tobytes()
        and one.aspect == other.aspect
        and (one.shoulders is None) == (other.shoulders is None)
        and (one.shoulders is None or one.shoulders.tobytes() == other.shoulders.tobytes())
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
@pytest.mark.parametrize("shoulders", [True, False])
def test_a_record_gives_back_the_clip(dtype, shoulders):
    clip = clip_of(4, 11, dtype, shoulders)
    name, found = parse(serialise("köln 1", clip), "record")
    assert name == "köln 1"
    assert np.array_equal(found.landmarks, clip.landmarks, equal_nan=True)
    assert found.landmarks.dtype.itemsize == clip.landmarks.dtype.itemsize
    assert found.aspect == clip.aspect
    assert (found.shoulders is None) == (not shoulders)
    assert serialise("köln 1", clip) == serialise("köln 1", clip)


def test_a_type_that_a_record_cannot_hold_is_refused():
    with pytest.raises(DataError, match="long: expected landmarks of float16"):
        serialise("long", clip_of(0, 5, np.longdouble))


@pytest.mark.parametrize("name", ["train", "dev", "test"])
def test_every_clip_is_the_same_as_in_its_file(packed, name):
    split = load_split(packed, name, "shards")
    assert list(split.samples) == packed.split(name)
    assert all(same(packed.clip(sample), clip) for sample, clip in zip(split.samples, split.clips, strict=True))


@pytest.mark.parametrize("source", ["files", "shards"])
def test_training_batches_are_the_same_to_the_bit_wherever_clips_come_from(packed, source):
    def batches(source):
        split, options = load_split(packed, "train", source), FeatureOptions(source=source)
        streams = [Landmarks(split.clips, options.normalisation)]
        data = TrainingBatches(split, streams, packed.vocabulary(), options, size=4, seed=5)
        for epoch, start in ((0, 0), (1, 0), (3, 2)):
            yield from data.dataset(epoch, start, len(data))

    count = 0
    for one, other in zip(batches("memory"), batches(source), strict=True):
        count += 1
        assert all(one[name].numpy().tobytes() == other[name].numpy().tobytes() for name in one)
    assert count == 4 + 4 + 2


def test_tensorflow_reads_the_shards_too(packed):
    names = sorted(str(path) for path in (packed.root / "shards").glob("train-*.tfrecord"))
    assert len(names) > 2
    records = [parse(record.numpy(), "record") for record in tf.data.TFRecordDataset(names)]
    assert [name for name, _ in records] == [sample.id for sample in packed.split("train")]
    assert all(
        same(packed.clip(sample), clip) for sample, (_, clip) in zip(packed.split("train"), records, strict=True)
    )


def test_packing_is_reproducible_and_keeps_what_is_right(packed, tmp_path):
    other = write(tmp_path / "corpus")
    pack(other, SHARD_BYTES)
    before = shards_of(other)
    assert before == shards_of(packed)
    folder = other.root / "shards"
    victim, kept = folder / "train-00001-of-00003.tfrecord", folder / "train-00000-of-00003.tfrecord"
    victim.write_bytes(victim.read_bytes()[:-1])
    (folder / "dev-00000-of-00001.json").write_text("{}")
    stamp = kept.stat().st_mtime_ns
    pack(other, SHARD_BYTES)
    assert shards_of(other) == before
    assert kept.stat().st_mtime_ns == stamp


def test_another_division_leaves_nothing_of_the_first(copy):
    pack(copy, 10**9)
    assert sorted(shards_of(copy)) == [
        *(f"{name}-00000-of-00001.{suffix}" for name in ("dev",) for suffix in ("json", "tfrecord")),
        "shards.json",
        *(f"{name}-00000-of-00001.{suffix}" for name in ("test", "train") for suffix in ("json", "tfrecord")),
    ]
    assert check_shards(copy) == []


def test_a_killed_job_goes_on_and_ends_with_the_same_bytes(packed, tmp_path):
    corpus = write(tmp_path / "corpus")
    # Stops for good in the middle of the second shard, as a killed process does.
    script = (
        "import os, sys\n"
        "from tf_slr.corpus.manifest import Corpus\n"
        "from tf_slr.features import records\n"
        "serialise = records.serialise\n"
        "records.serialise = lambda name, clip: os._exit(9) if name == 'train-8' else serialise(name, clip)\n"
        f"records.pack(Corpus(sys.argv[1]), {SHARD_BYTES})\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(corpus.root)], cwd=Path(__file__).parents[2])
    assert killed.returncode == 9
    assert not (corpus.root / "shards/shards.json").exists()
    with pytest.raises(DataError, match="make shards with 'tf-slr pack'"):
        load_split(corpus, "train", "shards")
    first = corpus.root / "shards/train-00000-of-00003.tfrecord"
    stamp = first.stat().st_mtime_ns
    time.sleep(0.01)
    pack(corpus, SHARD_BYTES)
    assert shards_of(corpus) == shards_of(packed)
    assert first.stat().st_mtime_ns == stamp


def test_a_clip_that_cannot_be_read_is_named_and_left_out(tmp_path):
    corpus = write(tmp_path)
    (tmp_path / "landmarks/train-3.npz").write_bytes(b"PK")
    (line,) = pack(corpus, SHARD_BYTES)
    assert "train-3.npz" in line
    from_files, from_shards = (load_split(corpus, "train", source) for source in ("files", "shards"))
    assert list(from_files.samples) == list(from_shards.samples)
    assert from_files.refused == from_shards.refused == [line]
    write_clip(tmp_path / "landmarks/train-3.npz", clip_of(3, corpus.split("train")[3].frames))
    assert pack(corpus, SHARD_BYTES) == []
    assert len(load_split(corpus, "train", "shards").samples) == 13


def test_a_full_disk_is_a_plain_error_and_leaves_no_shard(tmp_path):
    corpus = write(tmp_path)
    refused = pytest.raises(OSError, match=r"train-00000-of-00003\.tfrecord: cannot be written \(.*too large\)")
    with room_for(40_000), refused:
        pack(corpus, SHARD_BYTES)
    assert list((tmp_path / "shards").iterdir()) == []


def test_a_corpus_without_landmarks_has_nothing_to_pack(tmp_path):
    write_corpus(tmp_path, CorpusInfo("v", "x"), {"train": [Sample("a", "s", 9, ("A",), video="a.mp4")]})
    with pytest.raises(DataError, match="nothing to pack"):
        pack(Corpus(tmp_path), SHARD_BYTES)
    with pytest.raises(UsageError, match="bytes or more"):
        pack(Corpus(tmp_path), 0)


def change_list(root):
    text = (root / "train.csv").read_text()
    (root / "train.csv").write_text(text.replace("A B", "B A", 1))


def change_landmarks(root):
    write_clip(root / "landmarks/train-5.npz", Clip(np.zeros((18 + 35, POINTS, 3), np.float32), None, 1.0))


def cut(root):
    path = root / "shards/train-00002-of-00003.tfrecord"
    path.write_bytes(path.read_bytes()[:-1])


def flip(root):
    path = root / "shards/train-00002-of-00003.tfrecord"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def flip_index(root):
    path = root / "shards/train-00002-of-00003.json"
    path.write_text(path.read_text().replace("train-12", "train-13"))


def lose(root):
    (root / "shards/train-00001-of-00003.tfrecord").unlink()


def lose_index(root):
    (root / "shards/train-00001-of-00003.json").unlink()


def another_version(root):
    path = root / "shards/shards.json"
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))


def lead_out(root):
    path = root / "shards/shards.json"
    path.write_text(path.read_text().replace('"train-00000', '"../train-00000'))


def drop_a_shard(root):
    path = root / "shards/shards.json"
    content = json.loads(path.read_text())
    del content["splits"]["train"]["indexes"]["train-00001-of-00003.json"]
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (change_list, r"train\.csv was changed since it was packed; run 'tf-slr pack' again"),
        (change_landmarks, r"00001-of-00003\.tfrecord: a landmark file was changed .*; run 'tf-slr pack' again"),
        (cut, r"00002-of-00003\.tfrecord: expected \d+ bytes, found \d+; run 'tf-slr pack' again"),
        (flip, r"00002-of-00003\.tfrecord: is damaged .*; run 'tf-slr pack' again"),
        (flip_index, r"00002-of-00003\.json: is damaged; run 'tf-slr pack' again"),
        (lose, r"00001-of-00003\.tfrecord: expected \d+ bytes, found 0"),
        (lose_index, r"00001-of-00003\.json: cannot be read"),
        (another_version, r"shards\.json: expected version 1, found 2; run 'tf-slr pack' again"),
        (lead_out, r"shards\.json: has no sound entry of train"),
        (drop_a_shard, r"do not cover train\.csv row by row"),
    ],
)
def test_damaged_or_outdated_shards_are_refused_and_check_names_them(copy, damage, message):
    damage(copy.root)
    with pytest.raises(DataError, match=message):
        load_split(copy, "train", "shards")
    (fault,) = check_shards(copy) if damage is not another_version else check_shards(copy)[:1]
    assert fault in check_corpus(copy.root)


def test_landmarks_of_the_same_size_but_changed_are_found_by_check_and_packed_anew(copy):
    path = copy.root / "landmarks/dev-2.npz"
    arrays = files.read_npz(path)
    size = path.stat().st_size
    files.write_npz(path, arrays, compress=False)
    loose = path.stat().st_size
    pack(copy, SHARD_BYTES)
    files.write_npz(path, arrays | {"landmarks": arrays["landmarks"][::-1]}, compress=False)
    assert path.stat().st_size == loose != size
    (fault,) = check_shards(copy)
    assert "a landmark file was changed" in fault
    pack(copy, SHARD_BYTES)
    assert check_shards(copy) == []
    assert same(copy.clip(copy.split("dev")[2]), load_split(copy, "dev", "shards").clips[2])


def test_shards_alone_are_enough_to_train(copy):
    shutil.rmtree(copy.root / "landmarks")
    assert len(load_split(copy, "train", "shards").clips[12].landmarks) == copy.split("train")[12].frames


def test_what_is_damaged_after_the_start_is_noticed_too(copy):
    split = load_split(copy, "train", "shards")
    flip(copy.root)
    with pytest.raises(DataError, match=r"00002-of-00003\.tfrecord: is damaged at byte \d+"):
        list(split.clips)


def test_a_record_of_another_clip_is_refused(packed):
    split = ShardedSplit(packed, "train")
    assert read_record(split.records[4], split.samples[4])
    with pytest.raises(DataError, match=r"byte \d+: expected train-5 of \d+ frames, found train-4 of \d+"):
        read_record(split.records[4], split.samples[5])


def without_clips(index):
    return {"ids": [], "lengths": [], "crc32": [], "bytes": 0}


def with_another_id(index):
    return {"ids": ["other", *index["ids"][1:]]}


def with_a_negative_length(index):
    first, second, *rest = index["lengths"]
    return {"lengths": [-first, second + 2 * first, *rest]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_clips, "its records, rows and bytes do not add up"),
        (with_another_id, r"its clips are not those of dev\.csv in order"),
        (with_a_negative_length, "its records, rows and bytes do not add up"),
    ],
)
def test_a_forged_index_is_refused_although_its_checksum_is_right(copy, change, message):
    folder = copy.root / "shards"
    index, summary = folder / "dev-00000-of-00001.json", folder / "shards.json"
    old, content = files.sha256(index), files.read_json(index)
    files.write_json(index, content | change(content))
    if change is without_clips:
        (folder / "dev-00000-of-00001.tfrecord").write_bytes(b"")
    summary.write_text(summary.read_text().replace(old, files.sha256(index)))
    with pytest.raises(DataError, match=rf"dev-00000-of-00001\.(json|tfrecord): {message}"):
        load_split(copy, "dev", "shards")


def test_a_record_without_a_landmark_is_refused():
    for value, message in ((np.nan, "no landmark was found"), (np.inf, "infinite")):
        with pytest.raises(DataError, match=f"record: .*{message}"):
            parse(serialise("a", Clip(np.full((5, POINTS, 3), value, np.float32), None, 1.0)), "record")


def fault_of(work):
    """The text of the DataError that `work` raises, or None; any other error is a bug."""
    try:
        work()
    except DataError as error:
        return str(error)
    return None


def test_only_data_errors_come_out_of_damaged_shards(copy):
    """Bytes of every file of the shards are overwritten, cut out and doubled; indexes also with a right checksum."""
    rng = random.Random(1)
    folder = copy.root / "shards"
    summary = folder / "shards.json"
    originals = {path: path.read_bytes() for path in (*sorted(folder.glob("train-*")), summary)}
    faults = []
    for _ in range(120):
        path = rng.choice(list(originals))
        path.write_bytes(damaged(originals[path], rng))
        if rng.random() < 0.5 and path.suffix == ".json" and path != summary:
            old = hashlib.sha256(originals[path]).hexdigest().encode()
            summary.write_bytes(originals[summary].replace(old, files.sha256(path).encode()))
        faults.append(fault_of(lambda: list(load_split(copy, "train", "shards").clips)))
        for path, content in originals.items():
            path.write_bytes(content)
    found = [fault for fault in faults if fault]
    assert all(str(copy.root) in fault for fault in found)
    assert len(found) > 100  # the rest hit what the training split does not need, such as white space


def test_only_data_errors_come_out_of_damaged_records():
    rng = random.Random(2)
    record = serialise("a", clip_of(1, 2))
    faults = [fault_of(lambda: parse(damaged(record, rng), "record")) for _ in range(600)]
    found = [fault for fault in faults if fault]
    assert all(fault.startswith("record: ") for fault in found)
    assert len(found) > 200  # the rest hit coordinates, which any number can be


def damaged(content, rng):
    content = bytearray(content)
    place = rng.randrange(len(content))
    what = rng.choice(("flip", "cut", "double", "end", "digit"))
    if what == "flip":
        content[place] ^= 1 << rng.randrange(8)
    elif what == "cut":
        del content[place : place + rng.randrange(1, 40)]
    elif what == "double":
        content[place:place] = content[place : place + 40]
    elif what == "end":
        del content[place:]
    else:
        digits = [i for i, byte in enumerate(content[:20_000]) if chr(byte).isdigit()] or [place]
        content[rng.choice(digits)] = ord(rng.choice("0123456789-"))
    return bytes(content)


def test_commands_pack_and_check(tmp_path, tiny_corpus):
    corpus = shutil.copytree(tiny_corpus, tmp_path / "corpus")
    stdout, stderr = tf_slr("pack", corpus, "--shard-mb", "1")
    assert stdout == f"wrote {corpus / 'shards'}\n"
    assert stderr == ""
    assert len(list((corpus / "shards").glob("train-*.tfrecord"))) > 1
    assert "no fault" in tf_slr("check", corpus)[0]
    cut_shard = next((corpus / "shards").glob("dev-*.tfrecord"))
    cut_shard.write_bytes(cut_shard.read_bytes()[:-1])
    assert cut_shard.name in tf_slr("check", corpus, code=1)[1]


def test_the_benchmark_measures_every_source(packed, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "tools"))
    from bench_input import SOURCES, measure, table

    sources = {source: measure(packed.root, source, 4, 2) for source in SOURCES}
    assert all(value > 0 for figures in sources.values() for name, value in figures.items() if "per" in name)
    text = table({"batch": 4, "batches": 2, "sources": sources})
    assert all(f"| {source} |" in text for source in ("memory", "files", "shards"))


def test_training_needs_the_shards_alone_and_stops_when_one_is_damaged_meanwhile(tmp_path, copy, tiny_recipe):
    from tf_slr.training.recipe import load_recipe
    from tf_slr.training.trainer import Trainer

    shutil.rmtree(copy.root / "landmarks")
    recipe = load_recipe(str(tiny_recipe), ["features.source=shards", "training.epochs=2"])
    trainer = Trainer(copy, recipe, tmp_path / "run")
    append_metrics = trainer.run.append_metrics

    def damage_after_the_first_epoch(line):
        append_metrics(line)
        flip(copy.root)

    trainer.run.append_metrics = damage_after_the_first_epoch
    with pytest.raises(DataError, match=r"00002-of-00003\.tfrecord: is damaged at byte \d+"):
        trainer.fit()
    (line,) = trainer.run.metrics()
    assert line["dev_wer"] >= 0
