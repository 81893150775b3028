"""The gates an exported student must pass before it becomes a bundle."""

from collections.abc import Sequence

import numpy as np
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from tf_slr.corpus.manifest import Sample
from tf_slr.errors import ExportError
from tf_slr.features.streams import Landmarks
from tf_slr.glosses import Vocabulary
from tf_slr.landmarks import Clip, Normalisation, normalise
from tf_slr.models.mslr import Mslr
from tf_slr.runtime.student import Student
from tf_slr.training.evaluation import Evaluation, evaluate, network_logits

MAX_DIFFERENCE = 1e-4  # of FP32 logits between Keras and TFLite
MAX_WER_LOSS = 0.005  # of INT8 against FP32 on dev, absolute
PARITY_CLIPS = 16


def check_operators(model: bytes, name: str) -> dict[str, int]:
    """Count the operators of every subgraph; an interpreter's own listing shows the first only.

    Raises:
        ExportError: one is a Flex or custom operator, which LiteRT alone cannot run.
    """
    graph = flatbuffer_utils.convert_bytearray_to_object(bytearray(model))
    names = {value: key for key, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    counts: dict[str, int] = {}
    for number, subgraph in enumerate(graph.subgraphs):
        for operator in subgraph.operators:
            code = graph.operatorCodes[operator.opcodeIndex]
            # Old files hold the number in the 8-bit field, new ones in the wide one.
            builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
            if code.customCode is not None or builtin == schema.BuiltinOperator.CUSTOM:
                custom = (code.customCode or b"unnamed").decode(errors="replace")
                raise ExportError(f"{name}: subgraph {number} has the custom operator {custom}")
            counts[names[builtin]] = counts.get(names[builtin], 0) + 1
    return counts


def check_parity(network: Mslr, model: bytes, clips: Sequence[Clip], rule: Normalisation) -> float:
    """Compare the FP32 TFLite model with Keras on clips of several lengths.

    Returns:
        The largest difference of any logit.

    Raises:
        ExportError: it is above 1e-4, a step has another argmax, or a second run on a clip differs.
    """
    student = Student(model)
    order = np.argsort([len(clip.landmarks) for clip in clips], kind="stable")
    chosen = [clips[i] for i in order[np.unique(np.linspace(0, len(order) - 1, PARITY_CLIPS).round().astype(int))]]
    largest = 0.0
    frames = [len(clip.landmarks) for clip in chosen]
    for clip, expected in zip(chosen, network_logits(network, Landmarks(chosen, rule), frames), strict=True):
        values = normalise(clip, rule)
        found = student.logits(values)
        difference = float(np.abs(found - expected).max())
        largest = max(largest, difference)
        if difference > MAX_DIFFERENCE:
            raise ExportError(f"FP32 TFLite differs from Keras by {difference:.2e}, allowed {MAX_DIFFERENCE:.0e}")
        if (found.argmax(-1) != expected.argmax(-1)).any():
            raise ExportError("FP32 TFLite and Keras disagree on the likeliest class of a step")
        if not np.array_equal(found, student.logits(values)):
            raise ExportError("the same clip gives other logits the second time: state leaks between clips")
    return largest


def tflite_evaluation(
    model: bytes, clips: Sequence[Clip], samples: Sequence[Sample], vocabulary: Vocabulary, rule: Normalisation
) -> Evaluation:
    """Recognise clips with a TFLite student."""
    student = Student(model)
    return evaluate((student.logits(normalise(clip, rule)) for clip in clips), samples, vocabulary)


def check_wer(fp32: Evaluation, int8: Evaluation) -> None:
    """Hold INT8 to FP32.

    Raises:
        ExportError: INT8's WER is more than 0.5 point above FP32's.
    """
    if int8.wer > fp32.wer + MAX_WER_LOSS:
        raise ExportError(
            f"INT8 has a dev WER of {100 * int8.wer:.2f} %, FP32 {100 * fp32.wer:.2f} %; "
            f"allowed are {100 * MAX_WER_LOSS:.1f} points more"
        )
