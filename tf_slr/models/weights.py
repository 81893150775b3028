"""A network's weights by name, for those that come from elsewhere."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf
import tf_keras

from tf_slr.core.errors import DataError


def named_weights(network: tf_keras.Model) -> dict[str, tf.Variable]:
    """A network's variables by names such as "stage1_block1/conv1/kernel", without the network's own name."""
    return {variable.name.split("/", 1)[1].removesuffix(":0"): variable for variable in network.weights}


def load_into(network: tf_keras.Model, weights: Mapping[str, np.ndarray], source: str = "weights") -> list[str]:
    """Give a network weights.

    Args:
        network: any of the networks.
        weights: arrays by the names of `named_weights`; those of a part of the network are enough.
        source: where they come from, for errors.

    Returns:
        The names that `weights` does not have; those variables stay as they were.

    Raises:
        DataError: a weight has no place in the network or another shape; then no variable was changed.
    """
    variables = named_weights(network)
    for name, value in weights.items():
        if name not in variables:
            raise DataError(f"{source}: {name}: the network {network.name} has no such weight")
        if value.shape != tuple(variables[name].shape):
            raise DataError(f"{source}: {name}: expected {list(variables[name].shape)}, found {list(value.shape)}")
    for name, value in weights.items():
        variables[name].assign(value)
    return [name for name in variables if name not in weights]
