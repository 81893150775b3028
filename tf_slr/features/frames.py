"""What a video network sees in training: pictures changed exactly as the clip's landmarks are."""

import threading
from pathlib import Path

import numpy as np

from tf_slr.core.errors import DataError
from tf_slr.core.landmarks import Clip
from tf_slr.core.pictures import FrameOptions, crop, opencv, sampled, shrunk, to_unit
from tf_slr.corpus.rates import chosen_frames
from tf_slr.features.augment import Change
from tf_slr.features.views import WHOLE, Tile, View, tiles
from tf_slr.video.decoding import open_video
from tf_slr.video.times import checked_times


def read_pictures(path: Path, frames: int, fps: float | None = None) -> np.ndarray:
    """Decode a whole clip: uint8 [T, H, W, 3], RGB.

    Of a video of another rate than the corpus', whose landmarks were brought to that, the picture on screen at each
    moment.

    Args:
        path: a video file or a folder of images.
        frames: how many frames the corpus promises.
        fps: its frame rate, or None for the video as it is.

    Raises:
        DataError: it cannot be read, or has another number of frames.
    """
    video, shown = open_video(path), []
    pictures = list(video.frames(shown))
    times = checked_times(shown)
    chosen = chosen_frames(len(pictures), video.fps, times, fps, frames)
    if chosen is None:
        raise DataError(f"{path}: expected {frames} frames, found {len(pictures)}")
    return np.stack([pictures[number] for number in chosen])


class KeptPictures:
    """Clips' pictures, decoded when they are asked for, and kept from then on while there is room.

    Args:
        limit: megabytes of pictures that are kept, of whichever clips come first.
    """

    def __init__(self, limit: int) -> None:
        self._room = limit * 10**6
        self._kept: dict[tuple[Path, FrameOptions | None], np.ndarray] = {}
        self._lock = threading.Lock()

    def read(
        self, path: Path, frames: int, shown_whole: FrameOptions | None = None, fps: float | None = None
    ) -> np.ndarray:
        """See `read_pictures`; do not write to what it returns.

        Args:
            path: see there.
            frames: see there.
            shown_whole: the size of a network that sees whole pictures. For it they may be `shrunk` already, a quarter
                of the memory or less, which it would do to them anyway.
            fps: see there; always the same for one path.
        """
        pictures = self._kept.get((path, shown_whole), self._kept.get((path, None)))
        if pictures is None:
            decoded = read_pictures(path, frames, fps)
            pictures = np.stack([shrunk(picture, shown_whole) for picture in decoded]) if shown_whole else decoded
            # Who needs them as large as they are shares them.
            key = path, shown_whole if pictures.shape != decoded.shape else None
            with self._lock:
                if key not in self._kept and pictures.nbytes <= self._room:
                    self._kept[key] = pictures
                    self._room -= pictures.nbytes
        return pictures


def show(
    pictures: np.ndarray,
    options: FrameOptions,
    change: Change,
    clip: Clip | None,
    every: int = 1,
    view: View = WHOLE,
) -> np.ndarray:
    """Apply a change to a clip's pictures, and bring them to the network's size.

    Change, squeezing and cropping are together one affine map, so that a picture is sampled once.

    Args:
        pictures: uint8 [T, H, W, 3].
        options: the network's size.
        change: what was drawn for this clip.
        clip: its landmarks, unchanged, which tell where the signer is; None if unknown.
        every: every so many-th frame is looked at; the others are left black.
        view: what of the pictures is shown.

    Returns:
        uint8 [T', size, size, 3].
    """
    sources = np.round(change.positions).astype(int)
    looked_at = range(0, len(sources), every)
    needed = {int(sources[max(i - before, 0)]) for i in looked_at for before in ((0, 1) if change.fusion[i] else (0,))}
    aspect = clip.aspect if clip else pictures.shape[2] / pictures.shape[1]
    shown = np.zeros((len(sources), *options.shape), np.uint8)
    for tile in tiles(view, options, change, clip, aspect):
        mapped = _drawn(tile, pictures, needed)
        (top, left), side = tile.corner, tile.options.size
        for i in looked_at:
            picture = mapped[int(sources[i])]
            if weight := float(change.fusion[i]):
                before = mapped[int(sources[max(i - 1, 0)])]
                picture = opencv().addWeighted(picture, 1 - weight, before, weight, 0)
            shown[i, top : top + side, left : left + side] = picture
    return shown


def _drawn(tile: Tile, pictures: np.ndarray, sources: set[int]) -> dict[int, np.ndarray]:
    """What a tile shows of some of a clip's frames: uint8 [side, side, 3] each."""
    small = {source: shrunk(pictures[source], tile.options, tile.enlarged) for source in sources}
    # All pictures of a clip are alike in size.
    matrices = crop(tile.options, tile.place) @ tile.maps @ to_unit(next(iter(small.values())))
    matrices = np.broadcast_to(matrices, (len(pictures), 3, 3))
    return {source: sampled(picture, matrices[source], tile.options) for source, picture in small.items()}
