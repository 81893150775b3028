"""Takes cut out of a stream of landmarks: of a sign, from rest to rest; of rest, in even lengths."""

from collections import deque

import numpy as np

from tf_slr.core import timing
from tf_slr.core.landmarks import LEFT_HAND, POINTS, RIGHT_HAND, BodyFrame, Clip, body_frame, to_square
from tf_slr.core.resampling import Resampler
from tf_slr.corpus.isolated import MIN_FRAMES
from tf_slr.runtime.activity import PAUSE, Activity, ActivityOptions, wrists_in_sight

# All in seconds. So much rest is left to a take at either end, since the first movement is seen a little late.
MARGIN = 0.1
# Nothing shorter, margins and all, is a sign; and nobody signs one sign this long.
SHORTEST, LONGEST = 0.45, 6.0
# Over how long the signer's place and size are found.
MEMORY = 5.0
# The tracker loses hands in up to half of the frames of a sign; of fewer than this share nothing can be learnt.
MIN_HANDS = 0.25
# Lengths of the stretches that rest is cut into.
REST_STRETCH = 1.0


class SignCutter:
    """Cuts takes of signs: whatever is signed between two rests.

    Args:
        fps: frames a second of the takes; frames may come at any rate.
    """

    def __init__(self, fps: float) -> None:
        self._fps, self._aspect = fps, 1.0
        self._resampler = Resampler(fps, longest_gap=PAUSE)
        self._pause, self._margin = max(1, round(PAUSE * fps)), round(MARGIN * fps)
        self._most = _most_frames(fps)
        self._begin()

    def _begin(self) -> None:
        self._activity = Activity(ActivityOptions(), self._fps)
        self._seen: deque[np.ndarray] = deque(maxlen=max(1, round(MEMORY * self._fps / timing.STRIDE)))
        self._body: BodyFrame | None = None
        self._number = 0  # of the next moment
        self.restart()

    def restart(self) -> None:
        """Forget what was signed so far; where the signer is stays known."""
        self._frames: list[np.ndarray] = []  # since the last take, [94, 3] each
        self._signed = 0  # how many of them there are up to the last one with signing

    @property
    def waits(self) -> bool:
        """Whether nothing has been seen that may become a take."""
        return self._signed == 0

    def feed(self, time: float, points: np.ndarray, aspect: float) -> list[Clip]:
        """Take the next frame.

        Args:
            time: of the frame, in seconds of any clock.
            points: float32 [92 + 2, 3], landmarks and shoulders as a tracker gives them, NaN where not found.
            aspect: width / height of the picture.

        Returns:
            The takes that ended with it.
        """
        takes = self.finish() if self._resampler.breaks(time) else []
        self._aspect = aspect
        for moment in self._resampler.push(time, points):
            takes += self._step(moment)
        return takes

    def finish(self) -> list[Clip]:
        """The take that the end of the stream has cut off, if there is one; what is fed next begins anew."""
        takes = self._cut() if self._signed else []
        self._resampler.restart()
        self._begin()
        return takes

    def _step(self, points: np.ndarray) -> list[Clip]:
        self._follow(points)
        self._frames.append(points)
        wrists = to_square(wrists_in_sight(points[:POINTS]), self._aspect)[:, :2]
        if self._activity.signs(wrists, self._body):
            self._signed = len(self._frames)
        elif not self._signed:
            self._frames = self._frames[-self._margin :] if self._margin else []
        # Hands that never rest give a take that is one frame too long, which says so.
        if self._signed and (self._signed > self._most or len(self._frames) - self._signed >= self._pause):
            return self._cut()
        return []

    def _follow(self, points: np.ndarray) -> None:
        """Find the signer's place and size in what was seen lately, as a recogniser does."""
        if np.isfinite(points[:POINTS, :2]).any() and (self._body is None or self._number % timing.STRIDE == 0):
            self._seen.append(points)
            self._body = body_frame(_clip(list(self._seen), self._aspect))
        self._number += 1

    def _cut(self) -> list[Clip]:
        """What was signed, if it is more than a start or a shift on the chair."""
        take = _clip(self._frames[: self._signed + self._margin], self._aspect)
        self.restart()
        return [take] if len(take.landmarks) >= SHORTEST * self._fps else []


class RestCutter:
    """Cuts whatever is seen into stretches of `REST_STRETCH` seconds; see `SignCutter` for the arguments."""

    def __init__(self, fps: float) -> None:
        self._resampler = Resampler(fps, longest_gap=PAUSE)
        self._length = round(REST_STRETCH * fps)
        self.restart()

    @property
    def waits(self) -> bool:
        """Never: whatever is seen becomes a stretch."""
        return False

    def restart(self) -> None:
        """Forget what was seen so far."""
        self._frames: list[np.ndarray] = []

    def feed(self, time: float, points: np.ndarray, aspect: float) -> list[Clip]:
        """Take the next frame; returns the stretches that ended with it."""
        if self._resampler.breaks(time):
            self.restart()
        stretches = []
        for moment in self._resampler.push(time, points):
            self._frames.append(moment)
            if len(self._frames) == self._length:
                stretches.append(_clip(self._frames, aspect))
                self.restart()
        return stretches

    def finish(self) -> list[Clip]:
        """Nothing: a stretch that was cut off is none."""
        self.restart()
        return []


Cutter = SignCutter | RestCutter


def fault_of_sign(clip: Clip, fps: float) -> str:
    """Why a take cannot be learnt from; empty where it can."""
    frames = len(clip.landmarks)
    if frames < max(MIN_FRAMES, SHORTEST * fps):
        return f"is too short for a sign: {frames / fps:.2f} s, expected at least {SHORTEST} s"
    if frames > _most_frames(fps):
        return f"is longer than {LONGEST:.0f} s: let your hands rest after each sign"
    with_hand = int(np.isfinite(clip.landmarks[:, LEFT_HAND.start : RIGHT_HAND.stop, 0]).any(-1).sum())
    if with_hand < max(MIN_FRAMES, MIN_HANDS * frames):
        return f"shows a hand in {with_hand} of {frames} frames only: more light, hands inside the picture"
    return ""


def fault_of_rest(clip: Clip, fps: float) -> str:
    """Why a stretch of rest is of no use; empty where it is."""
    frames = len(clip.landmarks)
    seen = int(np.isfinite(clip.landmarks[..., 0]).any(-1).sum())
    if seen < max(MIN_FRAMES, frames / 2):
        return f"shows somebody in {seen} of {frames} frames only: sit before the camera"
    return ""


def _most_frames(fps: float) -> int:
    """How many frames a take may have, with the rest at its ends."""
    return int((LONGEST + 2 * MARGIN) * fps)


def _clip(frames: list[np.ndarray], aspect: float) -> Clip:
    points = np.stack(frames)
    return Clip(points[:, :POINTS].astype(np.float16), points[:, POINTS:].astype(np.float16), aspect)
