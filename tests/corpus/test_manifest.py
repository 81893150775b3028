"""The corpus on disk: reading and writing."""

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.landmarks import POINTS, Clip
from tf_slr.corpus.manifest import Corpus, CorpusInfo, Sample, landmark_path, read_clip, write_clip, write_corpus
from tf_slr.importers.entries import Entry
from tf_slr.importers.plan import Plan

INFO = CorpusInfo("tiny", "test", fps=25.0, licence="none")


def clip_of(frames=20, seed=0):
    rng = np.random.default_rng(seed)
    landmarks = rng.random((frames, POINTS, 3)).astype(np.float16)
    landmarks[3, 50:71] = np.nan
    return Clip(landmarks, rng.random((frames, 2, 3)).astype(np.float32), 1.25)


def sample_of(root, name, glosses=("A", "B"), frames=20, **fields):
    write_clip(root / landmark_path(name), clip_of(frames))
    return Sample(name, "s1", frames, glosses, landmarks=landmark_path(name), **fields)


@pytest.fixture
def corpus(tmp_path):
    splits = {
        "train": [
            sample_of(tmp_path, "a"),
            sample_of(tmp_path, "b", ("B", "C"), text='with "quotes", commas\nand lines'),
        ],
        "dev": [sample_of(tmp_path, "c", ("C",))],
        "test": [sample_of(tmp_path, "d", ("A",))],
    }
    assert write_corpus(tmp_path, INFO, splits) == []
    return tmp_path


def test_round_trip(corpus):
    opened = Corpus(corpus)
    assert opened.info == INFO
    assert [sample.id for sample in opened.split("train")] == ["a", "b"]
    assert opened.split("train")[1].text == 'with "quotes", commas\nand lines'
    assert opened.vocabulary().glosses == ("A", "B", "C")
    clip = opened.clip(opened.split("dev")[0])
    assert np.array_equal(clip.landmarks, clip_of().landmarks, equal_nan=True)
    assert np.array_equal(clip.shoulders, clip_of().shoulders)
    assert clip.aspect == 1.25


@settings(max_examples=200)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), min_size=2, max_size=4))
def test_whatever_is_signed_or_said_comes_back(tmp_path_factory, texts):
    root = tmp_path_factory.getbasetemp() / "round-trip"
    samples = [Sample(f"s{i}", text, 20, ("A",), text, video=f"v/{text}") for i, text in enumerate(texts)]
    write_corpus(root, INFO, {"train": samples})
    assert Corpus(root).split("train") == samples


def test_long_fields_and_lists_from_spreadsheets_come_back(tmp_path):
    long = Sample("long", "s", 10**6, ("GLOSS",) * 60_000, "text " * 40_000)
    write_corpus(tmp_path, INFO, {"train": [long]})
    assert Corpus(tmp_path).split("train") == [long]
    text = (tmp_path / "train.csv").read_text()
    (tmp_path / "train.csv").write_bytes(("\ufeff" + text.replace("\n", "\r\n")).encode())
    assert Corpus(tmp_path).split("train") == [long]


def test_a_name_that_is_no_text_is_refused_at_once(tmp_path):
    with pytest.raises(DataError, match=r"the corpus' name: expected UTF-8 text, found 'stra\\udcdfe'"):
        CorpusInfo(os.fsdecode(b"stra\xdfe"), "x")
    entry = Entry("a", tmp_path / os.fsdecode(b"stra\xdfe") / "a.mp4", ("A",), split="train")
    with pytest.raises(DataError, match=r"a: expected UTF-8 text.*rename the file or folder"):
        Plan(INFO, (entry,))


def test_character_units_round_trip(tmp_path):
    info = CorpusInfo("news", "CSL", unit="character")
    write_corpus(tmp_path, info, {"train": [sample_of(tmp_path, "n", ("你", "好"))]})
    assert (tmp_path / "train.csv").read_text().count("你好") == 1
    assert Corpus(tmp_path).split("train")[0].glosses == ("你", "好")


def test_infeasible_samples_are_named_and_left_out(tmp_path):
    long_enough = sample_of(tmp_path, "ok", ("A", "A", "B"), frames=16)
    too_short = sample_of(tmp_path, "short", ("A", "A", "B"), frames=12)
    lines = write_corpus(tmp_path, INFO, {"train": [long_enough, too_short]})
    assert len(lines) == 1
    assert "short" in lines[0]
    assert [sample.id for sample in Corpus(tmp_path).split("train")] == ["ok"]


def test_a_corpus_without_training_data_is_not_written(tmp_path):
    with pytest.raises(DataError, match="no usable training sample"):
        write_corpus(tmp_path, INFO, {"train": []})
    assert not (tmp_path / "corpus.toml").exists()


def test_an_id_stands_once(tmp_path):
    sample = sample_of(tmp_path, "a")
    with pytest.raises(DataError, match="'a' stands twice"):
        write_corpus(tmp_path, INFO, {"train": [sample], "dev": [sample]})


@pytest.mark.parametrize("toml", ["name = 'x'", "name = 'x'\nlanguage = 'y'\nunit = 'word'", "name", "nome = 'x'",
                                  "name = 'x'\nlanguage = 'y'\nfps = 0"])  # fmt: skip
def test_bad_descriptions_are_refused(corpus, toml):
    (corpus / "corpus.toml").write_text(toml)
    with pytest.raises((DataError, UsageError), match=r"corpus\.toml"):
        Corpus(corpus)


def test_a_folder_that_is_no_corpus_is_refused(tmp_path):
    with pytest.raises(DataError, match="tf-slr prepare"):
        Corpus(tmp_path)


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden"])
def test_ids_that_are_no_file_names_are_refused(name):
    with pytest.raises(DataError, match="file name"):
        landmark_path(name)


def test_aspect_must_be_a_sane_number(tmp_path):
    np.savez(tmp_path / "a.npz", landmarks=np.zeros((5, 92, 3), np.float32), aspect=np.float32(1000))
    with pytest.raises(DataError, match="aspect"):
        read_clip(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("change", "advice"),
    [
        (lambda text: text.replace(",", ";").encode(), "save it with commas, as 'CSV UTF-8'"),
        (lambda text: text.encode("utf-16"), r"is not UTF-8 text but UTF-16 .*save it as UTF-8"),
    ],
)
def test_a_list_that_a_spreadsheet_has_rewritten_says_how_to_save_it(tmp_path, change, advice):
    write_corpus(tmp_path, CorpusInfo("a", "b"), {"train": [Sample("a", "s", 40, ("A",))]})
    path = tmp_path / "train.csv"
    path.write_bytes(change(path.read_text()))
    with pytest.raises(DataError, match=advice):
        Corpus(tmp_path).split("train")
