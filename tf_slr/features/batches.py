"""Batches of clips of similar length, reproducible from a seed and a position."""

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tf_slr.core import timing
from tf_slr.core.errors import DataError
from tf_slr.core.glosses import Vocabulary
from tf_slr.features.augment import draw, single_moments
from tf_slr.features.options import FeatureOptions
from tf_slr.features.splits import UsableSplit
from tf_slr.features.streams import Stream, pad

# Padded clips: each stream by its name [B, T, ...], and
#     frames    int32 [B], true lengths
#     labels    int32 [B, L], zero beyond a sentence's end
#     glosses   int32 [B], true lengths of the sentences
Batch = dict[str, np.ndarray]


@dataclass(frozen=True)
class Share:
    """The replicas that this process feeds, among all that train together; each gets its part of every batch.

    Attributes:
        first: number of the first of them.
        here: how many they are.
        total: how many replicas there are in all processes.
    """

    first: int = 0
    here: int = 1
    total: int = 1


def batch_count(clips: int, size: int, least: int = 1) -> int:
    """How many batches `plan` deals so many clips into."""
    return max(1, min(math.ceil(clips / size), clips // least))


def plan(lengths: Sequence[int], size: int, rng: np.random.Generator, least: int = 1) -> list[np.ndarray]:
    """Deal clips into batches of similar length, in random order.

    Lengths are blurred by a tenth before sorting, so that batches differ between epochs.

    Args:
        lengths: frames of each clip.
        size: clips in a batch; the one with the longest clips may have fewer.
        rng: of blur and order.
        least: but not fewer than this, at most `size`; what it lacks comes from the batches of shorter clips. Where
            even that is too little, there is a batch less, and the last one is larger.
    """
    order = np.argsort(np.asarray(lengths) * rng.uniform(0.9, 1.1, len(lengths)), kind="stable")
    count = batch_count(len(order), size, least)
    starts = [min(i * size, max(0, len(order) - (count - i) * least)) for i in range(count)]
    batches = [order[start:stop] for start, stop in zip(starts, [*starts[1:], len(order)], strict=True)]
    return [batches[i] for i in rng.permutation(len(batches))]


class TrainingBatches:
    """Augmented training batches: epoch `e`, batch `b` is always the same for one seed.

    A clip is asked for when its batch is made, so no more than the batches
    that wait to be trained on need be in memory.

    Args:
        split: the clips.
        streams: what of them the networks see.
        vocabulary: ids of the glosses.
        options: the augmentation.
        size: clips in a batch.
        seed: of order and changes.
        pictures: how many single moments of each clip are shown, anew by chance in every epoch; 0 for whole clips.
        replicas: how many train together, in all processes: every batch has a clip for each.
    """

    def __init__(
        self,
        split: UsableSplit,
        streams: Sequence[Stream],
        vocabulary: Vocabulary,
        options: FeatureOptions,
        size: int,
        seed: int,
        pictures: int = 0,
        replicas: int = 1,
    ) -> None:
        self.streams, self.options, self.size, self.seed = list(streams), options, size, seed
        self.pictures, self.replicas = pictures, replicas
        self.lengths = split.frames
        self.labels = [vocabulary.encode(sample.glosses) for sample in split.samples]
        # Why the last dataset broke off: a clip that could not be read any more.
        self._fault: DataError | None = None

    def __len__(self) -> int:
        return batch_count(len(self.lengths), self.size, self.replicas)

    def dataset(self, epoch: int, start: int, stop: int, share: Share = Share()) -> tf.data.Dataset:
        """Batches `start` to `stop` of an epoch, as a tf.data pipeline of `Batch` dictionaries.

        Args:
            epoch: from 0.
            start: the first batch.
            stop: the one after the last.
            share: what of every batch is read: an element for each replica of this process, then those of the
                next batch. Batches have similar lengths and are ordered by it, so that parts are dealt in turn.
        """
        batches = plan(self.lengths, self.size, np.random.default_rng([self.seed, epoch]), self.replicas)
        signature = self._signature()

        def make(number: np.ndarray) -> list[np.ndarray]:
            batch, replica = divmod(int(number), share.here)
            members = batches[batch][share.first + replica :: share.total]
            try:
                clips = [self._shown(i, epoch) for i in members]
            except DataError as error:
                self._fault = error
                raise
            batch = collate(self.streams, clips, [self.labels[i] for i in members])
            return [batch[name] for name in signature]

        def shaped(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
            pairs = zip(signature.items(), tensors, strict=True)
            return {name: tf.ensure_shape(tensor, shape) for (name, (_, shape)), tensor in pairs}

        types = [dtype for dtype, _ in signature.values()]
        numbers = tf.data.Dataset.range(start * share.here, stop * share.here)
        made = numbers.map(
            lambda number: shaped(*tf.numpy_function(make, [number], types)),
            num_parallel_calls=self.options.workers,
            deterministic=True,
        )
        return made.prefetch(2)

    @contextlib.contextmanager
    def faults_told(self) -> Iterator[None]:
        """Within it a clip that cannot be read any more is named, which TensorFlow hides in an error of its own.

        Raises:
            DataError: there was one.
        """
        try:
            yield
        except tf.errors.OpError:
            if self._fault:
                raise self._fault from None
            raise

    def _signature(self) -> dict[str, tuple[tf.DType, tuple[int | None, ...]]]:
        """Type and shape of everything in a batch."""
        lengths, sentences = (tf.int32, (None,)), (tf.int32, (None, None))
        streams = {stream.name: (tf.as_dtype(stream.dtype), (None, None, *stream.shape)) for stream in self.streams}
        return streams | {"frames": lengths, "labels": sentences, "glosses": lengths}

    def _shown(self, index: int, epoch: int) -> list[np.ndarray]:
        rng = np.random.default_rng([self.seed, epoch, index])
        # A clip played faster must still be long enough for its glosses.
        shortest = timing.needed_steps(self.labels[index]) * timing.STRIDE
        change = draw(self.options.augment, self.lengths[index], rng, shortest)
        if self.pictures:
            change = single_moments(change, self.lengths[index], self.pictures, rng)
        return [stream.shown(index, change) for stream in self.streams]


def collate(streams: Sequence[Stream], clips: Sequence[Sequence[np.ndarray]], labels: Sequence[Sequence[int]]) -> Batch:
    """Pad clips, each a list of its streams' arrays, and label sequences to the longest of each.

    The first stream, which has a moment for every frame, tells the clips' lengths.
    """
    frames = np.array([len(clip[0]) for clip in clips], np.int32)
    glosses = np.array([len(sentence) for sentence in labels], np.int32)
    steps = timing.steps(int(frames.max()))
    padded = np.zeros((len(clips), max(1, int(glosses.max()))), np.int32)
    for i, sentence in enumerate(labels):
        padded[i, : len(sentence)] = sentence
    columns = zip(*clips, strict=True)
    arrays = {stream.name: pad(column, stream.stride, steps) for stream, column in zip(streams, columns, strict=True)}
    return arrays | {"frames": frames, "labels": padded, "glosses": glosses}
