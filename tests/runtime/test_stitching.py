"""Words of overlapping windows: each once, in order, for good."""

import pytest

from tf_slr.runtime import Word
from tf_slr.runtime.stitching import Stitcher


def words(text, length=0.2):
    """'A1.0 B2.5' -> words that start then and last `length` seconds."""
    parsed = [(part[0], float(part[1:])) for part in text.split()]
    return [Word(gloss, start, start + length, 1.0) for gloss, start in parsed]


def merged(*windows):
    """Glosses that each window ('words', limit) adds."""
    stitcher = Stitcher()
    return ["".join(word.gloss for word in stitcher.merge(words(text), until)) for text, until in windows]


def test_words_beyond_the_limit_wait():
    assert merged(("A1 B2", 1.5), ("A1 B2 C3", 2.1), ("A1 B2 C3", 2.2), ("A1 B2 C3", 9)) == ["A", "", "B", "C"]


def test_a_word_that_moved_is_the_same_word():
    assert merged(("A1 B2", 3), ("A1.1 B2.3 C3", 4), ("B1.8 C2.7 D4", 5)) == ["AB", "C", "D"]


def test_a_sign_that_is_repeated_is_two_words():
    assert merged(("A1", 2), ("A1 A1.7", 2.5), ("A0.9 A1.8 A2.6", 9)) == ["A", "A", "A"]


def test_what_was_committed_is_never_taken_back():
    assert merged(("A1 B2", 3), ("A1 X2 C3", 4), ("A1 D3", 5), ("A1", 6)) == ["AB", "C", "", ""]


def test_a_word_found_late_is_appended_if_it_follows():
    """Just before the limit one window saw nothing, the next a word."""
    assert merged(("A1", 2), ("A1 B1.7 C2.5", 3)) == ["A", "BC"]


def test_nothing_is_found_in_what_was_decided_long_ago():
    """A window that begins in the middle of a sign may read anything into its beginning."""
    assert merged(("A1", 5), ("X3 B5", 6)) == ["A", "B"]


@pytest.mark.parametrize(("start", "added"), [(1.39, ""), (1.41, "A"), (0.61, ""), (1.2, "")])
def test_two_places_of_one_gloss_are_one_word_up_to_four_tenths_of_a_second(start, added):
    assert merged(("A1", 1.3), (f"A{start}", 9)) == ["A", added]


def test_just_four_tenths_of_a_second_are_one_word():
    assert merged(("A0", 0.3), ("A0.4", 9)) == ["A", ""]


@pytest.mark.parametrize(("start", "added"), [(2.39, ""), (2.41, "B")])
def test_a_word_found_late_ends_at_most_four_tenths_of_a_second_before_the_limit(start, added):
    assert merged(("A1", 3), (f"A1 B{start}", 9)) == ["A", added]


def test_a_word_that_ends_just_four_tenths_of_a_second_before_the_limit_is_decided():
    stitcher = Stitcher()
    stitcher.merge([], 2)
    assert stitcher.merge([Word("A", 1.0, 1.6, 1.0), Word("B", 1.5, 1.7, 1.0)], 9) == [Word("B", 1.5, 1.7, 1.0)]


def test_of_several_places_the_nearest_is_the_word():
    assert merged(("A2", 2.3), ("A1.7 A2.1 C3", 4)) == ["A", "C"]
    assert merged(("A2", 2.3), ("A1.9 A2.35 C3", 4)) == ["A", "AC"]


def test_another_gloss_near_by_is_another_word():
    assert merged(("A2", 2.3), ("B1.9 A2 C3", 4)) == ["A", "C"]
    assert merged(("A2", 2.3), ("X2.3", 4)) == ["A", "X"]


def test_where_the_last_word_is_not_seen_again_what_begins_at_its_end_follows():
    assert merged(("A2", 2.3), ("X2.1 Y2.2", 4)) == ["A", "Y"]


def test_the_last_of_several_new_words_is_what_others_follow():
    assert merged(("A1 B2", 2.3), ("A1 B2 C3", 4)) == ["AB", "C"]
