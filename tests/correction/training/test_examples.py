"""Targets of slots and gaps: applying them as edits gives the truth back."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tf_slr.core.glosses import Vocabulary
from tf_slr.correction.symbols import NOTHING, Symbols, text_slots
from tf_slr.correction.training.examples import IGNORED, Example, batches, collate, fitting, item
from tf_slr.formats.alternatives import Alternatives

GLOSSES = ("A", "B", "C", "D")
SYMBOLS = Symbols(Vocabulary(GLOSSES))
SENTENCE = st.lists(st.sampled_from(GLOSSES), max_size=8)


def slot(*pairs, chosen=True):
    return Alternatives(0.0, 0.0, tuple(name for name, _ in pairs), tuple(p for _, p in pairs), chosen)


def rebuilt(one):
    """The sentence of the targets: the missing gloss of each gap, then what belongs into the slot."""
    slots = [*one.slots[1:-1], NOTHING]
    return [symbol for pair in zip(one.gaps, slots, strict=True) for symbol in pair if symbol != NOTHING]


@given(SENTENCE, SENTENCE)
def test_targets_give_the_truth_back_but_for_all_but_one_gloss_missing_in_one_gap(hypothesis, truth):
    one = item(Example(tuple(text_slots(hypothesis)), tuple(truth)), SYMBOLS)
    remaining = iter(one.truth)
    assert all(symbol in remaining for symbol in rebuilt(one))  # a subsequence
    if hypothesis == truth:
        assert one.slots[1:-1] == one.truth
        assert not any(one.gaps)


def test_each_kind_of_error_has_its_target():
    one = item(Example(tuple(text_slots("ABBD")), tuple("ACBCD")), SYMBOLS)
    assert one.slots == [IGNORED, 1, 2, 3, 4, IGNORED]
    assert one.gaps == [0, 3, 0, 0, 0]
    superfluous = item(Example(tuple(text_slots("ABC")), tuple("AC")), SYMBOLS)
    assert superfluous.slots == [IGNORED, 1, NOTHING, 3, IGNORED]


def test_weak_peaks_and_alternatives_draw_the_alignment():
    weak = item(Example((slot(("A", 1.0)), slot(("B", 0.3), chosen=False)), ("A", "B")), SYMBOLS)
    assert (weak.slots[1:-1], weak.gaps) == ([1, 2], [0, 0, 0])
    dropped = item(Example((slot(("A", 1.0)), slot(("B", 0.3), chosen=False)), ("A",)), SYMBOLS)
    assert (dropped.slots[1:-1], dropped.gaps) == ([1, NOTHING], [0, 0, 0])
    # Of two wrong slots the one that had the truth among its alternatives takes it.
    two = item(Example((slot(("B", 0.6), ("D", 0.4)), slot(("C", 0.9))), ("D",)), SYMBOLS)
    assert two.slots[1:-1] == [4, NOTHING]
    # A weak peak never becomes a gloss that is not among its alternatives.
    other = item(Example((slot(("B", 0.3), chosen=False),), ("A",)), SYMBOLS)
    assert (other.slots[1:-1], other.gaps) == ([NOTHING], [0, 1])


def test_unknown_glosses_keep_their_number_and_those_that_no_slot_holds_are_left_out():
    one = item(Example(tuple(text_slots(["A", "X", "Y"])), ("A", "Z", "Y")), SYMBOLS)
    assert one.truth == [1, SYMBOLS.first_unknown + 1]
    assert one.slots[1:-1] == [1, NOTHING, SYMBOLS.first_unknown + 1]


def test_too_many_slots_lose_the_weakest_first():
    slots = [slot(("A", 1.0)), slot(("B", 0.1), chosen=False), slot(("C", 0.4), chosen=False), slot(("D", 0.2))]
    assert [one.glosses[0] for one in fitting(slots, 3)] == ["A", "C", "D"]
    assert [one.glosses[0] for one in fitting(slots, 2)] == ["A", "D"]


def test_a_batch_is_padded_and_says_where():
    items = [item(Example(tuple(text_slots(h)), tuple(t)), SYMBOLS) for h, t in (("ABC", "AB"), ("", "D"))]
    batch = collate(items, SYMBOLS)
    assert batch["ids"].shape == (2, 5, 1)
    assert batch["ids"][1, :, 0].tolist() == [SYMBOLS.begin, SYMBOLS.end, 0, 0, 0]
    assert batch["slots"].tolist() == [[-1, 1, 2, 0, -1], [-1] * 5]
    assert batch["gaps"].tolist() == [[0, 0, 0, 0], [4, -1, -1, -1]]
    assert batch["prefix"].tolist() == [[SYMBOLS.begin, 1, 2], [SYMBOLS.begin, 4, 0]]
    assert batch["next"].tolist() == [[1, 2, SYMBOLS.end], [4, SYMBOLS.end, -1]]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(1, 7))
def test_every_item_is_in_one_batch_and_order_depends_on_the_seed_alone(lengths, size):
    items = [item(Example(tuple(text_slots("A" * n)), ("A",) * n), SYMBOLS) for n in lengths]
    one, two = (list(batches(items, SYMBOLS, size, np.random.default_rng(5))) for _ in range(2))
    assert all(np.array_equal(a["ids"], b["ids"]) for a, b in zip(one, two, strict=True))
    found = sorted(int(n) - 2 for batch in one for n in (batch["ids"][:, :, 0] > 0).sum(1))
    assert found == sorted(lengths)
    assert max(len(batch["ids"]) for batch in one) <= size
