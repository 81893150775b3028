"""The CTC loss (Graves et al. 2006) of the project, by the forward-backward algorithm.

TensorFlow has two. The sparse one returns infinity on peaked logits and raises on infeasible labels. The dense one has
the values of this one, but runs three loops over the steps, which took a sixth of the student's training step: here
there is one, in which forward and backward variables of all heads are computed side by side.
"""

from collections.abc import Sequence

import tensorflow as tf

from tf_slr.core.glosses import BLANK

# The log probability of what cannot be; sums of it stay finite.
NEVER = -1e30


def ctc_losses(heads: Sequence[tf.Tensor], steps: tf.Tensor, labels: tf.Tensor, glosses: tf.Tensor) -> list[tf.Tensor]:
    """Of each head the mean over clips of the negative log likelihood per gloss.

    Args:
        heads: logits (B, T, classes) of each head, class 0 is the blank.
        steps: (B,) true lengths of the logits.
        labels: (B, L) gloss ids, padded with 0.
        glosses: (B,) true lengths of the labels.

    Returns:
        A scalar for each head.
    """
    steps, labels, glosses = (tf.concat([each] * len(heads), 0) for each in (steps, labels, glosses))
    loss = negative_log_likelihood(tf.concat(heads, 0), steps, labels, glosses)  # (heads B,)
    loss /= tf.cast(tf.maximum(glosses, 1), loss.dtype)
    return [tf.reduce_mean(part) for part in tf.split(loss, len(heads))]


@tf.custom_gradient
def negative_log_likelihood(logits, steps, labels, glosses):
    """Of each clip, (B,); arguments as of `ctc_losses`, logits of one head.

    A clip with too few steps for its glosses has the loss 0 and no gradient.
    """
    frames = tf.nn.log_softmax(logits)
    # Glosses with a blank before, between and after them; from there on S counts these states.
    states = tf.reshape(tf.stack([tf.zeros_like(labels), labels], -1), [tf.shape(labels)[0], -1])
    states = tf.pad(states, [[0, 0], [0, 1]], constant_values=BLANK)  # (B, S)
    count = 2 * glosses + 1
    emitted = tf.gather(frames, states, axis=2, batch_dims=1)  # (B, T, S)

    def turned(x: tf.Tensor) -> tf.Tensor:
        """(B, T, S), each clip read from its own last step and state."""
        return tf.reverse_sequence(tf.reverse_sequence(x, steps, seq_axis=1), count, seq_axis=2)

    # Backward variables are forward variables of the sentence read backwards.
    both = tf.concat([states, tf.reverse_sequence(states, count, seq_axis=1)], 0)
    ahead, back = tf.split(_forward(tf.concat([emitted, turned(emitted)], 0), both), 2)  # (B, T, S)
    last = tf.gather(ahead, steps - 1, axis=1, batch_dims=1)  # (B, S)
    ends = tf.one_hot(count - 1, tf.shape(last)[1]) + tf.one_hot(count - 2, tf.shape(last)[1])
    likelihood = tf.reduce_logsumexp(tf.where(ends > 0, last, NEVER), -1)  # (B,)
    # Asked this way round a likelihood that is no number stays one, so that training notices it.
    infeasible = likelihood <= NEVER / 2

    def gradient(upstream):
        valid = tf.sequence_mask(steps, tf.shape(frames)[1])  # (B, T)
        shown = valid[..., None] & tf.sequence_mask(count, tf.shape(states)[1])[:, None]
        posterior = ahead + turned(back) - emitted - likelihood[:, None, None]
        posterior = tf.exp(tf.where(shown, posterior, NEVER))  # (B, T, S)
        of_classes = posterior @ tf.one_hot(states, tf.shape(frames)[2])  # (B, T, classes)
        taught = (valid & ~infeasible[:, None])[..., None]
        return tf.where(taught, upstream[:, None, None] * (tf.exp(frames) - of_classes), 0.0), None, None, None

    return tf.where(infeasible, 0.0, -likelihood), gradient


def _forward(emitted: tf.Tensor, states: tf.Tensor) -> tf.Tensor:
    """Forward variables (B, T, S): log probability of all that leads to a state, its own emission included.

    Args:
        emitted: (B, T, S) log probability of each state's class at each step.
        states: (B, S) classes; a blank may be skipped between two different glosses.
    """
    before = tf.pad(states, [[0, 0], [2, 0]], constant_values=BLANK)[:, :-2]
    skipping = tf.where((states != BLANK) & (states != before), 0.0, NEVER)  # (B, S)
    never = tf.fill([tf.shape(states)[0], 2], NEVER)
    emitted = tf.transpose(emitted, [1, 0, 2])  # (T, B, S)
    steps = tf.shape(emitted)[0]

    def step(t, reached, written):
        reached = tf.concat([never, reached], 1)
        ways = tf.stack([reached[:, 2:], reached[:, 1:-1], reached[:, :-2] + skipping])  # (3, B, S)
        best = tf.reduce_max(ways, 0)
        reached = best + tf.math.log(tf.reduce_sum(tf.exp(ways - best), 0)) + emitted[t]
        return t + 1, reached, written.write(t, reached)

    # A sentence begins in its first blank or its first gloss.
    first = tf.where(tf.range(tf.shape(states)[1]) < 2, emitted[0], NEVER)
    array = tf.TensorArray(tf.float32, steps, element_shape=[None, None]).write(0, first)
    looped = tf.while_loop(lambda t, *_: t < steps, step, (1, first, array))
    return tf.transpose(looped[2].stack(), [1, 0, 2])
