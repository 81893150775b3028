"""Wrong sentences from right ones: the self-supervised pre-training of KD-MSLRT (arXiv 2501.02321, "Text Correction
Network").

It shuffles, deletes and inserts, and leaves some sentences as they are. Here glosses are substituted too, because
that is what recognisers do most.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tf_slr.core.bounds import bounded, check_bounds
from tf_slr.core.errors import UsageError

# Names that share less than this part of their letter triples are not similar.
SIMILAR = 0.3
NEIGHBOURS = 6


@dataclass(frozen=True)
class NoiseOptions:
    """How often a sentence is made wrong, and in which way; all are shares.

    Attributes:
        substitution, deletion: of the glosses.
        insertion: inserted glosses, for each true one.
        shuffle: of the glosses that change places with their right neighbour.
        clean: of the sentences that stay as they are.
        spread: how much the rates differ between sentences: each sentence multiplies them by a number drawn
            evenly from 1 - spread to 1 + spread.
        similar: of the substitutes that are taken from glosses with a similar name (SUED, SUEDOST), which are
            often signed similarly.
        plausible: of the substitutes and insertions that follow the gloss before them somewhere in the text;
            recognisers too make errors that read well.
    """

    substitution: float = bounded(0.12, 0, 1)
    deletion: float = bounded(0.1, 0, 1)
    insertion: float = bounded(0.03, 0, 1)
    shuffle: float = bounded(0.01, 0, 1)
    clean: float = bounded(0.1, 0, 1)
    spread: float = bounded(0.8, 0, 1)
    similar: float = bounded(0.3, 0, 1)
    plausible: float = bounded(0.4, 0, 1)

    def __post_init__(self) -> None:
        check_bounds(self, "noise.")
        if self.similar + self.plausible > 1:
            raise UsageError(f"noise: expected similar + plausible up to 1, received {self.similar + self.plausible}")


class Noise:
    """Makes sentences wrong.

    Args:
        options: how.
        sentences: the text, from whose glosses wrong ones are drawn.
    """

    def __init__(self, options: NoiseOptions, sentences: Iterable[Sequence[str]]) -> None:
        self.options = options
        counts: dict[str, int] = {}
        followers: dict[str, list[str]] = {}
        for sentence in sentences:
            for gloss in sentence:
                counts[gloss] = counts.get(gloss, 0) + 1
            for gloss, following in itertools.pairwise(sentence):
                followers.setdefault(gloss, []).append(following)
        self._glosses = sorted(counts)
        # Rare glosses are confused more often than they are signed.
        weights = np.array([counts[gloss] for gloss in self._glosses]) ** 0.75
        self._cumulated = np.cumsum(weights / weights.sum())
        self._followers, self._similar = followers, similar_names(self._glosses)

    def __call__(self, sentence: Sequence[str], rng: np.random.Generator) -> list[str]:
        """A wrong version of a sentence."""
        options = self.options
        if rng.random() < options.clean:
            return list(sentence)
        strength = rng.uniform(1 - options.spread, 1 + options.spread)
        wrong: list[str] = []
        for gloss in sentence:
            if rng.random() < strength * options.insertion:
                wrong.append(self._stranger(wrong, None, rng))
            fate = rng.random()
            if fate < strength * options.substitution:
                wrong.append(self._stranger(wrong, gloss, rng))
            elif fate >= strength * (options.substitution + options.deletion):
                wrong.append(gloss)
        if rng.random() < strength * options.insertion:
            wrong.append(self._stranger(wrong, None, rng))
        for i in range(len(wrong) - 1):
            if rng.random() < strength * options.shuffle:
                wrong[i], wrong[i + 1] = wrong[i + 1], wrong[i]
        return wrong

    def _stranger(self, before: Sequence[str], instead_of: str | None, rng: np.random.Generator) -> str:
        """A gloss that does not belong here; the right one only where the text knows no other."""
        kind = rng.random()
        similar = self._similar.get(instead_of, ())
        if kind < self.options.similar and similar:
            return similar[rng.integers(len(similar))]
        followers = self._followers.get(before[-1], ()) if before else ()
        if self.options.similar <= kind < self.options.similar + self.options.plausible and followers:
            gloss = followers[rng.integers(len(followers))]
            if gloss != instead_of:
                return gloss
        place = min(int(np.searchsorted(self._cumulated, rng.random())), len(self._glosses) - 1)
        if self._glosses[place] == instead_of:
            place = (place + 1) % len(self._glosses)
        return self._glosses[place]


def similar_names(glosses: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """For each gloss those whose names share the most letter triples with its own (Jaccard's index)."""
    triples = [{f"^{gloss}$"[i : i + 3] for i in range(len(gloss))} for gloss in glosses]
    holders: dict[str, list[int]] = {}
    for i, own in enumerate(triples):
        for triple in own:
            holders.setdefault(triple, []).append(i)
    result = {}
    for i, own in enumerate(triples):
        shared: dict[int, int] = {}
        for triple in own:
            for j in holders[triple]:
                shared[j] = shared.get(j, 0) + 1
        likeness = {j: n / (len(own) + len(triples[j]) - n) for j, n in shared.items() if j != i}
        near = sorted((j for j in likeness if likeness[j] >= SIMILAR), key=lambda j: (-likeness[j], j))
        result[glosses[i]] = tuple(glosses[j] for j in near[:NEIGHBOURS])
    return result
