"""The layout of the KD-MSLRT release: lists of clips as CSV, and a Parquet file of landmarks for each.

    PHOENIX_parquet.csv  PHOENIX_parquet_dev.csv    path, singer (sic), gloss, ori_path
    landmark_parquet/...PHOENIX_0.parquet           one row a frame; columns x_13_pose_landmarks ...

A column is an axis, MediaPipe's index of the point and the part: pose, face,
left or right hand. x and y are shares of the picture's width and height.
Columns are found by their names; more of them, such as the rest of the face,
do not matter. A point that was not found is NaN, or 0 on every axis: how the
release writes it is not documented, and no point that was found is exactly 0.

Source: https://github.com/void-LSTM/KD-MSLRT, for Y. Li et al., "KD-MSLRT",
arXiv:2501.02321. Its lists of PHOENIX14 keep the raw glosses (`__ON__`,
`loc-NORD`). Those of its Chinese news corpus have sentences, whose units are characters.
"""

import csv
import functools
import io
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from tf_slr.core import files
from tf_slr.core.errors import DataError, UsageError, shown
from tf_slr.core.glosses import GlossReader
from tf_slr.core.landmarks import HAND_POINTS, LIPS, LIPS_INDICES, POINTS, POSE_INDICES, SHOULDER_INDICES
from tf_slr.corpus.manifest import SPLITS, CorpusInfo
from tf_slr.formats.tables import MAX_BYTES, Row
from tf_slr.importers.entries import SPLIT_WORDS, UNKNOWN_SIGNER, Entry, Listing
from tf_slr.importers.foreign import MAX_FRAMES, PLACES, ForeignClip, collect, lacking, to_clip
from tf_slr.importers.parquet_footer import Footer, read_footer
from tf_slr.importers.plan import Plan
from tf_slr.importers.release import inside, unknown_glosses, usable, wrong_layout

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

# Of the pictures of PHOENIX14, 210 x 260 pixels: the files do not say.
ASPECT = 210 / 260
LANDMARK_SOURCE = "MediaPipe Holistic, in the layout of KD-MSLRT"

# The words of a list's name that say its split.

# The columns of each place, without their axis.
_POINTS = [
    *(f"{index}_pose_landmarks" for index in POSE_INDICES),
    *(f"{index}_face_landmarks" for index in LIPS_INDICES),
    *(f"{index}_{side}_hand_landmarks" for side in ("left", "right") for index in range(HAND_POINTS)),
    *(f"{index}_pose_landmarks" for index in SHOULDER_INDICES),
]
_AXES = "xyz"
# Column -> (place, axis).
_NAMES = {
    f"{letter}_{point}": (place, axis) for place, point in enumerate(_POINTS) for axis, letter in enumerate(_AXES)
}
# What a file may do without: lips and shoulders.
_OPTIONAL = {*range(LIPS.start, LIPS.stop), *range(POINTS, PLACES)}

# What a column's numbers need, with some room for pages and levels.
_MAX_COLUMN_BYTES = 2 * 8 * MAX_FRAMES
# These cannot make more than 22 bytes of one; the others make thousands, and
# what a page declares is known only when it is too late.
_CODECS = ("UNCOMPRESSED", "SNAPPY")
_BATCH_ROWS = 4096
# What pyarrow raises on damaged bytes, besides its own exceptions.
_PARQUET_FAULTS = (
    ValueError, TypeError, KeyError, IndexError, OverflowError, MemoryError, RuntimeError,
)  # fmt: skip


def prepare_kd_mslrt(
    root: Path | str,
    out: Path | str,
    info: CorpusInfo,
    aspect: float = ASPECT,
    dev_share: float = 0.1,
    test_share: float = 0.1,
    workers: int = 1,
) -> list[str]:
    """Make a corpus from the lists and landmark files of a folder.

    Args:
        root: the folder that holds the lists, and that their paths start from.
        out: the corpus folder; what lies there is replaced.
        info: what the corpus is; `fps` is that of the videos, which the files do not say.
        aspect: width / height of the pictures, which the files do not say either.
        dev_share: share of the clips that go to dev where no list's name says a split.
        test_share: the same for test.
        workers: number of processes; 0 = one for each core, 1 = this one.

    Returns:
        As `collect`.

    Raises:
        DataError: the folder holds no list, a list is damaged, or no clip for training is left.
        UsageError: no such aspect, or shares that leave nothing for train.
    """
    import pyarrow  # noqa: F401 - if it is missing, that must show before what lies in `out` is touched

    if not 0.1 <= aspect <= 10:
        raise UsageError(f"expected an aspect (width / height) from 0.1 to 10, received {aspect}")
    listing = _read_lists(Path(os.path.abspath(root)), info.unit)
    notes = (*listing.notes, *unknown_glosses(listing.entries))
    plan = Plan(info, tuple(listing.entries), tuple(listing.refused), notes, dev_share, test_share, known_fps=True)
    return collect(plan, out, functools.partial(read_landmarks, aspect=aspect), workers)


def read_landmarks(path: Path | str, aspect: float = ASPECT) -> ForeignClip:
    """Read the landmarks of one clip.

    Args:
        path: a Parquet file with a column for each axis of each point, and a row for each frame.
        aspect: width / height of the picture.

    Raises:
        DataError: the file is missing, damaged, lacks columns of arms or hands, or
            holds other positions than shares of a picture's size.
    """
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    path = Path(path)
    try:
        with path.open("rb") as stream:
            footer = read_footer(stream, path)
            _check_sizes(footer, path)
            file = ParquetFile(stream)
            columns = _columns(file, path)
            numbers = _read_columns(file, list(columns.values()), footer.rows)
    except DataError:
        raise
    except (OSError, ArrowException, *_PARQUET_FAULTS) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise DataError(f"{path}: is no readable Parquet file ({reason:.200})") from error
    points = np.full((numbers.shape[1], PLACES, len(_AXES)), np.nan, np.float32)
    for (place, axis), column in zip(columns, numbers, strict=True):
        points[:, place, axis] = column
    # Where z is not in the file, it does not speak against a zero.
    points[(np.nan_to_num(points, nan=0.0) == 0).all(-1)] = np.nan
    depth = () if all((place, 2) in columns for place, _ in columns) else ("the depth of some points",)
    return ForeignClip(to_clip(points, aspect, path), None, (*lacking({place for place, _ in columns}), *depth))


def _check_sizes(footer: Footer, path: Path) -> None:
    """Refuse a file whose parts do not agree in size, or may unfold to more than a clip."""
    if footer.rows > MAX_FRAMES:
        raise DataError(f"{path}: {footer.rows} frames are more than the {MAX_FRAMES} allowed; cut it into clips")
    if sum(group.rows for group in footer.groups) != footer.rows:
        raise DataError(f"{path}: its row groups hold other numbers of rows than the file")
    for chunk in (chunk for group in footer.groups for chunk in group.chunks if chunk.column in _NAMES):
        if chunk.codec not in _CODECS:
            raise DataError(
                f"{path}: is compressed by {chunk.codec}, expected {' or '.join(_CODECS)}"
                " (pandas writes it so when nothing is said)"
            )
        if max(chunk.compressed, chunk.uncompressed) > _MAX_COLUMN_BYTES:
            raise DataError(f"{path}: column {chunk.column} declares more bytes than {MAX_FRAMES} numbers need")


def _columns(file: "ParquetFile", path: Path) -> dict[tuple[int, int], str]:
    """(Place, axis) -> name of the column, for all that the file holds."""
    from pyarrow import types

    schema = file.schema_arrow
    found, kinds = schema.names, schema.types
    type_of = dict(zip(found, kinds, strict=True))
    columns = {key: name for name, key in _NAMES.items() if name in type_of}
    absent = [
        name for name, (place, axis) in _NAMES.items() if name not in type_of and axis < 2 and place not in _OPTIONAL
    ]
    if absent:
        some = shown([f"{name!r:.40}" for name in found])
        raise DataError(
            f"{path}: lacks {len(absent)} columns of arms and hands ({shown(absent)}); found {some or 'no column'}"
        )
    counts = Counter(found)
    for name in columns.values():
        kind = type_of[name]
        # A column of nothing but None has no type.
        if not (types.is_floating(kind) or types.is_integer(kind) or types.is_null(kind)):
            raise DataError(f"{path}: column {name}: expected numbers, found {kind!s:.40}")
        if counts[name] > 1:
            raise DataError(f"{path}: column {name} stands twice")
    return columns


def _read_columns(file: "ParquetFile", names: list[str], count: int) -> np.ndarray:
    """Read columns of `count` rows: float32 [len(names), count], NaN where there is no number."""
    numbers = np.empty((len(names), count), np.float32)
    row = 0
    # One column after the other in one thread: what a column unfolds to is held once.
    for batch in file.iter_batches(_BATCH_ROWS, columns=names, use_threads=False):
        rows = numbers[:, row : row + len(batch)]
        row += len(batch)
        with np.errstate(over="ignore"):  # what overflows becomes infinite, and is refused as that
            for number, name in enumerate(names):
                rows[number] = batch.column(name).to_numpy(zero_copy_only=False)
    if row != count:
        raise ValueError(f"it promises {count} rows and gives {row}")
    return numbers


def _read_lists(root: Path, unit: str) -> Listing:
    """Read every list of clips in a folder."""
    listing, reader = Listing([], [], []), GlossReader(unit)
    lists: dict[Path, list[Row]] = {}
    for path in sorted(root.glob("*.csv")):
        rows = _rows(path, listing.refused)
        if rows is None:
            listing.notes.append(f"note: {path} is no list of clips: it has no columns path and gloss")
        else:
            lists[path] = rows
    if not lists:
        raise wrong_layout(root, "lists of clips (.csv with the columns path and gloss)")
    said = {path: _split_of(path) for path in lists}
    splits = SPLITS[::-1] if any(said.values()) else (None,)
    for split in splits:
        listed = {path: rows for path, rows in lists.items() if split is None or (said[path] or "train") == split}
        if not listed:
            listing.notes.append(f"note: {root}: no list is of the {split} split, which is empty")
        # The release's training list of its corrector holds the dev clips too. They stay in dev.
        taken = {entry.id for entry in listing.entries}
        for path, rows in listed.items():
            fresh = [row for row in rows if _id_of(row.fields) not in taken]
            if len(fresh) < len(rows):
                listing.notes.append(f"note: {path}: {len(rows) - len(fresh)} clips of dev or test are not for {split}")
            usable(fresh, functools.partial(_entry, root=root, split=split, unit=unit, reader=reader), listing)
    listing.notes.extend(reader.notes(root))
    return listing


def _split_of(path: Path) -> str | None:
    words = "".join(letter if letter.isalpha() else " " for letter in path.stem.lower()).split()
    return next((SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS), None)


def _rows(path: Path, refused: list[str]) -> list[Row] | None:
    """The rows of a list; None if the table is of something else. Rows that do not fit the header are refused."""
    if path.is_file() and path.stat().st_size > MAX_BYTES:
        raise DataError(f"{path}: is no list of clips (expected at most {MAX_BYTES} bytes)")
    reader = csv.reader(io.StringIO(files.read_text(path).removeprefix("\ufeff")), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        if not {"path", "gloss"} <= set(header):
            return None
        return list(_fitting(reader, header, path, refused))
    except csv.Error as error:
        raise DataError(f"{path}, row {reader.line_num}: is not valid CSV ({error})") from error


def _fitting(reader: Iterator[list[str]], header: list[str], path: Path, refused: list[str]) -> Iterator[Row]:
    for number, fields in enumerate(reader, start=2):
        place = f"{path}, row {number}"
        if len(fields) != len(header):
            refused.append(f"{place}: expected {len(header)} columns, found {len(fields)}")
        elif any("\0" in field for field in fields):
            refused.append(f"{place}: holds a NUL character")
        else:
            yield Row(place, {name: field.strip() for name, field in zip(header, fields, strict=True)})


def _entry(fields: dict[str, str], root: Path, split: str | None, unit: str, reader: GlossReader) -> Entry:
    """One row -> an entry, or a DataError that says what is wrong with it."""
    signer = fields.get("singer") or fields.get("signer") or UNKNOWN_SIGNER
    text = fields["gloss"] if unit == "character" else ""
    path = inside(root, fields["path"].replace("\\", "/"))
    return Entry(_id_of(fields), path, reader.read(fields["gloss"]), signer, split, text)


def _id_of(fields: dict[str, str]) -> str:
    """The clip's name in its corpus: '01April_2010_Thursday_heute_default-0/1' -> without the '/1'; or the file's."""
    origin = PurePosixPath(fields.get("ori_path", "").replace("\\", "/"))
    parts = [part for part in origin.parts if part != "/"]
    if len(parts) > 1 and parts[-1].isdecimal():
        parts.pop()
    return "-".join(parts) or PurePosixPath(fields["path"].replace("\\", "/")).stem
