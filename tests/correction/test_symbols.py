"""Slots as symbols: unknown glosses keep their identity, clean-up keeps what was recognised."""

from hypothesis import given
from hypothesis import strategies as st

from tf_slr.core.glosses import Vocabulary
from tf_slr.correction.symbols import NOTHING, UNKNOWNS, Symbols, cleaned, recognised, text_slots
from tf_slr.formats.alternatives import Alternatives
from tf_slr.scoring.cleanup import NONE, PHOENIX_2014

SYMBOLS = Symbols(Vocabulary(("NORD", "REGEN", "SUED")))


def slot(*pairs, chosen=True):
    return Alternatives(0.0, 0.1, tuple(name for name, _ in pairs), tuple(p for _, p in pairs), chosen)


def test_numbers_of_glosses_are_the_vocabularys():
    encoded = SYMBOLS.encode(text_slots(["REGEN", "NORD"]))
    assert encoded.ids == [[SYMBOLS.begin], [2], [1], [SYMBOLS.end]]
    assert encoded.sentence == [2, 1]
    assert SYMBOLS.encode([slot(("NORD", 0.2), chosen=False)]).sentence == [NOTHING]


@given(st.lists(st.sampled_from(["NORD", *(f"X{i}" for i in range(12))]), max_size=20))
def test_equal_unknown_glosses_have_one_number_and_all_numbers_exist(glosses):
    encoded = SYMBOLS.encode(text_slots(glosses))
    unknown = [gloss for gloss in dict.fromkeys(glosses) if gloss != "NORD"]
    assert list(encoded.unknowns) == unknown
    for gloss, symbol in zip(glosses, encoded.sentence, strict=True):
        if gloss == "NORD":
            assert symbol == 1
        else:
            assert symbol == SYMBOLS.first_unknown + min(unknown.index(gloss), UNKNOWNS - 1) < SYMBOLS.count
            assert not SYMBOLS.is_gloss(symbol)


def test_alternatives_that_are_cleaned_to_one_gloss_add_up():
    (one,) = cleaned([slot(("loc-NORD", 0.4), ("SUED", 0.3), ("NORD", 0.2))], PHOENIX_2014)
    assert one.glosses == ("NORD", "SUED")
    assert one.probabilities == (0.4 + 0.2, 0.3)


def test_what_was_recognised_stays_first_after_clean_up():
    (one,) = cleaned([slot(("NORD", 0.4), ("SUED", 0.3), ("loc-SUED", 0.25))], PHOENIX_2014)
    assert one.glosses == ("NORD", "SUED")
    assert recognised([one]) == ["NORD"]


def test_a_slot_of_marks_alone_is_gone_and_one_with_more_is_no_longer_chosen():
    gone, left = cleaned([slot(("__PU__", 1.0)), slot(("__PU__", 0.6), ("REGEN", 0.3))], PHOENIX_2014)
    assert gone is None
    assert (left.glosses, left.chosen) == (("REGEN",), False)


def test_no_rules_change_nothing():
    slots = [slot(("A", 0.5), ("B", 0.3)), slot(("C", 0.2), chosen=False)]
    assert cleaned(slots, NONE) == slots
