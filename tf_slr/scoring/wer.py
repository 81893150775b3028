"""Word error rate: substitutions, deletions and insertions over reference glosses."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Weights:
    """What an alignment pays for each kind of error; the rate itself counts every error as one.

    With unit weights the errors are the fewest possible (Levenshtein's distance). NIST sclite's weights
    prefer a hit between a deletion and an insertion to two substitutions: the words that were
    recognised are found more often, the kinds of errors differ, and now and then there is one more.
    """

    substitution: int = 1
    deletion: int = 1
    insertion: int = 1


UNIT = Weights()
SCLITE = Weights(substitution=4, deletion=3, insertion=3)


@dataclass(frozen=True)
class Errors:
    """Error counts of one sentence, or summed over a corpus.

    Attributes:
        hits: reference glosses that were recognised.
        substitutions: reference glosses recognised as another gloss.
        deletions: reference glosses without counterpart.
        insertions: recognised glosses without counterpart.
    """

    hits: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def total(self) -> int:
        """All errors."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def reference(self) -> int:
        """Length of the reference."""
        return self.hits + self.substitutions + self.deletions

    @property
    def wer(self) -> float:
        """Errors / reference glosses; against an empty reference 0 if nothing was recognised, else infinite."""
        if self.reference == 0:
            return 0.0 if self.insertions == 0 else float("inf")
        return self.total / self.reference

    def __add__(self, other: "Errors") -> "Errors":
        return Errors(
            self.hits + other.hits,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )

    def summary(self) -> dict[str, float | int | None]:
        """The counts under the names every report uses, as plain JSON."""
        return {
            # Infinite where nothing was signed but something recognised; JSON has no infinity.
            "wer": self.wer if math.isfinite(self.wer) else None,
            "substitutions": self.substitutions,
            "deletions": self.deletions,
            "insertions": self.insertions,
            "glosses": self.reference,
        }


def describe(summary: Mapping[str, float | int | None]) -> str:
    """One line for a person from what `Errors.summary` gives."""
    rate = "undefined (no reference gloss)" if summary["wer"] is None else f"{100 * summary['wer']:6.2f} %"
    return (f"WER {rate}  ({summary['substitutions']} substituted, {summary['deletions']} deleted, "
            f"{summary['insertions']} inserted of {summary['glosses']} glosses)")  # fmt: skip


# One step of an alignment: (reference gloss or None, hypothesis gloss or None).
Pair = tuple[str | None, str | None]


def align(reference: Sequence[str], hypothesis: Sequence[str], weights: Weights = UNIT) -> list[Pair]:
    """Align two sentences at the least total weight.

    Among alignments of equal weight the result is the one that NIST sclite shows (SCTK 2.4, net_dp.c):
    traced from the end, it takes a hit or substitution before an insertion, and an insertion before
    a deletion. With sclite's weights the choice matters: it decides how many errors there are.
    """
    cost = _costs(reference, hypothesis, weights)
    pairs: list[Pair] = []
    i, j = len(reference), len(hypothesis)
    while i or j:
        here = cost[i, j]
        if i and j and here - cost[i - 1, j - 1] == weights.substitution * (reference[i - 1] != hypothesis[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((reference[i], hypothesis[j]))
        elif j and here - cost[i, j - 1] == weights.insertion:
            j -= 1
            pairs.append((None, hypothesis[j]))
        else:
            i -= 1
            pairs.append((reference[i], None))
    return pairs[::-1]


def _costs(reference: Sequence[str], hypothesis: Sequence[str], weights: Weights) -> np.ndarray:
    """Least weight [i, j] of aligning the first i reference glosses with the first j recognised ones."""
    ids: dict[str, int] = {}
    rows = [ids.setdefault(gloss, len(ids)) for gloss in reference]
    columns = np.array([ids.setdefault(gloss, len(ids)) for gloss in hypothesis], np.int32)
    insertions = np.arange(len(columns) + 1, dtype=np.int32) * weights.insertion
    cost = np.empty((len(rows) + 1, len(columns) + 1), np.int32)
    cost[0] = insertions
    for i, gloss in enumerate(rows, start=1):
        above, row = cost[i - 1], cost[i]
        row[0] = i * weights.deletion
        np.minimum(above[:-1] + (columns != gloss) * weights.substitution, above[1:] + weights.deletion, out=row[1:])
        # Insertions run along the row: the best start of the run is a running minimum once their weight is taken off.
        row -= insertions
        np.minimum.accumulate(row, out=row)
        row += insertions
    return cost


def count(pairs: Iterable[Pair]) -> Errors:
    """Count the errors of an alignment."""
    hits = substitutions = deletions = insertions = 0
    for reference, hypothesis in pairs:
        if reference is None:
            insertions += 1
        elif hypothesis is None:
            deletions += 1
        elif reference == hypothesis:
            hits += 1
        else:
            substitutions += 1
    return Errors(hits, substitutions, deletions, insertions)


def confusions(pairs: Iterable[Pair]) -> Counter[tuple[str, str]]:
    """(reference gloss, what it was recognised as instead) -> how often."""
    return Counter(pair for pair in pairs if None not in pair and pair[0] != pair[1])


def score(references: Sequence[Sequence[str]], hypotheses: Sequence[Sequence[str]], weights: Weights = UNIT) -> Errors:
    """Corpus-level errors: summed over sentences, so that long sentences weigh more.

    Raises:
        ValueError: the two lists differ in length.
    """
    pairs = zip(references, hypotheses, strict=True)
    return sum((count(align(reference, hypothesis, weights)) for reference, hypothesis in pairs), Errors())
