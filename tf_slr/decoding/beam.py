"""CTC prefix beam search (Hannun et al., https://arxiv.org/abs/1408.2873), alone or with a gloss language model.

A sentence scores

    log p(sentence | logits)  +  weight * log p(sentence)  +  insertion * length

where the first term sums over all alignments, and the second counts the sentence's end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from tf_slr.core.bounds import bounded, check_bounds
from tf_slr.core.glosses import BLANK
from tf_slr.decoding.greedy import log_softmax


class LanguageModel(Protocol):
    """What tells how likely a gloss is after others; a state stands for all that it remembers of them."""

    def begin(self) -> int:
        """The state of a sentence without gloss."""

    def advance(self, state: int, gloss: int) -> int:
        """The state after one more gloss."""

    def log_probabilities(self, states: Sequence[int], classes: Sequence[int]) -> np.ndarray:
        """Natural log probability [states, classes] of each next gloss; class 0 is the sentence's end."""


@dataclass(frozen=True)
class BeamOptions:
    """How to search.

    Attributes:
        width: number of prefixes kept after each step.
        candidates: number of classes each step may extend a prefix by.
        weight: of the language model, where there is one.
        insertion: what each gloss adds to the score; more than 0 against the short sentences a language model prefers.
    """

    width: int = bounded(10, 1, 10**4)
    candidates: int = bounded(20, 1, 10**4)
    weight: float = bounded(0.5, 0, 1000)
    insertion: float = bounded(0.0, -1000, 1000)

    def __post_init__(self) -> None:
        check_bounds(self, "beam.")


class Hypothesis(NamedTuple):
    """A sentence and its score."""

    glosses: tuple[int, ...]
    score: float


def beam_search(
    logits: np.ndarray, options: BeamOptions | None = None, language_model: LanguageModel | None = None
) -> list[Hypothesis]:
    """Decode one clip.

    Args:
        logits: [T, classes], class 0 is the blank; only the clip's own steps.
        options: how to search.
        language_model: None for CTC alone.

    Returns:
        The best `width` hypotheses, best first; of equal scores the lexically first.
    """
    options = options or BeamOptions()
    frames = log_softmax(logits.astype(np.float64)) if len(logits) else np.zeros((0, logits.shape[-1]))
    # The likeliest glosses of each step, in the order of their ids.
    count = min(options.candidates, frames.shape[1])
    classes = np.sort(np.argpartition(-frames, count - 1, axis=1)[:, :count], axis=1)
    prefixes = _Prefixes(language_model)
    beam = _Beam.empty()
    for frame, candidates in zip(frames, classes, strict=True):
        beam = _grown(beam, frame, candidates[candidates != BLANK], prefixes, options)
    scores = beam.total + beam.bonus
    if language_model:
        states = [prefixes.states[node] for node in beam.nodes]
        scores += options.weight * language_model.log_probabilities(states, [BLANK])[:, 0]
    found = [Hypothesis(prefixes.glosses(node), float(score)) for node, score in zip(beam.nodes, scores, strict=True)]
    return sorted(found, key=lambda hypothesis: (-hypothesis.score, hypothesis.glosses))


class _Prefixes:
    """The tree of all prefixes that were ever kept. A prefix that comes back has the node it had."""

    def __init__(self, language_model: LanguageModel | None) -> None:
        self._model = language_model
        self._children: dict[tuple[int, int], int] = {}
        self.parents, self.last = [-1], [BLANK]
        self.states = [language_model.begin()] if language_model else []

    def child(self, node: int, gloss: int) -> int:
        """The node of a prefix with one more gloss."""
        found = self._children.get((node, gloss))
        if found is None:
            found = self._children[node, gloss] = len(self.parents)
            self.parents.append(node)
            self.last.append(gloss)
            if self._model:
                self.states.append(self._model.advance(self.states[node], gloss))
        return found

    def glosses(self, node: int) -> tuple[int, ...]:
        """A prefix from its beginning."""
        found = []
        while node:
            found.append(self.last[node])
            node = self.parents[node]
        return tuple(found[::-1])

    def gains(self, nodes: Sequence[int], classes: np.ndarray, options: BeamOptions) -> np.ndarray | float:
        """What each next gloss adds to a prefix' score besides the alignments: [nodes, classes], or for all alike."""
        if not self._model:
            return options.insertion
        states = [self.states[node] for node in nodes]
        return options.weight * self._model.log_probabilities(states, classes) + options.insertion


class _Beam(NamedTuple):
    """The kept prefixes: their nodes, and one number for each.

    Attributes:
        nodes: in the tree.
        blank: log probability of all alignments that end in a blank.
        gloss: of all that end in the prefix' last gloss.
        bonus: what the language model and the insertion bonus add.
    """

    nodes: list[int]
    blank: np.ndarray
    gloss: np.ndarray
    bonus: np.ndarray

    @classmethod
    def empty(cls) -> "_Beam":
        """The beam before the first step: the empty prefix."""
        return cls([0], np.zeros(1), np.full(1, -np.inf), np.zeros(1))

    @property
    def total(self) -> np.ndarray:
        """Log probability of all alignments."""
        return np.logaddexp(self.blank, self.gloss)


def _grown(beam: _Beam, frame: np.ndarray, classes: np.ndarray, prefixes: _Prefixes, options: BeamOptions) -> _Beam:
    """One step: each prefix stays as it is, or grows by one of the candidate classes.

    Args:
        beam: before the step.
        frame: [classes], log posteriors of the step.
        classes: ids of the candidates, ascending, without the blank.
        prefixes: the tree, which gets the new prefixes that are kept.
        options: how to search.
    """
    total = beam.total
    last = np.array([prefixes.last[node] for node in beam.nodes])
    # A prefix stays by a blank, or by its last gloss going on; the empty prefix has none (its `gloss` is -inf).
    blank, gloss = total + frame[BLANK], beam.gloss + frame[last]
    grown = total[:, None] + frame[classes]
    column = np.searchsorted(classes, last)
    row = np.flatnonzero((column < len(classes)) & (np.append(classes, -1)[column] == last))
    # After the same gloss only a path through a blank starts a new one.
    grown[row, column[row]] = beam.blank[row] + frame[last[row]]
    # Where a prefix grows into one that is also in the beam, both are the same sentence.
    place = {node: i for i, node in enumerate(beam.nodes)}
    for i in row:
        parent = place.get(prefixes.parents[beam.nodes[i]])
        if parent is not None:
            gloss[i] = np.logaddexp(gloss[i], grown[parent, column[i]])
            grown[parent, column[i]] = -np.inf
    bonus = beam.bonus[:, None] + prefixes.gains(beam.nodes, classes, options)
    bonus = np.broadcast_to(bonus, grown.shape)
    scores = np.concatenate([np.logaddexp(blank, gloss) + beam.bonus, (grown + bonus).ravel()])
    if len(scores) > options.width:
        kept = np.argpartition(-scores, options.width - 1)[: options.width]
    else:
        kept = np.arange(len(scores))
    kept = np.sort(kept[scores[kept] != -np.inf])
    stay = kept[kept < len(last)]
    rows, columns = np.divmod(kept[len(stay) :] - len(last), max(1, len(classes)))
    new = [prefixes.child(beam.nodes[i], k) for i, k in zip(rows.tolist(), classes[columns].tolist(), strict=True)]
    return _Beam(
        [beam.nodes[i] for i in stay] + new,
        np.concatenate([blank[stay], np.full(len(new), -np.inf)]),
        np.concatenate([gloss[stay], grown[rows, columns]]),
        np.concatenate([beam.bonus[stay], bonus[rows, columns]]),
    )
