"""Landmarks from videos: MediaPipe Holistic on one video, and on many by several processes or machines.

Beside each landmark file lies a record of what it was made from, so that a
job which was stopped goes on where it was, and a clip is tracked again only
when its video or MediaPipe has changed:

    landmarks/ID.npz
    landmarks/.source/ID.json
"""

import contextlib
import functools
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from tf_slr import files, outputs
from tf_slr.corpus.container import PICTURES
from tf_slr.corpus.engines import Engine
from tf_slr.corpus.manifest import begin_corpus, landmark_path, read_clip, write_clip
from tf_slr.corpus.times import unevenness
from tf_slr.corpus.tracker import Tracker, landmark_source
from tf_slr.corpus.video import frame_count, mark_of
from tf_slr.errors import DataError
from tf_slr.pictures import opencv


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
        fps: frames per second of the video, or None where it does not say.
        uneven: how far a frame is shown from its place at a steady rate, at most, in seconds; 0 where the video's
            rate is steady, or nothing is known of it.
        refusal: why there is no landmark file, as 'file: reason'; empty when there is one.
    """

    id: str
    frames: int = 0
    fps: float | None = None
    uneven: float = 0.0
    refusal: str = ""


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
    landmarks = out / landmark_path(job.id)
    write_clip(landmarks, clip)
    uneven = 0.0 if times is None else round(unevenness(times), 3)
    about = {"frames": len(clip.landmarks), "sha256": files.sha256(landmarks), "fps": fps, "uneven": uneven}
    files.write_json(record, {"source": stamp, **about})
    return Extraction(job.id, len(clip.landmarks), fps, uneven)


def _lost(job: Job) -> Extraction:
    return Extraction(job.id, refusal=f"{job.video}: the process that tracked it died, twice (out of memory?)")


def adopt(result: Extraction, made: Path, out: Path) -> Extraction:
    """Take a clip that was tracked into the folder `made` over into `out`; the result tells if it is not there."""
    landmarks, record = made / landmark_path(result.id), _record_path(result.id, made)
    try:
        if len(read_clip(landmarks).landmarks) != result.frames:
            raise DataError(f"{landmarks}: does not have the {result.frames} frames that its part promises")
        for path in (landmarks, record):
            if made.resolve() != out.resolve():
                files.write_bytes(out / path.relative_to(made), files.read_bytes(path))
    except DataError as error:
        return Extraction(result.id, refusal=str(error))
    return result


def _record_path(sample_id: str, out: Path) -> Path:
    landmarks = out / landmark_path(sample_id)
    return landmarks.parent / ".source" / f"{sample_id}.json"


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
        found = files.sha256(out / landmark_path(job.id))
        # Landmarks of others may have come in their place. (Records from before December 2026 cannot tell.)
        if made.get("source") != stamp or made.get("sha256", found) != found:
            return None
        return Extraction(job.id, made["frames"], made["fps"], made["uneven"])
    except (DataError, KeyError):  # damaged or gone: it is made again
        return None
