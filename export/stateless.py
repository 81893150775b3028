"""The BiLSTM as plain operators without state.

LiteRT's fused LSTM keeps its state in variable tensors: a caller must reset them before every clip, and LiteRT in a
browser refuses the file. It also multiplies every step's input by itself, a vector at a time. Here the inputs of all
steps are multiplied at once, and a loop of plain operators does the recurrence.

The loop is written for few operators a step, because waking LiteRT's threads for an operator costs more than most of
the operators themselves: both directions run in the same step, the backward one on reversed inputs, and the gates are
ordered so that one sigmoid serves three of them.
"""

import tensorflow as tf
import tf_keras
from tensorflow.compiler.tf2xla.python import xla
from tf_keras import layers

from tf_slr.core import timing
from tf_slr.models.layers import pool_lengths


class StatelessBiLstm(layers.Layer):
    """What Keras' `Bidirectional(LSTM(units, return_sequences=True))` computes of one clip, its weights in its order.

    Args:
        units: of each direction.
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        """Three weights of each direction, the forward one first."""
        gates = 4 * self.units
        shapes = {"kernel": (shape[-1], gates), "recurrent": (self.units, gates), "bias": (gates,)}
        self.directions = [
            tuple(self.add_weight(name=f"{direction}_{name}", shape=size) for name, size in shapes.items())
            for direction in ("forward", "backward")
        ]

    def call(self, x, steps=None):
        """Recognise one clip.

        Args:
            x: (1, N, C).
            steps: how many of the N steps are the clip's, int32 (); None for all. The backward direction begins
                at the last of them; what the forward one returns beyond them is not to be used.

        Returns:
            (1, N, 2 units).
        """
        count = x.shape[1] or tf.shape(x)[1]
        x = tf.reshape(x, [-1, x.shape[-1]])  # (N, C)
        # The converter folds the reordering into the constants.
        forward, backward = ([_sigmoids_first(weight) for weight in direction] for direction in self.directions)
        ahead, back = (x @ kernel + bias for kernel, _, bias in (forward, backward))  # (N, 4 units) each
        inputs = tf.stack([ahead, tf.reverse(back, [0])], 1)  # (N, 2, 4 units)

        def step(t, hidden, cell, rows):
            one, other = tf.split(hidden, 2, 1)  # (1, 1, units) each
            # Three dimensions on both sides: LiteRT multiplies them without a reshape.
            recurrent = tf.concat([tf.tensordot(one, forward[1], 1), tf.tensordot(other, backward[1], 1)], 1)
            gates = tf.gather(inputs, t) + recurrent  # (1, 2, 4 units)
            sigmoids, candidate = tf.split(gates, [3 * self.units, self.units], -1)
            enter, forget, leave = tf.split(tf.sigmoid(sigmoids), 3, -1)
            cell = forget * cell + enter * tf.tanh(candidate)
            hidden = leave * tf.tanh(cell)
            if steps is not None:  # the backward direction has not begun yet: its state stays zero
                begun = tf.stack([1.0, tf.cast(count - 1 - t[0] < steps, tf.float32)])[None, :, None]
                hidden, cell = begun * hidden, begun * cell
            # The one operator of LiteRT that writes a row in place.
            rows = xla.dynamic_update_slice(rows, hidden, tf.concat([t, [0, 0]], 0))
            return t + 1, hidden, cell, rows

        zero = tf.zeros((1, 2, self.units))
        rows = tf.zeros(tf.stack([count, 2, self.units]))
        shapes = [tf.TensorShape(shape) for shape in ([1], zero.shape, zero.shape, [x.shape[0], 2, self.units])]
        _, _, _, rows = tf.while_loop(
            lambda t, *_: t[0] < count, step, (tf.zeros(1, tf.int32), zero, zero, rows), shape_invariants=tuple(shapes)
        )
        ahead, back = tf.split(rows, 2, 1)  # (N, 1, units) each
        return tf.reshape(tf.concat([ahead, tf.reverse(back, [0])], -1), [1, -1, 2 * self.units])


def _sigmoids_first(weight: tf.Tensor) -> tf.Tensor:
    """Gates (..., 4 units) from Keras' order, input, forget, candidate, output, to input, forget, output, candidate."""
    enter, forget, candidate, leave = tf.split(weight, 4, -1)
    return tf.concat([enter, forget, leave, candidate], -1)


def stateless(graph: tf_keras.Model) -> tf_keras.Model:
    """A student's graph with its BiLSTMs written as plain operators."""

    def replaced(layer: layers.Layer) -> layers.Layer:
        if isinstance(layer, layers.Bidirectional):
            return StatelessBiLstm(layer.forward_layer.units, name=layer.name)
        return layer.__class__.from_config(layer.get_config())

    clone = tf_keras.models.clone_model(graph, clone_function=replaced)
    clone.set_weights(graph.get_weights())
    return clone


def of_length(graph: tf_keras.Model, landmarks: tf.Tensor, frames: tf.Tensor) -> tf.Tensor:
    """Run a landmark student's stateless graph on a clip that was prolonged to a fixed length.

    Args:
        graph: of `stateless`.
        landmarks: (1, T, 276), anything beyond the clip's end.
        frames: the clip's true length, int32 (1,), from 1 to T.

    Returns:
        Logits (1, ceil(T/4), classes), of which the first ceil(frames/4) are the clip's: what it would give alone.
    """
    length = frames[0]
    x = landmarks * _mask(length, landmarks)
    for layer in graph.layers[1:]:
        if isinstance(layer, StatelessBiLstm):
            x = layer(x, length)
            continue
        x = layer(x)
        if isinstance(layer, layers.MaxPool2D):
            length = pool_lengths(length)
        elif isinstance(layer, layers.Conv2D):
            x = x * _mask(length, x)[..., None]
    return tf.ensure_shape(x, (1, timing.steps(landmarks.shape[1]), None))


def _mask(length: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """1 for the first `length` moments of x (1, T, ...) and 0 beyond, (1, T, 1)."""
    return tf.cast(tf.range(x.shape[1]) < length, tf.float32)[None, :, None]
