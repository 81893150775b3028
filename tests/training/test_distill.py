"""Distillation losses against plain numpy."""

import numpy as np
import pytest
import tensorflow as tf

from tf_slr.core.errors import UsageError
from tf_slr.training.distill import divergence, feature_distance
from tf_slr.training.options.distill import DistillOptions


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


@pytest.mark.parametrize("blank", [True, False])
def test_divergence_counts_valid_steps_only(blank):
    rng = np.random.default_rng(0)
    teacher, student = rng.normal(0, 3, (2, 2, 5, 7)).astype(np.float32)
    steps = np.array([5, 2])
    teacher[1, 2:], student[1, 3] = np.nan, np.inf  # beyond the end
    found = divergence(teacher, student, steps, 4.0, blank)
    first = 0 if blank else 1
    terms = []
    for b, count in enumerate(steps):
        for t in range(count):
            p, q = softmax(teacher[b, t, first:] / 4), softmax(student[b, t, first:] / 4)
            terms.append((p * np.log(p / q)).sum())
    assert np.isclose(found, 16 * np.mean(terms), rtol=1e-5)
    assert np.isclose(divergence(student[:1], student[:1], steps[:1], 4.0, blank), 0, atol=1e-6)


def test_no_gradient_reaches_the_teacher_or_the_padding():
    rng = np.random.default_rng(1)
    teacher, student = (tf.Variable(rng.normal(size=(2, 4, 5)).astype(np.float32)) for _ in range(2))
    with tf.GradientTape() as tape:
        loss = divergence(teacher, student, tf.constant([4, 1]), 2.0, True)
    to_teacher, to_student = tape.gradient(loss, [teacher, student])
    assert to_teacher is None
    assert np.abs(to_student[0]).min() > 0
    assert np.array_equal(to_student[1, 1:], np.zeros((3, 5)))


def test_feature_distance_is_a_mean_over_valid_frames():
    rng = np.random.default_rng(2)
    teacher, student = rng.normal(size=(2, 2, 3, 4, 4, 8)).astype(np.float32)
    student[1, 1:] = np.nan
    expected = np.mean([*((teacher - student)[0] ** 2).mean((1, 2, 3)), ((teacher - student)[1, 0] ** 2).mean()])
    assert np.isclose(feature_distance(teacher, student, np.array([3, 1])), expected)


@pytest.mark.parametrize(
    "fault",
    [{"conv": -1.0}, {"temperature": 0.0}, {"inner_temperature": -1.0}, {"conv": 1.0}, {"teacher": "run"},
     {"features": 1.0}, {"inner": 1.0, "fade": True}],
)  # fmt: skip
def test_options_that_cannot_be_are_refused(fault):
    with pytest.raises(UsageError, match=r"distill\."):
        DistillOptions(**fault)
