"""Films to look at: a clip with its skeleton, and what was recognised as captions."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from tf_slr.apps.drawing import blank, draw_caption, draw_skeleton
from tf_slr.apps.inputs import Input
from tf_slr.core import files
from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.pictures import opencv, path_for_opencv
from tf_slr.core.stdout import printable
from tf_slr.formats.subtitles import Cue, shown_at
from tf_slr.video.decoding import require_whole

if TYPE_CHECKING:
    import cv2

# VP9 plays in browsers; an OpenCV built without it writes MPEG-4, which players open.
CODECS = ("vp09", "mp4v")
MAX_HEIGHT = 720
MIN_FPS, MAX_FPS = 1.0, 60.0


def write_film(path: Path, shown: Input, cues: Sequence[Cue], fonts: Sequence[Path] | Path) -> None:
    """Write a clip with skeleton and captions as .mp4, without sound, at a steady frame rate.

    The pictures are the video's own, at most 720 lines high; a landmark file
    has none and gets a plain background. A video that was not tracked has no
    skeleton.

    Args:
        path: the film; what stood there is replaced.
        shown: the clip.
        cues: the captions.
        fonts: of the captions, see `drawing.fonts_for`.

    Raises:
        DataError: the video can no longer be read.
        OSError: it could not be written whole.
        UsageError: OpenCV or Pillow is missing, or OpenCV cannot write videos.
    """
    fps = min(max(shown.fps, MIN_FPS), MAX_FPS)
    moments_of = shown.shown_at(np.arange(0, shown.times[-1] + 0.5 / fps, 1 / fps))
    with files.atomic_path(path) as temporary:
        film, written = None, 0
        try:
            title = f"draw {printable(path.name)}"
            progress = tqdm(_pictures(shown), title, len(moments_of), leave=False, unit="frame", disable=None)
            for picture, seconds in zip(progress, moments_of, strict=True):
                film = film or _open(temporary, fps, picture)
                for moment in seconds:
                    page = picture.copy()
                    draw_caption(page, shown_at(cues, float(moment)), fonts)
                    film.write(page[..., ::-1])
                    written += 1
        except ValueError as error:
            raise DataError(f"{shown.path}: has another number of frames than a moment ago") from error
        finally:
            if film is not None:
                film.release()
        require_whole(temporary, written)


def _pictures(shown: Input) -> Iterator[np.ndarray]:
    """Each frame with its skeleton, RGB uint8 with even sides."""
    background = (blank(shown.clip.aspect) for _ in shown.times)
    for index, picture in enumerate(shown.video.frames() if shown.video else background):
        page = _fitted(picture)
        if shown.clip and index < len(shown.times):
            landmarks, shoulders, aspect = shown.clip
            draw_skeleton(page, landmarks[index], aspect, None if shoulders is None else shoulders[index])
        yield page


def _fitted(picture: np.ndarray) -> np.ndarray:
    """A picture of at most 720 lines with even sides, which codecs want; a fresh array."""
    height, width = picture.shape[:2]
    share = min(1.0, MAX_HEIGHT / height)
    cv2 = opencv()
    size = (2 * round(width * share / 2), 2 * round(height * share / 2))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def _open(path: Path, fps: float, picture: np.ndarray) -> "cv2.VideoWriter":
    cv2 = opencv()
    for codec in CODECS:
        size = (picture.shape[1], picture.shape[0])
        film = cv2.VideoWriter(path_for_opencv(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*codec), fps, size)
        if film.isOpened():
            return film
    raise UsageError(f"this OpenCV writes no video ({' or '.join(CODECS)} in .mp4); install it with: "
                     "pip install 'tf_slr[video]'")  # fmt: skip
