"""`tf-slr check`: walk a corpus and name every fault, and what else a user should know."""

import functools
import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tf_slr.core.errors import DataError, UsageError, shown
from tf_slr.core.glosses import GlossReader, canonical, folded, has_control, has_invisible
from tf_slr.core.landmarks import LEFT_HAND, RIGHT_HAND
from tf_slr.core.threads import in_threads
from tf_slr.corpus.manifest import SPLITS, Corpus, Sample
from tf_slr.corpus.plausibility import Finding, corpus_notes, examine, rate_doubt
from tf_slr.corpus.rates import chosen_frames
from tf_slr.corpus.shards import FOLDER, check_shards
from tf_slr.video.container import pyav
from tf_slr.video.decoding import decoded_count

# What sclite reads as something else than a word: an optional word, an alternative, a comment, a label, no word.
SCLITE_SPECIAL = re.compile(r"[(){}<;].*|[@/]")


class Row(NamedTuple):
    """One row of a list: which split, where (for messages), and what it says."""

    split: str
    place: str
    sample: Sample


class Look(NamedTuple):
    """What the files of one clip gave.

    Attributes:
        faults: one line each.
        landmarks: SHA-256 of the coordinates; empty where there are none.
        hands: whether a hand was found in any frame; None where there are no landmarks.
        video: the video file or folder, links resolved; empty where there is none.
        finding: whether the landmarks can be a signer's; None where there are none.
    """

    faults: list[str]
    landmarks: str = ""
    hands: bool | None = None
    video: str = ""
    finding: Finding | None = None


def check_corpus(root: Path | str) -> list[str]:
    """Read everything a corpus promises.

    Faults are: a list that cannot be read, an empty split, an id that stands
    twice, a gloss of dev or test that training does not have, no gloss, too
    few frames for the glosses, landmarks or a video that are missing,
    damaged or of another length, no landmarks and no video either, a
    recording in two splits, damaged or outdated shards. Video files are
    decoded to their ends; images of a folder are counted, not opened.

    Notes are: a recording twice in one split, clips without any hand, clips
    without landmarks among others with them, landmarks that are no signer's
    (hands exchanged, left and right mirrored, zeros for missing points), a
    frame rate that no camera has, ids or glosses that look alike (case,
    width, composition, invisible characters), glosses with characters that
    nobody sees or in compatibility forms, glosses that sclite misreads,
    landmark files that no list names, temporary files.

    Returns:
        One line for each fault, and one beginning with "note: " for each note.

    Raises:
        DataError: the folder holds no corpus.
    """
    corpus = Corpus(root)
    rows, incomplete = _rows(corpus)
    lines = [*incomplete, *_annotation_faults(rows)]
    look = functools.partial(_look, corpus, can_decode=_can_decode())
    looks = list(in_threads(look, rows, "check", "clip"))
    lines += [fault for one in looks for fault in one.faults]
    lines += _repeated(rows, looks)
    lines += check_shards(corpus)
    lines += _unseen(rows, looks, corpus)
    lines += _implausible(rows, looks, corpus)
    lines += _misleading_names(rows)
    lines += _leftovers(corpus)
    if not incomplete:  # else the missing rows' clips would all look like orphans
        lines += _orphans(rows, corpus)
    if any(one.video for one in looks) and not _can_decode():
        lines.append("note: video files were not opened; pip install 'tf_slr[video]' to have them checked")
    return lines


def _rows(corpus: Corpus) -> tuple[list[Row], list[str]]:
    """Every row of every list, and what is wrong with a list as a whole."""
    rows, incomplete = [], []
    for name in SPLITS:
        path = corpus.root / f"{name}.csv"
        try:
            samples = corpus.split(name)
        except DataError as error:
            incomplete.append(str(error))
            continue
        if not samples:
            incomplete.append(f"{path}: the {name} split is empty")
        rows += [Row(name, f"{path}: {sample.id}", sample) for sample in samples]
    return rows, incomplete


def _annotation_faults(rows: Sequence[Row]) -> list[str]:
    known = {gloss for row in rows if row.split == "train" for gloss in row.sample.glosses}
    faults = []
    seen: dict[str, str] = {}
    for split, place, sample in rows:
        if sample.id in seen:
            faults.append(f"{place}: the id stands twice (first in {seen[sample.id]}.csv)")
        seen.setdefault(sample.id, split)
        unknown = sorted(set(sample.glosses) - known) if split != "train" else []
        if unknown:
            faults.append(f"{place}: glosses that training does not have: {' '.join(unknown)}")
        if not sample.glosses:
            faults.append(f"{place}: has no gloss")
        if not sample.feasible:
            faults.append(f"{place}: {sample.frames} frames are too few for {len(sample.glosses)} glosses")
    return faults


def _look(corpus: Corpus, row: Row, can_decode: bool) -> Look:
    """Read one clip's landmarks and see to its video."""
    sample, faults = row.sample, []
    content, hands, video, finding = "", None, "", None
    if sample.landmarks:
        try:
            clip = corpus.clip(sample)
            landmarks = clip.landmarks
            content = hashlib.sha256(np.ascontiguousarray(landmarks)).hexdigest()
            hands = bool(np.isfinite(landmarks[:, [*_points(LEFT_HAND), *_points(RIGHT_HAND)], :2]).any())
            finding = examine(clip)
        except DataError as error:
            faults.append(str(error))
    elif not sample.video:
        faults.append(f"{row.place}: has neither landmarks nor a video")
    if sample.video:
        path = corpus.root / sample.video
        try:
            _check_video(path, sample.frames, corpus.info.fps, can_decode)
            video = str(path.resolve())
        except (DataError, OSError) as error:  # a folder may be unreadable
            faults.append(f"{row.place}: {error}")
    return Look(faults, content, hands, video, finding)


def _points(part: slice) -> range:
    return range(part.start, part.stop)


def _check_video(path: Path, frames: int, fps: float, can_decode: bool) -> None:
    """Refuse a video that is missing, unreadable or of another length than listed."""
    try:
        is_folder, size = path.is_dir(), path.stat().st_size
    except (OSError, ValueError) as error:
        raise DataError(f"video {path} is missing") from error
    if is_folder or can_decode:
        found, rate, times = decoded_count(path)
        if chosen_frames(found, rate, times, fps, frames) is None:  # training and recognition want every one
            raise DataError(f"{path}: expected {frames} frames, found {found}")
    elif not size:
        raise DataError(f"{path}: is empty")


def _can_decode() -> bool:
    try:
        pyav()
    except UsageError:
        return False
    return True


def _repeated(rows: Sequence[Row], looks: Sequence[Look]) -> list[str]:
    """Recordings that stand in more than one row: across splits a leak, within one perhaps meant."""
    lines = []
    first: dict[tuple[str, str], Row] = {}
    for row, one in zip(rows, looks, strict=True):
        known = [(what, first[what, mark]) for what, mark in _marks(one) if (what, mark) in first]
        for what, mark in _marks(one):
            first.setdefault((what, mark), row)
        if not known:
            continue
        what, other = known[0]
        text = f"{row.place}: has the same {what} as {other.sample.id} of {other.split}.csv"
        lines.append(f"note: {text}" if other.split == row.split else f"{text}: what is trained on is tested on")
    return lines


def _marks(one: Look) -> list[tuple[str, str]]:
    return [(what, mark) for what, mark in (("video", one.video), ("landmarks", one.landmarks)) if mark]


def _unseen(rows: Sequence[Row], looks: Sequence[Look], corpus: Corpus) -> list[str]:
    """Notes on clips in which no hand was found, or which alone have no landmarks."""
    notes = []
    for name in SPLITS:
        mine = [(row.sample, one) for row, one in zip(rows, looks, strict=True) if row.split == name]
        path = corpus.root / f"{name}.csv"
        handless = [sample.id for sample, one in mine if one.hands is False]
        bare = [sample.id for sample, _ in mine if not sample.landmarks]
        if handless:
            notes.append(f"note: {path}: no hand was ever found in {len(handless)} of {len(mine)} clips"
                         f" ({shown(handless)})")  # fmt: skip
        if 0 < len(bare) < len(mine):
            notes.append(f"note: {path}: {len(bare)} of {len(mine)} clips have no landmarks ({shown(bare)})")
    return notes


def _implausible(rows: Sequence[Row], looks: Sequence[Look], corpus: Corpus) -> list[str]:
    """Notes on landmarks that are no signer's, split by split, and on the frame rate."""
    doubt = rate_doubt(corpus.info.fps)
    notes = [f"note: {corpus.root / 'corpus.toml'}: {doubt}"] if doubt else []
    for name in SPLITS:
        pairs = zip(rows, looks, strict=True)
        findings = [(row.sample.id, one.finding) for row, one in pairs if row.split == name and one.finding]
        notes += corpus_notes(str(corpus.root / f"{name}.csv"), findings)
    return notes


def _misleading_names(rows: Sequence[Row]) -> list[str]:
    """Notes on ids and glosses that people, disks or sclite take for something else."""
    ids = {row.sample.id for row in rows}
    glosses = {gloss for row in rows for gloss in row.sample.glosses}
    notes = [f"note: ids that some disks take for one: {', '.join(alike)}" for alike in _alike(ids)]
    notes += [f"note: glosses that look alike: {', '.join(alike)}" for alike in _alike(glosses)]
    kinds = {
        "hold invisible characters": has_invisible,
        "hold control characters": has_control,
        "are in compatibility forms, such as full-width letters": _is_compatible,
        "end with a comma": lambda gloss: gloss.rstrip(GlossReader.SEPARATORS) not in ("", gloss),
    }
    for what, is_one in kinds.items():
        if found := sorted(filter(is_one, glosses)):
            notes.append(f"note: {len(found)} glosses {what}: {shown([ascii(gloss) for gloss in found])}")
    special = sorted(gloss for gloss in glosses if SCLITE_SPECIAL.fullmatch(gloss))
    if special:
        notes.append(f"note: glosses that sclite does not read as words: {' '.join(special)}")
    return notes


def _is_compatible(gloss: str) -> bool:
    """Whether letters or digits of a gloss have an ordinary form; wide punctuation belongs to Chinese and Japanese."""
    return any((c.isalpha() or c.isdecimal()) and unicodedata.normalize("NFKC", c) != c for c in canonical(gloss))


def _alike(names: Iterable[str]) -> list[list[str]]:
    """Groups of names that differ only in case, width, composition or invisible characters."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in sorted(names):
        groups[folded(name)].append(name)
    return [group for group in groups.values() if len(group) > 1]


def _orphans(rows: Sequence[Row], corpus: Corpus) -> list[str]:
    """A note on landmark files that no list names."""
    listed = {row.sample.landmarks for row in rows}
    folder = corpus.root / "landmarks"
    names = sorted(path.name for path in folder.glob("[!.]*.npz"))
    orphans = [name for name in names if f"landmarks/{name}" not in listed]
    return [f"note: {folder}: no list names {shown(orphans)}"] if orphans else []


def _leftovers(corpus: Corpus) -> list[str]:
    """A note on files that something began to write."""
    landmarks = corpus.root / "landmarks"
    folders = (corpus.root, landmarks, landmarks / ".source", corpus.root / FOLDER)
    names = sorted(str(path.relative_to(corpus.root)) for folder in folders for path in folder.glob(".tmp-*"))
    if not names:
        return []
    return [f"note: {corpus.root}: temporary files of a job that runs or was killed: {shown(names)}"]
