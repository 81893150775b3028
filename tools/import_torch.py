"""Weights that PyTorch trained, for the networks of tf_slr.

python tools/import_torch.py corrnet CHECKPOINT.pt --vocabulary CORPUS --out DIR
python tools/import_torch.py resnet18 resnet18-f37072fd.pth --out resnet18.npz

`corrnet` reads a checkpoint of the authors' code, or of any that names the
weights alike. The vocabulary they release is a file that can run code when
loaded, and is never read: give a corpus whose three splits have the same
glosses, or a list.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tf_slr import config, files
from tf_slr.cli import guarded
from tf_slr.commands.common import Parser, import_tensorflow
from tf_slr.corpus.manifest import SPLITS, Corpus
from tf_slr.errors import DataError, SlrError, UsageError
from tf_slr.glosses import Vocabulary

if TYPE_CHECKING:  # it brings TensorFlow, which wants to be imported in silence
    from tf_slr.models.corrnet import CorrNetOptions

# The official checkpoint holds 33 M weights and Adam's two moments of each: 400 MB.
MAX_BYTES = 4 * 2**30

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


def read_checkpoint(path: Path) -> dict[str, np.ndarray]:
    """Read the weights of a PyTorch checkpoint, running no code that it may hold.

    Returns:
        Arrays by their names in PyTorch, without the parts that a data-parallel wrapper adds.

    Raises:
        DataError: the file cannot be read, or holds no weights.
        UsageError: PyTorch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise UsageError(
            "reading PyTorch's files needs PyTorch; install it with: "
            "pip install torch --index-url https://download.pytorch.org/whl/cpu"
        ) from error
    _check_size(path)
    # The state of NumPy's random numbers, which the official checkpoints hold too, needs these.
    arrays = [np.core.multiarray._reconstruct, np.ndarray, np.dtype, np.dtypes.UInt32DType]
    try:
        with torch.serialization.safe_globals(arrays):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except Exception as error:  # damaged bytes raise nearly anything
        raise DataError(f"{path}: is not a PyTorch checkpoint of weights alone ({_first_line(error)})") from error
    state = content.get("model_state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not state or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise DataError(f"{path}: expected weights by name, or a dictionary with 'model_state_dict'")
    if any(value.layout != torch.strided or value.is_quantized for value in state.values()):
        raise DataError(f"{path}: expected plain weights, found sparse or quantised ones")
    # A few stored bytes can declare any shape.
    if sum(value.numel() * value.element_size() for value in state.values()) > MAX_BYTES:
        raise DataError(f"{path}: declares more than {MAX_BYTES} bytes of weights")
    named = {re.sub(r"(^|\.)module(?=\.)", "", str(name)).lstrip("."): value for name, value in state.items()}
    if len(named) != len(state):
        raise DataError(f"{path}: two weights have the same name but for 'module'")
    return {name: value.to(torch.float32).numpy() for name, value in named.items()}


def _check_size(path: Path) -> None:
    """Refuse what would unpack to more than any checkpoint holds."""
    try:
        size = path.stat().st_size
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                size = sum(member.file_size for member in archive.infolist())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise DataError(f"{path}: is not a PyTorch checkpoint ({error})") from error
    if size > MAX_BYTES:
        raise DataError(f"{path}: declares {size} bytes, more than the {MAX_BYTES} allowed")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def corrnet_options(state: State, size: int) -> tuple[CorrNetOptions, int]:
    """What the shapes of a checkpoint say about its network.

    Args:
        state: from `read_checkpoint`.
        size: width and height of the frames it was trained on, which no weight tells.

    Returns:
        The options and the number of classes.

    Raises:
        DataError: it is no CorrNet.
    """
    from tf_slr.models.corrnet import CorrNetOptions
    from tf_slr.models.temporal import TemporalOptions

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
        state: from `read_checkpoint`.
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
    from tf_slr.models.corrnet import CorrNetOptions

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
    from tf_slr.models.correlation import REDUCTION

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
    yield Rule("head/classifier/kernel", ("classifier.weight",), (width, classes))


def read_vocabulary(path: Path, classes: int) -> Vocabulary:
    """The glosses of a checkpoint's classes.

    Args:
        path: a vocabulary.json, a .txt with one gloss a line in the order of the ids, or a corpus, of which all
            three splits count, sorted, as the authors' code has it.
        classes: of the checkpoint, blank included.

    Raises:
        UsageError: their number is not the checkpoint's.
    """
    if path.is_dir():
        corpus = Corpus(path)
        sentences = [sample.glosses for split in SPLITS for sample in corpus.split(split)]
        vocabulary = Vocabulary.of(sentences, corpus.info.unit)
    elif path.suffix == ".txt":
        vocabulary = Vocabulary(tuple(files.read_text(path).split()))
    else:
        vocabulary = Vocabulary.load(path)
    if vocabulary.classes != classes:
        raise UsageError(
            f"{path}: holds {len(vocabulary.glosses)} glosses, the checkpoint has classes for {classes - 1} and the "
            "blank; give the vocabulary it was trained with"
        )
    return vocabulary


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let faults of a checkpoint's content name its file."""
    try:
        yield
    except SlrError as error:
        raise DataError(f"{path}: {error}") from error


def import_corrnet(checkpoint: Path, vocabulary: Path, out: Path, size: int) -> None:
    """Write a checkpoint as corrnet.npz (weights), model.toml (options) and vocabulary.json in the folder `out`.

    Raises:
        DataError: it is no CorrNet.
        UsageError: the vocabulary is another.
    """
    from tf_slr.models.corrnet import CorrNet
    from tf_slr.models.weights import load_into

    state = read_checkpoint(checkpoint)
    with _naming(checkpoint):
        options, classes = corrnet_options(state, size)
        weights = corrnet_weights(state, options)
    glosses = read_vocabulary(vocabulary, classes)
    load_into(CorrNet(options, classes), weights)
    files.write_npz(out / "corrnet.npz", weights, compress=False)
    files.write_text(out / "model.toml", config.to_toml(config.to_table(options)))
    glosses.save(out / "vocabulary.json")


def import_resnet18(checkpoint: Path, out: Path) -> None:
    """Write torchvision's weights as a .npz that `load_into` gives to the stem and the stages of a `CorrNet`.

    Raises:
        DataError: the checkpoint is no ResNet-18.
    """
    state = read_checkpoint(checkpoint)
    with _naming(checkpoint):
        weights = resnet18_weights(state)
    files.write_npz(out, weights, compress=False)


def main() -> int:
    """Import, and say where to."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True, dest="command", metavar="COMMAND")
    corrnet = commands.add_parser("corrnet", help="a whole teacher")
    corrnet.add_argument(
        "--vocabulary",
        type=Path,
        required=True,
        help="vocabulary.json, a .txt of glosses in the order of ids, or a corpus",
    )
    corrnet.add_argument("--size", type=int, default=224, help="width and height of the frames it was trained on")
    resnet = commands.add_parser("resnet18", help="torchvision's frame network, to start a teacher from")
    for command, result in ((corrnet, "folder of the teacher"), (resnet, "the .npz file")):
        command.add_argument("checkpoint", type=Path, help="a .pt or .pth file")
        command.add_argument("--out", type=Path, required=True, help=result)
    arguments = parser.parse_args()

    def work() -> int:
        import_tensorflow()
        if arguments.command == "corrnet":
            import_corrnet(arguments.checkpoint, arguments.vocabulary, arguments.out, arguments.size)
        else:
            import_resnet18(arguments.checkpoint, arguments.out)
        print(f"wrote {arguments.out}")
        return 0

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
