"""Rescoring: choosing among the n best sentences of a beam search by scores of the whole sentence.

A sentence scores

    log p(sentence | logits) + weight * log p(sentence) + insertion * length + network * log p(sentence | evidence)

the last term by a corrector, which has read what else may have been signed at each place.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tf_slr.core.bounds import bounded, check_bounds
from tf_slr.decoding.beam import BeamOptions, beam_search
from tf_slr.decoding.ngram import GlossModel

# Sentences, as ids -> the natural log probability of each.
Scorer = Callable[[Sequence[tuple[int, ...]]], np.ndarray]


@dataclass(frozen=True)
class Rescoring:
    """The weight of each score; chosen on dev.

    Attributes:
        width: number of sentences, and of the beam that finds them.
        weight: of the n-gram.
        insertion: word insertion bonus.
        network: weight of the corrector; 0 asks the n-gram alone.
    """

    width: int = bounded(20, 1, 10**4)
    weight: float = bounded(0.6, 0, 1000)
    insertion: float = bounded(2.0, -1000, 1000)
    network: float = bounded(0.0, 0, 1000)

    def __post_init__(self) -> None:
        check_bounds(self, "rescoring.")

    def __str__(self) -> str:
        return f"n-gram {self.weight:g}, insertion {self.insertion:g}, network {self.network:g}"

    def beam(self) -> BeamOptions:
        """The search for the n best."""
        return BeamOptions(self.width, weight=self.weight, insertion=self.insertion)


class Hypothesis(NamedTuple):
    """An n-best hypothesis with its scores, natural log probabilities."""

    glosses: tuple[int, ...]
    student: float
    ngram: float
    network: float

    def score(self, options: Rescoring) -> float:
        """The weighted sum of all scores."""
        score = self.student + options.weight * self.ngram + options.insertion * len(self.glosses)
        # A network that is not asked has no say, also where it thinks a sentence impossible (minus infinity).
        return score + options.network * self.network if options.network else score


def n_best(logits: np.ndarray, ngram: GlossModel, scorer: Scorer | None, options: Rescoring) -> list[Hypothesis]:
    """The n best sentences of a clip.

    Args:
        logits: [T, classes], class 0 is the blank; only the clip's own steps.
        ngram: which the beam search asks.
        scorer: the corrector's part; None leaves it out.
        options: the search.
    """
    found = beam_search(logits, options.beam(), ngram)
    sentences = [hypothesis.glosses for hypothesis in found]
    by_ngram = [ngram(sentence) for sentence in sentences]
    by_network = scorer(sentences) if scorer else np.zeros(len(found))
    return [
        Hypothesis(glosses, score - options.weight * text - options.insertion * len(glosses), text, float(network))
        for (glosses, score), text, network in zip(found, by_ngram, by_network, strict=True)
    ]


def best(sentences: Sequence[Hypothesis], options: Rescoring) -> tuple[int, ...]:
    """The glosses of the sentence with the highest score; of equal ones the first."""
    return max(sentences, key=lambda sentence: sentence.score(options)).glosses
