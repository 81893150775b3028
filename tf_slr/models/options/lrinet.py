"""The shape of LRINet, the low-resolution video student."""

from dataclasses import dataclass, field
from typing import Literal

from tf_slr.core.bounds import bounded, check_bounds
from tf_slr.core.errors import UsageError
from tf_slr.models.options.corrnet import CorrNetOptions
from tf_slr.models.options.frames import Frame, Stem, check_stages, check_stem, frame_width, map_sides
from tf_slr.models.options.temporal import TemporalOptions


@dataclass(frozen=True)
class LriNetOptions:
    """The shape of the low-resolution student; the defaults suit a teacher for 224 pixels.

    Attributes:
        kind: tells a recipe's reader that the network is this one.
        size: width and height of the frames in pixels.
        scale: height and width of the frame-level features that the teacher gives.
        recover: how the student's get that scale: "equal-scale" they have it,
            "upsample" they are smaller and up-sampled for the loss on them
            (what the paper found worse).
        stem: the first layers: "imagenet" a 7x7 convolution and a max-pool by 2, "small" a 3x3 convolution.
        stem_stride: stride of the stem's convolution.
        widths: channels of each stage; every stage but the first halves the map. They make the student light:
            at the teacher's widths it costs as much as the teacher's ResNet, whose maps are as large. Where its
            features have fewer channels than the teacher's, training tells these from them by a linear layer.
        blocks: residual blocks of each stage.
        frame: what of a frame's last map the part over time reads; see `CorrNetOptions`.
        separable: make the blocks of separable convolutions, which cost about an eighth of full ones.
        plain_blocks: blocks without TSCM before those with it: 5 is the middle of ResNet-18's third stage.
        temporal: the part over time.
    """

    kind: Literal["lrinet"] = "lrinet"
    size: int = bounded(56, 8, 1024)
    scale: int = bounded(7, 1, 1024)
    recover: Literal["equal-scale", "upsample"] = "equal-scale"
    stem: Stem = "small"
    stem_stride: int = bounded(1, 1, 32)
    widths: tuple[int, ...] = bounded((64, 128, 256, 512), 1, 4096)
    blocks: tuple[int, ...] = bounded((2, 2, 2, 2), 1, 64)
    frame: Frame = "mean"
    separable: bool = False
    plain_blocks: int = bounded(5, 0, 1024)
    temporal: TemporalOptions = field(default_factory=TemporalOptions)

    def __post_init__(self) -> None:
        check_bounds(self, "model.")
        check_stem(self.size, self.stem, self.stem_stride)
        check_stages(self.widths, self.blocks)
        if not 0 <= self.plain_blocks <= sum(self.blocks):
            raise UsageError(
                f"model.plain_blocks: expected 0 to {sum(self.blocks)}, the number of blocks, "
                f"received {self.plain_blocks}"
            )
        side = self.sides[-1]
        if self.recover == "equal-scale" and side != self.scale:
            raise UsageError(
                f"model.size: frames of {self.size} pixels give features of {side} x {side}, expected the teacher's "
                f'{self.scale} x {self.scale}; change size, stem or stem_stride, or recover = "upsample"'
            )
        if self.recover == "upsample" and side >= self.scale:
            raise UsageError(
                f"model.recover: features of {side} x {side} need no up-sampling to {self.scale} x {self.scale}"
            )

    @classmethod
    def of_teacher(
        cls, teacher: CorrNetOptions, recover: Literal["equal-scale", "upsample"] = "equal-scale"
    ) -> "LriNetOptions":
        """The student of a teacher: the same stages and part over time, on frames as large as the teacher's first map.

        Args:
            teacher: for 224 pixels; its student has 56, a quarter.
            recover: see the attribute; "upsample" takes the teacher's stem too.
        """
        equal = recover == "equal-scale"
        return cls(
            size=teacher.sides[0],
            scale=teacher.sides[-1],
            recover=recover,
            stem="small" if equal else teacher.stem,
            stem_stride=1 if equal else teacher.stem_stride,
            widths=teacher.widths,
            blocks=teacher.blocks,
            frame=teacher.frame,
            plain_blocks=sum(teacher.blocks[:-2]) + sum(teacher.blocks[-2:-1]) // 2,
            temporal=teacher.temporal,
        )

    @property
    def sides(self) -> list[int]:
        """Sides of the square map after the stem and after each stage."""
        return map_sides(self.size, self.stem, self.stem_stride, len(self.widths))

    @property
    def frame_width(self) -> int:
        """Values of a frame that the part over time reads."""
        return frame_width(self.sides[-1], self.widths[-1], self.frame)

    @property
    def feature_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the frame-level features."""
        return self.scale, self.scale, self.widths[-1]
