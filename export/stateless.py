"""The BiLSTM as plain operators without state.

LiteRT's fused LSTM keeps its state in variable tensors: a caller must reset them before every clip, and LiteRT in a
browser refuses the file. It also multiplies every step's input by itself, a vector at a time. Here the inputs of all
steps are multiplied at once, and a loop of plain operators does what must be done in turn.
"""

import tensorflow as tf
import tf_keras
from tf_keras import layers

from tf_slr import timing
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
        inputs = [x @ kernel + bias for kernel, _, bias in self.directions]  # (N, 4 units) each
        positions = tf.range(count)
        zero = tf.zeros((1, self.units))
        rows = tf.zeros(tf.stack([count, self.units]))

        def step(t, ahead, back):
            last = count - 1 - t
            ahead = self._write(ahead, self._cell(inputs[0], t, self.directions[0][1], ahead), positions, t)
            state = self._cell(inputs[1], last, self.directions[1][1], back)
            if steps is not None:  # not begun yet: the state stays zero
                begun = tf.cast(last < steps, tf.float32)
                state = tuple(begun * value for value in state)
            return t + 1, ahead, self._write(back, state, positions, last)

        state = (zero, zero, rows)
        shapes = (tf.TensorShape([1, self.units]),) * 2 + (tf.TensorShape([x.shape[0], self.units]),)
        _, ahead, back = tf.while_loop(
            lambda t, *_: t < count, step, (0, state, state), shape_invariants=(tf.TensorShape([]), shapes, shapes)
        )
        return tf.concat([ahead[2], back[2]], -1)[None]

    def _cell(self, inputs: tf.Tensor, t: tf.Tensor, recurrent: tf.Tensor, state: tuple) -> tuple[tf.Tensor, tf.Tensor]:
        """Hidden and cell state (1, units) after step `t`."""
        hidden, cell, _ = state
        gates = tf.gather(inputs, tf.reshape(t, [1])) + hidden @ recurrent
        enter, forget, new, leave = tf.split(gates, 4, -1)
        cell = tf.sigmoid(forget) * cell + tf.sigmoid(enter) * tf.tanh(new)
        return tf.sigmoid(leave) * tf.tanh(cell), cell

    def _write(self, state: tuple, new: tuple, positions: tf.Tensor, t: tf.Tensor) -> tuple:
        """The new state, and the rows (N, units) with the hidden one as row `t`."""
        hidden, cell = new
        # Adding to rows of zeros: LiteRT has no cheap way to write one row, and the loop's tensors must keep shape.
        return hidden, cell, state[2] + tf.cast(positions == t, tf.float32)[:, None] * hidden


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
