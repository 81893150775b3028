"""Whether somebody signs: hands that move, or are held up; hands that rest or are out of sight are silent."""

from collections import deque
from dataclasses import dataclass

import numpy as np

from tf_slr.core.bounds import bounded, check_bounds
from tf_slr.core.landmarks import LEFT_HAND, LEFT_WRIST, RIGHT_HAND, RIGHT_WRIST, BodyFrame

# Where a hand is: its wrist as the pose has it, which is there in nearly every frame, or else as the hand has it.
_WRISTS = ((LEFT_WRIST, LEFT_HAND.start), (RIGHT_WRIST, RIGHT_HAND.start))
# Movement is looked for between the means of two stretches of this many seconds, one after the other: a tracker's
# jitter averages out, a hand on its way does not.
STRETCH = 0.16
# Hands that rest for so many seconds have ended what they said.
PAUSE = 0.6


@dataclass(frozen=True)
class ActivityOptions:
    """What counts as signing.

    Attributes:
        speed: of a hand that moves, in shoulder widths a second. One that is slower rests,
        raised: unless it is held higher than this many shoulder widths below the shoulders.
    """

    speed: float = bounded(0.35, 0, 100, above=True)
    raised: float = bounded(0.4, -10, 10)

    def __post_init__(self) -> None:
        check_bounds(self, "activity.")


def wrists_in_sight(landmarks: np.ndarray) -> np.ndarray:
    """The wrists that lie in the picture.

    Below its edge the tracker guesses, and its guesses move though nobody does.

    Args:
        landmarks: [92, 3] as MediaPipe gives them.

    Returns:
        [2, 3] (left, right), NaN where out of sight.
    """
    wrists = np.full((2, 3), np.nan, np.float32)
    for side, places in enumerate(_WRISTS):
        for place in places:
            x, y = landmarks[place, :2]
            if 0 <= x <= 1 and 0 <= y <= 1:
                wrists[side] = landmarks[place]
                break
    return wrists


class Activity:
    """Watches the wrists of one signer.

    Args:
        options: what counts as signing.
        fps: frames a second.
    """

    def __init__(self, options: ActivityOptions, fps: float) -> None:
        self._options = options
        self._stretch = max(1, round(STRETCH * fps))
        self._seconds = self._stretch / fps
        self._wrists: deque[np.ndarray] = deque(maxlen=2 * self._stretch)

    def signs(self, wrists: np.ndarray, body: BodyFrame | None) -> bool:
        """Whether the signer signs in the next frame.

        Args:
            wrists: [2, 2] as `wrists_in_sight` finds them, but in units of the picture's height.
            body: where the signer is; None where nobody is.
        """
        self._wrists.append(wrists)
        if body is None:
            return False
        if (wrists[:, 1] < body.origin[1] + self._options.raised * body.scale).any():
            return True
        if len(self._wrists) < 2 * self._stretch:
            return False
        track = np.array(self._wrists).reshape(2, self._stretch, 2, 2)  # [earlier and later, frames, hand, (x, y)]
        way = np.linalg.norm(_means(track[1]) - _means(track[0]), axis=-1)
        return bool((way > self._options.speed * self._seconds * body.scale).any())


def _means(stretch: np.ndarray) -> np.ndarray:
    """Mean places [hand, 2] over frames [frames, hand, 2]; NaN for a hand found in fewer than half of them."""
    found = np.isfinite(stretch[..., 0])
    count = found.sum(0)
    total = np.where(found[..., None], stretch, 0).sum(0)
    return np.where(count[:, None] * 2 >= len(stretch), total / np.maximum(count, 1)[:, None], np.nan)
