"""Convolutions in tiles are the same convolutions, with fewer products."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from export.convert import deployed_graph
from export.toom_cook import Algorithm, TiledConvolutions, algorithms, phases_of
from export.variants import VARIANTS
from tf_slr.models.mslr import Mslr, MslrOptions
from tf_slr.models.options.stack import temporal_stack

KNOWN = [Algorithm(4, 5), Algorithm(4, 3), Algorithm(2, 5), Algorithm(2, 3), Algorithm(1, 5), Algorithm(2, 7)]


@settings(max_examples=60)
@given(st.sampled_from(KNOWN), st.integers(1, 23), st.integers(0, 2**32 - 1))
def test_tiles_hold_what_a_convolution_gives(algorithm, frames, seed):
    assert algorithm.known
    rng = np.random.default_rng(seed)
    x = tf.constant(rng.normal(size=(2, frames, 6)), tf.float32)
    kernel = rng.normal(size=(algorithm.taps, 6, 3)).astype(np.float32)
    tiles = tf.range(-(-frames // algorithm.tile))
    inputs = algorithm.neighbours(phases_of(x, tiles, algorithm.tile), tiles)
    spectrum = algorithm.spectrum(kernel)
    assert len(inputs) == len(spectrum) == algorithm.inputs
    products = [value @ weights for value, weights in zip(algorithm.analysed(inputs), spectrum, strict=True)]
    products[algorithm.everywhere] += np.float32(7)
    outputs = tf.reshape(tf.stack(algorithm.synthesised(products), 2), [2, -1, 3])[:, :frames]
    expected = tf.nn.conv1d(x, kernel, 1, "SAME") + 7
    assert np.abs(outputs - expected).max() < 2e-4


def test_products_are_saved_until_the_last_pooling():
    assert [(way.tile, way.inputs) for way in algorithms(MslrOptions().stack())] == [(4, 8), (4, 8), (4, 8), (2, 6)]
    late = algorithms(temporal_stack("K3-P2-K5-P2-K5", "temporal"))
    assert [(way.tile, way.inputs) for way in late] == [(4, 6), (2, 6), (1, 5)]


@pytest.mark.parametrize("temporal", ["K5-K5-K5-P2-K5-P2", "K3-P2-K5-P2-K7", "K5-P2-P2-K5"])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_any_stack_that_is_tiled_computes_the_same(temporal, batch_norm):
    tf.keras.utils.set_random_seed(2)
    network = Mslr(MslrOptions(width=12, hidden=8, temporal=temporal, batch_norm=batch_norm), 9)
    rng = np.random.default_rng(2)
    for weight in network.trainable_variables:
        if weight.shape.rank == 1:
            weight.assign_add(rng.normal(0, 0.3, weight.shape))
    graph = deployed_graph(network, VARIANTS["tiled"])
    assert isinstance(graph.layers[1], TiledConvolutions)
    for frames in (1, 2, 3, 4, 5, 30, 33):
        clip = rng.normal(0, 0.5, (1, frames, 276)).astype(np.float32)
        expected = network({"landmarks": clip, "frames": np.array([frames])})["sequence_logits"]
        assert np.abs(graph(clip) - expected).max() < 1e-4


@pytest.mark.parametrize("temporal", ["K7-K5-P2-K5-P2", "K1-K5-P2-K5-P2"])
def test_stacks_without_points_or_gain_are_left_as_they_are(temporal):
    network = Mslr(MslrOptions(width=12, hidden=8, temporal=temporal), 9)
    graph = deployed_graph(network, VARIANTS["tiled"])
    assert not any(isinstance(layer, TiledConvolutions) for layer in graph.layers)
    assert graph.count_params() == deployed_graph(network, VARIANTS["stateless"]).count_params()
