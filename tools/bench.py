"""How fast and how large a bundle is on this CPU: FP32 and INT8, interleaved in one run.

python tools/bench.py --run RUN --bundle BUNDLE --out bench.json
"""

import argparse
import functools
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from publish import publish
from tqdm import tqdm

from tf_slr.commands.common import Parser
from tf_slr.landmarks import VALUES
from tf_slr.runtime.bundle import FP32_STUDENT, STUDENT, read_bundle
from tf_slr.runtime.student import Student

WARM_UP = 20
ROUND = 10  # runs of one configuration before it is another's turn
# Figures are marked above this spread of the rounds' medians, or where a single thread had to wait for a core for more
# than this share of the time. (The system's load average still counts the training that came before.)
NOISY_SPREAD, NOISY_WAIT = 0.10, 0.03


def time_runs(
    students: dict[tuple[str, int], Student], frames: int, runs: int
) -> tuple[dict[tuple[str, int], list[list[float]]], float]:
    """Time configurations in turns, so that all meet the same noise.

    Returns:
        Seconds of every run by configuration and round, and the share of the
        single-threaded runs' time in which this process was kept waiting.
    """
    values = np.random.default_rng(0).normal(0, 0.5, (frames, VALUES)).astype(np.float32)
    for student in students.values():
        for _ in range(WARM_UP):
            student.logits(values)
    rounds: dict[tuple[str, int], list[list[float]]] = {name: [] for name in students}
    elapsed = computed = 0.0
    for _ in tqdm(range(runs // ROUND), f"T = {frames}", unit="round", disable=None):
        for name, student in students.items():
            seconds = []
            processor = time.process_time()
            for _ in range(ROUND):
                start = time.perf_counter()
                student.logits(values)
                seconds.append(time.perf_counter() - start)
            rounds[name].append(seconds)
            if name[1] == 1:
                elapsed += sum(seconds)
                computed += time.process_time() - processor
    return rounds, max(0.0, 1 - computed / elapsed)


def summarise(rounds: list[list[float]], frames: int) -> dict:
    """Percentiles in milliseconds, frames a second at the median, and the spread of the rounds' medians."""
    p50, p95, p99 = np.percentile(np.concatenate(rounds), (50, 95, 99)) * 1e3
    return {
        "p50_ms": round(float(p50), 3),
        "p95_ms": round(float(p95), 3),
        "p99_ms": round(float(p99), 3),
        "frames_per_second": round(frames / float(p50) * 1e3),
        "spread": spread([statistics.median(part) for part in rounds]),
    }


def spread(figures: Sequence[float]) -> float:
    """How far two or more repetitions of a measurement lie apart: the middle half of them, as a share of the median."""
    quartiles = statistics.quantiles(figures, n=4)
    return round((quartiles[2] - quartiles[0]) / quartiles[1], 4)


_PROBE = """
import json, resource, sys, time
start = time.perf_counter()
from tf_slr.runtime import Recognizer
imported = time.perf_counter()
recognizer = Recognizer.load(sys.argv[1])
loaded = time.perf_counter()
import numpy as np
from tf_slr.landmarks import Clip
clip = Clip(np.random.default_rng(0).random((int(sys.argv[2]), 92, 3), np.float32), None, 1.0)
recognizer.transcribe(clip)
assert "tensorflow" not in sys.modules
print(json.dumps({
    "import_s": round(imported - start, 3),
    "load_s": round(loaded - imported, 3),
    "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
}))
"""


def probe(bundle: Path, frames: int) -> dict:
    """Import time, load time and peak memory of recognising one clip, in a process of its own."""
    command = [sys.executable, "-c", _PROBE, str(bundle), str(frames)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


# Instructions that multiply INT8 faster than FP32; without any of them INT8 gains little over FP32.
INT8_INSTRUCTIONS = ("avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm")


def machine() -> dict:
    """The processor, as far as the system tells, and which INT8 instructions it has."""
    info = Path("/proc/cpuinfo")
    facts: dict[str, str] = {}
    for line in info.read_text().splitlines() if info.is_file() else []:
        name, _, value = line.partition(":")
        facts.setdefault(name.strip(), value.strip())
    flags = set(facts.get("flags", facts.get("Features", "")).split())
    return {
        "cpu": facts.get("model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "int8_instructions": [name for name in INT8_INSTRUCTIONS if name in flags],
        "python": platform.python_version(),
    }


def bench(run: Path, bundle: Path, frames: int, runs: int) -> dict:
    """Measure a bundle and the FP32 model of its run."""
    read_bundle(bundle)  # refuses a damaged one
    paths = {"FP32": run / FP32_STUDENT, "INT8": bundle / STUDENT}
    students = {(name, threads): Student(path, threads) for name, path in paths.items() for threads in (1, 2)}
    rounds, waited = time_runs(students, frames, runs)
    speed = {
        str(threads): {name: summarise(rounds[name, threads], frames) for name in paths} for threads in (1, 2)
    }  # fmt: skip
    spreads = [figures["spread"] for by_name in speed.values() for figures in by_name.values()]
    noise = []
    if waited > NOISY_WAIT:
        noise.append(f"other jobs held the core for {100 * waited:.0f} % of the time")
    if max(spreads) > NOISY_SPREAD:
        noise.append(f"medians of the rounds spread by {100 * max(spreads):.0f} %")
    return {
        "frames": frames,
        "runs": runs,
        "threads": speed,
        "ratio": {
            threads: round(figures["FP32"]["p50_ms"] / figures["INT8"]["p50_ms"], 2)
            for threads, figures in speed.items()
        },
        "bytes": {name: path.stat().st_size for name, path in paths.items()},
        "start": probe(bundle, frames),
        "noisy": noise,
        "machine": machine(),
    }


def table(result: dict) -> str:
    """The result as Markdown."""
    lines = [
        f"T = {result['frames']} frames, {result['runs']} runs each, {result['machine']['cpu']}, "
        f"{result['machine']['cores']} cores, INT8 instructions: "
        f"{', '.join(result['machine']['int8_instructions']) or 'none'}",
        "",
        "| threads | model | p50 ms | p95 ms | p99 ms | frames/s | INT8 / FP32 |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for threads, name in itertools.product(result["threads"], ("FP32", "INT8")):
        figures = result["threads"][threads][name]
        ratio = f"{result['ratio'][threads]:.2f} x" if name == "INT8" else ""
        lines.append(
            f"| {threads} | {name} | {figures['p50_ms']:.2f} | {figures['p95_ms']:.2f} | {figures['p99_ms']:.2f} "
            f"| {figures['frames_per_second']} | {ratio} |"
        )
    sizes, start = result["bytes"], result["start"]
    lines += [
        "",
        f"Size: FP32 {sizes['FP32'] / 1e6:.2f} MB, INT8 {sizes['INT8'] / 1e6:.2f} MB. "
        f"Runtime: import {start['import_s']} s, load {start['load_s']} s, peak memory {start['peak_mb']} MB.",
    ]
    if result["noisy"]:
        lines.append(f"The machine was noisy ({'; '.join(result['noisy'])}): do not quote these times.")
    return "\n".join(lines)


def main() -> int:
    """Measure, print the table, write the JSON."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="folder of the run, with the FP32 model")
    parser.add_argument("--bundle", type=Path, required=True, help="folder of the bundle")
    parser.add_argument("--out", type=Path, required=True, help="JSON file of the result")
    parser.add_argument("--frames", type=int, default=200, help="length of the clip")
    parser.add_argument("--runs", type=int, default=200, help="timed runs of each configuration")
    arguments = parser.parse_args()
    if arguments.runs < 4 * ROUND or arguments.frames < 1:
        parser.error(f"expected at least {4 * ROUND} runs and 1 frame")

    run = functools.partial(bench, arguments.run, arguments.bundle, arguments.frames, arguments.runs)
    return publish(run, table, arguments.out)


if __name__ == "__main__":
    sys.exit(main())
