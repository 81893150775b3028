"""The correlation module of CorrNet (https://arxiv.org/abs/2303.03202): how things move from frame to frame.

Its two parts are multiplied: `Correlation` follows every position into the
next and the previous frame, `Identification` says which positions matter.
"""

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tf_keras
from tf_keras import layers

from tf_slr.models.packing import Packing
from tf_slr.models.resnet import Convolution

REDUCTION = 16  # the identification works on a sixteenth of the channels
TAPS = 9  # frames that its kernels see
DILATIONS = (1, 2, 3)  # of its kernels of 3x3 positions
REACH = max(DILATIONS)


class CorrelationModule(layers.Layer):
    """x + alpha * correlation * identification; alpha is learned and starts at 0, so that at first this does nothing.

    Args:
        chunk: frames whose affinities are held at once.
    """

    def __init__(self, chunk: int, **kwargs):
        super().__init__(**kwargs)
        self.correlation = Correlation(chunk, name="correlation")
        self.identification = Identification(name="identification")

    def build(self, shape):
        self.alpha = self.add_weight(name="alpha", shape=(), initializer="zeros")

    def call(self, x, packing: Packing):
        return x + self.alpha * (self.correlation(x, packing) * self.identification(x, packing))


class Correlation(layers.Layer):
    """Each position gathers what resembles it in the two neighbouring frames: (N, h, w, C) -> (N, h, w, C).

    The affinity of a position to one of a neighbouring frame is sigmoid(p) -
    1/2, where p is the product of its features with the other's values,
    unscaled. Affinities weigh the sum of the values, learned weights the two
    directions. The first and the last frame of a clip are their own neighbours.
    """

    def __init__(self, chunk: int, **kwargs):
        super().__init__(**kwargs)
        self.chunk = chunk

    def build(self, shape):
        self.value = Convolution(shape[-1], 1, name="value")
        self.directions = self.add_weight(name="directions", shape=(2,), initializer=_constant(1 / 2))

    def call(self, x, packing: Packing):
        values = self.value(x)
        flat = [tf.shape(x)[0], x.shape[1] * x.shape[2], x.shape[3]]
        gather = _gathering(self.chunk)
        after, before = (
            gather(tf.reshape(x, flat), tf.reshape(packing.shifted(values, offset), flat)) for offset in (1, -1)
        )
        return tf.reshape(self.directions[0] * after + self.directions[1] * before, tf.shape(x))


def _gather(x: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """What each position of x (n, hw, C) gathers from the values (n, hw, C) of a neighbouring frame."""
    affinities = tf.sigmoid(tf.matmul(x, values, transpose_b=True)) - 0.5  # (n, hw, hw)
    return tf.matmul(affinities, values)


@functools.cache
def _gathering(chunk: int) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """`_gather` on `chunk` frames at a time; the gradient computes their affinities again.

    The affinities of a frame of 28 x 28 positions take 2.5 MB in each
    direction. Kept for all frames they would be most of a clip's memory.
    """

    @tf.custom_gradient
    def gathering(x, values):
        def gradient(upstream):
            def of_chunk(x, values, upstream):
                with tf.GradientTape() as tape:
                    tape.watch([x, values])
                    gathered = _gather(x, values)
                return tape.gradient(gathered, [x, values], upstream)

            return _in_chunks(of_chunk, [x, values, upstream], 2, chunk)

        (gathered,) = _in_chunks(lambda x, values: [_gather(x, values)], [x, values], 1, chunk)
        return gathered, gradient

    return gathering


def _in_chunks(work: Callable, inputs: list[tf.Tensor], results: int, chunk: int) -> list[tf.Tensor]:
    """Do work on `chunk` rows of the inputs (N, hw, C) after another; each of its results has their shape."""
    rows = tf.shape(inputs[0])[0]
    chunks = -(-rows // chunk)
    arrays = [
        tf.TensorArray(inputs[0].dtype, chunks, infer_shape=False, element_shape=[None, *inputs[0].shape[1:]])
        for _ in range(results)
    ]

    def body(i, arrays):
        done = work(*(each[i * chunk : (i + 1) * chunk] for each in inputs))
        return i + 1, [array.write(i, result) for array, result in zip(arrays, done, strict=True)]

    _, arrays = tf.while_loop(lambda i, _: i < chunks, body, (0, arrays), parallel_iterations=1)
    return [array.concat() for array in arrays]


class Identification(layers.Layer):
    """Which positions of a frame matter, from -1/2 to 1/2: (N, h, w, C) -> (N, h, w, C).

    Depth-wise kernels of 9 frames x 3x3 positions at three spatial dilations
    on C / 16 channels, added with learned weights. Beyond a clip's ends they read zeros.
    """

    def build(self, shape):
        channels = max(1, shape[-1] // REDUCTION)
        self.reduce = Convolution(channels, 1, name="reduce")
        self.kernels = [
            self.add_weight(name=f"kernel{d}", shape=(TAPS, 3, 3, channels), initializer=_depthwise_fan_out(channels))
            for d in DILATIONS
        ]
        self.biases = [self.add_weight(name=f"bias{d}", shape=(channels,), initializer="zeros") for d in DILATIONS]
        self.scales = self.add_weight(name="scales", shape=(len(DILATIONS),), initializer=_constant(1 / len(DILATIONS)))
        self.expand = Convolution(shape[-1], 1, name="expand")

    def call(self, x, packing: Packing):
        clips = packing.unpack(self.reduce(x), tf.reduce_max(packing.lengths))  # (B, T, h, w, c)
        (batch, longest), (height, width, channels) = tf.unstack(tf.shape(clips)[:2]), clips.shape[2:]
        y = tf.nn.conv2d(tf.reshape(clips, [batch, longest, height, width * channels]), self._kernel(width), 1, "SAME")
        y = packing.pack(tf.reshape(y, [batch, longest, height, width, channels]))  # (N, h, w, c)
        bias = tf.add_n([scale * bias for scale, bias in zip(tf.unstack(self.scales), self.biases, strict=True)])
        return tf.sigmoid(self.expand(y + bias)) - 0.5

    def _kernel(self, width: int) -> tf.Tensor:
        """The three kernels as one for a convolution over frames and rows, (9, 7, width c, width c).

        There is no depth-wise convolution in three dimensions. Where columns
        become channels a plain one in two dimensions is the same; most of its
        kernel is zero, yet on narrow networks it takes a fifth of the time of
        depth-wise ones whose results are added up frame by frame.
        """
        columns = np.arange(width)
        distance = columns[:, None] - columns  # from where a kernel stands (second) to what it reads
        total = 0.0
        for dilation, scale, kernel in zip(DILATIONS, tf.unstack(self.scales), self.kernels, strict=True):
            kernel = tf.pad(kernel, [[0, 0], [0, 1], [0, 1], [0, 0]])  # tap 3 is zero
            kernel = tf.gather(kernel, _taps(np.arange(-REACH, REACH + 1), dilation), axis=1)  # (9, 7, 4, c)
            total += scale * tf.gather(kernel, _taps(distance, dilation), axis=2)  # (9, 7, width, width, c)
        channels = total.shape[-1]
        own = tf.eye(channels, dtype=total.dtype)[:, None]  # each channel reads its own only
        blocks = tf.transpose(total, (0, 1, 2, 4, 3))[..., None] * own
        return tf.reshape(blocks, [TAPS, 2 * REACH + 1, width * channels, width * channels])


def _taps(distance: np.ndarray, dilation: int) -> np.ndarray:
    """Which of three dilated taps lies at a distance from the middle one, or 3 for none."""
    on_tap = (distance % dilation == 0) & (abs(distance) <= dilation)
    return np.where(on_tap, distance // dilation + 1, 3)


def _depthwise_fan_out(channels: int) -> tf_keras.initializers.Initializer:
    """`kaiming_fan_out` for kernels that see one channel each, whose shape does not tell the fan."""
    return tf_keras.initializers.RandomNormal(stddev=np.sqrt(2 / (TAPS * 9 * channels)))


def _constant(value: float) -> tf_keras.initializers.Initializer:
    return tf_keras.initializers.Constant(value)
