"""LRINet: the low-resolution video student of CRKD (https://arxiv.org/abs/2303.06820).

A ResNet that sees frames at a quarter of the teacher's resolution and yet
gives frame-level features of the teacher's scale, because its stem does not
shrink them; TSCM in its later blocks stands in for the teacher's correlation
modules. The paper's abstract is public, its tables are not: the resolution
and the stem are inferred from the authors' other networks.
"""

import numpy as np
import tensorflow as tf
import tf_keras
from tf_keras import layers

from tf_slr.models.layers import NormalisedClassifier, fold
from tf_slr.models.options import LriNetOptions
from tf_slr.models.packing import Edges, Packing
from tf_slr.models.resnet import (
    BasicBlock,
    Convolution,
    FrameStem,
    Mix,
    SeparableConvolution,
    frame_values,
    make_stages,
    unit,
)
from tf_slr.models.temporal import TemporalHead, deployed_head
from tf_slr.models.tscm import channel_order, sorted_tscm, tscm


class LriNet(tf_keras.Model):
    """The student: padded batches of video in, logits of both heads and named features out."""

    def __init__(self, options: LriNetOptions, classes: int, seed: int = 0):
        super().__init__(name="lrinet")
        self.options, self.classes = options, classes
        self.stem = FrameStem(options.widths[0], options.stem, options.stem_stride, name="stem")
        self.stages = make_stages(
            options.widths, options.blocks, SeparableConvolution if options.separable else Convolution
        )
        self.head = TemporalHead(options.temporal, classes, seed, name="head")
        self({"video": tf.zeros((1, 1, options.size, options.size, 3)), "frames": tf.constant([1])})

    @property
    def classifier(self) -> NormalisedClassifier:
        """Of both heads."""
        return self.head.classifier

    @property
    def mixing_blocks(self) -> list[tuple[BasicBlock, bool]]:
        """Every block, and whether it mixes frames by TSCM."""
        blocks = [block for stage in self.stages for block in stage]
        return [(block, number >= self.options.plain_blocks) for number, block in enumerate(blocks)]

    def encode_frames(self, pictures: tf.Tensor, training: bool = False) -> tf.Tensor:
        """What the part over time would read of clips of one picture each: (N, size, size, 3) -> (N, C')."""
        # TSCM leaves a frame without neighbours as it is.
        return frame_values(self._maps(pictures, tf.identity, training), self.options.frame)

    def _maps(self, pictures: tf.Tensor, mix: Mix, training: bool) -> tf.Tensor:
        """Packed pictures (N, size, size, 3) -> their last maps (N, h, w, C); `mix` is what the mixing blocks do."""
        x = self.stem(unit(pictures), training=training)  # (N, h, w, C)
        for block, mixes in self.mixing_blocks:
            x = block(x, training=training, mix=mix if mixes else tf.identity)
        return x

    @property
    def frame_variables(self) -> list[tf.Variable]:
        """What `encode_frames` learns by."""
        parts = [self.stem, *(block for block, _ in self.mixing_blocks)]
        return [variable for part in parts for variable in part.trainable_variables]

    def call(self, inputs, training=False):
        """Recognise a batch.

        Args:
            inputs: "video" (B, T, size, size, 3), RGB, uint8 or what `unit`
                makes of it, and "frames" int32 (B,), true lengths.
            training: whether to drop and to use batch statistics.

        Returns:
            What `CorrNet` returns, "frame_features" at the teacher's scale.
        """
        temporal = self.options.temporal
        seen = temporal.seen(inputs["frames"])
        packing = Packing(seen)
        edges = Edges(packing, temporal.halo, temporal.shrink)
        pictures = packing.pack(inputs["video"], temporal.every)
        x = self._maps(pictures, lambda y: tscm(y, packing.first, packing.last), training)  # (N, h, w, C)
        longest = temporal.seen(tf.shape(inputs["video"])[1])
        frame = frame_values(x, self.options.frame)  # (N, C')
        if self.options.recover == "upsample":
            x = tf.image.resize(x, [self.options.scale] * 2, "bilinear")
        clips = edges.packing.unpack(edges.add(frame), temporal.prolonged(longest))
        return self.head(clips, edges.packing.lengths, training=training) | {
            "frame_features": packing.unpack(x, longest),
            "frame": packing.unpack(frame, longest),
            "seen": seen,
        }


def inference_graph(model: LriNet) -> tf_keras.Model:
    """The deployed graph: batch 1, any length, sequence head only, normalisations folded into weights.

    TSCM is slices; the order of channels in which they leave a frame is in the weights that read it.

    Returns:
        A functional model uint8 (1, T, size, size, 3), RGB, -> logits (1, ceil(T/4), classes).
    """
    size = model.options.size
    inputs = layers.Input((None, size, size, 3), batch_size=1, dtype="uint8", name="video")
    looked_at = inputs[:, :: model.options.temporal.every]
    x = unit(tf.reshape(looked_at, [-1, size, size, 3]))  # (T', size, size, 3)
    x = tf.nn.relu(_deployed(x, model.stem.conv, model.stem.norm))
    x = model.stem.pool(x)
    for block, mixes in model.mixing_blocks:
        y = tf.nn.relu(_deployed(x, block.conv1, block.norm1, mixes))
        y = _deployed(y, block.conv2, block.norm2, mixes)
        if block.project is not None:
            x = _deployed(x, block.project, block.project_norm)
        x = tf.nn.relu(x + y)
    features = frame_values(x, model.options.frame)[None]  # (1, T', C')
    return tf_keras.Model(inputs, deployed_head(features, model.head), name="lrinet_inference")


def _deployed(
    x: tf.Tensor, convolution: Convolution, norm: layers.BatchNormalization, mixes: bool = False
) -> tf.Tensor:
    """A convolution with its normalisation folded in, after TSCM if it mixes frames."""
    order = np.arange(x.shape[-1])
    if mixes:
        x, order = sorted_tscm(x), channel_order(x.shape[-1])
    x = convolution.pad(x)
    size, stride = convolution.size, convolution.stride
    if isinstance(convolution, SeparableConvolution):
        depthwise = layers.DepthwiseConv2D(size, stride, "valid", use_bias=False)
        x = depthwise(x)
        depthwise.set_weights([convolution.depthwise.numpy()[:, :, order]])
        size = stride = 1
    layer = layers.Conv2D(convolution.channels, size, stride, "valid")
    x = layer(x)
    layer.set_weights(fold(convolution.kernel.numpy()[:, :, order], 0, norm))
    return x
