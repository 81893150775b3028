"""How likely a whole sentence is by a corrector's posteriors, which score each slot and each gap of a recognised one.

Slots and gaps stand in a row: gap, slot, gap, ..., slot, gap. Each says one gloss or nothing, independently of the
others once the sentence was seen, so that a sentence's probability is the sum over all ways to spread it over them.
"""

from collections.abc import Sequence

import numpy as np

from tf_slr.correction.symbols import NOTHING


def sentence_scores(slots: np.ndarray, gaps: np.ndarray, sentences: Sequence[Sequence[int]]) -> np.ndarray:
    """Log probabilities of sentences.

    Args:
        slots: log posteriors [N, symbols] of what belongs into each slot.
        gaps: log posteriors [N + 1, symbols] of what is missing before each slot and at the end.
        sentences: their symbols.

    Returns:
        [sentences] float64; -inf for one with more glosses than there are places.
    """
    places = np.empty((2 * len(slots) + 1, gaps.shape[1]))
    places[::2], places[1::2] = gaps, slots
    lengths = np.array([len(sentence) for sentence in sentences], int)
    symbols = np.full((len(sentences), lengths.max(initial=0)), NOTHING)
    for row, sentence in zip(symbols, sentences, strict=True):
        row[: len(sentence)] = sentence
    # scores[:, n]: of having said the first n glosses. What a short sentence's padding says is never looked at.
    scores = np.full((len(sentences), symbols.shape[1] + 1), -np.inf)
    scores[:, 0] = 0.0
    for place in places:
        said = scores[:, :-1] + place[symbols]
        scores += place[NOTHING]
        np.logaddexp(scores[:, 1:], said, out=scores[:, 1:])
    return scores[np.arange(len(sentences)), lengths]
