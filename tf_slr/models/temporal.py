"""The networks' part over time: convolutions, LSTMs, and one classifier for both (CorrNet's head).

It makes ceil(T/4) steps of T frames.
"""

from dataclasses import dataclass

import tensorflow as tf
from tf_keras import layers

from tf_slr import timing
from tf_slr.errors import UsageError
from tf_slr.models.layers import (
    BiLstm,
    MaskedBatchNorm,
    NormalisedClassifier,
    SeededDropout,
    fold,
    temporal_stack,
    time_mask,
)
from tf_slr.models.over_time import TimeConvolution
from tf_slr.models.packing import prolonged


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

    every: int = 1
    stack: str = "K5-P2-K5-P2"
    width: int = 1024
    lstm_layers: int = 2
    dropout: float = 0.3

    def __post_init__(self) -> None:
        if self.every not in (1, 2):
            raise UsageError(f"temporal.every: expected 1 or 2, received {self.every}")
        self.parts()
        if self.width < 2 or self.width % 2:
            raise UsageError(f"temporal.width: expected an even number, received {self.width}")
        if self.lstm_layers < 1:
            raise UsageError(f"temporal.lstm_layers: expected at least 1, received {self.lstm_layers}")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"temporal.dropout: expected 0 to below 1, received {self.dropout}")

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


class TemporalHead(layers.Layer):
    """Features of frames -> logits of both heads.

    Args:
        options: its shape.
        classes: number of classes, blank included.
        seed: of dropout.
    """

    def __init__(self, options: TemporalOptions, classes: int, seed: int, **kwargs):
        super().__init__(**kwargs)
        self.parts, self.halo, self.width, self.shrink = options.parts(), options.halo, options.width, options.shrink
        kernels = [size for kind, size in self.parts if kind == "K"]
        self.convolutions = [
            TimeConvolution(options.width, size, "valid", name=f"conv{i}") for i, size in enumerate(kernels)
        ]
        self.norms = [MaskedBatchNorm(name=f"norm{i}") for i in range(len(kernels))]
        self.lstms = [BiLstm(options.width // 2, name=f"lstm{i}") for i in range(options.lstm_layers)]
        self.dropouts = [
            SeededDropout(options.dropout, seed * options.lstm_layers + i, name=f"dropout{i}")
            for i in range(1, options.lstm_layers)
        ]
        self.classifier = NormalisedClassifier(classes, name="classifier")

    def call(self, x, lengths, training=False):
        """Recognise features.

        Args:
            x: clips with their edges (B, L, C).
            lengths: int32 (B,), true lengths with edges.
            training: whether to drop and to use batch statistics.

        Returns:
            "sequence_logits" and "conv_logits" (B, L', classes), the features "sequence" and "conv" (B, L', width),
            and "steps" (B,).
        """
        number = 0
        for kind, size in self.parts:
            if kind == "P":
                x = tf.nn.max_pool1d(x, size, size, "VALID")
                lengths = lengths // size
                continue
            x = self.convolutions[number](x[:, None])[:, 0]
            lengths = lengths - (size - 1)
            mask = time_mask(lengths, x)
            x = tf.nn.relu(self.norms[number](x, mask, training=training)) * mask
            number += 1
        sequence = x  # (B, T/4, width)
        for i, lstm in enumerate(self.lstms):
            if i > 0:
                sequence = self.dropouts[i - 1](sequence, training=training)
            sequence = lstm(sequence, lengths)
        return {
            "sequence_logits": self.classifier(sequence),
            "conv_logits": self.classifier(x),
            "sequence": sequence,
            "conv": x,
            "steps": lengths,
        }


def deployed_head(features: tf.Tensor, head: TemporalHead) -> tf.Tensor:
    """The head on one clip, in a functional model, with normalisations folded into weights.

    Args:
        features: of the frames that are looked at, without edges, (1, T, C).
        head: as trained.

    Returns:
        Logits of the sequence head (1, ceil(T/4), classes).
    """
    left = [features[:, :1]] * head.halo
    # Some more than the shape of the clip asks for: no step begins with them, so that pooling drops them.
    right = [features[:, -1:]] * (head.halo + head.shrink - 1)
    x = tf.concat([*left, features, *right], 1)[:, None]  # (1, 1, L, C)
    number = 0
    for kind, size in head.parts:
        if kind == "P":
            x = layers.MaxPool2D((1, size))(x)
            continue
        layer = layers.Conv2D(head.width, (1, size), activation="relu")
        x = layer(x)
        layer.set_weights(fold(*head.convolutions[number].get_weights(), head.norms[number]))
        number += 1
    x = tf.reshape(x, [1, -1, head.width])  # (1, T/4, width)
    for lstm in head.lstms:
        layer = layers.Bidirectional(layers.LSTM(head.width // 2, return_sequences=True))
        x = layer(x)
        layer.set_weights([*lstm.forward_lstm.get_weights(), *lstm.backward_lstm.get_weights()])
    return head.classifier.deployed(x)
