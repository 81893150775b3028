"""Isolated signs and the sentences composed of them."""

import numpy as np
import pytest

from tests.tiny import GLOSSES, isolated
from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.landmarks import Clip, Normalisation, body_frame, normalise
from tf_slr.corpus.check import check_corpus
from tf_slr.corpus.compose import ASPECT, BODY, ComposeOptions, place, prepare_isolated, resample, transition
from tf_slr.corpus.isolated import gloss_name, hold_out, read_isolated
from tf_slr.corpus.manifest import Corpus, CorpusInfo

INFO = CorpusInfo("tiny", "test")
FEW = ComposeOptions(train=30, dev=6, test=10, background="REST", min_signs=2, max_signs=4)


@pytest.fixture
def signs(tmp_path):
    return isolated(tmp_path / "signs.npz")


def prepare(out, train, test=(), options=FEW):
    return prepare_isolated([str(path) for path in train], [str(path) for path in test], out, options, INFO)


def test_composed_corpus_is_whole_and_repeatable(tmp_path, signs):
    for name in ("one", "two"):
        assert prepare(tmp_path / name, [signs]) == []
    corpus = Corpus(tmp_path / "one")
    assert check_corpus(corpus.root) == []
    assert corpus.vocabulary().glosses == tuple(sorted(GLOSSES))  # the background is no gloss
    assert [len(corpus.split(split)) for split in ("train", "dev", "test")] == [30, 6, 10]
    assert all(2 <= len(sample.glosses) <= 4 for sample in corpus.split("train"))
    for path in sorted((tmp_path / "one").rglob("*.*")):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


def test_takes_never_cross_splits(signs):
    clips, _ = read_isolated(signs)
    rest, test = hold_out(clips, 0.25)
    train, dev = hold_out(rest, 0.2)
    takes = [{(clip.gloss, clip.take) for clip in split} for split in (train, dev, test)]
    assert takes[0].isdisjoint(takes[1])
    assert takes[0].isdisjoint(takes[2])
    assert takes[1].isdisjoint(takes[2])
    assert {take for _, take in takes[2]} == {6, 7}  # the last quarter
    assert {take for _, take in takes[1]} == {5}
    assert {gloss for gloss, _ in takes[0]} == {*GLOSSES, "REST"}


def test_sentences_of_a_split_hold_its_own_takes_only(tmp_path, signs):
    """Each take carries its number in the depth of a finger, which composing scales by one constant."""
    with np.load(signs) as arrays:
        content = dict(arrays)
    content["landmarks"][:, :, 80, 2] = 0.01 * (1 + content["take"][:, None])
    np.savez(signs, **content)
    prepare(tmp_path / "c", [signs], options=ComposeOptions(**{**vars(FEW), "test_share": 0.25, "dev_share": 0.2}))
    corpus, takes = Corpus(tmp_path / "c"), {}
    unit = place(read_isolated(signs)[0][0].clip, BODY).landmarks[0, 80, 2]  # that of take 0
    for split in ("train", "dev", "test"):
        depths = np.concatenate([corpus.clip(sample).landmarks[:, 80, 2] for sample in corpus.split(split)])
        numbers = depths.astype(float) / unit - 1
        whole = numbers[np.abs(numbers - numbers.round()) < 0.02]  # transitions lie in between
        values, counts = np.unique(whole.round(), return_counts=True)
        takes[split] = {int(value) for value, count in zip(values, counts, strict=True) if count > 20}
    assert takes == {"train": {0, 1, 2, 3, 4}, "dev": {5}, "test": {6, 7}}


def test_takes_are_counted_within_each_file(tmp_path, signs):
    other = isolated(tmp_path / "other.npz", takes=4, seed=5, glosses=("UP",))
    clips = read_isolated(signs)[0] + read_isolated(other)[0]
    _, held = hold_out(clips, 0.25)
    assert {(clip.source.endswith("other.npz"), clip.take) for clip in held if clip.gloss == "UP"} == {
        (False, 6), (False, 7), (True, 3)}  # fmt: skip


def test_a_recording_in_train_and_test_is_left_out(tmp_path, signs):
    fresh = isolated(tmp_path / "fresh.npz", takes=3, seed=9, first_take=20)
    lines = prepare(tmp_path / "c", [signs], [fresh, signs])
    assert len(lines) == 8 * 5
    assert all("also a training recording" in line for line in lines)
    with pytest.raises(DataError, match="every test recording"):
        prepare(tmp_path / "d", [signs], [signs])


def test_a_recording_in_train_and_dev_is_left_out(tmp_path, signs):
    """One that stands in two sets under other numbers, so that its takes are dealt to both."""
    with np.load(signs) as arrays:
        content = dict(arrays)
    content["take"] = content["take"].max() - content["take"]
    np.savez(tmp_path / "turned.npz", **content)
    fresh = isolated(tmp_path / "fresh.npz", takes=3, seed=9, first_take=20)
    with pytest.raises(DataError, match="every dev recording is also a training recording"):
        prepare(tmp_path / "c", [signs, tmp_path / "turned.npz"], [fresh])


def test_what_cannot_be_composed_leaves_the_corpus_that_was_there(tmp_path, signs):
    prepare(tmp_path / "c", [signs])
    before = {path: path.read_bytes() for path in (tmp_path / "c").rglob("*.*")}
    few = isolated(tmp_path / "few.npz", takes=2)
    with pytest.raises(DataError, match="dev has no sign: record more takes"):
        prepare(tmp_path / "c", [few], [signs])
    assert {path: path.read_bytes() for path in (tmp_path / "c").rglob("*.*")} == before


def test_an_unknown_test_gloss_is_left_out_by_name(tmp_path, signs):
    strange = isolated(tmp_path / "t.npz", takes=2, seed=3, glosses=("UP", "CLAP"))
    with np.load(strange) as arrays:
        content = dict(arrays)
    content["gloss"] = np.array(["NEW" if gloss == "CLAP" else str(gloss) for gloss in content["gloss"]])
    np.savez(strange, **content)
    lines = prepare(tmp_path / "c", [signs], [strange])
    assert len(lines) == 2
    assert all("'NEW' has no training clip" in line for line in lines)


def test_prefixes_keep_two_languages_apart(tmp_path, signs):
    prepare(tmp_path / "c", [f"asl={signs}", f"bsl={isolated(tmp_path / 'b.npz', seed=4)}"])
    glosses = Corpus(tmp_path / "c").vocabulary().glosses
    assert len(glosses) == 2 * len(GLOSSES)
    assert {"asl:UP", "bsl:UP"} <= set(glosses)


def test_unknown_background_is_refused_with_the_known_glosses(tmp_path, signs):
    with pytest.raises(DataError, match=r"'IDLE'.*CIRCLE"):
        prepare(tmp_path / "c", [signs], options=ComposeOptions(background="IDLE"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.pop("take"), "take missing"),
        (lambda a: a.update(landmarks=a["landmarks"][:, :, :90]), "expected landmarks"),
        (lambda a: a.update(gloss=a["gloss"][:-1]), r"of shape \[40\]"),
        (lambda a: a.update(take=a["take"].astype(float)), "whole numbers"),
        (lambda a: a.update(shoulders=a["shoulders"][:, :-1]), "shoulders"),
        (lambda a: a.update(aspect=np.full(40, 1.5)), "expected aspect to be one number"),
        (lambda a: a.update(aspect=np.array("4:3")), "expected aspect to be one number"),
        (lambda a: a.update(landmarks=np.full_like(a["landmarks"], np.nan)), "no usable clip"),
    ],
)
def test_unfit_sets_are_refused(tmp_path, signs, change, message):
    with np.load(signs) as arrays:
        content = dict(arrays)
    change(content)
    np.savez(signs, **content)
    with pytest.raises(DataError, match=message):
        prepare(tmp_path / "c", [signs])
    assert not (tmp_path / "c/corpus.toml").exists()


def test_empty_clips_are_named_and_padding_is_cut(signs):
    with np.load(signs) as arrays:
        content = dict(arrays)
    content["landmarks"][3] = np.nan
    content["landmarks"][4, 10:] = np.nan
    np.savez(signs, **content)
    clips, lines = read_isolated(signs)
    assert len(clips) == 39
    assert len(lines) == 1
    assert "clip 3 (UP, take 3)" in lines[0]
    assert len(clips[3].clip.landmarks) == 10


def test_labels_with_spaces_become_one_gloss():
    assert gloss_name(" thank  you ") == "thank-you"


def test_placing_brings_every_signer_to_one_body():
    rng = np.random.default_rng(0)
    clip = Clip(rng.random((6, 92, 3), np.float32), np.tile([[0.7, 0.5, 0], [0.5, 0.5, 0.0]], (6, 1, 1)), 0.8)
    placed = place(clip, BODY)
    assert body_frame(placed).origin == pytest.approx(BODY.origin, abs=1e-5)
    assert body_frame(placed).scale == pytest.approx(BODY.scale, abs=1e-5)
    assert placed.aspect == ASPECT
    assert np.allclose(normalise(placed, Normalisation()), normalise(clip, Normalisation()), atol=1e-4)


def test_transition_is_smooth_and_keeps_missing_points_missing():
    start, end = np.zeros((3, 3), np.float32), np.ones((3, 3), np.float32)
    end[2] = np.nan
    way = transition(start, end, 5)
    assert way.shape == (5, 3, 3)
    assert np.isnan(way[:, 2]).all()
    steps = np.diff(np.r_[0, way[:, 0, 0], 1])
    assert (steps > 0).all()
    assert steps[0] < steps[3]  # slow at the ends
    assert np.allclose(way[:, 0, 0] + way[::-1, 0, 0], 1, atol=1e-6)


def test_resampling_keeps_the_ends_and_known_points():
    frames = np.arange(10, dtype=np.float32)[:, None, None] * np.ones((1, 2, 3), np.float32)
    frames[4, 1] = np.nan
    slow = resample(frames, 19)
    assert np.allclose(slow[:, 0, 0], np.arange(19) / 2)
    assert np.isnan(slow[8, 1]).all()
    assert np.isfinite(slow[9:, 1]).all()
    assert slow[9, 1, 0] == 5  # halfway, but only the later frame is known


def test_options_are_checked():
    with pytest.raises(UsageError, match="min_signs"):
        ComposeOptions(min_signs=4, max_signs=3)
    with pytest.raises(UsageError, match="expected from 1"):
        ComposeOptions(dev=0)
    with pytest.raises(UsageError, match="share"):
        hold_out([], 1.0)
