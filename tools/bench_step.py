"""How long a training step takes in TensorFlow and in PyTorch: the same networks, batch and threads, taking turns.

python tools/bench_step.py --out bench_step.json [--networks mslr-512 mslr-256 corrnet] [--steps 30] [--threads 2]

A step is forward, CTC on both heads, backward, clipping and AdamW, as the trainers do it; making batches is no
part of it. TensorFlow runs `Recogniser.train_step` as a graph, with the deterministic operators of training;
PyTorch runs eagerly. Parameters are counted and must be equal. PyTorch's LSTM has two biases whose sum is all
that matters: the second is held at 0 and not counted.
"""

import argparse
import functools
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from publish import add_out, publish
from tqdm import tqdm
from turns import machine

from tf_slr.cli.common import Parser, import_tensorflow, within
from tf_slr.core import timing
from tf_slr.core.errors import UsageError
from tf_slr.core.landmarks import VALUES

if TYPE_CHECKING:
    from torch import nn

    from tf_slr.models.options import ModelOptions

TURN = 3  # steps of one framework before it is the other's turn, after one that is not timed
LEARNING_RATE, WEIGHT_DECAY, CLIP_NORM = 1e-4, 1e-4, 5.0


@dataclass(frozen=True)
class Case:
    """What is timed.

    Attributes:
        model: the [model] table of a recipe.
        batch: clips in a step.
        frames: of each clip.
        classes: blank included.
        glosses: of each sentence.
    """

    model: dict
    batch: int
    frames: int
    classes: int = 1296  # PHOENIX14's
    glosses: int = 10


# The narrow teacher is about that of the embedded corpus, the wide one has ResNet-18's and the paper's widths.
CASES = {
    "mslr-512": Case({"kind": "mslr", "width": 512, "hidden": 256}, 8, 200),
    "mslr-256": Case({"kind": "mslr", "width": 256, "hidden": 192}, 8, 200),
    "corrnet-narrow": Case(
        {"kind": "corrnet", "size": 64, "widths": [16, 32, 64, 128], "blocks": [1] * 4, "temporal": {"width": 256}},
        4, 100,
    ),
    "corrnet": Case({"kind": "corrnet", "size": 112}, 1, 64),
}  # fmt: skip


def torch_or_advice() -> ModuleType:
    """PyTorch, which nothing else of the package needs.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import torch
    except ImportError:
        raise UsageError("PyTorch is what this compares with, and is not installed; install it with: "
                         "pip install torch --index-url https://download.pytorch.org/whl/cpu") from None  # fmt: skip
    return torch


def batch_of(case: Case, options: "ModelOptions") -> dict[str, np.ndarray]:
    """A random `Batch` of clips of one length, with sentences that have no equal neighbours."""
    rng = np.random.default_rng(0)
    labels = (np.cumsum(rng.integers(1, case.classes - 2, (case.batch, case.glosses)), 1) % (case.classes - 1)) + 1
    if case.model["kind"] == "mslr":
        clips = {"landmarks": rng.normal(0, 0.5, (case.batch, case.frames, VALUES)).astype(np.float32)}
    else:
        shape = (case.batch, case.frames, options.size, options.size, 3)
        clips = {"video": rng.integers(0, 256, shape, np.uint8)}
    lengths = np.full(case.batch, case.frames, np.int32)
    return clips | {
        "frames": lengths, "labels": labels.astype(np.int32), "glosses": np.full_like(lengths, case.glosses)
    }  # fmt: skip


def tensorflow_step(case: Case, options: "ModelOptions", batch: dict) -> tuple[Callable[[], float], int]:
    """A step of the project's own trainer, and the number of its parameters."""
    import tensorflow as tf
    import tf_keras

    from tf_slr.training.networks import build
    from tf_slr.training.recogniser import Recogniser

    network = build(options, case.classes)
    model = Recogniser(network, ctc_conv=1.0)
    model.compile(
        tf_keras.optimizers.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY, global_clipnorm=CLIP_NORM)
    )  # fmt: skip
    model.optimizer.build(network.trainable_variables)
    tensors = {name: tf.constant(value) for name, value in batch.items()}
    # As in training: clips of any number and length come from outside, so that nothing of a step is computed ahead.
    shapes = {name: [None] * min(2, value.ndim) + list(value.shape[2:]) for name, value in batch.items()}
    signature = {name: tf.TensorSpec(shapes[name], value.dtype) for name, value in batch.items()}
    train = tf.function(model.train_step, input_signature=[signature])
    return lambda: float(train(tensors)["loss"]), sum(
        int(np.prod(weight.shape)) for weight in network.trainable_weights
    )


def torch_mslr(options: "ModelOptions", classes: int) -> "nn.Module":
    """MSLR in PyTorch: clips (B, T, 276) -> sequence and convolution logits (T', B, classes)."""
    from torch import nn
    from torch.nn import functional

    class TorchMslr(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            stack, inside = [], VALUES
            for kind, size in options.stack():
                if kind == "P":
                    stack.append(nn.MaxPool1d(size, ceil_mode=True))
                    continue
                stack.append(nn.Conv1d(inside, options.width, size, padding=size // 2, bias=not options.batch_norm))
                stack += [nn.BatchNorm1d(options.width)] if options.batch_norm else []
                stack.append(nn.ReLU())
                inside = options.width
            self.convolutions = nn.Sequential(*stack)
            self.bilstm = nn.LSTM(inside, options.hidden, bidirectional=True)
            self.sequence_norm = nn.LayerNorm(2 * options.hidden)
            self.dense = nn.Linear(2 * options.hidden, options.width)
            self.head_norm = nn.LayerNorm(options.width)
            self.classifier = nn.Parameter(nn.init.xavier_uniform_(nn.Linear(options.width, classes).weight.T.clone()))
            self.dropout = nn.Dropout(options.dropout)

        def forward(self, clips):
            conv = self.convolutions(clips.transpose(1, 2)).permute(2, 0, 1)  # (T', B, C)
            sequence = self.sequence_norm(self.bilstm(self.dropout(conv))[0])
            sequence = self.dropout(functional.relu(self.dense(sequence)))
            kernel = functional.normalize(self.classifier, dim=0)
            return self.head_norm(sequence) @ kernel, self.head_norm(conv) @ kernel

    return TorchMslr()


def torch_corrnet(options: "ModelOptions", classes: int) -> "nn.Module":
    """CorrNet in PyTorch: clips (B, T, 3, H, W) of -1 to 1 -> logits (T', B, classes) of both heads."""
    import torch

    # The network that the tests hold the project's against; it lies beside the tools, in a checkout only.
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests.models.torch_corrnet import HALO, TorchCorrNet

    class Batched(TorchCorrNet):
        def forward(self, clips):
            right = HALO + timing.STRIDE * timing.steps(clips.shape[1]) - clips.shape[1]
            edges = (clips[:, :1].repeat_interleave(HALO, 1), clips, clips[:, -1:].repeat_interleave(right, 1))
            features = self.conv2d.features(torch.cat(edges, 1).transpose(1, 2))
            conv = self.conv1d.temporal_conv(features.mean((3, 4))).permute(2, 0, 1)  # (T', B, width)
            return self.classifier(self.temporal_model.rnn(conv)[0]), self.classifier(conv)

    return Batched(classes, options.widths, options.blocks, options.temporal.width)


def torch_step(case: Case, options: "ModelOptions", batch: dict) -> tuple[Callable[[], float], int]:
    """The same step in PyTorch, and the number of its parameters."""
    import torch
    from torch import nn
    from torch.nn import functional

    landmarks = case.model["kind"] == "mslr"
    network = (torch_mslr if landmarks else torch_corrnet)(options, case.classes).train()
    for module in network.modules():
        if isinstance(module, nn.LSTM):
            for name, bias in module.named_parameters():
                if name.startswith("bias_hh"):
                    nn.init.zeros_(bias).requires_grad_(False)
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    clips = torch.tensor(batch["landmarks" if landmarks else "video"])
    labels, glosses = torch.tensor(batch["labels"]), torch.tensor(batch["glosses"])
    steps = torch.full_like(glosses, timing.steps(case.frames))

    def train() -> float:
        optimizer.zero_grad(set_to_none=True)
        shown = clips if landmarks else (clips.float() / 127.5 - 1).permute(0, 1, 4, 2, 3)
        loss = sum(
            functional.ctc_loss(functional.log_softmax(logits, -1), labels, steps, glosses) for logits in network(shown)
        )
        loss.backward()
        nn.utils.clip_grad_norm_(weights, CLIP_NORM)
        optimizer.step()
        return float(loss.detach())

    return train, sum(weight.numel() for weight in weights)


def time_steps(steps: dict[str, Callable[[], float]], count: int, name: str) -> dict[str, list[float]]:
    """Seconds of `count` steps of each framework, taking turns, so that both meet the same noise.

    The first step of a turn is not timed: it finds the caches, and its threads, as the other one left them.
    """
    seconds: dict[str, list[float]] = {framework: [] for framework in steps}
    for _ in tqdm(range(-(-count // TURN)), name, unit="turn", disable=None):
        for framework, step in steps.items():
            step()
            for _ in range(TURN):
                start = time.perf_counter()
                step()
                seconds[framework].append(time.perf_counter() - start)
    return seconds


def measure(case: Case, name: str, count: int) -> dict:
    """Time one case in both frameworks.

    Raises:
        UsageError: the two networks are not the same.
    """
    from tf_slr.core import config
    from tf_slr.training.recipe import Recipe

    options = config.build(Recipe, {"model": case.model}, name).model
    batch = batch_of(case, options)
    makers = {"TensorFlow": tensorflow_step, "PyTorch": torch_step}
    made = {framework: make(case, options, batch) for framework, make in makers.items()}
    parameters = {framework: number for framework, (_, number) in made.items()}
    if len(set(parameters.values())) > 1:
        raise UsageError(f"{name}: expected equal networks, found parameters {parameters}")
    seconds = time_steps({framework: step for framework, (step, _) in made.items()}, count, name)
    figures = {
        framework: {"min_ms": round(1e3 * min(times), 2), "p50_ms": round(1e3 * float(np.median(times)), 2)}
        for framework, times in seconds.items()
    }
    return {"batch": case.batch, "frames": case.frames, "classes": case.classes, "steps": len(seconds["PyTorch"]),
            "parameters": parameters["PyTorch"], **figures}  # fmt: skip


def bench(names: list[str], count: int, threads: int) -> dict:
    """Time some of CASES."""
    torch = torch_or_advice()
    import_tensorflow()
    import tensorflow as tf

    torch.manual_seed(0)
    torch.set_num_threads(threads)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.keras.utils.set_random_seed(0)
    tf.config.experimental.enable_op_determinism()
    networks = {name: measure(CASES[name], name, count) for name in names}
    versions = {"TensorFlow": tf.__version__, "PyTorch": torch.__version__}
    return {"threads": threads, "versions": versions, "machine": machine(), "networks": networks}


def table(result: dict) -> str:
    """The result as Markdown."""
    versions = result["versions"]
    lines = [
        f"Milliseconds of a training step, {result['threads']} threads, {result['machine']['cpu']}; "
        f"TensorFlow {versions['TensorFlow']}, PyTorch {versions['PyTorch']} (eager); taking turns.",
        "",
        "| network | parameters | batch | frames | steps | TensorFlow min | p50 | PyTorch min | p50 "
        "| PyTorch / TensorFlow, min | p50 |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, found in result["networks"].items():
        ours, theirs = found["TensorFlow"], found["PyTorch"]
        lines.append(
            f"| {name} | {found['parameters']:,} | {found['batch']} | {found['frames']} | {found['steps']} "
            f"| {ours['min_ms']:.0f} | {ours['p50_ms']:.0f} | {theirs['min_ms']:.0f} | {theirs['p50_ms']:.0f} "
            f"| {theirs['min_ms'] / ours['min_ms']:.2f} x | {theirs['p50_ms'] / ours['p50_ms']:.2f} x |"
        )
    return "\n".join(lines)


def main() -> int:
    """Measure, print the table, write the JSON."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_out(parser)
    parser.add_argument("--networks", nargs="+", choices=list(CASES), default=list(CASES), help="what is timed")
    parser.add_argument(
        "--steps", type=within(int, 1, 10**6), default=30, help="timed steps of each network and framework"
    )
    parser.add_argument("--threads", type=within(int, 1, 256), default=os.cpu_count(), help="of both frameworks")
    arguments = parser.parse_args()
    if min(arguments.steps, arguments.threads) < 1:
        parser.error("expected at least 1 step and 1 thread")
    return publish(functools.partial(bench, arguments.networks, arguments.steps, arguments.threads), table,
                   arguments)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
