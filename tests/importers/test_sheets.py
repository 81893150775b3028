"""An index as spreadsheets save it: read as it was meant, or refused with what to do."""

import pytest

from tf_slr.core.errors import DataError
from tf_slr.importers.index import read_index

ROWS = [("a.mp4", "WETTER GRÖSSE", "dev", 'sagt "hallo", gern'), ("b.mp4", "KÖNIG", "train", "")]
HEADER = ("file", "glosses", "split", "text")


@pytest.fixture
def index(tmp_path):
    """Writes an index of bytes beside the files that it names."""
    for row in ROWS:
        (tmp_path / row[0]).touch()

    def write(content, encoding="utf-8"):
        path = tmp_path / "index.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


def table(separator, header=HEADER, end="\r\n", tail=0):
    """What a spreadsheet saves: cells with the separator or quotation marks are quoted, and marks doubled."""

    def cell(text):
        quoted = separator in text or '"' in text
        return '"' + text.replace('"', '""') + '"' if quoted else text

    rows = [header, *ROWS]
    return "".join(separator.join([*map(cell, row), *[""] * tail]) + end for row in rows)


@pytest.mark.parametrize(("content", "encoding"), [
    (table("\t"), "utf-16"), (table("\t"), "utf-8-sig"), (table(","), "utf-8-sig"), (table(";"), "utf-8"),
    (table(",", end="\r"), "utf-8"), (table(";", tail=3), "utf-8"), ("sep=;\r\n" + table(";"), "utf-8"),
    (table(",", header=("File", "GLOSSES ", "Split", "Text")), "utf-8"), (table("\t"), "utf-16-be-bom"),
])  # fmt: skip
def test_every_way_to_save_a_table_gives_the_same_clips(index, content, encoding):
    if encoding == "utf-16-be-bom":
        content = b"\xfe\xff" + content.encode("utf-16-be")
    listing = read_index(index(content, encoding), "gloss")
    assert [(entry.id, entry.glosses, entry.split, entry.text) for entry in listing.entries] == [
        ("a", ("WETTER", "GRÖSSE"), "dev", 'sagt "hallo", gern'),
        ("b", ("KÖNIG",), "train", ""),
    ]
    assert (listing.refused, listing.notes) == ([], [])


@pytest.mark.parametrize(("word", "split"), [("val", "dev"), ("Valid", "dev"), ("VALIDATION", "dev"), ("dev", "dev"),
                                             ("Training", "train"), ("Test", "test")])  # fmt: skip
def test_splits_have_more_than_one_name(index, word, split):
    (entry,) = read_index(index(f"file\tglosses\tsplit\na.mp4\tA\t{word}\n"), "gloss").entries
    assert entry.split == split


def test_a_code_page_of_western_europe_is_read_and_noted(index):
    listing = read_index(index(table(";"), "cp1252"), "gloss")
    assert listing.entries[1].glosses == ("KÖNIG",)
    assert len(listing.notes) == 1
    assert "is not UTF-8; read as Windows-1252 with the letters Ö; if these are wrong, save it as" in listing.notes[0]


@pytest.mark.parametrize(("gloss", "encoding"), [
    ("ПРИВЕТ", "cp1251"), ("天气", "gbk"), ("天気", "shift_jis"), ("ŁĄKA", "cp1250"), ("KÖNIG", "mac_roman"),
    ("ΚΑΛΗΜΕΡΑ", "cp1253"), ("ČEŠTINA PŘÍŠTÍ", "cp1250"), ("niño", "mac_roman"), ("KÖNIG", "cp437"),
    ("KÖNIG", "utf-16-le"),
])  # fmt: skip
def test_letters_are_never_guessed_from_another_encoding(index, gloss, encoding):
    with pytest.raises(DataError, match=r"index.csv: .*; save it as UTF-8 \(in a spreadsheet: 'CSV UTF-8'\)"):
        read_index(index(f"file\tglosses\na.mp4\t{gloss}\n", encoding), "gloss")


def test_a_lost_quotation_mark_costs_its_row_only(index):
    listing = read_index(index('file,glosses\na.mp4,"A\nb.mp4,B\n'), "gloss")
    assert [entry.id for entry in listing.entries] == ["b"]
    assert [line.split("index.csv, ")[1] for line in listing.refused] == [
        "row 2: a quotation mark opens a cell and none closes it; write one as two"
    ]
    swallowed = read_index(index('file,glosses\na.mp4,"A\nb.mp4,B"\n'), "gloss")
    assert swallowed.entries == []
    assert "spans several lines" in swallowed.refused[0]


def test_a_line_break_within_a_cell_of_text_is_a_space(index):
    (entry,) = read_index(index('file,glosses,text\na.mp4,A,"one\ntwo"\n'), "gloss").entries
    assert entry.text == "one two"


def test_characters_that_nobody_sees_make_no_gloss_of_their_own(index):
    listing = read_index(
        index("file\tglosses\na.mp4\tHEL\u00adLO \u200eYOU\u200b A\u0308\nb.mp4\tHELLO, YOU; Ä\n"), "gloss"
    )
    assert [entry.glosses for entry in listing.entries] == [("HELLO", "YOU", "Ä")] * 2
    assert [line.split("index.csv: ")[1] for line in listing.notes] == [
        r"invisible characters were dropped from 2 glosses ('HEL\xadLO', '\u200eYOU\u200b')",
        "commas were dropped from 2 glosses, which spaces part ('HELLO,', 'YOU;')",
    ]
    (label,) = read_index(index("file,label\na.mp4,thank\u200b  you\n"), "gloss").entries
    assert label.glosses == ("thank-you",)


def test_a_control_character_is_refused(index):
    listing = read_index(index("file\tglosses\na.mp4\tA\x1b[31m\nb.mp4\tB\n"), "gloss")
    assert [entry.id for entry in listing.entries] == ["b"]
    assert r"row 2: a.mp4: the gloss 'A\x1b[31m' holds a control character" in listing.refused[0]
