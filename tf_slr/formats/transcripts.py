"""CTM and STM: the files in which NIST's sclite, and the field with it, keeps hypotheses and references.

    CTM, one recognised gloss a line:   utterance channel start duration gloss [confidence]
    STM, one sentence a line:           utterance channel speaker begin end [<label>] gloss gloss ...

Times are in seconds, files are UTF-8, a line that begins with `;;` is a comment. A sentence in which nothing was
recognised has no line in a CTM; a reference without glosses has a line without glosses in an STM. The formats
have no way to write a space in a name: here a space is written as %20, and so on for what else would break a
line. Neither reader knows sclite's further marks (alternatives, times to be ignored): it refuses them, because
read as glosses they would give a rate that is not sclite's.

Source: the manual of SCTK 2.4 (doc/infmts.htm).
"""

import codecs
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote

from tf_slr.core import files
from tf_slr.core.errors import DataError

# The largest corpora's files have a few MB; what is larger is not a transcript, and would fill the memory.
MAX_BYTES = 64 * 2**20
MAX_LINE = 100_000
# Aligning takes time and memory in the square of a sentence's length.
MAX_GLOSSES = 4096

# How PHOENIX' STM files say that a sentence lasts to the end of its clip: the largest number of C.
OPEN_END = 1.79769e308


class Token(NamedTuple):
    """A recognised gloss: when it starts and how long it lasts, in seconds of the clip."""

    gloss: str
    start: float
    duration: float


class Reference(NamedTuple):
    """An annotated sentence.

    Attributes:
        glosses: the annotation.
        speaker: who signs.
        begin, end: where it lies in the clip, in seconds.
    """

    glosses: tuple[str, ...]
    speaker: str = "unknown"
    begin: float = 0.0
    end: float = OPEN_END


def read_ctm(path: Path | str) -> dict[str, list[Token]]:
    """Read hypotheses: utterance -> tokens in the order of their start times.

    Raises:
        DataError: the file cannot be read, or a row is not as the format demands (named with its number).
    """
    hypotheses: dict[str, list[Token]] = {}
    channels: dict[str, str] = {}
    for place, line in _lines(path):
        fields = line.split()
        if len(fields) not in (5, 6):
            raise DataError(f"{place}: expected 'utterance channel start duration gloss [confidence]', "
                            f"found {len(fields)} fields")  # fmt: skip
        start, duration, *_ = (read_number(field, place) for field in (*fields[2:4], *fields[5:]))
        if start < 0 or duration < 0:
            raise DataError(f"{place}: expected a start and a duration of at least 0, found {start} and {duration}")
        name = _unescape(fields[0])
        if channels.setdefault(name, fields[1]) != fields[1]:
            raise DataError(f"{place}: {name} has the channels {channels[name]} and {fields[1]}; expected one")
        tokens = hypotheses.setdefault(name, [])
        tokens.append(Token(_checked(fields[4], place), start, duration))
        if len(tokens) > MAX_GLOSSES:
            raise DataError(f"{place}: {name} has more than {MAX_GLOSSES} glosses; expected one sentence")
    for tokens in hypotheses.values():
        tokens.sort(key=lambda token: token.start)
    return hypotheses


def read_stm(path: Path | str) -> dict[str, Reference]:
    """Read references: utterance -> sentence, in the order of the file.

    Raises:
        DataError: the file cannot be read, holds no sentence, or a row is not as the format demands.
    """
    references: dict[str, Reference] = {}
    for place, line in _lines(path):
        fields = line.split()
        if len(fields) < 5:
            raise DataError(f"{place}: expected 'utterance channel speaker begin end glosses', "
                            f"found {len(fields)} fields")  # fmt: skip
        name, glosses = _unescape(fields[0]), fields[5:]
        if name in references:
            raise DataError(f"{place}: {name} stands twice; expected one sentence an utterance")
        begin, end = (read_number(field, place) for field in fields[3:5])
        if not 0 <= begin <= end:
            raise DataError(f"{place}: expected a begin of at least 0 and an end after it, found {begin} and {end}")
        if glosses and _LABEL.fullmatch(glosses[0]):
            del glosses[0]
        if len(glosses) > MAX_GLOSSES:
            raise DataError(f"{place}: has {len(glosses)} glosses, more than the {MAX_GLOSSES} of a sentence")
        checked = tuple(_checked(gloss, place) for gloss in glosses)
        references[name] = Reference(checked, _unescape(fields[2]), begin, end)
    if not references:
        raise DataError(f"{path}: holds no sentence")
    return references


def write_ctm(path: Path | str, hypotheses: Mapping[str, Sequence[Token]]) -> None:
    """Write hypotheses, sorted by utterance as sclite wants them.

    Start times are padded with zeros: the corpora's own scripts sort them as text.

    Raises:
        DataError: a gloss that the format cannot hold.
    """
    lines = [
        f"{_escape(name)} 1 {token.start:09.3f} {token.duration:.3f} {_checked(token.gloss, name)}\n"
        for name, tokens in sorted(hypotheses.items())
        for token in tokens
    ]
    files.write_text(path, "".join(lines))


def write_stm(path: Path | str, references: Mapping[str, Reference]) -> None:
    """Write references, sorted by utterance as sclite wants them.

    Raises:
        DataError: a gloss that the format cannot hold.
    """
    lines = []
    for name, (glosses, speaker, begin, end) in sorted(references.items()):
        # Without an empty label a first gloss such as <laugh> would be taken for one.
        label = ["<>"] if glosses and _LABEL.fullmatch(glosses[0]) else []
        fields = [_escape(name), "1", _escape(speaker) or "unknown", str(begin), str(end), *label]
        lines.append(" ".join([*fields, *(_checked(gloss, name) for gloss in glosses)]) + "\n")
    files.write_text(path, "".join(lines))


_LABEL = re.compile(r"<.*>")

_UNSUPPORTED = {
    "{": "the beginning of alternatives",
    "@": "a place without gloss",
    "IGNORE_TIME_SEGMENT_IN_SCORING": "a sentence that is not scored",
}


def _lines(path: Path | str) -> Iterator[tuple[str, str]]:
    """The place ('file, row n') and text of each line that is neither empty nor a comment."""
    try:
        with open(path, "rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    if len(content) > MAX_BYTES:
        raise DataError(f"{path}: has more than {MAX_BYTES // 2**20} MB; expected a transcript")
    for number, line in enumerate(io.BytesIO(content.removeprefix(codecs.BOM_UTF8)), start=1):
        line = line.strip()
        if not line or line.startswith(b";;"):
            continue
        place = f"{path}, row {number}"
        if len(line) > MAX_LINE:
            raise DataError(f"{place}: is {len(line)} bytes long, more than the {MAX_LINE} allowed")
        if b"\0" in line and not line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise DataError(f"{place}: holds a NUL byte; expected text")
        yield place, files.decoded(line, place)


def read_number(field: str, place: str) -> float:
    """A field as a number.

    Raises:
        DataError: it is none, or not finite.
    """
    try:
        value = float(field)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{place}: expected a number, found {field[:80]!r}")
    return value


def _checked(gloss: str, place: str) -> str:
    if gloss in _UNSUPPORTED:
        raise DataError(f"{place}: {gloss!r} means {_UNSUPPORTED[gloss]} in sclite's formats, which is not supported")
    if not gloss or any(character.isspace() or character == "\0" for character in gloss):
        raise DataError(f"{place}: a gloss must not be empty or hold white space or NUL, received {gloss!r}")
    return gloss


def _escape(name: str) -> str:
    return "".join(
        quote(character) if character.isspace() or character in "%;\ufeff" else character for character in name
    )


def _unescape(name: str) -> str:
    try:
        return unquote(name, errors="strict")
    except UnicodeDecodeError:
        return name  # another program's name, in which % means nothing
