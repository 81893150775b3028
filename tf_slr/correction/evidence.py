"""Evidence: what else may have been signed where greedy decoding recognised a gloss, and where it may have missed one.

A window of output steps emits nothing, one gloss, or more. The probability of an alternative here is that of all
CTC paths through the window that emit just this gloss (Graves et al. 2006, equation 3), given that it emits at most
one:

    P(k) = sum of paths  - - k k -  /  (sum over all such k, and the path of blanks alone)

So the probabilities of a window and that of 'no gloss here' sum to 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tf_slr.core import timing
from tf_slr.core.bounds import bounded, check_bounds
from tf_slr.core.glosses import BLANK, Vocabulary
from tf_slr.decoding.greedy import Segment, greedy
from tf_slr.formats.alternatives import Alternatives


@dataclass(frozen=True)
class EvidenceOptions:
    """How much evidence is kept.

    Attributes:
        top: alternatives of a slot, at most.
        floor: posterior of all glosses together above which steps that greedy decoding left blank make a weak peak.
        least: probability below which an alternative is not listed, unless it is the first.
    """

    top: int = bounded(5, 1, 1000)
    floor: float = bounded(0.05, 0, 1, above=True, below=True)
    least: float = bounded(0.001, 0, 1, below=True)

    def __post_init__(self) -> None:
        check_bounds(self, "evidence.")


class Slot(NamedTuple):
    """A window of a clip in which a gloss was recognised, or may have been missed.

    Attributes:
        start, stop: output steps [start, stop).
        glosses: ids of the alternatives, likeliest first; at least one.
        probabilities: of each; what is missing to 1 is no gloss, or one that is not listed.
        chosen: whether greedy decoding took the first alternative; else it took none.
    """

    start: int
    stop: int
    glosses: tuple[int, ...]
    probabilities: tuple[float, ...]
    chosen: bool


def evidence(logits: np.ndarray, options: EvidenceOptions | None = None) -> list[Slot]:
    """Alternatives of one clip.

    Args:
        logits: [T, classes], class 0 is the blank; only the clip's own steps.
        options: how much to keep.

    Returns:
        Slots in the order of time, which do not overlap. The first alternatives of the chosen ones are the
        sentence of `greedy`.
    """
    options = options or EvidenceOptions()
    if len(logits) == 0:
        return []
    # Relative to each step's likeliest class: what a step's posteriors sum to cancels in a window's probabilities,
    # and the likeliest path of a window has the weight 1, so that long windows do not underflow.
    logits = logits.astype(np.result_type(logits, np.float32), copy=False)
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    chosen = greedy(logits)
    _fold_flanks(weights, chosen)
    windows = [Segment(BLANK, start, stop, 0.0) for start, stop in _weak_peaks(weights, chosen, options.floor)]
    windows = sorted([*windows, *chosen], key=lambda window: window.start)
    return _slots(windows, _posteriors(weights, windows), options) if windows else []


def named(slots: Sequence[Slot], vocabulary: Vocabulary, frames: int, fps: float) -> list[Alternatives]:
    """Slots with glosses' names and seconds.

    Args:
        slots: what `evidence` gave.
        vocabulary: names of the glosses.
        frames: length of the clip.
        fps: its frames per second.
    """
    result = []
    for slot in slots:
        start, stop = timing.span(slot.start, slot.stop, frames)
        names = vocabulary.decode(slot.glosses)
        result.append(Alternatives(start / fps, stop / fps, names, slot.probabilities, slot.chosen))
    return result


def untimed(logits: np.ndarray, vocabulary: Vocabulary) -> list[Alternatives]:
    """Evidence of a clip's logits [T, classes] for a corrector, which reads no times, so that any frame rate does."""
    return named(evidence(logits), vocabulary, timing.STRIDE * len(logits), 1.0)


def _slots(windows: Sequence[Segment], posteriors: np.ndarray, options: EvidenceOptions) -> list[Slot]:
    """The likeliest glosses of each window, that of a recognised one first: equal numbers must not change this."""
    recognised = np.array([window.gloss for window in windows])
    first = np.where(recognised != BLANK, recognised, posteriors.argmax(1))
    listed = posteriors >= max(options.least, np.finfo(posteriors.dtype).tiny)
    listed[np.arange(len(first)), first] = True
    rows, glosses = np.nonzero(listed)
    ranked: list[list[tuple[bool, float, int]]] = [[] for _ in windows]
    for row, gloss, probability in zip(
        rows.tolist(), glosses.tolist(), posteriors[rows, glosses].tolist(), strict=True
    ):
        ranked[row].append((gloss != first[row], -probability, gloss))
    slots = []
    for window, alternatives in zip(windows, ranked, strict=True):
        best = sorted(alternatives)[: options.top]
        ids, probabilities = tuple(gloss for *_, gloss in best), tuple(-minus for _, minus, _ in best)
        slots.append(Slot(window.start, window.stop, ids, probabilities, window.gloss != BLANK))
    return slots


def _fold_flanks(weights: np.ndarray, chosen: Sequence[Segment]) -> None:
    """Give the falling flanks of each recognised gloss to the blank, in place: there it is emitted once, not again."""
    edges = [0, *(edge for segment in chosen for edge in (segment.start, segment.stop)), len(weights)]
    for segment, before, after in zip(chosen, edges[0:-2:2], edges[3::2], strict=True):
        left = _flank(weights[before : segment.start, segment.gloss][::-1])
        right = _flank(weights[segment.stop : after, segment.gloss])
        for steps in (slice(segment.start - left, segment.start), slice(segment.stop, segment.stop + right)):
            weights[steps, BLANK] += weights[steps, segment.gloss]
            weights[steps, segment.gloss] = 0
            weights[steps] /= weights[steps, BLANK, None]


def _flank(away: np.ndarray) -> int:
    """How many steps a gloss' weight falls, going away from its segment."""
    rises = np.flatnonzero(away[1:] > away[:-1])
    return int(rises[0]) + 1 if len(rises) else len(away)


def _weak_peaks(weights: np.ndarray, chosen: Sequence[Segment], floor: float) -> list[tuple[int, int]]:
    """Windows [start, stop) of blank steps whose glosses together reach the floor, one for each hump."""
    mass = 1 - weights[:, BLANK] / weights.sum(1)
    for segment in chosen:
        mass[segment.start : segment.stop] = 0
    above = np.r_[False, mass > floor, False]
    starts, stops = np.flatnonzero(np.diff(above)).reshape(-1, 2).T
    return [hump for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)
            for hump in _humps(mass[start:stop].tolist(), start)]  # fmt: skip


def _humps(mass: Sequence[float], first: int) -> list[tuple[int, int]]:
    """Cut a run at each valley that is less than half as high as the peaks on both sides."""
    humps, start = [], 0
    peak, valley = mass[0], 0
    for step, height in enumerate(mass):
        if height <= mass[valley]:
            valley = step
        if mass[valley] < min(peak, height) / 2:
            humps.append((first + start, first + valley))
            start = valley
            peak, valley = height, step
        elif height > peak:
            peak, valley = height, step
    return [*humps, (first + start, first + len(mass))]


def _posteriors(weights: np.ndarray, windows: Sequence[Segment]) -> np.ndarray:
    """Probability [windows, classes] that a window emits just this gloss, given that it emits at most one; 0 for blank.

    The three states of such paths: before the gloss, in it, after it.
    """
    starts, stops = np.array([window[1:3] for window in windows]).T
    # The longest window first, so that those which still go on are the first rows.
    order = np.argsort(starts - stops, kind="stable")
    starts, lengths = starts[order], (stops - starts)[order]
    inside = weights[starts]
    before = inside[:, BLANK, None].copy()
    after = np.zeros((np.searchsorted(-lengths, -1), weights.shape[1]), weights.dtype)
    for step in range(1, lengths[0]):
        going = np.searchsorted(-lengths, -step)
        emitted = weights[starts[:going] + step]
        blank = emitted[:, BLANK, None]
        after[:going] += inside[:going]
        after[:going] *= blank
        inside[:going] += before[:going]
        inside[:going] *= emitted
        before[:going] *= blank
    inside[: len(after)] += after
    inside[:, BLANK] = 0
    inside /= inside.sum(1, keepdims=True) + before
    result = np.empty_like(inside)
    result[order] = inside
    return result
