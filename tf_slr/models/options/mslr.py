"""The shape of MSLR, the landmark student."""

from dataclasses import dataclass
from typing import Literal

from tf_slr.core.bounds import bounded, check_bounds
from tf_slr.core.errors import UsageError
from tf_slr.models.options.stack import temporal_stack


@dataclass(frozen=True)
class MslrOptions:
    """The shape of the student.

    Attributes:
        kind: tells a recipe's reader that the network is this one.
        width: channels of the convolutions and of both heads.
        hidden: units of the LSTM in each direction.
        temporal: the stack over time, "K5" a convolution of kernel 5, "P2" pooling by 2; two of the latter,
            neither of them first.
        batch_norm: normalise after each convolution. The paper's student does
            not; with it CTC leaves the all-blank plateau within minutes.
        dropout: share of values dropped after the convolutions and after the BiLSTM in training.
    """

    kind: Literal["mslr"] = "mslr"
    width: int = bounded(512, 1, 4096)
    hidden: int = bounded(256, 1, 4096)
    temporal: str = "K5-K5-K5-P2-K5-P2"
    batch_norm: bool = True
    dropout: float = bounded(0.2, 0, 1, below=True)

    def __post_init__(self) -> None:
        check_bounds(self, "model.")
        if self.stack()[0][0] == "P":
            # Zeros stand beyond a clip's end in a batch; they never exceed what a ReLU left, but landmarks' values.
            raise UsageError(f"model.temporal: expected a convolution before the first pooling, "
                             f"received {self.temporal!r}")  # fmt: skip

    def stack(self) -> list[tuple[str, int]]:
        """The parsed stack, see `temporal_stack`."""
        return temporal_stack(self.temporal, "model.temporal")
