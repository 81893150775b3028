"""MSLR: the landmark student of KD-MSLRT (https://arxiv.org/abs/2501.02321).

Convolutions over time, a BiLSTM, and one normalised classifier shared by a
head on the convolutions and a head on the sequence. Time shrinks by 4.
"""

import numpy as np
import tensorflow as tf
import tf_keras
from tf_keras import layers

from tf_slr.core.landmarks import VALUES
from tf_slr.models.layers import (
    BiLstm,
    MaskedBatchNorm,
    NormalisedClassifier,
    SeededDropout,
    fold,
    pool_lengths,
    time_mask,
)
from tf_slr.models.options import MslrOptions
from tf_slr.models.over_time import TimeConvolution

NORM_EPSILON = 1e-5


class Mslr(tf_keras.Model):
    """The student for training: padded batches in, logits of both heads and named features out."""

    def __init__(self, options: MslrOptions, classes: int, seed: int = 0):
        super().__init__(name="mslr")
        self.options, self.classes = options, classes
        kernels = [size for kind, size in options.stack() if kind == "K"]
        self.convolutions = [
            TimeConvolution(options.width, size, "same", use_bias=not options.batch_norm, name=f"conv{i}")
            for i, size in enumerate(kernels)
        ]
        self.norms = [MaskedBatchNorm(name=f"norm{i}") for i in range(len(kernels) if options.batch_norm else 0)]
        self.conv_dropout = SeededDropout(options.dropout, 2 * seed, name="conv_dropout")
        self.bilstm = BiLstm(options.hidden, name="bilstm")
        self.sequence_norm = layers.LayerNormalization(epsilon=NORM_EPSILON, name="sequence_norm")
        self.dense = layers.Dense(options.width, activation="relu", name="dense")
        self.sequence_dropout = SeededDropout(options.dropout, 2 * seed + 1, name="sequence_dropout")
        self.head_norm = layers.LayerNormalization(epsilon=NORM_EPSILON, name="head_norm")
        self.classifier = NormalisedClassifier(classes, name="classifier")
        self({"landmarks": tf.zeros((1, 8, VALUES)), "frames": tf.constant([8])})

    def call(self, inputs, training=False):
        """Recognise a batch.

        Args:
            inputs: "landmarks" float32 (B, T, 276) and "frames" int32 (B,).
            training: whether to drop and to use batch statistics.

        Returns:
            "sequence_logits" and "conv_logits" (B, T/4, classes), the
            features "conv" and "sequence" (B, T/4, width), and "steps" (B,).
        """
        lengths = inputs["frames"]
        x = inputs["landmarks"]  # (B, T, 276)
        number = 0
        for kind, size in self.options.stack():
            if kind == "P":
                x = tf.nn.max_pool1d(x, size, size, "SAME")  # (B, T/2, C)
                lengths = pool_lengths(lengths)
                continue
            mask = time_mask(lengths, x)
            x = self.convolutions[number](x[:, None])[:, 0]  # (B, T, C)
            if self.norms:
                x = self.norms[number](x, mask, training=training)
            x = tf.nn.relu(x) * mask
            number += 1
        conv = x  # (B, T/4, C)
        x = self.bilstm(self.conv_dropout(conv, training=training), lengths)  # (B, T/4, 2 hidden)
        x = self.dense(self.sequence_norm(x))  # (B, T/4, C)
        sequence = self.sequence_dropout(x, training=training)
        return {
            "sequence_logits": self.classifier(self.head_norm(sequence)),  # (B, T/4, classes)
            "conv_logits": self.classifier(self.head_norm(conv)),  # (B, T/4, classes)
            "sequence": sequence,
            "conv": conv,
            "steps": lengths,
        }


def inference_graph(model: Mslr) -> tf_keras.Model:
    """The deployed graph: batch 1, any length, sequence head only, normalisations folded into weights.

    Returns:
        A functional model (1, T, 276) -> logits (1, ceil(T/4), classes).
    """
    options = model.options
    inputs = layers.Input((None, VALUES), batch_size=1, name="landmarks")
    x = layers.Reshape((-1, 1, VALUES), name="picture")(inputs)  # (1, T, 1, 276)
    number = 0
    for place, (kind, size) in enumerate(options.stack()):
        if kind == "P":
            x = layers.MaxPool2D((size, 1), padding="same", name=f"pool{place}")(x)
            continue
        x = layers.Conv2D(options.width, (size, 1), padding="same", activation="relu", name=f"conv{number}")(x)
        number += 1
    x = layers.Reshape((-1, options.width), name="sequence")(x)  # (1, T/4, C)
    x = layers.Bidirectional(layers.LSTM(options.hidden, return_sequences=True, name="lstm"), name="bilstm")(x)
    x = layers.LayerNormalization(epsilon=NORM_EPSILON, name="sequence_norm")(x)
    x = layers.Dense(options.width, activation="relu", name="dense")(x)
    x = layers.LayerNormalization(epsilon=NORM_EPSILON, name="head_norm")(x)
    logits = model.classifier.deployed(x)  # (1, T/4, classes)
    graph = tf_keras.Model(inputs, logits, name="mslr_inference")
    for number, convolution in enumerate(model.convolutions):
        norm = model.norms[number] if model.norms else None
        graph.get_layer(f"conv{number}").set_weights(_folded(convolution, norm))
    lstms = (model.bilstm.forward_lstm, model.bilstm.backward_lstm)
    graph.get_layer("bilstm").set_weights([weight for lstm in lstms for weight in lstm.get_weights()])
    for name in ("sequence_norm", "dense", "head_norm"):
        graph.get_layer(name).set_weights(getattr(model, name).get_weights())
    return graph


def _folded(convolution: layers.Conv2D, norm: MaskedBatchNorm | None) -> list[np.ndarray]:
    """Kernel (k, 1, C, C') and bias of a convolution with its batch normalisation folded in."""
    kernel, *bias = convolution.get_weights()
    kernel = kernel.swapaxes(0, 1)
    return [kernel, *bias] if norm is None else fold(kernel, 0, norm)
