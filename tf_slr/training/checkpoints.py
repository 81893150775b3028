"""Checkpoints: one file with every variable and the position in training, written atomically."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from tf_slr.core import files
from tf_slr.core.errors import DataError

# A teacher of 33 M parameters with Adam's two moments is 400 MB.
MAX_BYTES = 4 * 2**30


def save(path: Path | str, state: dict, **groups: Sequence[tf.Variable]) -> None:
    """Write groups of variables and a JSON-able state to one file."""
    arrays = {"state": np.frombuffer(json.dumps(state).encode(), np.uint8)}
    for group, variables in groups.items():
        for i, variable in enumerate(variables):
            arrays[f"{group}/{i:04d}"] = variable.numpy()
    files.write_npz(path, arrays, compress=False)


def load(path: Path | str, **groups: Sequence[tf.Variable]) -> dict:
    """Read what `save` wrote into the same groups of variables.

    A group that is not asked for is ignored, so that weights can be read without the optimiser.

    Returns:
        The state.

    Raises:
        DataError: the file is damaged, or its variables do not fit; then no variable was changed.
    """
    arrays = files.read_npz(path, limit=MAX_BYTES)
    assignments = []
    for group, variables in groups.items():
        stored = sum(name.startswith(f"{group}/") for name in arrays)
        if stored != len(variables):
            raise DataError(f"{path}: expected {len(variables)} variables of {group}, found {stored}")
        for i, variable in enumerate(variables):
            value = arrays[f"{group}/{i:04d}"]
            if value.shape != tuple(variable.shape) or value.dtype != variable.dtype.as_numpy_dtype:
                raise DataError(
                    f"{path}: {variable.name}: expected {variable.dtype.name} {list(variable.shape)}, "
                    f"found {value.dtype} {list(value.shape)}"
                )
            assignments.append((variable, value))
    try:
        state = json.loads(arrays["state"].tobytes())
    except (KeyError, ValueError) as error:
        raise DataError(f"{path}: has no readable state ({error})") from error
    for variable, value in assignments:
        variable.assign(value)
    return state
