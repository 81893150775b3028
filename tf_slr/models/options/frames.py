"""The shape of a network that sees one frame at a time: its stem, its stages, and what is read of its last map."""

from collections.abc import Sequence
from typing import Literal, get_args

from tf_slr.core.errors import UsageError

# A 7x7 convolution and a max-pool as for ImageNet; one 3x3 convolution for small frames; or one that sees each patch of
# stride x stride pixels once, the cheapest that overlooks no pixel.
Stem = Literal["imagenet", "small", "patches"]

# What of a frame's last map the part over time reads: its mean, all of it, or where and how strong each channel is.
Frame = Literal["mean", "all", "places"]


def check_stem(size: int, kind: str, stride: int) -> None:
    """See that a stem can be made of these options.

    Raises:
        UsageError: it cannot.
    """
    if kind not in get_args(Stem):
        raise UsageError(f"model.stem: expected {' or '.join(get_args(Stem))}, received {kind!r}")
    for name, value in (("size", size), ("stem_stride", stride)):
        if value < 1:
            raise UsageError(f"model.{name}: expected at least 1, received {value}")
    if kind == "patches" and (stride < 2 or size % stride):
        raise UsageError(
            f'model.stem = "patches": expected a model.stem_stride from 2 that divides model.size, received {stride} '
            f"and {size}"
        )


def check_stages(widths: Sequence[int], blocks: Sequence[int]) -> None:
    """See that stages can be made of these options.

    Raises:
        UsageError: they cannot.
    """
    if not widths or min(widths) < 1:
        raise UsageError(f"model.widths: expected channels of each stage, e.g. 64,128,256,512, received {list(widths)}")
    if len(blocks) != len(widths) or min(blocks) < 1:
        raise UsageError(f"model.blocks: expected a number for each of {len(widths)} stages, received {list(blocks)}")


def map_sides(size: int, kind: Stem, stride: int, stages: int) -> list[int]:
    """Sides of a square frame of `size` pixels after the stem (first) and after each stage."""
    sides = [_halved(size, stride)]
    if kind == "imagenet":
        sides[0] = _halved(sides[0], 2)
    for stage in range(stages):
        sides.append(sides[-1] if stage == 0 else _halved(sides[-1], 2))
    return sides


def _halved(side: int, stride: int) -> int:
    """A convolution padded by half its odd kernel gives ceil(side / stride)."""
    return -(-side // stride)


def frame_width(side: int, channels: int, frame: Frame) -> int:
    """How many values `frame_values` reads of a square map."""
    return channels * {"mean": 1, "all": side**2, "places": 3}[frame]
