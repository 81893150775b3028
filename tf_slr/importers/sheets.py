"""Tables that people keep in a spreadsheet or an editor, saved with tabs, commas or semicolons between the cells.

What a spreadsheet does to a table is undone: its encoding, quotation marks around a cell, a header in other
letters, empty columns at the right, rows without their last empty cells, and the line 'sep=;' that Excel reads.
(Lists of official releases know no quoting: see `tables`.)
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tf_slr.core.errors import DataError
from tf_slr.core.plain_text import read_plain_text
from tf_slr.formats.tables import Row

SEPARATORS = ("\t", ",", ";", "|")
# Lines that one row may span: a spreadsheet's cell may hold line breaks, and a lost quotation mark the whole file.
MAX_ROW_LINES = 50


class Sheet(NamedTuple):
    """A table: its header in small letters, its rows (in place of one that cannot be read the reason), and notes."""

    header: list[str]
    rows: list[Row | str]
    notes: list[str]


def read_sheet(path: Path, fits: Callable[[Sequence[str]], bool], expected: str) -> Sheet:
    """Read a table whose separator the header tells.

    Args:
        path: the file.
        fits: whether these names, in small letters, are the header that is looked for.
        expected: what that header holds, for messages.

    Raises:
        DataError: the file cannot be read, or has no such header.
    """
    text, note = read_plain_text(path)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    first = 1 if lines[0].lower().startswith("sep=") and len(lines) > 1 else 0
    headers = {separator: _header(lines[first], separator) for separator in SEPARATORS}
    separator = next((separator for separator, names in headers.items() if fits(names)), None)
    if separator is None:
        found = max(headers.values(), key=len)
        raise DataError(f"{path}: expected a header, separated by tabs, commas or semicolons, with {expected};"
                        f" found {', '.join(found) or 'nothing'}")  # fmt: skip
    header = headers[separator]
    rows: list[Row | str] = []
    for number, cells in _records(lines, first + 1, separator):
        place = f"{path}, row {number}"
        if cells is None:
            rows.append(f"{place}: a quotation mark opens a cell and none closes it; write one as two")
            continue
        if not any(cells):
            continue
        while len(cells) > len(header) and not cells[-1]:
            cells.pop()
        if len(cells) > len(header):
            rows.append(f"{place}: expected {len(header)} columns, found {len(cells)}")
        elif any("\0" in cell for cell in cells):
            rows.append(f"{place}: holds a NUL character")
        else:
            cells += [""] * (len(header) - len(cells))
            rows.append(Row(place, {name: cell for name, cell in zip(header, cells, strict=True) if name}))
    return Sheet([name for name in header if name], rows, [f"note: {note}"] if note else [])


def _header(line: str, separator: str) -> list[str]:
    cells = _cells([line], separator)
    names = [name.casefold() for name in cells or []]
    while names and not names[-1]:
        names.pop()
    return names


def _records(lines: Sequence[str], first: int, separator: str) -> Iterator[tuple[int, list[str] | None]]:
    """Line number (from 1) and cells of each row; None in place of the cells where a quotation mark is not closed."""
    i = first
    while i < len(lines):
        # Most rows are one line; a quoted cell with line breaks needs the next ones.
        longest = min(MAX_ROW_LINES, len(lines) - i) if '"' in lines[i] else 1
        parsed = ((span, _cells(lines[i : i + span], separator)) for span in range(1, longest + 1))
        span, cells = next(((span, cells) for span, cells in parsed if cells is not None), (1, None))
        yield i + 1, cells
        i += span


def _cells(lines: Sequence[str], separator: str) -> list[str] | None:
    """The cells of one row; None where its quotation marks do not pair."""
    reader = csv.reader([f"{line}\n" for line in lines], delimiter=separator, strict=True)
    try:
        rows = list(reader)
    except csv.Error:
        return None
    if len(rows) > 1:
        return None
    return [cell.strip() for cell in rows[0]] if rows else []
