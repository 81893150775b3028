"""Learning rate over the course of training."""

import math

import tensorflow as tf
import tf_keras


class OneCycle(tf_keras.optimizers.schedules.LearningRateSchedule):
    """Linear rise over the first share of steps, then a cosine fall to zero (Smith and Topin, arXiv 1708.07120)."""

    def __init__(self, peak: float, steps: int, rise: float = 0.25):
        self.peak, self.steps, self.rise = peak, steps, rise

    def __call__(self, step):
        """The rate at a step."""
        progress = tf.cast(step, tf.float32) / self.steps
        rising = 0.04 + 0.96 * progress / self.rise
        falling = 0.5 * (1 + tf.cos(math.pi * tf.clip_by_value((progress - self.rise) / (1 - self.rise), 0.0, 1.0)))
        return self.peak * tf.where(progress < self.rise, rising, falling)

    def get_config(self):
        """What Keras stores of the schedule."""
        return {"peak": self.peak, "steps": self.steps, "rise": self.rise}


class Linear(tf_keras.optimizers.schedules.LearningRateSchedule):
    """Linear fall to zero, as KD-MSLRT trains."""

    def __init__(self, peak: float, steps: int):
        self.peak, self.steps = peak, steps

    def __call__(self, step):
        """The rate at a step."""
        return self.peak * tf.maximum(0.0, 1 - tf.cast(step, tf.float32) / self.steps)

    def get_config(self):
        """What Keras stores of the schedule."""
        return {"peak": self.peak, "steps": self.steps}


SCHEDULES = {"one-cycle": OneCycle, "linear": Linear}
