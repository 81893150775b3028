"""The logits of the sentence that is being signed, put together from windows that overlap."""

import numpy as np

from tf_slr.core.glosses import BLANK
from tf_slr.decoding.greedy import log_softmax

# The logit of each gloss against 0 of the blank where nobody was in sight and nothing was read.
SILENT = -30.0


class SentenceLogits:
    """Each step as the window saw it that had it nearest to its middle, with most of what is around it.

    All windows cut time into the same steps, which are counted from where the signing began. Windows that begin there
    lack nothing at that edge: while the signing fits into one window, these are its logits, and no seam is in them.

    Args:
        window: the most steps of a window.
        classes: of the student, blank included.
    """

    def __init__(self, window: int, classes: int) -> None:
        self._half = window // 2
        self._first = 0  # number of the first step that is kept
        self._rows = np.zeros((0, classes), np.float32)

    def add(self, begin: int, logits: np.ndarray) -> None:
        """Take what was read last.

        Args:
            begin: the window's first step.
            logits: [steps, classes]; they reach to the end of what was signed so far.
        """
        end = self._first + len(self._rows)
        settled = begin + self._half if begin else 0
        place = max(self._first, begin, min(settled, end))
        unseen = np.full((max(0, place - end), self._rows.shape[1]), SILENT, np.float32)
        unseen[:, BLANK] = 0
        self._rows = np.concatenate([self._rows[: place - self._first], unseen, logits[place - begin :]])

    def quietest(self, start: int, stop: int) -> int:
        """The step of [start, stop) that is surest of no gloss, where a sentence without pause is best cut; `start`
        where none of them is kept.
        """
        start = max(start, self._first)
        steps = self._rows[start - self._first : max(0, stop - self._first)]
        return start + int(log_softmax(steps)[:, BLANK].argmax()) if len(steps) else start

    def take(self, stop: int) -> tuple[int, np.ndarray]:
        """Hand over the steps before `stop` and keep the others: number of the first one, logits [steps, classes]."""
        first, count = self._first, max(0, stop - self._first)
        taken, self._rows = self._rows[:count], self._rows[count:].copy()
        self._first += count
        return first, taken
