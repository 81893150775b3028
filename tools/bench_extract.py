"""How fast landmarks come out of videos on this machine, and whether that takes ever more memory.

python tools/bench_extract.py VIDEO... --out bench_extract.json
"""

import argparse
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from publish import add_out, publish
from tqdm import tqdm
from turns import NOISY_SPREAD, NOISY_WAIT, machine, spread

from tf_slr.cli.common import Parser, within
from tf_slr.core.errors import DataError
from tf_slr.core.pictures import opencv
from tf_slr.core.processes import cores
from tf_slr.core.quiet import silent_stderr
from tf_slr.tracking.engines import Engine
from tf_slr.tracking.extract import Job, extract_many
from tf_slr.tracking.tracker import Tracker, holistic_class
from tf_slr.video.decoding import read_frames

MEDIAPIPE, OURS = "MediaPipe's Holistic", "tf_slr"
WARM_UP = 5  # frames
WORKERS = sorted({1, cores()})
# After how many clips the memory is looked at; the first clips fill caches.
LOOKS = (20, 100, 200, 300)


def beginnings(videos: Sequence[Path], frames: int) -> list[list[np.ndarray]]:
    """The first frames of each video."""
    opencv().setNumThreads(1)
    return [list(itertools.islice(read_frames(video), frames)) for video in videos]


def graphs() -> dict[str, Any]:
    """What finds landmarks in a frame, by name; both can be reset."""
    ours = holistic_class()
    # Only now, so that MediaPipe brings no TensorFlow.
    from mediapipe.python.solutions.holistic import Holistic

    return {MEDIAPIPE: Holistic(model_complexity=1), OURS: ours()}


def time_graph(graph: Any, clips: Iterable[list[np.ndarray]]) -> tuple[float, float]:
    """Seconds of the processor and of the clock that a graph needs for clips."""
    processor = elapsed = 0.0
    with silent_stderr():
        for clip in clips:
            graph.reset()
            started = time.process_time(), time.perf_counter()
            for frame in clip:
                graph.process(frame)
            processor += time.process_time() - started[0]
            elapsed += time.perf_counter() - started[1]
    return processor, elapsed


def time_extraction(videos: Sequence[Path], clips: int, workers: int) -> float:
    """Frames a second through the whole way, start of the processes included, with `clips` clips for each process.

    Raises:
        DataError: a video cannot be used.
    """
    chosen = itertools.islice(itertools.cycle(videos), clips * workers)
    jobs = [Job(str(number), video) for number, video in enumerate(chosen)]
    with tempfile.TemporaryDirectory() as out:
        started = time.perf_counter()
        results = extract_many(jobs, out, Engine(workers=workers))
        elapsed = time.perf_counter() - started
    for result in results:
        if result.refusal:
            raise DataError(result.refusal)
    return sum(result.frames for result in results) / elapsed


def resident_megabytes(videos: Sequence[Path], frames: int, clips: int) -> dict[int, float]:
    """Memory of this process after so many clips, which are the beginnings of videos, one tracker for all."""
    opencv().setNumThreads(1)
    tracker = Tracker()
    resident = {}
    for number in tqdm(range(1, clips + 1), "memory", unit="clip", disable=None):
        video = videos[number % len(videos)]
        tracker.track(itertools.islice(read_frames(video), frames), str(video))
        if number in LOOKS or number == clips:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            resident[number] = round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)
    return resident


def watch_memory(videos: Sequence[Path], frames: int, clips: int) -> dict[int, float]:
    """`resident_megabytes` of a fresh process; nothing where the system does not tell."""
    if not Path("/proc/self/statm").exists():
        return {}
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(resident_megabytes, videos, frames, clips).result()


def time_all(videos: Sequence[Path], rounds: int, frames: int, clips: int) -> dict:
    """Time the graphs alone and the whole extraction in turns, so that all meet the same noise.

    Args:
        videos: what to measure on; somebody must be seen in the first frames of each.
        rounds: how often everything has its turn.
        frames: of the beginning of each video, for the graphs alone.
        clips: for each process, in a turn of the extraction.
    """
    pieces = beginnings(videos, frames)
    count = sum(map(len, pieces))
    both = graphs()
    for graph in both.values():
        time_graph(graph, [piece[:WARM_UP] for piece in pieces])
    processor: dict[str, list[float]] = {name: [] for name in both}
    rates: dict[int, list[float]] = {workers: [] for workers in WORKERS}
    waited = []
    for _ in tqdm(range(rounds), "rounds", unit="round", disable=None):
        for name, graph in both.items():
            computed, elapsed = time_graph(graph, pieces)
            processor[name].append(computed / count * 1e3)
            if name == OURS:  # in one thread
                waited.append(max(0.0, 1 - computed / elapsed))
        for workers in WORKERS:
            rates[workers].append(time_extraction(videos, clips, workers))
    cost = {name: statistics.median(figures) for name, figures in processor.items()}
    rate = {workers: statistics.median(figures) for workers, figures in rates.items()}
    spreads = {"cost": max(map(spread, processor.values())), "rate": max(map(spread, rates.values()))}
    noise = []
    if statistics.median(waited) > NOISY_WAIT:
        noise.append(f"other jobs held the core for {100 * statistics.median(waited):.0f} % of the time")
    if max(spreads.values()) > NOISY_SPREAD:
        noise.append(f"the rounds spread by {100 * max(spreads.values()):.0f} %")
    return {
        "processor_ms_a_frame": {name: round(value, 2) for name, value in cost.items()},
        "saving": round(1 - cost[OURS] / cost[MEDIAPIPE], 3),
        "frames_per_second": {str(workers): round(value, 2) for workers, value in rate.items()},
        "scaling": {str(workers): round(value / rate[1] / workers, 3) for workers, value in rate.items()},
        "spread": spreads,
        "noisy": noise,
    }


def table(result: dict) -> str:
    """The result as Markdown."""
    cost, rate = result["processor_ms_a_frame"], result["frames_per_second"]
    lines = [
        f"{', '.join(result['videos'])}; {result['settings']['rounds']} rounds; {result['machine']['cpu']}, "
        f"{result['machine']['cores']} cores",
        "",
        "| graph | processor ms a frame | saving |",
        "| --- | ---: | ---: |",
        f"| {MEDIAPIPE} | {cost[MEDIAPIPE]:.1f} | |",
        f"| {OURS} | {cost[OURS]:.1f} | {100 * result['saving']:.1f} % |",
        "",
        "| processes | frames/s | of so many times one process |",
        "| ---: | ---: | ---: |",
        *(f"| {workers} | {rate[workers]:.1f} | {100 * result['scaling'][workers]:.1f} % |" for workers in rate),
    ]
    resident = result["resident_mb"]
    if resident:
        lines += ["", "| clips | resident MB |", "| ---: | ---: |"]
        lines += [f"| {clips} | {megabytes:.1f} |" for clips, megabytes in resident.items()]
    if result["noisy"]:
        lines += ["", f"The machine was noisy ({'; '.join(result['noisy'])}): do not quote these times."]
    return "\n".join(lines)


def main() -> int:
    """Measure, print the tables, write the JSON."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="+", metavar="VIDEO", help="video file or folder of images")
    add_out(parser)
    parser.add_argument("--rounds", type=within(int, 1, 10**6), default=3, help="how often everything has its turn")
    parser.add_argument("--frames", type=within(int, 1, 10**6), default=60, help="of each video, for the graphs alone")
    parser.add_argument(
        "--clips", type=within(int, 1, 10**6), default=4, help="for each process, in a turn of the extraction"
    )
    parser.add_argument(
        "--memory-clips", type=within(int, 1, 10**6), default=300, help="clips while the memory is watched"
    )
    parser.add_argument("--memory-frames", type=within(int, 1, 10**6), default=15, help="frames of each of these clips")
    arguments = parser.parse_args()
    settings = {name: value for name, value in vars(arguments).items() if name not in ("videos", "out", "overwrite")}
    if arguments.rounds < 2 or min(settings.values()) < 1:
        parser.error("expected at least 2 rounds, and 1 of everything else")
    videos = arguments.videos

    def measure() -> dict:
        return {
            "videos": [video.name for video in videos],
            "settings": settings,
            "machine": machine(),
            **time_all(videos, arguments.rounds, arguments.frames, arguments.clips),
            "resident_mb": watch_memory(videos, arguments.memory_frames, arguments.memory_clips),
        }

    return publish(measure, table, arguments)


if __name__ == "__main__":
    sys.exit(main())
