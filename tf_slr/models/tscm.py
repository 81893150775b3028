"""TSCM, the temporal superposition crossover module (https://arxiv.org/abs/2211.03387): time for 2-D convolutions.

Channels 0, 3, 6, ... come from the frame before, 1, 4, 7, ... from the frame
itself, 2, 5, 8, ... from the frame after; where there is no such frame, from
the frame itself. A 2-D convolution that follows then sees three frames,
without a parameter or a multiplication more.
"""

import numpy as np
import tensorflow as tf

PERIOD = 3  # before, now, after


def tscm(x: tf.Tensor, first: tf.Tensor, last: tf.Tensor) -> tf.Tensor:
    """Mix neighbouring frames.

    Args:
        x: rows of packed frames (N, h, w, C).
        first: bool (N,), whether a row is the first of its clip.
        last: bool (N,), whether it is the last.

    Returns:
        (N, h, w, C).
    """
    source = np.arange(x.shape[-1]) % PERIOD
    before = (source == 0) & ~first[:, None]  # (N, C)
    after = (source == 2) & ~last[:, None]
    return tf.where(before[:, None, None], tf.roll(x, 1, 0), tf.where(after[:, None, None], tf.roll(x, -1, 0), x))


def sorted_tscm(x: tf.Tensor) -> tf.Tensor:
    """TSCM of one clip (T, h, w, C) with its channels in the order of `channel_order`, by slices only.

    For deployment: whatever reads it has its kernel in that order too.
    """
    before = tf.concat([x[:1], x[:-1]], 0)
    after = tf.concat([x[1:], x[-1:]], 0)
    return tf.concat([frame[..., i::PERIOD] for i, frame in enumerate((before, x, after))], -1)


def channel_order(channels: int) -> np.ndarray:
    """The channels as `sorted_tscm` gives them: 0, 3, 6, ..., then 1, 4, 7, ..., then 2, 5, 8, ..."""
    return np.concatenate([np.arange(i, channels, PERIOD) for i in range(PERIOD)])
