"""Every form of a student recognises what the network recognises."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from export.convert import convert, deployed_graph
from export.stateless import StatelessBiLstm, of_length, stateless
from export.variants import DEPLOYABLE, FP32, VARIANTS, variant_of
from export.verify import check_operators, check_size, reader_of
from tf_slr.core.errors import UsageError
from tf_slr.models.lrinet import LriNet, LriNetOptions
from tf_slr.models.mslr import Mslr, MslrOptions, inference_graph
from tf_slr.models.temporal import TemporalOptions
from tf_slr.runtime.lengths import LENGTHS, FixedLengthStudent
from tf_slr.runtime.student import Student

pytestmark = pytest.mark.slow

CLASSES = 30
# Mean difference of logits from the network's, as a share of their spread, that each way of keeping numbers may cost.
ALLOWED = {"fp32": 1e-5, "weights": 0.03, "tiled": 0.08, "integer": 0.35}


def clip(frames: int) -> np.ndarray:
    return np.random.default_rng(frames).normal(0, 0.5, (frames, 276)).astype(np.float32)


@pytest.fixture(scope="module")
def network() -> Mslr:
    tf.keras.utils.set_random_seed(1)
    return Mslr(MslrOptions(width=40, hidden=36), CLASSES)


@pytest.fixture(scope="module")
def models(network) -> dict[str, bytes]:
    calibration = [clip(frames) for frames in (64, 90, 120, 201)]
    return {name: convert(network, form, calibration if form.calibrated else []) for name, form in VARIANTS.items()}


def expected(network: Mslr, values: np.ndarray) -> np.ndarray:
    return network({"landmarks": values[None], "frames": np.array([len(values)])})["sequence_logits"][0].numpy()


@pytest.fixture(scope="module")
def references(network) -> dict[int, np.ndarray]:
    return {frames: expected(network, clip(frames)) for frames in (1, 2, 63, 64, 65, 150)}


@pytest.mark.parametrize("name", list(VARIANTS))
def test_logits_are_near_the_networks(name, models, references):
    check_operators(models[name], name)
    student = reader_of(VARIANTS[name])(models[name], 1)
    allowed = ALLOWED[name if name in ALLOWED else VARIANTS[name].numbers]
    for frames, logits in references.items():
        if VARIANTS[name].calibrated and frames < 63:
            continue  # its ranges are those of clips of usual length
        found = student.logits(clip(frames))
        assert found.shape == logits.shape
        assert np.abs(found - logits).mean() < allowed * logits.std()
        assert np.array_equal(student.logits(clip(frames)), found)


def test_poolings_next_to_each_other_are_exported():
    tf.keras.utils.set_random_seed(3)
    network = Mslr(MslrOptions(width=24, hidden=12, temporal="K5-P2-P2-K5"), CLASSES)
    network({"landmarks": np.stack([clip(40), clip(41)[:40]]), "frames": np.array([40, 27])}, training=True)
    for name in (FP32, "fp32-stateless", "fp32-tiled"):
        student = Student(convert(network, VARIANTS[name]))
        for frames in (1, 2, 3, 5, 6, 7, 33, 65):
            logits = expected(network, clip(frames))
            assert np.abs(student.logits(clip(frames)) - logits).max() < 1e-4 * np.abs(logits).max()


@pytest.mark.parametrize("name", list(VARIANTS))
def test_only_fused_lstms_keep_variables(name, models):
    content = flatbuffer_utils.convert_bytearray_to_object(bytearray(models[name]))
    kept = [tensor for subgraph in content.subgraphs for tensor in subgraph.tensors if tensor.isVariable]
    assert bool(kept) == (VARIANTS[name].bilstm == "fused")


def test_integer_is_integer_between_its_ends(models):
    content = flatbuffer_utils.convert_bytearray_to_object(bytearray(models["integer"]))
    (subgraph,) = content.subgraphs
    ends = {*subgraph.inputs, *subgraph.outputs}
    touched = {
        index for operator in subgraph.operators for index in (*operator.inputs, *operator.outputs) if index >= 0
    }
    floats = {index for index in touched if subgraph.tensors[index].type == schema.TensorType.FLOAT32}
    assert floats == ends


@pytest.mark.parametrize("name", DEPLOYABLE)
def test_what_is_deployed_passes_the_size_gate(name, models, network):
    weights = deployed_graph(network, VARIANTS[name]).count_params()
    check_size(models[name], weights, len(LENGTHS) if name == "lengths" else 1)


@pytest.mark.parametrize("frames", [1, 3, 64, 66, 119, 300])
def test_a_prolonged_clip_gives_what_it_gives_alone(frames, network):
    # In FP32 the same up to rounding; what stands beyond the end must not matter at all.
    graph = stateless(inference_graph(network))
    length = next(length for length in LENGTHS if length >= frames)
    padded = np.full((1, length, 276), 7, np.float32)
    padded[0, :frames] = clip(frames)
    logits = of_length(graph, tf.constant(padded), tf.constant([frames]))[0].numpy()
    alone = expected(network, clip(frames))
    assert np.abs(logits[: len(alone)] - alone).max() < 1e-5


def test_clips_beyond_the_longest_signature_are_refused(models):
    student = FixedLengthStudent(models["lengths"])
    with pytest.raises(UsageError, match="the clip has 301 frames; this student reads up to 300"):
        student.logits(clip(301))


def test_loop_equals_keras_for_any_length():
    tf.keras.utils.set_random_seed(5)
    bidirectional = tf_keras.layers.Bidirectional(tf_keras.layers.LSTM(9, return_sequences=True))
    loop = StatelessBiLstm(9)
    for steps in (1, 2, 7, 40):
        x = tf.random.normal((1, steps, 6), seed=steps)
        reference = bidirectional(x)
        if not loop.built:
            loop(x)
            loop.set_weights(bidirectional.get_weights())
        assert np.abs(loop(x) - reference).max() < 1e-6


def test_a_video_student_without_state():
    temporal = TemporalOptions(width=16, lstm_layers=2)
    options = LriNetOptions(size=16, scale=4, stem="small", stem_stride=2, widths=(6, 9), blocks=(1, 1),
                            plain_blocks=1, temporal=temporal)  # fmt: skip
    network = LriNet(options, 12)
    pictures = np.random.default_rng(0).integers(0, 256, (13, 16, 16, 3), np.uint8)
    fused, loop = (Student(convert(network, VARIANTS[name])).logits(pictures) for name in (FP32, "fp32-stateless"))
    assert np.abs(fused - loop).max() < 1e-5
    for name in ("lengths", "integer"):
        with pytest.raises(UsageError, match="read landmarks"):
            convert(network, VARIANTS[name])


def test_what_cannot_be_is_said(network):
    with pytest.raises(UsageError, match="no variant 'small'; expected one of fp32, "):
        variant_of("small")
    with pytest.raises(UsageError, match="needs clips for calibration"):
        convert(network, VARIANTS["integer"])
