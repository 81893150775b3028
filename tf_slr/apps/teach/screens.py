"""Where a recording shows what to do: a window with the camera's picture, or the terminal."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from tf_slr.apps.drawing import draw_caption, draw_skeleton, draw_status, fonts_for
from tf_slr.apps.live.tracking import Sight
from tf_slr.apps.live.window import ESCAPE, check_display
from tf_slr.apps.teach.recorder import Prompt, Wish
from tf_slr.core.pictures import opencv
from tf_slr.core.stdout import say

TITLE = "tf-slr record (space: begin, or again; q: stop)"


class Screen(Protocol):
    """Shows prompts.

    Attributes:
        asks: whether a person can say here that a sign shall begin.
    """

    asks: bool

    def show(self, sight: Sight, prompt: Prompt) -> Wish:
        """Show a frame's prompt; returns what the person wants."""

    def close(self) -> None:
        """Show nothing any more."""


class Terminal:
    """Prints each prompt once; nobody can answer."""

    asks = False

    def __init__(self) -> None:
        self._last: Prompt | None = None

    def show(self, sight: Sight, prompt: Prompt) -> Wish:
        """See `Screen`."""
        if prompt != self._last:
            say(f"{prompt.text}   ({prompt.status})")
            self._last = prompt
        return Wish.NOTHING

    def close(self) -> None:
        """See `Screen`."""


class Window:
    """The camera's picture, mirrored as people know themselves, with the skeleton; used in the main thread.

    Args:
        signs: what captions are made of, for fonts that have its letters.

    Raises:
        UsageError: OpenCV is not installed or has no windows, or there is no display.
    """

    asks = True

    def __init__(self, signs: Sequence[str]) -> None:
        check_display()
        self._fonts = fonts_for(signs)
        cv2 = opencv()
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)

    def show(self, sight: Sight, prompt: Prompt) -> Wish:
        """See `Screen`."""
        cv2 = opencv()
        cv2.imshow(TITLE, cv2.cvtColor(drawn(sight, prompt, self._fonts), cv2.COLOR_RGB2BGR))
        key = cv2.waitKey(1) & 0xFF
        if key in (ESCAPE, ord("q")) or cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) < 1:
            return Wish.STOP
        return Wish.BEGIN if key == ord(" ") else Wish.NOTHING

    def close(self) -> None:
        """See `Screen`."""
        opencv().destroyAllWindows()


def drawn(sight: Sight, prompt: Prompt, fonts: Sequence[Path] | Path) -> np.ndarray:
    """What the window shows: RGB uint8 [H, W, 3]."""
    picture = sight.shot.picture.copy()
    draw_skeleton(picture, sight.landmarks, shoulders=sight.shoulders)
    picture = picture[:, ::-1].copy()
    draw_caption(picture, prompt.text, fonts)
    draw_status(picture, prompt.status)
    return picture
