"""Estimating a gloss n-gram: interpolated modified Kneser-Ney smoothing.

    p(w | h) = (a(h w) - D(a(h w))) / a(h .)  +  gamma(h) p(w | h without its first gloss)

where a counts how often the longest n-grams stand in the text, and of shorter ones how many different glosses stand
before them (n-grams at the beginning of a sentence, before which nothing can stand, are counted as they are). D
takes one of three discounts from counts of 1, 2, and 3 or more, and gamma(h) is what all discounts of a history
freed. Below the 1-grams lies an equal share for every gloss, `</s>` and `<unk>`.

Source: S. F. Chen and J. Goodman, "An Empirical Study of Smoothing Techniques for Language Modeling", TR-10-98,
Harvard 1998, equations 24 to 26; counts and marks of sentences as in K. Heafield et al., "Scalable Modified
Kneser-Ney Language Model Estimation", ACL 2013.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from tf_slr.core.errors import DataError, UsageError
from tf_slr.decoding.ngram import END, MAX_ORDER, START, UNKNOWN, ZERO, History, NGram

# For counts of 1, 2, and 3 or more.
Discounts = tuple[float, float, float]

# Where a text is too small to tell how often its rare n-grams would come again (the custom of KenLM).
SMALL_TEXT: Discounts = (0.5, 1.0, 1.5)


def estimate(sentences: Iterable[Sequence[str]], order: int) -> NGram:
    """An n-gram of some sentences.

    Args:
        sentences: the text, as glosses; a sentence without gloss counts as one.
        order: glosses in the longest n-gram, from 1 to 6.

    Raises:
        UsageError: another order.
        DataError: no sentence, or a gloss that is a mark of the model.
    """
    if not 1 <= order <= MAX_ORDER:
        raise UsageError(f"expected an order from 1 to {MAX_ORDER}, received {order}")
    raw = [Counter() for _ in range(order)]
    for sentence in sentences:
        marks = {START, END, UNKNOWN}.intersection(sentence)
        if marks:
            raise DataError(f"expected glosses, received {sorted(marks)[0]}, which is a mark of the language model")
        marked = (START, *sentence, END)
        for size, counts in enumerate(raw, start=1):
            counts.update(marked[i : i + size] for i in range(len(marked) - size + 1))
    if not raw[0]:
        raise DataError("expected sentences to count, received none")
    probabilities: dict[History, dict[str, float]] = {}
    backoffs: dict[History, float] = {}
    for size in range(1, order + 1):
        counts = _adjusted(raw[size - 1], raw[size] if size < order else None)
        listed, weights = _interpolated(counts, probabilities)
        probabilities |= listed
        backoffs |= weights
    logarithms = {
        history: {gloss: math.log10(share) for gloss, share in listed.items()}
        for history, listed in probabilities.items()
    }
    logarithms[()][START] = ZERO
    weights = {history: math.log10(weight) for history, weight in backoffs.items() if history and weight != 1}
    return NGram(order, logarithms, weights)


def _adjusted(counts: Mapping[History, int], longer: Mapping[History, int] | None) -> dict[History, int]:
    """What a(.) is for the n-grams of one length; `longer` are the counts of the next one."""
    if longer is None:
        adjusted = dict(counts)
    else:
        different = Counter(ngram[1:] for ngram in longer)
        adjusted = {ngram: count if ngram[0] == START else different[ngram] for ngram, count in counts.items()}
    adjusted.pop((START,), None)  # nobody predicts where a sentence begins
    return adjusted


def _interpolated(
    counts: Mapping[History, int], shorter: Mapping[History, Mapping[str, float]]
) -> tuple[dict[History, dict[str, float]], dict[History, float]]:
    """Probabilities of the n-grams of one length, and gamma of their histories, from those of the length below."""
    discounts = _discounts(Counter(counts.values()))
    taken = {ngram: discounts[min(count, 3) - 1] for ngram, count in counts.items()}
    totals: dict[History, int] = defaultdict(int)
    freed: dict[History, float] = defaultdict(float)
    for ngram, count in counts.items():
        totals[ngram[:-1]] += count
        freed[ngram[:-1]] += taken[ngram]
    gammas = {history: freed[history] / total for history, total in totals.items()}
    listed: dict[History, dict[str, float]] = defaultdict(dict)
    equal_share = 1 / (len(counts) + 1)  # of the 1-grams, `</s>` among them, and `<unk>`
    for (*head, gloss), count in counts.items():
        history = tuple(head)
        below = shorter[history[1:]][gloss] if history else equal_share
        share = (count - taken[*history, gloss]) / totals[history]
        listed[history][gloss] = share + gammas[history] * below
    if () in listed:
        listed[()][UNKNOWN] = gammas[()] * equal_share
    return dict(listed), gammas


def _discounts(frequencies: Mapping[int, int]) -> Discounts:
    """D1, D2 and D3+ from how many n-grams were counted once, twice, three and four times (equation 26)."""
    once, twice, thrice, four = (frequencies.get(count, 0) for count in (1, 2, 3, 4))
    if not once or not twice or not thrice:
        return SMALL_TEXT
    ratio = once / (once + 2 * twice)
    found = (1 - 2 * ratio * twice / once, 2 - 3 * ratio * thrice / twice, 3 - 4 * ratio * four / thrice)
    return found if all(0 < discount <= limit for limit, discount in enumerate(found, start=1)) else SMALL_TEXT
