"""The window: the camera's picture with the skeleton, running captions, and how well the machine keeps pace."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tf_slr.apps.drawing import draw_caption, draw_skeleton, draw_status, fonts_for
from tf_slr.apps.live.tracking import Sight
from tf_slr.core.errors import UsageError
from tf_slr.core.glosses import Vocabulary
from tf_slr.core.pictures import opencv

TITLE = "tf-slr live (q: quit)"
ESCAPE = 27
_ADVICE = "use --headless, which prints words in the terminal"


class Window:
    """A window of OpenCV's; it must be used in the main thread.

    Args:
        vocabulary: what captions are made of, for fonts that have its letters.

    Raises:
        UsageError: OpenCV is not installed or has no windows, or there is no display.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        check_display()
        self._fonts = fonts_for(vocabulary.glosses)
        cv2 = opencv()
        cv2.namedWindow(TITLE, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)

    def show(self, sight: Sight, caption: str, status: str) -> bool:
        """Show a frame; False when the user has closed the window or pressed q or Escape.

        Args:
            sight: the frame and what was found in it.
            caption: of this moment.
            status: a line of ASCII at the top.
        """
        cv2 = opencv()
        cv2.imshow(TITLE, cv2.cvtColor(drawn(sight, caption, status, self._fonts), cv2.COLOR_RGB2BGR))
        key = cv2.waitKey(1) & 0xFF
        return key not in (ESCAPE, ord("q")) and cv2.getWindowProperty(TITLE, cv2.WND_PROP_VISIBLE) >= 1

    def close(self) -> None:
        """Close it."""
        opencv().destroyAllWindows()


def drawn(sight: Sight, caption: str, status: str, fonts: Sequence[Path] | Path) -> np.ndarray:
    """What the window shows: RGB uint8 [H, W, 3]; see `Window.show`."""
    picture = sight.shot.picture.copy()
    draw_skeleton(picture, sight.landmarks, shoulders=sight.shoulders)
    draw_caption(picture, caption, fonts)
    draw_status(picture, status)
    return picture


def check_display() -> None:
    """Make sure that a window can be opened.

    Raises:
        UsageError: OpenCV has no windows, or there is no display.
    """
    cv2 = opencv()
    lines = (line.split() for line in cv2.getBuildInformation().splitlines())
    if ["GUI:", "NONE"] in lines:
        raise UsageError(f"this OpenCV was built without windows (opencv-python-headless?): {_ADVICE}")
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise UsageError(f"there is no display to open a window on: {_ADVICE}")
    # Where a display cannot be opened Qt ends the process without a word: let it be another one.
    probe = [sys.executable, "-c", "import cv2; cv2.namedWindow('probe'); cv2.waitKey(1)"]
    if subprocess.run(probe, capture_output=True).returncode:
        raise UsageError(f"a window cannot be opened on this display: {_ADVICE}")
