"""A student in LiteRT: normalised landmarks or squeezed pictures in, logits out."""

from pathlib import Path

import numpy as np

from tf_slr.core import timing
from tf_slr.core.errors import BundleError
from tf_slr.core.quiet import silent_stderr
from tf_slr.litert.interpreter import FAULTS, open_model, unfit


class Student:
    """Runs a student's TFLite model on clips of any length.

    Args:
        model: the TFLite file, or its content.
        threads: number of CPU threads.
        source: what messages call the file, where its content was given.

    Attributes:
        shape: of one moment of the input, (276,) for landmarks or (size, size, 3) for pictures.
        dtype: of its values.

    Raises:
        BundleError: it is no student.
        UsageError: no such number of threads can be had.
    """

    def __init__(self, model: bytes | Path, threads: int = 1, source: str = "the student") -> None:
        content, self._source = (model, source) if isinstance(model, bytes) else (model.read_bytes(), str(model))
        self._interpreter = open_model(content, threads, self._source)
        try:
            with silent_stderr():
                self._interpreter.allocate_tensors()
            (self._input,) = self._interpreter.get_input_details()
            (self._output,) = self._interpreter.get_output_details()
        except FAULTS as error:
            raise unfit(self._source, error) from error
        signature = self._input["shape_signature"].tolist()
        if signature[:2] != [1, -1] or len(signature) < 3:
            raise BundleError(f"{self._source}: the student expects {signature}, not one clip of any length")
        if len(self._output["shape_signature"]) != 3:
            raise BundleError(f"{self._source}: the student returns {self._output['shape_signature'].tolist()}, "
                              f"not logits of one clip")  # fmt: skip
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

        Raises:
            BundleError: the model cannot be run, or gives something else.
        """
        try:
            found = self._run(values)
        except FAULTS as error:
            raise unfit(self._source, f"on a clip of {len(values)} frames: {error}") from error
        expected = timing.steps(len(values)), self.classes
        if found.shape != expected or found.dtype != np.float32 or not np.isfinite(found).all():
            raise unfit(self._source, f"a clip of {len(values)} frames gives {found.dtype} {list(found.shape)}, "
                        f"expected finite float32 {list(expected)}")  # fmt: skip
        return found

    def _run(self, values: np.ndarray) -> np.ndarray:
        if len(values) != self._frames:
            self._frames = 0
            self._interpreter.resize_tensor_input(self._input["index"], [1, *values.shape])
            self._interpreter.allocate_tensors()
            self._frames = len(values)
        # The fused LSTM keeps its state from call to call.
        self._interpreter.reset_all_variables()
        self._interpreter.set_tensor(self._input["index"], values[None])
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output["index"])[0]
