"""The vocabulary: what a network's output classes mean, and how an annotation is cut into glosses."""

import json
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tf_slr.core import files
from tf_slr.core.errors import DataError, UsageError, shown

BLANK = 0
UNITS = ("gloss", "character")


def tokenise(sentence: str, unit: str = "gloss") -> tuple[str, ...]:
    """Split an annotation into units: words, or the characters of a text without spaces."""
    if unit not in UNITS:
        raise UsageError(f"expected unit {' or '.join(UNITS)}, received {unit!r}")
    if unit == "gloss":
        return tuple(sentence.split())
    return tuple(character for character in sentence if not character.isspace())


def canonical(text: str) -> str:
    """A gloss, or a sentence of them, in the one way to write it: composed (NFC), without invisible characters.

    Format characters (Unicode category Cf, such as U+200B, U+00AD and U+200E) are dropped but for those that change
    what is read: a joiner after a virama or inside an Arabic or emoji sequence, and signs that are visible.
    """
    if text.isascii():
        return text
    kept = (character for i, character in enumerate(text) if not _is_invisible(text, i))
    return unicodedata.normalize("NFC", "".join(kept))


def folded(gloss: str) -> str:
    """What glosses have in common that look alike: their letters without case, width and invisible characters."""
    bare = "".join(character for character in gloss if unicodedata.category(character) != "Cf")
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", bare).casefold())


ZWNJ, ZWJ = "\u200c", "\u200d"
# Category Cf, and yet seen: Arabic, Syriac and Kaithi number and abbreviation signs.
_VISIBLE = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
_VIRAMA = 9  # its canonical combining class


def _is_invisible(text: str, i: int) -> bool:
    character = text[i]
    if unicodedata.category(character) != "Cf" or character in _VISIBLE:
        return False
    if character not in (ZWNJ, ZWJ) or i == 0:
        return True
    before = text[i - 1]
    if unicodedata.combining(before) == _VIRAMA:  # also at a word's end, as older Malayalam chillus are written
        return False
    base = next((c for c in reversed(text[:i]) if unicodedata.category(c) not in ("Mn", "Sk")), "")
    after = text[i + 1 : i + 2]
    # Persian and Urdu part a word's letters by ZWNJ; emoji are joined by ZWJ.
    persian = bool(after) and _is_arabic_letter(base) and _is_arabic_letter(after)
    emoji = character == ZWJ and bool(after) and all(unicodedata.category(c) == "So" for c in (base, after) if c)
    return not (persian or (emoji and bool(base)))


def _is_arabic_letter(character: str) -> bool:
    return bool(character) and unicodedata.bidirectional(character) == "AL"


class GlossReader:
    """Cuts the annotations of one collection into canonical glosses, and remembers what it changed.

    Args:
        unit: of the glosses, see `tokenise`.
        by_hand: the collection is a list of somebody's own, in which commas may part glosses besides spaces.
    """

    # Commas and semicolons, and the wide ones of Chinese and Japanese.
    SEPARATORS = ",;\uff0c\uff1b\u3001"

    def __init__(self, unit: str = "gloss", by_hand: bool = False) -> None:
        self._unit, self._strips = unit, by_hand and unit == "gloss"
        self._invisible: Counter[str] = Counter()
        self._separated: Counter[str] = Counter()

    def read(self, sentence: str) -> tuple[str, ...]:
        """The glosses of an annotation.

        Raises:
            DataError: it holds a control character, which no annotation means.
        """
        clean = canonical(sentence)
        if has_invisible(sentence):
            self._invisible.update(filter(has_invisible, tokenise(sentence)))
        glosses = tokenise(clean, self._unit)
        for gloss in glosses:
            if has_control(gloss):
                raise DataError(f"the gloss {gloss!r} holds a control character; write it anew")
        if not self._strips:
            return glosses
        self._separated.update(gloss for gloss in glosses if gloss != gloss.strip(self.SEPARATORS))
        return tuple(filter(None, (gloss.strip(self.SEPARATORS) for gloss in glosses)))

    def label(self, text: str) -> tuple[str, ...]:
        """A whole label as one gloss, its spaces as '-'; nothing where it is empty.

        Raises:
            DataError: as `read`.
        """
        whole = "-".join(self.read(text))
        return (whole,) if whole else ()

    def notes(self, source: Path | str) -> list[str]:
        """What was changed, one line each."""
        notes = invisible_note(source, self._invisible.elements())
        if self._separated:
            notes.append(f"note: {source}: commas were dropped from {sum(self._separated.values())} glosses, which "
                         f"spaces part ({shown([repr(gloss) for gloss in sorted(self._separated)])})")  # fmt: skip
        return notes


def invisible_note(source: Path | str, glosses: Iterable[str]) -> list[str]:
    """A note on glosses, as they were written, that `canonical` drops characters from; none where there are none."""
    changed = list(filter(has_invisible, glosses))
    if not changed:
        return []
    names = shown([ascii(gloss) for gloss in sorted(set(changed))])
    return [f"note: {source}: invisible characters were dropped from {len(changed)} glosses ({names})"]


def has_invisible(text: str) -> bool:
    """Whether `canonical` drops characters; composing them is not worth a word."""
    return not text.isascii() and any(_is_invisible(text, i) for i in range(len(text)))


def has_control(gloss: str) -> bool:
    """Whether a gloss holds a control character, such as an escape sequence for terminals."""
    return any(unicodedata.category(character) == "Cc" for character in gloss)


@dataclass(frozen=True)
class Vocabulary:
    """Glosses in the order of their ids: id 0 is the CTC blank, real glosses start at 1."""

    glosses: tuple[str, ...]
    unit: str = "gloss"

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise DataError(f"expected unit {' or '.join(UNITS)}, received {self.unit!r}")
        if len(set(self.glosses)) != len(self.glosses):
            raise DataError("a vocabulary must not name a gloss twice")
        for gloss in self.glosses:
            if not gloss or any(character.isspace() for character in gloss):
                raise DataError(f"a gloss must not be empty or hold white space, received {gloss!r}")
        object.__setattr__(self, "_ids", {gloss: i for i, gloss in enumerate(self.glosses, start=1)})

    @classmethod
    def of(cls, sentences: Iterable[Sequence[str]], unit: str = "gloss") -> "Vocabulary":
        """The sorted vocabulary of some sentences."""
        return cls(tuple(sorted({gloss for sentence in sentences for gloss in sentence})), unit)

    @property
    def classes(self) -> int:
        """Number of output classes, blank included."""
        return len(self.glosses) + 1

    def __contains__(self, gloss: str) -> bool:
        return gloss in self._ids

    def encode(self, sentence: Sequence[str]) -> list[int]:
        """Glosses -> ids.

        Raises:
            DataError: a gloss is not in the vocabulary.
        """
        unknown = [gloss for gloss in sentence if gloss not in self._ids]
        if unknown:
            raise DataError(f"glosses not in the vocabulary: {', '.join(sorted(set(unknown)))}")
        return [self._ids[gloss] for gloss in sentence]

    def decode(self, ids: Iterable[int]) -> tuple[str, ...]:
        """Ids (without blank) -> glosses."""
        return tuple(self.glosses[i - 1] for i in ids)

    def save(self, path: Path | str) -> None:
        """Write the vocabulary as JSON."""
        files.write_json(path, {"unit": self.unit, "glosses": list(self.glosses)})

    @classmethod
    def load(cls, path: Path | str) -> "Vocabulary":
        """Read what `save` wrote.

        Raises:
            DataError: the file is no vocabulary.
        """
        return cls.parse(files.read_text(path), str(path))

    @classmethod
    def parse(cls, text: str, source: str = "vocabulary") -> "Vocabulary":
        """Read a vocabulary from its JSON text."""
        try:
            content = json.loads(text)
            glosses, unit = content["glosses"], content["unit"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DataError(f"{source}: expected a JSON object with 'unit' and 'glosses' ({error})") from error
        if not isinstance(glosses, list) or not all(isinstance(gloss, str) for gloss in glosses):
            raise DataError(f"{source}: expected 'glosses' to be a list of strings")
        return cls(tuple(glosses), unit)
