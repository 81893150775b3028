"""How long networks take on one thread.

python -m tf_slr.training.tables.speed TASK

All in one process and in turns, so that they meet the same noise. TensorFlow in FP32 runs student and teacher
alike; a deployed student is faster (`tools/bench.py`).
"""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tf_slr.core import config, files
from tf_slr.core.landmarks import VALUES
from tf_slr.core.processes import end_with
from tf_slr.models.options import ModelOptions, MslrOptions
from tf_slr.training.networks import build
from tf_slr.training.recipe import Recipe

FRAMES = 200
RUNS = 15
# A teacher of the paper's size takes a minute a clip on a slow core: fewer runs of it must do.
SECONDS, FEWEST = 60.0, 3


def key(options: ModelOptions, classes: int) -> str:
    """What tells the times of one network from those of others: weights do not matter."""
    return files.sha256_of(config.to_table(options) | {"classes": classes})[:12]


def time_networks(networks: Sequence[ModelOptions], classes: int) -> dict[str, dict]:
    """Milliseconds to recognise a clip of FRAMES frames, by the network's key."""
    calls = {key(options, classes): _call(options, classes) for options in networks}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()  # traces the graph
    for _ in tqdm(range(RUNS), "speed", unit="round", disable=None):
        for name, call in calls.items():
            if sum(seconds[name]) > SECONDS and len(seconds[name]) >= FEWEST:
                continue
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return {
        name: {
            "p50_ms": round(1e3 * float(np.median(times)), 3),
            "min_ms": round(1e3 * min(times), 3),
            "runs": len(times),
            "frames": FRAMES,
        }
        for name, times in seconds.items()
    }


def _call(options: ModelOptions, classes: int) -> Callable[[], np.ndarray]:
    network = build(options, classes)
    landmarks = isinstance(options, MslrOptions)
    shape = (VALUES,) if landmarks else (options.size, options.size, 3)
    clip = tf.random.stateless_uniform((1, FRAMES, *shape), (0, 0), -1, 1)
    inputs = {"landmarks" if landmarks else "video": clip, "frames": tf.constant([FRAMES])}
    graph = tf.function(lambda: network(inputs, training=False)["sequence_logits"])
    return lambda: graph().numpy()


if __name__ == "__main__":
    end_with(sys.stdin)  # its other end is the runner's
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    task = files.read_json(Path(sys.argv[1]))
    models = [config.build(Recipe, {"model": table}, sys.argv[1]).model for table in task["networks"]]
    files.write_json(Path(task["out"]), task["origin"] | {"networks": time_networks(models, task["classes"])})
