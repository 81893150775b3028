"""The same student in other runtimes gives the same logits, and what is not installed is said to be left out."""

import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tf_slr.errors import DataError
from tf_slr.models.mslr import Mslr, MslrOptions, inference_graph

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tools"))  # where the tools find each other

import comparators  # noqa: E402

OPTIONS = MslrOptions(width=24, hidden=12, temporal="K3-K5-P2-K5-P2")


@pytest.fixture(scope="module")
def graph():
    tf.keras.utils.set_random_seed(4)
    network = Mslr(OPTIONS, 11)
    rng = np.random.default_rng(4)
    for weight in network.weights:
        if weight.shape.rank == 1:
            weight.assign_add(rng.uniform(0, 0.3, weight.shape))
    return inference_graph(network)


@pytest.fixture(scope="module")
def weights(graph):
    return comparators.Weights(OPTIONS, {layer.name: layer.get_weights() for layer in graph.layers})


def made(name, weights):
    if name == "PyTorch":
        return comparators.PyTorch(weights, 1)
    pytest.importorskip("onnx")
    kind = {"ONNX Runtime": comparators.OnnxRuntime, "OpenVINO": comparators.OpenVino}[name]
    return kind(comparators.onnx_student(weights).SerializeToString(), 1)


@pytest.mark.parametrize(
    ("name", "package"), [("PyTorch", "torch"), ("ONNX Runtime", "onnxruntime"), ("OpenVINO", "openvino")]
)
def test_logits_are_those_of_keras_at_any_length(name, package, graph, weights):
    pytest.importorskip(package)
    student = made(name, weights)
    for frames in (3, 5, 50, 203):  # of a clip of two frames OpenVINO's pooling leaves nothing
        values = np.random.default_rng(frames).normal(0, 0.5, (frames, 276)).astype(np.float32)
        assert np.abs(student.logits(values) - graph(values[None])[0]).max() < 1e-4


def test_onnx_runtime_in_int8_is_near_and_smaller(graph, weights):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    model = comparators.onnx_student(weights)
    int8 = comparators.quantised(model)
    assert len(int8) < 0.6 * len(model.SerializeToString())
    found = comparators._difference(comparators.OnnxRuntime(int8, 1), graph, "ONNX Runtime INT8")
    assert 1e-4 < found < 1


def test_another_network_is_not_timed(graph, weights):
    pytest.importorskip("torch")
    changed = {name: list(values) for name, values in weights.layers.items()}
    changed["bilstm"][2] = changed["bilstm"][2] + 0.1
    student = comparators.PyTorch(comparators.Weights(OPTIONS, changed), 1)
    with pytest.raises(DataError, match=r"PyTorch FP32: its logits differ from Keras' by .*, allowed are 1e-03"):
        comparators._difference(student, graph, "PyTorch FP32")
    changed["classifier"] = [weights.layers["classifier"][0][:, :-1]]
    student = comparators.PyTorch(comparators.Weights(OPTIONS, changed), 1)
    with pytest.raises(DataError, match=r"expected logits \[13, 11\] as of Keras, found \[13, 10\]"):
        comparators._difference(student, graph, "PyTorch FP32")


def test_what_is_missing_is_said_and_left_out(tiny_run, monkeypatch):
    for package in ("openvino", "onnxruntime"):
        monkeypatch.setitem(sys.modules, package, None)
    found, differences, left_out = comparators.comparators(tiny_run, (1, 2))
    assert left_out[-2:] == [
        "ONNX Runtime is not installed: left out (pip install onnx onnxruntime)",
        "OpenVINO is not installed: left out (pip install onnx openvino)",
    ]
    assert set(found) == {(name, threads) for name in differences for threads in (1, 2)}
    assert set(differences) <= {"PyTorch FP32"}
    assert ("PyTorch FP32" in differences) != any("PyTorch" in line for line in left_out)
    assert all(difference < 1e-3 for difference in differences.values())
