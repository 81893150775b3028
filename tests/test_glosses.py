"""Vocabulary and units."""

import pytest

from tf_slr.errors import DataError, UsageError
from tf_slr.glosses import Vocabulary, tokenise


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
