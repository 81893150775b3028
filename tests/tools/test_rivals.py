"""The same student in other runtimes gives the same logits, and what is not installed is said to be left out."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tf_slr.core import files
from tf_slr.core.errors import DataError
from tf_slr.models.mslr import Mslr, MslrOptions

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))  # where the tools find each other

import rivals  # noqa: E402
from student_weights import folded  # noqa: E402

OPTIONS = MslrOptions(width=24, hidden=12, temporal="K3-K5-P2-K5-P2")


@pytest.fixture(scope="module")
def weights():
    tf.keras.utils.set_random_seed(4)
    network = Mslr(OPTIONS, 11)
    rng = np.random.default_rng(4)
    for weight in network.weights:
        if weight.shape.rank == 1:
            weight.assign_add(rng.uniform(0, 0.3, weight.shape))
    return folded(network)


def test_weights_are_kept_in_a_file(weights, tmp_path):
    np.savez(tmp_path / "weights.npz", **weights.arrays())
    read = rivals.Weights.from_arrays(files.read_npz(tmp_path / "weights.npz"))
    assert (read.temporal, read.hidden, read.width, read.classes) == (OPTIONS.temporal, 12, 24, 11)
    for name, values in weights.layers.items():
        for expected, found in zip(values, read.layers[name], strict=True):
            assert np.array_equal(expected, found)
    with pytest.raises(DataError, match="expected weights as tools/student_weights"):
        rivals.Weights.from_arrays({"temporal": np.array("K5")})


@pytest.mark.parametrize(
    ("name", "package"),
    [("PyTorch FP32", "torch"), ("ONNX Runtime FP32", "onnxruntime"), ("OpenVINO FP32", "openvino")],
)
def test_logits_are_those_of_keras(name, package, weights):
    pytest.importorskip(package)
    made, differences, _ = rivals.rivals(weights, (1, 2))
    assert differences[name] < 1e-4
    for frames, expected in weights.logits.items():
        assert np.abs(made[name, 2].logits(rivals.CHECKED[frames]) - expected).max() < 1e-4


@pytest.mark.parametrize(("name", "package"), [("ONNX Runtime INT8", "onnxruntime"), ("OpenVINO INT8", "nncf")])
def test_int8_is_near(name, package, weights):
    pytest.importorskip(package)
    assert 1e-4 < rivals.rivals(weights, (1,))[1][name] < 1


def test_another_network_is_not_timed(weights):
    pytest.importorskip("torch")
    changed = {name: list(values) for name, values in weights.layers.items()}
    changed["bilstm"][2] = changed["bilstm"][2] + 0.1
    other = dataclasses.replace(weights, layers=changed)
    with pytest.raises(DataError, match=r"PyTorch FP32: its logits differ from Keras' by .*, allowed are 1e-03"):
        rivals.difference(rivals.PyTorch(other, 1), weights, "PyTorch FP32")
    changed["classifier"] = [weights.layers["classifier"][0][:, :-1]]
    with pytest.raises(DataError, match=r"expected logits \[13, 11\] as of Keras, found \[13, 10\]"):
        rivals.difference(rivals.PyTorch(other, 1), weights, "PyTorch FP32")


def test_what_is_missing_is_said_and_left_out(weights, monkeypatch):
    for package in ("openvino", "onnxruntime", "nncf"):
        monkeypatch.setitem(sys.modules, package, None)
    found, differences, left_out = rivals.rivals(weights, (1, 2))
    assert [line.split(" is ")[0] for line in left_out[-3:]] == ["ONNX Runtime", "OpenVINO", "OpenVINO INT8"]
    assert set(found) == {(name, threads) for name in differences for threads in (1, 2)}
    assert set(differences) <= {"PyTorch FP32"}
    assert ("PyTorch FP32" in differences) != any("PyTorch" in line for line in left_out)
