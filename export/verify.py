"""The gates an exported student must pass before it becomes a bundle."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import tf_keras

from export.variants import Variant
from tf_slr.core.errors import ExportError
from tf_slr.core.glosses import Vocabulary
from tf_slr.corpus.manifest import Sample
from tf_slr.decoding.greedy import greedy
from tf_slr.features.splits import UsableSplit
from tf_slr.features.streams import Stream
from tf_slr.litert.flatbuffer import MalformedError
from tf_slr.litert.model_check import check_model
from tf_slr.runtime.lengths import FixedLengthStudent
from tf_slr.runtime.student import Student
from tf_slr.training.evaluation import Evaluation, evaluate, network_logits, student_logits

MAX_DIFFERENCE = 1e-4  # of FP32 logits between Keras and TFLite
MAX_WER_LOSS = 0.005  # of INT8 against FP32 on dev, absolute
# The published system (KD-MSLRT) takes 12.93 MB with its corrector.
MAX_BYTES = 12_930_000
# Of each weight, with what scales need, and of what a file needs beside weights for each of its signatures.
BYTES_PER_WEIGHT, OVERHEAD = 1.04, 150_000
PARITY_CLIPS = 16

# How a TFLite file's content becomes something with `logits`, given the number of threads.
Reader = Callable[[bytes, int], Student | FixedLengthStudent]


def check_operators(model: bytes, name: str) -> dict[str, int]:
    """Count the operators of every subgraph; an interpreter's own listing shows the first only.

    Raises:
        ExportError: one is a Flex or custom operator, which LiteRT alone cannot run, or the runtime would refuse the
            file for another reason.
    """
    try:
        graphs = check_model(model).subgraphs
    except MalformedError as error:
        raise ExportError(f"{name}: {error}") from error
    return dict(Counter(operator.name for graph in graphs for operator in graph.operators))


def reader_of(variant: Variant) -> Reader:
    """What runs a variant's file."""
    return FixedLengthStudent if variant.bilstm == "lengths" else Student


def parity_clips(split: UsableSplit) -> UsableSplit:
    """Few clips of a split, from its shortest to its longest."""
    order = np.argsort(split.frames, kind="stable")
    return split.part(order[np.unique(np.linspace(0, len(order) - 1, PARITY_CLIPS).round().astype(int))].tolist())


def check_parity(network: tf_keras.Model, model: bytes, stream: Stream, frames: Sequence[int]) -> float:
    """Compare the FP32 TFLite model with Keras.

    Args:
        network: as trained.
        model: the TFLite file's content.
        stream: clips of several lengths, as the network reads them.
        frames: their lengths.

    Returns:
        The largest difference of any logit.

    Raises:
        ExportError: it is above 1e-4, a step has another argmax, or a second run on a clip differs.
    """
    student = Student(model)
    largest = 0.0
    for i, expected in enumerate(network_logits(network, stream, frames)):
        values = stream.shown(i, None)
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
    student: Student | FixedLengthStudent, stream: Stream, samples: Sequence[Sample], vocabulary: Vocabulary
) -> Evaluation:
    """Recognise clips with a TFLite student."""
    return evaluate(student_logits(student, stream, len(samples)), samples, vocabulary)


def check_size(int8: bytes, weights: int, signatures: int = 1) -> None:
    """Hold an INT8 file to what it must save.

    Args:
        int8: the file's content.
        weights: how many the converted graph has.
        signatures: how many the file has.

    Raises:
        ExportError: it is larger than a byte for each weight and some, as when a layer was left in float, or than
            what the published system takes.
    """
    allowed = min(MAX_BYTES, int(BYTES_PER_WEIGHT * weights) + signatures * OVERHEAD)
    if len(int8) > allowed:
        raise ExportError(
            f"INT8 takes {len(int8) / 1e6:.2f} MB, allowed are {allowed / 1e6:.2f} MB (it has {weights / 1e6:.2f} "
            "million weights); a narrower model.width makes it smaller, and the variant stateless is smaller than tiled"
        )


def check_repeatable(model: bytes, stream: Stream, count: int, read: Reader = Student) -> None:
    """Run clips twice, and on another number of threads.

    Args:
        model: the TFLite file's content.
        stream: the clips, as the network reads them.
        count: how many.
        read: what runs the model.

    Raises:
        ExportError: a second run gives other logits, or two threads other glosses than one.
    """
    one, two = read(model, 1), read(model, 2)
    for i in range(count):
        values = stream.shown(i, None)
        first = one.logits(values)
        if not np.array_equal(first, one.logits(values)):
            raise ExportError("INT8: the same clip gives other logits the second time: state leaks between clips")
        glosses, found = ([segment.gloss for segment in greedy(logits)] for logits in (first, two.logits(values)))
        if glosses != found:
            raise ExportError(f"INT8: 2 threads recognise the classes {found} where 1 thread recognises {glosses}")


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
