"""Landmark files that others have made: what their readers give, and how that becomes a corpus."""

import contextlib
import functools
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from tf_slr.core.errors import DataError, shown
from tf_slr.core.files import MAX_ARRAY_BYTES
from tf_slr.core.landmarks import LEFT_HAND, LIPS, POINTS, POSE, RIGHT_HAND, SHOULDER_INDICES, VALUES, Clip, check_clip
from tf_slr.core.processes import here_or_in_processes
from tf_slr.corpus.manifest import begin_corpus, landmark_path, write_clip
from tf_slr.corpus.plausibility import Finding, corpus_notes, examine
from tf_slr.importers.entries import Entry
from tf_slr.importers.plan import Plan, finish, require_training
from tf_slr.tracking.engines import Engine
from tf_slr.tracking.extract import Extraction

# A reader puts every point it knows into its place: a row of [92 landmarks + 2 shoulders, 3].
LEFT_SHOULDER, RIGHT_SHOULDER = POINTS, POINTS + 1
PLACES = POINTS + len(SHOULDER_INDICES)
# What a file may hold in part only, in the words of a note.
_PARTS = {
    "pose points": POSE, "lip points": LIPS, "left-hand points": LEFT_HAND, "right-hand points": RIGHT_HAND,
    "shoulders": slice(POINTS, PLACES),
}  # fmt: skip

# Half an hour at 30 frames a second. Reading takes a few copies of a clip,
# which together must stay below what one array may take.
MAX_FRAMES = MAX_ARRAY_BYTES // 8 // (VALUES * np.dtype(np.float32).itemsize)

# |x| and |y| of a person in the picture, as shares of its size, are about 0.5
# in the median. Pixels are a hundred times that; positions relative to the
# shoulders, divided by a width in pixels, a hundredth.
MEDIAN_RANGE = (0.05, 5.0)
# MediaPipe guesses points outside the picture, but not a thousand pictures away.
MAX_POSITION = 1000.0


class ForeignClip(NamedTuple):
    """One clip of a foreign file.

    Attributes:
        clip: its landmarks, in the project's layout and units.
        fps: frames per second, or None where the file does not say.
        lacks: what the file's layout has no place for, such as '6 of 10 pose points'.
    """

    clip: Clip
    fps: float | None
    lacks: tuple[str, ...] = ()


def to_clip(points: np.ndarray, aspect: float, source: Path | str) -> Clip:
    """Make a clip of what a reader found, or refuse it.

    Args:
        points: float32 [T, 94, 3] in shares of the picture's size. One without x
            or y was not found; z may be NaN and becomes 0. Changed in place.
        aspect: width / height of the picture.
        source: named by errors.

    Raises:
        DataError: as `check_clip`, or x and y are in other units.
    """
    points[..., 2][np.isnan(points[..., 2])] = 0
    points[np.isnan(points[..., :2]).any(-1)] = np.nan
    clip = Clip(points[:, :POINTS], points[:, POINTS:], aspect)
    check_clip(clip.landmarks, str(source))
    positions = np.abs(points[..., :2])
    median, largest = float(np.nanmedian(positions)), float(np.nanmax(positions))
    if not MEDIAN_RANGE[0] <= median <= MEDIAN_RANGE[1]:
        raise DataError(
            f"{source}: |x| and |y| are {median:.2g} picture sizes in the median, expected about 0.5;"
            " are these positions in a picture, not normalised or scaled otherwise?"
        )
    if largest > MAX_POSITION:
        raise DataError(f"{source}: a point lies {largest:.2g} picture sizes away (damaged?)")
    return clip


def lacking(places: Collection[int]) -> tuple[str, ...]:
    """What a file lacks that has no more than these places, such as '6 of 10 pose points'."""
    wanted = {part: range(PLACES)[where] for part, where in _PARTS.items()}
    absent = {part: len(set(wanted[part]).difference(places)) for part in wanted}
    return tuple(f"{count} of {len(wanted[part])} {part}" for part, count in absent.items() if count)


class _Read(NamedTuple):
    """How one file ended, which parts its clip lacks, and whether it can be a signer's."""

    ended: Extraction
    lacks: tuple[str, ...] = ()
    finding: Finding = Finding()


def collect(plan: Plan, out: Path | str, read: Callable[[Path], ForeignClip], workers: int = 1) -> list[str]:
    """Read every file of a plan, and write a corpus.

    Args:
        plan: what the corpus is to become; an entry's `video` is the landmark file.
        out: the corpus folder; what lies there is replaced.
        read: a file -> its clip, or DataError; a function of a module, or a partial of one.
        workers: number of processes; 0 = one for each core, 1 = this one.

    Returns:
        One line for every clip that was refused or left out ('file: reason'),
        then one for everything else worth knowing ('note: ...').

    Raises:
        DataError: no clip for training is left.
        UsageError: processes that die whatever they are given.
    """
    out = Path(out)
    Engine(workers=workers)  # which checks their number
    require_training(plan, (entry.split for entry in plan.entries), plan.refused)
    begin_corpus(out)
    done = _read_all(plan.entries, functools.partial(_read_one, out=out, read=read), workers)
    return [
        *finish(plan, out, [one.ended for one in done], videos=False),
        *_lack_notes(done),
        *_doubt_notes(plan, done),
    ]


def _read_all(entries: Sequence[Entry], work: Callable[[Entry], _Read], workers: int) -> list[_Read]:
    with contextlib.closing(here_or_in_processes(work, entries, workers, _lost)) as results:
        done = {one.ended.id: one for one in tqdm(results, "landmarks", len(entries), unit="clip", disable=None)}
    return [done[entry.id] for entry in entries]


def _read_one(entry: Entry, out: Path, read: Callable[[Path], ForeignClip]) -> _Read:
    try:
        clip, fps, lacks = read(entry.video)
    except DataError as error:
        return _Read(Extraction(entry.id, refusal=str(error)))
    write_clip(out / landmark_path(entry.id), clip)
    return _Read(Extraction.timed(entry.id, len(clip.landmarks), fps, None), lacks, examine(clip))


def _lost(entry: Entry) -> _Read:
    return _Read(Extraction(entry.id, refusal=f"{entry.video}: the process that read it died, twice (damaged file?)"))


def _lack_notes(done: Sequence[_Read]) -> list[str]:
    clips: dict[str, list[str]] = {}
    for one in done:
        for lack in one.lacks:
            clips.setdefault(lack, []).append(one.ended.id)
    return [f"note: {len(ids)} clips lack {lack} ({shown(ids)})" for lack, ids in clips.items()]


def _doubt_notes(plan: Plan, done: Sequence[_Read]) -> list[str]:
    # Depth that a file has no place for is among what it lacks.
    findings = [(one.ended.id, one.finding._replace(depth=None)) for one in done if not one.ended.refusal]
    return corpus_notes(plan.info.name, findings)
