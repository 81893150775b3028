"""The CTC loss against its definition."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from tf_slr.decoding.greedy import log_softmax
from tf_slr.training.ctc import ctc_loss


def by_definition(logits, label):
    """Negative log of the summed probability of every path that collapses to the label."""
    frames, mass = log_softmax(logits), -np.inf
    for path in itertools.product(range(frames.shape[1]), repeat=len(frames)):
        if [k for k, _ in itertools.groupby(path) if k != 0] == label:
            mass = np.logaddexp(mass, frames[range(len(frames)), path].sum())
    return -mass


def test_loss_is_the_mean_per_gloss_over_true_lengths():
    logits = np.random.default_rng(0).normal(0, 2, (2, 5, 3)).astype(np.float32)
    loss = ctc_loss(tf.constant(logits), tf.constant([5, 4]), tf.constant([[1, 1, 2], [2, 0, 0]]), tf.constant([3, 1]))
    expected = (by_definition(logits[0], [1, 1, 2]) / 3 + by_definition(logits[1, :4], [2])) / 2
    assert float(loss) == pytest.approx(expected, rel=1e-4)


def test_peaked_logits_stay_finite():
    logits = tf.constant(np.eye(4, dtype=np.float32)[[1, 1, 0, 2]][None] * 1e4)
    assert np.isfinite(ctc_loss(logits, tf.constant([4]), tf.constant([[3, 1]]), tf.constant([2])))
