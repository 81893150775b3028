"""Landmarks of one video after another, by MediaPipe Holistic."""

import functools
import importlib.metadata
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.landmarks import HAND_POINTS, LIPS_INDICES, POINTS, POSE_INDICES, SHOULDER_INDICES, Clip, check_clip
from tf_slr.core.quiet import silent_stderr
from tf_slr.tracking.pose_model import MEDIAPIPE
from tf_slr.video.decoding import open_video
from tf_slr.video.times import checked_times

if TYPE_CHECKING:
    from mediapipe.framework.formats.landmark_pb2 import NormalizedLandmarkList

    from tf_slr.tracking.holistic import Found, Holistic


class Tracked(NamedTuple):
    """What the tracker found in one video.

    Attributes:
        clip: landmarks float32 [T, 92, 3], NaN where not found, with shoulders [T, 2, 3].
        fps: frames per second of the video, or None where it does not say.
        times: when each frame is shown, float64 [T] seconds from the first one, or None where it does not say.
    """

    clip: Clip
    fps: float | None
    times: np.ndarray | None


def landmark_source() -> str:
    """What makes the landmarks, with its version.

    Raises:
        UsageError: MediaPipe is not installed, or in another release than the one this was made for.
    """
    try:
        version = importlib.metadata.version("mediapipe")
    except importlib.metadata.PackageNotFoundError as error:
        raise UsageError("landmarks from video need MediaPipe: pip install 'tf_slr[video]'") from error
    if version != MEDIAPIPE:
        raise UsageError(
            f"landmarks from video need MediaPipe {MEDIAPIPE}, found {version}: pip install 'tf_slr[video]'"
        )
    return f"MediaPipe Holistic {version}, model complexity 1"


class Tracker:
    """MediaPipe Holistic, for one video after the other.

    Raises:
        UsageError: MediaPipe is not installed, or not as it must be.
    """

    def __init__(self) -> None:
        self._new_holistic = holistic_class()
        self._holistic: Holistic | None = None

    def extract(self, path: Path | str) -> Tracked:
        """Track a video file or a folder of images.

        Raises:
            DataError: the video cannot be read to its end, or nobody is in it.
        """
        video, shown = open_video(path), []
        return Tracked(self.track(video.frames(shown), str(path)), video.fps, checked_times(shown))

    def track(self, frames: Iterable[np.ndarray], source: str) -> Clip:
        """Track frames (RGB uint8 [H, W, 3]) of one clip.

        Raises:
            DataError: a frame is no picture, MediaPipe failed, or nobody is in the picture.
        """
        with silent_stderr():
            # Taken out while in use: after an exception its graph stays broken, so none goes back.
            holistic, self._holistic = self._holistic or self._new_holistic(), None
            # Without this the first frames depend on the clip before.
            holistic.reset()
            points, aspect = [], 1.0
            for number, frame in enumerate(frames, start=1):
                try:
                    points.append(points_of(holistic.process(frame)))
                except DataError as error:
                    raise DataError(f"{source}: frame {number}: {error}") from error
                aspect = frame.shape[1] / frame.shape[0]
            self._holistic = holistic
        found = np.array(points, np.float32).reshape(-1, POINTS + len(SHOULDER_INDICES), 3)
        clip = Clip(found[:, :POINTS], found[:, POINTS:], aspect)
        check_clip(clip.landmarks, source)
        return clip


def points_of(found: "Found") -> np.ndarray:
    """What was found in a frame -> float32 [92 + 2, 3]: landmarks, then shoulders; NaN where not found."""
    hand = range(HAND_POINTS)
    parts = (
        (found.pose, POSE_INDICES),
        (found.face, LIPS_INDICES),
        (found.left_hand, hand),
        (found.right_hand, hand),
        (found.pose, SHOULDER_INDICES),
    )
    return np.concatenate([_part(part, indices) for part, indices in parts])


def _part(found: "NormalizedLandmarkList | None", indices: Sequence[int]) -> np.ndarray:
    if found is None:
        return np.full((len(indices), 3), np.nan, np.float32)
    points = found.landmark
    return np.array([(points[i].x, points[i].y, points[i].z) for i in indices], np.float32)


@functools.cache
def holistic_class() -> type["Holistic"]:
    """The class `Holistic`, which takes MediaPipe with it: imported only where somebody tracks.

    Raises:
        UsageError: MediaPipe is not installed, in another release, or cannot be imported.
    """
    landmark_source()
    os.environ.setdefault("GLOG_minloglevel", "3")
    # MediaPipe imports TensorFlow where it is installed, for a decorator of
    # its documentation: five seconds and 580 MB in each process.
    hidden = "tensorflow" not in sys.modules
    if hidden:
        sys.modules["tensorflow"] = None
    try:
        with silent_stderr():
            from tf_slr.tracking.holistic import Holistic
    except ImportError as error:
        raise UsageError(f"MediaPipe {MEDIAPIPE} cannot be imported ({error}): pip install 'tf_slr[video]'") from error
    finally:
        if hidden:
            del sys.modules["tensorflow"]
    return Holistic
