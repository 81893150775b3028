"""Tables without quoting: what was written is read, and what is no table is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_slr.core.errors import DataError
from tf_slr.formats import tables
from tf_slr.formats.tables import Row, read_table

COLUMNS = ("id", "signer", "glosses")
# Anything but what ends a field, a row or the table's patience; white space around a field is not kept.
fields = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="|\n\r\0")).map(str.strip)
rows_of_fields = st.lists(st.tuples(fields.filter(bool), fields, fields), max_size=8)


@given(rows=rows_of_fields, bom=st.sampled_from(["", "\ufeff"]), end=st.sampled_from(["\n", "\r\n", "\n\n  \r\n"]))
def test_what_was_written_is_read(tmp_path_factory, rows, bom, end):
    path = tmp_path_factory.mktemp("table") / "list.csv"
    lines = ["|".join(COLUMNS), *(" | ".join(row) for row in rows)]
    path.write_bytes((bom + end.join(lines) + end).encode())
    table = read_table(path, COLUMNS)
    assert table.refused == []
    assert [tuple(row.fields.values()) for row in table.rows] == rows


def test_quotation_marks_are_letters_and_swallow_no_row(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text('id|signer|glosses\na|"anna|HALLO\nb|ben"|"DU""\n')
    assert read_table(path, COLUMNS).rows == [
        Row(f"{path}, row 2", {"id": "a", "signer": '"anna', "glosses": "HALLO"}),
        Row(f"{path}, row 3", {"id": "b", "signer": 'ben"', "glosses": '"DU""'}),
    ]


def test_a_row_of_the_wrong_length_is_named_by_its_line(tmp_path):
    path = tmp_path / "list.tsv"
    path.write_text("id\tsigner\tglosses\n\na\tanna\nb\tben\tDU\tICH\nc\tcem\tWIR\nd\0\td\tX\n")
    table = read_table(path, COLUMNS, "\t")
    assert [row.fields["id"] for row in table.rows] == ["c"]
    assert table.refused == [
        f"{path}, row 3: expected 3 fields separated by '\\t', found 2",
        f"{path}, row 4: expected 3 fields separated by '\\t', found 4",
        f"{path}, row 6: holds a NUL character",
    ]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "found nothing"),
        (b"id|signer\n", r"found 'id\|signer'"),
        (b"id,signer,glosses\n", "found 'id,signer,glosses'"),
        (b"id|glosses|signer\n", "expected the header"),
        (b"x" * 10_000, "found 'x{120}'$"),
        (b"id|signer|glosses\nM\xfcNCHEN|a|B\n", r"is not UTF-8 text \(byte 19\)"),
        ("id|signer|glosses\n".encode("utf-16"), "is not UTF-8 text"),
    ],
)
def test_another_header_or_encoding_is_an_error(tmp_path, content, found):
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"list\.csv: .*{found}"):
        read_table(path, COLUMNS)


def test_what_is_too_large_for_a_list_is_refused_unread(tmp_path, monkeypatch):
    path = tmp_path / "list.csv"
    with path.open("wb") as stream:
        stream.truncate(tables.MAX_BYTES + 1)
    monkeypatch.setattr(tables.files, "read_text", lambda path: pytest.fail("was read"))
    with pytest.raises(DataError, match="16777217 bytes are no list of clips"):
        read_table(path, COLUMNS)


def test_too_many_lines_are_refused(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("\n" * tables.MAX_LINES)
    with pytest.raises(DataError, match="200001 lines are no list of clips"):
        read_table(path, COLUMNS)


def test_a_folder_is_no_table(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_table(tmp_path, COLUMNS)
