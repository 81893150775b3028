"""Our weights made of those that PyTorch trained: CorrNet's by its authors' names, ResNet-18's by torchvision's.

Each of ours is made by a `Rule` of one or two of theirs. What lacks, is left over or has another shape is named:
a checkpoint that fits is one whose every weight has found its place.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from tf_slr.core.errors import DataError
from tf_slr.models.correlation import REDUCTION
from tf_slr.models.options import CorrNetOptions
from tf_slr.models.options.temporal import TemporalOptions

# Our name of the classifier's weights.
CLASSIFIER = "head/classifier/kernel"

# Arrays by their names in PyTorch.
State = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Rule:
    """How one of our weights is made.

    Attributes:
        ours: its name in our network.
        theirs: the names it is made of.
        shape: that each of those must have.
        convert: makes it of them.
    """

    ours: str
    theirs: tuple[str, ...]
    shape: tuple[int, ...]
    convert: Callable[..., np.ndarray] = np.asarray


def corrnet_options(state: State, size: int) -> tuple[CorrNetOptions, int]:
    """What the shapes of a checkpoint say about its network.

    Args:
        state: arrays by their names in PyTorch.
        size: width and height of the frames it was trained on, which no weight tells.

    Returns:
        The options and the number of classes.

    Raises:
        DataError: it is no CorrNet.
    """

    def shape(name: str, rank: int) -> tuple[int, ...]:
        if name not in state or state[name].ndim != rank:
            raise DataError(f"is no CorrNet: expected a weight {name} with {rank} dimensions")
        return state[name].shape

    def count(pattern: str) -> int:
        numbers = {int(match[1]) for name in state if (match := re.fullmatch(pattern, name))}
        return next(i for i in range(len(numbers) + 1) if i not in numbers)

    stages = range(1, 5)
    kernels = [shape(f"conv1d.temporal_conv.{i}.weight", 3)[2] for i in (0, 4)]
    options = CorrNetOptions(
        size=size,
        widths=tuple(shape(f"conv2d.layer{stage}.0.conv1.weight", 5)[0] for stage in stages),
        blocks=tuple(count(rf"conv2d\.layer{stage}\.(\d+)\.conv1\.weight") for stage in stages),
        correlated=tuple(stage for stage in stages if f"conv2d.corr{stage - 1}.down_conv.weight" in state),
        temporal=TemporalOptions(
            stack="-".join(f"K{kernel}-P2" for kernel in kernels),
            width=shape("conv1d.temporal_conv.0.weight", 3)[0],
            lstm_layers=max(1, count(r"temporal_model\.rnn\.weight_ih_l(\d+)")),
        ),
    )
    return options, shape("classifier.weight", 2)[1]


def corrnet_weights(state: State, options: CorrNetOptions) -> dict[str, np.ndarray]:
    """The weights of `CorrNet`, by the names of `tf_slr.models.weights`.

    Args:
        state: arrays by their names in PyTorch.
        options: of the network, e.g. from `corrnet_options`.

    Raises:
        DataError: weights are missing, unexpected or of another shape; they are named.
    """
    if "classifier.weight" not in state or state["classifier.weight"].ndim != 2:
        raise DataError("expected a weight classifier.weight with 2 dimensions")
    state, shared = dict(state), state.get("conv1d.fc.weight")
    if shared is not None and not np.array_equal(state.pop("conv1d.fc.weight"), state["classifier.weight"]):
        raise DataError("conv1d.fc.weight: differs from classifier.weight; one classifier must serve both heads")
    classes = state["classifier.weight"].shape[1]
    rules = [*_frame_rules(options, "conv2d.", (1,)), *_correlation_rules(options), *_head_rules(options, classes)]
    return _apply(rules, state)


def resnet18_weights(state: State) -> dict[str, np.ndarray]:
    """Torchvision's ResNet-18 as the stem and the stages of `CorrNet`, without its classifier.

    Raises:
        DataError: weights are missing, unexpected or of another shape; they are named.
    """
    frames = {name: value for name, value in state.items() if name not in ("fc.weight", "fc.bias")}
    return _apply(list(_frame_rules(CorrNetOptions(), "", ())), frames)


def _apply(rules: list[Rule], state: State) -> dict[str, np.ndarray]:
    """Make every weight, seeing that nothing lacks, is left over or has another shape."""
    expected = {name: rule.shape for rule in rules for name in rule.theirs}
    found = {name for name in state if not name.endswith("num_batches_tracked")}
    faults = [f"{name}: is missing" for name in expected if name not in found]
    faults += [f"{name}: is unexpected" for name in sorted(found - expected.keys())]
    faults += [
        f"{name}: expected {list(shape)}, found {list(state[name].shape)}"
        for name, shape in expected.items()
        if name in found and state[name].shape != shape
    ]
    if faults:
        more = f" (and {len(faults) - 5} more)" if len(faults) > 5 else ""
        raise DataError("the weights are not the network's: " + "; ".join(faults[:5]) + more)
    return {rule.ours: rule.convert(*(state[name] for name in rule.theirs)) for rule in rules}


def _convolution(ours: str, theirs: str, channels: tuple[int, int], kernel: int, time: tuple[int, ...]) -> Rule:
    """A convolution from some channels to others, whose kernel may have a time axis of 1."""
    inside, outside = channels
    return Rule(
        f"{ours}/kernel", (f"{theirs}.weight",), (outside, inside, *time, kernel, kernel),
        lambda kernels: kernels.reshape(outside, inside, kernel, kernel).transpose(2, 3, 1, 0),
    )  # fmt: skip


def _norm(ours: str, theirs: str, channels: int) -> Iterator[Rule]:
    names = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
    for our_name, their_name in names.items():
        yield Rule(f"{ours}/{our_name}", (f"{theirs}.{their_name}",), (channels,))


def _frame_rules(options: CorrNetOptions, prefix: str, time: tuple[int, ...]) -> Iterator[Rule]:
    """The stem and the residual blocks."""
    inside = options.widths[0]
    yield _convolution("stem/conv", f"{prefix}conv1", (3, inside), 7, time)
    yield from _norm("stem/norm", f"{prefix}bn1", inside)
    for stage, (width, blocks) in enumerate(zip(options.widths, options.blocks, strict=True), start=1):
        for block in range(blocks):
            ours, theirs = f"stage{stage}_block{block + 1}", f"{prefix}layer{stage}.{block}"
            yield _convolution(f"{ours}/conv1", f"{theirs}.conv1", (inside, width), 3, time)
            yield from _norm(f"{ours}/norm1", f"{theirs}.bn1", width)
            yield _convolution(f"{ours}/conv2", f"{theirs}.conv2", (width, width), 3, time)
            yield from _norm(f"{ours}/norm2", f"{theirs}.bn2", width)
            if block == 0 and (stage > 1 or inside != width):
                yield _convolution(f"{ours}/project", f"{theirs}.downsample.0", (inside, width), 1, time)
                yield from _norm(f"{ours}/project_norm", f"{theirs}.downsample.1", width)
            inside = width


def _correlation_rules(options: CorrNetOptions) -> Iterator[Rule]:
    """The correlation modules; module 1 follows stage 2."""
    for stage in options.correlated:
        ours, theirs, width = f"correlation{stage}", f"conv2d.corr{stage - 1}", options.widths[stage - 1]
        few = width // REDUCTION
        yield Rule(f"{ours}/alpha", ("conv2d.alpha",), (3,), lambda alpha, i=stage - 2: alpha[i])
        yield _convolution(f"{ours}/correlation/value", f"{theirs}.down_conv2", (width, width), 1, (1,))
        yield Rule(f"{ours}/correlation/directions", (f"{theirs}.weights2",), (2,))
        yield _convolution(f"{ours}/identification/reduce", f"{theirs}.down_conv", (width, few), 1, (1,))
        for i in (1, 2, 3):
            kernel = f"{theirs}.spatial_aggregation{i}"
            yield Rule(
                f"{ours}/identification/kernel{i}", (f"{kernel}.weight",), (few, 1, 9, 3, 3),
                lambda kernels: kernels[:, 0].transpose(1, 2, 3, 0),
            )  # fmt: skip
            yield Rule(f"{ours}/identification/bias{i}", (f"{kernel}.bias",), (few,))
        yield Rule(f"{ours}/identification/scales", (f"{theirs}.weights",), (3,))
        yield _convolution(f"{ours}/identification/expand", f"{theirs}.conv_back", (few, width), 1, (1,))


def _head_rules(options: CorrNetOptions, classes: int) -> Iterator[Rule]:
    """The part over time and the classifier."""
    temporal, inside, layer, number = options.temporal, options.widths[-1], 0, 0
    width, units = temporal.width, temporal.width // 2
    for kind, size in temporal.parts():
        if kind == "P":
            layer += 1
            continue
        theirs = f"conv1d.temporal_conv.{layer}"
        yield Rule(f"head/conv{number}/kernel", (f"{theirs}.weight",), (width, inside, size),
                   lambda kernels: kernels.transpose(2, 1, 0)[None])  # fmt: skip
        yield Rule(f"head/conv{number}/bias", (f"{theirs}.bias",), (width,))
        yield from _norm(f"head/norm{number}", f"conv1d.temporal_conv.{layer + 1}", width)
        layer, number, inside = layer + 3, number + 1, width  # convolution, normalisation, ReLU
    for i in range(temporal.lstm_layers):
        for direction, suffix in (("forward", ""), ("backward", "_reverse")):
            ours = f"head/lstm{i}/{direction}/lstm_cell"
            kernel, recurrent, *biases = (
                f"temporal_model.rnn.{name}_l{i}{suffix}" for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            # Both order the gates as input, forget, cell, output; PyTorch has two biases, of which only the sum counts.
            yield Rule(f"{ours}/kernel", (kernel,), (4 * units, width), np.transpose)
            yield Rule(f"{ours}/recurrent_kernel", (recurrent,), (4 * units, units), np.transpose)
            yield Rule(f"{ours}/bias", tuple(biases), (4 * units,), np.add)
    yield Rule(CLASSIFIER, ("classifier.weight",), (width, classes))
