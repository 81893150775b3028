"""CTC forced alignment: when each gloss of a given sentence was recognised."""

from collections.abc import Sequence

import numpy as np

from tf_slr.core.errors import UsageError
from tf_slr.core.glosses import BLANK
from tf_slr.core.timing import needed_steps
from tf_slr.decoding.greedy import Segment, log_softmax


def forced_alignment(logits: np.ndarray, glosses: Sequence[int]) -> list[Segment]:
    """Find the likeliest CTC path that spells a sentence (Viterbi; Graves et al. 2006, section 4.1).

    A beam search sums over all paths of a sentence and so knows no times; this gives the sentence
    it found the times of its best path. The sentence of the greedy path gets the greedy times.

    Args:
        logits: [T, classes], class 0 is the blank; only the clip's own steps.
        glosses: a recognised sentence, as ids.

    Returns:
        One segment for each gloss, in order.

    Raises:
        UsageError: T is too short for any path of the sentence.
    """
    if len(logits) < needed_steps(glosses):
        raise UsageError(f"expected at least {needed_steps(glosses)} steps for {len(glosses)} glosses, "
                         f"received {len(logits)}")  # fmt: skip
    if not glosses:
        return []
    # The states of a path: blank, gloss, blank, gloss, ..., blank.
    states = np.full(2 * len(glosses) + 1, BLANK)
    states[1::2] = glosses
    # From a gloss straight to the next one, past the blank between them, unless they are equal (as blanks are).
    skips = np.flatnonzero(states[2:] != states[:-2]) + 2
    posteriors = log_softmax(logits.astype(np.float64))
    emitted = posteriors[:, states]
    best = np.full(len(states), -np.inf)
    best[:2] = emitted[0, :2]
    came_from = np.zeros(emitted.shape, np.int32)
    here = np.arange(len(states))
    for step in range(1, len(emitted)):
        choices = np.full((3, len(states)), -np.inf)
        choices[0], choices[1, 1:], choices[2, skips] = best, best[:-1], best[skips - 2]
        back = choices.argmax(0)
        came_from[step] = here - back
        best = choices[back, here] + emitted[step]
    state = len(states) - 1 if best[-1] > best[-2] else len(states) - 2
    path = np.empty(len(emitted), np.int32)
    for step in range(len(emitted) - 1, -1, -1):
        path[step] = state
        state = came_from[step, state]
    segments = []
    for number, gloss in enumerate(glosses):
        steps = np.flatnonzero(path == 2 * number + 1)
        start, stop = int(steps[0]), int(steps[-1]) + 1
        segments.append(Segment(int(gloss), start, stop, float(np.exp(posteriors[start:stop, gloss].max()))))
    return segments
