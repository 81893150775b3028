"""How fast training's input is, and how much memory it takes, wherever clips come from: memory, files, or shards.

python tools/bench_input.py --corpus CORPUS --out bench_input.json     (after: tf-slr pack CORPUS)

Every source has a process of its own. Batches are made as in training: read, augmented, normalised, padded.
"""

import argparse
import functools
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from publish import add_out, publish
from tqdm import tqdm

from tf_slr.cli.common import Parser, import_tensorflow, within
from tf_slr.cli.paths import existing
from tf_slr.core.kinds import Kind

SOURCES = ("memory", "files", "shards")


def measure(root: Path, source: str, size: int, batches: int) -> dict:
    """Load the training split and make batches of it, with and without the files in the system's cache.

    Args:
        root: the corpus.
        source: where clips come from.
        size: clips in a batch.
        batches: how many batches to make each time.
    """
    import_tensorflow()
    from tf_slr.corpus.manifest import Corpus
    from tf_slr.features.batches import TrainingBatches
    from tf_slr.features.options import FeatureOptions
    from tf_slr.features.splits import load_split
    from tf_slr.features.streams import Landmarks

    corpus = Corpus(root)
    before = resident_bytes()
    forget(corpus.root)
    start = time.perf_counter()
    split = load_split(corpus, "train", source)
    ready = time.perf_counter() - start
    options = FeatureOptions(source=source)
    landmarks = Landmarks(split.clips, options.normalisation)
    data = TrainingBatches(split, [landmarks], corpus.vocabulary(), options, size, seed=0)
    peak = resident_bytes()
    speeds = {}
    for name in ("cold", "warm"):
        if name == "cold":
            forget(corpus.root)
        clips, start, processor = 0, time.perf_counter(), time.process_time()
        epoch = data.dataset(0, 0, min(batches, len(data)))
        for batch in tqdm(epoch, f"{source}, {name}", total=min(batches, len(data)), unit="batch", disable=None):
            clips += len(batch["frames"])
            peak = max(peak, resident_bytes())
        speeds[f"{name}_clips_per_second"] = round(clips / (time.perf_counter() - start), 1)
        speeds[f"{name}_cpu_ms_per_clip"] = round(1e3 * (time.process_time() - processor) / clips, 2)
    return {"ready_s": round(ready, 2), **speeds, "memory_mb": round((peak - before) / 2**20, 1)}


def forget(root: Path) -> None:
    """Ask the system to drop a corpus' files from its cache; what it really drops is its own business."""
    os.sync()
    for folder in ("landmarks", "shards"):
        for path in (root / folder).glob("*"):
            if path.is_file():
                with path.open("rb") as stream:
                    os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def resident_bytes() -> int:
    """Memory that this process holds now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def bench(root: Path, size: int, batches: int) -> dict:
    """Measure one source after the other."""
    results = {}
    for source in SOURCES:
        # A fresh process has no other source's memory.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            results[source] = pool.submit(measure, root, source, size, batches).result()
    return {"batch": size, "batches": batches, "sources": results}


def table(result: dict) -> str:
    """The result as Markdown."""
    lines = [
        f"Up to {result['batches']} batches of {result['batch']} clips.",
        "",
        "| source | ready after s | clips/s, cold | clips/s, warm | CPU ms/clip, warm | memory MB |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for source, figures in result["sources"].items():
        lines.append(
            f"| {source} | {figures['ready_s']:.1f} | {figures['cold_clips_per_second']:.0f} "
            f"| {figures['warm_clips_per_second']:.0f} | {figures['warm_cpu_ms_per_clip']:.1f} "
            f"| {figures['memory_mb']:.0f} |"
        )
    return "\n".join(lines)


def main() -> int:
    """Measure, print the table, write the JSON."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=existing(Kind.CORPUS), required=True)
    add_out(parser)
    parser.add_argument("--batch", type=within(int, 1, 2**14), default=16, help="clips in a batch")
    parser.add_argument("--batches", type=within(int, 1, 10**6), default=100, help="batches of each pass")
    arguments = parser.parse_args()
    if min(arguments.batch, arguments.batches) < 1:
        parser.error("expected at least 1 batch of 1 clip")

    run = functools.partial(bench, arguments.corpus, arguments.batch, arguments.batches)
    return publish(run, table, arguments)


if __name__ == "__main__":
    sys.exit(main())
