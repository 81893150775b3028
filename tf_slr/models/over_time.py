"""Keras' convolution over time and its LSTM, with gradients made of few large products.

The layers are Keras' own but for what they compute with, so that they have its variables and are wrapped for
fine-tuning in INT8 as its are, and they give Keras' values. On a CPU, TensorFlow's gradient of a convolution with
respect to its kernel runs at two thirds of the speed of the same products as one matrix, and Keras' LSTM multiplies
inputs and accumulates the gradients of its kernels step by step; here both are done for all steps at once.
"""

import tensorflow as tf
from tf_keras import layers


class TimeConvolution(layers.Conv2D):
    """A convolution along the width of pictures one pixel high: (B, 1, T, C) -> (B, 1, T', channels).

    Args:
        channels: of the output.
        size: steps that the kernel spans, odd.
        padding: "same" for T' = T, "valid" for T' = T - size + 1.
        use_bias: whether it adds a bias.
        name: of the layer.
    """

    def __init__(self, channels: int, size: int, padding: str, use_bias: bool = True, name: str | None = None) -> None:
        super().__init__(
            channels, (1, size), padding=padding, use_bias=use_bias, kernel_initializer="he_normal", name=name
        )

    def call(self, x):
        edge = self.kernel_size[1] // 2 if self.padding == "same" else 0
        y = convolve(tf.pad(x[:, 0], [[0, 0], [edge, edge], [0, 0]]), tf.convert_to_tensor(self.kernel)[0])
        return (tf.nn.bias_add(y, self.bias) if self.use_bias else y)[:, None]


@tf.custom_gradient
def convolve(x, kernel):
    """Convolve (B, T, C) with a kernel (size, C, C') without padding: (B, T - size + 1, C')."""
    size, inside, channels = kernel.shape
    seen = _neighbours(x, size)  # (B, T', size C)
    rows = tf.reshape(seen, [-1, size * inside])
    shape = tf.concat([tf.shape(seen)[:2], [channels]], 0)
    y = tf.reshape(rows @ tf.reshape(kernel, [-1, channels]), shape)

    def gradient(dy):
        flat = tf.reshape(dy, [-1, channels])
        d_kernel = tf.reshape(tf.matmul(rows, flat, transpose_a=True), [size, inside, channels])
        edge = [size - 1] * 2
        around = tf.reshape(_neighbours(tf.pad(dy, [[0, 0], edge, [0, 0]]), size), [-1, size * channels])
        mirrored = tf.reshape(tf.transpose(kernel[::-1], [0, 2, 1]), [size * channels, inside])
        return tf.reshape(around @ mirrored, tf.shape(x)), d_kernel

    return y, gradient


def _neighbours(x: tf.Tensor, size: int) -> tf.Tensor:
    """Every `size` successive steps side by side: (B, T, C) -> (B, T - size + 1, size C)."""
    steps = tf.shape(x)[1] - size + 1
    return tf.concat([x[:, i : i + steps] for i in range(size)], -1)


class Lstm(layers.LSTM):
    """An LSTM that returns every step: (B, T, C) -> (B, T, units)."""

    def __init__(self, units: int, name: str | None = None) -> None:
        super().__init__(units, return_sequences=True, name=name)

    def call(self, x):
        cell = self.cell
        weights = [tf.convert_to_tensor(weight) for weight in (cell.kernel, cell.recurrent_kernel, cell.bias)]
        return recur(x, *weights)


@tf.custom_gradient
def recur(x, kernel, recurrent, bias):
    """Run an LSTM from zero states.

    Args:
        x: (B, T, C).
        kernel: (C, 4 units), of input, forget, candidate and output gate.
        recurrent: (units, 4 units).
        bias: (4 units,).

    Returns:
        Its outputs (B, T, units).
    """
    units = recurrent.shape[0]
    batch, steps = tf.shape(x)[0], tf.shape(x)[1]
    rows = tf.reshape(tf.transpose(x, [1, 0, 2]), [-1, kernel.shape[0]])  # (T B, C)
    driven = tf.reshape(tf.nn.bias_add(rows @ kernel, bias), [steps, batch, 4 * units])
    zeros = tf.zeros([batch, units], x.dtype)

    def step(t, h, c, *written):
        enter, keep, candidate, leave = tf.split(driven[t] + h @ recurrent, 4, -1)
        gates = [tf.sigmoid(enter), tf.sigmoid(keep), tf.tanh(candidate), tf.sigmoid(leave)]
        c = gates[1] * c + gates[0] * gates[2]
        h = gates[3] * tf.tanh(c)
        return t + 1, h, c, *(array.write(t, value) for array, value in zip(written, (h, c, *gates), strict=True))

    arrays = [tf.TensorArray(x.dtype, steps, element_shape=[None, units]) for _ in range(6)]
    looped = tf.while_loop(lambda t, *_: t < steps, step, (0, zeros, zeros, *arrays))
    hs, cs, enter, keep, candidate, leave = (array.stack() for array in looped[3:])  # (T, B, units) each

    def gradient(dy):
        dhs, squashed = tf.transpose(dy, [1, 0, 2]), tf.tanh(cs)
        before = tf.concat([zeros[None], cs[:-1]], 0)
        # What the gradients of cell state and output are multiplied by, for all steps at once.
        to_cell = leave * (1 - squashed**2)
        to_gates = tf.concat([
            candidate * enter * (1 - enter), before * keep * (1 - keep), enter * (1 - candidate**2),
            squashed * leave * (1 - leave),
        ], -1)  # (T, B, 4 units)  # fmt: skip

        def back(t, dh, dc, written):
            dh += dhs[t]
            dc += dh * to_cell[t]
            gates = tf.concat([dc, dc, dc, dh], -1) * to_gates[t]
            return t - 1, tf.matmul(gates, recurrent, transpose_b=True), dc * keep[t], written.write(t, gates)

        array = tf.TensorArray(x.dtype, steps, element_shape=[None, 4 * units])
        driven_by = tf.while_loop(lambda t, *_: t >= 0, back, (steps - 1, zeros, zeros, array))[3].stack()
        flat = tf.reshape(driven_by, [-1, 4 * units])
        earlier = tf.reshape(tf.concat([zeros[None], hs[:-1]], 0), [-1, units])
        dx = tf.reshape(tf.matmul(flat, kernel, transpose_b=True), [steps, batch, kernel.shape[0]])
        return (
            tf.transpose(dx, [1, 0, 2]),
            tf.matmul(rows, flat, transpose_a=True),
            tf.matmul(earlier, flat, transpose_a=True),
            tf.reduce_sum(flat, 0),
        )

    return tf.transpose(hs, [1, 0, 2]), gradient
