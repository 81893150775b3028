"""What one step of training sees: slots, and what they should have been, as padded arrays."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tf_slr.correction.symbols import NOTHING, Encoded, Symbols
from tf_slr.formats.alternatives import Alternatives

# A target that no loss counts.
IGNORED = -1
# Examples are sorted by length within this many batches, so that little is padded.
WINDOW = 16

# What the costs of an alignment are: those of sclite, in units of one deleted gloss.
SUBSTITUTION, MISSING, SUPERFLUOUS = 4 / 3, 1.0, 1.0
# No alignment makes a weak peak a gloss that is not among its alternatives.
IMPOSSIBLE = 1e6


class Example(NamedTuple):
    """A sentence as recognised, or made wrong, and as annotated."""

    slots: tuple[Alternatives, ...]
    truth: tuple[str, ...]


def fitting(slots: Sequence[Alternatives], limit: int) -> tuple[Alternatives, ...]:
    """At most `limit` slots in their order: weak peaks go first, and of them the least likely."""
    if len(slots) <= limit:
        return tuple(slots)
    order = sorted(range(len(slots)), key=lambda i: (not slots[i].chosen, -sum(slots[i].probabilities), i))
    return tuple(slots[i] for i in sorted(order[:limit]))


class Item(NamedTuple):
    """An example as symbols.

    Attributes:
        encoded: the slots, begin and end included.
        slots: [N + 2] what belongs into each slot; IGNORED for the marks.
        gaps: [N + 1] the first gloss that is missing before each slot and before the end.
        truth: the sentence.
    """

    encoded: Encoded
    slots: list[int]
    gaps: list[int]
    truth: list[int]


def item(example: Example, symbols: Symbols) -> Item:
    """An example -> symbols and targets. An unknown gloss that no slot holds cannot be learned and is left out."""
    encoded = symbols.encode(example.slots)
    known = [gloss for gloss in example.truth if gloss in symbols.vocabulary or gloss in encoded.unknowns]
    truth = symbols.numbered(known, list(encoded.unknowns))
    slots, gaps = targets(encoded, truth)
    return Item(encoded, [IGNORED, *slots, IGNORED], gaps, truth)


def targets(encoded: Encoded, truth: Sequence[int]) -> tuple[list[int], list[int]]:
    """Align a sentence with slots at the least cost.

    A chosen slot pays for an error as sclite counts it; an alternative that was signed makes a substitution
    cheaper the likelier it was. A weak peak costs nothing to leave and takes only its own alternatives.

    Returns:
        The true symbol of each slot [N] (NOTHING for none), and the first missing one of each gap [N + 1].
    """
    ids, weights, chosen = encoded.ids[1:-1], encoded.weights[1:-1], encoded.chosen[1:-1]
    rows, columns = len(ids), len(truth)
    cost = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    cost[0] = [MISSING * j for j in range(columns + 1)]
    swap = [_swaps(*slot, truth) for slot in zip(ids, weights, chosen, strict=True)]
    for i in range(1, rows + 1):
        above, row, leave = cost[i - 1], cost[i], SUPERFLUOUS * chosen[i - 1]
        row[0] = above[0] + leave
        for j in range(1, columns + 1):
            row[j] = min(above[j - 1] + swap[i - 1][j - 1], above[j] + leave, row[j - 1] + MISSING)
    slots, gaps = [NOTHING] * rows, [NOTHING] * (rows + 1)
    i, j = rows, columns
    while i or j:
        if i and j and cost[i][j] == cost[i - 1][j - 1] + swap[i - 1][j - 1]:
            i, j = i - 1, j - 1
            slots[i] = truth[j]
        elif j and cost[i][j] == cost[i][j - 1] + MISSING:
            j -= 1
            gaps[i] = truth[j]
        else:
            i -= 1
    return slots, gaps


def _swaps(ids: Sequence[int], weights: Sequence[float], chosen: float, truth: Sequence[int]) -> list[float]:
    """What it costs that a slot was each of the glosses of a sentence."""
    if not chosen:
        costs = {symbol: 1 - weight for symbol, weight in zip(ids, weights, strict=True)}
        return [costs.get(symbol, IMPOSSIBLE) for symbol in truth]
    costs = {symbol: SUBSTITUTION - weight / 3 for symbol, weight in zip(ids, weights, strict=True)} | {ids[0]: 0.0}
    return [costs.get(symbol, SUBSTITUTION) for symbol in truth]


# The arrays of a batch, by name; see `collate`.
Batch = dict[str, np.ndarray]


def collate(items: Sequence[Item], symbols: Symbols) -> Batch:
    """Pad items to one batch.

    Returns:
        "ids" int32 and "weights" float32 [B, P, A], "chosen" float32 [B, P], "prefix" int32 [B, L] (the truth after
        the mark of its begin), and the targets "slots" [B, P], "gaps" [B, P-1], "next" [B, L], IGNORED where padded.
    """
    places = max(len(one.slots) for one in items)
    width = max(len(ids) for one in items for ids in one.encoded.ids)
    length = max(len(one.truth) for one in items) + 1
    count = len(items)
    batch = {
        "ids": np.zeros((count, places, width), np.int32),
        "weights": np.zeros((count, places, width), np.float32),
        "chosen": np.zeros((count, places), np.float32),
        "prefix": np.zeros((count, length), np.int32),
        "slots": np.full((count, places), IGNORED, np.int32),
        "gaps": np.full((count, places - 1), IGNORED, np.int32),
        "next": np.full((count, length), IGNORED, np.int32),
    }
    for row, (encoded, slots, gaps, truth) in enumerate(items):
        for place, (ids, weights) in enumerate(zip(encoded.ids, encoded.weights, strict=True)):
            batch["ids"][row, place, : len(ids)] = ids
            batch["weights"][row, place, : len(ids)] = weights
        batch["chosen"][row, : len(slots)] = encoded.chosen
        batch["slots"][row, : len(slots)] = slots
        batch["gaps"][row, : len(gaps)] = gaps
        batch["prefix"][row, : len(truth) + 1] = [symbols.begin, *truth]
        batch["next"][row, : len(truth) + 1] = [*truth, symbols.end]
    return batch


def batches(
    items: Sequence[Item], symbols: Symbols, size: int, rng: np.random.Generator | None = None
) -> Iterator[Batch]:
    """Batches of similar lengths, in random order, or in that of the lengths without `rng`."""
    order = np.arange(len(items)) if rng is None else rng.permutation(len(items))
    window = len(items) if rng is None else size * WINDOW
    groups = []
    for start in range(0, len(order), window):
        members = sorted(order[start : start + window].tolist(), key=lambda i: len(items[i].slots))
        groups += [members[first : first + size] for first in range(0, len(members), size)]
    for number in range(len(groups)) if rng is None else rng.permutation(len(groups)):
        yield collate([items[i] for i in groups[number]], symbols)
