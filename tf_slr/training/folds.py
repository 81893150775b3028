"""How a training split is dealt into folds for cross-fitting, and which recipes can be."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from tf_slr.core.errors import UsageError
from tf_slr.corpus.manifest import Sample
from tf_slr.training.recipe import Recipe


def deal(samples: Sequence[Sample], folds: int, seed: int) -> list[int]:
    """The fold of each sample, from 0.

    Clips of the same sentence stay together, else the run that recognises one has seen the other. Every fold gets
    about its share of each signer and gloss: sentences with the rarest glosses are dealt first, each to the fold that
    has least of what is in it (iterative stratification: K. Sechidis et al., ECML 2011).

    Raises:
        UsageError: there are fewer different sentences than folds, or fewer than two folds.
    """
    sentences: dict[tuple[str, ...], list[int]] = {}
    for i, sample in enumerate(samples):
        sentences.setdefault(sample.glosses, []).append(i)
    if not 2 <= folds <= len(sentences):
        raise UsageError(f"expected 2 to {len(sentences)} folds, one different sentence or more in each, "
                         f"received {folds}")  # fmt: skip
    # Signers and glosses may share a name.
    properties = [Counter([("signer", sample.signer), *(("gloss", g) for g in sample.glosses)]) for sample in samples]
    totals = _sum(properties)
    groups = list(sentences.values())
    np.random.default_rng(seed).shuffle(groups)
    groups.sort(key=lambda group: min(totals[name] for name in properties[group[0]]))
    dealt = [Counter() for _ in range(folds)]
    sizes, numbers = [0] * folds, [0] * len(samples)
    for group in groups:
        held = _sum(properties[i] for i in group)

        def fullness(fold: int, held: Counter = held) -> tuple[float, int]:
            return sum(dealt[fold][name] / totals[name] for name in held), sizes[fold]

        # An empty fold comes first, so that each gets a sentence.
        fold = min(range(folds), key=lambda n: (sizes[n] > 0, *fullness(n)))
        dealt[fold].update(held)
        sizes[fold] += len(group)
        for i in group:
            numbers[i] = fold
    return numbers


def _sum(counters: Iterable[Counter]) -> Counter:
    total = Counter()
    for counter in counters:
        total.update(counter)
    return total


def require_foldable(recipe: Recipe) -> None:
    """See that the runs of folds can be trained by a recipe.

    Raises:
        UsageError: it learns from what has seen the clips that are held out, or reads whole splits.
    """
    if recipe.distill.teacher:
        raise UsageError("distill.teacher: a teacher has seen the clips that are held out; cross-fitting needs a "
                         "recipe without one")  # fmt: skip
    if recipe.training.init and Path(recipe.training.init).is_dir():
        raise UsageError("training.init: a run has seen the clips that are held out; cross-fitting needs a recipe "
                         "without one (weights of other data, .npz, may be named)")  # fmt: skip
    if recipe.features.source == "shards":
        raise UsageError("features.source: shards hold whole splits, and a fold is none; "
                         "expected memory or files (--set features.source=files)")  # fmt: skip
