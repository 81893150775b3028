"""The corpus on disk: one folder that every command reads.

    corpus.toml                     what the corpus is (`CorpusInfo`)
    train.csv  dev.csv  test.csv    one row a clip (`Sample`)
    landmarks/ID.npz                landmarks [T, 92, 3], aspect, maybe shoulders [T, 2, 3]

A clip's video, where there is one, is a file or a folder of images.
"""

import csv
import dataclasses
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tf_slr.core import config, files, outputs, timing
from tf_slr.core.errors import DataError
from tf_slr.core.glosses import UNITS, Vocabulary, tokenise
from tf_slr.core.kinds import Kind, require
from tf_slr.core.landmarks import Clip, check_clip

SPLITS = ("train", "dev", "test")
# File systems allow 255 bytes, of which the suffix and a temporary file's prefix take some.
MAX_ID_BYTES = 200
# What `landmark_source` says where nobody tracked the clips, for networks that read the video.
NO_LANDMARKS = "none"
COLUMNS = ("id", "signer", "frames", "glosses", "text", "landmarks", "video")
# An hour's glosses are more than the 131,072 characters that Python's reader allows a field.
csv.field_size_limit(2**30)


@dataclass(frozen=True)
class CorpusInfo:
    """What `corpus.toml` says.

    Attributes:
        name: short name, used in reports.
        language: the sign language.
        unit: "gloss" or "character".
        fps: frames per second of the landmarks.
        licence: of the data, carried into every bundle made from it.
        landmark_source: what made the landmarks, with its version.
        synthetic: True when no person signed; every result is then labelled so.
    """

    name: str
    language: str
    unit: str = "gloss"
    fps: float = 30.0
    licence: str = "unknown"
    landmark_source: str = "unknown"
    synthetic: bool = False

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise DataError(f"corpus.toml: expected unit {' or '.join(UNITS)}, received {self.unit!r}")
        files.require_text(self.name, "the corpus' name")
        if not 1 <= self.fps <= 1000:
            raise DataError(f"corpus.toml: expected fps from 1 to 1000, received {self.fps}")


@dataclass(frozen=True)
class Sample:
    """One clip and its annotation.

    Attributes:
        id: unique in the corpus.
        signer: who signs.
        frames: number of frames.
        glosses: the annotation, in units of the corpus.
        text: spoken-language text, or empty.
        landmarks: path of the landmark file, relative to the corpus, or empty.
        video: path of a video file or image folder, or empty.
    """

    id: str
    signer: str
    frames: int
    glosses: tuple[str, ...]
    text: str = ""
    landmarks: str = ""
    video: str = ""

    @property
    def feasible(self) -> bool:
        """Whether CTC can emit the glosses in the clip's output steps."""
        return timing.feasible(self.frames, self.glosses)


class Corpus:
    """A prepared corpus, opened for reading.

    Raises:
        DataError: the folder holds no corpus.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        require(root, Kind.CORPUS, error=DataError)
        self.info = config.load(CorpusInfo, self.root / "corpus.toml")

    @property
    def label(self) -> str:
        """The corpus' name as it stands beside every result."""
        return self.info.name + (" (synthetic)" if self.info.synthetic else "")

    def split(self, name: str) -> list[Sample]:
        """The samples of "train", "dev" or "test".

        Raises:
            DataError: no such split, or a row that is not as it must be.
        """
        if name not in SPLITS:
            raise DataError(f"expected a split of {', '.join(SPLITS)}, received {name!r}")
        path = self.root / f"{name}.csv"
        # What an editor or a spreadsheet puts before the first line is no part of its first name.
        reader = csv.DictReader(io.StringIO(files.read_text(path).removeprefix("\ufeff"), newline=""), strict=True)
        try:
            rows = list(reader)
        except csv.Error as error:
            raise DataError(f"{path}: is not valid CSV ({error})") from error
        if tuple(reader.fieldnames or ()) != COLUMNS:
            found = ",".join(reader.fieldnames or ())
            advice = "; save it with commas, as 'CSV UTF-8'" if ";" in found or "\t" in found else ""
            raise DataError(f"{path}: expected columns {','.join(COLUMNS)}, found {found}{advice}")
        return [self._sample(row, f"{path}, row {number}") for number, row in enumerate(rows, start=2)]

    def _sample(self, row: dict[str, str | None], place: str) -> Sample:
        if None in row or None in row.values():
            raise DataError(f"{place}: expected {len(COLUMNS)} columns")
        if not row["id"]:
            raise DataError(f"{place}: has no id")
        if not row["frames"].isdecimal() or not 1 <= int(row["frames"]) <= 10**7:
            raise DataError(f"{place}: expected a number of frames, found {row['frames']!r}")
        glosses = tokenise(row["glosses"], self.info.unit)
        return Sample(**row | {"frames": int(row["frames"]), "glosses": glosses})

    def clip(self, sample: Sample) -> Clip:
        """Read a sample's landmarks.

        Raises:
            DataError: the file is missing, damaged, or holds another number of frames than promised.
        """
        if not sample.landmarks:
            raise DataError(f"{self.root}: {sample.id}: has no landmarks; prepare the corpus without --no-landmarks")
        clip = read_clip(self.root / sample.landmarks)
        if len(clip.landmarks) != sample.frames:
            raise DataError(
                f"{self.root / sample.landmarks}: expected {sample.frames} frames, found {len(clip.landmarks)}"
            )
        return clip

    def vocabulary(self) -> Vocabulary:
        """The glosses of the training split: what a recogniser can learn.

        Raises:
            DataError: the training split is empty.
        """
        samples = self.split("train")
        if not samples:
            raise DataError(f"{self.root / 'train.csv'}: the training split is empty")
        return Vocabulary.of((sample.glosses for sample in samples), self.info.unit)


def read_clip(path: Path | str) -> Clip:
    """Read a landmark file.

    Raises:
        DataError: missing, damaged, or not of the corpus format.
    """
    arrays = files.read_npz(path)
    if "landmarks" not in arrays:
        raise DataError(f"{path}: expected an array 'landmarks', found {', '.join(arrays) or 'nothing'}")
    landmarks, shoulders = arrays["landmarks"], arrays.get("shoulders")
    check_clip(landmarks, str(path))
    if shoulders is not None and (shoulders.shape != (len(landmarks), 2, 3) or shoulders.dtype.kind != "f"):
        raise DataError(f"{path}: expected shoulders of shape [{len(landmarks)}, 2, 3], found {list(shoulders.shape)}")
    return Clip(landmarks, shoulders, aspect_of(arrays, 1.0, path))


def aspect_of(arrays: Mapping[str, np.ndarray], default: float, path: Path | str) -> float:
    """Width / height of the picture that the arrays of a file are of.

    Raises:
        DataError: it is no such number.
    """
    aspect = arrays.get("aspect", np.float64(default))
    if aspect.shape != () or aspect.dtype.kind not in "fiu" or not 0.1 <= float(aspect) <= 10:
        raise DataError(f"{path}: expected aspect to be one number from 0.1 to 10, width / height of the picture")
    return float(aspect)


def write_clip(path: Path | str, clip: Clip) -> None:
    """Write a landmark file atomically."""
    arrays = {"landmarks": clip.landmarks, "aspect": np.float32(clip.aspect)}
    if clip.shoulders is not None:
        arrays["shoulders"] = clip.shoulders
    files.write_npz(path, arrays)


def landmark_path(sample_id: str) -> str:
    """Where a sample's landmarks lie, relative to the corpus.

    Raises:
        DataError: the id cannot be a file name.
    """
    unfit = not sample_id or sample_id.startswith(".") or any(c in sample_id for c in "/\\\0\n")
    if unfit or len(sample_id.encode(errors="replace")) > MAX_ID_BYTES:
        raise DataError(f"expected an id that can be a file name, received {sample_id[:MAX_ID_BYTES]!r}")
    return f"landmarks/{sample_id}.npz"


def begin_corpus(root: Path | str, make: bool = True) -> None:
    """Say that a corpus is being rewritten: until `write_corpus` the folder is none, but it is the program's.

    Args:
        root: the folder.
        make: whether it is made where it is not there; who writes the first clip then has to mark it.
    """
    if make or Path(root).is_dir():
        outputs.mark(root, "corpus")
    (Path(root) / "corpus.toml").unlink(missing_ok=True)
    files.sweep(root)


def write_corpus(root: Path | str, info: CorpusInfo, splits: dict[str, Sequence[Sample]]) -> list[str]:
    """Write the lists and `corpus.toml` (last, so that a folder with one is complete).

    Landmark files are written before, by whoever makes the clips.

    Returns:
        One line for each sample that was left out because CTC cannot fit its
        glosses into its frames.

    Raises:
        DataError: an id stands twice, or no training sample is left.
    """
    root = Path(root)
    begin_corpus(root)
    left_out = []
    seen: set[str] = set()
    facts = []
    for name in SPLITS:
        kept = []
        for sample in splits.get(name, ()):
            if sample.id in seen:
                raise DataError(f"{root}: id {sample.id!r} stands twice")
            seen.add(sample.id)
            if not sample.feasible:
                needed = timing.needed_steps(sample.glosses) * timing.STRIDE
                left_out.append(
                    f"{name}: {sample.id}: {sample.frames} frames are too few for {len(sample.glosses)} glosses"
                    f" (needs more than {needed - timing.STRIDE}); left out"
                )
                continue
            kept.append(sample)
        if name == "train" and not kept:
            raise DataError(f"{root}: no usable training sample")
        outputs.announce(root / f"{name}.csv", "corpus")
        files.write_text(root / f"{name}.csv", to_csv(kept, info.unit))
        facts.append([_content(root, sample) for sample in kept])
    # A run knows its corpus by lists and this file: clips made anew, of the same names and lengths, are others.
    about = config.to_toml(dataclasses.asdict(info)) + f"\n# hash of the clips' files: {files.sha256_of(facts)}\n"
    outputs.announce(root / "corpus.toml", "corpus")
    files.write_text(root / "corpus.toml", about)
    return left_out


def _content(root: Path, sample: Sample) -> list[str | int]:
    """What tells a sample's files from others of their names: a hash of landmarks, the size of a video file.

    Not of a video elsewhere whose landmarks are here: another machine may have no such path.
    """
    landmarks, video = root / sample.landmarks, root / sample.video
    facts: list[str | int] = [files.sha256(landmarks)] if landmarks.is_file() else []
    if video.is_file() and not (facts and Path(sample.video).is_absolute()):
        facts.append(video.stat().st_size)
    return facts


def to_csv(samples: Iterable[Sample], unit: str = "gloss") -> str:
    """Samples -> the text of a split's list."""
    separator = " " if unit == "gloss" else ""
    stream = io.StringIO(newline="")
    plain, quoted = (
        csv.DictWriter(stream, COLUMNS, lineterminator="\n", quoting=quoting)
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL)
    )
    plain.writeheader()
    for sample in samples:
        row = dataclasses.asdict(sample) | {"glosses": separator.join(sample.glosses)}
        # A carriage return by itself ends a row for readers, but is not quoted by every Python's writer.
        (quoted if any("\r" in str(value) for value in row.values()) else plain).writerow(row)
    return stream.getvalue()
