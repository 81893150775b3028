"""Batches of clips of similar length, reproducible from a seed and a position."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tf_slr import timing
from tf_slr.corpus.manifest import Corpus, Sample
from tf_slr.errors import DataError
from tf_slr.features.augment import AugmentOptions, apply, draw
from tf_slr.glosses import Vocabulary
from tf_slr.landmarks import VALUES, Clip, Normalisation, normalise


@dataclass(frozen=True)
class FeatureOptions:
    """How clips become network input.

    Attributes:
        normalisation: the rule that also the deployed model follows.
        augment: changes in training.
    """

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


class LoadedSplit(NamedTuple):
    """A split in memory: samples, their clips, and one line for each that cannot be used."""

    samples: list[Sample]
    clips: list[Clip]
    refused: list[str]


def load_split(corpus: Corpus, name: str) -> LoadedSplit:
    """Read a split's landmarks; a damaged clip is named and left out.

    Raises:
        DataError: nothing usable is left.
    """
    samples, clips, refused = [], [], []
    for sample in corpus.split(name):
        try:
            if not sample.feasible:
                raise DataError(f"{sample.id}: {sample.frames} frames are too few for {len(sample.glosses)} glosses")
            clips.append(corpus.clip(sample))
            samples.append(sample)
        except DataError as error:
            refused.append(str(error))
    if not samples:
        reason = f"; first fault: {refused[0]}" if refused else ""
        raise DataError(f"{corpus.root / name}.csv: the {name} split has no usable sample{reason}")
    return LoadedSplit(samples, clips, refused)


def plan(lengths: Sequence[int], size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Deal clips into batches of similar length, in random order.

    Lengths are blurred by a tenth before sorting, so that batches differ between epochs.
    """
    order = np.argsort(np.asarray(lengths) * rng.uniform(0.9, 1.1, len(lengths)), kind="stable")
    batches = [order[i : i + size] for i in range(0, len(order), size)]
    return [batches[i] for i in rng.permutation(len(batches))]


class TrainingBatches:
    """Augmented training batches: epoch `e`, batch `b` is always the same for one seed."""

    def __init__(self, split: LoadedSplit, vocabulary: Vocabulary, options: FeatureOptions, size: int, seed: int):
        self.clips, self.options, self.size, self.seed = split.clips, options, size, seed
        self.labels = [vocabulary.encode(sample.glosses) for sample in split.samples]

    def __len__(self) -> int:
        return math.ceil(len(self.clips) / self.size)

    def dataset(self, epoch: int, start: int, stop: int) -> tf.data.Dataset:
        """Batches `start` to `stop` of an epoch, as a tf.data pipeline of `Batch` tuples."""
        lengths = [len(clip.landmarks) for clip in self.clips]
        batches = plan(lengths, self.size, np.random.default_rng([self.seed, epoch]))

        def make(number: np.ndarray) -> Batch:
            members = batches[int(number)]
            return collate([self._values(i, epoch) for i in members], [self.labels[i] for i in members])

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
