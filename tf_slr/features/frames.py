"""What a video network sees: frames of one size, changed in training exactly as the clip's landmarks are."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tf_slr.corpus.video import open_video, opencv
from tf_slr.errors import DataError, UsageError
from tf_slr.features.augment import Change
from tf_slr.landmarks import BodyFrame

# CorrNet squeezes pictures to 256 pixels and crops 224.
MARGIN = 256 / 224


@dataclass(frozen=True)
class FrameOptions:
    """How pictures become network input.

    Attributes:
        size: width and height of the network's input in pixels.
        margin: the whole picture is first squeezed into a square this much larger than `size`, from which
            training crops `size` anywhere and testing at the centre.
    """

    size: int = 224
    margin: float = MARGIN

    def __post_init__(self) -> None:
        if not 8 <= self.size <= 1024:
            raise UsageError(f"features.frames.size: expected 8 to 1024 pixels, received {self.size}")
        if not 1 <= self.margin <= 2:
            raise UsageError(f"features.frames.margin: expected 1 to 2, received {self.margin}")


# Where the signer is when nobody tracked the clip: centred, shoulders a quarter of the picture's height apart.
UNTRACKED = BodyFrame((0.5, 0.4), 0.25)


def read_pictures(path: Path, frames: int) -> np.ndarray:
    """Decode a whole clip: uint8 [T, H, W, 3], RGB.

    Args:
        path: a video file or a folder of images.
        frames: how many frames the corpus promises.

    Raises:
        DataError: it cannot be read, or has another number of frames.
    """
    pictures = list(open_video(path).frames())
    if len(pictures) != frames:
        raise DataError(f"{path}: expected {frames} frames, found {len(pictures)}")
    return np.stack(pictures)


def show(
    pictures: np.ndarray, options: FrameOptions, change: Change, body: BodyFrame | None, aspect: float
) -> np.ndarray:
    """Apply a change to a clip's pictures, and bring them to the network's size.

    Turning, scaling, shifting and mirroring are the ones `augment.apply`
    does to landmarks, about the same centre; together with squeezing and
    cropping they are one affine map, so that a picture is sampled once.

    Args:
        pictures: uint8 [T, H, W, 3].
        options: the network's size.
        change: what was drawn for this clip.
        body: the signer's place in the unchanged clip, as `landmarks.body_frame` finds it; None if unknown.
        aspect: width / height of the picture that the landmarks refer to.

    Returns:
        uint8 [T', size, size, 3].
    """
    cv2 = opencv()
    sources = np.round(change.positions).astype(int)
    small = _shrunk(pictures, int(min(pictures.shape[1:3]) / (options.size * options.margin * change.scale) + 1e-6))
    matrix = _affine(options, change, body or _centred(aspect), aspect, *small[0].shape[1::-1])
    size = (options.size, options.size)
    mapped = {
        int(source): cv2.warpAffine(
            small[source], matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        for source in np.unique(sources)
    }
    shown = np.empty((len(sources), *size, 3), np.uint8)
    for i, source in enumerate(sources):
        weight = float(change.fusion[i])
        now, before = mapped[int(source)], mapped[int(sources[max(i - 1, 0)])]
        shown[i] = cv2.addWeighted(now, 1 - weight, before, weight, 0) if weight else now
    return shown


def _shrunk(pictures: np.ndarray, factor: int) -> np.ndarray | list[np.ndarray]:
    """Pictures averaged down by a whole factor: sampling them at a larger step would skip pixels."""
    if factor < 2:
        return pictures
    height, width = pictures.shape[1] // factor, pictures.shape[2] // factor
    return [opencv().resize(picture, (width, height), interpolation=opencv().INTER_AREA) for picture in pictures]


def _centred(aspect: float) -> BodyFrame:
    x, y = UNTRACKED.origin
    return BodyFrame((x * aspect, y), UNTRACKED.scale)


def _affine(
    options: FrameOptions, change: Change, body: BodyFrame, aspect: float, width: int, height: int
) -> np.ndarray:
    """The map from pixels of the picture to pixels of the network's input, float64 [2, 3]."""
    # Every step maps column vectors (x, y, 1); pixel centres lie at whole numbers plus a half.
    to_unit = _scaling(1 / width, 1 / height) @ _shift(0.5, 0.5)
    mirror = np.array([[-1.0, 0, 1], [0, 1, 0], [0, 0, 1]]) if change.flip else np.eye(3)
    origin = np.array(body.origin)
    centre = np.array([aspect - origin[0], origin[1]]) if change.flip else origin
    cos, sin = np.cos(change.angle) * change.scale, np.sin(change.angle) * change.scale
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    moved = centre + np.array(change.shift) * body.scale
    body_map = _shift(*moved) @ turn @ _shift(*-centre)
    square = _scaling(aspect, 1.0)
    squeezed = options.size * options.margin
    spare = squeezed - options.size
    crop = _shift(-0.5, -0.5) @ _shift(-spare * change.crop[0], -spare * change.crop[1]) @ _scaling(squeezed, squeezed)
    return (crop @ np.linalg.inv(square) @ body_map @ square @ mirror @ to_unit)[:2]


def _shift(x: float, y: float) -> np.ndarray:
    return np.array([[1.0, 0, x], [0, 1, y], [0, 0, 1]])


def _scaling(x: float, y: float) -> np.ndarray:
    return np.diag([x, y, 1.0])
