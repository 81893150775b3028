"""Edits of a recognised sentence, and when to trust them.

Under the word error rate the best decision for a slot compares two posteriors only: replacing a gloss c by b
saves an error if b was signed, costs one if c was, and changes nothing else; deleting c saves one if nothing
was signed there; inserting b saves one if b is missing. So an edit is worth making where the log odds of its
outcome against the present state, its margin, is positive - if the posteriors are right. How far they can be
trusted is measured on dev, kind by kind (`Margins`): where a recogniser makes an error more often than the
training assumed, even an edit of negative margin may pay.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tf_slr.core.bounds import bounded, check_bounds
from tf_slr.correction.symbols import NOTHING

REPLACE, DELETE, INSERT = "replace", "delete", "insert"
# A whole sentence generated anew, which is taken or left as one.
REWRITE = "rewrite"
KINDS = (REPLACE, DELETE, INSERT, REWRITE)
# Edits with a margin below this are not even proposed.
LEAST = -3.0


class Edit(NamedTuple):
    """One proposed change.

    Attributes:
        kind: REPLACE, DELETE or INSERT.
        place: index of the slot, or, of an insertion between slots, of the slot before which it goes.
        gap: whether it goes between slots; else it changes what the slot `place` says.
        symbol: the new gloss, NOTHING for a deletion.
        margin: log odds of the edit against leaving the sentence as it is.
    """

    kind: str
    place: int
    gap: bool
    symbol: int
    margin: float


@dataclass(frozen=True)
class Margins:
    """The least margin of each kind of edit; infinite where dev gave no reason to make such edits."""

    replace: float = bounded(2.0, LEAST, math.inf)
    delete: float = bounded(2.0, LEAST, math.inf)
    insert: float = bounded(2.0, LEAST, math.inf)
    rewrite: float = bounded(0.5, LEAST, math.inf)

    def __post_init__(self) -> None:
        check_bounds(self, "margins.")

    @classmethod
    def never(cls) -> "Margins":
        """Margins that no edit reaches."""
        return cls(math.inf, math.inf, math.inf, math.inf)

    def accept(self, kind: str, margin: float) -> bool:
        """Whether an edit is to be made."""
        return margin >= getattr(self, kind)


def propose(slots: np.ndarray, gaps: np.ndarray, sentence: Sequence[int], glosses: int) -> list[Edit]:
    """The likeliest change of each slot and each gap, where it is not much less likely than none.

    Args:
        slots: log posteriors [N, symbols] of what belongs into each slot.
        gaps: log posteriors [N + 1, symbols] of what is missing before each slot and at the end.
        sentence: [N] the recognised symbols; NOTHING where none was taken.
        glosses: symbols from 1 up to, not including, this one are glosses of the vocabulary; no other
            one is ever proposed.
    """
    edits = []
    for gap, rows, present in ((False, slots, sentence), (True, gaps, [NOTHING] * len(gaps))):
        others = rows[:, :glosses].copy()
        for row, now in zip(others, present, strict=True):
            row[now : now + 1] = -np.inf  # nothing to take out where an unknown gloss stands
        best = others.argmax(1)
        for place, (symbol, now) in enumerate(zip(best.tolist(), present, strict=True)):
            margin = float(rows[place, symbol] - rows[place, now])
            if margin > LEAST:
                kind = DELETE if symbol == NOTHING else INSERT if now == NOTHING else REPLACE
                edits.append(Edit(kind, place, gap, symbol, margin))
    return edits


class Placed(NamedTuple):
    """A symbol of an edited sentence, and the slots [first, stop) it stands for; none for one between slots."""

    symbol: int
    first: int
    stop: int


def apply(sentence: Sequence[int], edits: Sequence[Edit]) -> list[Placed]:
    """The sentence after some edits, in the order of the slots."""
    changed = {edit.place: edit.symbol for edit in edits if not edit.gap}
    inserted = {edit.place: edit.symbol for edit in edits if edit.gap}
    result = []
    for place in range(len(sentence) + 1):
        if place in inserted:
            result.append(Placed(inserted[place], place, place))
        if place < len(sentence):
            symbol = changed.get(place, sentence[place])
            if symbol != NOTHING:
                result.append(Placed(symbol, place, place + 1))
    return result
