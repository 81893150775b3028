"""The size of the corrector's network."""

from dataclasses import dataclass

from tf_slr.errors import UsageError


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

    width: int = 128
    heads: int = 4
    feedforward: int = 512
    encoder_layers: int = 3
    decoder_layers: int = 1
    dropout: float = 0.1
    positions: int = 64

    def __post_init__(self) -> None:
        for name in ("width", "heads", "feedforward", "encoder_layers", "decoder_layers"):
            if getattr(self, name) < 1:
                raise UsageError(f"model.{name}: expected at least 1, received {getattr(self, name)}")
        if self.width % (2 * self.heads):
            raise UsageError(f"model.width: expected a multiple of twice the heads, received {self.width}")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"model.dropout: expected 0 or more and less than 1, received {self.dropout}")
        if self.positions < 16:
            raise UsageError(f"model.positions: expected at least 16, received {self.positions}")
