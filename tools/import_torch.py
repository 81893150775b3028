"""Weights that PyTorch trained, for the networks of tf_slr.

python tools/import_torch.py corrnet CHECKPOINT.pt --corpus DIR --out RUN
python tools/import_torch.py resnet18 resnet18-f37072fd.pth --out resnet18.npz

`corrnet` reads a checkpoint of the authors' code, or of any that names the
weights alike, and makes a run of it, which 'tf-slr evaluate --run RUN' and
'tf-slr train --teacher RUN' take. The vocabulary they release is a file that
can run code when loaded, and is never read: the classes are the sorted glosses
of the corpus' three splits, as in the authors' code, or what --vocabulary says.

`resnet18` makes weights that a recipe starts from: training.init = "resnet18.npz".
"""

from __future__ import annotations

import argparse
import contextlib
import math
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tf_slr.cli.common import Parser, add_overwrite, import_tensorflow, prepared
from tf_slr.cli.main import guarded
from tf_slr.cli.paths import existing, input_file
from tf_slr.core import files
from tf_slr.core.errors import DataError, SlrError, UsageError, shown
from tf_slr.core.glosses import BLANK, Vocabulary
from tf_slr.core.kinds import Kind
from tf_slr.core.outputs import Output, claim_files, claim_folder
from tf_slr.corpus.manifest import SPLITS, Corpus

# The official checkpoint holds 33 M weights and Adam's two moments of each: 400 MB.
MAX_BYTES = 4 * 2**30


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
            "pip install 'tf_slr[torch]' --extra-index-url https://download.pytorch.org/whl/cpu"
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


def read_classes(path: Path, classes: int) -> Vocabulary:
    """The glosses of a checkpoint's classes, in their order.

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
            "blank; give the vocabulary it was trained with (--vocabulary)"
        )
    return vocabulary


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Let faults of a checkpoint's content name its file."""
    try:
        yield
    except SlrError as error:
        raise DataError(f"{path}: {error}") from error


def for_vocabulary(kernel: np.ndarray, learned: Vocabulary, wanted: Vocabulary) -> tuple[np.ndarray, list[str]]:
    """A classifier's columns for another vocabulary.

    Args:
        kernel: [C, classes], of the glosses that were learned.
        learned: these, in the order of the columns after the blank's.
        wanted: the glosses of a corpus.

    Returns:
        The kernel [C, wanted classes] and the glosses that were dropped.

    Raises:
        UsageError: a wanted gloss was never learned.
    """
    unknown = [gloss for gloss in wanted.glosses if gloss not in learned]
    if unknown:
        raise UsageError(
            f"the checkpoint never learned {shown(unknown)} of the corpus; prepare the corpus it was trained on, with "
            "the same annotation, or train it further on yours with the authors' code"
        )
    dropped = [gloss for gloss in learned.glosses if gloss not in wanted]
    return kernel[:, [BLANK, *learned.encode(wanted.glosses)]], dropped


def import_corrnet(checkpoint: Path, corpus_root: Path, out: Path, vocabulary: Path | None, size: int) -> list[str]:
    """Write a checkpoint as a run on a corpus, as if it had been trained there.

    Its recipe holds the network, and pictures as the authors' code prepares them for testing: squeezed into a square
    of 256 pixels for a network of 224, cropped at the centre, brought to -1..1. It does not tell how they trained.

    Args:
        checkpoint: the file.
        corpus_root: a prepared corpus; the run gets its vocabulary.
        out: the run folder.
        vocabulary: what the checkpoint's classes are, see `read_classes`; the corpus when None.
        size: width and height of the frames.

    Returns:
        What the user should know, one line each.

    Raises:
        DataError: it is no CorrNet.
        UsageError: the vocabulary is another one, lacks a gloss of the corpus, or another run is in the folder.
    """
    from tf_slr.models.corrnet import CorrNet
    from tf_slr.models.torch_weights import CLASSIFIER, corrnet_options, corrnet_weights
    from tf_slr.models.weights import load_into
    from tf_slr.training import checkpoints
    from tf_slr.training.recipe import Recipe, TrainingOptions
    from tf_slr.training.runs import Run

    run, corpus = Run(out), Corpus(corpus_root)
    if run.last.is_file():
        raise UsageError(f"{out}: holds a run that was trained; choose another --out")
    state = read_checkpoint(checkpoint)
    with _naming(checkpoint):
        options, classes = corrnet_options(state, size)
        weights = corrnet_weights(state, options)
    learned, wanted = read_classes(vocabulary or corpus_root, classes), corpus.vocabulary()
    weights[CLASSIFIER], dropped = for_vocabulary(weights[CLASSIFIER], learned, wanted)
    network = CorrNet(options, wanted.classes)
    load_into(network, weights)
    # The batch is what the authors' has: evaluation holds so many clips of large pictures at once.
    run.start(corpus, Recipe(model=options, training=TrainingOptions(batch=2)))
    checkpoints.save(run.best, {"epoch": 0}, network=network.weights)
    summary = {
        "dev_wer": None,
        "best_epoch": None,
        "epochs": 0,
        "parameters": sum(math.prod(weight.shape) for weight in network.trainable_weights),
        "seconds": 0.0,
        "imported": {"file": checkpoint.name, "sha256": files.sha256(checkpoint)},
    }
    files.write_json(run.summary_path, summary)
    if not dropped:
        return []
    return [f"note: dropped the classes of {shown(dropped)}, which are not in the corpus' training split"]


def import_resnet18(checkpoint: Path, out: Path) -> None:
    """Write torchvision's weights as a .npz that `load_into` gives to the stem and the stages of a `CorrNet`.

    Raises:
        DataError: the checkpoint is no ResNet-18.
    """
    from tf_slr.models.torch_weights import resnet18_weights

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
        "--corpus", type=existing(Kind.CORPUS), required=True, help="the prepared corpus that the run will be on"
    )
    corrnet.add_argument(
        "--vocabulary",
        type=Path,
        help="the glosses of the checkpoint's classes, where they are not the corpus': vocabulary.json, a .txt with "
        "one a line in the order of the ids, or another corpus",
    )
    corrnet.add_argument("--size", type=int, default=224, help="width and height of the frames it was trained on")
    resnet = commands.add_parser("resnet18", help="torchvision's frame network, to start a teacher from")
    for command, result in ((corrnet, "folder of the run"), (resnet, "the .npz file")):
        command.add_argument(
            "checkpoint", type=input_file("a checkpoint of PyTorch (.pt or .pth)"), help="a .pt or .pth file"
        )
        command.add_argument("--out", type=Path, required=True, help=result)
    add_overwrite(resnet)
    arguments = parser.parse_args()

    def work() -> int:
        if arguments.command == "corrnet":
            read = [arguments.checkpoint, arguments.corpus, arguments.vocabulary]
            claim_folder("--out", arguments.out, "run", read)
        else:
            claim_files([Output("--out", arguments.out, "weights")], [arguments.checkpoint], arguments.overwrite)
        import_tensorflow()
        notes = []
        if arguments.command == "corrnet":
            notes = import_corrnet(
                arguments.checkpoint, arguments.corpus, arguments.out, arguments.vocabulary, arguments.size
            )
        else:
            import_resnet18(arguments.checkpoint, arguments.out)
        return prepared(arguments.out, notes)

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
