"""Clean-up rules: what a corpus' own evaluation does to recognised glosses before it counts errors.

Annotators write more than a sign's name (`loc-` for a place in signing space, `-PLUSPLUS` for a
repetition), and a recogniser learns to write it too. Published word error rates are counted after each
corpus' evaluation has taken that away. A rule set here reproduces one such evaluation.

**PHOENIX14** (`evaluatePhoenix2014.sh` of the release). The script edits the hypothesis only, a CTM file
with one gloss a line, and scores it with NIST sclite against an STM that comes cleaned. Its rules for two
glosses (WIE AUSSEHEN to WIE-AUSSEHEN, spelled letters joined by +, a repeated gloss merged) look for both on
one line, so they never apply; equal neighbours, also those that the clean-up makes, stay two glosses.
`__ON__` and `__OFF__` stay in both files and are scored.

**PHOENIX14T** (`evaluatePHOENIX-2014-T-signrecognition.sh`) does the same with other rules: every mark in double
underscores goes, `__ON__` and `__OFF__` included (the references have none); `poss-`, `qu-`, `lh-` and ZEIGEN
stay as they are; one capital before RAUM is enough; and equal neighbours are merged after the clean-up.

**CSL-Daily** has no such script. Its published rates come from a Python scorer that takes the glosses as
they are, merges equal neighbours of the hypothesis, and aligns with sclite's weights (VAC, CorrNet and
their successors use it).

Both scripts write `[EMPTY]` for a sentence without output, and sclite counts that as a wrong gloss: one
substitution more and one deletion less than here, the same number of errors. Python clean-ups that circulate
join a sentence first and treat both sides, so that the two-gloss rules do apply; their rates differ slightly.
"""

import re
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tf_slr.scoring.wer import SCLITE, UNIT, Weights


class Rewrite(NamedTuple):
    """One rule: what a regular expression finds in a gloss is replaced; an empty gloss is dropped."""

    pattern: str
    replacement: str


@dataclass(frozen=True)
class Rules:
    """How a corpus is scored.

    Attributes:
        name: what the command line calls it.
        rewrites: applied to each recognised gloss, one after the other.
        merge_repeats: whether equal neighbours of the cleaned hypothesis count once.
        ignore_case: whether a and A are the same, as for sclite (which leaves other alphabets alone).
        weights: of the alignment.
    """

    name: str
    rewrites: tuple[Rewrite, ...] = ()
    merge_repeats: bool = False
    ignore_case: bool = False
    weights: Weights = UNIT

    def rewrite(self, gloss: str) -> str:
        """A gloss without its marks; empty if nothing else was in it."""
        for pattern, replacement in self.rewrites:
            gloss = re.sub(pattern, replacement, gloss)
        return gloss

    def hypothesis(self, glosses: Iterable[str]) -> list[str]:
        """Recognised glosses as they are scored."""
        cleaned: list[str] = []
        for gloss in map(self.rewrite, glosses):
            if gloss and not (self.merge_repeats and cleaned and gloss == cleaned[-1]):
                cleaned.append(gloss)
        return self.reference(cleaned)

    def reference(self, glosses: Sequence[str]) -> list[str]:
        """Reference glosses as they are scored: the evaluations leave them as they come."""
        return [gloss.translate(_UPPER) for gloss in glosses] if self.ignore_case else list(glosses)


_UPPER = str.maketrans(string.ascii_lowercase, string.ascii_uppercase)

PHOENIX_2014 = Rules(
    "phoenix2014",
    rewrites=(
        Rewrite(r"loc-|cl-|qu-|poss-|lh-", ""),  # place, classifier, question, possessive, left hand
        Rewrite(r"S0NNE", "SONNE"),  # a misspelling of the annotation
        Rewrite(r"HABEN2", "HABEN"),
        Rewrite(r"__EMOTION__|__PU__|__LEFTHAND__", ""),
        Rewrite(r"ZEIGEN$", "ZEIGEN-BILDSCHIRM"),
        Rewrite(r"([A-Z][A-Z])RAUM", r"\1"),  # NORDRAUM, the north, is signed as NORD
        Rewrite(r"-PLUSPLUS", ""),  # repetition
        Rewrite(r".*__EPENTHESIS__.*", ""),  # the way from one sign to the next
        Rewrite(r"^\[EMPTY\]$", ""),
    ),
    ignore_case=True,
    weights=SCLITE,
)

PHOENIX_2014_T = Rules(
    "phoenix2014T",
    rewrites=(
        Rewrite(r".*(__LEFTHAND__|__EPENTHESIS__|__EMOTION__).*", ""),
        Rewrite(r"^__[^_]*__$", ""),  # __ON__, __OFF__, __PU__
        Rewrite(r"^loc-", ""),
        Rewrite(r"-PLUSPLUS$", ""),
        Rewrite(r"^cl-", ""),
        Rewrite(r"\b([A-Z]+)RAUM$", r"\1"),
        Rewrite(r"^\[EMPTY\]$", ""),
    ),
    merge_repeats=True,
    ignore_case=True,
    weights=SCLITE,
)

CSL_DAILY = Rules("csl-daily", merge_repeats=True, weights=SCLITE)

NONE = Rules("none")

RULES = {rules.name: rules for rules in (PHOENIX_2014, PHOENIX_2014_T, CSL_DAILY, NONE)}
