"""The same student in what else people run networks with: PyTorch, ONNX Runtime, OpenVINO, each at its best.

ONNX is written with `onnx` from the weights of the run: a dozen nodes, for which PyTorch and its exporter are not
needed. OpenVINO reads the FP32 one. Each must give Keras' logits before it is timed. Nothing here needs TensorFlow.
"""

import importlib.util
import logging
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from turns import Recognises

from tf_slr.core.errors import DataError
from tf_slr.core.landmarks import VALUES
from tf_slr.models.options.stack import temporal_stack

if TYPE_CHECKING:
    import onnx
    import openvino

MAX_DIFFERENCE = 1e-3  # of FP32 logits from Keras'
# Mean difference of logits with fewer bits, as a share of their spread. It tells an error from rounding, no more.
MAX_SHARE = 0.2


def _clip(frames: int) -> np.ndarray:
    """Landmark values of about a student's size, [T, 276]."""
    return np.random.default_rng(frames).normal(0, 0.5, (frames, VALUES)).astype(np.float32)


# Clips on which a rival is held to Keras, by their length.
CHECKED = {frames: _clip(frames) for frames in (50, 203)}
# Clips by which NNCF finds the ranges of activations.
CALIBRATION = [_clip(frames) for frames in (100, 120, 150, 200)]
OPSET, IR_VERSION = 17, 8  # of 2022, which every version of a rival reads
EPSILON = 1e-5


@dataclass(frozen=True)
class Weights:
    """A landmark student, batch normalisation folded in.

    Attributes:
        temporal: its stack over time, as recipes write it.
        hidden: units of the LSTM in each direction.
        layers: the weights of each layer of `inference_graph`, as Keras keeps them.
        logits: Keras' of each clip in `CHECKED`.
    """

    temporal: str
    hidden: int
    layers: dict[str, list[np.ndarray]]
    logits: dict[int, np.ndarray]

    @property
    def classes(self) -> int:
        """Number of classes, blank included."""
        return self.layers["classifier"][0].shape[1]

    @property
    def width(self) -> int:
        """Channels of the convolutions."""
        return self.layers["conv0"][0].shape[-1]

    @property
    def stack(self) -> list[tuple[str, int]]:
        """The parsed stack over time."""
        return temporal_stack(self.temporal, "temporal")

    def arrays(self) -> dict[str, np.ndarray]:
        """What an .npz file of them holds."""
        found = {"temporal": np.array(self.temporal), "hidden": np.array(self.hidden)}
        found |= {f"layers/{name}/{i}": value for name, values in self.layers.items() for i, value in enumerate(values)}
        return found | {f"logits/{frames}": logits for frames, logits in self.logits.items()}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> "Weights":
        """The inverse of `arrays`.

        Raises:
            DataError: they are not a student's.
        """
        try:
            layers: dict[str, list[np.ndarray]] = {}
            for key in sorted(arrays):
                if key.startswith("layers/"):
                    layers.setdefault(key.split("/")[1], []).append(arrays[key])
            logits = {frames: arrays[f"logits/{frames}"] for frames in CHECKED}
            return cls(str(arrays["temporal"]), int(arrays["hidden"]), layers, logits)
        except KeyError as error:
            raise DataError(f"expected weights as tools/student_weights.py writes them; {error} is missing") from error


class PyTorch:
    """Eager PyTorch, FP32."""

    def __init__(self, weights: Weights, threads: int) -> None:
        import torch
        from torch import nn

        self._torch, self._threads = torch, threads
        with torch.no_grad():
            stack: list[nn.Module] = []
            for kind, size in weights.stack:
                if kind == "P":
                    stack.append(nn.MaxPool1d(size, ceil_mode=True))
                    continue
                kernel, bias = weights.layers[f"conv{sum(isinstance(one, nn.Conv1d) for one in stack)}"]
                module = nn.Conv1d(kernel.shape[2], weights.width, size, padding=size // 2)
                module.weight.copy_(torch.tensor(kernel[:, 0].transpose(2, 1, 0)))
                module.bias.copy_(torch.tensor(bias))
                stack += [module, nn.ReLU()]
            self._convolutions = nn.Sequential(*stack)
            self._bilstm = nn.LSTM(weights.width, weights.hidden, bidirectional=True)
            lstm = weights.layers["bilstm"]
            for direction, (kernel, recurrent, bias) in (("", lstm[:3]), ("_reverse", lstm[3:])):
                getattr(self._bilstm, f"weight_ih_l0{direction}").copy_(torch.tensor(kernel.T))
                getattr(self._bilstm, f"weight_hh_l0{direction}").copy_(torch.tensor(recurrent.T))
                getattr(self._bilstm, f"bias_ih_l0{direction}").copy_(torch.tensor(bias))
                getattr(self._bilstm, f"bias_hh_l0{direction}").zero_()
            made = {"sequence_norm": nn.LayerNorm(2 * weights.hidden), "head_norm": nn.LayerNorm(weights.width)}
            made["dense"] = nn.Linear(2 * weights.hidden, weights.width)
            for name, layer in made.items():
                kernel, bias = weights.layers[name]
                layer.weight.copy_(torch.tensor(kernel.T))
                layer.bias.copy_(torch.tensor(bias))
            self._sequence_norm, self._head_norm, self._dense = made.values()
            self._classifier = torch.tensor(weights.layers["classifier"][0])

    def logits(self, values: np.ndarray) -> np.ndarray:
        """See `Recognises`."""
        self._torch.set_num_threads(self._threads)
        with self._torch.inference_mode():
            conv = self._convolutions(self._torch.from_numpy(values[None]).transpose(1, 2))  # (1, C, T')
            sequence = self._sequence_norm(self._bilstm(conv.permute(2, 0, 1))[0])  # (T', 1, 2 units)
            sequence = self._torch.relu(self._dense(sequence))
            return (self._head_norm(sequence) @ self._classifier)[:, 0].numpy()


class OnnxRuntime:
    """ONNX Runtime on the CPU."""

    def __init__(self, model: bytes, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        self._session = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])

    def logits(self, values: np.ndarray) -> np.ndarray:
        """See `Recognises`."""
        return self._session.run(None, {"landmarks": values[None]})[0]


class OpenVino:
    """OpenVINO on the CPU.

    Args:
        model: as OpenVINO reads it.
        threads: number of CPU threads.
        precision: "f32" or "bf16" between the operators; the latter helps where the processor multiplies it (AMX).
    """

    def __init__(self, model: "openvino.Model", threads: int, precision: str = "f32") -> None:
        import openvino

        hints = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": precision}
        self._request = openvino.Core().compile_model(model, "CPU", hints).create_infer_request()

    def logits(self, values: np.ndarray) -> np.ndarray:
        """See `Recognises`."""
        return self._request.infer([values[None]])[0].copy()


def rivals(
    weights: Weights, threads: Sequence[int]
) -> tuple[dict[tuple[str, int], Recognises], dict[str, float], list[str]]:
    """Make every rival that is installed, for each number of threads.

    Returns:
        They by name and threads; the largest difference of each one's logits from Keras'; and a line for each that is
        left out.

    Raises:
        DataError: one computes something else.
    """
    makers, left_out = _makers(weights)
    made: dict[tuple[str, int], Recognises] = {}
    differences = {}
    for name, make in makers.items():
        for count in threads:
            made[name, count] = make(count)
        differences[name] = difference(made[name, threads[0]], weights, name)
    return made, differences, left_out


def _makers(weights: Weights) -> tuple[dict[str, Callable[[int], Recognises]], list[str]]:
    """How each rival is made for a number of threads, and what is left out."""
    packages = {
        "PyTorch": ["torch"],
        "ONNX Runtime": ["onnx", "onnxruntime"],
        "OpenVINO": ["onnx", "openvino"],
        "OpenVINO INT8": ["onnx", "openvino", "nncf"],
    }
    missing = {
        name: [package for package in needed if importlib.util.find_spec(package) is None]
        for name, needed in packages.items()
    }
    makers: dict[str, Callable[[int], Recognises]] = {}
    if not missing["PyTorch"]:
        makers["PyTorch FP32"] = lambda threads: PyTorch(weights, threads)
    if not missing["ONNX Runtime"] or not missing["OpenVINO"]:
        model = onnx_student(weights)
        fp32 = model.SerializeToString()
    if not missing["ONNX Runtime"]:
        int8 = quantised(model)
        makers["ONNX Runtime FP32"] = lambda threads: OnnxRuntime(fp32, threads)
        makers["ONNX Runtime INT8"] = lambda threads: OnnxRuntime(int8, threads)
    if not missing["OpenVINO"]:
        import openvino

        read = openvino.Core().read_model(fp32)
        makers["OpenVINO FP32"] = lambda threads: OpenVino(read, threads)
        if "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            makers["OpenVINO BF16"] = lambda threads: OpenVino(read, threads, "bf16")
        else:
            missing["OpenVINO BF16"] = []
    if not missing["OpenVINO INT8"]:
        calibrated = calibrated_openvino(fp32)
        makers["OpenVINO INT8"] = lambda threads: OpenVino(calibrated, threads)
    left_out = [f"{name} is not installed: left out (pip install {' '.join(packages[name])})"
                for name, absent in missing.items() if absent]  # fmt: skip
    if "OpenVINO BF16" in missing:
        left_out.append("OpenVINO BF16 is left out: this processor does not multiply bfloat16")
    return makers, left_out


def difference(student: Recognises, weights: Weights, name: str) -> float:
    """The largest difference from Keras' logits on the clips in `CHECKED`.

    Raises:
        DataError: it is too large for the same network.
    """
    largest = 0.0
    for frames, expected in weights.logits.items():
        found = student.logits(CHECKED[frames])
        if found.shape != expected.shape:
            raise DataError(f"{name}: expected logits {list(expected.shape)} as of Keras, found {list(found.shape)}")
        errors = np.abs(found - expected)
        largest = max(largest, float(errors.max()))
        exact = name.endswith("FP32")
        off, allowed = (errors.max(), MAX_DIFFERENCE) if exact else (errors.mean() / expected.std(), MAX_SHARE)
        if not off <= allowed:
            raise DataError(f"{name}: its logits differ from Keras' by {off:.2e}, allowed are {allowed:.0e}")
    return largest


def onnx_student(weights: Weights) -> "onnx.ModelProto":
    """The student as ONNX: "landmarks" (1, T, 276), any T -> "logits" (ceil(T/4), classes)."""
    from onnx import TensorProto, checker, helper, numpy_helper

    constants, nodes = [], []

    def constant(name: str, value: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(operator: str, *inputs: str, **attributes) -> str:
        name = f"{operator}_{len(nodes)}"
        nodes.append(helper.make_node(operator, list(inputs), [name], name, **attributes))
        return name

    layers = weights.layers
    x = add("Transpose", "landmarks", perm=[0, 2, 1])  # (1, C, T)
    number = 0
    for kind, size in weights.stack:
        if kind == "P":
            x = add("MaxPool", x, kernel_shape=[size], strides=[size], ceil_mode=1)
            continue
        kernel, bias = layers[f"conv{number}"]
        kernel = constant(f"conv{number}", kernel[:, 0].transpose(2, 1, 0))
        x = add("Relu", add("Conv", x, kernel, constant(f"conv{number}_bias", bias), pads=[size // 2] * 2))
        number += 1
    x = add("Transpose", x, perm=[2, 0, 1])  # (T', 1, C)
    hidden = weights.hidden
    directions = layers["bilstm"][:3], layers["bilstm"][3:]
    # Keras keeps the gates as input, forget, cell, output; ONNX as input, output, forget, cell.
    order = np.concatenate([np.arange(hidden) + gate * hidden for gate in (0, 3, 1, 2)])
    kernel, recurrent = (np.stack([one[part].T[order] for one in directions]) for part in (0, 1))
    bias = np.stack([np.concatenate([one[2][order], np.zeros_like(one[2])]) for one in directions])
    lstm = [constant(name, value) for name, value in (("kernel", kernel), ("recurrent", recurrent), ("bias", bias))]
    x = add("LSTM", x, *lstm, hidden_size=hidden, direction="bidirectional")  # (T', 2, 1, hidden)
    x = add("Reshape", x, constant("flat", np.array([-1, 2 * hidden])))  # (T', 2 hidden)

    def normalised(x: str, name: str) -> str:
        scale, bias = (constant(f"{name}_{i}", value) for i, value in enumerate(layers[name]))
        return add("LayerNormalization", x, scale, bias, axis=-1, epsilon=EPSILON)

    kernel, bias = (constant(f"dense_{i}", value) for i, value in enumerate(layers["dense"]))
    x = add("Relu", add("Add", add("MatMul", normalised(x, "sequence_norm"), kernel), bias))
    x = add("MatMul", normalised(x, "head_norm"), constant("classifier", layers["classifier"][0]))
    nodes[-1].output[0] = "logits"
    graph = helper.make_graph(
        nodes,
        "student",
        [helper.make_tensor_value_info("landmarks", TensorProto.FLOAT, [1, "T", VALUES])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", weights.classes])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    checker.check_model(model)
    return model


def quantised(model: "onnx.ModelProto") -> bytes:
    """ONNX Runtime's dynamic quantisation: weights in INT8 by output channel, activations on the fly."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    logging.disable(logging.WARNING)  # it recommends a pass that changes nothing here
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "int8.onnx"
            quantize_dynamic(model, path, weight_type=QuantType.QInt8, per_channel=True)
            return path.read_bytes()
    finally:
        logging.disable(logging.NOTSET)


def calibrated_openvino(model: bytes) -> "openvino.Model":
    """OpenVINO's INT8, by NNCF's calibration; the LSTM stays in FP32, because with it the logits are wrong."""
    os.environ.setdefault("NNCF_CI", "1")  # it reports its use to its maker otherwise
    import nncf
    import openvino

    logging.getLogger("nncf").setLevel(logging.ERROR)
    read = openvino.Core().read_model(model)
    clips = nncf.Dataset([{"landmarks": clip[None]} for clip in CALIBRATION])
    left = nncf.IgnoredScope(types=["LSTMSequence"], validate=False)
    return nncf.quantize(read, clips, ignored_scope=left, subset_size=len(CALIBRATION))
