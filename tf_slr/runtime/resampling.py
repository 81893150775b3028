"""Frames that come when they come -> frames at the rate a recogniser was trained on.

A camera's clock jitters, stands still, leaps, and is now and then set back.
"""

import math

import numpy as np

# Between neighbours that are further apart nothing is interpolated: too much may have happened. In seconds.
BRIDGED = 0.25
# A clock that goes back by less is late by a few frames, which are ignored; by more, it was set. In seconds.
SET_BACK = 1.0
# A moment this close to a frame takes it as it is, in shares of the distance between two moments.
SAME = 0.02


class Resampler:
    """Shows frames of any times at even moments `1 / fps` apart, the first one at the first frame's time.

    Between two frames points move evenly; where one of the two lacks a point, the nearer one decides. After a gap of
    more than `longest_gap` or a clock that was set back, moments begin anew with the frame that came.

    Args:
        fps: moments a second.
        longest_gap: the longest time without frames that is filled, with frames in which nothing was found; in seconds.

    Attributes:
        origin: time of the first moment since the last beginning, in seconds; None before the first frame.
        ignored: frames that had the time of an earlier one, or none.
    """

    def __init__(self, fps: float, longest_gap: float) -> None:
        self._fps, self._longest_gap = fps, longest_gap
        self.origin: float | None = None
        self.ignored = 0
        self._next = 0  # number of the next moment since the origin
        self._last: tuple[float, np.ndarray] | None = None

    def breaks(self, time: float) -> bool:
        """Whether a frame of this time begins anew, so that what came before is over."""
        if self._last is None or not math.isfinite(time):
            return False
        return not -SET_BACK <= time - self._last[0] <= self._longest_gap

    def restart(self) -> None:
        """Begin anew with the next frame."""
        self._last = None

    def push(self, time: float, points: np.ndarray) -> list[np.ndarray]:
        """The moments up to a frame.

        Args:
            time: of the frame, in seconds of any clock.
            points: float [P, 3], NaN where not found.

        Returns:
            The points at each moment, [P, 3] each.
        """
        if not math.isfinite(time):
            self.ignored += 1
            return []
        if self._last is None or self.breaks(time):
            self.origin, self._next = time, 1
            self._last = time, points
            return [points]
        if time <= self._last[0]:
            self.ignored += 1
            return []
        shown = []
        slack = SAME / self._fps
        while (moment := self.origin + self._next / self._fps) <= time + slack:
            shown.append(self._at(moment, time, points, slack))
            self._next += 1
        self._last = time, points
        return shown

    def _at(self, moment: float, time: float, points: np.ndarray, slack: float) -> np.ndarray:
        """The points at a moment between the last frame and one of `time`."""
        before, earlier = self._last
        if time - moment <= slack:
            return points
        if moment - before <= slack:
            return earlier
        if time - before > BRIDGED:
            return np.full_like(points, np.nan)
        weight = (moment - before) / (time - before)
        mixed = earlier * (1 - weight) + points * weight
        return np.where(np.isnan(mixed), earlier if weight < 0.5 else points, mixed)
