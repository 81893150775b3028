"""How well, how fast and how large a bundle is on this CPU: FP32 and INT8, interleaved in one run.

python tools/bench.py --run RUN --bundle BUNDLE --out bench.json [--video VIDEO] [--no-accuracy] [--no-work]

Beside the JSON it writes the same as Markdown, and a picture where matplotlib is installed. WER is that of the
corpus the run was trained on. FP32 is the student as LiteRT usually has it. Other runtimes than LiteRT have a benchmark
of their own, `make bench-rivals`.
"""

import argparse
import importlib.util
import itertools
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import accuracy
import numpy as np
from publish import add_out, publish
from turns import ROUND, THREADS, WARM_UP, machine, machine_line, noise, summarise, time_runs
from work import work

from tf_slr.cli.common import Parser, within
from tf_slr.cli.paths import existing
from tf_slr.core import files
from tf_slr.core.kinds import Kind
from tf_slr.core.landmarks import POINTS, VALUES, Clip, Normalisation
from tf_slr.core.stdout import say
from tf_slr.correction.corrector import Corrector
from tf_slr.runtime.bundle import FP32_STUDENT, STUDENT, Bundle, read_bundle
from tf_slr.runtime.decoder import SentenceDecoder
from tf_slr.runtime.inputs import InputRule, prepare
from tf_slr.runtime.recognizer import Recognizer
from tf_slr.runtime.student import Student

LENGTHS = (50, 100, 200, 500)  # frames; all but the main length are timed less often
FEWER = 20
PICTURE = (240, 320, 3)  # what a camera gives, for students that read video


def example(rule: InputRule, frames: int) -> Clip | list[np.ndarray]:
    """A clip as people have it; what it shows makes no difference to the time it takes."""
    rng = np.random.default_rng(0)
    if isinstance(rule, Normalisation):
        return Clip(rng.random((frames, POINTS, 3), np.float32), None, 1.0)
    return [rng.integers(0, 256, PICTURE, np.uint8)] * frames


def values_of(rule: InputRule, frames: int) -> np.ndarray:
    """A clip as its student reads it in the end."""
    if isinstance(rule, Normalisation):  # of about their size
        return np.random.default_rng(0).normal(0, 0.5, (frames, VALUES)).astype(np.float32)
    return prepare(example(rule, frames), rule)


def time_stages(bundle: Bundle, frames: int, runs: int) -> dict[str, float]:
    """Milliseconds (median) of each stage from landmarks or pictures to glosses, one after the other on one thread."""
    student = Student(bundle.student)
    corrector = Corrector.load(bundle.corrector) if bundle.corrector else None
    decoder = SentenceDecoder(bundle.vocabulary, corrector)
    clip = example(bundle.input, frames)
    preparing = "normalise landmarks" if isinstance(bundle.input, Normalisation) else "squeeze pictures"
    stages = {
        preparing: lambda clip: prepare(clip, bundle.input),
        "network, INT8": student.logits,
        "decode and correct" if corrector else "decode, greedy": lambda logits: decoder(logits, frames, bundle.fps),
    }
    seconds: dict[str, list[float]] = {name: [] for name in stages}
    for _ in range(WARM_UP + runs):
        value = clip
        for name, stage in stages.items():
            start = time.perf_counter()
            value = stage(value)
            seconds[name].append(time.perf_counter() - start)
    return {name: round(1e3 * statistics.median(taken[WARM_UP:]), 3) for name, taken in seconds.items()}


def time_video(video: Path, bundle: Bundle) -> dict:
    """One video from its file to glosses: frames, and milliseconds of a frame in each part.

    Raises:
        DataError: the video cannot be read, or nobody is in it.
        ImportError: MediaPipe is not installed, and the student reads landmarks.
    """
    from tf_slr.video.decoding import read_frames

    recognizer, tracker = Recognizer(bundle), None
    if isinstance(bundle.input, Normalisation):
        from tf_slr.tracking.tracker import Tracker

        tracker = Tracker()
    started = time.perf_counter()
    pictures = list(read_frames(video))
    read = time.perf_counter()
    clip = tracker.track(pictures, str(video)) if tracker else pictures
    tracked = time.perf_counter()
    recognizer.transcribe(clip)
    done = time.perf_counter()
    parts = {"read video": read - started}
    parts |= {"MediaPipe": tracked - read} if tracker else {}
    parts["landmarks to glosses" if tracker else "pictures to glosses"] = done - tracked
    return {
        "frames": len(pictures),
        "ms_per_frame": {name: round(1e3 * seconds / len(pictures), 3) for name, seconds in parts.items()},
    }


_PROBE = """
import json, resource, sys, time
start = time.perf_counter()
from tf_slr.runtime import Recognizer
imported = time.perf_counter()
recognizer = Recognizer.load(sys.argv[1])
loaded = time.perf_counter()
import numpy as np
from tf_slr.core.landmarks import Clip, Normalisation
frames, landmarks = int(sys.argv[2]), isinstance(recognizer.bundle.input, Normalisation)
if landmarks:
    clip = Clip(np.random.default_rng(0).random((frames, 92, 3), np.float32), None, 1.0)
else:
    clip = [np.zeros([int(side) for side in sys.argv[3:]], np.uint8)] * frames
recognizer.transcribe(clip)
assert not {"tensorflow", "tf_keras", "mediapipe", *(["cv2"] if landmarks else [])} & set(sys.modules)
try:  # what the system counts for the process may be that of the one which started it
    (peak,) = [int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")]
except (OSError, ValueError):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({
    "import_s": round(imported - start, 3),
    "load_s": round(loaded - imported, 3),
    "peak_mb": round(peak / 1024, 1),
}))
"""


def probe(bundle: Path, frames: int) -> dict:
    """Import time, load time and peak memory of recognising one clip, in a process of its own."""
    command = [sys.executable, "-c", _PROBE, *map(str, (bundle, frames, *PICTURE))]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def bench(
    run: Path,
    bundle: Path,
    frames: int,
    runs: int,
    video: Path | None = None,
    wer: bool = True,
    arithmetic: bool = True,
) -> dict:
    """Measure a bundle and the FP32 model of its run.

    Args:
        run: folder of the run.
        bundle: folder of the bundle.
        frames: the main length, which the report shows.
        runs: timed runs of each configuration at that length.
        video: what to time from file to glosses, or None.
        wer: whether the splits of the run's corpus are recognised, where it is still there.
        arithmetic: whether multiply-adds and the INT8 peak are measured.
    """
    checked = read_bundle(bundle)
    paths = {"FP32": run / FP32_STUDENT, "INT8": bundle / STUDENT}
    contents = {name: files.read_bytes(path) for name, path in paths.items()}
    students = {(name, threads): Student(contents[name], threads) for name in paths for threads in THREADS}
    lengths, waited = {}, []
    for length in sorted({*LENGTHS, frames}):
        values, often = values_of(checked.input, length), runs if length == frames else min(runs, FEWER)
        rounds, kept_waiting = time_runs(students, values, often)
        waited.append(kept_waiting)
        lengths[str(length)] = {
            str(threads): {name: summarise(rounds[name, threads], length) for name in paths} for threads in THREADS
        }
    speed = lengths[str(frames)]
    spreads = [figures["spread"] for by_name in speed.values() for figures in by_name.values()]
    corpus = accuracy.corpus_of(run) if wer else None
    notes = ["WER was not measured: the corpus of the run is not there"] * (wer and corpus is None)
    return {
        "frames": frames,
        "runs": runs,
        "threads": speed,
        "ratio": {threads: round(one["FP32"]["p50_ms"] / one["INT8"]["p50_ms"], 2) for threads, one in speed.items()},
        "lengths": lengths,
        "accuracy": corpus and accuracy.accuracy(corpus, checked, {name: students[name, 1] for name in paths}),
        "stages_ms": time_stages(checked, frames, runs),
        "video": time_video(video, checked) if video else None,
        "work": work(checked, frames, speed["1"]["INT8"]["p50_ms"]) if arithmetic else None,
        "bytes": {name: len(content) for name, content in contents.items()},
        "start": probe(bundle, frames),
        "noisy": noise(max(waited), spreads),
        "notes": notes,
        "machine": machine(),
    }


def table(result: dict) -> str:
    """The result as Markdown."""
    sizes, start, done = result["bytes"], result["start"], result["work"]
    lines = [
        f"{machine_line(result['machine'])}; {result['runs']} runs each at "
        f"T = {result['frames']} frames, at most {FEWER} at other lengths, in turns",
        "",
    ]
    if result["accuracy"]:
        lines += [*accuracy.table(result["accuracy"], sizes, result["threads"]["1"], result["ratio"]["1"]), ""]
    lines += [
        "| frames | threads | model | p50 ms | p95 ms | p99 ms | frames/s | INT8 / FP32 |",
        "| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for length, by_threads in result["lengths"].items():
        for threads, name in itertools.product(by_threads, by_threads["1"]):
            figures = by_threads[threads][name]
            faster = by_threads[threads]["FP32"]["p50_ms"] / figures["p50_ms"]
            lines.append(
                f"| {length} | {threads} | {name} | {figures['p50_ms']:.2f} | {figures['p95_ms']:.2f} "
                f"| {figures['p99_ms']:.2f} | {figures['frames_per_second']} "
                f"| {f'{faster:.2f} x' if name == 'INT8' else ''} |"
            )
    total = sum(result["stages_ms"].values())
    lines += [
        "",
        f"| stage, T = {result['frames']}, one thread | p50 ms | share |",
        "| --- | ---: | ---: |",
        *(f"| {name} | {taken:.3f} | {100 * taken / total:.1f} % |" for name, taken in result["stages_ms"].items()),
        "",
    ]
    if result["video"]:
        parts = result["video"]["ms_per_frame"]
        whole = sum(parts.values())
        lines += [
            f"| from a video of {result['video']['frames']} frames | ms a frame | share |",
            "| --- | ---: | ---: |",
            *(f"| {name} | {taken:.3f} | {100 * taken / whole:.1f} % |" for name, taken in parts.items()),
            "",
        ]
    if done:
        lines.append(
            f"Arithmetic: {done['million_multiply_adds_per_frame']:.2f} million multiply-adds a frame, of which the "
            f"INT8 file does {done['million_done_per_frame']:.2f} million. One thread does "
            f"{done['billion_multiply_adds_per_second']:.1f} billion a second, {100 * done['share_of_peak']:.0f} % of "
            f"the {done['int8_peak_billion_per_second']:.1f} billion that LiteRT reaches here in one large INT8 "
            "product."
        )
    lines.append(
        f"Size: FP32 {sizes['FP32'] / 1e6:.2f} MB, INT8 {sizes['INT8'] / 1e6:.2f} MB. "
        f"Runtime: import {start['import_s']} s, load {start['load_s']} s, peak memory {start['peak_mb']} MB."
    )
    lines += [f"note: {note}" for note in result["notes"]]
    if result["noisy"]:
        lines.append(f"The machine was noisy ({'; '.join(result['noisy'])}): do not quote these times.")
    return "\n".join(lines)


def draw(result: dict, path: Path) -> None:
    """Frames a second against the clip's length, of every model on one and two threads."""
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(7, 4), layout="constrained")
    axes = drawing.subplots()
    lengths = [int(length) for length in result["lengths"]]
    for number, name in enumerate(result["lengths"][str(lengths[0])]["1"]):
        for threads, dash in zip(THREADS, ("-", "--"), strict=True):
            rates = [one[str(threads)][name]["frames_per_second"] for one in result["lengths"].values()]
            axes.plot(lengths, rates, dash, marker="o", color=f"C{number}", label=f"{name}, threads: {threads}")
    axes.set(xlabel="frames of the clip", ylabel="frames a second (median)", xscale="log", ylim=(0, None))
    axes.set_xticks(lengths, [str(length) for length in lengths])
    axes.set_title(result["machine"]["cpu"] + (", busy: do not quote" if result["noisy"] else ""))
    axes.legend()
    with files.atomic_path(path) as temporary:
        drawing.savefig(temporary, dpi=110)


def main() -> int:
    """Measure, print the table, write JSON, Markdown and the picture."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=existing(Kind.RUN), required=True, help="folder of the run, with the FP32 model")
    parser.add_argument("--bundle", type=existing(Kind.BUNDLE), required=True, help="folder of the bundle")
    add_out(parser)
    parser.add_argument("--frames", type=within(int, 1, 10**5), default=200, help="length of the clip")
    parser.add_argument("--runs", type=within(int, 1, 10**6), default=100, help="timed runs of each configuration")
    parser.add_argument("--video", type=Path, help="a video that is timed from file to glosses")
    parser.add_argument("--no-accuracy", action="store_true", help="do not recognise dev and test")
    parser.add_argument("--no-work", action="store_true", help="no multiply-adds and no INT8 peak, which "
                        "need TensorFlow")  # fmt: skip
    arguments = parser.parse_args()
    if arguments.runs < 4 * ROUND or arguments.frames < 1:
        parser.error(f"expected at least {4 * ROUND} runs and 1 frame")

    def measure() -> dict:
        result = bench(arguments.run, arguments.bundle, arguments.frames, arguments.runs, arguments.video,
                       not arguments.no_accuracy, not arguments.no_work)  # fmt: skip
        markdown, picture = arguments.out.with_suffix(".md"), arguments.out.with_suffix(".png")
        files.write_text(markdown, table(result) + "\n")
        say(f"wrote {markdown}")
        if importlib.util.find_spec("matplotlib") is None:
            say("note: no picture, because matplotlib is not installed: pip install 'tf_slr[report]'")
        else:
            draw(result, picture)
            say(f"wrote {picture}")
        return result

    return publish(measure, table, arguments, beside=(".md", ".png"))


if __name__ == "__main__":
    sys.exit(main())
