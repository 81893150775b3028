"""Greedy CTC decoding: the likeliest class of each step, repeats merged, blanks dropped."""

from typing import NamedTuple

import numpy as np

from tf_slr.core.glosses import BLANK


class Segment(NamedTuple):
    """A recognised gloss.

    Attributes:
        gloss: its id.
        start, stop: the output steps [start, stop) in which it was the likeliest class.
        confidence: its largest posterior within them.
    """

    gloss: int
    start: int
    stop: int
    confidence: float


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Log posteriors [T, classes] of logits [T, classes]."""
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def greedy(logits: np.ndarray) -> list[Segment]:
    """Decode one clip.

    Args:
        logits: [T, classes], class 0 is the blank; only the clip's own steps.

    Returns:
        The recognised glosses in order.
    """
    if len(logits) == 0:
        return []
    best = logits.argmax(-1)
    posterior = np.exp(log_softmax(logits)[np.arange(len(best)), best])
    starts = np.flatnonzero(np.r_[True, best[1:] != best[:-1]])
    stops = np.r_[starts[1:], len(best)]
    return [
        Segment(int(best[start]), int(start), int(stop), float(posterior[start:stop].max()))
        for start, stop in zip(starts, stops, strict=True)
        if best[start] != BLANK
    ]
