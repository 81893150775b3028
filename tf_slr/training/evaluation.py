"""How well a model recognises a split. References are met only after recognition, by the scorer."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tf_keras

from tf_slr.corpus.manifest import Sample
from tf_slr.decoding.greedy import greedy
from tf_slr.features.batches import collate
from tf_slr.glosses import Vocabulary
from tf_slr.landmarks import Clip, Normalisation, normalise
from tf_slr.scoring import Errors, score

# Logits [T, classes] of one clip -> gloss ids.
Decoder = Callable[[np.ndarray], Sequence[int]]


def greedy_ids(logits: np.ndarray) -> list[int]:
    """Greedy decoding, ids only."""
    return [segment.gloss for segment in greedy(logits)]


def network_logits(
    network: tf_keras.Model, clips: Sequence[Clip], rule: Normalisation, batch: int = 16
) -> Iterator[np.ndarray]:
    """Sequence logits [ceil(T/4), classes] of each clip, computed in batches, in the order of the clips."""
    order = np.argsort([len(clip.landmarks) for clip in clips], kind="stable")
    logits: dict[int, np.ndarray] = {}
    for start in range(0, len(order), batch):
        members = order[start : start + batch]
        padded = collate([normalise(clips[i], rule) for i in members], [[] for _ in members])
        outputs = _forward(network, padded.landmarks, padded.frames)
        for i, row, steps in zip(members, outputs["sequence_logits"].numpy(), outputs["steps"].numpy(), strict=True):
            logits[int(i)] = row[:steps]
    return (logits[i] for i in range(len(clips)))


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
            **_counts(self.errors()),
            "sentences": len(self.samples),
            "groups": {name: _counts(self.errors(group)) for name, group in groups.items() if group},
            "signers": {signer: _counts(self.errors({signer})) for signer in sorted(signers)},
            "results": [
                {"id": sample.id, "reference": " ".join(sample.glosses), "hypothesis": " ".join(hypothesis)}
                for sample, hypothesis in zip(self.samples, self.hypotheses, strict=True)
            ],
        }


def _counts(errors: Errors) -> dict:
    return {
        # Infinite where nothing was signed but something recognised; JSON has no infinity.
        "wer": errors.wer if np.isfinite(errors.wer) else None,
        "substitutions": errors.substitutions,
        "deletions": errors.deletions,
        "insertions": errors.insertions,
        "glosses": errors.reference,
    }


def evaluate(
    logits: Iterator[np.ndarray], samples: Sequence[Sample], vocabulary: Vocabulary, decode: Decoder = greedy_ids
) -> Evaluation:
    """Decode every clip's logits into glosses."""
    hypotheses = tuple(vocabulary.decode(decode(rows)) for rows in logits)
    return Evaluation(tuple(samples), hypotheses)
