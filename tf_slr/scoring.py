"""Word error rate: substitutions, deletions and insertions over reference glosses."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


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


# One step of an alignment: (reference gloss or None, hypothesis gloss or None).
Pair = tuple[str | None, str | None]


def align(reference: Sequence[str], hypothesis: Sequence[str]) -> list[Pair]:
    """Align two sentences with the least number of errors (unit costs).

    Among alignments of equal cost a substitution is preferred to a deletion
    and a deletion to an insertion, so that the result is unique.
    """
    rows, columns = len(reference), len(hypothesis)
    cost = [[0] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows + 1):
        cost[i][0] = i
    cost[0] = list(range(columns + 1))
    for i in range(1, rows + 1):
        for j in range(1, columns + 1):
            different = reference[i - 1] != hypothesis[j - 1]
            cost[i][j] = min(cost[i - 1][j - 1] + different, cost[i - 1][j] + 1, cost[i][j - 1] + 1)
    pairs: list[Pair] = []
    i, j = rows, columns
    while i or j:
        if i and j and cost[i][j] == cost[i - 1][j - 1] + (reference[i - 1] != hypothesis[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((reference[i], hypothesis[j]))
        elif i and cost[i][j] == cost[i - 1][j] + 1:
            i -= 1
            pairs.append((reference[i], None))
        else:
            j -= 1
            pairs.append((None, hypothesis[j]))
    return pairs[::-1]


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


def score(references: Sequence[Sequence[str]], hypotheses: Sequence[Sequence[str]]) -> Errors:
    """Corpus-level errors: summed over sentences, so that long sentences weigh more.

    Raises:
        ValueError: the two lists differ in length.
    """
    pairs = zip(references, hypotheses, strict=True)
    return sum((count(align(reference, hypothesis)) for reference, hypothesis in pairs), Errors())
