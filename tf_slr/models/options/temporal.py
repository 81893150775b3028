"""The shape of the networks' part over time."""

from dataclasses import dataclass

from tf_slr.core import timing
from tf_slr.core.bounds import bounded, check_bounds
from tf_slr.core.errors import UsageError
from tf_slr.models.options.stack import temporal_stack


@dataclass(frozen=True)
class TemporalOptions:
    """The shape of the part over time, and which frames there are in it.

    Attributes:
        every: the network looks at every frame (1), or at every second one (2) for half the cost.
        stack: "K5" a convolution of kernel 5 without padding, "P2" pooling by 2; two of the latter, or one where
            every second frame is looked at.
        width: channels of the convolutions. Each direction of an LSTM has half
            as many, because one classifier reads both.
        lstm_layers: bidirectional LSTMs in a row.
        dropout: share of values dropped between two LSTMs in training.
    """

    every: int = bounded(1, 1, 2)
    stack: str = "K5-P2-K5-P2"
    width: int = bounded(1024, 2, 8192)
    lstm_layers: int = bounded(2, 1, 16)
    dropout: float = bounded(0.3, 0, 1, below=True)

    def __post_init__(self) -> None:
        check_bounds(self, "temporal.")
        self.parts()
        if self.width % 2:
            raise UsageError(f"temporal.width: expected an even number, received {self.width}")

    def parts(self) -> list[tuple[str, int]]:
        """The parsed stack, see `temporal_stack`."""
        return temporal_stack(self.stack, "temporal.stack", self.shrink)

    @property
    def shrink(self) -> int:
        """How many of the frames that are looked at make a step."""
        return timing.STRIDE // self.every

    def seen(self, frames):
        """How many frames are looked at of a clip's, or of several clips'."""
        return -(-frames // self.every)

    def prolonged(self, frames):
        """How many of `seen` frames there are with the copies at a clip's ends."""
        return prolonged(frames, self.halo, self.shrink)

    @property
    def halo(self) -> int:
        """Frames, of those looked at, that the stack takes from each end of a clip: 6 for K5-P2-K5-P2."""
        halo, stride = 0, 1
        for kind, size in self.parts():
            if kind == "P":
                stride *= size
            else:
                halo += stride * (size // 2)
        return halo


def prolonged(frames, halo: int, shrink: int = timing.STRIDE):
    """Frames of a clip, or of several, with edges of `halo` frames; `shrink` frames make a step."""
    return -(-frames // shrink) * shrink + 2 * halo
