"""What recognising a clip costs in multiply-adds, counted from a network's options.

Counted are the products of convolutions, affinities, LSTMs and dense layers on
the way to the sequence logits; not the additions, activations and
normalisations between them, which are about a hundredth.
"""

import functools
from collections.abc import Iterable

from tf_slr.core.landmarks import VALUES
from tf_slr.models.correlation import DILATIONS, REDUCTION, TAPS
from tf_slr.models.options import CorrNetOptions, LriNetOptions, MslrOptions
from tf_slr.models.options.temporal import TemporalOptions
from tf_slr.models.resnet import stem_kernel


@functools.singledispatch
def multiply_adds(options: CorrNetOptions | LriNetOptions | MslrOptions, classes: int, frames: int) -> int:
    """Multiply-adds to recognise one clip.

    Args:
        options: of the network.
        classes: number of classes, blank included.
        frames: length of the clip.
    """
    raise TypeError(f"no count for {type(options).__name__}")


@multiply_adds.register
def _corrnet(options: CorrNetOptions, classes: int, frames: int) -> int:
    # Before the first correlation module the copies at a clip's edges need not be computed.
    frames = options.temporal.seen(frames)
    rows, count = frames, frames * _stem(options)
    for stage, of_frame in enumerate(_stages(options), start=1):
        count += rows * of_frame
        if stage in options.correlated:
            rows = options.temporal.prolonged(frames)
            count += rows * _correlation(options.widths[stage - 1], options.sides[stage] ** 2)
    return count + _temporal(options.temporal, options.frame_width, classes, frames)


@multiply_adds.register
def _lrinet(options: LriNetOptions, classes: int, frames: int) -> int:
    frames = options.temporal.seen(frames)
    return frames * (_stem(options) + sum(_stages(options))) + _temporal(
        options.temporal, options.frame_width, classes, frames
    )


@multiply_adds.register
def _mslr(options: MslrOptions, classes: int, frames: int) -> int:
    count, steps, channels = 0, frames, VALUES
    for kind, size in options.stack():
        if kind == "P":
            steps = -(-steps // size)
        else:
            count += steps * size * channels * options.width
            channels = options.width
    dense = 2 * options.hidden * options.width + options.width * classes
    return count + steps * (_bilstm(channels, options.hidden) + dense)


def _stem(options: CorrNetOptions | LriNetOptions) -> int:
    """Of a frame in the stem."""
    kernel = stem_kernel(options.stem, options.stem_stride)
    side = -(-options.size // options.stem_stride)
    return side**2 * kernel**2 * 3 * options.widths[0]


def _stages(options: CorrNetOptions | LriNetOptions) -> Iterable[int]:
    """Of a frame in each stage."""
    separable = isinstance(options, LriNetOptions) and options.separable
    inside = options.widths[0]
    for number, (width, blocks) in enumerate(zip(options.widths, options.blocks, strict=True), start=1):
        products = sum(_convolution(c, width, separable) for c in [inside] + [width] * (2 * blocks - 1))
        if number > 1 or width != inside:
            products += inside * width  # the projection
        yield options.sides[number] ** 2 * products
        inside = width


def _convolution(inside: int, outside: int, separable: bool) -> int:
    """At a position, of a kernel of 3 x 3."""
    return inside * (9 + outside) if separable else 9 * inside * outside


def _correlation(channels: int, positions: int) -> int:
    """Of a frame in a correlation module."""
    reduced = max(1, channels // REDUCTION)
    affinities = 2 * 2 * positions**2 * channels  # two directions; products, then weighted sums
    kernels = len(DILATIONS) * TAPS * 9 * reduced
    return affinities + positions * (channels**2 + 2 * channels * reduced + kernels)


def _temporal(options: TemporalOptions, channels: int, classes: int, frames: int) -> int:
    """Of a clip in the part over time, of which so many frames are looked at."""
    count, steps = 0, options.prolonged(frames)
    for kind, size in options.parts():
        if kind == "P":
            steps //= size
        else:
            steps -= size - 1
            count += steps * size * channels * options.width
            channels = options.width
    lstms = options.lstm_layers * _bilstm(options.width, options.width // 2)
    return count + -(-frames // options.shrink) * (lstms + options.width * classes)


def _bilstm(inside: int, units: int) -> int:
    """Of a step in a bidirectional LSTM with four gates."""
    return 2 * 4 * units * (inside + units)
