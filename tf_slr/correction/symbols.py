"""What the corrector's classes mean: a vocabulary's glosses, and the few symbols that are none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tf_slr.core.glosses import BLANK, Vocabulary
from tf_slr.formats.alternatives import Alternatives
from tf_slr.scoring.cleanup import Rules

# The class that means 'no gloss belongs here'; padding as well.
NOTHING = BLANK
# Unknown glosses are numbered within a sentence, so that each can be put back where it was recognised.
UNKNOWNS = 8


def text_slots(glosses: Sequence[str]) -> list[Alternatives]:
    """A sentence without evidence: every gloss is certain."""
    return [Alternatives(0.0, 0.0, (gloss,), (1.0,), True) for gloss in glosses]


def recognised(slots: Sequence[Alternatives]) -> list[str]:
    """The recognised sentence: the first alternatives of the chosen slots."""
    return [slot.glosses[0] for slot in slots if slot.chosen]


def cleaned(slots: Sequence[Alternatives], rules: Rules) -> list[Alternatives | None]:
    """Slots as a corpus' rules write their glosses.

    Alternatives that become one gloss add up. What was recognised stays the first, even where the sum of others
    is now larger; a slot whose recognised gloss the rules drop counts as not chosen; one of which nothing is
    left becomes None.
    """
    result: list[Alternatives | None] = []
    for slot in slots:
        sums: dict[str, float] = {}
        names = [next(iter(rules.hypothesis([gloss])), "") for gloss in slot.glosses]
        for gloss, probability in zip(names, slot.probabilities, strict=True):
            if gloss:
                sums[gloss] = sums.get(gloss, 0.0) + probability
        if not sums:
            result.append(None)
            continue
        chosen = slot.chosen and bool(names[0])
        order = sorted(sums, key=lambda gloss: (chosen and gloss != names[0], -sums[gloss]))
        result.append(Alternatives(slot.start, slot.end, tuple(order), tuple(sums[gloss] for gloss in order), chosen))
    return result


class Encoded(NamedTuple):
    """A sentence's slots as ids; the first and the last one are the marks of its begin and end.

    Attributes:
        ids: for each slot the symbols of its alternatives.
        weights: their posteriors.
        chosen: 1.0 where decoding kept the slot.
        unknowns: the glosses that the numbered symbols stand for.
    """

    ids: list[list[int]]
    weights: list[list[float]]
    chosen: list[float]
    unknowns: tuple[str, ...]

    @property
    def sentence(self) -> list[int]:
        """The recognised symbol of each slot between the marks; `NOTHING` where none was taken."""
        return [ids[0] if chosen else NOTHING for ids, chosen in zip(self.ids[1:-1], self.chosen[1:-1], strict=True)]


@dataclass(frozen=True)
class Symbols:
    """The symbols of a vocabulary: `NOTHING`, its glosses from 1, then begin, end and the numbered unknowns."""

    vocabulary: Vocabulary

    @property
    def begin(self) -> int:
        """The mark before a sentence."""
        return self.vocabulary.classes

    @property
    def end(self) -> int:
        """The mark after a sentence."""
        return self.vocabulary.classes + 1

    @property
    def first_unknown(self) -> int:
        """The symbol of a sentence's first unknown gloss."""
        return self.vocabulary.classes + 2

    @property
    def count(self) -> int:
        """Number of symbols."""
        return self.first_unknown + UNKNOWNS

    def encode(self, slots: Sequence[Alternatives]) -> Encoded:
        """Slots -> ids. More different unknown glosses than numbers share the last one."""
        unknowns: list[str] = []
        inner = [self.numbered(slot.glosses, unknowns) for slot in slots]
        return Encoded(
            [[self.begin], *inner, [self.end]],
            [[1.0], *(list(slot.probabilities) for slot in slots), [1.0]],
            [1.0, *(float(slot.chosen) for slot in slots), 1.0],
            tuple(unknowns),
        )

    def numbered(self, glosses: Sequence[str], unknowns: list[str]) -> list[int]:
        """Glosses -> symbols; those that the vocabulary lacks are added to the sentence's unknowns."""
        symbols = []
        for gloss in glosses:
            if gloss in self.vocabulary:
                symbols += self.vocabulary.encode([gloss])
                continue
            if gloss not in unknowns:
                unknowns.append(gloss)
            symbols.append(self.first_unknown + min(unknowns.index(gloss), UNKNOWNS - 1))
        return symbols

    def is_gloss(self, symbol: int) -> bool:
        """Whether a symbol stands for a gloss of the vocabulary."""
        return NOTHING < symbol < self.vocabulary.classes
