"""Mixed precision: a network that computes in 16 bits and keeps its weights in 32.

It saves memory and time on GPUs, and on CPUs whose instructions include such numbers. The logits, the losses and batch
normalisation stay in float32, and so do the weights: whoever opens the run later computes in float32.
"""

import contextlib
from collections.abc import Iterator

import tensorflow as tf
import tf_keras
from tf_keras import mixed_precision

from tf_slr.core.quiet import silent_stderr
from tf_slr.training.options.precision import Precision


@contextlib.contextmanager
def computing_in(precision: Precision) -> Iterator[None]:
    """Layers made in this context compute in this precision."""
    before = mixed_precision.global_policy()
    with silent_stderr():  # Keras warns on a CPU; the recipe's reader knows
        mixed_precision.set_global_policy(precision)
    try:
        yield
    finally:
        mixed_precision.set_global_policy(before)


def scaled(optimizer: tf_keras.optimizers.Optimizer, precision: Precision) -> tf_keras.optimizers.Optimizer:
    """The optimiser for a precision: float16 ends at 6e-8, so that losses must be scaled for their gradients' sake."""
    return mixed_precision.LossScaleOptimizer(optimizer) if precision == "mixed_float16" else optimizer


def variables_of(optimizer: tf_keras.optimizers.Optimizer) -> list[tf.Variable]:
    """All that an optimiser goes on from, its loss scale included."""
    if not isinstance(optimizer, mixed_precision.LossScaleOptimizer):
        return optimizer.variables
    # Of the scale itself only the value is public.
    return [*optimizer.variables, optimizer._loss_scale.current_loss_scale, optimizer.dynamic_counter]
