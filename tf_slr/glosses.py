"""The vocabulary: what a network's output classes mean."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tf_slr import files
from tf_slr.errors import DataError, UsageError

BLANK = 0
UNITS = ("gloss", "character")


def tokenise(sentence: str, unit: str = "gloss") -> tuple[str, ...]:
    """Split an annotation into units: words, or the characters of a text without spaces."""
    if unit not in UNITS:
        raise UsageError(f"expected unit {' or '.join(UNITS)}, received {unit!r}")
    if unit == "gloss":
        return tuple(sentence.split())
    return tuple(character for character in sentence if not character.isspace())


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
