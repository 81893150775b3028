"""Landmark clips as TFRecords, and packing a corpus into shards of them.

A record is a `tf.train.Example` with these features:

    id         bytes: the clip's id in the list, which also holds its glosses
    frames     int64: T
    landmarks  bytes: [T, 92, 3], little-endian, in the type of `dtype`
    dtype      bytes: "float16", "float32" or "float64"
    aspect     bytes: float64, width / height
    shoulders, shoulders_dtype    [T, 2, 3] in the same way, where the corpus has them

The files are plain TFRecord files, which `tf.data.TFRecordDataset` reads
too; `tf_slr.corpus.shards` says where in them each clip lies. Equal
landmark files give equal shards, byte for byte.
"""

import contextlib
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from tf_slr.core import config, files, outputs
from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.landmarks import POINTS, SHOULDER_INDICES, VALUES, Clip, check_clip
from tf_slr.core.threads import in_threads
from tf_slr.corpus.manifest import SPLITS, Corpus, Sample
from tf_slr.corpus.shards import (
    FOLDER,
    FOOTER_BYTES,
    HEADER_BYTES,
    VERSION,
    Record,
    Shard,
    read_shard,
    source_bytes,
    source_digest,
)

DTYPES = ("float16", "float32", "float64")

# What a frame takes at most in the usual types; decides how many clips go into a shard before any is read.
FRAME_BYTES = 4 * VALUES


def serialise(sample_id: str, clip: Clip) -> bytes:
    """A clip as the bytes of one record; the same clip gives the same bytes.

    Raises:
        DataError: its numbers are of a type that a record cannot hold.
    """
    arrays = {"landmarks": clip.landmarks}
    if clip.shoulders is not None:
        arrays["shoulders"] = clip.shoulders
    values = {"id": sample_id.encode(), "aspect": np.array(clip.aspect, "<f8").tobytes()}
    for name, array in arrays.items():
        if array.dtype.name not in DTYPES:
            raise DataError(f"{sample_id}: expected {name} of {', '.join(DTYPES)}, found {array.dtype}")
        values[name] = array.astype(array.dtype.newbyteorder("<")).tobytes()
        values["dtype" if name == "landmarks" else "shoulders_dtype"] = array.dtype.name.encode()
    feature = {name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value])) for name, value in values.items()}
    feature["frames"] = tf.train.Feature(int64_list=tf.train.Int64List(value=[len(clip.landmarks)]))
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString(deterministic=True)


def parse(payload: bytes, source: str) -> tuple[str, Clip]:
    """The bytes of one record -> id and clip.

    Args:
        payload: what `serialise` gave.
        source: names the record in errors.

    Raises:
        DataError: it is no record of a clip.
    """
    try:
        feature = tf.train.Example.FromString(payload).features.feature
        values = {name: feature[name].bytes_list.value[0] for name in feature if feature[name].bytes_list.value}
        (frames,) = feature["frames"].int64_list.value
        landmarks = _array(values["landmarks"], values["dtype"], frames, POINTS)
        shoulders = None
        if "shoulders" in values:
            shoulders = _array(values["shoulders"], values["shoulders_dtype"], frames, len(SHOULDER_INDICES))
        (aspect,) = np.frombuffer(values["aspect"], "<f8")
        sample_id = values["id"].decode()
    except (DecodeError, KeyError, ValueError) as error:
        raise DataError(f"{source}: holds no clip ({error})") from error
    check_clip(landmarks, source)
    return sample_id, Clip(landmarks, shoulders, float(aspect))


def _array(content: bytes, dtype: bytes, frames: int, points: int) -> np.ndarray:
    if dtype.decode() not in DTYPES:
        raise ValueError(f"unknown type {dtype!r}")
    little_endian = np.dtype(dtype.decode()).newbyteorder("<")
    return np.frombuffer(content, little_endian).reshape(frames, points, 3)


def read_record(record: Record, sample: Sample) -> Clip:
    """Read one clip from its place in a shard.

    Raises:
        DataError: it is damaged, or another clip than the list says.
    """
    found, clip = parse(record.read(), f"{record.path}, byte {record.offset}")
    if found != sample.id or len(clip.landmarks) != sample.frames:
        raise DataError(
            f"{record.path}, byte {record.offset}: expected {sample.id} of {sample.frames} frames,"
            f" found {found} of {len(clip.landmarks)}"
        )
    return clip


def pack(corpus: Corpus, shard_bytes: int) -> list[str]:
    """Write a corpus' landmarks into shards beside it; a shard that is there and still right is kept.

    Args:
        corpus: the corpus.
        shard_bytes: largest size of a shard, about.

    Returns:
        One line for each clip that cannot be read, and so is in no shard.

    Raises:
        DataError: a list cannot be read, or no clip has landmarks.
        UsageError: `shard_bytes` is less than a frame takes.
    """
    if shard_bytes < FRAME_BYTES:
        raise UsageError(f"expected shards of {FRAME_BYTES} bytes or more, received {shard_bytes}")
    splits = {name: corpus.split(name) for name in SPLITS}
    if not any(sample.landmarks for samples in splits.values() for sample in samples):
        raise DataError(f"{corpus.root}: no clip has landmarks, so there is nothing to pack")
    folder = corpus.root / FOLDER
    outputs.mark(corpus.root, "shards")
    files.sweep(folder)
    refused: list[str] = []
    entries: dict[str, dict] = {}
    for name, samples in splits.items():
        groups = _deal(samples, shard_bytes)
        entries[name] = {"list": files.sha256(corpus.root / f"{name}.csv"), "indexes": {}}
        for number, (start, stop) in enumerate(groups):
            path = folder / f"{name}-{number:05d}-of-{len(groups):05d}.tfrecord"
            index = path.with_suffix(".json")
            shard = _kept(corpus, samples, start, stop, path) or _write_shard(corpus, samples, start, stop, path)
            entries[name]["indexes"][index.name] = files.sha256(index)
            refused += shard.refused
    files.write_json(folder / "shards.json", {"version": VERSION, "splits": entries})
    _remove_others(folder, {file for entry in entries.values() for file in entry["indexes"]})
    return refused


def _deal(samples: Sequence[Sample], shard_bytes: int) -> list[tuple[int, int]]:
    """First and last + 1 row of each shard, decided by the list alone."""
    groups, start, size = [], 0, 0
    for row, sample in enumerate(samples):
        size += sample.frames * FRAME_BYTES
        if size >= shard_bytes or row + 1 == len(samples):
            groups.append((start, row + 1))
            start, size = row + 1, 0
    return groups


def _kept(corpus: Corpus, samples: Sequence[Sample], start: int, stop: int, path: Path) -> Shard | None:
    """An earlier run's shard, if it was made of the same rows and landmark files and is whole."""
    index = path.with_suffix(".json")
    if not index.is_file():
        return None
    try:
        shard = read_shard(index)
        if (shard.start, shard.stop) != (start, stop) or files.sha256(path) != shard.sha256:
            return None
    except DataError:  # damaged or gone: it is made again
        return None
    return shard if shard.sources == source_digest(corpus, samples[start:stop]) else None


def _write_shard(corpus: Corpus, samples: Sequence[Sample], start: int, stop: int, path: Path) -> Shard:
    """Write one shard, then its index: a crash can leave a shard without an index, never with a wrong one."""
    index = path.with_suffix(".json")
    index.unlink(missing_ok=True)
    mine = samples[start:stop]
    sources, size = source_digest(corpus, mine), source_bytes(corpus, mine)
    ids, lengths, checksums, refused = [], [], [], []
    with files.atomic_path(path) as temporary:
        with _writer(temporary, path) as writer:
            for sample, payload in zip(mine, _payloads(corpus, mine, path.stem), strict=True):
                if isinstance(payload, DataError):
                    refused.append(str(payload))
                    continue
                writer.write(payload)
                ids.append(sample.id)
                lengths.append(len(payload))
                checksums.append(zlib.crc32(payload))
        sha256 = files.sha256(temporary)
    shard = Shard(
        start=start,
        stop=stop,
        bytes=sum(lengths) + len(lengths) * (HEADER_BYTES + FOOTER_BYTES),
        sha256=sha256,
        sources=sources,
        source_bytes=size,
        ids=tuple(ids),
        lengths=tuple(lengths),
        crc32=tuple(checksums),
        refused=tuple(refused),
    )
    files.write_json(index, config.to_table(shard))
    return shard


def _payloads(corpus: Corpus, samples: Sequence[Sample], title: str) -> Iterator[bytes | DataError]:
    """Each sample's record, or why it cannot be made."""

    def payload_of(sample: Sample) -> bytes | DataError:
        try:
            return serialise(sample.id, corpus.clip(sample))
        except DataError as error:
            return error

    return in_threads(payload_of, samples, title, "clip")


@contextlib.contextmanager
def _writer(temporary: Path, path: Path) -> Iterator[tf.io.TFRecordWriter]:
    """TensorFlow's writer, which reports a full disk as the system does."""
    try:
        with tf.io.TFRecordWriter(str(temporary)) as writer:
            yield writer
    except tf.errors.OpError as error:
        raise OSError(f"{path}: cannot be written ({error.message})") from error


def _remove_others(folder: Path, indexes: set[str]) -> None:
    """Remove the shards of an earlier division of the corpus."""
    ours = re.compile(rf"({'|'.join(SPLITS)})-\d+-of-\d+\.(json|tfrecord)")
    for path in folder.glob("*-of-*.*"):
        if ours.fullmatch(path.name) and path.with_suffix(".json").name not in indexes:
            path.unlink()
