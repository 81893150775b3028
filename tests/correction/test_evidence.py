"""Evidence, against every path through its windows."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tf_slr.core.errors import UsageError
from tf_slr.core.glosses import Vocabulary
from tf_slr.correction.evidence import EvidenceOptions, Slot, evidence, named
from tf_slr.decoding.greedy import greedy, log_softmax

grids = arrays(np.float64, st.tuples(st.integers(0, 14), st.integers(2, 6)), elements=st.floats(-9, 9))
# Few distinct values, so that ties are common.
tied = arrays(np.float32, st.tuples(st.integers(0, 14), st.integers(2, 6)), elements=st.sampled_from([0, 1, 4]))


def logs(*rows):
    """Logits whose posteriors are these."""
    return np.log(np.array(rows) + 1e-9)


def brute_force(posteriors):
    """Probability of no gloss and of each single gloss in a window, given that there is at most one."""
    masses = np.zeros(posteriors.shape[1])
    for classes in itertools.product(range(posteriors.shape[1]), repeat=len(posteriors)):
        sentence = [k for k, _ in itertools.groupby(classes) if k]
        if len(sentence) <= 1:
            masses[sum(sentence)] += posteriors[range(len(posteriors)), classes].prod()
    return masses / masses.sum()


@settings(max_examples=300)
@given(st.one_of(grids, tied), st.integers(1, 7), st.floats(0.01, 0.9))
def test_the_chosen_slots_are_the_greedy_sentence_and_every_slot_is_a_distribution(logits, top, floor):
    slots = evidence(logits, EvidenceOptions(top, floor))
    chosen = [slot for slot in slots if slot.chosen]
    assert [(slot.glosses[0], slot.start, slot.stop) for slot in chosen] == [segment[:3] for segment in greedy(logits)]
    ends = [0, *(slot.stop for slot in slots)]
    starts = [*(slot.start for slot in slots), len(logits)]
    assert all(stop <= start for stop, start in zip(ends, starts, strict=True))
    for slot in slots:
        assert slot.start < slot.stop
        assert 1 <= len(slot.glosses) == len(set(slot.glosses)) <= top
        assert all(0 < gloss < logits.shape[1] for gloss in slot.glosses)
        assert list(slot.probabilities) == sorted(slot.probabilities, reverse=True)
        assert min(slot.probabilities) >= 0
        assert sum(slot.probabilities) <= 1 + 1e-6


@settings(max_examples=60)
@given(arrays(np.float64, st.tuples(st.integers(1, 5), st.just(4)), elements=st.floats(-4, 4)))
def test_probabilities_of_a_recognised_window_are_those_of_its_paths(logits):
    for slot in evidence(logits, EvidenceOptions(top=9, least=0.0)):
        if slot.chosen:
            expected = brute_force(np.exp(log_softmax(logits[slot.start : slot.stop])))
            assert dict(zip(slot.glosses, slot.probabilities, strict=True)) == {
                k: pytest.approx(expected[k], abs=1e-9) for k in (1, 2, 3)
            }


def test_a_weak_peak_that_greedy_dropped_is_kept_with_what_it_may_be():
    slots = evidence(logs([0.01, 0.98, 0.01], [0.99, 0.005, 0.005], [0.7, 0.1, 0.2], [0.99, 0.005, 0.005]))
    assert [slot.chosen for slot in slots] == [True, False]
    assert slots[1][:3] == (2, 3, (2, 1))
    assert slots[1].probabilities == pytest.approx((0.2, 0.1), abs=1e-6)


def test_a_peak_below_the_floor_is_no_slot():
    logits = logs([0.9, 0.07, 0.03], [0.999, 0.0005, 0.0005])
    assert evidence(logits, EvidenceOptions(floor=0.11)) == []
    assert len(evidence(logits, EvidenceOptions(floor=0.09))) == 1


def test_a_fading_gloss_is_not_taken_for_a_second_one():
    peak = ([0.9, 0.1, 0.0], [0.6, 0.4, 0.0], [0.1, 0.9, 0.0], [0.7, 0.3, 0.0], [0.9, 0.1, 0.0])
    assert [slot[:3] for slot in evidence(logs(*peak))] == [(2, 3, (1,))]
    again = evidence(logs(*peak, [0.8, 0.2, 0.0]))
    assert [(slot.start, slot.chosen) for slot in again] == [(2, True), (5, False)]
    other = evidence(logs(*peak[:3], [0.6, 0.2, 0.2], [0.99, 0.01, 0.0]))
    assert other[1][:3] == (3, 4, (2,))
    assert other[1].probabilities == pytest.approx((0.2,), abs=1e-6)


def test_two_humps_are_two_slots_and_a_dent_is_none():
    def humps(*masses):
        return [slot[:2] for slot in evidence(logs(*([1 - mass, mass] for mass in masses)))]

    assert humps(0.1, 0.4, 0.15, 0.45, 0.2) == [(0, 2), (2, 5)]
    assert humps(0.1, 0.4, 0.3, 0.45, 0.2) == [(0, 5)]
    assert humps(0.4, 0.1, 0.06, 0.08) == [(0, 4)]


def test_long_certain_and_uncertain_clips_do_not_underflow():
    for value in (0.0, 1e4):
        logits = np.zeros((3000, 5), np.float32)
        logits[:, 2] = value + 1e-3
        (slot,) = evidence(logits)
        assert slot.glosses[0] == 2
        assert np.isfinite(slot.probabilities).all()


def test_names_and_seconds():
    slot = Slot(2, 4, (2, 1), (0.7, 0.2), True)
    (found,) = named([slot], Vocabulary(("A", "B")), 14, 10.0)
    assert found == (0.8, 1.4, ("B", "A"), (0.7, 0.2), True)  # the last step stands for two frames only


def test_options_are_checked():
    for wrong in ({"top": 0}, {"floor": 0.0}, {"floor": 1.0}, {"least": -0.1}):
        with pytest.raises(UsageError, match="expected"):
            EvidenceOptions(**wrong)
