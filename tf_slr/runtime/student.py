"""A student in LiteRT: normalised landmarks or squeezed pictures in, logits out."""

from pathlib import Path

import numpy as np

from tf_slr.errors import BundleError
from tf_slr.quiet import silent_stderr
from tf_slr.runtime.interpreter import open_model


class Student:
    """Runs a student's TFLite model on clips of any length.

    Args:
        model: the TFLite file's content.
        threads: number of CPU threads.

    Attributes:
        shape: of one moment of the input, (276,) for landmarks or (size, size, 3) for pictures.
        dtype: of its values.

    Raises:
        BundleError: it is no student.
        UsageError: no such number of threads can be had.
    """

    def __init__(self, model: bytes | Path, threads: int = 1) -> None:
        content = model if isinstance(model, bytes) else model.read_bytes()
        try:
            self._interpreter = open_model(content, threads)
            with silent_stderr():
                self._interpreter.allocate_tensors()
            self._input = self._interpreter.get_input_details()[0]
            self._output = self._interpreter.get_output_details()[0]
        except (ValueError, RuntimeError, IndexError) as error:
            raise BundleError(f"the student is not a TFLite model ({error})") from error
        signature = self._input["shape_signature"].tolist()
        if signature[:2] != [1, -1] or len(signature) < 3:
            raise BundleError(f"the student expects {signature}, not one clip of any length")
        self.shape, self.dtype = tuple(signature[2:]), np.dtype(self._input["dtype"])
        self._frames = 0

    @property
    def classes(self) -> int:
        """Number of output classes, blank included."""
        return int(self._output["shape_signature"][-1])

    def logits(self, values: np.ndarray) -> np.ndarray:
        """Logits of one clip.

        Args:
            values: [T, *shape] of `dtype`, as `inputs.prepare` makes them.

        Returns:
            float32 [ceil(T/4), classes].
        """
        if len(values) != self._frames:
            self._interpreter.resize_tensor_input(self._input["index"], [1, *values.shape])
            self._interpreter.allocate_tensors()
            self._frames = len(values)
        # The fused LSTM keeps its state from call to call.
        self._interpreter.reset_all_variables()
        self._interpreter.set_tensor(self._input["index"], values[None])
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output["index"])[0]
