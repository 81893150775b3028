"""Recording: what somebody before a camera is asked to do, and what becomes of it.

The course of a recording is a `Recorder`, which sees landmarks and knows no camera and no window.
"""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

import numpy as np

from tf_slr.apps.teach.recordings import Recordings
from tf_slr.apps.teach.takes import RestCutter, SignCutter, fault_of_rest, fault_of_sign
from tf_slr.core.landmarks import Clip

# All in seconds: before the first take of a sign, before each of the others,
FIRST_COUNTDOWN, NEXT_COUNTDOWN = 3.0, 1.5
# and after which nobody seems to sign.
PATIENCE = 8.0


class Wish(Enum):
    """What the person wants who records."""

    NOTHING = "nothing"
    BEGIN = "begin, or begin this take again"
    STOP = "stop"


class Prompt(NamedTuple):
    """What is shown.

    Attributes:
        text: what to do now.
        status: how far the recording is, and what became of the last take.
    """

    text: str
    status: str


class _State(Enum):
    WAIT, COUNT, RECORD = range(3)


class Recorder:
    """Asks for the takes that are missing, sign by sign.

    Args:
        recordings: where takes are kept.
        signs: what to record, in this order; (None,) for rest.
        takes: how many of each there shall be, those that are there already among them.
        asks: whether a sign begins when somebody wishes so; else it begins by itself.

    Attributes:
        written: how many takes were kept.
        refused: how many takes were not.
    """

    def __init__(self, recordings: Recordings, signs: Sequence[str | None], takes: int, asks: bool) -> None:
        self._recordings, self._signs, self._takes, self._asks = recordings, list(signs), takes, asks
        self.written = self.refused = 0
        self._said = ""  # what became of the last take
        self._state, self._since = _State.WAIT, 0.0
        self._next_sign()

    @property
    def done(self) -> bool:
        """Whether there are enough takes of every sign."""
        return not self._signs

    def _next_sign(self) -> None:
        """Go to the first sign that takes are missing of."""
        while self._signs and self._count() >= self._takes:
            self._signs.pop(0)
        if self._signs:
            fps = self._recordings.list.fps
            self._cutter = RestCutter(fps) if self._signs[0] is None else SignCutter(fps)
            self._state, self._first = _State.WAIT, True

    def _count(self) -> int:
        return len(self._recordings.takes(self._signs[0]))

    def step(self, time: float, points: np.ndarray, aspect: float, begins: bool = False) -> Prompt:
        """See the next frame; to be called until `done`.

        Args:
            time: of the frame, in seconds.
            points: float32 [92 + 2, 3], landmarks and shoulders as a tracker gives them, NaN where not found.
            aspect: width / height of the picture.
            begins: whether somebody wishes to begin, or to begin again.

        Returns:
            What to show with this frame.
        """
        # Also before it counts: the cutter learns where the signer is.
        cut = self._cutter.feed(time, points, aspect)
        if begins or (self._state is _State.WAIT and not (self._asks and self._first)):
            self._go(_State.COUNT, time)
        elif self._state is _State.COUNT and time - self._since >= self._countdown:
            self._cutter.restart()
            self._go(_State.RECORD, time)
        elif self._state is _State.RECORD and cut:
            self._keep(cut)
        elif self._state is _State.RECORD and self._cutter.waits and time - self._since >= PATIENCE:
            self._said = "nobody signed: are you in the picture?"
            self._go(_State.WAIT, time)
        return self._prompt(time)

    @property
    def _countdown(self) -> float:
        return FIRST_COUNTDOWN if self._first else NEXT_COUNTDOWN

    def _go(self, state: _State, time: float) -> None:
        self._state, self._since = state, time

    def _keep(self, cut: Sequence[Clip]) -> None:
        """Keep what can be learnt from, and go on."""
        sign, self._first = self._signs[0], False
        for clip in cut:
            fault = keep(self._recordings, sign, clip)
            self.written += not fault
            self.refused += bool(fault)
            self._said = f"the last take {fault}; again" if fault else "the last take was kept"
        # Rest is one long recording, cut into stretches; a sign is asked for take by take.
        if sign is not None:
            self._state = _State.WAIT
        if self._count() >= self._takes:
            self._next_sign()

    def _prompt(self, time: float) -> Prompt:
        if self.done:
            return Prompt("thank you, that is all", self._said)
        sign, count = self._signs[0], self._count()
        what = "rest" if sign is None else sign
        status = f"take {count + 1} of {self._takes}" + (f" - {self._said}" if self._said else "")
        if self._state is _State.COUNT:
            return Prompt(f"{what}: in {max(1, int(np.ceil(self._countdown - (time - self._since))))}", status)
        if self._state is _State.RECORD:
            task = "move as you like, but do not sign" if sign is None else "sign now, then let your hands rest"
            return Prompt(f"{what}: {task}", status)
        return Prompt(f"{what}: space to begin" if self._asks and self._first else f"{what}: be ready", status)


def keep(recordings: Recordings, sign: str | None, clip: Clip) -> str:
    """Keep a take, or say why not: what is wrong with it, or that it is there already; empty when it was kept."""
    fault = (fault_of_rest if sign is None else fault_of_sign)(clip, recordings.list.fps)
    if not fault and recordings.add(sign, clip) is None:
        fault = "is there already"
    return fault
