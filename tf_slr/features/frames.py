"""What a video network sees in training: pictures changed exactly as the clip's landmarks are."""

import threading
from pathlib import Path

import numpy as np

from tf_slr.corpus.video import open_video
from tf_slr.errors import DataError
from tf_slr.features.augment import Change
from tf_slr.landmarks import BodyFrame
from tf_slr.pictures import FrameOptions, crop, opencv, sampled, scaling, shift, shrunk, to_unit

# Where the signer is when nobody tracked the clip: centred, shoulders a quarter of the picture's height apart.
UNTRACKED = BodyFrame((0.5, 0.4), 0.25)
# The middle of a close-up lies so many shoulder widths below the shoulders.
BELOW = 0.05


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


class KeptPictures:
    """Clips' pictures, decoded when they are asked for, and kept from then on while there is room.

    Args:
        limit: megabytes of pictures that are kept, of whichever clips come first.
    """

    def __init__(self, limit: int) -> None:
        self._room = limit * 10**6
        self._kept: dict[Path, np.ndarray] = {}
        self._lock = threading.Lock()

    def read(self, path: Path, frames: int) -> np.ndarray:
        """See `read_pictures`; do not write to what it returns."""
        pictures = self._kept.get(path)
        if pictures is None:
            pictures = read_pictures(path, frames)
            with self._lock:
                if path not in self._kept and pictures.nbytes <= self._room:
                    self._kept[path] = pictures
                    self._room -= pictures.nbytes
        return pictures


def show(
    pictures: np.ndarray,
    options: FrameOptions,
    change: Change,
    body: BodyFrame | None,
    aspect: float,
    every: int = 1,
    close_up: float = 0.0,
) -> np.ndarray:
    """Apply a change to a clip's pictures, and bring them to the network's size.

    Turning, stretching, scaling, shifting and mirroring are the ones `augment.apply`
    does to landmarks, about the same centre; together with squeezing and
    cropping they are one affine map, so that a picture is sampled once.

    Args:
        pictures: uint8 [T, H, W, 3].
        options: the network's size.
        change: what was drawn for this clip.
        body: the signer's place in the unchanged clip, as `landmarks.body_frame` finds it; None if unknown.
        aspect: width / height of the picture that the landmarks refer to.
        every: every so many-th frame is looked at; the others are left black.
        close_up: side, in shoulder widths, of the square around the signer that is shown instead of the whole
            picture; 0 for the latter.

    Returns:
        uint8 [T', size, size, 3].
    """
    sources = np.round(change.positions).astype(int)
    looked_at = range(0, len(sources), every)
    needed = {int(sources[max(i - before, 0)]) for i in looked_at for before in ((0, 1) if change.fusion[i] else (0,))}
    body = body or _centred(aspect)
    closer, enlarged = _closer(close_up, change, body, aspect)
    small = {source: shrunk(pictures[source], options, change.scale * enlarged) for source in needed}
    # All pictures of a clip are alike in size, and so is what happens to them.
    change_map = _affine(change, body, aspect)
    matrix = crop(options, change.crop) @ closer @ change_map @ to_unit(next(iter(small.values())))
    mapped = {source: sampled(picture, matrix, options) for source, picture in small.items()}
    shown = np.zeros((len(sources), *options.shape), np.uint8)
    for i in looked_at:
        shown[i] = mapped[int(sources[i])]
        if weight := float(change.fusion[i]):
            before = mapped[int(sources[max(i - 1, 0)])]
            shown[i] = opencv().addWeighted(shown[i], 1 - weight, before, weight, 0)
    return shown


def _centred(aspect: float) -> BodyFrame:
    x, y = UNTRACKED.origin
    return BodyFrame((x * aspect, y), UNTRACKED.scale)


def _centre(change: Change, body: BodyFrame, aspect: float) -> np.ndarray:
    """Where the signer is after mirroring, before anything else."""
    x, y = body.origin
    return np.array([aspect - x if change.flip else x, y])


def _closer(close_up: float, change: Change, body: BodyFrame, aspect: float) -> tuple[np.ndarray, float]:
    """The map of the square around the signer to the unit square, float64 [3, 3], and by how much it enlarges."""
    if not close_up:
        return np.eye(3), 1.0
    x, y = _centre(change, body, aspect) + np.array([0, BELOW * body.scale])
    side = close_up * body.scale
    return shift(0.5, 0.5) @ scaling(1 / side, 1 / side) @ shift(-x, -y) @ scaling(aspect, 1.0), 1 / side


def _affine(change: Change, body: BodyFrame, aspect: float) -> np.ndarray:
    """What a change does to the unit square, float64 [3, 3]."""
    # Every step maps column vectors (x, y, 1).
    mirror = np.array([[-1.0, 0, 1], [0, 1, 0], [0, 0, 1]]) if change.flip else np.eye(3)
    centre = _centre(change, body, aspect)
    turn = np.eye(3)
    turn[:2, :2] = change.matrix[:2, :2]
    moved = centre + np.array(change.shift) * body.scale
    body_map = shift(*moved) @ turn @ shift(*-centre)
    square = scaling(aspect, 1.0)
    return np.linalg.inv(square) @ body_map @ square @ mirror
