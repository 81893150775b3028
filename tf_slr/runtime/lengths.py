"""A student in signatures of fixed length, as pages load it."""

from pathlib import Path

import numpy as np

from tf_slr.core import timing
from tf_slr.core.errors import UsageError
from tf_slr.core.quiet import silent_stderr
from tf_slr.litert.interpreter import FAULTS, open_model, unfit

# Frames for which a student has a signature. A clip is prolonged to the next of them; its true length goes with it.
LENGTHS = (64, 120, 200, 300)


def signature_of(frames: int) -> str:
    """Name of the signature for clips of up to so many frames."""
    return f"t{frames}"


class FixedLengthStudent:
    """Runs a landmark student whose file has a signature for each of several lengths.

    Args:
        model: the TFLite file, or its content, whose hash was checked.
        threads: number of CPU threads.
        source: what messages call the file, where its content was given.

    Raises:
        BundleError: it is no such student.
    """

    def __init__(self, model: bytes | Path, threads: int = 1, source: str = "the student") -> None:
        content, self._source = (model, source) if isinstance(model, bytes) else (model.read_bytes(), str(model))
        interpreter = open_model(content, threads, self._source)
        try:
            with silent_stderr():
                self._runners = {frames: interpreter.get_signature_runner(signature_of(frames)) for frames in LENGTHS}
        except FAULTS as error:
            raise unfit(self._source, f"expected signatures for {list(LENGTHS)} frames: {error}") from error

    def logits(self, values: np.ndarray) -> np.ndarray:
        """Logits of one clip.

        Args:
            values: float32 [T, 276] of `normalise`.

        Returns:
            float32 [ceil(T/4), classes].

        Raises:
            UsageError: the clip is longer than every signature.
            BundleError: the model cannot be run.
        """
        frames = len(values)
        length = next((length for length in LENGTHS if length >= frames), None)
        if length is None:
            raise UsageError(f"the clip has {frames} frames; this student reads up to {LENGTHS[-1]}")
        padded = np.zeros((1, length, values.shape[1]), np.float32)
        padded[0, :frames] = values
        try:
            output = self._runners[length](landmarks=padded, frames=np.array([frames], np.int32))
            return output["logits"][0, : timing.steps(frames)]
        except FAULTS as error:
            raise unfit(self._source, error) from error
