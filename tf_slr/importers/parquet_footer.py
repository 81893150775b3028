"""What a Parquet file says of itself: the numbers of rows and bytes in its footer, read before anything believes them.

pyarrow shows the same numbers, but its view of a column ends the whole
process where a damaged footer contradicts itself (measured with 24.0: one in
two thousand damaged files), and no Python code can prevent that.

Source: Apache Parquet format 2, `parquet.thrift`, in Thrift's compact protocol.
"""

import os
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from tf_slr.core.errors import DataError

# 1,600 columns need 380 kB.
MAX_FOOTER_BYTES = 2 * 2**20

CODECS = ("UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW")

_MAGIC = b"PAR1"
# The kinds of values of the compact protocol.
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12
_INTEGERS = (_I16, _I32, _I64)
# How many bytes follow a field's head.
_FIXED = {_TRUE: 0, _FALSE: 0, _BYTE: 1, _DOUBLE: 8}
# Fields of the format's structures that are read; all others are skipped.
_CHUNK = {3: {3: None, 4: None, 6: None, 7: None}}  # meta_data: path, codec, uncompressed and compressed bytes
_FILE = {3: None, 4: {1: _CHUNK, 3: None}}  # rows; row groups: columns, rows


class Chunk(NamedTuple):
    """One column in one row group.

    Attributes:
        column: its name, or the dotted path of a nested one.
        codec: one of CODECS.
        uncompressed: number of bytes of its pages once they are decompressed, as declared.
        compressed: number of bytes of its pages in the file.
    """

    column: str
    codec: str
    uncompressed: int
    compressed: int


class Group(NamedTuple):
    """One row group: its number of rows, and its columns."""

    rows: int
    chunks: list[Chunk]


class Footer(NamedTuple):
    """A file's number of rows, and its row groups."""

    rows: int
    groups: list[Group]


def read_footer(stream: BinaryIO, path: Path) -> Footer:
    """Read the footer of an open Parquet file, and go back to the file's start.

    Raises:
        DataError: it is no Parquet file, its footer is damaged, or larger than MAX_FOOTER_BYTES.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - 8))
    length, magic = int.from_bytes(stream.read(4), "little"), stream.read(4)
    if magic != _MAGIC or length > size - 12:
        raise DataError(f"{path}: is no Parquet file (truncated?)")
    if length > MAX_FOOTER_BYTES:
        raise DataError(f"{path}: describes itself in {length} bytes, more than the {MAX_FOOTER_BYTES} allowed")
    stream.seek(size - 8 - length)
    try:
        table, _ = _read_struct(stream.read(length), 0, _FILE)
        groups = [Group(_count(group[3]), [_chunk(column[3]) for column in group[1]]) for group in table[4]]
        footer = Footer(_count(table[3]), groups)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{path}: is no readable Parquet file (damaged footer)") from error
    stream.seek(0)
    return footer


def _chunk(meta: dict[int, Any]) -> Chunk:
    column = b".".join(meta[3]).decode()
    return Chunk(column, CODECS[_count(meta[4])], _count(meta[6]), _count(meta[7]))


def _count(number: Any) -> int:
    if not isinstance(number, int) or number < 0:
        raise ValueError(f"expected a number, found {number!r}")
    return number


# A value is read from `data` at `at`; what comes back with it is where the next one starts.


def _read_struct(data: bytes, at: int, wanted: dict[int, Any]) -> tuple[dict[int, Any], int]:
    """Read the fields that are keys of `wanted`, whose values say the same of the structures in them."""
    found: dict[int, Any] = {}
    field = 0
    while head := data[at]:
        step, kind, at = head >> 4, head & 15, at + 1
        if step:
            field += step
        else:
            field, at = _read_signed(data, at)
        if field in wanted:
            found[field], at = _read_value(data, at, kind, wanted[field])
        else:
            at = _skip(data, at, kind)
    return found, at + 1


def _read_value(data: bytes, at: int, kind: int, wanted: dict[int, Any] | None) -> tuple[Any, int]:
    if kind in _INTEGERS:
        return _read_signed(data, at)
    if kind == _BINARY:
        count, at = _read_unsigned(data, at)
        return data[at : at + count], at + count
    if kind == _LIST:
        count, kind, at = _read_list(data, at)
        values = []
        for _ in range(count):
            value, at = _read_value(data, at, kind, wanted)
            values.append(value)
        return values, at
    if kind == _STRUCT and wanted is not None:
        return _read_struct(data, at, wanted)
    raise ValueError(f"unexpected kind {kind}")


def _skip(data: bytes, at: int, kind: int) -> int:
    """Most of a footer is skipped: where the value ends."""
    if kind in _INTEGERS:
        while data[at] >= 128:
            at += 1
        return at + 1
    if kind == _STRUCT:
        while head := data[at]:
            # The long form of a field's number is skipped like any other number.
            at = _skip(data, at + 1 if head >> 4 else _skip(data, at + 1, _I16), head & 15)
        return at + 1
    if kind in _FIXED:
        return at + _FIXED[kind]
    if kind == _BINARY:
        count, at = _read_unsigned(data, at)
        return at + count
    if kind in (_LIST, _SET):
        count, kind, at = _read_list(data, at)
        for _ in range(count):
            # In a list, unlike in a structure, a truth value has a byte of its own.
            at = _skip(data, at, _BYTE if kind in (_TRUE, _FALSE) else kind)
        return at
    raise ValueError(f"unexpected kind {kind}")


def _read_list(data: bytes, at: int) -> tuple[int, int, int]:
    """The number and the kind of a list's elements, and where the first one starts."""
    head = data[at]
    count, at = (head >> 4, at + 1) if head >> 4 < 15 else _read_unsigned(data, at + 1)
    if count > len(data) - at:  # each has at least one byte
        raise ValueError(f"a list of {count}")
    return count, head & 15, at


def _read_unsigned(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while (byte := data[at]) >= 128:
        number |= (byte & 127) << shift
        shift, at = shift + 7, at + 1
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
    return number | byte << shift, at + 1


def _read_signed(data: bytes, at: int) -> tuple[int, int]:
    number, at = _read_unsigned(data, at)
    return number >> 1 ^ -(number & 1), at
