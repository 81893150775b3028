"""What people hand to a recogniser: videos, folders of images, landmark files and .pose files.

A network knows signing at the frame rate of its corpus. Other clips (a
phone's 60 frames a second, a browser's recording without a steady rate) are
brought to that rate here, by the times of their frames.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

import numpy as np
from tqdm import tqdm

from tf_slr.core.errors import DataError
from tf_slr.core.kinds import Kind, kinds_of
from tf_slr.core.landmarks import Clip
from tf_slr.core.resampling import clip_at, frames_on_screen
from tf_slr.core.stdout import printable
from tf_slr.corpus.manifest import read_clip
from tf_slr.corpus.rates import pace_of
from tf_slr.importers.poses import read_pose
from tf_slr.tracking.tracker import Tracker
from tf_slr.video.decoding import Video, frame_count, open_video
from tf_slr.video.times import checked_times, frame_times

LANDMARKS, POSE_FILE = ".npz", ".pose"


class Input(NamedTuple):
    """A clip as it was handed in.

    Attributes:
        path: the file or folder.
        clip: its landmarks, a row for each frame; None of a video that was not tracked.
        times: when each frame is shown, float64 [T] seconds from the first one.
        video: its pictures, or None of a landmark file.
        note: what was assumed about its frame rate, or empty.
        rate: frames a second of a clip with a single frame, whose time tells none.
    """

    path: Path
    clip: Clip | None
    times: np.ndarray
    video: Video | None = None
    note: str = ""
    rate: float = 1.0

    @property
    def fps(self) -> float:
        """Frames a second: the usual distance of frames, where they have no steady one."""
        if len(self.times) == 1:
            return self.rate
        return pace_of(len(self.times), None, self.times).fps

    def landmarks_at(self, fps: float) -> tuple[Clip, float]:
        """The landmarks as a camera with `fps` frames a second would have given them, and their rate.

        Points are interpolated between the two frames around a moment, where
        both know them, and else taken from the nearer frame. A clip of nearly
        that rate is left as it is, with its own rate.
        """
        moments = self._moments(fps)
        return (self.clip, self.fps) if moments is None else (clip_at(self.clip, self.times, moments), fps)

    def pictures_at(self, fps: float) -> tuple[Iterator[np.ndarray], float]:
        """The pictures, RGB uint8 [H, W, 3], of the frames shown at `fps` moments a second, and their rate.

        A video of nearly that rate is left as it is, with its own rate.
        """
        moments = self._moments(fps)
        if moments is None:
            return self.video.frames(), self.fps
        repeats = [len(shown) for shown in self.shown_at(moments)]
        return (picture for picture, n in zip(self.video.frames(), repeats, strict=False) for _ in range(n)), fps

    def shown_at(self, moments: np.ndarray) -> list[np.ndarray]:
        """For each frame the moments (ascending seconds) at which it is on screen: until the next one is."""
        frame_of = frames_on_screen(self.times, moments)
        return np.split(moments, np.searchsorted(frame_of, np.arange(1, len(self.times))))

    def _moments(self, fps: float) -> np.ndarray | None:
        """The times of a camera with `fps` frames a second; None where the clip has nearly that rate."""
        return pace_of(len(self.times), None, self.times).moments(fps) if len(self.times) > 1 else None


class InputReader:
    """Reads whatever it is handed; MediaPipe is loaded at the first video.

    Args:
        usual: frames a second of clips that say nothing about their rate.
        track: whether landmarks of videos are wanted.
    """

    def __init__(self, usual: float, track: bool = True) -> None:
        self._usual, self._wanted = usual, track
        self._tracker: Tracker | None = None

    def read(self, path: Path) -> Input:
        """Read a clip, tracking it where it is a video.

        Raises:
            DataError: it is missing, damaged, or nobody is in it.
            UsageError: what reads it is not installed.
        """
        kind = path.suffix.lower()
        if kind == LANDMARKS:
            clip = read_clip(path)
            return Input(path, clip, np.arange(len(clip.landmarks)) / self._usual, rate=self._usual)
        if kind == POSE_FILE:
            pose = read_pose(path)
            times, note = self._counted(path, len(pose.clip.landmarks), pose.fps)
            return Input(path, pose.clip, times, None, note, pose.fps or self._usual)
        if path.is_dir() and not set(found := kinds_of(path)) & {Kind.IMAGES, Kind.VIDEOS, Kind.CLIPS}:
            raise DataError(f"{path}: is {found[0].value}; expected a video, a landmark file, a .pose file or a "
                            "folder of images")  # fmt: skip
        video = open_video(path)
        shown: list[float] = []
        clip = self._track(video, shown) if self._wanted else None
        times = checked_times(shown) if clip else None if path.is_dir() else frame_times(path)
        frames = len(clip.landmarks) if clip else frame_count(path)[0] if times is None else len(times)
        if times is not None and len(times) == frames:
            return Input(path, clip, times, video, rate=video.fps or self._usual)
        times, note = self._counted(path, frames, video.fps)
        return Input(path, clip, times, video, note, video.fps or self._usual)

    def _counted(self, path: Path, frames: int, fps: float | None) -> tuple[np.ndarray, str]:
        """Times of frames that follow each other at one rate, and what was assumed."""
        note = "" if fps else f"{path}: does not say its frame rate; {self._usual:g} frames a second are assumed"
        return np.arange(frames) / (fps or self._usual), note

    def _track(self, video: Video, shown: list[float]) -> Clip:
        self._tracker = self._tracker or Tracker()
        with _terminal() as terminal:
            frames = tqdm(video.frames(shown), printable(video.path.name), video.promised or None, leave=False,
                          unit="frame", file=terminal, disable=None)  # fmt: skip
            return self._tracker.track(frames, str(video.path))


def _terminal() -> TextIO:
    """Standard error under a number of its own: the tracker silences the usual one while it works."""
    return open(os.dup(sys.stderr.fileno()), "w", encoding="utf-8", errors="replace")
