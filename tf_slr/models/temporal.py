"""The networks' part over time: convolutions, LSTMs, and one classifier for both (CorrNet's head).

It makes ceil(T/4) steps of T frames.
"""

import tensorflow as tf
from tf_keras import layers

from tf_slr.models.layers import BiLstm, MaskedBatchNorm, NormalisedClassifier, SeededDropout, fold, time_mask
from tf_slr.models.options.temporal import TemporalOptions
from tf_slr.models.over_time import TimeConvolution


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
