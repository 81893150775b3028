"""The same student in what else people run networks with: PyTorch, ONNX Runtime, OpenVINO, where they are installed.

ONNX is written with `onnx` from the weights of the run: a dozen nodes, for which PyTorch and its exporter are not
needed. OpenVINO reads the FP32 one. Each must give Keras' logits before it is timed.
"""

import dataclasses
import importlib.util
import logging
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tf_slr.commands.common import import_tensorflow
from tf_slr.errors import DataError, UsageError
from tf_slr.landmarks import VALUES

if TYPE_CHECKING:
    import onnx
    import tf_keras

    from tf_slr.models.options import MslrOptions

MAX_DIFFERENCE = 1e-3  # of FP32 logits from Keras'
# Mean difference of INT8 logits, as a share of their spread. It tells an error from rounding, no more.
MAX_INT8_SHARE = 0.2
CHECKED = (50, 203)  # frames of the clips on which a comparator is held to Keras
OPSET, IR_VERSION = 17, 8  # of 2022, which every version of a comparator reads
EPSILON = 1e-5


class Recognises(Protocol):
    """What is timed."""

    def logits(self, values: np.ndarray) -> np.ndarray:
        """Logits float32 [ceil(T/4), classes] of landmarks float32 [T, 276]."""


@dataclasses.dataclass(frozen=True)
class Weights:
    """A landmark student, batch normalisation folded in.

    Attributes:
        options: its shape.
        layers: the weights of each layer of `inference_graph`, as Keras keeps them.
    """

    options: "MslrOptions"
    layers: dict[str, list[np.ndarray]]

    @property
    def classes(self) -> int:
        """Number of classes, blank included."""
        return self.layers["classifier"][0].shape[1]


class PyTorch:
    """Eager PyTorch, FP32."""

    def __init__(self, weights: Weights, threads: int) -> None:
        import torch
        from bench_step import torch_mslr

        self._torch, self._threads = torch, threads
        plain = dataclasses.replace(weights.options, batch_norm=False, dropout=0.0)
        self._network = torch_mslr(plain, weights.classes).train(False)
        convolutions = [module for module in self._network.convolutions if isinstance(module, torch.nn.Conv1d)]
        with torch.no_grad():
            for number, module in enumerate(convolutions):
                kernel, bias = weights.layers[f"conv{number}"]
                module.weight.copy_(torch.tensor(kernel[:, 0].transpose(2, 1, 0)))
                module.bias.copy_(torch.tensor(bias))
            lstm = weights.layers["bilstm"]
            for direction, (kernel, recurrent, bias) in (("", lstm[:3]), ("_reverse", lstm[3:])):
                getattr(self._network.bilstm, f"weight_ih_l0{direction}").copy_(torch.tensor(kernel.T))
                getattr(self._network.bilstm, f"weight_hh_l0{direction}").copy_(torch.tensor(recurrent.T))
                getattr(self._network.bilstm, f"bias_ih_l0{direction}").copy_(torch.tensor(bias))
                getattr(self._network.bilstm, f"bias_hh_l0{direction}").zero_()
            for name in ("sequence_norm", "dense", "head_norm"):
                layer = getattr(self._network, name)
                kernel, bias = weights.layers[name]
                layer.weight.copy_(torch.tensor(kernel.T))
                layer.bias.copy_(torch.tensor(bias))
            self._classifier = torch.tensor(weights.layers["classifier"][0])

    def logits(self, values: np.ndarray) -> np.ndarray:
        """See `Recognises`."""
        network = self._network
        self._torch.set_num_threads(self._threads)
        with self._torch.inference_mode():
            conv = network.convolutions(self._torch.from_numpy(values[None]).transpose(1, 2))
            sequence = network.sequence_norm(network.bilstm(conv.permute(2, 0, 1))[0])
            sequence = self._torch.relu(network.dense(sequence))
            return (network.head_norm(sequence) @ self._classifier)[:, 0].numpy()


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
    """OpenVINO on the CPU, in FP32 also where the processor could do less."""

    def __init__(self, model: bytes, threads: int) -> None:
        import openvino

        hints = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        core = openvino.Core()
        self._request = core.compile_model(core.read_model(model), "CPU", hints).create_infer_request()

    def logits(self, values: np.ndarray) -> np.ndarray:
        """See `Recognises`."""
        return self._request.infer([values[None]])[0].copy()


def comparators(run_root: Path, threads: Sequence[int]) -> tuple[dict[tuple[str, int], Recognises], dict, list[str]]:
    """Make every comparator that is installed, for each number of threads, from the weights of a run.

    Returns:
        They by name and threads; the largest difference of each one's logits from Keras'; and a line for each that is
        left out.

    Raises:
        UsageError: the run's network reads video.
        DataError: the run is not usable, or one computes something else.
    """
    import_tensorflow()
    from tf_slr.models.mslr import Mslr, inference_graph
    from tf_slr.training.runs import Run

    run = Run(run_root)
    network = run.network(biased=False)
    if not isinstance(network, Mslr):
        raise UsageError(f"{run_root}: holds a {run.recipe.model.kind}; comparators are of landmark students (mslr)")
    graph = inference_graph(network)
    weights = Weights(network.options, {layer.name: layer.get_weights() for layer in graph.layers})
    makers, left_out = _makers(weights)
    made: dict[tuple[str, int], Recognises] = {}
    differences = {}
    for name, make in makers.items():
        for count in threads:
            made[name, count] = make(count)
        differences[name] = _difference(made[name, threads[0]], graph, name)
    return made, differences, left_out


def _makers(weights: Weights) -> tuple[dict[str, Callable[[int], Recognises]], list[str]]:
    """How each comparator is made for a number of threads, and what is left out."""
    packages = {"PyTorch": ["torch"], "ONNX Runtime": ["onnx", "onnxruntime"], "OpenVINO": ["onnx", "openvino"]}
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
        makers["OpenVINO FP32"] = lambda threads: OpenVino(fp32, threads)
    left_out = [f"{name} is not installed: left out (pip install {' '.join(packages[name])})"
                for name, absent in missing.items() if absent]  # fmt: skip
    return makers, left_out


def _difference(student: Recognises, graph: "tf_keras.Model", name: str) -> float:
    """The largest difference from Keras' logits on two clips.

    Raises:
        DataError: it is too large for the same network.
    """
    largest = 0.0
    for frames in CHECKED:
        values = np.random.default_rng(frames).normal(0, 0.5, (frames, VALUES)).astype(np.float32)
        expected, found = graph(values[None])[0].numpy(), student.logits(values)
        if found.shape != expected.shape:
            raise DataError(f"{name}: expected logits {list(expected.shape)} as of Keras, found {list(found.shape)}")
        errors = np.abs(found - expected)
        largest = max(largest, float(errors.max()))
        int8 = name.endswith("INT8")
        off, allowed = (errors.mean() / expected.std(), MAX_INT8_SHARE) if int8 else (errors.max(), MAX_DIFFERENCE)
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
    for kind, size in weights.options.stack():
        if kind == "P":
            x = add("MaxPool", x, kernel_shape=[size], strides=[size], ceil_mode=1)
            continue
        kernel, bias = layers[f"conv{number}"]
        kernel = constant(f"conv{number}", kernel[:, 0].transpose(2, 1, 0))
        x = add("Relu", add("Conv", x, kernel, constant(f"conv{number}_bias", bias), pads=[size // 2] * 2))
        number += 1
    x = add("Transpose", x, perm=[2, 0, 1])  # (T', 1, C)
    hidden = weights.options.hidden
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
