"""Golden vectors: normalisation of version 1, and clip -> values -> logits -> words, as they were once and for all.

They hold on every processor. In FP32 only the last digits may differ. In INT8 an activation that lies between two
levels may be rounded to either, which moves a logit by tenths; no step's likeliest class is so near to the second.
"""

import json

import numpy as np
import pytest

from tests import golden
from tf_slr.core.landmarks import Normalisation, body_frame, normalise

TOLERANCE = {"fp32": 2e-3, "int8": 0.5}


@pytest.fixture(scope="module")
def vectors():
    return json.loads(golden.PATH.read_text())


@pytest.fixture(scope="module")
def recognised(tmp_path_factory):
    return golden.recognised(tmp_path_factory.mktemp("golden"))


def test_the_signer_is_found_where_he_was(vectors):
    assert vectors["version"] == Normalisation().version
    for name, clip in golden.clips().items():
        frame = body_frame(clip)
        assert [*frame.origin, frame.scale] == pytest.approx(vectors["frames"][name], abs=2e-5), name


def test_values_are_those_of_version_1(vectors):
    values = normalise(golden.clip(), Normalisation())
    for t in golden.WHOLE:
        assert np.allclose(values[t], vectors["values"][str(t)], atol=1e-4)
    for name, clip in golden.clips().items():
        found = golden.projection(normalise(clip, Normalisation()))
        assert np.allclose(found, vectors["projections"][name], atol=2e-3), name


@pytest.mark.parametrize("name", TOLERANCE)
def test_logits_and_words_are_what_they_were(vectors, recognised, name):
    logits, words = recognised[name]
    expected = np.array(vectors["logits"][name])
    assert np.abs(logits - expected).max() < TOLERANCE[name]
    ordered = np.sort(expected, axis=1)
    assert (ordered[:, -1] - ordered[:, -2]).min() > 3 * TOLERANCE[name]  # the words below are no luck
    assert [word[:3] for word in words] == [tuple(word[:3]) for word in vectors["words"][name]]
    assert [word.confidence for word in words] == pytest.approx([w[3] for w in vectors["words"][name]], abs=0.05)
    assert len({word.gloss for word in words}) >= 3


def test_int8_is_another_student_than_fp32(vectors):
    difference = np.abs(np.subtract(*vectors["logits"].values()))
    assert difference.max() > TOLERANCE["int8"] / 2
