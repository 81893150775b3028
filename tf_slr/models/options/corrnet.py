"""The shape of CorrNet, the video teacher."""

from dataclasses import dataclass, field
from typing import Literal

from tf_slr.core.bounds import bounded, check_bounds
from tf_slr.core.errors import UsageError
from tf_slr.models.options.frames import Frame, Stem, check_stages, check_stem, frame_width, map_sides
from tf_slr.models.options.temporal import TemporalOptions


@dataclass(frozen=True)
class CorrNetOptions:
    """The shape of the teacher; the defaults are the paper's.

    Attributes:
        kind: tells a recipe's reader that the network is this one.
        size: width and height of the frames in pixels.
        stem: the first layers: "imagenet" a 7x7 convolution and a max-pool by 2, "small" a 3x3 convolution, "patches"
            one whose kernel is as wide as its stride.
        stem_stride: stride of the stem's convolution.
        widths: channels of each stage; every stage but the first halves the map.
        blocks: residual blocks of each stage (2, 2, 2, 2 is ResNet-18).
        correlated: the stages, from 1, that a correlation module follows.
        correlation_chunk: frames of 28 x 28 positions, the paper's largest
            map, whose affinities are held at once; of smaller maps as many as
            take the same memory. Changes memory and speed, not values.
        frame: what of a frame's last map the part over time reads: its "mean" (the paper's); or what tells a narrow
            network without ImageNet's features where things are, "all" of it, or the "places" of its channels.
        temporal: the part over time.
    """

    kind: Literal["corrnet"] = "corrnet"
    size: int = bounded(224, 8, 1024)
    stem: Stem = "imagenet"
    stem_stride: int = bounded(2, 1, 32)
    widths: tuple[int, ...] = bounded((64, 128, 256, 512), 1, 4096)
    blocks: tuple[int, ...] = bounded((2, 2, 2, 2), 1, 64)
    correlated: tuple[int, ...] = bounded((2, 3, 4), 1, 16)
    correlation_chunk: int = bounded(8, 1, 1024)
    frame: Frame = "mean"
    temporal: TemporalOptions = field(default_factory=TemporalOptions)

    def __post_init__(self) -> None:
        check_bounds(self, "model.")
        check_stem(self.size, self.stem, self.stem_stride)
        check_stages(self.widths, self.blocks)
        if not set(self.correlated) <= set(range(1, len(self.widths) + 1)):
            raise UsageError(
                f"model.correlated: expected stages from 1 to {len(self.widths)}, received {list(self.correlated)}"
            )

    @property
    def sides(self) -> list[int]:
        """Sides of the square map after the stem and after each stage."""
        return map_sides(self.size, self.stem, self.stem_stride, len(self.widths))

    def chunk(self, stage: int) -> int:
        """Frames that are correlated at once after a stage."""
        return max(1, self.correlation_chunk * 28**4 // self.sides[stage] ** 4)

    @property
    def frame_width(self) -> int:
        """Values of a frame that the part over time reads."""
        return frame_width(self.sides[-1], self.widths[-1], self.frame)

    @property
    def feature_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the frame-level features."""
        return self.sides[-1], self.sides[-1], self.widths[-1]
