"""How much arithmetic recognising takes, and how near it comes to what the processor can do in INT8.

The peak is measured, not looked up: it is the fastest that LiteRT multiplies large matrices with weights in INT8 on
one thread here, by the kernels a student runs on. Needs TensorFlow, which alone makes a TFLite model.
"""

import time
from typing import TYPE_CHECKING

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from tf_slr.cli.common import import_tensorflow
from tf_slr.core import config
from tf_slr.core.landmarks import VALUES
from tf_slr.core.quiet import silent_stderr
from tf_slr.runtime.bundle import Bundle

if TYPE_CHECKING:
    from tf_slr.models.options import MslrOptions

ROWS, WIDTH, REPEATS = 256, 1024, 30


def int8_peak() -> float:
    """Multiply-adds a second of one thread: [256, 1024] x [1024, 1024], weights in INT8, activations on the fly."""
    import tensorflow as tf

    weights = tf.constant(np.random.default_rng(0).normal(size=(WIDTH, WIDTH)).astype(np.float32))
    product = tf.function(
        lambda rows: tf.matmul(rows, weights), input_signature=[tf.TensorSpec((ROWS, WIDTH), tf.float32)]
    )
    with silent_stderr():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([product.get_concrete_function()])
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        interpreter = Interpreter(model_content=converter.convert(), num_threads=1)
    interpreter.allocate_tensors()
    rows = np.random.default_rng(1).normal(size=(ROWS, WIDTH)).astype(np.float32)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], rows)
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        interpreter.invoke()
        seconds.append(time.perf_counter() - start)
    # The fastest run: a peak is what nothing disturbed.
    return ROWS * WIDTH**2 / min(seconds)


def saved(options: "MslrOptions", frames: int) -> int:
    """Multiply-adds of a clip that convolutions in tiles (`export.toom_cook`) spare; additions are not counted."""
    from export.toom_cook import algorithms, can_be_tiled

    if not can_be_tiled(options.stack()):
        return 0
    count, steps, channels = 0, frames, VALUES
    ways = iter(algorithms(options.stack()))
    for kind, size in options.stack():
        if kind == "P":
            steps = -(-steps // size)
            continue
        way = next(ways)
        count += (steps * way.taps - -(-steps // way.tile) * way.inputs) * channels * options.width
        channels = options.width
    return count


def work(bundle: Bundle, frames: int, milliseconds: float) -> dict[str, float]:
    """Multiply-adds of a frame, and the rate at which one thread does them.

    Args:
        bundle: whose student was timed.
        frames: length of the clip.
        milliseconds: what it took.

    Returns:
        In millions a frame, of the network as usually counted and as its file does them; billions a second of the
        latter, and the share of the measured peak.
    """
    import_tensorflow()
    from export.variants import VARIANTS
    from tf_slr.models.cost import multiply_adds
    from tf_slr.models.options import MslrOptions
    from tf_slr.training.recipe import Recipe

    recipe = config.build(Recipe, {"model": bundle.description["recipe"]["model"]}, str(bundle.root))
    count = multiply_adds(recipe.model, bundle.vocabulary.classes, frames)
    variant, done = VARIANTS[bundle.description["quantisation"]["variant"]], count
    if variant.tiled and isinstance(recipe.model, MslrOptions):
        done -= saved(recipe.model, frames)
    peak, rate = int8_peak(), done / milliseconds * 1e3
    return {
        "million_multiply_adds_per_frame": round(count / frames / 1e6, 3),
        "million_done_per_frame": round(done / frames / 1e6, 3),
        "billion_multiply_adds_per_second": round(rate / 1e9, 2),
        "int8_peak_billion_per_second": round(peak / 1e9, 2),
        "share_of_peak": round(rate / peak, 3),
    }
