"""Timing models in turns, so that all of them meet the same noise of the machine, and what the machine is."""

import os
import platform
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from tqdm import tqdm

WARM_UP = 5
ROUND = 10  # runs of one configuration before it is another's turn
THREADS = (1, 2)
# Figures are marked above this spread of the rounds' medians, or where a single thread had to wait for a core for more
# than this share of the time. (The system's load average still counts the training that came before.)
NOISY_SPREAD, NOISY_WAIT = 0.10, 0.03
# Instructions that multiply INT8 faster than FP32; without any of them INT8 gains little over FP32.
INT8_INSTRUCTIONS = ("avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm")


class Recognises(Protocol):
    """What is timed."""

    def logits(self, values: np.ndarray) -> np.ndarray:
        """Logits float32 [ceil(T/4), classes] of a clip as the student reads it, [T, ...]."""


def time_runs(
    students: Mapping[tuple[str, int], Recognises], values: np.ndarray, runs: int
) -> tuple[dict[tuple[str, int], list[list[float]]], float]:
    """Time configurations in turns.

    Args:
        students: what is timed, by name and number of threads.
        values: the clip, as they read it.
        runs: of each.

    Returns:
        Seconds of every run by configuration and round, and the share of the
        single-threaded runs' time in which this process was kept waiting.
    """
    for student in students.values():
        for _ in range(WARM_UP):
            student.logits(values)
    rounds: dict[tuple[str, int], list[list[float]]] = {name: [] for name in students}
    elapsed = computed = 0.0
    for _ in tqdm(range(runs // ROUND), f"T = {len(values)}", unit="round", disable=None):
        for name, student in students.items():
            # Not timed: it finds caches and threads as another configuration left them.
            student.logits(values)
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


def noise(waited: float, spreads: Sequence[float]) -> list[str]:
    """Why figures should not be quoted; nothing on a quiet machine."""
    found = []
    if waited > NOISY_WAIT:
        found.append(f"other jobs held the core for {100 * waited:.0f} % of the time")
    if max(spreads) > NOISY_SPREAD:
        found.append(f"medians of the rounds spread by {100 * max(spreads):.0f} %")
    return found


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


def machine_line(facts: dict) -> str:
    """The machine in words."""
    instructions = ", ".join(facts["int8_instructions"]) or "none"
    return f"{facts['cpu']}, {facts['cores']} cores, INT8 instructions: {instructions}"
