"""JSON lines of alternatives: what is written is read, what is damaged is refused by line."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_slr.core.errors import DataError
from tf_slr.formats.alternatives import MAX_LINE, Alternatives, read_alternatives, write_alternatives

names = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8
)  # ids may hold spaces and line breaks
glosses = names.filter(lambda name: not any(character.isspace() for character in name))


@st.composite
def slots(draw):
    chosen = draw(st.lists(glosses, min_size=1, max_size=4, unique=True))
    shares = sorted(draw(st.lists(st.floats(0.001, 1), min_size=len(chosen), max_size=len(chosen))), reverse=True)
    shares = tuple(round(share / max(1, sum(shares)), 6) for share in shares)
    start, end = sorted(draw(st.lists(st.integers(0, 10**6), min_size=2, max_size=2)))
    return Alternatives(start / 1000, end / 1000, tuple(chosen), shares, draw(st.booleans()))


clips = st.dictionaries(names, st.lists(slots(), max_size=4).map(lambda found: sorted(found, key=lambda s: s.start)))


@settings(max_examples=40)
@given(clips)
def test_what_is_written_is_read(tmp_path_factory, written):
    path = tmp_path_factory.mktemp("a") / "x.jsonl"
    write_alternatives(path, written)
    assert read_alternatives(path) == written
    assert list(read_alternatives(path)) == list(written)


def test_one_line_a_clip_as_documented(tmp_path):
    path = tmp_path / "x.jsonl"
    write_alternatives(path, {"a": [], "b": [Alternatives(0.12345, 0.5, ("Ü",), (0.81,), True)]})
    first, second = path.read_text(encoding="utf-8").splitlines()
    assert json.loads(first) == {"id": "a", "slots": []}
    assert second == (
        '{"id": "b", "slots": [{"start": 0.123, "end": 0.5, "chosen": true, "alternatives": [["Ü", 0.81]]}]}'
    )


GOOD = {"start": 0.0, "end": 1.0, "chosen": True, "alternatives": [["A", 0.8], ["B", 0.1]]}


def line(name="x", **changes):
    return json.dumps({"id": name, "slots": [GOOD | changes]})


HOSTILE = {
    "empty line": ("", "not valid JSON"),
    "nonsense": ("}{", "not valid JSON"),
    "another value": ("[1]", "expected an object with id, slots, found list"),
    "nothing in it": ("{}", "found an empty one"),
    "a reference": ('{"id": "x", "slots": [], "reference": "A B"}', "'reference'"),
    "id a number": ('{"id": 1, "slots": []}', "'id' to be of type str"),
    "empty id": ('{"id": "", "slots": []}', "expected a name"),
    "slots a text": ('{"id": "x", "slots": "A"}', "'slots' to be of type list"),
    "nan": (line(start=float("nan")), "NaN is no number"),
    "infinite": (line(end=float("inf")), "Infinity is no number"),
    "too large for a float": (line().replace("1.0", "1e999"), "end after it, found 0.0 and inf"),
    "huge integer": (line().replace("1.0", "9" * 100_000), "end after it, found 0.0 and inf"),
    "negative time": (line(start=-1.0), "found -1.0 and 1.0"),
    "ends before it starts": (line(start=2.0), "found 2.0 and 1.0"),
    "true for a number": (line(end=True), "'end' to be of type float, found bool"),
    "a number for true": (line(chosen=1), "'chosen' to be of type bool"),
    "no alternative": (line(alternatives=[]), "at least one"),
    "a pair of three": (line(alternatives=[["A", 0.1, 0.1]]), r"as a list of \[gloss, probability\]"),
    "not in pairs": (line(alternatives=["AB"]), r"as a list of \[gloss, probability\]"),
    "a gloss of none": (line(alternatives=[[None, 0.1]]), r"as a list of \[gloss, probability\]"),
    "negative": (line(alternatives=[["A", -0.1]]), "from 0 to 1"),
    "above one": (line(alternatives=[["A", 1.1]]), "from 0 to 1"),
    "sum above one": (line(alternatives=[["A", 0.6], ["B", 0.5]]), "sum to 1.1000"),
    "not sorted": (line(alternatives=[["A", 0.1], ["B", 0.5]]), "likeliest alternative first"),
    "twice": (line(alternatives=[["A", 0.4], ["A", 0.4]]), "a gloss stands twice"),
    "white space": (line(alternatives=[["A B", 0.4]]), "white space"),
    "empty gloss": (line(alternatives=[["", 0.4]]), "expected a name"),
    "half a surrogate pair": (line(alternatives=[["\ud800", 0.4]]), "expected a name"),
    "deep": ("[" * 100_000, "not valid JSON"),
    "slots out of order": (
        json.dumps({"id": "x", "slots": [GOOD | {"start": 0.5}, GOOD]}), "not in the order of their starts",
    ),
    "too many slots": (json.dumps({"id": "x", "slots": [0] * 5000}), "has 5000 slots"),
    "same id": (line("ok"), "'ok' stands twice"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), HOSTILE.values(), ids=HOSTILE)
def test_damage_is_refused_with_the_line(tmp_path, text, message):
    path = tmp_path / "x.jsonl"
    path.write_text(line("ok") + "\n" + text + "\n" + line("later") + "\n")
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}, line 2.*{message}") as caught:
        read_alternatives(path)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("filler", [b"x", b"\n", b"\0", b"[", b'{"id": "'])
def test_64_mb_of_nonsense_are_refused_at_once(tmp_path, filler):
    path = tmp_path / "x.jsonl"
    with path.open("wb") as stream:
        for _ in range(64):
            stream.write(filler * (2**20 // len(filler)))
    with pytest.raises(DataError, match=r"line 1: (is not valid JSON|has more than 2 MB)"):
        read_alternatives(path)


def test_unreadable_files_are_named(tmp_path):
    with pytest.raises(DataError, match=r"absent\.jsonl: cannot be read"):
        read_alternatives(tmp_path / "absent.jsonl")
    (tmp_path / "x").write_bytes(b'{"id": "\xff"}\n')
    with pytest.raises(DataError, match="line 1: is not UTF-8"):
        read_alternatives(tmp_path / "x")
    assert MAX_LINE < 64 * 2**20
