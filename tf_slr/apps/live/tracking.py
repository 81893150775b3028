"""Landmarks of frames as they come, by two threads: one finds bodies, one finds the hands of the frame before.

Between the threads are short belts. A source that does not wait loses its
oldest frames when the threads are late, at the first belt and nowhere else.
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tf_slr.apps.live.belt import Belt
from tf_slr.apps.live.effort import LEVELS, Effort, Level
from tf_slr.apps.live.sources import Shot, Source
from tf_slr.core.landmarks import POINTS
from tf_slr.tracking.tracker import holistic_class, points_of

if TYPE_CHECKING:
    from tf_slr.tracking.holistic import Body, Holistic

# Frames that wait for the first thread, and between two threads; each makes words later by one frame.
WAITING, BETWEEN = 2, 1
# How long a thread that was told to stop may take to finish its frame, in seconds.
PATIENCE = 5.0


class Sight(NamedTuple):
    """What was found in a frame: landmarks float32 [92, 3] and shoulders [2, 3], NaN where not found."""

    shot: Shot
    landmarks: np.ndarray
    shoulders: np.ndarray

    @property
    def aspect(self) -> float:
        """Width / height of the picture."""
        return self.shot.picture.shape[1] / self.shot.picture.shape[0]


class BodyFinder:
    """Finds pose and face as often as a level asks for; in between those of the frame before are kept."""

    def __init__(self, holistic: "Holistic") -> None:
        self._holistic = holistic
        self._last: Body | None = None
        self._number = 0

    def find(self, picture: np.ndarray, level: Level) -> "Body":
        """The body in the next frame (RGB uint8 [H, W, 3]).

        Raises:
            DataError: MediaPipe fails.
        """
        pose = face = None
        if self._last:
            # Who was not found is looked for in every frame.
            pose = None if self._last.pose.is_empty() or self._number % level.pose == 0 else self._last.pose
            face = None if self._last.face.is_empty() or self._number % level.face == 0 else self._last.face
        self._last = self._holistic.find_body(picture, pose, face)
        self._number += 1
        return self._last


class LiveTracker:
    """Tracks the frames of a source while it is entered.

    Args:
        source: where frames come from.
        notice: told when face and pose are looked for more or less often.

    Attributes:
        frames: how many came from the source.

    Raises:
        UsageError: MediaPipe is not installed, or not as it must be.
    """

    def __init__(self, source: Source, notice: Callable[[str], None]) -> None:
        self._source, self._notice = source, notice
        self.frames = 0
        self._effort = Effort()
        self._fault: Exception | None = None
        self._stop = threading.Event()
        self._shots: Belt[Shot] = Belt(WAITING, drops=not source.waits)
        self._bodies: Belt[tuple[Shot, Body]] = Belt(BETWEEN)
        self._sights: Belt[Sight] = Belt(BETWEEN)
        self._belts = (self._shots, self._bodies, self._sights)
        steps = ((self._read, self._shots), (self._find_bodies, self._bodies), (self._find_hands, self._sights))
        self._threads = [threading.Thread(target=self._work, args=step, daemon=True) for step in steps]
        self._holistic = holistic_class()()

    @property
    def dropped(self) -> int:
        """Frames that came and were never looked at."""
        return self._shots.dropped

    @property
    def level(self) -> int:
        """How much was given up to keep pace, a place in LEVELS."""
        return self._effort.level

    @property
    def late(self) -> bool:
        """Whether another sight waits to be taken."""
        return len(self._sights) > 0

    def __enter__(self) -> "LiveTracker":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._halt()
        for thread in self._threads:
            thread.join(PATIENCE)

    def sights(self) -> Iterator[Sight]:
        """What is found, frame by frame, until the source ends.

        Raises:
            DataError: frames stopped coming or are damaged, or MediaPipe failed.
        """
        while (sight := self._sights.get()) is not None:
            yield sight
        if self._fault:
            raise self._fault

    def _halt(self) -> None:
        self._stop.set()
        for belt in self._belts:
            belt.stop()

    def _work(self, step: Callable[[], None], out: Belt) -> None:
        """A thread's life; a fault stops all of them and is raised where sights are taken."""
        try:
            step()
        except Exception as error:
            self._fault = error
            self._halt()
        out.end()

    def _read(self) -> None:
        started = time.monotonic()
        for shot in self._source.shots(self._stop):
            self.frames += 1
            if not self._shots.put(shot):
                return
            if self._effort.update(time.monotonic() - started, self.frames, self.dropped):
                self._notice(str(LEVELS[self.level]))

    def _find_bodies(self) -> None:
        finder = BodyFinder(self._holistic)
        while (shot := self._shots.get()) is not None:
            if not self._bodies.put((shot, finder.find(shot.picture, LEVELS[self.level]))):
                return

    def _find_hands(self) -> None:
        while (pair := self._bodies.get()) is not None:
            shot, body = pair
            points = points_of(self._holistic.find_hands(body))
            if not self._sights.put(Sight(shot, points[:POINTS], points[POINTS:])):
                return
