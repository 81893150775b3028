"""Frames that come when they come -> frames at the rate of a corpus, for clips and for cameras.

A clip's times are known as a whole. A camera's clock jitters, stands still,
leaps, and is now and then set back.
"""

import math

import numpy as np

from tf_slr.core.landmarks import Clip

# Between neighbours that are further apart nothing is interpolated: too much may have happened. In seconds.
BRIDGED = 0.25
# A clock that goes back by less is late by a few frames, which are ignored; by more, it was set. In seconds.
SET_BACK = 1.0
# A moment this close to a frame takes it as it is, in shares of the distance between two moments.
SAME = 0.02


# Times in files are rounded to milliseconds, and must not make a frame come too late. In seconds.
ROUNDED = 0.0015


def clip_at(clip: Clip, times: np.ndarray, moments: np.ndarray) -> Clip:
    """A clip as a camera would have given it whose frames are at other moments.

    Args:
        clip: T frames, two or more.
        times: of the frames, float64 [T] ascending seconds.
        moments: float64 [T'] ascending seconds.
    """
    after = np.searchsorted(times, moments, side="left").clip(1, len(times) - 1)
    before = after - 1
    share = ((moments - times[before]) / (times[after] - times[before])).clip(0, 1)[:, None, None].astype(np.float32)

    def brought(points: np.ndarray) -> np.ndarray:
        return between(points[before].astype(np.float32), points[after].astype(np.float32), share)

    return Clip(brought(clip.landmarks), None if clip.shoulders is None else brought(clip.shoulders), clip.aspect)


def frames_on_screen(times: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """The number of the frame that is shown at each moment: the last one whose time has come, int [T']."""
    return np.searchsorted(times, moments + ROUNDED, side="right") - 1


def between(earlier: np.ndarray, later: np.ndarray, share: np.ndarray | float) -> np.ndarray:
    """Points at a share of the way from one frame to the next; where one of them lacks a point, the nearer decides."""
    mixed = earlier + (later - earlier) * share
    return np.where(np.isnan(mixed), np.where(share < 0.5, earlier, later), mixed)


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
        return between(earlier, points, (moment - before) / (time - before))
