"""How well a model recognises a split. References are met only after recognition, by the scorer."""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
import tf_keras

from tf_slr.core.glosses import Vocabulary
from tf_slr.corpus.manifest import Sample
from tf_slr.decoding.greedy import Segment, greedy
from tf_slr.features.batches import collate
from tf_slr.features.streams import Stream
from tf_slr.runtime.student import Student
from tf_slr.scoring.wer import Errors, score
from tf_slr.training.networks import inputs_of

# Batches among which clips are sorted by length, so that little is padded.
WINDOW = 16
BATCH = 16

# Logits [T, classes] of one clip -> glosses with their output steps.
Decoder = Callable[[np.ndarray], Sequence[Segment]]


def network_outputs(
    network: tf_keras.Model, stream: Stream, frames: Sequence[int], names: Sequence[str], batch: int = BATCH
) -> Iterator[list[np.ndarray]]:
    """Named outputs of each clip, computed in batches, in the order of the clips.

    Args:
        network: what recognises.
        stream: what it reads; clips are asked for a batch at a time.
        frames: their lengths.
        names: outputs that have the recogniser's steps, such as "sequence_logits", or "frame_features", which are of
            the frames looked at.
        batch: clips in a batch.
    """
    for start in range(0, len(frames), batch * WINDOW):
        window = range(start, min(start + batch * WINDOW, len(frames)))
        order = sorted(window, key=lambda i: frames[i])
        done: dict[int, list[np.ndarray]] = {}
        for first in range(0, len(order), batch):
            members = order[first : first + batch]
            clips = [[stream.shown(i, None)] for i in members]
            padded = collate([stream], clips, [[] for _ in members])
            inputs = inputs_of(padded)
            look = tuple(
                (name, (None, None)[: array.ndim] + array.shape[2:], array.dtype) for name, array in inputs.items()
            )
            outputs = _compiled(network, look)(inputs)
            arrays = [outputs[name].numpy() for name in names]
            lengths = [outputs["seen" if name == "frame_features" else "steps"].numpy() for name in names]
            for row, i in enumerate(members):
                done[i] = [array[row, : counts[row]] for array, counts in zip(arrays, lengths, strict=True)]
        yield from (done[i] for i in window)


@functools.lru_cache(maxsize=2)  # the network that is trained, and its teacher
def _compiled(network: tf_keras.Model, look: tuple[tuple[str, tuple[int | None, ...], np.dtype], ...]) -> Callable:
    """The network as one graph for batches of all sizes: op by op a video network takes several times as long."""
    signature = {name: tf.TensorSpec(shape, dtype) for name, shape, dtype in look}
    return tf.function(lambda inputs: network(inputs, training=False), [signature], autograph=False)


def network_logits(
    network: tf_keras.Model, stream: Stream, frames: Sequence[int], batch: int = BATCH
) -> Iterator[np.ndarray]:
    """Sequence logits [ceil(T/4), classes] of each clip; see `network_outputs`."""
    return (logits for (logits,) in network_outputs(network, stream, frames, ["sequence_logits"], batch))


def student_logits(student: Student, stream: Stream, count: int) -> Iterator[np.ndarray]:
    """Logits [ceil(T/4), classes] of each of `count` clips as a deployed student gives them."""
    return (student.logits(stream.shown(i, None)) for i in range(count))


@dataclass(frozen=True)
class Evaluation:
    """Recognised sentences of a split, scored.

    Attributes:
        samples: the clips.
        hypotheses: the recognised glosses of each.
    """

    samples: tuple[Sample, ...]
    hypotheses: tuple[tuple[str, ...], ...]

    @classmethod
    def of(
        cls, samples: Sequence[Sample], recognised: Iterable[Sequence[Segment]], vocabulary: Vocabulary
    ) -> "Evaluation":
        """An evaluation of what was recognised in each clip."""
        names = (vocabulary.decode(segment.gloss for segment in segments) for segments in recognised)
        return cls(tuple(samples), tuple(names))

    def errors(self, signers: set[str] | None = None) -> Errors:
        """Errors over all sentences, or over those of some signers."""
        pairs = [
            (sample.glosses, hypothesis)
            for sample, hypothesis in zip(self.samples, self.hypotheses, strict=True)
            if signers is None or sample.signer in signers
        ]
        return score([reference for reference, _ in pairs], [hypothesis for _, hypothesis in pairs])

    @property
    def wer(self) -> float:
        """Corpus word error rate."""
        return self.errors().wer

    def summary(self, training_signers: set[str]) -> dict:
        """Everything worth reporting, as plain JSON: overall, by known and held-out signers, by sentence."""
        signers = {sample.signer for sample in self.samples}
        groups = {"known signers": signers & training_signers, "held-out signers": signers - training_signers}
        return {
            **self.errors().summary(),
            "sentences": len(self.samples),
            "groups": {name: self.errors(group).summary() for name, group in groups.items() if group},
            "signers": {signer: self.errors({signer}).summary() for signer in sorted(signers)},
            "results": [
                {"id": sample.id, "reference": " ".join(sample.glosses), "hypothesis": " ".join(hypothesis)}
                for sample, hypothesis in zip(self.samples, self.hypotheses, strict=True)
            ],
        }


def evaluate(
    logits: Iterator[np.ndarray], samples: Sequence[Sample], vocabulary: Vocabulary, decode: Decoder = greedy
) -> Evaluation:
    """Decode every clip's logits and hold the glosses against the samples'."""
    return Evaluation.of(samples, map(decode, logits), vocabulary)
