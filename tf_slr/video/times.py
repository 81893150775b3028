"""When the frames of a video are shown: at a steady rate or, from phones and browsers, whenever one was ready."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tf_slr.core.errors import DataError
from tf_slr.video.container import Container

# Frames of a steady video lie this close to their places, in frames: containers round times to milliseconds.
STEADY = 0.5
# Times that would make a clip this many times longer are damaged.
MAX_STRETCH = 20
# So is a time this much later than that of the frame before, in seconds.
MAX_GAP = 60.0


def frame_times(path: Path) -> np.ndarray | None:
    """When each frame of a video file is shown; see `checked_times`."""
    return checked_times(grabbed_times(path))


def grabbed_times(path: Path, threads: int = 0) -> list[float]:
    """When each frame of a video file is shown, as it says, in seconds; none where it cannot be opened.

    Args:
        path: the file, which is decoded to its end.
        threads: how many decode it; 0 for as many as there are processors.
    """
    try:
        with Container(path, threads) as video:
            return list(video.times())
    except DataError:
        return []


def checked_times(seconds: Sequence[float]) -> np.ndarray | None:
    """The times of frames as a container has them -> float64 [T] seconds from the first one.

    Returns:
        None where they are no times: missing, or damaged.
    """
    times = np.array(seconds, np.float64)
    if len(times) < 2 or not np.isfinite(times).all():
        return None
    times -= times[0]
    steps = np.diff(times)
    if steps.min() <= 0 or times[-1] > MAX_STRETCH * len(times) * float(np.median(steps)):
        return None
    return times


class FrameClock:
    """Tells the times of a video's frames one by one, for whoever cannot wait for the last one.

    A frame whose time is damaged, or missing, follows the one before at the usual rate, and time goes on from there.

    Args:
        fps: the usual rate, frames a second.
    """

    def __init__(self, fps: float) -> None:
        self._step = 1 / fps
        self._origin: float | None = None  # the container's time at second 0
        self._time = -self._step

    def next(self, shown: float) -> float:
        """The time of the next frame in seconds from the first one, later than that of the frame before.

        Args:
            shown: as the container has it, in seconds of its own clock; not a number where it has none.
        """
        time = self._time + self._step
        if self._origin is not None and 0 < shown - self._origin - self._time <= MAX_GAP:
            time = shown - self._origin
        elif math.isfinite(shown):
            self._origin = shown - time
        self._time = time
        return time


def mean_fps(times: np.ndarray) -> float:
    """Frames a second, of two frames or more."""
    return float((len(times) - 1) / times[-1])


def unevenness(times: np.ndarray) -> float:
    """How far a frame is shown from its place at the mean rate, at most, in seconds; 0 where the rate is steady."""
    fps = mean_fps(times)
    off = float(np.abs(times * fps - np.arange(len(times))).max())
    return off / fps if off >= STEADY else 0.0
