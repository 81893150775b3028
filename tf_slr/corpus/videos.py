"""A corpus from labelled videos: an index of files and glosses, tracked by MediaPipe.

The index is a table separated by tabs, with a header:

    file            a video file or a folder of images, relative to the index
    glosses         what is signed, glosses separated by spaces (or characters, with that unit)
    label           instead of glosses: the whole label is one gloss, spaces become '-'
    signer  split  text  id     may be absent; split is train, dev or test
"""

import hashlib
import os
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from tf_slr import files
from tf_slr.corpus.extract import Extraction, Job, extract_many, landmark_source
from tf_slr.corpus.manifest import SPLITS, CorpusInfo, Sample, landmark_path, write_corpus
from tf_slr.errors import DataError, UsageError
from tf_slr.glosses import tokenise

COLUMNS = ("file", "glosses", "label", "signer", "split", "text", "id")
UNKNOWN_SIGNER = "unknown"

# Clips whose rate differs by more than this are named: signs seem faster or slower in them.
FPS_TOLERANCE = 0.1


@dataclass(frozen=True)
class VideosOptions:
    """How `prepare_videos` makes a corpus.

    Attributes:
        name: short name of the corpus.
        language: the sign language.
        licence: of the videos.
        unit: "gloss" or "character".
        workers: number of processes; 0 = one for each core.
        dev_share: share of the clips that go to dev where the index names no split.
        test_share: the same for test.
        fps: frames per second of clips that do not say, such as image folders.
        shard: which part of the clips to track, from 1 to `shards`.
        shards: number of parts; with more than one only landmarks are made,
            and a last run without shards writes the lists.
    """

    name: str
    language: str
    licence: str = "unknown"
    unit: str = "gloss"
    workers: int = 0
    dev_share: float = 0.1
    test_share: float = 0.1
    fps: float = 30.0
    shard: int = 1
    shards: int = 1

    def __post_init__(self) -> None:
        # A fault in what `corpus.toml` will say must show before hours of tracking, not after.
        CorpusInfo(self.name, self.language, self.unit, self.fps)
        if self.workers < 0:
            raise UsageError(f"expected workers of 0 or more, received {self.workers}")
        if min(self.dev_share, self.test_share) < 0 or not self.dev_share + self.test_share < 1:
            raise UsageError(
                f"expected shares of dev and test that leave some for train, received {self.dev_share}"
                f" and {self.test_share}"
            )
        if not 1 <= self.shard <= self.shards:
            raise UsageError(f"expected a shard from 1 to {self.shards}, received {self.shard}")


@dataclass(frozen=True)
class _Entry:
    """One usable row of the index; `split` is None where the index has no such column."""

    id: str
    video: Path
    glosses: tuple[str, ...]
    signer: str
    split: str | None
    text: str


def prepare_videos(index: Path | str, out: Path | str, options: VideosOptions) -> list[str]:
    """Track the videos of an index and write a corpus.

    What an earlier, interrupted run has tracked is kept.

    Args:
        index: the table of files and glosses.
        out: the corpus folder.
        options: names, shares and processes.

    Returns:
        One line for every clip that was refused or left out ('file: reason'),
        then one for everything else worth knowing ('note: ...').

    Raises:
        DataError: the index is no such table, or no clip for training is left.
        UsageError: MediaPipe is missing.
    """
    index, out = Path(index), Path(out)
    source = landmark_source()
    entries, refused, notes = _read_index(index, options.unit)
    _require_training(index, (entry.split in (None, "train") for entry in entries), refused)
    mine = entries[options.shard - 1 :: options.shards]
    ended = extract_many([Job(entry.id, entry.video) for entry in mine], out, options.workers)
    refused += [result.refusal for result in ended if result.refusal]
    if options.shards > 1:
        return [*refused, *notes, f"note: shard {options.shard} of {options.shards} is tracked; no lists were written"]

    usable = [(entry, result) for entry, result in zip(mine, ended, strict=True) if not result.refusal]
    samples = [(_sample(entry, result), entry.split) for entry, result in usable]
    fitting = (sample.feasible and split in (None, "train") for sample, split in samples)
    _require_training(index, fitting, refused)
    splits, split_notes = _splits(samples, options)
    fps, fps_notes = _common_fps([result for _, result in usable], options.fps)
    info = CorpusInfo(options.name, options.language, options.unit, fps, options.licence, source)
    refused += write_corpus(out, info, splits)
    return [*refused, *notes, *split_notes, *fps_notes]


def _require_training(index: Path, trains: Iterable[bool], refused: list[str]) -> None:
    if not any(trains):
        reasons = "; ".join(refused[:3]) or "no row is for training"
        more = f"; and {len(refused) - 3} more" if len(refused) > 3 else ""
        raise DataError(f"{index}: no usable training clip ({reasons}{more})")


def _read_index(index: Path, unit: str) -> tuple[list[_Entry], list[str], list[str]]:
    """Read the table -> entries, refused rows, notes."""
    lines = files.read_text(index).removeprefix("\ufeff").split("\n")
    header = [name.strip() for name in lines[0].split("\t")]
    wanted = "glosses" if unit == "character" or "glosses" in header else "label"
    if "file" not in header or wanted not in header or len(set(header)) < len(header):
        expected = "'file' and 'glosses'" + (" (or 'label')" if unit == "gloss" else "")
        raise DataError(
            f"{index}: expected a header, separated by tabs, with {expected} and maybe signer, split, text, id;"
            f" found {', '.join(header) or 'nothing'}"
        )
    entries, refused = [], []
    ids: set[str] = set()
    videos: set[Path] = set()
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        values = [value.strip() for value in line.split("\t")]
        if len(values) != len(header):
            refused.append(f"{index}, row {number}: expected {len(header)} columns, found {len(values)}")
            continue
        row = dict(zip(header, values, strict=True))
        try:
            entry = _entry(row, index.parent, unit)
            if entry.id in ids:
                raise DataError(f"the id {entry.id!r} stands twice")
            # One take in two splits would test on what was trained.
            if entry.video in videos:
                raise DataError("the file stands twice")
        except DataError as error:
            refused.append(f"{index}, row {number}: {row['file']}: {error}")
            continue
        ids.add(entry.id)
        videos.add(entry.video)
        entries.append(entry)
    ignored = [name for name in header if name not in COLUMNS or (name == "label" and wanted == "glosses")]
    notes = [f"note: {index}: columns that are not used: {', '.join(ignored)}"] if ignored else []
    return entries, refused, notes


def _entry(row: dict[str, str], folder: Path, unit: str) -> _Entry:
    """One row -> an entry, or a DataError that says what is wrong with it."""
    if not row["file"]:
        raise DataError("names no file")
    video = folder / row["file"]
    if not video.exists():
        raise DataError("does not exist")
    glosses = tokenise(row["glosses"], unit) if "glosses" in row else ("-".join(row["label"].split()),)
    if not any(glosses):
        raise DataError("has no glosses")
    split = row.get("split")
    if split is not None and split not in SPLITS:
        raise DataError(f"expected split {', '.join(SPLITS)}, found {split!r}")
    sample_id = row.get("id") or _id_of(row["file"], video.is_dir())
    landmark_path(sample_id)
    # Links are left as they are: a collection of links to a store of hashes keeps its names.
    absolute = Path(os.path.abspath(video))
    return _Entry(sample_id, absolute, glosses, row.get("signer") or UNKNOWN_SIGNER, split, row.get("text", ""))


def _id_of(file: str, is_folder: bool) -> str:
    """'anna/take 3.mp4' -> 'anna-take 3': unique where paths are, and short for an absolute path."""
    path = PurePath(file)
    name = path.name if is_folder else path.stem
    folders = () if path.is_absolute() else (part for part in path.parent.parts if part != "..")
    return "-".join([*folders, name])


def _sample(entry: _Entry, result: Extraction) -> Sample:
    return Sample(
        entry.id,
        entry.signer,
        result.frames,
        entry.glosses,
        entry.text,
        landmark_path(entry.id),
        str(entry.video),
    )


def _splits(
    samples: Sequence[tuple[Sample, str | None]], options: VideosOptions
) -> tuple[dict[str, list[Sample]], list[str]]:
    """Put every sample where the index says, or else where its id's hash says, but every gloss into train."""
    splits: dict[str, list[Sample]] = {name: [] for name in SPLITS}
    for sample, split in samples:
        splits[split or _drawn_split(sample.id, options)].append(sample)
    if all(split is not None for _, split in samples):
        return splits, []
    known = {gloss for sample in splits["train"] if sample.feasible for gloss in sample.glosses}
    moved: dict[str, Sample] = {}
    for name in ("dev", "test"):
        # By id, so that the order of the rows changes nothing.
        for sample in sorted(splits[name], key=lambda sample: sample.id):
            if sample.feasible and not known.issuperset(sample.glosses):
                known.update(sample.glosses)
                moved[sample.id] = sample
        splits[name] = [sample for sample in splits[name] if sample.id not in moved]
    splits["train"] += moved.values()
    notes = []
    if moved:
        notes.append(f"note: {len(moved)} clips of dev and test went to train, which lacked one of their glosses")
    notes += [
        f"note: the {name} split is empty; more takes of each gloss fill it, or a column 'split'"
        for name, share in (("dev", options.dev_share), ("test", options.test_share))
        if share and not splits[name]
    ]
    return splits, notes


def _drawn_split(sample_id: str, options: VideosOptions) -> str:
    """The split of a clip, drawn by its id alone, so that new clips leave old ones where they are."""
    draw = int.from_bytes(hashlib.sha256(sample_id.encode()).digest()[:8]) / 2**64
    if draw < options.test_share:
        return "test"
    return "dev" if draw < options.test_share + options.dev_share else "train"


def _common_fps(results: Sequence[Extraction], fallback: float) -> tuple[float, list[str]]:
    """The median frame rate, and notes on clips that do not say theirs or have another."""
    silent = [result.id for result in results if result.fps is None]
    rates = {result.id: result.fps or fallback for result in results}
    common = round(statistics.median(rates.values()), 3)
    others = [name for name, fps in rates.items() if abs(fps - common) > FPS_TOLERANCE * common]
    notes = []
    if silent:
        notes.append(f"note: {_some(silent)}: no frame rate; {fallback:g} frames per second were assumed")
    if others:
        notes.append(
            f"note: {_some(others)}: from {min(rates.values()):g} to {max(rates.values()):g} frames per second,"
            f" the corpus has {common:g}"
        )
    return common, notes


def _some(names: Sequence[str]) -> str:
    """'27 clips (a, b, c, ...)'."""
    return f"{len(names)} clips ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
