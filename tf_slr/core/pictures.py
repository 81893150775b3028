"""Pictures as a video network sees them: squeezed into a square, and cropped to its size.

Training, the deployed student and a teacher's kept logits all go through
these functions, so that a picture has the same values everywhere.
"""

import functools
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

from tf_slr.core import files
from tf_slr.core.bounds import bounded, check_bounds
from tf_slr.core.errors import DataError, UsageError

# CorrNet squeezes pictures to 256 pixels and crops 224.
MARGIN = 256 / 224


@dataclass(frozen=True)
class FrameOptions:
    """How pictures become network input; stored in every bundle of a student that reads video.

    Attributes:
        size: width and height of the network's input in pixels.
        margin: the whole picture is first squeezed into a square this much larger than `size`, from which
            training crops `size` anywhere and testing at the centre.
    """

    size: int = bounded(224, 8, 1024)
    margin: float = bounded(MARGIN, 1, 2)

    def __post_init__(self) -> None:
        check_bounds(self, "frames.")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one picture that the network reads."""
        return self.size, self.size, 3


@functools.cache
def opencv() -> ModuleType:
    """The module cv2, told not to write to the terminal.

    Raises:
        UsageError: it is not installed.
    """
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    try:
        import cv2
    except ImportError as error:
        raise UsageError(f"videos need OpenCV: pip install 'tf_slr[video]' ({error})") from error
    return cv2


def path_for_opencv(path: Path) -> str:
    """A path as OpenCV takes it: on a name that is no UTF-8 the process would die, one with a colon is an address.

    Raises:
        DataError: it is such a name.
    """
    return files.require_text(str(path.absolute()), "a video's or picture's path")


def squeezed(pictures: Iterable[np.ndarray], options: FrameOptions) -> np.ndarray:
    """A clip's pictures as they are recognised: squeezed into a square and cropped at its centre.

    Args:
        pictures: RGB uint8 [H, W, 3] each; a decoder's frames need never be in memory together.
        options: the network's size.

    Returns:
        uint8 [T, size, size, 3].

    Raises:
        DataError: there is no picture, or one is of another shape or type.
    """
    shown, previous = [], None
    for number, picture in enumerate(pictures, start=1):
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
            raise DataError(
                f"frame {number}: expected a picture of uint8 [height, width, 3], "
                f"found {picture.dtype} {list(picture.shape)}"
            )
        small = shrunk(picture, options)
        if picture.shape != previous:  # as it seldom does
            matrix, previous = crop(options) @ to_unit(small), picture.shape
        shown.append(sampled(small, matrix, options))
    if not shown:
        raise DataError("the video has no frame")
    return np.stack(shown)


def shrunk(picture: np.ndarray, options: FrameOptions, scale: float = 1.0) -> np.ndarray:
    """A picture [H, W, 3] averaged down by a whole factor: sampling it at a larger step would skip pixels.

    Args:
        picture: of any size.
        options: the network's size.
        scale: how much the picture is enlarged before it is sampled.
    """
    factor = int(min(picture.shape[:2]) / (options.size * options.margin * scale) + 1e-6)
    if factor < 2:
        return picture
    height, width = picture.shape[0] // factor, picture.shape[1] // factor
    return opencv().resize(picture, (width, height), interpolation=opencv().INTER_AREA)


def sampled(picture: np.ndarray, matrix: np.ndarray, options: FrameOptions) -> np.ndarray:
    """A picture under an affine map to the network's pixels (two or three rows): uint8 [size, size, 3]."""
    cv2 = opencv()
    size = (options.size, options.size)
    return cv2.warpAffine(picture, matrix[:2], size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def to_unit(picture: np.ndarray) -> np.ndarray:
    """The map from a picture's pixels to the unit square, float64 [3, 3]; pixel centres lie at a whole and a half."""
    height, width = picture.shape[:2]
    return scaling(1 / width, 1 / height) @ shift(0.5, 0.5)


def crop(options: FrameOptions, place: tuple[float, float] = (0.5, 0.5)) -> np.ndarray:
    """The map from the unit square to the network's pixels, float64 [3, 3].

    Args:
        options: the network's size.
        place: where the crop lies in the margin, from 0 (left, top) to 1.
    """
    square = options.size * options.margin
    spare = square - options.size
    return shift(-0.5, -0.5) @ shift(-spare * place[0], -spare * place[1]) @ scaling(square, square)


def shift(x: float, y: float) -> np.ndarray:
    """A translation of column vectors (x, y, 1)."""
    return np.array([[1.0, 0, x], [0, 1, y], [0, 0, 1]])


def scaling(x: float, y: float) -> np.ndarray:
    """A scaling of column vectors (x, y, 1)."""
    return np.diag([x, y, 1.0])
