"""Distillation losses: what a student learns from a teacher's outputs, and one head from the other.

KD-MSLRT (https://arxiv.org/abs/2501.02321) pulls both heads of the landmark
student to those of the video teacher, and the student's convolution head to
its own sequence head; CorrNet (https://arxiv.org/abs/2303.03202) has that
last term too. CRKD (https://arxiv.org/abs/2303.06820) adds the squared
distance of frame-level features of equal scale. A light student has fewer
channels than its teacher; then the distance is that of what a linear layer
tells of its features (A. Romero et al., "FitNets", ICLR 2015), a layer of no
use after training, which is not kept with the weights.
"""

import tensorflow as tf

from tf_slr.core.glosses import BLANK


def divergence(teacher: tf.Tensor, student: tf.Tensor, steps: tf.Tensor, temperature: float, blank: bool) -> tf.Tensor:
    """KL(teacher || student) of softened distributions, averaged over the valid steps of a batch, times T².

    No gradient flows into the teacher.

    Args:
        teacher: logits (B, T, classes).
        student: logits (B, T, classes).
        steps: valid steps of each clip (B,).
        temperature: divides the logits.
        blank: whether the blank class takes part.

    Returns:
        The scalar loss.
    """
    if not blank:
        teacher, student = teacher[..., BLANK + 1 :], student[..., BLANK + 1 :]
    target = tf.stop_gradient(tf.nn.log_softmax(teacher / temperature))
    found = tf.nn.log_softmax(student / temperature)
    each = tf.reduce_sum(tf.exp(target) * (target - found), -1)  # (B, T)
    return temperature**2 * _mean_over_valid(each, steps)


def feature_distance(teacher: tf.Tensor, student: tf.Tensor, frames: tf.Tensor) -> tf.Tensor:
    """Mean squared distance of frame-level features (B, T, ...) of equal shape over the valid frames.

    No gradient flows into the teacher.
    """
    # In mixed precision the student's come in 16 bits, too few for squares.
    difference = tf.math.squared_difference(tf.stop_gradient(teacher), tf.cast(student, tf.float32))
    each = tf.reduce_mean(difference, axis=list(range(2, len(student.shape))))  # (B, T)
    return _mean_over_valid(each, frames)


def _mean_over_valid(each: tf.Tensor, lengths: tf.Tensor) -> tf.Tensor:
    """Mean of values (B, T) over the first `lengths` (B,) of each row; what lies beyond may be anything."""
    valid = tf.sequence_mask(lengths, tf.shape(each)[1])
    return tf.reduce_mean(tf.boolean_mask(each, valid))
