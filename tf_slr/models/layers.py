"""Layers for padded sequences: what lies beyond a clip's end never reaches its logits."""

import numpy as np
import tensorflow as tf
from tf_keras import layers

from tf_slr.core.glosses import BLANK
from tf_slr.models.over_time import Lstm


def time_mask(lengths: tf.Tensor, x: tf.Tensor) -> tf.Tensor:
    """Lengths (B,) of sequences x (B, T, C) -> mask (B, T, 1) that is 1 within each and 0 beyond."""
    return tf.sequence_mask(lengths, tf.shape(x)[1], x.dtype)[..., None]


class MaskedBatchNorm(layers.Layer):
    """Batch normalisation whose statistics count only the steps within a sequence, and the clips of all replicas.

    Momentum 0.9 and epsilon 1e-5 are PyTorch's defaults (Keras has 0.99 and 1e-3). Whatever the precision of the
    network, it computes in float32.
    """

    def __init__(self, momentum: float = 0.9, epsilon: float = 1e-5, **kwargs):
        super().__init__(dtype=tf.float32, autocast=False, **kwargs)
        self.momentum, self.epsilon = momentum, epsilon

    def build(self, shape):
        size = (shape[-1],)
        self.gamma = self.add_weight(name="gamma", shape=size, initializer="ones")
        self.beta = self.add_weight(name="beta", shape=size, initializer="zeros")
        self.moving_mean = self._statistic("moving_mean", size, "zeros")
        self.moving_variance = self._statistic("moving_variance", size, "ones")

    def _statistic(self, name: str, size: tuple[int], initial: str) -> tf.Variable:
        # All replicas come to the same value, so that the first one's is as good as any and need not be sent.
        only_first = tf.VariableAggregation.ONLY_FIRST_REPLICA
        return self.add_weight(name=name, shape=size, initializer=initial, trainable=False, aggregation=only_first)

    def call(self, x, mask, training=False):
        y = self._normalised(tf.cast(x, tf.float32), tf.cast(mask, tf.float32), training)
        return tf.cast(y, x.dtype)

    def _normalised(self, x: tf.Tensor, mask: tf.Tensor, training: bool) -> tf.Tensor:
        if not training:
            return tf.nn.batch_normalization(
                x, self.moving_mean, self.moving_variance, self.beta, self.gamma, self.epsilon
            )
        mean, variance = moments(x, mask)
        self.moving_mean.assign(self.moving_mean * self.momentum + mean * (1 - self.momentum))
        self.moving_variance.assign(self.moving_variance * self.momentum + variance * (1 - self.momentum))
        return tf.nn.batch_normalization(x, mean, variance, self.beta, self.gamma, self.epsilon)


def moments(x: tf.Tensor, mask: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance (C,) of float32 values (..., C) where the mask (..., 1) is 1, over all replicas."""
    axes = list(range(x.shape.rank - 1))
    if tf.distribute.get_strategy().num_replicas_in_sync == 1:
        return tf.nn.weighted_moments(x, axes, mask)
    # Two passes, because the mean of squares minus the squared mean loses what float32 has of digits.
    count = _sum_over_replicas(tf.reduce_sum(mask))
    mean = _sum_over_replicas(tf.reduce_sum(x * mask, axes)) / count
    variance = _sum_over_replicas(tf.reduce_sum(tf.math.squared_difference(x, mean) * mask, axes)) / count
    return mean, variance


def _sum_over_replicas(x: tf.Tensor) -> tf.Tensor:
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, x)


class SeededDropout(layers.Layer):
    """Dropout whose masks follow from a seed and a step count that is saved with the weights.

    Keras' own draws from state that no checkpoint holds, so a resumed run would differ from an unbroken one.
    Each replica draws masks of its own: training on several is not one process' training to the bit where
    something is dropped, but just as random.
    """

    def __init__(self, rate: float, seed: int, **kwargs):
        super().__init__(**kwargs)
        self.rate, self.seed = rate, seed

    def build(self, shape):
        self.step = self.add_weight(name="step", shape=(), dtype=tf.int64, initializer="zeros", trainable=False,
                                    aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA)  # fmt: skip
        super().build(shape)  # or a layer that is built by hand makes another step when it is first called

    def call(self, x, training=False):
        if not training or self.rate == 0:
            return x
        self.step.assign_add(1)
        # Seeds are small, so that no two layers and replicas share one.
        replica = tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.int64)
        seed = tf.cast(self.seed, tf.int64) + replica * 2**32
        return tf.nn.experimental.stateless_dropout(x, self.rate, seed=tf.stack([seed, self.step]))


class BiLstm(layers.Layer):
    """A bidirectional LSTM that reads each sequence backwards from its own last step.

    Reversing by length costs less than Keras' masking and gives the same values: (B, T, C) -> (B, T, 2 units).
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        self.forward_lstm = Lstm(units, name="forward")
        self.backward_lstm = Lstm(units, name="backward")

    def call(self, x, lengths):
        ahead = self.forward_lstm(x)  # (B, T, units)
        reversed_x = tf.reverse_sequence(x, lengths, seq_axis=1)
        back = tf.reverse_sequence(self.backward_lstm(reversed_x), lengths, seq_axis=1)  # (B, T, units)
        return tf.concat([ahead, back], -1)  # (B, T, 2 units)


class NormalisedClassifier(layers.Layer):
    """Logits as products with unit-length class vectors, without bias (CorrNet's and MSLR's head).

    In float32 whatever the precision of the network: losses are made of them.

    Attributes:
        blank_bias: added to the blank's logit, no part of training; to be set before the network is called. See
            `tf_slr.training.blank_bias`.
    """

    def __init__(self, classes: int, **kwargs):
        super().__init__(dtype=tf.float32, **kwargs)
        self.classes, self.blank_bias = classes, 0.0

    def build(self, shape):
        self.kernel = self.add_weight(name="kernel", shape=(shape[-1], self.classes), initializer="glorot_uniform")

    def call(self, x):
        logits = tf.matmul(x, self.folded())
        return logits + self.bias if self.blank_bias else logits

    @property
    def bias(self) -> np.ndarray:
        """Of the plain dense layer, (classes,)."""
        return np.where(np.arange(self.classes) == BLANK, self.blank_bias, 0).astype(np.float32)

    def deployed(self, x: tf.Tensor) -> tf.Tensor:
        """Logits by a plain dense layer "classifier" of a functional model: (1, T, C) -> (1, T, classes)."""
        dense = layers.Dense(self.classes, use_bias=bool(self.blank_bias), name="classifier")
        logits = dense(x)
        dense.set_weights([self.folded().numpy(), self.bias][: len(dense.weights)])
        return logits

    def folded(self) -> tf.Tensor:
        """The kernel of the plain dense layer that gives the same logits, (C, classes)."""
        return tf.math.l2_normalize(self.kernel, axis=0)


def fold(kernel: np.ndarray, bias: np.ndarray | float, norm: layers.Layer) -> list[np.ndarray]:
    """Kernel and bias of the convolution that does what one followed by a batch normalisation does.

    Args:
        kernel: of the convolution, output channels last.
        bias: its bias, or 0.
        norm: `MaskedBatchNorm` or Keras' own, as trained.
    """
    gain = norm.gamma.numpy() / np.sqrt(norm.moving_variance.numpy() + norm.epsilon)
    return [kernel * gain, norm.beta.numpy() + (bias - norm.moving_mean.numpy()) * gain]


def pool_lengths(lengths: tf.Tensor) -> tf.Tensor:
    """Lengths after pooling by 2 with the odd last step kept."""
    return (lengths + 1) // 2
