"""`.pose`, the file format of the sign-language-processing community: reading, writing, whole corpora.

A file has a header (size of the picture; components such as POSE_LANDMARKS,
each with the names of its points, limbs and colours) and a body: frame rate,
then for every frame and person x and y of each point in pixels, its z, and a
confidence, 0 where it was not found. z stays as MediaPipe gives it, in widths
of the picture. Points are known by the names of their component and of
themselves alone, since layouts differ: older files hold 8 pose points and the
128 contour points of the face, newer ones 33 and 468, and world coordinates.

The package pose-format reads headers and writes files. Bodies are read here:
the package allocates whatever a header declares.

Source: A. Moryossef, M. Müller, R. Fahrni, "pose-format: Library for viewing,
augmenting, and handling .pose files", arXiv:2310.09066.
"""

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np
from tqdm import tqdm

from tf_slr.core import files
from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.landmarks import (
    BONES,
    LEFT_ELBOW,
    LEFT_HAND,
    LEFT_WRIST,
    LIPS,
    LIPS_INDICES,
    POINTS,
    POSE,
    POSE_INDICES,
    RIGHT_ELBOW,
    RIGHT_HAND,
    RIGHT_WRIST,
    SHOULDER_INDICES,
    Clip,
)
from tf_slr.corpus.manifest import SPLITS, Corpus, CorpusInfo, Sample, landmark_path
from tf_slr.importers.foreign import (
    LEFT_SHOULDER,
    MAX_FRAMES,
    PLACES,
    RIGHT_SHOULDER,
    ForeignClip,
    collect,
    lacking,
    to_clip,
)
from tf_slr.importers.index import read_index
from tf_slr.importers.plan import Plan

if TYPE_CHECKING:
    from pose_format.pose_header import PoseHeader, PoseHeaderComponent

LANDMARK_SOURCE = "MediaPipe Holistic, from .pose files"

# The names of MediaPipe's pose points 11 to 22, and of a hand's points 0 to 20.
_POSE_NAMES = [
    f"{side}_{joint}"
    for joint in ("SHOULDER", "ELBOW", "WRIST", "PINKY", "INDEX", "THUMB")
    for side in ("LEFT", "RIGHT")
]
_HAND_NAMES = ["WRIST", *(f"THUMB_{joint}" for joint in ("CMC", "MCP", "IP", "TIP"))] + [
    f"{finger}_{joint}"
    for finger in ("INDEX_FINGER", "MIDDLE_FINGER", "RING_FINGER", "PINKY")
    for joint in ("MCP", "PIP", "DIP", "TIP")
]

# Component -> point -> place.
_LAYOUT = {
    "POSE_LANDMARKS": {_POSE_NAMES[index - 11]: POINTS + i for i, index in enumerate(SHOULDER_INDICES)}
    | {_POSE_NAMES[index - 11]: POSE.start + i for i, index in enumerate(POSE_INDICES)},
    "FACE_LANDMARKS": {str(index): LIPS.start + i for i, index in enumerate(LIPS_INDICES)},
    "LEFT_HAND_LANDMARKS": {name: LEFT_HAND.start + i for i, name in enumerate(_HAND_NAMES)},
    "RIGHT_HAND_LANDMARKS": {name: RIGHT_HAND.start + i for i, name in enumerate(_HAND_NAMES)},
}
_REQUIRED = ("POSE_LANDMARKS", "LEFT_HAND_LANDMARKS", "RIGHT_HAND_LANDMARKS")

# The limbs of a drawing: the bones, and what joins the arms to the shoulders and the wrists to the fingers.
_LIMBS = [
    *BONES, (LEFT_SHOULDER, RIGHT_SHOULDER), (LEFT_SHOULDER, LEFT_ELBOW), (RIGHT_SHOULDER, RIGHT_ELBOW),
    *((wrist, wrist + finger) for wrist in (LEFT_WRIST, RIGHT_WRIST) for finger in (1, 2, 3)),
]  # fmt: skip
# Red, green and blue of each point; a shorter list starts again.
_HAND_COLOURS = [(224, 224, 224)] + [
    colour for colour in ((224, 32, 32), (224, 224, 32), (32, 224, 32), (32, 224, 224), (32, 32, 224)) for _ in range(4)
]
_COLOURS = {"POSE_LANDMARKS": [(255, 0, 0)], "FACE_LANDMARKS": [(128, 0, 0)]}
# Pictures of unknown size are written this high, or as near as keeps their aspect.
_HEIGHT = 720
_INDEX_COLUMNS = ("file", "glosses", "signer", "split", "text", "id")

# The longest header seen has 15 kB, most of it the net of limbs over the face.
_MAX_HEADER_BYTES = 2**18
# What pose-format raises on damaged headers.
_HEADER_FAULTS = (struct.error, ValueError, TypeError, IndexError, OverflowError, MemoryError)
# Letters of a point's numbers in the file, K being a depth camera's; C is kept elsewhere.
_FORMATS = ("XYC", "XYZC", "XYZKC")
# What a body starts with, by version: frames a second, frames, people.
_BODIES = {0.1: struct.Struct("<HHH"), 0.2: struct.Struct("<fIH")}
# How many numbers are read at once.
_BLOCK = 2**20
# MediaPipe's |z| is about 0.05 in the median, and 1.5 where nothing but the arms is known.
_MAX_MEDIAN_DEPTH = 5.0


class _Body(NamedTuple):
    """What a file's header and the start of its body declare."""

    fps: float
    frames: int
    points: int
    dimensions: int


def read_pose(path: Path | str) -> ForeignClip:
    """Read a `.pose` file of MediaPipe Holistic, whichever of its points the file holds.

    Points without confidence, and points the file has no place for, are NaN.
    Depth that the file lacks, or that other tools have shifted or scaled,
    becomes 0.

    Raises:
        DataError: the file is missing, damaged, not of MediaPipe Holistic, does
            not hold one person, or holds positions that are no pixels of its picture.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            header = _read_header(stream, path)
            columns = _known_points(header, path)
            body = _read_body_start(stream, header, path)
            known = list(columns.values())
            data = _read_rows(stream, body.frames, (body.points, body.dimensions), known)
            confidence = _read_rows(stream, body.frames, (body.points,), known)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    size = header.dimensions
    found = confidence > 0
    data[~found] = np.nan
    with np.errstate(invalid="ignore"):  # damaged numbers are refused below
        data[..., :2] /= (size.width, size.height)
    depth, depth_lack = _depth(data)
    points = np.full((body.frames, PLACES, 3), np.nan, np.float32)
    points[:, list(columns), :2] = data[..., :2]
    points[:, list(columns), 2] = depth
    return ForeignClip(to_clip(points, size.width / size.height, path), body.fps, (*lacking(columns), *depth_lack))


def _read_header(stream: BinaryIO, path: Path) -> "PoseHeader":
    """Read the header, and leave the stream behind it."""
    from pose_format.pose_header import PoseHeader
    from pose_format.utils.reader import BufferReader

    # Whatever counts a header declares, it cannot make the package read or hold more than this.
    reader = BufferReader(stream.read(_MAX_HEADER_BYTES))
    try:
        header = PoseHeader.read(reader)
    except _HEADER_FAULTS as error:
        raise DataError(f"{path}: is no readable .pose file (damaged header: {error})") from error
    stream.seek(reader.read_offset)
    size = header.dimensions
    if not (size.width and size.height and 0.1 <= size.width / size.height <= 10):
        raise DataError(f"{path}: expected the size of a picture, found {size.width} x {size.height} pixels")
    return header


def _known_points(header: "PoseHeader", path: Path) -> dict[int, int]:
    """Place -> column, for each of our points that the file holds."""
    places: dict[int, int] = {}
    present = set()
    column = 0
    for component in header.components:
        layout = _LAYOUT.get(component.name, {})
        for name in component.points:
            if name in layout:
                places.setdefault(layout[name], column)
                present.add(component.name)
            column += 1
    if not present.issuperset(_REQUIRED):
        found = [f"{component.name!r:.40} of {len(component.points)} points" for component in header.components[:8]]
        raise DataError(
            f"{path}: expected the components {', '.join(_REQUIRED)} with MediaPipe's names of points"
            f" (and FACE_LANDMARKS, if the lips are known), found {', '.join(found) or 'none'}"
        )
    formats = {component.format for component in header.components}
    if not formats.issubset(_FORMATS):
        raise DataError(f"{path}: expected points of {' or '.join(_FORMATS)}, found {sorted(formats)[0]!r:.40}")
    return places


def _read_body_start(stream: BinaryIO, header: "PoseHeader", path: Path) -> _Body:
    """Read what a body starts with, and make sure that the rest of the file is exactly what that declares."""
    version = round(header.version, 3)
    if version not in _BODIES:
        raise DataError(f"{path}: is of version {version:g}, expected 0.1 or 0.2; write it anew with pose-format")
    start = _BODIES[version]
    declared = stream.read(start.size)
    if len(declared) < start.size:
        raise DataError(f"{path}: ends before its first frame (truncated?)")
    fps, frames, people = start.unpack(declared)
    if people != 1:
        raise DataError(f"{path}: holds {people} people, expected one; write one file for each signer")
    if not 1 <= fps <= 1000:
        raise DataError(f"{path}: expected from 1 to 1000 frames a second, found {fps:g}")
    points, dimensions = header.total_points(), header.num_dims()
    frame_bytes = 4 * points * (dimensions + 1)
    rest = path.stat().st_size - stream.tell()
    whole, left = divmod(rest, frame_bytes)
    if whole > MAX_FRAMES:
        raise DataError(f"{path}: {whole} frames are more than the {MAX_FRAMES} allowed; cut it into clips")
    if left or frames != whole:
        raise DataError(
            f"{path}: declares {frames} frames of {frame_bytes} bytes, and {rest} bytes follow (truncated or damaged)"
        )
    return _Body(float(fps), whole, points, dimensions)


def _read_rows(stream: BinaryIO, rows: int, shape: tuple[int, ...], columns: Sequence[int]) -> np.ndarray:
    """Read rows of numbers, but keep some columns only: float32 [rows, len(columns), *shape[1:]]."""
    width = int(np.prod(shape))
    kept = np.empty((rows, len(columns), *shape[1:]), np.float32)
    block = max(1, _BLOCK // width)
    for first in range(0, rows, block):
        count = min(block, rows - first)
        numbers = np.frombuffer(stream.read(4 * count * width), "<f4")
        kept[first : first + count] = numbers.reshape(count, *shape)[:, columns]
    return kept


def _depth(data: np.ndarray) -> tuple[np.ndarray | float, tuple[str, ...]]:
    """The z of [T, points, 2 or more], or 0 where it is not MediaPipe's, and what to say of that."""
    if data.shape[-1] > 2:
        z = data[..., 2]
        known = np.abs(z[~np.isnan(z)])
        if len(known) == 0 or np.median(known) <= _MAX_MEDIAN_DEPTH:
            return z, ()
    return 0.0, ("the depth that MediaPipe gives",)


def write_pose(path: Path | str, clip: Clip, fps: float) -> None:
    """Write a clip as a `.pose` file, atomically: the 92 points and the shoulders, by MediaPipe's names.

    The confidence is 1 where a point was found, and 0 elsewhere; a z that is
    not known becomes 0. A clip knows its picture's aspect but not its size. The
    file gets the smallest whole numbers with that aspect, times what brings the
    height nearest to 720: 16/9 becomes 1280 x 720, and 210/260 becomes 588 x 728.

    Raises:
        UsageError: no such frame rate.
    """
    from pose_format import Pose
    from pose_format.numpy import NumPyPoseBody
    from pose_format.pose_header import PoseHeader, PoseHeaderDimensions

    if not 1 <= fps <= 1000:
        raise UsageError(f"expected from 1 to 1000 frames a second, received {fps}")
    width, height = nominal_size(clip.aspect)
    unknown = np.full((len(clip.landmarks), PLACES - POINTS, 3), np.nan)
    points = np.concatenate([clip.landmarks, unknown if clip.shoulders is None else clip.shoulders], axis=1)
    found = np.isfinite(points[..., :2]).all(-1)
    points = np.where(found[..., None], np.nan_to_num(points.astype(np.float64) * (width, height, 1)), 0)
    order = [place for layout in _LAYOUT.values() for place in layout.values()]
    header = PoseHeader(0.2, PoseHeaderDimensions(width, height), [_component(name) for name in _LAYOUT])
    body = NumPyPoseBody(fps, points[:, None, order], found[:, None, order].astype(np.float32))
    with files.atomic_path(path) as temporary, temporary.open("wb") as stream:
        Pose(header, body).write(stream)


def nominal_size(aspect: float) -> tuple[int, int]:
    """Width and height in whole pixels for an aspect from 0.1 to 10; exact where the picture had at most 4096 lines."""
    ratio = Fraction(float(aspect)).limit_denominator(4096)
    times = max(1, round(_HEIGHT / ratio.denominator))
    return ratio.numerator * times, ratio.denominator * times


def _component(name: str) -> "PoseHeaderComponent":
    from pose_format.pose_header import PoseHeaderComponent

    places = list(_LAYOUT[name].values())
    limbs = [(places.index(a), places.index(b)) for a, b in _LIMBS if a in places and b in places]
    return PoseHeaderComponent(name, list(_LAYOUT[name]), limbs, _COLOURS.get(name, _HAND_COLOURS), "XYZC")


def prepare_pose(
    index: Path | str,
    out: Path | str,
    info: CorpusInfo,
    dev_share: float = 0.1,
    test_share: float = 0.1,
    workers: int = 1,
    known_fps: bool = False,
) -> list[str]:
    """Make a corpus from `.pose` files.

    Args:
        index: the table of files and glosses (see `index`).
        out: the corpus folder; what lies there is replaced.
        info: what the corpus is; `fps` is its frame rate where that is known.
        dev_share: share of the clips that go to dev where the index names no split.
        test_share: the same for test.
        workers: number of processes; 0 = one for each core, 1 = this one.
        known_fps: whether clips are brought to `info.fps`; else to the rate of most clips.

    Returns:
        As `collect`.

    Raises:
        DataError: the index is no such table, or no clip for training is left.
        UsageError: shares that leave nothing for train.
    """
    import pose_format  # noqa: F401 - if it is missing, that must show before what lies in `out` is touched

    entries, refused, notes = read_index(Path(index), info.unit)
    plan = Plan(info, tuple(entries), tuple(refused), tuple(notes), dev_share, test_share, known_fps)
    return collect(plan, out, read_pose, workers)


def export_pose(corpus: Corpus, out: Path | str, splits: Sequence[str] = SPLITS, ids: Sequence[str] = ()) -> list[str]:
    """Write clips of a corpus as ID.pose, and the `index.tsv` that `prepare_pose` reads.

    Args:
        corpus: where the clips are.
        out: a folder; files of the same names are replaced, and the index lists this call's clips.
        splits: which clips: those of these splits.
        ids: and, of those, the clips of these ids; all when empty.

    Returns:
        One line for every clip that could not be written ('file: reason').

    Raises:
        DataError: a list of the corpus is damaged.
        UsageError: an id that is in none of the splits.
    """
    out = Path(out)
    samples = [(name, sample) for name in splits for sample in corpus.split(name)]
    unknown = set(ids) - {sample.id for _, sample in samples}
    if unknown:
        raise UsageError(f"{corpus.root}: no clip {', '.join(sorted(unknown))} in {', '.join(splits)}")
    samples = [(name, sample) for name, sample in samples if not ids or sample.id in ids]
    rows, refused = ["\t".join(_INDEX_COLUMNS)], []
    for name, sample in tqdm(samples, "export", unit="clip", disable=None):
        try:
            file = Path(landmark_path(sample.id)).stem + ".pose"
            row = _index_row(file, name, sample, corpus.info.unit)
            write_pose(out / file, corpus.clip(sample), corpus.info.fps)
        except DataError as error:
            refused.append(str(error))
            continue
        rows.append(row)
    files.write_text(out / "index.tsv", "\n".join(rows) + "\n")
    return refused


def _index_row(file: str, split: str, sample: Sample, unit: str) -> str:
    if " ".join(sample.id.split()) != sample.id:
        raise DataError(f"the id {sample.id!r} cannot stand in a table: it holds white space that would not come back")
    glosses = (" " if unit == "gloss" else "").join(sample.glosses)
    return "\t".join(map(_cell, (file, glosses, sample.signer, split, sample.text, sample.id)))


def _cell(text: str) -> str:
    """A text as one cell: a tab or a line's end would end it, and a quotation mark at its beginning opens a quote."""
    text = " ".join(text.split())
    return '"' + text.replace('"', '""') + '"' if text.startswith('"') else text
