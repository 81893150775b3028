"""The grids on which INT8 TFLite computes, for networks in training.

Weights lie on the converter's grid: per output channel, symmetric, 255 levels. Activations are brought to INT8 on the
fly by XNNPACK: asymmetric, 256 levels, over a whole clip before a convolution and over each row before a product.
Rounding has the gradient of the identity ("straight-through", Bengio et al. 2013, arXiv 1308.3432).
"""

from collections.abc import Sequence

import tensorflow as tf

WEIGHT_LEVELS = 127  # on either side of zero
ACTIVATION_LEVELS = 255  # above the lowest


def quantised_weights(kernel: tf.Tensor) -> tf.Tensor:
    """A kernel (..., output channels) with every value moved to the nearest one that the INT8 file can hold."""
    largest = tf.reduce_max(tf.abs(kernel), axis=list(range(kernel.shape.rank - 1)), keepdims=True)
    scale = tf.where(largest > 0, largest, 1.0) / WEIGHT_LEVELS
    return _straight_through(kernel, tf.round(kernel / scale) * scale)


def quantised_activations(x: tf.Tensor, axes: Sequence[int]) -> tf.Tensor:
    """Values moved to what XNNPACK makes of them.

    Args:
        x: any shape.
        axes: those that share one range, which always includes zero.
    """
    low = tf.minimum(tf.reduce_min(x, axes, keepdims=True), 0.0)
    high = tf.maximum(tf.reduce_max(x, axes, keepdims=True), 0.0)
    scale = tf.where(high > low, high - low, 1.0) / ACTIVATION_LEVELS
    zero = tf.round(-low / scale)
    level = tf.clip_by_value(tf.round(x / scale) + zero, 0.0, ACTIVATION_LEVELS)
    return _straight_through(x, (level - zero) * scale)


def _straight_through(x: tf.Tensor, quantised: tf.Tensor) -> tf.Tensor:
    return x + tf.stop_gradient(quantised - x)
