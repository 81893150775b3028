"""Read FlatBuffers of unknown origin: every offset and length is held to the file before it is followed.

The readers that come with LiteRT trust a file, and loading them takes longer than loading a student.
"""

import struct

# Far more tables than any file of ours has; offsets that all lead to one place cost no more than these.
MOST_TABLES = 200_000

BOOL, INT8, UINT8, INT32, UINT32, INT64, UINT64, FLOAT32 = (
    struct.Struct("<" + code) for code in ("?", "b", "B", "i", "I", "q", "Q", "f")
)
_VTABLE_ENTRY = struct.Struct("<H")


class MalformedError(ValueError):
    """A file whose structure leads out of it."""


class File:
    """The content of a file, read within its bounds.

    Args:
        content: all of it.
        identifier: the four bytes from the fifth one on.

    Raises:
        MalformedError: it has another identifier, or is too short to have one.
    """

    def __init__(self, content: bytes, identifier: bytes) -> None:
        if content[4:8] != identifier:
            raise MalformedError(f"expected a file of kind {identifier.decode()}, found {bytes(content[4:8])!r}")
        self.content, self._left = content, MOST_TABLES

    @property
    def root(self) -> "Table":
        """The outermost table."""
        return self.table(self.number(UINT32, 0))

    def number(self, kind: struct.Struct, place: int) -> int | float | bool:
        """A number at a place of the file."""
        if not 0 <= place <= len(self.content) - kind.size:
            raise MalformedError(f"an offset of {place} leads out of the file of {len(self.content)} bytes")
        return kind.unpack_from(self.content, place)[0]

    def table(self, place: int) -> "Table":
        """The table at a place of the file."""
        self._left -= 1
        if self._left < 0:
            raise MalformedError(f"has more than {MOST_TABLES} tables")
        return Table(self, place)


class Table:
    """A table, whose fields are asked for by number.

    Args:
        file: where it lies.
        place: where in it.
    """

    __slots__ = ("_file", "_offsets", "_place")

    def __init__(self, file: File, place: int) -> None:
        vtable = place - file.number(INT32, place)
        size = file.number(_VTABLE_ENTRY, vtable)
        if size < 4 or size % 2 or not 0 <= vtable <= len(file.content) - size:
            raise MalformedError(f"the table at {place} has fields outside of the file")
        self._file, self._place = file, place
        self._offsets = struct.unpack_from(f"<{size // 2 - 2}H", file.content, vtable + 4)

    def has(self, field: int) -> bool:
        """Whether a field is there; one that is not has its default value."""
        return field < len(self._offsets) and self._offsets[field] != 0

    def fields(self) -> set[int]:
        """The numbers of the fields that are there."""
        return {field for field, offset in enumerate(self._offsets) if offset}

    def _target(self, field: int) -> int:
        """Where the offset that a field holds leads to."""
        place = self._place + self._offsets[field]
        return place + self._file.number(UINT32, place)

    def number(self, field: int, kind: struct.Struct, default: int | float | bool = 0) -> int | float | bool:
        """A number, or its default."""
        return self._file.number(kind, self._place + self._offsets[field]) if self.has(field) else default

    def table(self, field: int) -> "Table | None":
        """A table within this one."""
        return self._file.table(self._target(field)) if self.has(field) else None

    def span(self, field: int, size: int = 1) -> tuple[int, int]:
        """Where in the file a vector of items of some bytes lies, and how many it has: none if it is not there."""
        if not self.has(field):
            return 0, 0
        place = self._target(field)
        count = self._file.number(UINT32, place)
        if count * size > len(self._file.content) - place - 4:
            raise MalformedError(f"a vector of {count} items leads out of the file")
        return place + 4, count

    def numbers(self, field: int, kind: struct.Struct) -> tuple:
        """A vector of numbers."""
        place, count = self.span(field, kind.size)
        return struct.unpack_from(f"<{count}{kind.format[1:]}", self._file.content, place)

    def tables(self, field: int) -> list["Table"]:
        """A vector of tables."""
        place, count = self.span(field, 4)
        offsets = struct.unpack_from(f"<{count}I", self._file.content, place)
        return [self._file.table(place + 4 * i + offset) for i, offset in enumerate(offsets)]

    def text(self, field: int) -> bytes:
        """A string's bytes."""
        place, count = self.span(field)
        return bytes(self._file.content[place : place + count])
