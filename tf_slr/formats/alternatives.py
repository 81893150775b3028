"""Alternatives: what else a recogniser may have seen at each place of a clip, as JSON lines, one clip a line.

    {"id": "clip 1", "slots": [
        {"start": 0.4, "end": 0.72, "chosen": true, "alternatives": [["RAIN", 0.81], ["SNOW", 0.07]]},
        {"start": 1.2, "end": 1.36, "chosen": false, "alternatives": [["NIGHT", 0.22]]}]}

The first alternatives of the chosen slots are the recognised sentence. Nothing else may stand in a line: a file of
evidence has no room for a reference.
"""

import codecs
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from tf_slr.core import files
from tf_slr.core.errors import DataError
from tf_slr.formats.transcripts import MAX_GLOSSES

# A sentence of the greatest length with a hundred characters a slot; no real line comes near.
MAX_LINE = 2 * 2**20
# Probabilities are written with six decimals, those of other programs maybe with four.
TOLERANCE = 1e-3


class Alternatives(NamedTuple):
    """One place of a clip, where a gloss was recognised or may have been missed.

    Attributes:
        start, end: seconds of the clip.
        glosses: what may have been signed, likeliest first; at least one.
        probabilities: of each; what is missing to 1 is no gloss, or one that is not listed.
        chosen: whether the recogniser took the first gloss; else it took none.
    """

    start: float
    end: float
    glosses: tuple[str, ...]
    probabilities: tuple[float, ...]
    chosen: bool


def write_alternatives(path: Path | str, clips: Mapping[str, Sequence[Alternatives]]) -> None:
    """Write clips in the order of the mapping, atomically."""
    with files.atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as stream:
        for name, slots in clips.items():
            record = {"id": name, "slots": [_record(slot) for slot in slots]}
            stream.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")


def read_alternatives(path: Path | str) -> dict[str, list[Alternatives]]:
    """Read what `write_alternatives` wrote: clip -> slots in the order of time.

    Raises:
        DataError: the file cannot be read, or a line is not as it must be (named with its number).
    """
    clips: dict[str, list[Alternatives]] = {}
    for place, line in _lines(path):
        try:
            # Whole numbers too are read as float: one of a million digits is then infinite, and found at once.
            record = json.loads(line, parse_int=float, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{place}: is not valid JSON ({error})") from error
        name, slots = _fields(record, {"id": str, "slots": list}, place)
        _check_text(name, place)
        if name in clips:
            raise DataError(f"{place}: the id {name!r} stands twice; expected one line a clip")
        if len(slots) > MAX_GLOSSES:
            raise DataError(f"{place}: has {len(slots)} slots, more than the {MAX_GLOSSES} of a sentence")
        clips[name] = [_slot(slot, f"{place}, slot {number}") for number, slot in enumerate(slots, start=1)]
        if any(a.start > b.start for a, b in zip(clips[name], clips[name][1:], strict=False)):
            raise DataError(f"{place}: the slots are not in the order of their starts")
    return clips


def _record(slot: Alternatives) -> dict:
    pairs = zip(slot.glosses, slot.probabilities, strict=True)
    return {
        "start": round(slot.start, 3),
        "end": round(slot.end, 3),
        "chosen": slot.chosen,
        "alternatives": [[gloss, round(probability, 6)] for gloss, probability in pairs],
    }


def _lines(path: Path | str) -> Iterator[tuple[str, str]]:
    """The place ('file, line n') and text of each line; only one is in memory."""
    try:
        with open(path, "rb") as stream:
            number = 0
            while line := stream.readline(MAX_LINE + 1):
                number += 1
                place = f"{path}, line {number}"
                if len(line) > MAX_LINE:
                    raise DataError(f"{place}: has more than {MAX_LINE // 2**20} MB; expected one clip")
                yield place, files.decoded(line.removeprefix(codecs.BOM_UTF8) if number == 1 else line, place)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _fields(record: object, kinds: dict[str, type], place: str) -> list:
    """The values of a JSON object that must have exactly these fields."""
    if not isinstance(record, dict) or record.keys() != kinds.keys():
        found = ", ".join(map(repr, list(record)[:6])) if isinstance(record, dict) else type(record).__name__
        raise DataError(f"{place}: expected an object with {', '.join(kinds)}, found {found[:200] or 'an empty one'}")
    for name, kind in kinds.items():
        if type(record[name]) is not kind:
            raise DataError(f"{place}: expected {name!r} to be of type {kind.__name__}, "
                            f"found {type(record[name]).__name__}")  # fmt: skip
    return [record[name] for name in kinds]


def _slot(record: object, place: str) -> Alternatives:
    kinds = {"start": float, "end": float, "chosen": bool, "alternatives": list}
    start, end, chosen, pairs = _fields(record, kinds, place)
    if not 0 <= start <= end < math.inf:
        raise DataError(f"{place}: expected a start of at least 0 and an end after it, found {start} and {end}")
    if not pairs or not all(isinstance(pair, list) and list(map(type, pair)) == [str, float] for pair in pairs):
        raise DataError(f"{place}: expected alternatives as a list of [gloss, probability], at least one")
    glosses, probabilities = zip(*pairs, strict=True)
    for gloss in glosses:
        _check_text(gloss, place)
        if any(character.isspace() for character in gloss):
            raise DataError(f"{place}: a gloss must not hold white space, found {gloss[:100]!r}")
    if len(set(glosses)) < len(glosses):
        raise DataError(f"{place}: a gloss stands twice among the alternatives")
    if not all(0 <= probability <= 1 for probability in probabilities):
        raise DataError(f"{place}: expected probabilities from 0 to 1")
    if sum(probabilities) > 1 + TOLERANCE:
        raise DataError(f"{place}: the probabilities sum to {sum(probabilities):.4f}; expected at most 1")
    if list(probabilities) != sorted(probabilities, reverse=True):
        raise DataError(f"{place}: expected the likeliest alternative first")
    return Alternatives(start, end, glosses, probabilities, chosen)


def _check_text(text: str, place: str) -> None:
    """Refuse what could not be written to any file again: nothing, NUL, and half a surrogate pair."""
    if not text or "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise DataError(f"{place}: expected a name, found {text[:100]!r}")
