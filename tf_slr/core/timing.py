"""Time: how frames become output steps, and what CTC needs of them."""

import itertools
from collections.abc import Sequence

# Every recogniser, teacher and student alike, halves time twice.
STRIDE = 4


def steps(frames: int) -> int:
    """Output steps of a clip of `frames` frames: ceil(frames / 4)."""
    return -(-frames // STRIDE)


def span(start: int, stop: int, frames: int) -> tuple[int, int]:
    """First frame and last + 1 of output steps `start` to `stop`; a clip's last step may stand for fewer than 4."""
    return start * STRIDE, min(stop * STRIDE, frames)


def needed_steps(labels: Sequence) -> int:
    """The fewest steps in which CTC can emit `labels`: one each, and a blank between equal neighbours."""
    return len(labels) + sum(a == b for a, b in itertools.pairwise(labels))


def feasible(frames: int, labels: Sequence) -> bool:
    """Whether a clip is long enough for its labels after downsampling.

    `tf.nn.ctc_loss` gives an infeasible sample a finite loss of about 700
    with a gradient, so nothing downstream would notice it.
    """
    return steps(frames) >= needed_steps(labels)
