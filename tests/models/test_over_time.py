"""The layers with gradients of their own have the values and the gradients of Keras' layers, of any length."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_slr.models.over_time import Lstm, TimeConvolution
from tf_slr.training.precision import computing_in


def values_and_gradients(layer, x):
    """Outputs, and gradients of inputs and weights, of a loss that treats every output differently."""

    @tf.function(input_signature=[tf.TensorSpec([None] * (x.ndim - 1) + [x.shape[-1]])])
    def run(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
            loss = tf.reduce_sum(tf.sin(3 * y))
        return y, tape.gradient(loss, [x, *layer.trainable_variables])

    y, gradients = run(tf.constant(x))
    return [y.numpy(), *(gradient.numpy() for gradient in gradients)]


def assert_same(ours, keras, x):
    """The same weights give the same values and gradients."""
    keras(x)
    ours(x)
    ours.set_weights([np.random.default_rng(1).normal(0, 0.4, weight.shape) for weight in ours.get_weights()])
    keras.set_weights(ours.get_weights())
    found, expected = values_and_gradients(ours, x), values_and_gradients(keras, x)
    assert len(found) == len(expected) > 2
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert np.allclose(one, other, rtol=1e-4, atol=1e-4)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 3), st.integers(1, 12), st.sampled_from([1, 3, 5]), st.sampled_from(["same", "valid"]),
       st.booleans())  # fmt: skip
def test_convolution_is_keras(batch, steps, size, padding, use_bias):
    x = np.random.default_rng(0).normal(size=(batch, 1, steps + size, 4)).astype(np.float32)
    keras = tf_keras.layers.Conv2D(3, (1, size), padding=padding, use_bias=use_bias)
    assert_same(TimeConvolution(3, size, padding, use_bias), keras, x)


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 3), st.integers(1, 9))
def test_lstm_is_keras(batch, steps):
    x = np.random.default_rng(0).normal(size=(batch, steps, 4)).astype(np.float32)
    assert_same(Lstm(3), tf_keras.layers.LSTM(3, return_sequences=True), x)


@pytest.mark.parametrize(
    ("make", "shape"), [(lambda: Lstm(3), (2, 6, 4)), (lambda: TimeConvolution(3, 3, "same"), (2, 1, 6, 4))]
)
def test_half_precision_is_near(make, shape):
    """As on GPUs: what is computed is float16, the variables stay float32."""
    with computing_in("mixed_float16"):
        half = make()
    full = make()
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    expected = full(x)
    half(x)
    half.set_weights(full.get_weights())
    found = half(x)
    assert found.dtype == tf.float16
    assert half.get_weights()[0].dtype == np.float32
    assert np.allclose(tf.cast(found, tf.float32), expected, atol=1e-2)
