"""Landmarks from videos: MediaPipe Holistic on one video, and on many by several processes.

Beside each landmark file lies a record of what it was made from, so that a
job which was stopped goes on where it was, and a clip is tracked again only
when its video or MediaPipe has changed:

    landmarks/ID.npz
    landmarks/.source/ID.json
"""

import contextlib
import functools
import importlib.metadata
import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from tf_slr import files
from tf_slr.corpus.manifest import landmark_path, read_clip, write_clip
from tf_slr.corpus.processes import cores, in_processes
from tf_slr.corpus.video import image_paths, open_video, opencv
from tf_slr.errors import DataError, UsageError
from tf_slr.landmarks import HAND_POINTS, LIPS_INDICES, POINTS, POSE_INDICES, SHOULDER_INDICES, Clip, check_clip
from tf_slr.quiet import silent_stderr

# The other two models are not in the wheel; MediaPipe would download them.
MODEL_COMPLEXITY = 1


class Tracked(NamedTuple):
    """What the tracker found in one video.

    Attributes:
        clip: landmarks float32 [T, 92, 3], NaN where not found, with shoulders [T, 2, 3].
        fps: frames per second of the video, or None where it does not say.
    """

    clip: Clip
    fps: float | None


@dataclass(frozen=True)
class Job:
    """One clip to extract: its id, unique in the corpus, and its video file or image folder."""

    id: str
    video: Path


@dataclass(frozen=True)
class Extraction:
    """How one job ended.

    Attributes:
        id: of the job.
        frames: number of frames in the landmark file.
        fps: frames per second of the video, or None where it does not say.
        refusal: why there is no landmark file, as 'file: reason'; empty when there is one.
    """

    id: str
    frames: int = 0
    fps: float | None = None
    refusal: str = ""


def landmark_source() -> str:
    """What makes the landmarks, with its version.

    Raises:
        UsageError: MediaPipe is not installed.
    """
    try:
        version = importlib.metadata.version("mediapipe")
    except importlib.metadata.PackageNotFoundError as error:
        raise UsageError("landmarks from video need MediaPipe: pip install 'tf_slr[video]'") from error
    return f"MediaPipe Holistic {version}, model complexity {MODEL_COMPLEXITY}"


class Tracker:
    """MediaPipe Holistic, for one video after the other.

    Raises:
        UsageError: MediaPipe is not installed, or a release without Holistic.
    """

    def __init__(self) -> None:
        self._new_holistic = functools.partial(_holistic_class(), model_complexity=MODEL_COMPLEXITY)
        self._holistic = None

    def extract(self, path: Path | str) -> Tracked:
        """Track a video file or a folder of images.

        Raises:
            DataError: the video cannot be read to its end, or nobody is in it.
        """
        video = open_video(path)
        return Tracked(self.track(video.frames(), str(path)), video.fps)

    def track(self, frames: Iterable[np.ndarray], source: str) -> Clip:
        """Track frames (RGB uint8 [H, W, 3]) of one clip.

        Raises:
            DataError: MediaPipe failed, or nobody is in the picture.
        """
        with silent_stderr():
            # Taken out while in use: after an exception its graph may stay broken, so none goes back.
            holistic, self._holistic = self._holistic or self._new_holistic(), None
            # Without this the first frames depend on the clip before.
            holistic.reset()
            points, aspect = [], 1.0
            for frame in frames:
                aspect = frame.shape[1] / frame.shape[0]
                try:
                    points.append(_points_of(holistic.process(frame)))
                except (RuntimeError, ValueError) as error:
                    raise DataError(f"{source}: MediaPipe failed in frame {len(points) + 1} ({error})") from error
            self._holistic = holistic
        found = np.array(points, np.float32).reshape(-1, POINTS + len(SHOULDER_INDICES), 3)
        clip = Clip(found[:, :POINTS], found[:, POINTS:], aspect)
        check_clip(clip.landmarks, source)
        return clip


def _points_of(result: Any) -> np.ndarray:
    """A frame's result -> float32 [92 + 2, 3]: landmarks, then shoulders; NaN where not found."""
    hand = range(HAND_POINTS)
    parts = (
        (result.pose_landmarks, POSE_INDICES),
        (result.face_landmarks, LIPS_INDICES),
        (result.left_hand_landmarks, hand),
        (result.right_hand_landmarks, hand),
        (result.pose_landmarks, SHOULDER_INDICES),
    )
    return np.concatenate([_part(found, indices) for found, indices in parts])


def _part(found: Any, indices: Sequence[int]) -> np.ndarray:
    if found is None:
        return np.full((len(indices), 3), np.nan, np.float32)
    points = found.landmark
    return np.array([(points[i].x, points[i].y, points[i].z) for i in indices], np.float32)


@functools.cache
def _holistic_class() -> type:
    """MediaPipe's class, imported only where somebody tracks."""
    source = landmark_source()
    os.environ.setdefault("GLOG_minloglevel", "3")
    # MediaPipe imports TensorFlow where it is installed, for a decorator of
    # its documentation: five seconds and 580 MB in each process.
    hidden = "tensorflow" not in sys.modules
    if hidden:
        sys.modules["tensorflow"] = None
    try:
        with silent_stderr():
            from mediapipe.python.solutions.holistic import Holistic
    except ImportError as error:
        raise UsageError(f"{source} has no Holistic: pip install 'tf_slr[video]' ({error})") from error
    finally:
        if hidden:
            del sys.modules["tensorflow"]
    return Holistic


def extract_many(jobs: Sequence[Job], out: Path | str, workers: int = 0) -> list[Extraction]:
    """Track many videos into `out`/landmarks; what is there already and still valid is kept.

    A clip that cannot be used is refused and the rest goes on, even when it
    kills its process.

    Args:
        jobs: what to track.
        out: the corpus folder.
        workers: number of processes; 0 = one for each core.

    Returns:
        How each job ended, in the order of the jobs.

    Raises:
        UsageError: MediaPipe is not installed, or processes die whatever they are given.
    """
    out = Path(out)
    source = landmark_source()
    ended: dict[str, Extraction] = {}
    with tqdm(total=len(jobs), desc="landmarks", unit="clip", disable=None) as bar:
        for job in jobs:
            try:
                kept = _kept(job, out, _stamp(job.video, source))
            except DataError as error:
                kept = Extraction(job.id, refusal=str(error))
            if kept:
                ended[job.id] = kept
                bar.update()
        started, frames = time.monotonic(), 0
        waiting = [job for job in jobs if job.id not in ended]
        work = functools.partial(_extract_job, out=out, source=source)
        with contextlib.closing(in_processes(work, waiting, workers or cores(), _lost)) as results:
            for result in results:
                ended[result.id] = result
                frames += result.frames
                bar.set_postfix({"frames/s": f"{frames / (time.monotonic() - started):.1f}"}, refresh=False)
                bar.update()
    return [ended[job.id] for job in jobs]


@functools.cache
def _process_tracker() -> Tracker:
    """The one tracker of a working process."""
    opencv().setNumThreads(1)
    return Tracker()


def _extract_job(job: Job, out: Path, source: str) -> Extraction:
    """Do one job in a working process."""
    try:
        stamp = _stamp(job.video, source)
        kept = _kept(job, out, stamp)
        if kept:
            return kept
        clip, fps = _process_tracker().extract(job.video)
    except DataError as error:
        return Extraction(job.id, refusal=str(error))
    record = _record_path(job, out)
    # In this order a crash can leave landmarks without a record, never with a wrong one.
    record.unlink(missing_ok=True)
    write_clip(out / landmark_path(job.id), clip)
    files.write_json(record, {"source": stamp, "frames": len(clip.landmarks), "fps": fps})
    return Extraction(job.id, len(clip.landmarks), fps)


def _lost(job: Job) -> Extraction:
    return Extraction(job.id, refusal=f"{job.video}: the process that tracked it died, twice (out of memory?)")


def _record_path(job: Job, out: Path) -> Path:
    landmarks = out / landmark_path(job.id)
    return landmarks.parent / ".source" / f"{job.id}.json"


def _stamp(video: Path, source: str) -> dict[str, str | int]:
    """What identifies a video without reading it, and what tracks it."""
    try:
        facts = [path.stat() for path in (image_paths(video) if video.is_dir() else [video])]
    except OSError as error:
        raise DataError(f"{video}: cannot be read ({error.strerror})") from error
    return {
        "video": str(video.resolve()),
        "files": len(facts),
        "bytes": sum(fact.st_size for fact in facts),
        "mtime_ns": max(fact.st_mtime_ns for fact in facts),
        "landmark_source": source,
    }


def _kept(job: Job, out: Path, stamp: dict[str, str | int]) -> Extraction | None:
    """The result of an earlier run, if it was made from the same video in the same way and is whole."""
    record = _record_path(job, out)
    if not record.is_file():
        return None
    try:
        made = files.read_json(record)
        frames = len(read_clip(out / landmark_path(job.id)).landmarks)
    except DataError:  # damaged or gone: it is made again
        return None
    if made.get("source") != stamp or made.get("frames") != frames:
        return None
    return Extraction(job.id, frames, made.get("fps"))
