"""A student in signatures of fixed length, as pages load it."""

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from tf_slr import timing
from tf_slr.errors import BundleError, UsageError
from tf_slr.quiet import silent_stderr

# Frames for which a student has a signature. A clip is prolonged to the next of them; its true length goes with it.
LENGTHS = (64, 120, 200, 300)


def signature_of(frames: int) -> str:
    """Name of the signature for clips of up to so many frames."""
    return f"t{frames}"


class FixedLengthStudent:
    """Runs a landmark student whose file has a signature for each of several lengths.

    Args:
        model: the TFLite file's content, whose hash was checked.
        threads: number of CPU threads.

    Raises:
        BundleError: it is no such student.
    """

    def __init__(self, model: bytes, threads: int = 1) -> None:
        try:
            with silent_stderr():
                interpreter = Interpreter(model_content=model, num_threads=threads)
                self._runners = {frames: interpreter.get_signature_runner(signature_of(frames)) for frames in LENGTHS}
        except (ValueError, RuntimeError) as error:
            raise BundleError(f"the student has no signatures for {list(LENGTHS)} frames ({error})") from error

    def logits(self, values: np.ndarray) -> np.ndarray:
        """Logits of one clip.

        Args:
            values: float32 [T, 276] of `normalise`.

        Returns:
            float32 [ceil(T/4), classes].

        Raises:
            UsageError: the clip is longer than every signature.
        """
        frames = len(values)
        length = next((length for length in LENGTHS if length >= frames), None)
        if length is None:
            raise UsageError(f"the clip has {frames} frames; this student reads up to {LENGTHS[-1]}")
        padded = np.zeros((1, length, values.shape[1]), np.float32)
        padded[0, :frames] = values
        output = self._runners[length](landmarks=padded, frames=np.array([frames], np.int32))
        return output["logits"][0, : timing.steps(frames)]
