"""The size of the corrector's network."""

from dataclasses import dataclass

from tf_slr.core.bounds import bounded, check_bounds
from tf_slr.core.errors import UsageError


@dataclass(frozen=True)
class CorrectorOptions:
    """The network's size.

    Attributes:
        width: of embeddings and layers.
        heads: of each attention.
        feedforward: width inside the layers.
        encoder_layers, decoder_layers: deep and shallow, as in the paper.
        dropout: share of what embeddings and layers add that is dropped in training.
        positions: longest input and output, in symbols.
    """

    width: int = bounded(128, 1, 4096)
    heads: int = bounded(4, 1, 64)
    feedforward: int = bounded(512, 1, 2**14)
    encoder_layers: int = bounded(3, 1, 32)
    decoder_layers: int = bounded(1, 1, 32)
    dropout: float = bounded(0.1, 0, 1, below=True)
    positions: int = bounded(64, 16, 4096)

    def __post_init__(self) -> None:
        check_bounds(self, "model.")
        if self.width % (2 * self.heads):
            raise UsageError(f"model.width: expected a multiple of twice the heads, received {self.width}")
