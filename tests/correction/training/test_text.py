"""Where the sentences come from."""

import pytest

from tf_slr.core.errors import DataError
from tf_slr.corpus.manifest import Corpus
from tf_slr.correction.training.text import text_of_corpus, text_of_table
from tf_slr.scoring.cleanup import NONE, PHOENIX_2014

PHOENIX = "id|folder|signer|annotation\na|a/1/*.png|S1|loc-NORD  REGEN __PU__\nb|b/1/*.png|S1|__EMOTION__\n" \
          "c|c/1/*.png|S2|REGEN\n"  # fmt: skip


def test_phoenix_list_is_read_and_cleaned(tmp_path):
    path = tmp_path / "train.corpus.csv"
    path.write_text(PHOENIX)
    text = text_of_table(path, PHOENIX_2014)
    assert text.sentences == {"a": ("NORD", "REGEN"), "c": ("REGEN",)}
    assert text.vocabulary.glosses == ("NORD", "REGEN")
    raw = text_of_table(path, NONE)
    assert raw.sentences["a"] == ("loc-NORD", "REGEN", "__PU__")
    assert raw.fingerprint != text.fingerprint


def test_sentences_that_the_rules_empty_are_known_by_name(tmp_path):
    (tmp_path / "list.csv").write_text(PHOENIX)
    assert text_of_table(tmp_path / "list.csv", PHOENIX_2014).emptied == {"b"}


def test_other_columns_and_characters(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text("name|orth\n1|ab c\n2|d\n3\n")
    text = text_of_table(path, NONE, "character")
    assert text.sentences == {"1": ("a", "b", "c"), "2": ("d",)}
    assert text.longest == 3
    assert len(text.notes) == 1
    assert "row 4" in text.notes[0]


@pytest.mark.parametrize(("content", "message"), [
    ("", "expected columns id or name"), ("id|words\n", "annotation or orth"),
    ("id|glosses\na|X\na|Y\n", r"row 3: 'a' stands twice"),
    ("id|glosses\na|X\n", "at least 2 sentences to learn from, found 1"),
])  # fmt: skip
def test_what_is_no_list_is_refused(tmp_path, content, message):
    path = tmp_path / "list.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        text_of_table(path, NONE)


def test_a_corpus_gives_its_training_sentences_and_no_others(tiny_corpus):
    corpus = Corpus(tiny_corpus)
    text = text_of_corpus(corpus, NONE)
    assert text.sentences == {sample.id: sample.glosses for sample in corpus.split("train")}
