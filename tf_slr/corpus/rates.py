"""Frame rates: which one a corpus has, and what its clips become at that rate, landmarks and pictures alike."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tf_slr.core.errors import shown
from tf_slr.core.resampling import frames_on_screen
from tf_slr.video.times import mean_fps, unevenness

# A clip whose rate differs by less than this share is left as it is.
SAME_RATE = 0.02
# What a file says of its rate is believed where its frames' times, which are rounded, come this close to it.
SAID = 0.001


class Pace(NamedTuple):
    """How a clip's frames follow each other.

    Attributes:
        fps: frames a second; the usual distance of frames, where they have no steady one.
        seconds: from the first frame to the last.
        steady: whether every frame is near its place at that rate.
    """

    fps: float
    seconds: float
    steady: bool = True

    def moments(self, fps: float) -> np.ndarray | None:
        """The times of a camera with `fps` frames a second, float64 [T]; None where the clip has nearly that rate."""
        if not self.seconds or (abs(self.fps / fps - 1) < SAME_RATE and self.steady):
            return None
        return np.arange(0, self.seconds + 0.5 / fps, 1 / fps)


def pace_of(frames: int, fps: float | None, times: np.ndarray | None) -> Pace | None:
    """The pace of a clip.

    Args:
        frames: number of its frames.
        fps: what it says of its rate, or None. Where its frames' times say another one, those are believed.
        times: when each frame is shown, seconds from the first one, or None.

    Returns:
        None where neither is known.
    """
    if times is None:
        return Pace(fps, (frames - 1) / fps) if fps else None
    steady = not unevenness(times)
    rate = mean_fps(times) if steady else 1 / float(np.median(np.diff(times)))
    said = fps and steady and abs(fps / rate - 1) < SAID
    return Pace(fps if said else rate, float(times[-1]), steady)


def common_rate(rates: Sequence[float]) -> float:
    """The rate of most clips, where rates that are nearly the same count as one.

    Of several that as many clips have it is the one nearest to the median, and of two as near the faster one.
    """
    counts = Counter(rates)
    middle = math.log(float(np.median(list(counts.elements()))))

    def rank(rate: float) -> tuple[int, int, float, float]:
        near = sum(count for other, count in counts.items() if abs(other / rate - 1) < SAME_RATE)
        return near, counts[rate], -round(abs(math.log(rate) - middle), 6), rate

    return max(counts, key=rank)


def brought_notes(changed: Sequence[tuple[str, float]], count: int, fps: float) -> list[str]:
    """What to say of clips that were brought to a corpus' rate.

    Args:
        changed: their names and their own rates.
        count: number of all clips.
        fps: of the corpus.
    """
    if not changed:
        return []
    rates = Counter(round(rate, 2) for _, rate in changed)
    origins = shown([f"{number} from {rate:g}" for rate, number in sorted(rates.items())])
    names = shown([name for name, _ in changed])
    return [f"note: {len(changed)} of {count} clips were brought to {fps:g} frames per second: {origins} ({names})"]


def chosen_frames(
    frames: int, fps: float | None, times: np.ndarray | None, wanted: float | None, listed: int
) -> np.ndarray | None:
    """Which frames of a video a corpus of another rate shows, one for each of its landmark frames.

    Args:
        frames: number of the video's frames.
        fps: as of `pace_of`.
        times: as of `pace_of`.
        wanted: the corpus' rate, or None for the video as it is.
        listed: how many frames the corpus promises.

    Returns:
        Numbers of frames, int [listed]: by their times where that gives as many as promised, or all; None where
        neither does.
    """
    pace = pace_of(frames, fps, times)
    moments = pace.moments(wanted) if pace and wanted else None
    if moments is not None and len(moments) == listed:
        return frames_on_screen(np.arange(frames) / fps if times is None else times, moments)
    return np.arange(frames) if frames == listed else None
