"""A scoresheet: hypotheses held against references, sentence by sentence, by the rules of a corpus."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tf_slr.core.errors import DataError
from tf_slr.core.stdout import printable
from tf_slr.formats.transcripts import Reference, Token
from tf_slr.scoring.cleanup import Rules
from tf_slr.scoring.mismatch import name_notes
from tf_slr.scoring.wer import Errors, Pair, align, count, describe


@dataclass(frozen=True)
class Sentence:
    """One scored sentence: its utterance, and the alignment of reference and hypothesis."""

    id: str
    pairs: tuple[Pair, ...]

    @property
    def errors(self) -> Errors:
        """The errors of the alignment."""
        return count(self.pairs)

    def __str__(self) -> str:
        """Reference above hypothesis above the kind of each error, gloss under gloss."""
        columns = [(printable(reference or "***"), printable(hypothesis or "***"), _kind(reference, hypothesis))
                   for reference, hypothesis in self.pairs]  # fmt: skip
        widths = [max(map(_width, column)) for column in columns]
        lines = [f"{printable(self.id)}  {describe(self.errors.summary())}"]
        for title, row in zip(("REF", "HYP", "   "), zip(*columns, strict=True), strict=False):
            cells = (cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True))
            lines.append(f"  {title}  {' '.join(cells)}".rstrip())
        return "\n".join(lines)


@dataclass(frozen=True)
class Scoresheet:
    """Every sentence of a test set, scored.

    Attributes:
        rules: how the glosses were cleaned and aligned.
        sentences: in the order of the references.
        missing: utterances without any hypothesis; their glosses count as deleted.
        unclean: reference glosses that the rules would change if recognised, so that they can never be hit.
        mismatches: what keeps hypotheses from matching, whatever was signed; one line each.
    """

    rules: Rules
    sentences: tuple[Sentence, ...]
    missing: tuple[str, ...]
    unclean: tuple[str, ...]
    mismatches: tuple[str, ...] = ()

    @property
    def errors(self) -> Errors:
        """Errors of all sentences together."""
        return sum((sentence.errors for sentence in self.sentences), Errors())

    def summary(self) -> dict:
        """Everything, as plain JSON; the names are those of `tf-slr evaluate --json`."""
        return {
            "rules": self.rules.name,
            **self.errors.summary(),
            "sentences": len(self.sentences),
            "missing": list(self.missing),
            "notes": list(self.mismatches),
            "results": [
                {"id": sentence.id, **sentence.errors.summary(), "alignment": [list(pair) for pair in sentence.pairs]}
                for sentence in self.sentences
            ],
        }


def score_transcripts(
    hypotheses: Mapping[str, Sequence[Token]], references: Mapping[str, Reference], rules: Rules
) -> Scoresheet:
    """Clean, align and count.

    Raises:
        DataError: a hypothesis belongs to no reference.
    """
    unknown = [name for name in hypotheses if name not in references]
    if unknown:
        more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        raise DataError(f"the hypotheses have utterances that the references lack: {', '.join(unknown[:3])}{more}")
    sentences, names = [], set()
    for name, reference in references.items():
        recognised = rules.hypothesis(token.gloss for token in hypotheses.get(name, ()))
        names.update(recognised)
        pairs = align(rules.reference(reference.glosses), recognised, rules.weights)
        sentences.append(Sentence(name, tuple(pairs)))
    annotated = (rules.reference(reference.glosses) for reference in references.values())
    vocabulary = sorted({gloss for reference in references.values() for gloss in reference.glosses})
    return Scoresheet(
        rules,
        tuple(sentences),
        missing=tuple(name for name in references if not hypotheses.get(name)),
        unclean=tuple(gloss for gloss in vocabulary if rules.rewrite(gloss) != gloss),
        mismatches=tuple(name_notes(annotated, names, "the hypotheses")),
    )


def _kind(reference: str | None, hypothesis: str | None) -> str:
    if reference is None:
        return "I"
    if hypothesis is None:
        return "D"
    return "" if reference == hypothesis else "S"


def _width(text: str) -> int:
    """Columns on a terminal: Chinese glosses take two for each character."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
