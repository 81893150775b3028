"""Batches: padding, order, repeatability."""

import dataclasses

import numpy as np
import pytest

from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.glosses import Vocabulary
from tf_slr.core.landmarks import POINTS, VALUES, Clip, Normalisation
from tf_slr.corpus.manifest import Corpus, CorpusInfo, Sample, landmark_path, write_clip, write_corpus
from tf_slr.features.batches import FeatureOptions, TrainingBatches, collate, plan
from tf_slr.features.splits import UsableSplit, load_split
from tf_slr.features.streams import Landmarks


def split_of(count=23):
    rng = np.random.default_rng(0)
    clips = [Clip(rng.random((int(n), POINTS, 3), np.float32), None, 1.0) for n in rng.integers(9, 60, count)]
    samples = [Sample(f"s{i}", "a", len(clip.landmarks), ("A", "B")) for i, clip in enumerate(clips)]
    return UsableSplit(samples, clips, [])


def batches_of(split, vocabulary=("A", "B"), size=1, seed=0):
    streams = [Landmarks(split.clips, Normalisation())]
    return TrainingBatches(split, streams, Vocabulary(vocabulary), FeatureOptions(), size, seed)


def epoch_of(batches, epoch, start=0, stop=None):
    data = batches.dataset(epoch, start, stop or len(batches))
    return [{name: tensor.numpy() for name, tensor in batch.items()} for batch in data]


@pytest.fixture(scope="module")
def batches():
    return batches_of(split_of(), size=4, seed=3)


def test_plan_deals_every_clip_once_into_batches_of_similar_length():
    lengths = np.random.default_rng(0).integers(10, 300, 101)
    dealt = plan(lengths, 8, np.random.default_rng(1))
    assert sorted(np.concatenate(dealt).tolist()) == list(range(101))
    spread = np.mean([np.ptp(lengths[batch]) for batch in dealt])
    assert spread < 0.2 * np.ptp(lengths)
    assert not np.array_equal(dealt[0], plan(lengths, 8, np.random.default_rng(2))[0])


def test_an_id_that_stands_twice_is_refused(tmp_path):
    corpus = corpus_of(tmp_path)
    lines = (corpus.root / "train.csv").read_text().splitlines(keepends=True)
    (corpus.root / "train.csv").write_text("".join([*lines, lines[1]]))
    with pytest.raises(DataError, match=r"train\.csv: ids that stand twice: "):
        load_split(corpus, "train")


def test_collate_pads_with_zeros_to_a_multiple_of_the_stride():
    clips = [[np.ones((5, VALUES), np.float32)], [np.ones((9, VALUES), np.float32)]]
    batch = collate([Landmarks([], Normalisation())], clips, [[1], [2, 3]])
    assert batch["landmarks"].shape == (2, 12, VALUES)
    assert batch["landmarks"][0, 5:].sum() == 0
    assert batch["frames"].tolist() == [5, 9]
    assert batch["labels"].tolist() == [[1, 0], [2, 3]]
    assert batch["glosses"].tolist() == [1, 2]


def test_an_epoch_is_repeatable_and_epochs_differ(batches):
    first, again, other = epoch_of(batches, 0), epoch_of(batches, 0), epoch_of(batches, 1)
    assert all(np.array_equal(one[name], two[name]) for one, two in zip(first, again, strict=True) for name in one)
    pairs = [(one["landmarks"], two["landmarks"]) for one, two in zip(first, other, strict=True)]
    assert any(one.shape != two.shape or not np.array_equal(one, two) for one, two in pairs)
    assert sum(len(batch["frames"]) for batch in first) == 23


def test_going_on_in_mid_epoch_gives_the_same_batches(batches):
    whole, rest = epoch_of(batches, 2), epoch_of(batches, 2, start=3)
    assert len(rest) == len(whole) - 3
    assert np.array_equal(whole[3]["landmarks"], rest[0]["landmarks"])


def test_speed_never_makes_a_sentence_infeasible():
    split = split_of()
    split.clips[0] = Clip(split.clips[0].landmarks[:9], None, 1.0)
    split.samples[0] = dataclasses.replace(split.samples[0], frames=9)
    batches = batches_of(split)
    assert min(len(batches._shown(0, epoch)[0]) for epoch in range(60)) >= 8


def corpus_of(root, count=3):
    samples = []
    for i in range(count):
        path = landmark_path(f"c{i}")
        write_clip(root / path, Clip(np.random.default_rng(i).random((20 + i, POINTS, 3), np.float32), None, 1.0))
        samples.append(Sample(f"c{i}", "a", 20 + i, ("A",), landmarks=path))
    write_corpus(root, CorpusInfo("t", "x"), {"train": samples})
    return Corpus(root)


@pytest.mark.parametrize("source", ["memory", "files"])
def test_a_damaged_clip_is_named_and_the_rest_is_loaded(tmp_path, source):
    corpus = corpus_of(tmp_path)
    (tmp_path / "landmarks/c1.npz").write_bytes(b"PK broken")
    loaded = load_split(corpus, "train", source)
    assert [sample.id for sample in loaded.samples] == ["c0", "c2"]
    assert [len(clip.landmarks) for clip in loaded.clips] == [20, 22]
    assert len(loaded.refused) == 1
    assert "c1.npz" in loaded.refused[0]
    with pytest.raises(DataError, match=r"dev\.csv.*no usable"):
        load_split(corpus, "dev", source)


def test_files_are_read_when_asked_for_and_memory_keeps_them(tmp_path):
    corpus = corpus_of(tmp_path)
    kept, lazy = load_split(corpus, "train", "memory"), load_split(corpus, "train", "files")
    assert all(np.array_equal(a.landmarks, b.landmarks) for a, b in zip(kept.clips, lazy.clips, strict=True))
    (tmp_path / "landmarks/c1.npz").unlink()
    assert len(kept.clips[1].landmarks) == 21
    assert len(lazy.clips[2].landmarks) == 22
    with pytest.raises(DataError, match=r"c1\.npz"):
        lazy.clips[1]
    with pytest.raises(IndexError):
        lazy.clips[3]


def test_a_clip_that_vanishes_in_training_is_named(tmp_path):
    batches = batches_of(load_split(corpus_of(tmp_path), "train", "files"), vocabulary=("A",))
    (tmp_path / "landmarks/c1.npz").unlink()
    with pytest.raises(DataError, match=r"c1\.npz"), batches.faults_told():
        epoch_of(batches, 0)


@pytest.mark.parametrize("wrong", ["kept", "workers"])
def test_options_that_mean_nothing_are_refused(wrong):
    with pytest.raises(UsageError, match=f"features.{wrong}: expected from"):
        FeatureOptions(**{wrong: -1})


def test_single_moments_are_chosen_anew_in_every_epoch(tmp_path):
    split = load_split(corpus_of(tmp_path), "train", "memory")
    streams = [Landmarks(split.clips, Normalisation())]
    few = TrainingBatches(split, streams, Vocabulary(("A",)), FeatureOptions(), size=3, seed=0, pictures=5)
    first, again, second = epoch_of(few, 0), epoch_of(few, 0), epoch_of(few, 1)
    assert [list(batch["frames"]) for batch in first] == [[5, 5, 5]]
    assert np.array_equal(first[0]["landmarks"], again[0]["landmarks"])
    assert not np.array_equal(first[0]["landmarks"], second[0]["landmarks"])
