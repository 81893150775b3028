"""Making two trainings on one CPU the same to the bit."""

import tensorflow as tf
import tf_keras


def make_repeatable(seed: int) -> None:
    """Seed everything and leave no sum to chance; to be called before anything is traced."""
    tf_keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    # It lets a gradient that comes from three places or more be summed in the order in which they are ready.
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
