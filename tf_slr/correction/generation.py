"""Autoregressive search for any network that gives the next symbol: greedy, or a beam. It takes no reference."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tf_slr.core.bounds import bounded, check_bounds
from tf_slr.decoding.greedy import log_softmax

# (symbols [B], position, state [B, ...]) -> (logits [B, symbols] of the next one, state [B, ...]).
Step = Callable[[np.ndarray, int, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class SearchOptions:
    """How to search.

    Attributes:
        width: number of sentences kept after each step; 1 is greedy.
        normalise: a sentence of n symbols, its end included, has the score log p / n ** normalise. With 0 a
            beam prefers short sentences (Wu et al., arXiv 1609.08144, section 7).
    """

    width: int = bounded(1, 1, 1000)
    normalise: float = bounded(1.0, 0, 2)

    def __post_init__(self) -> None:
        check_bounds(self, "search.")


class Generated(NamedTuple):
    """A generated sentence without its end, its log probability, and its length-normalised score."""

    symbols: tuple[int, ...]
    log_probability: float
    score: float


def search(
    step: Step,
    state: np.ndarray,
    begin: int,
    end: int,
    limit: int,
    options: SearchOptions | None = None,
    forbidden: np.ndarray | None = None,
) -> list[Generated]:
    """Generate sentences.

    Args:
        step: the network.
        state: [1, ...] what it starts with.
        begin: symbol before the first one.
        end: symbol after the last one.
        limit: most symbols of a sentence; one that reaches it is ended there, at what its end costs.
        options: how to search.
        forbidden: bool [symbols], those never to be generated.

    Returns:
        The best `width` sentences that ended, best first.
    """
    options = options or SearchOptions()
    beam = [((), 0.0)]
    symbols, ended = np.array([begin], np.int32), []
    for position in range(limit + 1):
        logits, state = step(symbols, position, state)
        scores = log_softmax(logits.astype(np.float64))
        if forbidden is not None:
            scores[:, forbidden] = -np.inf
        if position == limit:
            ended += [_finished(prefix, total + row[end], options) for (prefix, total), row in zip(beam, scores,
                      strict=True)]  # fmt: skip
            break
        totals = scores + np.array([total for _, total in beam])[:, None]
        parents, chosen = np.unravel_index(_largest(totals.ravel(), options.width), totals.shape)
        grown, kept = [], []
        for parent, symbol in zip(parents.tolist(), chosen.tolist(), strict=True):
            prefix, total = beam[parent][0], float(totals[parent, symbol])
            if not np.isfinite(total):
                continue
            if symbol == end:
                ended.append(_finished(prefix, total, options))
            else:
                grown.append(((*prefix, symbol), total))
                kept.append(parent)
        beam = grown
        if not beam or len(ended) >= options.width:
            break
        symbols, state = np.array([prefix[-1] for prefix, _ in beam], np.int32), state[kept]
    return sorted(ended, key=lambda sentence: (-sentence.score, sentence.symbols))[: options.width]


def _largest(values: np.ndarray, count: int) -> np.ndarray:
    """Where the `count` largest of many values are, the largest first, of equal ones the first; all need no sorting."""
    count = min(count, len(values))
    candidates = np.flatnonzero(values >= np.partition(values, -count)[-count])
    return candidates[np.argsort(-values[candidates], kind="stable")[:count]]


def log_probabilities(
    step: Step, state: np.ndarray, begin: int, end: int, sentences: Sequence[Sequence[int]]
) -> list[float]:
    """Log probability of each of several sentences and its end.

    Args:
        step: the network.
        state: [1, ...] what it starts with.
        begin: symbol before the first one.
        end: symbol after the last one.
        sentences: of any lengths; all are read side by side.
    """
    steps = max(map(len, sentences)) + 1
    ended = np.array([[*sentence, *[end] * (steps - len(sentence))] for sentence in sentences], np.int32)
    symbols, state = np.full(len(ended), begin, np.int32), state.repeat(len(ended), 0)
    totals = np.zeros(len(ended))
    for position, following in enumerate(ended.T):
        logits, state = step(symbols, position, state)
        found = log_softmax(logits.astype(np.float64))[np.arange(len(ended)), following]
        # A shorter sentence has ended by then.
        totals += np.where([position <= len(sentence) for sentence in sentences], found, 0.0)
        symbols = following
    return totals.tolist()


def _finished(prefix: tuple[int, ...], total: float, options: SearchOptions) -> Generated:
    return Generated(prefix, float(total), float(total) / (len(prefix) + 1) ** options.normalise)
