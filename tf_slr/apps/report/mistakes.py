"""What a recogniser gets wrong: which glosses it confuses, misses and invents, and how sure its WER is."""

from collections import Counter
from typing import NamedTuple

import numpy as np

from tf_slr.scoring.wer import Pair, align, confusions, count
from tf_slr.training.evaluation import Evaluation

RESAMPLES = 2000


class Mistakes(NamedTuple):
    """Errors of a split, counted.

    Attributes:
        sentences: the alignment of each clip, in the evaluation's order.
        signed: how often each gloss stands in the references.
        confused: (reference, recognised) -> how often.
        missed: gloss -> how often it was deleted.
        invented: gloss -> how often it was inserted.
    """

    sentences: tuple[tuple[Pair, ...], ...]
    signed: Counter[str]
    confused: Counter[tuple[str, str]]
    missed: Counter[str]
    invented: Counter[str]

    @classmethod
    def of(cls, evaluation: Evaluation) -> "Mistakes":
        """Count the errors of an evaluation."""
        sentences = tuple(
            tuple(align(sample.glosses, hypothesis))
            for sample, hypothesis in zip(evaluation.samples, evaluation.hypotheses, strict=True)
        )
        pairs = [pair for sentence in sentences for pair in sentence]
        return cls(
            sentences,
            signed=Counter(reference for reference, _ in pairs if reference is not None),
            confused=confusions(pairs),
            missed=Counter(reference for reference, hypothesis in pairs if hypothesis is None),
            invented=Counter(hypothesis for reference, hypothesis in pairs if reference is None),
        )

    @property
    def whole(self) -> int:
        """Sentences without any error."""
        return sum(all(reference == hypothesis for reference, hypothesis in pairs) for pairs in self.sentences)

    def interval(self, seed: int = 0) -> tuple[float, float] | None:
        """95 % interval of the WER over sentences like these (percentile bootstrap, Efron 1979).

        Returns:
            None where there are too few sentences to say, or no reference gloss.
        """
        errors = [count(pairs) for pairs in self.sentences]
        totals = np.array([error.total for error in errors])
        glosses = np.array([error.reference for error in errors])
        if len(errors) < 10 or glosses.min() == 0:
            return None
        rng = np.random.default_rng(seed)
        rates = []
        for _ in range(RESAMPLES):
            drawn = rng.integers(0, len(errors), len(errors))
            rates.append(totals[drawn].sum() / glosses[drawn].sum())
        low, high = np.percentile(rates, (2.5, 97.5))
        return float(low), float(high)


def telling(mistakes: Mistakes, most: int) -> dict[int, str]:
    """Which sentences show the mistakes best: the number of each, and what it shows.

    A sentence recognised as a whole comes first; then, for the commonest
    confusions, omissions and inventions, the first sentence that holds each;
    then the one with the most errors.
    """
    chosen: dict[int, str] = {}
    numbered = list(enumerate(mistakes.sentences))

    def choose(holds, why: str) -> None:
        found = next((number for number, pairs in numbered if number not in chosen and pairs and holds(pairs)), None)
        if found is not None and len(chosen) < most:
            chosen[found] = why

    usual = int(np.median([len(pairs) for pairs in mistakes.sentences]))
    choose(lambda pairs: len(pairs) >= usual and all(a == b for a, b in pairs), "recognised without an error")
    for pair, _ in mistakes.confused.most_common(2):
        choose(lambda pairs, pair=pair: pair in pairs, f"{pair[0]} is recognised as {pair[1]}")
    for gloss, _ in mistakes.missed.most_common(1):
        choose(lambda pairs, gloss=gloss: (gloss, None) in pairs, f"{gloss} is missed")
    for gloss, _ in mistakes.invented.most_common(1):
        choose(lambda pairs, gloss=gloss: (None, gloss) in pairs, f"{gloss} is invented")
    worst = max(numbered, key=lambda item: count(item[1]).total)
    if count(worst[1]).total:
        choose(lambda pairs: pairs is worst[1], "the sentence with the most errors")
    return chosen
