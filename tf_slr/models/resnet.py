"""ResNet, the network that sees one frame at a time (https://arxiv.org/abs/1512.03385), on packed frames.

Padding, strides and initial weights are PyTorch's, so that weights trained there give the same features here.
"""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
import tf_keras
from tf_keras import layers

from tf_slr.models.layers import MaskedBatchNorm
from tf_slr.models.options.frames import Frame, Stem

# What a convolution reads; the identity, unless frames are mixed over time before it.
Mix = Callable[[tf.Tensor], tf.Tensor]


class Convolution(layers.Layer):
    """A 2-D convolution without bias, padded by kernel // 2 on every side whatever its stride.

    Keras' "same" would pad even frames on the right and below only. One whose kernel is as wide as its stride (from 2)
    sees patches side by side, and is not padded.
    """

    def __init__(self, channels: int, kernel: int, stride: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.channels, self.size, self.stride = channels, kernel, stride
        self.padding = 0 if kernel == stride else kernel // 2

    def build(self, shape):
        self.kernel = self.add_weight(
            name="kernel", shape=(self.size, self.size, shape[-1], self.channels), initializer=kaiming_fan_out()
        )

    def call(self, x):
        if self.stride == 1:
            return tf.nn.conv2d(x, self.kernel, 1, "SAME")
        return tf.nn.conv2d(self.pad(x), self.kernel, self.stride, "VALID")

    def pad(self, x: tf.Tensor) -> tf.Tensor:
        """Pad frames (N, H, W, C) for a convolution without padding.

        The convolution could be told the padding, but then oneDNN would not
        make its gradients, which it does in a fifth of the time.
        """
        if not self.padding:
            return x
        pad = [self.padding] * 2
        return tf.pad(x, [[0, 0], pad, pad, [0, 0]])


class SeparableConvolution(Convolution):
    """A `Convolution` in two: of each channel alone, then of the channels of each position.

    It costs the C' th and the K² th part of the full one's products, C' channels coming out (A. Howard et al.,
    "MobileNets", arXiv:1704.04861); nothing stands between the two (F. Chollet, "Xception", arXiv:1610.02357).
    """

    def build(self, shape):
        inside = shape[-1]
        self.depthwise = self.add_weight(
            name="depthwise", shape=(self.size, self.size, inside, 1), initializer=kaiming_depthwise()
        )
        self.kernel = self.add_weight(name="kernel", shape=(1, 1, inside, self.channels), initializer=kaiming_fan_out())

    def call(self, x):
        strides = [1, self.stride, self.stride, 1]
        return tf.nn.conv2d(
            tf.nn.depthwise_conv2d(self.pad(x), self.depthwise, strides, "VALID"), self.kernel, 1, "VALID"
        )


def kaiming_depthwise() -> tf_keras.initializers.Initializer:
    """Initial weights that keep each channel's variance: its kernel (K, K, C, 1) reads K x K values."""
    return tf_keras.initializers.VarianceScaling(1.0, "fan_out", "untruncated_normal")


def kaiming_fan_out() -> tf_keras.initializers.Initializer:
    """He's initial weights, scaled for the backward pass."""
    return tf_keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")


def batch_norm(name: str) -> layers.Layer:
    """Batch normalisation over packed frames with PyTorch's momentum 0.1 (which Keras calls 0.9) and epsilon.

    In one process it is Keras' own, which is the faster; over several replicas it is one whose statistics are those
    of all their frames. Both have the same variables. (Keras' own keeps another moving variance by a factor of
    N / (N - 1) for N positions.)
    """
    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        return PackedBatchNorm(name=name)
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)


class PackedBatchNorm(MaskedBatchNorm):
    """Batch normalisation of packed frames (N, h, w, C) over all replicas: all of them count."""

    def call(self, x, training=False):
        return super().call(x, tf.ones_like(x[..., :1]), training=training)


class FrameStem(layers.Layer):
    """The first layers: (N, H, W, 3) -> (N, H / s, W / s, channels)."""

    def __init__(self, channels: int, kind: Stem, stride: int, **kwargs):
        super().__init__(**kwargs)
        self.kind = kind
        self.conv = Convolution(channels, stem_kernel(kind, stride), stride, name="conv")
        self.norm = batch_norm("norm")

    def call(self, x, training=False):
        return self.pool(tf.nn.relu(self.norm(self.conv(x), training=training)))

    def pool(self, x: tf.Tensor) -> tf.Tensor:
        """The max-pool, if this stem has one."""
        if self.kind != "imagenet":
            return x
        # After the ReLU a padding of zeros never wins.
        return tf.nn.max_pool2d(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), 3, 2, "VALID")


class BasicBlock(layers.Layer):
    """Two 3x3 convolutions and a shortcut: (N, h, w, C) -> (N, h / stride, w / stride, channels).

    Args:
        channels: of the output.
        stride: of the first convolution.
        project: whether the shortcut is a 1x1 convolution, as it must be where the shape changes.
        convolution: which of the two kinds.
    """

    def __init__(self, channels: int, stride: int, project: bool, convolution: type[Convolution], **kwargs):
        super().__init__(**kwargs)
        self.conv1 = convolution(channels, 3, stride, name="conv1")
        self.norm1 = batch_norm("norm1")
        self.conv2 = convolution(channels, 3, name="conv2")
        self.norm2 = batch_norm("norm2")
        self.project = Convolution(channels, 1, stride, name="project") if project else None
        self.project_norm = batch_norm("project_norm") if project else None

    def call(self, x, training=False, mix: Mix = tf.identity):
        y = tf.nn.relu(self.norm1(self.conv1(mix(x)), training=training))
        y = self.norm2(self.conv2(mix(y)), training=training)
        if self.project is not None:
            x = self.project_norm(self.project(x), training=training)
        return tf.nn.relu(x + y)


def unit(pictures: tf.Tensor) -> tf.Tensor:
    """Pictures of bytes -> float32 from -1 to 1; others are left as they are."""
    return tf.cast(pictures, tf.float32) / 127.5 - 1 if pictures.dtype == tf.uint8 else pictures


# How sharply a place is told. A channel is about one at first, and without it every place would be the middle.
SHARPNESS = 4.0


def frame_values(x: tf.Tensor, frame: Frame) -> tf.Tensor:
    """Last maps (N, h, w, C) -> what is read of them, (N, C), (N, h w C) or (N, 3 C)."""
    if frame == "mean":
        return tf.reduce_mean(x, [1, 2])
    return places(x) if frame == "places" else layers.Flatten()(x)


def places(x: tf.Tensor) -> tf.Tensor:
    """Where each channel of maps is, and how strong: (N, h, w, C) -> (N, 3 C), rows and columns from -1 to 1, maxima.

    The place is the mean of all, each weighted by a softmax of its value (C. Finn et al., "Deep spatial autoencoders
    for visuomotor learning", ICRA 2016): exact to a share of a map's cell, with a few values where the whole map is
    many.
    """
    height, width, channels = x.shape[1:]
    # Also where the network computes in 16 bits: eight of them are too few to tell a place.
    cells = tf.cast(tf.reshape(x, [-1, height * width, channels]), tf.float32)
    rows, columns = (np.linspace(-1, 1, side, dtype=np.float32) for side in (height, width))
    grid = np.stack([np.repeat(rows, width), np.tile(columns, height)])  # (2, h w)
    where = tf.linalg.matmul(grid, tf.nn.softmax(SHARPNESS * cells, axis=1))  # (N, 2, C)
    return tf.cast(tf.concat([tf.reshape(where, [-1, 2 * channels]), tf.reduce_max(cells, 1)], -1), x.dtype)


def make_stages(
    widths: Sequence[int], blocks: Sequence[int], convolution: type[Convolution] = Convolution
) -> list[list[BasicBlock]]:
    """The blocks of each stage; all stages but the first halve the frame."""
    stages, channels = [], widths[0]
    for number, (width, count) in enumerate(zip(widths, blocks, strict=True), start=1):
        stride = 1 if number == 1 else 2
        stages.append([])
        for block in range(1, count + 1):
            change = block == 1 and (stride != 1 or width != channels)
            name = f"stage{number}_block{block}"
            stages[-1].append(BasicBlock(width, stride if block == 1 else 1, change, convolution, name=name))
        channels = width
    return stages


def stem_kernel(kind: Stem, stride: int) -> int:
    """Width and height of a stem's kernel."""
    return {"imagenet": 7, "small": 3, "patches": stride}[kind]
