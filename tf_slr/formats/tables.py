"""Tables of the official releases: one row a line, fields between separators, a header, and no quoting.

The `csv` module is not used on purpose: to it a quotation mark that opens a
field swallows every row up to the next one.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tf_slr.core import files
from tf_slr.core.errors import DataError

# The largest list of a release that is read here has 20,655 lines and 4 MB.
MAX_LINES = 200_000
MAX_BYTES = 16 * 2**20


class Row(NamedTuple):
    """A row of a table: where it stands ('file, row N', the header being row 1), and its fields by column."""

    place: str
    fields: dict[str, str]


class Table(NamedTuple):
    """The rows of a table, and one line for each that has not as many fields as the header."""

    rows: list[Row]
    refused: list[str]


def read_table(path: Path, columns: Sequence[str], separator: str = "|") -> Table:
    """Read a UTF-8 table. White space around fields, CRLF, a byte order mark and empty lines are no fault.

    Args:
        path: the file.
        columns: the header it must have.
        separator: what stands between two fields.

    Raises:
        DataError: the file cannot be read, is too large for a list, or has another header.
    """
    lines = _lines(path)
    if _fields(lines[0], separator) != list(columns):
        found = repr(lines[0].strip()[:120]) if lines[0].strip() else "nothing"
        raise DataError(f"{path}: expected the header {separator.join(columns)}, found {found}")
    rows, refused = [], []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        place, fields = f"{path}, row {number}", _fields(line, separator)
        if len(fields) != len(columns):
            refused.append(f"{place}: expected {len(columns)} fields separated by {separator!r}, found {len(fields)}")
        elif "\0" in line:
            refused.append(f"{place}: holds a NUL character")
        else:
            rows.append(Row(place, dict(zip(columns, fields, strict=True))))
    return Table(rows, refused)


def _lines(path: Path) -> list[str]:
    size = path.stat().st_size if path.is_file() else 0
    if size > MAX_BYTES:
        raise DataError(f"{path}: {size} bytes are no list of clips (expected at most {MAX_BYTES})")
    lines = files.read_text(path).removeprefix("\ufeff").split("\n")
    if len(lines) > MAX_LINES:
        raise DataError(f"{path}: {len(lines)} lines are no list of clips (expected at most {MAX_LINES})")
    return lines


def _fields(line: str, separator: str) -> list[str]:
    return [field.strip() for field in line.split(separator)]
