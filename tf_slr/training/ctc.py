"""The CTC loss (Graves et al. 2006) of the project."""

import tensorflow as tf

from tf_slr.glosses import BLANK


def ctc_loss(logits: tf.Tensor, steps: tf.Tensor, labels: tf.Tensor, glosses: tf.Tensor) -> tf.Tensor:
    """Mean over clips of the negative log likelihood per gloss.

    The dense kernel: TensorFlow's sparse one returns infinity on peaked
    logits and raises on infeasible labels.

    Args:
        logits: (B, T, classes), class 0 is the blank.
        steps: (B,) true lengths of the logits.
        labels: (B, L) gloss ids, padded with 0.
        glosses: (B,) true lengths of the labels.

    Returns:
        A scalar.
    """
    loss = tf.nn.ctc_loss(labels, logits, glosses, steps, logits_time_major=False, blank_index=BLANK)  # (B,)
    return tf.reduce_mean(loss / tf.cast(tf.maximum(glosses, 1), loss.dtype))
