"""How well a model recognises a split. References are met only after recognition, by the scorer."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tf_keras

from tf_slr.corpus.manifest import Sample
from tf_slr.decoding.greedy import Segment, greedy
from tf_slr.features.batches import collate
from tf_slr.glosses import Vocabulary
from tf_slr.landmarks import Clip, Normalisation, normalise
from tf_slr.scoring import Errors, score

# Batches among which clips are sorted by length, so that little is padded.
WINDOW = 16

# Logits [T, classes] of one clip -> glosses with their output steps.
Decoder = Callable[[np.ndarray], Sequence[Segment]]


def network_logits(
    network: tf_keras.Model, clips: Sequence[Clip], rule: Normalisation, batch: int = 16
) -> Iterator[np.ndarray]:
    """Sequence logits [ceil(T/4), classes] of each clip, computed in batches, in the order of the clips.

    Clips are taken a few batches at a time, so they may be read as they are asked for.
    """
    for start in range(0, len(clips), batch * WINDOW):
        values = [normalise(clips[i], rule) for i in range(start, min(start + batch * WINDOW, len(clips)))]
        order = np.argsort([len(frames) for frames in values], kind="stable")
        logits: dict[int, np.ndarray] = {}
        for members in (order[i : i + batch] for i in range(0, len(order), batch)):
            padded = collate([values[i] for i in members], [[] for _ in members])
            outputs = _forward(network, padded.landmarks, padded.frames)
            rows, steps = outputs["sequence_logits"].numpy(), outputs["steps"].numpy()
            logits |= {int(i): row[:count] for i, row, count in zip(members, rows, steps, strict=True)}
        yield from (logits[i] for i in range(len(values)))


def _forward(network: tf_keras.Model, landmarks: np.ndarray, frames: np.ndarray) -> dict:
    return network({"landmarks": landmarks, "frames": frames}, training=False)


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
