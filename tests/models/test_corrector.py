"""The corrector's network: its size, and what its logits may depend on."""

import numpy as np
import pytest
import tensorflow as tf

from tf_slr.core.errors import UsageError
from tf_slr.correction.symbols import NOTHING, UNKNOWNS
from tf_slr.models.corrector import CorrectorNetwork, CorrectorOptions

SYMBOLS = 20
SMALL = CorrectorOptions(
    width=16, heads=2, feedforward=32, encoder_layers=2, decoder_layers=2, dropout=0.3, positions=16
)


@pytest.fixture(scope="module")
def network():
    made = CorrectorNetwork(SMALL, SYMBOLS)
    rng = np.random.default_rng(0)
    for weight in made.trainable_weights:  # the first weights would hide much
        weight.assign(rng.normal(0, 0.3, weight.shape))
    return made


def inputs(ids, weights=None, chosen=None, prefix=((1, 2, 3),)):
    ids = np.array(ids, np.int32)
    return {
        "ids": ids,
        "weights": np.array(weights if weights is not None else ids > 0, np.float32),
        "chosen": np.array(chosen if chosen is not None else np.ones(ids.shape[:2]), np.float32),
        "prefix": np.array(prefix, np.int32),
    }


def test_a_pair_for_phoenix14_has_at_most_4_6_million_parameters():
    # 1,232 glosses of its training sentences, as annotated.
    made = CorrectorNetwork(CorrectorOptions(), 1 + 1232 + 2 + UNKNOWNS)
    assert 2 * made.count_params() < 4.6e6


def test_padding_changes_nothing(network):
    alone = network(inputs([[[5], [3], [6]]]))
    padded = network(inputs([[[5, 0], [3, 0], [6, 0], [0, 0], [0, 0]], [[5, 7], [4, 3], [2, 1], [3, 9], [6, 8]]],
                            [[[1, 0], [1, 0], [1, 0], [0, 0], [0, 0]], [[0.5, 0.2]] * 5],
                            prefix=[[1, 2, 3, 0], [1, 1, 1, 1]]))  # fmt: skip
    # What the mark of the end itself is judged to be counts nowhere.
    assert np.allclose(alone["slots"][0, :2], padded["slots"][0, :2], atol=1e-4)
    assert np.allclose(alone["gaps"][0], padded["gaps"][0, :2], atol=1e-4)
    assert np.allclose(alone["next"][0], padded["next"][0, :3], atol=1e-4)


def test_the_decoder_sees_no_symbol_before_its_time(network):
    one, two = (network(inputs([[[5], [3], [6]]], prefix=[prefix]))["next"][0] for prefix in ([1, 2, 3], [1, 2, 9]))
    assert np.allclose(one[:2], two[:2], atol=1e-5)
    assert not np.allclose(one[2], two[2], atol=1e-2)


def test_steps_with_a_cache_give_the_logits_of_the_whole_prefix(network):
    slots = inputs([[[5], [3], [6]]] * 2, prefix=[[1, 2, 3], [7, 8, 9]])
    expected = network(slots)["next"].numpy()
    cross = network.cross(network.encode(slots["ids"], slots["weights"], slots["chosen"]))
    cache = network.empty_cache(2)
    for position in range(3):
        logits, cache = network.step(slots["prefix"][:, position], tf.constant(position), cache, cross)
        assert np.allclose(logits, expected[:, position], atol=1e-4)


def test_slots_lean_towards_their_own_posteriors(network):
    certain = network(inputs([[[5], [3], [6]]]))["slots"][0, 1].numpy()
    doubtful = network(inputs([[[5, 0], [3, 4], [6, 0]]], [[[1, 0], [0.6, 0.3], [1, 0]]]))["slots"][0, 1].numpy()
    trust = float(network.trust)
    evidence = np.zeros(SYMBOLS)
    evidence[[3, 4, NOTHING]] = np.log1p(np.array([0.6, 0.3, 0.1]) / 1e-3)
    network.trust.assign(0.0)
    without = network(inputs([[[5, 0], [3, 4], [6, 0]]], [[[1, 0], [0.6, 0.3], [1, 0]]]))["slots"][0, 1].numpy()
    network.trust.assign(trust)
    assert np.allclose(doubtful - without, trust * evidence, atol=1e-4)
    assert np.abs(certain - doubtful).max() > 0.1


def test_dropout_is_on_in_training_only(network):
    same = [network(inputs([[[5], [3], [6]]]))["next"].numpy() for _ in range(2)]
    other = [network(inputs([[[5], [3], [6]]]), training=True)["next"].numpy() for _ in range(2)]
    assert np.array_equal(*same)
    assert not np.allclose(*other, atol=1e-3)


@pytest.mark.parametrize(
    "change", [{"width": 20, "heads": 4}, {"decoder_layers": 0}, {"dropout": 1.0}, {"positions": 8}]
)
def test_senseless_sizes_are_refused(change):
    with pytest.raises(UsageError, match=r"model\.(width|decoder_layers|dropout|positions)"):
        CorrectorOptions(**change)
