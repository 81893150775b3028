"""A student in LiteRT, and the same student in PyTorch, ONNX Runtime and OpenVINO: how fast each is here, in turns.

python tools/bench_rivals.py --weights weights.npz --run RUN --bundle BUNDLE --out rivals.json

`make bench-rivals` does everything: the weights (tools/student_weights.py), an environment of the rivals' own, because
their packages would change the versions that MediaPipe and TensorFlow need, and this benchmark in it.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from publish import add_out, publish
from rivals import Weights, rivals
from turns import ROUND, THREADS, machine, machine_line, noise, summarise, time_runs

from tf_slr.cli.common import Parser, within
from tf_slr.cli.paths import existing, input_file
from tf_slr.core import files
from tf_slr.core.errors import UsageError
from tf_slr.core.kinds import Kind
from tf_slr.core.landmarks import VALUES, Normalisation
from tf_slr.runtime.bundle import FP32_STUDENT, STUDENT, read_bundle
from tf_slr.runtime.student import Student

OURS = "LiteRT INT8"


def bench(weights: Path, run: Path, bundle: Path, frames: int, runs: int) -> dict:
    """Time the bundle's student, its FP32 model and every rival.

    Args:
        weights: file of tools/student_weights.py.
        run: folder of the run, which keeps the FP32 model.
        bundle: folder of the bundle.
        frames: length of the clip.
        runs: timed runs of each configuration.

    Raises:
        UsageError: the student reads video.
        DataError: a rival computes something else, or a file is not what it should be.
    """
    checked = read_bundle(bundle)
    if not isinstance(checked.input, Normalisation):
        raise UsageError(f"{bundle}: its student reads video; rivals are of landmark students (mslr)")
    contents = {"LiteRT FP32": files.read_bytes(run / FP32_STUDENT), OURS: files.read_bytes(bundle / STUDENT)}
    students = {(name, threads): Student(content, threads) for name, content in contents.items() for threads in THREADS}
    others, differences, left_out = rivals(Weights.from_arrays(files.read_npz(weights)), THREADS)
    values = np.random.default_rng(0).normal(0, 0.5, (frames, VALUES)).astype(np.float32)
    rounds, waited = time_runs(students | others, values, runs)
    speed = {
        str(threads): {name: summarise(rounds[name, threads], frames) for name in [*contents, *differences]}
        for threads in THREADS
    }
    spreads = [figures["spread"] for by_name in speed.values() for figures in by_name.values()]
    return {
        "frames": frames,
        "runs": runs,
        "classes": checked.vocabulary.classes,
        "variant": checked.description["quantisation"]["variant"],
        "threads": speed,
        "keras_difference": differences,
        "notes": left_out,
        "noisy": noise(waited, spreads),
        "machine": machine(),
    }


def table(result: dict) -> str:
    """The result as Markdown."""
    lines = [
        f"{machine_line(result['machine'])}; T = {result['frames']} frames, {result['classes']} classes, "
        f"{result['runs']} runs each in turns; INT8 is the variant {result['variant']}",
        "",
        "| model | 1 thread, ms | 2 threads, ms | INT8 against it, 1 and 2 threads | logits differ from Keras' by |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name in result["threads"]["1"]:
        taken = [by_name[name]["p50_ms"] for by_name in result["threads"].values()]
        ours = [by_name[OURS]["p50_ms"] for by_name in result["threads"].values()]
        ratios = ", ".join(f"{one / own:.2f} x" for one, own in zip(taken, ours, strict=True))
        off = result["keras_difference"].get(name)
        lines.append(f"| {name} | {taken[0]:.2f} | {taken[1]:.2f} | {'' if name == OURS else ratios} "
                     f"| {'' if off is None else f'{off:.0e}'} |")  # fmt: skip
    lines += [f"note: {note}" for note in result["notes"]]
    if result["noisy"]:
        lines.append(f"The machine was noisy ({'; '.join(result['noisy'])}): do not quote these times.")
    return "\n".join(lines)


def main() -> int:
    """Measure, print the table, write the JSON."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--weights",
        type=input_file("what tools/student_weights.py wrote"),
        required=True,
        help="file of tools/student_weights.py",
    )
    parser.add_argument("--run", type=existing(Kind.RUN), required=True, help="folder of the run, with the FP32 model")
    parser.add_argument("--bundle", type=existing(Kind.BUNDLE), required=True, help="folder of the bundle")
    add_out(parser)
    parser.add_argument("--frames", type=within(int, 1, 10**5), default=200, help="length of the clip")
    parser.add_argument("--runs", type=within(int, 1, 10**6), default=100, help="timed runs of each configuration")
    arguments = parser.parse_args()
    if arguments.runs < 4 * ROUND or arguments.frames < 1:
        parser.error(f"expected at least {4 * ROUND} runs and 1 frame")
    return publish(
        lambda: bench(arguments.weights, arguments.run, arguments.bundle, arguments.frames, arguments.runs),
        table, arguments,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
