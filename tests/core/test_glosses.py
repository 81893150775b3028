"""Vocabulary and units."""

import pytest

from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.glosses import Vocabulary, canonical, folded, tokenise


def test_ids_start_at_one_and_round_trip(tmp_path):
    vocabulary = Vocabulary.of([["RAIN", "NORTH"], ["ABEND"]])
    assert vocabulary.glosses == ("ABEND", "NORTH", "RAIN")
    assert vocabulary.encode(["RAIN", "ABEND"]) == [3, 1]
    assert vocabulary.classes == 4
    vocabulary.save(tmp_path / "v.json")
    assert Vocabulary.load(tmp_path / "v.json") == vocabulary
    assert vocabulary.decode([3, 1]) == ("RAIN", "ABEND")


def test_units():
    assert tokenise(" NORD  REGEN ") == ("NORD", "REGEN")
    assert tokenise("你 好吗", "character") == ("你", "好", "吗")
    with pytest.raises(UsageError, match="word"):
        tokenise("A", "word")


def test_unknown_gloss_is_named():
    with pytest.raises(DataError, match="SNOW"):
        Vocabulary(("RAIN",)).encode(["RAIN", "SNOW"])


@pytest.mark.parametrize("text", ["[]", "{", '{"unit": "gloss"}', '{"unit": "gloss", "glosses": [1]}',
                                  '{"unit": "gloss", "glosses": ["A", "A"]}', '{"unit": "gloss", "glosses": ["A B"]}',
                                  '{"unit": "x", "glosses": []}', "[" * 100_000])  # fmt: skip
def test_damaged_vocabularies_are_refused(text):
    with pytest.raises(DataError):
        Vocabulary.parse(text)


@pytest.mark.parametrize(("text", "form"), [
    ("A\u200b", "A"), ("\ufeffA", "A"), ("A\u00adB", "AB"), ("\u200eA\u202e", "A"), ("A\u0308", "Ä"), ("A\u200d", "A"),
    ("\uff21", "\uff21"),  # full-width letters stay, and `check` notes them
    ("می\u200cروم", "می\u200cروم"), ("\u200cمی\u200c", "می"),  # Persian parts letters within a word, not at its ends
    ("क्\u200dष", "क्\u200dष"), ("क\u200dष", "कष"), ("ന്\u200d", "ന്\u200d"),  # after a virama
    ("👩\u200d🏫", "👩\u200d🏫"), ("👋🏽\u200b", "👋🏽"), ("loc-NORD+__ON__", "loc-NORD+__ON__"),
])  # fmt: skip
def test_a_gloss_has_one_form_and_keeps_what_its_script_needs(text, form):
    assert canonical(text) == form
    assert canonical(form) == form


def test_glosses_that_look_alike_fold_to_one():
    assert (
        len(
            {
                folded(gloss)
                for gloss in (
                    "Straße",
                    "STRASSE",
                    "\uff33\uff34\uff32\uff21\uff33\uff33\uff25",
                    "Stra\u200bsse",
                    "stra\u00adße",
                )
            }
        )
        == 1
    )
    assert folded("NORD") != folded("NORDEN")
