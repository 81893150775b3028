"""CTC prefix beam search (Hannun et al., https://arxiv.org/abs/1408.2873) with a hook for a gloss language model."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tf_slr.decoding.greedy import log_softmax
from tf_slr.errors import UsageError
from tf_slr.glosses import BLANK

# (glosses so far, next gloss) -> what appending it adds to the score, in log units.
LanguageModel = Callable[[tuple[int, ...], int], float]


@dataclass(frozen=True)
class BeamOptions:
    """How wide to search.

    Attributes:
        width: number of prefixes kept after each step.
        candidates: number of classes each step may extend a prefix by.
    """

    width: int = 10
    candidates: int = 20

    def __post_init__(self) -> None:
        if self.width < 1 or self.candidates < 1:
            raise UsageError(f"expected a beam of at least 1, received width {self.width}, "
                             f"candidates {self.candidates}")  # fmt: skip


class Hypothesis(NamedTuple):
    """A sentence and its score: log probability over all its alignments, plus the language model's."""

    glosses: tuple[int, ...]
    score: float


def beam_search(
    logits: np.ndarray, options: BeamOptions | None = None, language_model: LanguageModel | None = None
) -> list[Hypothesis]:
    """Decode one clip.

    Args:
        logits: [T, classes], class 0 is the blank; only the clip's own steps.
        options: how wide to search.
        language_model: scores each appended gloss; None for CTC alone.

    Returns:
        The best `width` hypotheses, best first; of equal scores the lexically first.
    """
    options = options or BeamOptions()
    # For each prefix: log probability of ending in blank, of ending in its last gloss, and the model's score.
    beam: dict[tuple[int, ...], tuple[float, float, float]] = {(): (0.0, -np.inf, 0.0)}
    for frame in log_softmax(logits.astype(np.float64)) if len(logits) else ():
        classes = np.argsort(-frame, kind="stable")[: options.candidates]
        grown: dict[tuple[int, ...], tuple[float, float, float]] = {}

        def add(prefix, blank, gloss, model, grown=grown):
            old_blank, old_gloss, _ = grown.get(prefix, (-np.inf, -np.inf, 0.0))
            grown[prefix] = (np.logaddexp(old_blank, blank), np.logaddexp(old_gloss, gloss), model)

        for prefix, (blank, gloss, model) in beam.items():
            either = np.logaddexp(blank, gloss)
            add(prefix, either + frame[BLANK], -np.inf, model)
            if prefix:
                add(prefix, -np.inf, gloss + frame[prefix[-1]], model)
            for k in map(int, classes):
                if k == BLANK:
                    continue
                # After the same gloss only a path through a blank starts a new one.
                mass = blank if prefix and k == prefix[-1] else either
                if mass == -np.inf:
                    continue
                longer = (*prefix, k)
                gain = language_model(prefix, k) if language_model else 0.0
                add(longer, -np.inf, mass + frame[k], model + gain)
        beam = dict(sorted(grown.items(), key=_rank)[: options.width])
    return [Hypothesis(prefix, _score(state)) for prefix, state in sorted(beam.items(), key=_rank)]


def _score(state: tuple[float, float, float]) -> float:
    return float(np.logaddexp(state[0], state[1]) + state[2])


def _rank(item: tuple[tuple[int, ...], tuple[float, float, float]]) -> tuple[float, tuple[int, ...]]:
    prefix, state = item
    return -_score(state), prefix
