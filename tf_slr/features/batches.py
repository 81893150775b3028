"""Batches of clips of similar length, reproducible from a seed and a position."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import tensorflow as tf

from tf_slr import timing
from tf_slr.corpus.manifest import Corpus, Sample
from tf_slr.corpus.shards import ShardedSplit
from tf_slr.corpus.threads import in_threads
from tf_slr.errors import DataError
from tf_slr.features.augment import AugmentOptions, apply, draw
from tf_slr.features.records import read_record
from tf_slr.glosses import Vocabulary
from tf_slr.landmarks import VALUES, Clip, Normalisation, normalise

Source = Literal["memory", "files", "shards"]


@dataclass(frozen=True)
class FeatureOptions:
    """How clips become network input.

    Attributes:
        source: where training finds clips. "memory" reads all of them once and keeps them; "files" reads each
            landmark file whenever its turn comes, "shards" its record in the shards of `tf-slr pack`: for corpora
            larger than memory. Batches are the same to the bit.
        normalisation: the rule that also the deployed model follows.
        augment: changes in training.
    """

    source: Source = "memory"
    normalisation: Normalisation = field(default_factory=Normalisation)
    augment: AugmentOptions = field(default_factory=AugmentOptions)


class Batch(NamedTuple):
    """Padded clips.

    Attributes:
        landmarks: float32 [B, T, 276], zero beyond a clip's end.
        frames: int32 [B], true lengths.
        labels: int32 [B, L], zero beyond a sentence's end.
        glosses: int32 [B], true lengths.
    """

    landmarks: np.ndarray
    frames: np.ndarray
    labels: np.ndarray
    glosses: np.ndarray


class UsableSplit(NamedTuple):
    """What of a split can be used.

    Attributes:
        samples: the clips' annotations, with their lengths.
        clips: their landmarks: in memory, or read whenever one is asked for.
        refused: one line for each sample that cannot be used.
    """

    samples: Sequence[Sample]
    clips: Sequence[Clip]
    refused: list[str]


class _Lazy(Sequence[Clip]):
    """Clips that are read when they are asked for, every time."""

    def __init__(self, read: Callable[[int], Clip], count: int) -> None:
        self._read, self._count = read, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Clip:
        return self._read(index)


def load_split(corpus: Corpus, name: str, source: Source = "memory") -> UsableSplit:
    """Read a split's landmarks once; a damaged clip is named and left out.

    Args:
        corpus: the corpus.
        name: "train", "dev" or "test".
        source: where clips come from afterwards, see `FeatureOptions.source`.

    Raises:
        DataError: nothing usable is left, or there are no sound shards to read from.
    """
    if source == "shards":
        samples, clips, refused = _from_shards(corpus, name)
    else:
        samples, clips, refused = _from_files(corpus, name, keep=source == "memory")
    if not samples:
        reason = f"; first fault: {refused[0]}" if refused else ""
        raise DataError(f"{corpus.root / name}.csv: the {name} split has no usable sample{reason}")
    return UsableSplit(samples, clips, refused)


def _from_files(corpus: Corpus, name: str, keep: bool) -> UsableSplit:
    def read(sample: Sample) -> Clip | DataError:
        try:
            _require_feasible(sample)
            return corpus.clip(sample)
        except DataError as error:
            return error

    samples, clips, refused = [], [], []
    listed = corpus.split(name)
    for sample, clip in zip(listed, in_threads(read, listed, f"read {name}", "clip"), strict=True):
        if isinstance(clip, DataError):
            refused.append(str(clip))
            continue
        samples.append(sample)
        if keep:
            clips.append(clip)
    return UsableSplit(samples, clips if keep else _Lazy(lambda i: corpus.clip(samples[i]), len(samples)), refused)


def _from_shards(corpus: Corpus, name: str) -> UsableSplit:
    split = ShardedSplit(corpus, name)
    split.verify()
    samples, records, refused = [], [], list(split.refused)
    for sample, record in zip(split.samples, split.records, strict=True):
        if record is None:
            continue
        try:
            _require_feasible(sample)
        except DataError as error:
            refused.append(str(error))
            continue
        samples.append(sample)
        records.append(record)
    return UsableSplit(samples, _Lazy(lambda i: read_record(records[i], samples[i]), len(samples)), refused)


def _require_feasible(sample: Sample) -> None:
    if not sample.feasible:
        raise DataError(f"{sample.id}: {sample.frames} frames are too few for {len(sample.glosses)} glosses")


def plan(lengths: Sequence[int], size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Deal clips into batches of similar length, in random order.

    Lengths are blurred by a tenth before sorting, so that batches differ between epochs.
    """
    order = np.argsort(np.asarray(lengths) * rng.uniform(0.9, 1.1, len(lengths)), kind="stable")
    batches = [order[i : i + size] for i in range(0, len(order), size)]
    return [batches[i] for i in rng.permutation(len(batches))]


class TrainingBatches:
    """Augmented training batches: epoch `e`, batch `b` is always the same for one seed.

    A clip is asked for when its batch is made, so no more than the batches
    that wait to be trained on need be in memory.

    Attributes:
        fault: why the last dataset broke off: a clip that could not be read any more. TensorFlow hides it in
            an error of its own.
    """

    def __init__(self, split: UsableSplit, vocabulary: Vocabulary, options: FeatureOptions, size: int, seed: int):
        self.clips, self.options, self.size, self.seed = split.clips, options, size, seed
        self.lengths = [sample.frames for sample in split.samples]
        self.labels = [vocabulary.encode(sample.glosses) for sample in split.samples]
        self.fault: DataError | None = None

    def __len__(self) -> int:
        return math.ceil(len(self.clips) / self.size)

    def dataset(self, epoch: int, start: int, stop: int) -> tf.data.Dataset:
        """Batches `start` to `stop` of an epoch, as a tf.data pipeline of `Batch` tuples."""
        batches = plan(self.lengths, self.size, np.random.default_rng([self.seed, epoch]))

        def make(number: np.ndarray) -> Batch:
            members = batches[int(number)]
            try:
                return collate([self._values(i, epoch) for i in members], [self.labels[i] for i in members])
            except DataError as error:
                self.fault = error
                raise

        types = [tf.float32, tf.int32, tf.int32, tf.int32]
        shapes = [(None, None, VALUES), (None,), (None, None), (None,)]

        def shaped(*tensors: tf.Tensor) -> Batch:
            return Batch(*(tf.ensure_shape(tensor, shape) for tensor, shape in zip(tensors, shapes, strict=True)))

        numbers = tf.data.Dataset.range(start, stop)
        return numbers.map(lambda n: shaped(*tf.numpy_function(make, [n], types))).prefetch(2)

    def _values(self, index: int, epoch: int) -> np.ndarray:
        clip = self.clips[index]
        rng = np.random.default_rng([self.seed, epoch, index])
        # A clip played faster must still be long enough for its glosses.
        shortest = timing.needed_steps(self.labels[index]) * timing.STRIDE
        change = draw(self.options.augment, len(clip.landmarks), rng, shortest)
        changed, frame = apply(clip, change)
        return normalise(changed, self.options.normalisation, frame)


def collate(values: Sequence[np.ndarray], labels: Sequence[Sequence[int]]) -> Batch:
    """Pad clips [T, 276] and label sequences to the longest of each."""
    frames = np.array([len(clip) for clip in values], np.int32)
    glosses = np.array([len(sentence) for sentence in labels], np.int32)
    longest = timing.steps(int(frames.max())) * timing.STRIDE
    landmarks = np.zeros((len(values), longest, VALUES), np.float32)
    padded = np.zeros((len(values), max(1, int(glosses.max()))), np.int32)
    for i, (clip, sentence) in enumerate(zip(values, labels, strict=True)):
        landmarks[i, : len(clip)] = clip
        padded[i, : len(sentence)] = sentence
    return Batch(landmarks, frames, padded, glosses)
