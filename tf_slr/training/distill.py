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

from dataclasses import dataclass

import tensorflow as tf

from tf_slr.errors import UsageError
from tf_slr.glosses import BLANK


@dataclass(frozen=True)
class DistillOptions:
    """What is distilled, and how strongly; a weight of 0 leaves a term out.

    Attributes:
        teacher: run folder of the teacher; empty for no teacher. Recipes leave it to 'tf-slr train --teacher RUN'.
        conv: weight of KL(teacher || student) on the convolution heads.
        sequence: the same on the sequence heads.
        features: weight of the squared distance of frame-level features. Kept ones take two bytes a value: of a map of
            4 x 4 x 96 3 kB a frame, of the paper's teacher 50 kB.
        inner: weight of KL(own sequence head, held fixed || own convolution head).
        temperature: softens teacher and student; the loss is multiplied by its square.
        inner_temperature: the same between the own heads.
        blank: whether the blank takes part in what is compared with the teacher.
        inner_blank: the same between the own heads.
        online: compute the teacher on the very change that the student's augmentation shows, instead of
            once for each clip. What is kept moves along with a change of tempo, but knows nothing of any other
            change; online costs a teacher's forward pass a step.
        fade: the weights of what the teacher says fall in a straight line to nothing at the end of training, so that a
            weak teacher does not hold back a student that overtakes it (teacher annealing: K. Clark et al., "BAM!",
            ACL 2019).
    """

    teacher: str = ""
    conv: float = 0.0
    sequence: float = 0.0
    features: float = 0.0
    inner: float = 0.0
    temperature: float = 4.0
    inner_temperature: float = 8.0
    blank: bool = True
    inner_blank: bool = False
    online: bool = False
    fade: bool = False

    def __post_init__(self) -> None:
        for name in ("conv", "sequence", "features", "inner"):
            if getattr(self, name) < 0:
                raise UsageError(f"distill.{name}: expected a weight of 0 or more, received {getattr(self, name)}")
        for name in ("temperature", "inner_temperature"):
            if getattr(self, name) <= 0:
                raise UsageError(f"distill.{name}: expected more than 0, received {getattr(self, name)}")
        taught = self.conv or self.sequence or self.features
        if taught and not self.teacher:
            raise UsageError("distill.conv, .sequence and .features above 0 learn from a teacher; name its run with "
                             "--teacher RUN (distill.teacher)")  # fmt: skip
        if self.teacher and not taught:
            raise UsageError(f"distill.teacher = {self.teacher!r} teaches nothing; give distill.conv, .sequence or "
                             ".features a weight above 0")  # fmt: skip
        if self.fade and not taught:
            raise UsageError("distill.fade fades what a teacher says, and there is none; take it out, or give "
                             "distill.conv, .sequence or .features a weight above 0")  # fmt: skip


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
