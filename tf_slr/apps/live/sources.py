"""Where frames come from: a camera, or a video file, in real time or as fast as it goes."""

import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.pictures import opencv
from tf_slr.video.decoding import open_video
from tf_slr.video.times import FrameClock


class Shot(NamedTuple):
    """A frame and its time.

    Attributes:
        time: seconds since the first one, by the source's clock.
        taken: when it was there, in seconds of `time.monotonic`.
        picture: RGB uint8 [H, W, 3].
    """

    time: float
    taken: float
    picture: np.ndarray


class Source(Protocol):
    """Frames one after the other.

    Attributes:
        name: for messages.
        waits: whether it waits for whoever takes its frames; a camera does not.
    """

    name: str
    waits: bool

    def shots(self, stop: threading.Event) -> Iterator[Shot]:
        """The frames, until the source ends or `stop` is set.

        Raises:
            DataError: frames stop coming, or are damaged.
        """


class Camera:
    """A camera of this machine.

    Args:
        number: 0 is the first one.

    Raises:
        UsageError: OpenCV is not installed, or there is no such camera.
    """

    waits = False

    def __init__(self, number: int) -> None:
        self.name = f"camera {number}"
        self._capture = opencv().VideoCapture(number)
        if not self._capture.isOpened():
            raise UsageError(f"{self.name}: cannot be opened; is it connected, free, and yours to use? "
                             "Try another --camera, or a video with --source")  # fmt: skip

    def shots(self, stop: threading.Event) -> Iterator[Shot]:
        """See `Source`."""
        cv2 = opencv()
        first = None
        try:
            while not stop.is_set():
                found, picture = self._capture.read()
                if not found:
                    raise DataError(f"{self.name}: gives no more pictures; was it disconnected?")
                taken = time.monotonic()
                first = taken if first is None else first
                yield Shot(taken - first, taken, cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
        finally:
            self._capture.release()


class VideoFile:
    """A video file or a folder of images.

    Args:
        path: where it is.
        realtime: whether its frames come when they were taken, as a camera's would.
        usual_fps: frames a second of what says nothing about its times, as images do.

    Raises:
        DataError: it cannot be read.
        UsageError: OpenCV is not installed.
    """

    def __init__(self, path: Path, realtime: bool, usual_fps: float) -> None:
        self.name, self.waits = str(path), not realtime
        self._video = open_video(path)
        self._usual_fps = self._video.fps or usual_fps

    def shots(self, stop: threading.Event) -> Iterator[Shot]:
        """See `Source`."""
        first, clock, shown = time.monotonic(), FrameClock(self._usual_fps), []
        for picture in self._video.frames(shown):
            seconds = clock.next(shown[-1] if shown else math.nan)
            due = first + seconds
            # A reader that is late itself goes on at once.
            if stop.is_set() or (not self.waits and stop.wait(max(0.0, due - time.monotonic()))):
                return
            yield Shot(seconds, time.monotonic() if self.waits else due, picture)
