"""Shards: the landmarks of a corpus in a few large files, beside the lists.

    shards/shards.json                      which lists the shards were made from (written last)
    shards/train-00000-of-00012.tfrecord    the clips of some rows of train.csv, one TFRecord each
    shards/train-00000-of-00012.json        what is in it and where (`Shard`)

A network file system hands out a few large files faster than a hundred
thousand small ones, and a record is read without unpacking. Any clip can be
read at any time, because its place is known: order is the reader's business.

This module knows files, places and checksums; what a record holds is known
to `tf_slr.features.records`, which needs TensorFlow.
"""

import hashlib
import itertools
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tf_slr.core import config, files
from tf_slr.core.errors import DataError, SlrError
from tf_slr.core.threads import in_threads
from tf_slr.corpus.manifest import SPLITS, Corpus, Sample

VERSION = 1
FOLDER = "shards"

# A TFRecord is the payload's length in 8 bytes, a checksum of that in 4, the payload, and its checksum in 4.
HEADER_BYTES, FOOTER_BYTES = 12, 4

REPACK = "run 'tf-slr pack' again"


@dataclass(frozen=True)
class Shard:
    """What is in one .tfrecord file.

    Attributes:
        start: first row of the split's list that it covers, from 0.
        stop: last row + 1.
        bytes: size of the file.
        sha256: of the file.
        sources: digest of the landmark files it was made from (`source_digest`).
        source_bytes: their size together.
        ids: of the clips, in the order of the records.
        lengths: bytes of each record's payload.
        crc32: of each payload (zlib's).
        refused: one line for each clip of the rows that could not be read, and so is not here.
    """

    start: int
    stop: int
    bytes: int
    sha256: str
    sources: str
    source_bytes: int
    ids: tuple[str, ...]
    lengths: tuple[int, ...]
    crc32: tuple[int, ...]
    refused: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        records = len(self.ids)
        if (
            not len(self.lengths) == len(self.crc32) == records
            or records + len(self.refused) != self.stop - self.start
            or min(self.lengths, default=0) < 0
            or sum(self.lengths) + records * (HEADER_BYTES + FOOTER_BYTES) != self.bytes
        ):
            raise DataError("its records, rows and bytes do not add up")


class Record(NamedTuple):
    """Where one clip lies: bytes `offset` to `offset + length` of a file, with their CRC-32."""

    path: Path
    offset: int
    length: int
    crc32: int

    def read(self) -> bytes:
        """Read the payload.

        Raises:
            DataError: it is not what was packed.
        """
        try:
            with self.path.open("rb") as stream:
                stream.seek(self.offset)
                payload = stream.read(self.length)
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read ({error.strerror})") from error
        if len(payload) != self.length or zlib.crc32(payload) != self.crc32:
            raise DataError(f"{self.path}: is damaged at byte {self.offset}; {REPACK}")
        return payload


class ShardedSplit:
    """The shards of one split, opened for reading.

    Attributes:
        samples: the split's list.
        records: where each sample's landmarks lie; None for one that could not be packed.
        refused: one line for each of those.

    Raises:
        DataError: there are no shards, they are incomplete or damaged, or the
            list or the landmark files are others than those that were packed.
    """

    def __init__(self, corpus: Corpus, name: str) -> None:
        self._corpus, self._name = corpus, name
        self.samples = corpus.split(name)
        folder = corpus.root / FOLDER
        entry = _entry(folder / "shards.json", name)
        if entry["list"] != files.sha256(corpus.root / f"{name}.csv"):
            raise DataError(f"{folder}: {name}.csv was changed since it was packed; {REPACK}")
        self._shards: dict[Path, Shard] = {}
        for file, sha256 in entry["indexes"].items():
            index = folder / file
            if files.sha256(index) != sha256:
                raise DataError(f"{index}: is damaged; {REPACK}")
            self._shards[index.with_suffix(".tfrecord")] = read_shard(index)
        rows = itertools.chain.from_iterable(range(shard.start, shard.stop) for shard in self._shards.values())
        if not all(row == expected for row, expected in itertools.zip_longest(rows, range(len(self.samples)))):
            raise DataError(f"{folder}: the shards do not cover {name}.csv row by row; {REPACK}")
        self._require_sizes()
        self.records = [record for path in self._shards for record in self._records(path)]
        self.refused = [line for shard in self._shards.values() for line in shard.refused]

    def verify(self) -> None:
        """Read everything once and compare it with its checksum.

        Raises:
            DataError: a shard is damaged.
        """
        paths = list(self._shards)
        for path, sha256 in zip(paths, in_threads(files.sha256, paths, f"verify {self._name}", "shard"), strict=True):
            if sha256 != self._shards[path].sha256:
                raise DataError(f"{path}: is damaged (another SHA-256); {REPACK}")

    def verify_sources(self) -> None:
        """Compare every landmark file with the one that was packed.

        Raises:
            DataError: one was changed since.
        """
        for path, shard in self._shards.items():
            if source_digest(self._corpus, self.samples[shard.start : shard.stop]) != shard.sources:
                raise DataError(f"{path}: a landmark file was changed since it was packed; {REPACK}")

    def _require_sizes(self) -> None:
        """Notice at once what is cheap to notice: cut shards, and landmarks that were made anew."""
        for path, shard in self._shards.items():
            if _size(path) != shard.bytes:
                raise DataError(f"{path}: expected {shard.bytes} bytes, found {_size(path)}; {REPACK}")
            found = source_bytes(self._corpus, self.samples[shard.start : shard.stop])
            # None at all: only the shards were copied to where training runs.
            if found not in (0, shard.source_bytes):
                raise DataError(f"{path}: a landmark file was changed since it was packed; {REPACK}")

    def _records(self, path: Path) -> Iterator[Record | None]:
        """The record of each row that a shard covers."""
        shard, position, record = self._shards[path], HEADER_BYTES, 0
        for sample in self.samples[shard.start : shard.stop]:
            if record == len(shard.ids) or shard.ids[record] != sample.id:
                yield None
                continue
            yield Record(path, position, shard.lengths[record], shard.crc32[record])
            position += shard.lengths[record] + FOOTER_BYTES + HEADER_BYTES
            record += 1
        if record != len(shard.ids):
            raise DataError(f"{path}: its clips are not those of {self._name}.csv in order; {REPACK}")


def check_shards(corpus: Corpus) -> list[str]:
    """Verify every shard of a corpus and what it was made from; one line for each split at fault."""
    if not (corpus.root / FOLDER).is_dir():
        return []
    faults = []
    for name in SPLITS:
        try:
            split = ShardedSplit(corpus, name)
            split.verify()
            split.verify_sources()
        except DataError as error:
            faults.append(str(error))
    return faults


def _entry(path: Path, name: str) -> dict:
    """What shards.json says of one split: "list", a SHA-256, and "indexes", a SHA-256 for each file name."""
    if not path.is_file():
        raise DataError(f"{path}: does not exist; make shards with 'tf-slr pack'")
    content = files.read_json(path)
    if content.get("version") != VERSION:
        raise DataError(f"{path}: expected version {VERSION}, found {content.get('version')!r}; {REPACK}")
    try:
        entry = content["splits"][name]
        sound = isinstance(entry["list"], str) and all(
            # A name with a path in it would lead out of the folder.
            re.fullmatch(rf"{name}-\d+-of-\d+\.json", file) and isinstance(sha256, str)
            for file, sha256 in entry["indexes"].items()
        )
    except (KeyError, TypeError, AttributeError):
        sound = False
    if not sound:
        raise DataError(f"{path}: has no sound entry of {name}; {REPACK}")
    return entry


def read_shard(path: Path) -> Shard:
    """Read a shard's index.

    Raises:
        DataError: it is missing or damaged.
    """
    content = files.read_json(path)
    try:
        return config.build(Shard, content, "index")
    except SlrError as error:
        raise DataError(f"{path}: {error}; {REPACK}") from error


def source_digest(corpus: Corpus, samples: Sequence[Sample]) -> str:
    """SHA-256 over the ids and landmark files of some samples; a file that cannot be read counts as absent."""
    digest = hashlib.sha256()
    for sample in samples:
        try:
            content = files.sha256(corpus.root / sample.landmarks)
        except (DataError, ValueError):  # the list may name what cannot be a path
            content = "absent"
        digest.update(f"{sample.id}\n{content}\n".encode())
    return digest.hexdigest()


def source_bytes(corpus: Corpus, samples: Sequence[Sample]) -> int:
    """Size of the landmark files of some samples together."""
    return sum(_size(corpus.root / sample.landmarks) for sample in samples)


def _size(path: Path) -> int:
    """Bytes of a file; 0 where there is none."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0
