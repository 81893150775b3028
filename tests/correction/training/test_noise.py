"""Noise: rates are what they say, seeds repeat, the clean text stays."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_slr.core.errors import UsageError
from tf_slr.correction.training.noise import Noise, NoiseOptions, similar_names
from tf_slr.scoring.wer import SCLITE, Errors, align, count

NO_NOISE = NoiseOptions(0.0, 0.0, 0.0, 0.0, 0.0)
SENTENCES = [[f"G{(7 * i + 3 * j) % 60}" for j in range(12)] for i in range(400)]


def errors(options):
    noise, rng = Noise(options, SENTENCES), np.random.default_rng(0)
    return sum((count(align(sentence, noise(sentence, rng), SCLITE)) for sentence in SENTENCES), Errors())


@pytest.mark.parametrize(("name", "kind"), [("substitution", "substitutions"), ("deletion", "deletions"),
                                            ("insertion", "insertions")])  # fmt: skip
def test_each_kind_of_noise_makes_its_errors_at_its_rate(name, kind):
    found = errors(dataclasses.replace(NO_NOISE, **{name: 0.1}))
    assert getattr(found, kind) / found.reference == pytest.approx(0.1, abs=0.015)
    assert found.total - getattr(found, kind) < 0.012 * found.reference


def test_shuffling_swaps_neighbours_only():
    noise, rng = Noise(dataclasses.replace(NO_NOISE, shuffle=0.2), SENTENCES), np.random.default_rng(0)
    wrong = [noise(sentence, rng) for sentence in SENTENCES]
    assert all(sorted(a) == sorted(b) for a, b in zip(wrong, SENTENCES, strict=True))
    assert sum(a != b for a, b in zip(wrong, SENTENCES, strict=True)) > 300


def test_without_noise_and_in_clean_sentences_nothing_changes():
    assert errors(NO_NOISE).total == 0
    assert errors(NoiseOptions(1.0, 0.0, 0.0, 0.0, clean=1.0)).total == 0


@given(st.integers(0, 99))
def test_one_seed_gives_one_sentence(seed):
    noise = Noise(NoiseOptions(), SENTENCES)
    first, second = (noise(SENTENCES[seed], np.random.default_rng(seed)) for _ in range(2))
    assert first == second
    assert set(first) <= {gloss for sentence in SENTENCES for gloss in sentence}


def test_empty_sentences_and_a_single_gloss_do_no_harm():
    noise, rng = Noise(NoiseOptions(insertion=0.9), [["A"]]), np.random.default_rng(0)
    for _ in range(50):
        assert set(noise([], rng)) <= {"A"}
        assert set(noise(["A"], rng)) <= {"A"}


def test_names_that_look_alike_are_neighbours():
    names = similar_names(["SUED", "SUEDOST", "SUEDWEST", "REGEN", "REGENSCHAUER", "IX"])
    assert set(names["SUED"]) == {"SUEDOST", "SUEDWEST"}
    assert names["IX"] == ()


def test_senseless_rates_are_refused():
    with pytest.raises(UsageError, match=r"noise\.deletion"):
        NoiseOptions(deletion=1.5)
    with pytest.raises(UsageError, match="similar"):
        NoiseOptions(similar=0.7, plausible=0.6)
