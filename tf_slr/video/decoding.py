"""Reading frames from a video file or a folder of images, and noticing when they are not all there.

A truncated video looks to FFmpeg like one that is simply over, and OpenCV
says nothing of an image it cannot read. What they keep quiet about is said here.
"""

import errno
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tf_slr.core import files
from tf_slr.core.errors import DataError
from tf_slr.core.pictures import opencv
from tf_slr.video.container import Container
from tf_slr.video.times import checked_times, grabbed_times

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")

# MediaPipe finds people where there are none in pictures of 16 x 22 pixels.
MIN_SIDE = 64
# Landmark files hold an aspect from 0.1 to 10.
MAX_ASPECT = 10

# A healthy MPEG-4 file that was measured (25 fps, 251 frames) gives one frame
# less than its header promises; 52 others gave exactly as many.
MISSING_FRAMES_ALLOWED = 1

# They promise their length times their usual rate, which a video without a steady rate does not keep.
MATROSKA = (".mkv", ".webm")


@dataclass(frozen=True)
class Video:
    """A video that opened and whose first frame could be read.

    Attributes:
        path: a video file, or a folder of images.
        fps: frames per second, or None where the source does not say.
        promised: number of frames the header promises, or 0 where it promises none.
        width: of the picture in pixels, after the rotation the file asks for.
        height: of the picture in pixels.
    """

    path: Path
    fps: float | None
    promised: int
    width: int
    height: int

    def frames(self, shown: list[float] | None = None) -> Iterator[np.ndarray]:
        """Decode the frames, RGB uint8 [height, width, 3] each.

        Args:
            shown: gets, before each frame of a video file, the time in seconds at which it is shown.

        Raises:
            DataError: a frame is damaged or of another size, or frames are missing at the end.
        """
        count, shown = 0, [] if shown is None else shown
        for count, (time, frame) in enumerate(_decode(self.path), start=1):
            if time is not None:
                shown.append(time)
            if frame.shape != (self.height, self.width, 3):
                raise DataError(
                    f"{self.path}: frame {count} is {frame.shape[1]} x {frame.shape[0]} pixels,"
                    f" the first is {self.width} x {self.height}"
                )
            yield frame
        self.require_end(count, shown)

    def require_end(self, count: int, shown: list[float]) -> None:
        """Raise DataError if so many frames, shown at these times, are not all of them."""
        if count + MISSING_FRAMES_ALLOWED < self.promised and not self._reaches_the_end(checked_times(shown)):
            raise DataError(f"{self.path}: promised {self.promised} frames, gives {count} (truncated?)")

    def _reaches_the_end(self, times: np.ndarray | None) -> bool:
        """Whether the last frame is shown when, by the header, the last frame should be."""
        if times is None or not self.fps:
            return False
        return bool(times[-1] + 2 * np.diff(times).max() >= self.promised / self.fps)


def open_video(path: Path | str) -> Video:
    """Look at a video file or a folder of images; nothing stays open.

    Raises:
        DataError: it is missing, empty, holds no picture, or its pictures are too small.
        UsageError: PyAV or, for images, OpenCV is not installed.
    """
    path = Path(path)
    if path.is_dir():
        images = image_paths(path)
        fps, promised, first = None, len(images), _read_image(images[0])
    else:
        with Container(path) as video:
            fps, promised, (_, first) = video.fps, video.promised, next(video.pictures(), (None, None))
    if first is None:
        raise DataError(f"{path}: holds no readable frame")
    height, width, _ = first.shape
    if min(width, height) < MIN_SIDE:
        raise DataError(f"{path}: {width} x {height} pixels are too small (expected {MIN_SIDE} or more each way)")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise DataError(f"{path}: {width} x {height} pixels is no picture of a person")
    return Video(path, fps, promised, width, height)


class Mark(NamedTuple):
    """What identifies a video without reading it: number of files, their bytes, and when the last was written (ns)."""

    files: int
    size: int
    written: int


def mark_of(path: Path) -> Mark:
    """The mark of a video file or a folder of images.

    Raises:
        DataError: it is not there, or cannot be read.
    """
    try:
        facts = [part.stat() for part in (image_paths(path) if path.is_dir() else [path])]
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    return Mark(len(facts), sum(fact.st_size for fact in facts), max(fact.st_mtime_ns for fact in facts))


def frame_count(path: Path, expected: int | None = None) -> tuple[int, float | None]:
    """Number of frames and frame rate of a video file or a folder of images, looking at no picture where possible.

    Args:
        path: the video.
        expected: how many frames there must be; None accepts any number.

    Raises:
        DataError: there is none, or another number of frames than expected.
    """
    if path.is_dir():
        count, fps, slack = len(_image_names(path)), None, 0
    else:
        slack = MISSING_FRAMES_ALLOWED
        with Container(path) as video:
            fps, count = video.fps, video.promised
            promise_kept = expected is not None and abs(count - expected) <= slack
            if not count or (path.suffix.lower() in MATROSKA and not promise_kept):
                count = sum(1 for _ in video.times())
    if count == 0:
        raise DataError(f"{path}: holds no readable frame")
    if expected is not None and abs(count - expected) > slack:
        raise DataError(f"{path}: expected {expected} frames, found {count}")
    return count, fps


def decoded_count(path: Path, expected: int | None = None) -> tuple[int, float | None, np.ndarray | None]:
    """As `frame_count`, but a video file is decoded to its end: a header may promise what is not there.

    Images of a folder are counted only.

    Returns:
        Number of frames, frame rate, and when each frame is shown, as `checked_times` has it.
    """
    if path.is_dir():
        return *frame_count(path, expected), None
    video, shown = open_video(path), grabbed_times(path, threads=1)
    count = len(shown)
    video.require_end(count, shown)
    if expected is not None and abs(count - expected) > MISSING_FRAMES_ALLOWED:
        raise DataError(f"{path}: expected {expected} frames, found {count}")
    times = checked_times(shown)
    return count, video.fps, times


def require_whole(path: Path, frames: int) -> None:
    """See that a video which OpenCV has just written holds all of its frames: of a full disk OpenCV tells nobody.

    Raises:
        OSError: it does not.
    """
    found = len(grabbed_times(path))
    if found < frames:
        raise OSError(errno.ENOSPC, f"{found} of {frames} frames could be written (is there room left?)", str(path))


def read_frames(path: Path | str) -> Iterator[np.ndarray]:
    """The frames of a video file or a folder of images, RGB uint8 [H, W, 3] each.

    Raises:
        DataError: as `open_video` (at once) and `Video.frames` (on the way).
    """
    return open_video(path).frames()


def image_paths(folder: Path) -> list[Path]:
    """The PNG and JPEG images of a folder by name, numbers in the order of their values (2 before 10).

    Raises:
        DataError: there are none.
    """
    return [folder / name for name in sorted(_image_names(folder), key=_by_number)]


def _image_names(folder: Path) -> list[str]:
    try:
        names = [name for name in os.listdir(folder) if name.lower().endswith(IMAGE_SUFFIXES) and name[0] != "."]
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror})") from error
    if not names:
        raise DataError(f"{folder}: holds no image ({', '.join(IMAGE_SUFFIXES)})")
    return names


def _by_number(name: str) -> tuple[list[str | int], str]:
    # Splitting by a group puts the numbers at the odd places, so that like is compared with like.
    parts = re.split(r"(\d+)", name.rpartition(".")[0])
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], name


def _decode(path: Path) -> Iterator[tuple[float | None, np.ndarray]]:
    """Frames or images of a path, RGB, until they end for whatever reason, with the times of a file's frames."""
    if path.is_dir():
        for image in image_paths(path):
            yield None, _read_image(image)
        return
    with Container(path) as video:
        yield from video.pictures()


def _read_image(path: Path) -> np.ndarray:
    cv2 = opencv()
    content = np.frombuffer(files.read_bytes(path), np.uint8)
    try:
        picture = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
    except cv2.error as error:
        raise DataError(f"{path}: is not a readable image ({error.err})") from error
    if picture is None:
        raise DataError(f"{path}: is not a readable image")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
