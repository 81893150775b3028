"""The forms in which a student can be exported."""

from dataclasses import dataclass
from typing import Literal

from tf_slr.core.errors import UsageError


@dataclass(frozen=True)
class Variant:
    """How numbers are kept and the BiLSTM is written.

    Attributes:
        summary: for whom, in a line.
        numbers: "fp32"; "weights": weights in INT8, activations brought to INT8 on the fly for every product, float32
            between the operators; "static": INT8 between them too, by ranges seen in calibration.
        bilstm: "fused" as LiteRT's operator, which keeps state; "loop" of plain operators; "lengths" the same in
            several signatures of fixed length.
        tiled: whether a landmark student's convolutions are those of `toom_cook`.
    """

    summary: str
    numbers: Literal["fp32", "weights", "static"]
    bilstm: Literal["fused", "loop", "lengths"]
    tiled: bool = False

    @property
    def calibrated(self) -> bool:
        """Whether it needs clips to find the ranges of activations."""
        return self.numbers == "static"

    @property
    def deployable(self) -> bool:
        """Whether a bundle may hold it; what is not is there to be compared with."""
        return self.numbers != "fp32"


FP32, DEFAULT, TILED = "fp32", "stateless", "tiled"

# Activations of 16 bits are not among them: the converter has no such LSTM, cannot calibrate the loop for them, and
# LiteRT has only reference kernels, which take 25 times as long for a convolution. INT8 between the operators of the
# loop is not either: it was slower than INT8 weights alone, and erred more.
VARIANTS = {
    FP32: Variant("the reference", "fp32", "fused"),
    "fp32-stateless": Variant("FP32 without variable tensors", "fp32", "loop"),
    "dynamic": Variant("INT8 weights, with LiteRT's fused LSTM", "weights", "fused"),
    "fp32-tiled": Variant("FP32 without variable tensors, convolutions in tiles", "fp32", "loop", tiled=True),
    DEFAULT: Variant("INT8 weights, without variable tensors: small, and the closest to FP32", "weights", "loop"),
    TILED: Variant(
        "the same with convolutions in tiles: a third larger, for processors without INT8 instructions (AVX2 alone), "
        "where it is faster",
        "weights", "loop", tiled=True,
    ),
    "lengths": Variant("as stateless, for web pages, which need fixed lengths", "weights", "lengths"),
    "integer": Variant("for devices without floating point: every operator in INT8, by calibration", "static", "fused"),
}  # fmt: skip

DEPLOYABLE = tuple(name for name, variant in VARIANTS.items() if variant.deployable)


def variant_of(name: str) -> Variant:
    """The variant of a name.

    Raises:
        UsageError: there is none.
    """
    if name not in VARIANTS:
        raise UsageError(f"no variant {name!r}; expected one of {', '.join(VARIANTS)}")
    return VARIANTS[name]


def summaries() -> str:
    """All that a bundle may hold, for help."""
    return "; ".join(f"{name}: {VARIANTS[name].summary}" for name in DEPLOYABLE)
