"""Landmarks from videos: MediaPipe Holistic on one video, and on many by several processes or machines.

Beside each landmark file lies a record of what it was made from, so that a
job which was stopped goes on where it was, and a clip is tracked again only
when its video or MediaPipe has changed:

    landmarks/ID.npz
    landmarks/.source/ID.json
    landmarks/.source/ID.npz    what was tracked, where the clip was brought to another frame rate
"""

import contextlib
import dataclasses
import functools
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from tf_slr.core import files, outputs
from tf_slr.core.errors import DataError
from tf_slr.core.pictures import opencv
from tf_slr.core.resampling import clip_at
from tf_slr.corpus.manifest import begin_corpus, landmark_path, read_clip, write_clip
from tf_slr.corpus.rates import Pace, pace_of
from tf_slr.tracking.engines import Engine
from tf_slr.tracking.tracker import Tracker, landmark_source
from tf_slr.video.container import PICTURES
from tf_slr.video.decoding import frame_count, mark_of
from tf_slr.video.times import unevenness


@dataclass(frozen=True)
class Job:
    """One clip to extract.

    Attributes:
        id: unique in the corpus.
        video: video file or image folder.
        frames: how many frames there must be, or None where nobody promises a number.
    """

    id: str
    video: Path
    frames: int | None = None


@dataclass(frozen=True)
class Extraction:
    """How one job ended.

    Attributes:
        id: of the job.
        frames: number of frames in the landmark file.
        fps: frames per second of the video, by the times of its frames where it tells them, or None where it does not
            say.
        uneven: how far a frame is shown from its place at a steady rate, at most, in seconds; 0 where the video's
            rate is steady, or nothing is known of it.
        refusal: why there is no landmark file, as 'file: reason'; empty when there is one.
        seconds: from the first frame to the last, or 0 where nothing is known of it but a steady rate.
    """

    id: str
    frames: int = 0
    fps: float | None = None
    uneven: float = 0.0
    refusal: str = ""
    seconds: float = 0.0

    @classmethod
    def timed(cls, sample_id: str, frames: int, fps: float | None, times: np.ndarray | None) -> "Extraction":
        """The result of a clip that is usable; `fps` and `times` as of `pace_of`."""
        pace = pace_of(frames, fps, times)
        if pace is None:
            return cls(sample_id, frames)
        uneven = 0.0 if times is None else round(unevenness(times), 3)
        return cls(sample_id, frames, round(pace.fps, 3), uneven, seconds=pace.seconds)

    @property
    def pace(self) -> Pace | None:
        """How the clip's frames follow each other; None where it does not say."""
        if self.fps is None:
            return None
        return Pace(self.fps, self.seconds or (self.frames - 1) / self.fps, not self.uneven)


def extract_many(jobs: Sequence[Job], out: Path | str, engine: Engine) -> list[Extraction]:
    """Track many videos into `out`/landmarks; what is there already and still valid is kept.

    A clip that cannot be used is refused and the rest goes on, even when it
    kills its process.

    Args:
        jobs: what to track.
        out: the corpus folder.
        engine: who works.

    Returns:
        How each job ended, in the order of the jobs.

    Raises:
        UsageError: MediaPipe is not installed, or the engine cannot work.
    """
    # Workers of a cluster have other working folders.
    out = Path(out).absolute()
    source = landmark_source()
    ended: dict[str, Extraction] = {}
    with tqdm(total=len(jobs), desc="landmarks", unit="clip", disable=None) as bar:
        for job in jobs:
            try:
                kept = _kept(job, out, _stamp(job, source))
            except DataError as error:
                kept = Extraction(job.id, refusal=str(error))
            if kept:
                ended[job.id] = kept
                bar.update()
        started, frames = time.monotonic(), 0
        waiting = [job for job in jobs if job.id not in ended]
        if waiting:  # what is there must not pass for the corpus it was while clips are made anew
            begin_corpus(out, make=False)
        work = functools.partial(_extract_job, out=out, source=source)
        with contextlib.closing(engine.run(work, waiting, _lost)) as results:
            for result in results:
                ended[result.id] = result
                frames += result.frames
                bar.set_postfix({"frames/s": f"{frames / (time.monotonic() - started):.1f}"}, refresh=False)
                bar.update()
    return [ended[job.id] for job in jobs]


# A worker of a cluster may have several threads; MediaPipe's graph serves one clip at a time.
_TRACKING = threading.Lock()


@functools.cache
def _process_tracker() -> Tracker:
    """The one tracker of a working process."""
    opencv().setNumThreads(1)
    return Tracker()


def _extract_job(job: Job, out: Path, source: str) -> Extraction:
    """Do one job in a working process."""
    try:
        stamp = _stamp(job, source)
        kept = _kept(job, out, stamp)
        if kept:
            return kept
        if job.frames is not None:
            frame_count(job.video, job.frames)
        with _TRACKING:
            clip, fps, times = _process_tracker().extract(job.video)
    except DataError as error:
        return Extraction(job.id, refusal=str(error))
    record = _record_path(job.id, out)
    outputs.mark(out, "corpus")
    # In this order a crash can leave landmarks without a record, never with a wrong one.
    record.unlink(missing_ok=True)
    _tracked_path(job.id, out).unlink(missing_ok=True)
    landmarks = out / landmark_path(job.id)
    write_clip(landmarks, clip)
    result = Extraction.timed(job.id, len(clip.landmarks), fps, times)
    about = {"sha256": files.sha256(landmarks), "times": None if times is None else times.tolist()}
    about |= {name: getattr(result, name) for name in ("frames", "fps", "uneven", "seconds")}
    files.write_json(record, {"source": stamp, **about})
    return result


def _lost(job: Job) -> Extraction:
    return Extraction(job.id, refusal=f"{job.video}: the process that tracked it died, twice (out of memory?)")


def adopt(result: Extraction, made: Path, out: Path) -> Extraction:
    """Take a clip that was tracked into the folder `made` over into `out`; the result tells if it is not there."""
    landmarks, record = made / landmark_path(result.id), _record_path(result.id, made)
    # A part in whose folder a corpus was made already holds clips at that corpus' rate.
    tracked = _tracked_path(result.id, made)
    tracked = tracked if tracked.is_file() else landmarks
    try:
        if len(read_clip(tracked).landmarks) != result.frames:
            raise DataError(f"{tracked}: does not have the {result.frames} frames that its part promises")
        if made.resolve() != out.resolve():
            _tracked_path(result.id, out).unlink(missing_ok=True)
            files.write_bytes(out / landmark_path(result.id), files.read_bytes(tracked))
            files.write_bytes(_record_path(result.id, out), files.read_bytes(record))
    except DataError as error:
        return Extraction(result.id, refusal=str(error))
    return result


def brought_to(result: Extraction, out: Path, fps: float, tracked: bool) -> Extraction:
    """Bring a clip's landmark file to a corpus' frame rate; a clip of that rate keeps its file to the byte.

    Args:
        result: how the clip ended.
        out: the corpus folder.
        fps: of the corpus.
        tracked: whether the file was tracked here, so that it stays beside the one of the corpus' rate: clips that are
            added may change that.

    Raises:
        DataError: the file cannot be read.
    """
    landmarks, kept = out / landmark_path(result.id), _tracked_path(result.id, out)
    moments = result.pace.moments(fps) if result.pace else None
    back = tracked and kept.is_file()
    if moments is None:
        if back:
            files.write_bytes(landmarks, files.read_bytes(kept))
            kept.unlink()
        return result
    if tracked and not back:
        files.write_bytes(kept, files.read_bytes(landmarks))
    clip, times = read_clip(kept if tracked else landmarks), None
    if tracked and _record_path(result.id, out).is_file():
        times = files.read_json(_record_path(result.id, out)).get("times")
    times = np.arange(result.frames) / result.fps if times is None else np.array(times)
    write_clip(landmarks, clip_at(clip, times, moments))
    return dataclasses.replace(result, frames=len(moments))


def _record_path(sample_id: str, out: Path) -> Path:
    landmarks = out / landmark_path(sample_id)
    return landmarks.parent / ".source" / f"{sample_id}.json"


def _tracked_path(sample_id: str, out: Path) -> Path:
    """Where the landmarks as they were tracked are, if those of the corpus have another rate."""
    return _record_path(sample_id, out).with_name(f"{sample_id}.npz")


def _stamp(job: Job, source: str) -> dict[str, str | int | None]:
    """What identifies a video without reading it, what it must be, and what tracks it."""
    mark = mark_of(job.video)
    return {
        "video": files.require_text(str(job.video.resolve()), "a video's path"),
        "files": mark.files,
        "frames": job.frames,
        "bytes": mark.size,
        "mtime_ns": mark.written,
        "landmark_source": source,
        "pictures": PICTURES,
    }


def _kept(job: Job, out: Path, stamp: dict[str, str | int | None]) -> Extraction | None:
    """The result of an earlier run, if it was made from the same video in the same way and is whole."""
    record = _record_path(job.id, out)
    if not record.is_file():
        return None
    try:
        made = files.read_json(record)
        tracked = _tracked_path(job.id, out)
        found = files.sha256(tracked if tracked.is_file() else out / landmark_path(job.id))
        # Landmarks of others may have come in their place. (Records from before December 2026 cannot tell.)
        if made.get("source") != stamp or made.get("sha256", found) != found:
            return None
        if made["uneven"] and "times" not in made:
            return None
        return Extraction(job.id, made["frames"], made["fps"], made["uneven"], seconds=made.get("seconds", 0.0))
    except (DataError, KeyError):  # damaged or gone: it is made again
        return None
