"""The embedded corpus: what is promised of its files, its sentences, its body and its tracker."""

import dataclasses
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from tf_slr.cli.main import main
from tf_slr.core.errors import UsageError
from tf_slr.core.landmarks import (
    LEFT_WRIST,
    LIPS,
    LIPS_INDICES,
    MIRROR,
    POINTS,
    POSE,
    RIGHT_WRIST,
    Normalisation,
    check_clip,
    normalise,
)
from tf_slr.corpus.manifest import SPLITS, Corpus
from tf_slr.synth import lexicon, motion
from tf_slr.synth.defects import HANDS, Defects, missing_share, track
from tf_slr.synth.lexicon import SIGN_OF
from tf_slr.synth.signer import SIGNERS
from tf_slr.synth.signsynth import SignsynthOptions, performance, plan_sentences, write_signsynth

TINY = SignsynthOptions(train=5, dev=1, test=2, frame_size=64)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Corpus:
    root = tmp_path_factory.mktemp("signsynth")
    assert write_signsynth(root, SignsynthOptions(train=90, dev=12, test=20)) == []
    return Corpus(root)


def contents(root) -> dict:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_the_same_options_give_the_same_bytes_whatever_the_number_of_processes(tmp_path):
    write_signsynth(tmp_path / "one", TINY)
    write_signsynth(tmp_path / "two", dataclasses.replace(TINY, workers=2))
    one = contents(tmp_path / "one")
    # With the record of what was written.
    assert len(one) == 5 + 2 * 8
    assert one == contents(tmp_path / "two")


def test_another_seed_gives_other_sentences_and_other_movements(tmp_path):
    options = dataclasses.replace(TINY, frame_size=0)
    other = dataclasses.replace(options, seed=1)
    assert plan_sentences(options) != plan_sentences(other)
    signed = [performance(each, "train", 0, ("RAIN", "COME")).hands for each in (options, other)]
    assert signed[0].shape != signed[1].shape or np.abs(signed[0] - signed[1]).max() > 0.01


def test_a_sample_does_not_depend_on_the_size_of_the_corpus(tmp_path):
    small, large = (dataclasses.replace(TINY, frame_size=0, train=n) for n in (6, 9))
    write_signsynth(tmp_path / "small", small)
    write_signsynth(tmp_path / "large", large)
    name = "landmarks/train-00004.npz"
    assert contents(tmp_path / "small")[name] == contents(tmp_path / "large")[name]


def test_every_gloss_occurs_in_train_and_no_dev_or_test_sentence_occurs_elsewhere(corpus):
    splits = {name: [sample.glosses for sample in corpus.split(name)] for name in SPLITS}
    assert {gloss for sentence in splits["train"] for gloss in sentence} == set(lexicon.GLOSSES)
    assert len(lexicon.GLOSSES) >= 60
    assert all(3 <= len(sentence) <= 9 for sentences in splits.values() for sentence in sentences)
    counts = Counter(sentence for sentences in splits.values() for sentence in sentences)
    assert all(counts[sentence] == 1 for name in ("dev", "test") for sentence in splits[name])


def test_unseen_sentences_stay_unseen_where_sentences_are_scarce(monkeypatch):
    pool = iter([("A", "B", "C")] * 6 + [("A", "B", "C"), ("A", "B", "D"), ("A", "B", "D"), ("A", "B", "E")])
    monkeypatch.setattr("tf_slr.synth.signsynth.GLOSSES", ())
    monkeypatch.setattr("tf_slr.synth.signsynth.Grammar.sentence", lambda self, rng: next(pool))
    plan = plan_sentences(SignsynthOptions(train=6, dev=1, test=1))
    assert plan["dev"] == [("A", "B", "D")]
    assert plan["test"] == [("A", "B", "E")]


def test_one_signer_is_held_out_and_signs_half_of_test(corpus):
    signers = {name: Counter(sample.signer for sample in corpus.split(name)) for name in SPLITS}
    known = {"signer1", "signer2", "signer3"}
    assert set(signers["train"]) == set(signers["dev"]) == known
    assert signers["test"]["signer4"] == 10
    assert set(signers["test"]) == known | {"signer4"}


def test_word_order_can_be_learned():
    """A bigram model of training sentences predicts unseen ones far better than word counts do."""
    plan = plan_sentences(SignsynthOptions(train=1600, dev=160, test=0))
    pairs = Counter(pair for s in plan["train"] for pair in zip(("<", *s), s, strict=False))
    first = Counter(word for s in plan["train"] for word in ("<", *s))
    words = Counter(word for s in plan["train"] for word in s)
    total = sum(words.values())
    loss = {"single": [], "pair": []}
    for sentence in plan["dev"]:
        for before, word in zip(("<", *sentence), sentence, strict=False):
            single = words[word] / total
            loss["single"].append(-np.log(single))
            loss["pair"].append(-np.log((pairs[before, word] + 2 * single) / (first[before] + 2)))
    assert np.mean(loss["pair"]) < np.mean(loss["single"]) - 0.7
    # Yet sentences are no list to learn by heart.
    assert np.mean(loss["pair"]) > 1.5


def test_sentences_agree_across_more_words_than_pairs_show():
    """An end answers to the time at the beginning, and the person at the beginning is taken up again."""
    sentences = plan_sentences(SignsynthOptions(train=3000, dev=0, test=0))["train"]
    finished = {time: [s[-1] == "FINISHED" for s in sentences if s[0] == time and SIGN_OF[s[-1]].kind == "END"]
                for time in ("YESTERDAY", "TOMORROW")}  # fmt: skip
    assert np.mean(finished["YESTERDAY"]) > 0.8 > 0.2 > np.mean(finished["TOMORROW"])
    about = [(s[0], s[-1]) for s in sentences if SIGN_OF[s[0]].kind == SIGN_OF[s[-1]].kind == "PERSON"]
    assert len(about) > 300
    assert np.mean([first == last for first, last in about]) > 0.9


def test_clips_are_sound_and_as_long_as_promised(corpus):
    for name in SPLITS:
        for sample in corpus.split(name):
            clip = corpus.clip(sample)
            check_clip(clip.landmarks)
            assert sample.feasible
            assert clip.landmarks.dtype == np.float16
            assert 40 <= sample.frames <= 400
            found = clip.landmarks[..., :2][np.isfinite(clip.landmarks[..., :2])]
            assert found.min() > -0.6
            assert found.max() < 1.6
            assert np.isfinite(clip.landmarks[0, POSE]).all()
    assert corpus.info.synthetic
    assert corpus.info.fps == 25
    frames = [sample.frames for sample in corpus.split("train")]
    assert 80 <= np.median(frames) <= 160


def test_hands_vanish_as_often_and_as_briefly_as_measured(corpus):
    shares, runs = [], []
    for sample in corpus.split("train"):
        landmarks = corpus.clip(sample).landmarks
        shares.append(missing_share(landmarks))
        for hand in HANDS:
            missing = np.isnan(landmarks[:, hand]).any(axis=(1, 2))
            assert np.isnan(landmarks[missing, hand]).all()  # a hand is lost as a whole
            edges = np.flatnonzero(np.diff(np.concatenate([[0], missing, [0]])))
            runs += (edges[1::2] - edges[::2]).tolist()
    assert 0.2 < np.mean(shares) < 0.4
    assert np.quantile(shares, 0.1) < 0.22
    assert np.quantile(shares, 0.9) > 0.38
    assert np.mean((np.array(shares) > 0.1) & (np.array(shares) < 0.5)) > 0.9
    assert np.median(runs) <= 3
    assert 2.1 < np.mean(runs) < 5  # frames lost independently of each other would give 1.7


def test_a_worse_tracker_sees_the_same_sentences(tmp_path):
    """What `prepare signsynth --hand-loss --jitter` is for: how much a recogniser depends on the tracker."""
    size = ["--train", "12", "--dev", "1", "--test", "1", "--workers", "1"]
    corpora, lost, noise = [], [], []
    for loss, jitter in (("0", "0"), ("0.3", "1"), ("0.48", "5")):
        out = tmp_path / loss
        assert main(["prepare", "signsynth", "--out", str(out), *size, "--hand-loss", loss, "--jitter", jitter]) == 0
        corpora.append(Corpus(out))
        clips = [corpora[-1].clip(sample).landmarks for sample in corpora[-1].split("train")]
        lost.append(np.mean(list(map(missing_share, clips))))
        noise.append(np.mean([np.nanstd(np.diff(clip[:, POSE, :2], 2, axis=0)) for clip in clips]))
    assert len({tuple(corpus.split("train")) for corpus in corpora}) == 1
    assert lost[0] < 0.05 < 0.2 < lost[1] < 0.4 < lost[2]
    assert noise[0] < noise[1] < noise[2] / 2


def _signed(index: int = 3, variation: float = 1.0, **strength):
    options = SignsynthOptions(variation=variation, **strength)
    return performance(options, "train", index, ("TODAY", "NORTH", "STRONG", "WIND", "COME"))


def test_fast_hands_vanish_more_often():
    missing, found = [], []
    for index in range(12):
        clean = _signed(index).clip()
        tracked = track(clean, Defects(), np.random.default_rng(index))
        for hand in HANDS:
            speed = np.linalg.norm(np.gradient(clean.landmarks[:, hand.start, :2], axis=0), axis=1)
            lost = np.isnan(tracked.landmarks[:, hand.start, 0])
            missing += speed[lost].tolist()
            found += speed[~lost].tolist()
    assert np.mean(missing) > 1.5 * np.mean(found)


def test_the_tracker_has_the_measured_defects_of_depth():
    clean = _signed().clip()
    tracked = track(clean, Defects(), np.random.default_rng(0)).landmarks
    for hand in HANDS:
        assert np.abs(clean.landmarks[:, hand, 2]).max() < 0.3  # relative to the wrist
        assert np.nanmax(np.abs(tracked[:, hand.start, 2])) < 1e-4
        assert np.nanstd(tracked[:, hand.start + 12, 2]) > 0.01
    assert np.nanmin(tracked[:, POSE, 2]) >= -3.2
    assert np.nanmax(tracked[:, POSE, 2]) <= -0.1
    jitter = np.nanstd(np.diff(tracked - clean.landmarks, axis=0)[:, POSE], axis=(0, 1))
    assert 3 < jitter[2] / jitter[0] < 20


def test_without_defects_the_tracker_sees_what_is_there():
    clean = _signed().clip()
    tracked = track(clean, Defects(jitter=0, hand_loss=0), np.random.default_rng(0)).landmarks
    middle = clean.landmarks[:, HANDS[0].start + 9, :2]
    inside = ((middle > 0) & (middle < 1)).all(axis=1)
    np.testing.assert_allclose(tracked[inside, :71, :2], clean.landmarks[inside, :71, :2], atol=1e-6)


def test_hand_and_pose_agree_on_the_wrist():
    clean = _signed().clip()
    tracked = track(clean, Defects(), np.random.default_rng(0)).landmarks
    for wrist, hand in zip((LEFT_WRIST, RIGHT_WRIST), HANDS, strict=True):
        np.testing.assert_array_equal(clean.landmarks[:, wrist, :2], clean.landmarks[:, hand.start, :2])
        assert np.nanmax(np.abs(tracked[:, wrist, :2] - tracked[:, hand.start, :2])) < 0.04


def test_bones_keep_their_length():
    for index, signer in enumerate(SIGNERS[:3]):
        signed = _signed(index)
        assert signed.signer is signer
        upper = np.linalg.norm(signed.elbows - signed.shoulders, axis=-1)
        fore = np.linalg.norm(signed.hands[:, :, 0] - signed.elbows, axis=-1)
        np.testing.assert_allclose(upper, signer.upper_arm, rtol=1e-6)
        np.testing.assert_allclose(fore, signer.forearm, rtol=1e-6)
        bones = np.linalg.norm(np.diff(signed.hands[:, :, 5:9], axis=2), axis=-1)
        np.testing.assert_allclose(bones / signer.hand, np.broadcast_to([0.22, 0.14, 0.10], bones.shape), rtol=1e-6)


def test_a_left_handed_signer_is_the_mirror_image():
    base = dataclasses.replace(SIGNERS[0], centre=(0.5, 0.45), turn=(0.0, 0.0, 0.0))
    clips = []
    for left_handed in (False, True):
        signer = dataclasses.replace(base, left_handed=left_handed)
        signed = motion.perform(("RAIN", "MOTHER", "BOOK"), signer, 0.0, np.random.default_rng(5))
        clips.append(signed.clip().landmarks)
    mirrored = clips[0][:, MIRROR] * (-1, 1, 1) + (1, 0, 0)
    np.testing.assert_allclose(clips[1], mirrored, atol=1e-9)
    assert np.abs(clips[0] - clips[1]).max() > 0.1


def test_left_and_right_are_the_signers_own():
    landmarks = _signed().clip().landmarks
    assert (landmarks[:, 0, 0] > landmarks[:, 5, 0]).all()  # elbows: one's left is the picture's right
    right_corner, left_corner = (LIPS.start + LIPS_INDICES.index(i) for i in (61, 291))
    assert (landmarks[:, left_corner, 0] > landmarks[:, right_corner, 0]).all()
    upper, lower = (LIPS.start + LIPS_INDICES.index(i) for i in (0, 17))
    assert (landmarks[:, lower, 1] > landmarks[:, upper, 1]).all()


def test_a_raised_right_palm_has_its_thumb_on_the_signers_left():
    """Fingers up, palm to the viewer: in the picture the right hand's thumb is right of its little finger."""
    sign = lexicon.Sign("X", "NOUN", "one", ("FIVE", "FIVE"), "up", "front", "neutral", "hold", "-")
    states = motion.sign_states(sign, motion.resting()[: motion.HAND_STATE], np.linspace(0, 1, 6))
    signer = dataclasses.replace(SIGNERS[0])
    _, _, hands = motion._arms(states, signer)
    right = hands[0, 1] * (-1, 1, 1)
    assert right[4, 0] > right[8, 0] > right[20, 0]
    assert right[8, 0] - right[20, 0] > 1.5 * (right[5, 0] - right[17, 0]) > 0  # spread
    assert right[12, 1] < right[0, 1] - 0.1


def _dictionary_form(gloss: str) -> np.ndarray:
    """The sign alone, without variation, as a network would see 12 moments of it: [12, 276]."""
    signed = motion.perform((gloss,), SIGNERS[0], 0.0, np.random.default_rng(0))
    begin, end = signed.spans[0]
    values = normalise(signed.clip(), Normalisation())
    return values[np.linspace(begin, end - 1, 12).round().astype(int)]


def test_all_glosses_look_different():
    forms = np.stack([_dictionary_form(gloss) for gloss in lexicon.GLOSSES])
    distance = np.abs(forms[:, None] - forms[None]).max(axis=(2, 3))
    np.fill_diagonal(distance, np.inf)
    closest = np.unravel_index(distance.argmin(), distance.shape)
    assert distance.min() > 0.2, [lexicon.GLOSSES[i] for i in closest]


@pytest.mark.parametrize(
    ("first", "second", "column"),
    [
        ("NOW", "TODAY", "movement"), ("NORTH", "EAST", "movement"), ("MOTHER", "FATHER", "location"),
        ("ONE", "TWO", "shapes"), ("CLOUD", "FOG", "mouth"), ("WARM", "OVEN", "mouth"), ("KNOW", "LEARN", "shapes"),
    ],
)  # fmt: skip
def test_minimal_pairs_differ_in_one_column(first, second, column):
    one, two = (dataclasses.asdict(lexicon.SIGN_OF[gloss]) for gloss in (first, second))
    differing = {key for key in one if one[key] != two[key]} - {"gloss", "kind"}
    assert differing == {column}
    change = np.abs(_dictionary_form(first) - _dictionary_form(second)).max(axis=0).reshape(POINTS, 3)
    if column == "mouth":
        assert change[LIPS].max() > 0.2
        assert max(change[hand].max() for hand in HANDS) < 1e-5
    else:
        assert max(change[hand].max() for hand in HANDS) > 0.2
        assert change[LIPS].max() < 0.2


def test_no_two_signs_are_signed_alike():
    assert len({dataclasses.astuple(sign)[2:] for sign in lexicon.SIGNS}) == len(lexicon.SIGNS)
    assert len(set(lexicon.GLOSSES)) == len(lexicon.GLOSSES)


def test_variation_is_the_knob():
    def spread(variation: float) -> float:
        places = []
        for index in range(0, 24, 3):  # one signer
            signed = performance(SignsynthOptions(variation=variation), "train", index, ("ONE",))
            places.append(signed.hands[sum(signed.spans[0]) // 2, 1, 9])
        return float(np.std(places, axis=0).mean())

    assert spread(0.0) < 1e-6
    assert 0.03 < spread(1.0) < spread(3.0)


def test_signs_and_transitions_last_as_long_as_those_of_people():
    signs, ways = [], []
    for index in range(9):
        spans = _signed(index).spans
        signs += [end - begin for begin, end in spans]
        ways += [after[0] - before[1] for before, after in pairwise(spans)]
    assert np.quantile(signs, 0.1) / 25 > 0.25
    assert np.quantile(signs, 0.9) / 25 < 1.0
    assert min(ways) / 25 >= 0.1
    assert max(ways) / 25 <= 0.45
    assert len(set(ways)) > 2


@pytest.mark.parametrize(
    "wrong",
    [{"train": 0}, {"dev": -1}, {"variation": -0.1}, {"hand_loss": 0.9}, {"frame_size": 8}, {"workers": 0},
     {"gloves": True}],
)  # fmt: skip
def test_wrong_options_are_refused(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        SignsynthOptions(**wrong)


def test_an_interrupted_run_leaves_no_corpus(tmp_path, monkeypatch):
    options = dataclasses.replace(TINY, frame_size=0)
    write_signsynth(tmp_path, options)

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("tf_slr.synth.signsynth.write_clip", fail)
    with pytest.raises(KeyboardInterrupt):
        write_signsynth(tmp_path, options)
    assert not (tmp_path / "corpus.toml").exists()
