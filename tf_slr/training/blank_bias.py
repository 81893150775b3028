"""A bias on the blank, chosen on dev, for a recogniser that rather says nothing than something wrong.

CTC's cheapest way to be unsure is the blank: a network of few sentences or
little training leaves glosses out where it half knows them, and puts in none
that is not there. Where this is so, a little taken off the blank's logit turns
many deletions into hits. A network that has learned enough gains nothing, and
keeps the logits it has.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tf_slr.core.glosses import BLANK, Vocabulary
from tf_slr.corpus.manifest import Sample
from tf_slr.decoding.greedy import greedy
from tf_slr.scoring.wer import score

# What is tried, from what changes least: natural logarithms of odds.
GRID = (0.0, *(sign * half / 2 for half in range(1, 11) for sign in (-1, 1)))
# A bias must save more errors than so many standard deviations of what chance saves or costs.
BEYOND_CHANCE = 2.0


def shifted(logits: np.ndarray, bias: float) -> np.ndarray:
    """Logits [T, classes] with a bias on the blank."""
    logits = np.array(logits, np.float32)
    logits[:, BLANK] += bias
    return logits


@dataclass(frozen=True)
class Tally:
    """Sums over sentences, which add up over the processes that recognise parts of dev.

    Attributes:
        sentences: how many.
        glosses: in their references.
        errors: [len(GRID)] under each bias.
        squares: [len(GRID)] of what each sentence gains by it, squared.
    """

    sentences: int
    glosses: int
    errors: tuple[int, ...]
    squares: tuple[int, ...]

    @classmethod
    def of(cls, logits: Iterable[np.ndarray], samples: Sequence[Sample], vocabulary: Vocabulary) -> "Tally":
        """Decode every clip greedily under every bias.

        Args:
            logits: [T, classes] of each clip.
            samples: their references.
            vocabulary: ids of the glosses.
        """
        found = np.zeros((len(samples), len(GRID)), int)
        for i, (clip, sample) in enumerate(zip(logits, samples, strict=True)):
            for j, bias in enumerate(GRID):
                hypothesis = vocabulary.decode(segment.gloss for segment in greedy(shifted(clip, bias)))
                found[i, j] = score([sample.glosses], [hypothesis]).total
        gains = found[:, :1] - found
        return cls(
            len(samples),
            sum(len(sample.glosses) for sample in samples),
            tuple(found.sum(0).tolist()),
            tuple((gains**2).sum(0).tolist()),
        )

    @classmethod
    def from_numbers(cls, numbers: Sequence[int]) -> "Tally":
        """The reverse of `numbers`."""
        sentences, glosses, *rest = numbers
        return cls(sentences, glosses, tuple(rest[: len(GRID)]), tuple(rest[len(GRID) :]))

    @property
    def numbers(self) -> list[int]:
        """All sums in a row."""
        return [self.sentences, self.glosses, *self.errors, *self.squares]

    def choice(self) -> tuple[float, float]:
        """The bias and the WER with it: the one with fewest errors, or 0 where it gains no more than chance does."""
        best = min(range(len(GRID)), key=lambda j: self.errors[j])
        # Of a total of gains whose signs are chance; a few sentences that gain alike prove nothing.
        spread = math.sqrt(self.squares[best])
        if self.errors[0] - self.errors[best] <= BEYOND_CHANCE * spread:
            best = 0
        return GRID[best], self.errors[best] / self.glosses
