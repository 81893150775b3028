"""CTM and STM: what is written is read again, by us and by sclite, and what is damaged is named."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sclite import sclite
from tf_slr.core.errors import DataError
from tf_slr.formats.transcripts import (
    MAX_GLOSSES,
    MAX_LINE,
    OPEN_END,
    Reference,
    Token,
    read_ctm,
    read_stm,
    write_ctm,
    write_stm,
)

names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=9)
glosses = st.one_of(st.sampled_from(["LIEB", "neg-FROST", "__ON__", "S+H", "<laugh>", "按", ";;A", "(A)", "%"]), names)
glosses = glosses.filter(lambda gloss: gloss not in ("{", "@") and not any(c.isspace() for c in gloss))
seconds = st.integers(0, 10**8).map(lambda milliseconds: milliseconds / 1000)


@settings(max_examples=200)
@given(hypotheses=st.dictionaries(names, st.lists(glosses, min_size=1, max_size=5), max_size=4), step=seconds)
def test_hypotheses_survive(hypotheses, step, tmp_path_factory):
    path = tmp_path_factory.mktemp("ctm") / "h.ctm"
    written = {
        name: [Token(gloss, round(i * step, 3), step) for i, gloss in enumerate(sentence)]
        for name, sentence in hypotheses.items()
    }
    write_ctm(path, written)
    assert read_ctm(path) == written


references = st.builds(
    Reference, st.lists(glosses, max_size=5).map(tuple), names, seconds, st.floats(10**5, OPEN_END, allow_nan=False)
)


@settings(max_examples=200)
@given(written=st.dictionaries(names, references, min_size=1, max_size=4))
def test_references_survive(written, tmp_path_factory):
    path = tmp_path_factory.mktemp("stm") / "r.stm"
    write_stm(path, written)
    assert read_stm(path) == written
    assert list(read_stm(path)) == sorted(written)


def test_the_formats_of_the_field_are_read(tmp_path):
    ctm, stm = tmp_path / "h.ctm", tmp_path / "r.stm"
    ctm.write_bytes(
        b";; a comment\r\nb 1 10.5 0.2 HEUTE 0.93\n\na 1 0.0 0.1 ICH\nb 1 9.25 0.2 __ON__\nc\t1\t0\t0.5\t\xe6\x8c\x89\n"
    )
    stm.write_text("b 1 signer05 0.0 1.79769e+308 __ON__  TEMPERATUR\na 1 s 0 7.5 <o,f0,male> ICH\nc 1 s 0.0 1.0\n")
    assert {name: [token.gloss for token in tokens] for name, tokens in read_ctm(ctm).items()} == {
        "b": ["__ON__", "HEUTE"],  # by time, as a number
        "a": ["ICH"],
        "c": ["按"],
    }
    assert read_ctm(ctm)["b"][0] == Token("__ON__", 9.25, 0.2)
    assert read_stm(stm) == {
        "b": Reference(("__ON__", "TEMPERATUR"), "signer05", 0.0, OPEN_END),
        "a": Reference(("ICH",), "s", 0.0, 7.5),
        "c": Reference((), "s", 0.0, 1.0),
    }


def test_a_byte_order_mark_belongs_to_the_file_and_not_to_a_name(tmp_path):
    (tmp_path / "h.ctm").write_text("a 1 0.0 0.1 ICH\n", encoding="utf-8-sig")
    assert read_ctm(tmp_path / "h.ctm").keys() == {"a"}
    write_ctm(tmp_path / "h.ctm", {"\ufeffa": [Token("ICH", 0.0, 0.1)]})
    assert read_ctm(tmp_path / "h.ctm").keys() == {"\ufeffa"}


def test_start_times_sort_as_text(tmp_path):
    # The corpora's scripts sort lines with `sort -k3,3`: 10 s must not come before 9 s.
    write_ctm(tmp_path / "h.ctm", {"a": [Token("A", 9.0, 0.1), Token("B", 10.0, 0.1), Token("C", 100.0, 0.1)]})
    starts = [line.split()[2] for line in (tmp_path / "h.ctm").read_text().splitlines()]
    assert starts == sorted(starts)


def test_sclite_reads_what_is_written(tmp_path):
    names = ["clip 1", "50% off;b", "z", "empty hypothesis", "empty reference"]
    written = {name: Reference(("ICH", "neg-FROST", "按"), "Anna B.", 0.0, 2.5) for name in names[:4]}
    write_stm(tmp_path / "r.stm", written | {names[4]: Reference((), "", 0.0, 1.0)})
    recognised = [Token("ICH", 0.0, 0.5), Token("按", 1.0, 1.5)]
    write_ctm(tmp_path / "h.ctm", {name: recognised for name in names if name != names[3]})
    scored = sclite(tmp_path / "h.ctm", tmp_path / "r.stm", tmp_path / "out")
    assert {name.lower(): sentence.counts for name, sentence in scored.items()} == {
        "clip%201": (2, 0, 1, 0),
        "50%25%20off%3bb": (2, 0, 1, 0),
        "z": (2, 0, 1, 0),
        "empty%20hypothesis": (0, 0, 3, 0),
        "empty%20reference": (0, 0, 0, 2),
    }


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"a 1 0.0 0.1", "found 4 fields"),
        (b"a 1 0.0 0.1 TWO GLOSSES", "expected a number, found 'GLOSSES'"),
        (b"a 1 0.0 0.1 A 0.5 more", "found 7 fields"),
        (b"a 1 soon 0.1 A", "expected a number, found 'soon'"),
        (b"a 1 nan 0.1 A", "expected a number, found 'nan'"),
        (b"a 1 0.0 inf A", "expected a number, found 'inf'"),
        (b"a 1 -1 0.1 A", "at least 0"),
        (b"a 1 * * <ALT_BEGIN>", "expected a number, found '*'"),
        (b"a 1 0.0 0.1 @", "not supported"),
        (b"a 1 0.0 0.1 A\0B", "NUL"),
        (b"a 1 0.0 0.1 \xff\xfe", "is not UTF-8"),
        (b"a 1 0.0 0.1 " + b"A" * MAX_LINE, "bytes long"),
        (b"good 2 0.0 0.1 A", "channels 1 and 2"),
    ],
)
def test_a_damaged_ctm_row_is_named(tmp_path, line, message):
    path = tmp_path / "h.ctm"
    path.write_bytes(b"good 1 0.0 0.1 A\n" + line + b"\n")
    with pytest.raises(DataError, match=f"h.ctm, row 2: .*{message.replace('*', '.')}"):
        read_ctm(path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"a 1 s 0.0", "found 4 fields"),
        (b"a 1 s 0.0 later A", "expected a number, found 'later'"),
        (b"a 1 s 2.0 1.0 A", "an end after it"),
        (b"good 1 s 0.0 1.0 A", "good stands twice"),
        (b"a 1 s 0.0 1.0 { A / B }", "alternatives"),
        (b"a 1 s 0.0 1.0 IGNORE_TIME_SEGMENT_IN_SCORING", "not scored"),
        (b"a 1 s 0.0 1.0 A\0", "NUL"),
        (b"\xff 1 s 0.0 1.0 A", "is not UTF-8"),
        (b"a 1 s 0.0 1.0" + b" A" * (MAX_GLOSSES + 1), "glosses"),
        (b"a 1 s 0.0 1.0" + b" A" * MAX_LINE, "bytes long"),
    ],
)
def test_a_damaged_stm_row_is_named(tmp_path, line, message):
    path = tmp_path / "r.stm"
    path.write_bytes(b"good 1 s 0.0 1.0 A\n" + line + b"\n")
    with pytest.raises(DataError, match=f"r.stm, row 2: .*{message}"):
        read_stm(path)


def test_an_endless_sentence_is_refused(tmp_path):
    path = tmp_path / "h.ctm"
    path.write_text("".join(f"a 1 {i} 1 A\n" for i in range(MAX_GLOSSES + 1)))
    with pytest.raises(DataError, match=f"row {MAX_GLOSSES + 1}: a has more than"):
        read_ctm(path)


@pytest.mark.parametrize("read", [read_ctm, read_stm])
def test_what_is_no_transcript_is_refused(tmp_path, read):
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path / "gone")
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path)
    with pytest.raises(DataError, match="has more than 64 MB"):
        read("/dev/zero")


def test_references_must_not_be_empty(tmp_path):
    (tmp_path / "r.stm").write_text(";; nothing\n")
    with pytest.raises(DataError, match="holds no sentence"):
        read_stm(tmp_path / "r.stm")


@pytest.mark.parametrize("gloss", ["@", "{", "", "A B", "A\0"])
def test_a_gloss_the_formats_cannot_hold_is_refused_and_nothing_written(tmp_path, gloss):
    with pytest.raises(DataError, match="clip 7: "):
        write_ctm(tmp_path / "h.ctm", {"clip 7": [Token(gloss, 0.0, 1.0)]})
    with pytest.raises(DataError, match="clip 7: "):
        write_stm(tmp_path / "r.stm", {"clip 7": Reference(("GOOD", gloss))})
    assert not list(tmp_path.iterdir())


def test_a_transcript_in_utf16_says_how_to_save_it(tmp_path):
    (tmp_path / "x.ctm").write_bytes("a 1 0.0 0.1 KÖNIG\n".encode("utf-16"))
    with pytest.raises(DataError, match=r"x.ctm, row 1: is not UTF-8 text but UTF-16 .*save it as UTF-8"):
        read_ctm(tmp_path / "x.ctm")
