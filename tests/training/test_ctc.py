"""The CTC loss against its definition, and against TensorFlow's own."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tf_slr.core import timing
from tf_slr.decoding.greedy import log_softmax
from tf_slr.training.ctc import ctc_losses, negative_log_likelihood


def by_definition(logits, label):
    """Negative log of the summed probability of every path that collapses to the label."""
    frames, mass = log_softmax(logits), -np.inf
    for path in itertools.product(range(frames.shape[1]), repeat=len(frames)):
        if [k for k, _ in itertools.groupby(path) if k != 0] == label:
            mass = np.logaddexp(mass, frames[range(len(frames)), path].sum())
    return -mass


def test_loss_of_each_head_is_the_mean_per_gloss_over_true_lengths():
    heads = np.random.default_rng(0).normal(0, 2, (2, 2, 5, 3)).astype(np.float32)
    losses = ctc_losses(
        [tf.constant(head) for head in heads], tf.constant([5, 4]), tf.constant([[1, 1, 2], [2, 0, 0]]),
        tf.constant([3, 1]),
    )  # fmt: skip
    for loss, logits in zip(losses, heads, strict=True):
        expected = (by_definition(logits[0], [1, 1, 2]) / 3 + by_definition(logits[1, :4], [2])) / 2
        assert float(loss) == pytest.approx(expected, rel=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 30))
def test_losses_and_gradients_are_tensorflows(seed, sharpness):
    """On clips long enough for their glosses, equal neighbours, empty sentences and padding included."""
    rng = np.random.default_rng(seed)
    labels = [rng.integers(1, 4, rng.integers(0, 5)) for _ in range(3)]
    glosses = np.array([len(label) for label in labels], np.int32)
    steps = np.array([max(1, timing.needed_steps(label)) + rng.integers(0, 6) for label in labels], np.int32)
    padded = np.zeros((3, 5), np.int32)
    for row, label in zip(padded, labels, strict=True):
        row[: len(label)] = label
    logits = tf.constant(rng.normal(0, sharpness, (3, steps.max() + 2, 4)).astype(np.float32))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        ours = negative_log_likelihood(logits, steps, padded, glosses)
        theirs = tf.nn.ctc_loss(padded, logits, glosses, steps, logits_time_major=False, blank_index=0)
        weighted = [tf.reduce_sum(loss * [1.0, 2.0, 3.0]) for loss in (ours, theirs)]
    assert np.allclose(ours, theirs, rtol=1e-4, atol=1e-3)
    found, expected = (tape.gradient(loss, logits).numpy() for loss in weighted)
    assert np.allclose(found, expected, atol=2e-3)
    for row, count in zip(found, steps, strict=True):
        assert not row[count:].any()


def test_peaked_logits_stay_finite():
    logits = tf.constant(np.eye(4, dtype=np.float32)[[1, 1, 0, 2]][None] * 1e4)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        (loss,) = ctc_losses([logits], tf.constant([4]), tf.constant([[3, 1]]), tf.constant([2]))
    assert float(loss) == pytest.approx(1e4, rel=1e-3)  # two wrong steps, shared by two glosses
    assert np.isfinite(tape.gradient(loss, logits)).all()


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_logits_that_are_no_numbers_have_a_loss_that_is_none(broken):
    """Else a training that diverged would look like a perfect one."""
    logits = np.random.default_rng(0).normal(0, 1, (2, 6, 4)).astype(np.float32)
    logits[0, 2, 1] = broken
    arguments = (tf.constant([6, 6]), tf.constant([[1, 2], [1, 0]]), tf.constant([2, 1]))
    losses = negative_log_likelihood(tf.constant(logits), *arguments).numpy()
    assert np.isnan(losses[0])
    assert losses[1] > 0


def test_a_clip_too_short_for_its_glosses_teaches_nothing():
    logits = tf.constant(np.random.default_rng(0).normal(0, 1, (2, 3, 4)).astype(np.float32))
    arguments = (tf.constant([2, 3]), tf.constant([[1, 1, 2], [1, 0, 0]]), tf.constant([3, 1]))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        losses = negative_log_likelihood(logits, *arguments)
    gradient = tape.gradient(losses, logits).numpy()
    assert float(losses[0]) == 0
    assert float(losses[1]) > 0
    assert not gradient[0].any()
    assert gradient[1].any()
