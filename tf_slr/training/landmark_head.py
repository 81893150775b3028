"""Auxiliary landmark regression: what a frame network can learn besides glosses.

CTC tells a network hardly anything of a frame: one label for a dozen of
them, and not which. A frame network without ImageNet's weights stays blind
for many epochs. Where hands, arms and lips are is known of every frame of a
corpus with landmarks, and a linear layer that must tell it from the frame's
features makes them see. The layer is of no use after training and is not kept
with the weights.
"""

import tensorflow as tf
from tf_keras import layers

from tf_slr.core.landmarks import POINTS

# What a batch calls the normalised landmarks of its clips, changed as their pictures are.
LANDMARKS = "landmark_targets"


class LandmarkHead(layers.Layer):
    """Features of frames -> all normalised landmarks: (B, T', C) -> (B, T', 92, 3).

    Args:
        width: of the features.
    """

    def __init__(self, width: int, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(POINTS * 3, name="dense")
        self.dense.build((None, None, width))

    def call(self, x):
        """Predict landmarks from features."""
        return tf.reshape(self.dense(x), [tf.shape(x)[0], -1, POINTS, 3])


def landmark_distance(
    predicted: tf.Tensor, landmarks: tf.Tensor, frames: tf.Tensor, every: int = 1
) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean squared distance of predicted from normalised landmarks, over what was found in the frames looked at.

    Args:
        predicted: (B, T', 92, 3).
        landmarks: (B, T, 276), normalised; 0 where nothing was found.
        frames: true lengths of the clips (B,).
        every: every so many-th of the T frames is looked at.

    Returns:
        The scalar loss, 0 where no landmark was found at all, and of how many values it is the mean.
    """
    shape = tf.shape(landmarks)
    points = tf.reshape(landmarks, [shape[0], shape[1], POINTS, 3])[:, ::every]  # (B, T', 92, 3)
    found = tf.cast(points != 0, tf.float32)
    valid = tf.sequence_mask(-(-frames // every), tf.shape(points)[1], tf.float32)
    weight = found * valid[:, :, None, None]
    total = tf.reduce_sum(weight * tf.math.squared_difference(tf.cast(predicted, tf.float32), points))
    count = tf.reduce_sum(weight)
    return tf.math.divide_no_nan(total, count), count
