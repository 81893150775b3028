"""CorrNet: the video teacher (https://arxiv.org/abs/2303.03202).

A ResNet sees single frames; correlation modules after its later stages see
how things move between them; the part over time makes glosses of both.
"""

import tensorflow as tf
import tf_keras

from tf_slr.models.correlation import CorrelationModule
from tf_slr.models.layers import NormalisedClassifier
from tf_slr.models.options import CorrNetOptions
from tf_slr.models.packing import Edges, Packing
from tf_slr.models.resnet import FrameStem, frame_values, make_stages, unit
from tf_slr.models.temporal import TemporalHead


class CorrNet(tf_keras.Model):
    """The teacher: padded batches of video in, logits of both heads and named features out."""

    def __init__(self, options: CorrNetOptions, classes: int, seed: int = 0):
        super().__init__(name="corrnet")
        self.options, self.classes = options, classes
        self.stem = FrameStem(options.widths[0], options.stem, options.stem_stride, name="stem")
        self.stages = make_stages(options.widths, options.blocks)
        self.correlations = {
            str(stage): CorrelationModule(options.chunk(stage), name=f"correlation{stage}")
            for stage in sorted(options.correlated)
        }
        self.head = TemporalHead(options.temporal, classes, seed, name="head")
        self({"video": tf.zeros((1, 1, options.size, options.size, 3)), "frames": tf.constant([1])})

    def encode_frames(self, pictures: tf.Tensor, training: bool = False) -> tf.Tensor:
        """What the part over time would read of single pictures: (N, size, size, 3) -> (N, C').

        Correlation modules are left out; before they are trained they change nothing.
        """
        x = self.stem(unit(pictures), training=training)
        for stage in self.stages:
            for block in stage:
                x = block(x, training=training)
        return frame_values(x, self.options.frame)

    @property
    def classifier(self) -> NormalisedClassifier:
        """Of both heads."""
        return self.head.classifier

    @property
    def frame_variables(self) -> list[tf.Variable]:
        """What `encode_frames` learns by."""
        parts = [self.stem, *(block for stage in self.stages for block in stage)]
        return [variable for part in parts for variable in part.trainable_variables]

    def call(self, inputs, training=False):
        """Recognise a batch.

        Args:
            inputs: "video" (B, T, size, size, 3), RGB, uint8 or what `unit`
                makes of it, and "frames" int32 (B,), true lengths.
            training: whether to drop and to use batch statistics. These count
                the clips' own frames and, after the first correlation module,
                the copies at their edges too, but no padding.

        Returns:
            "sequence_logits" and "conv_logits" (B, ceil(T/4), classes), the
            features "conv" and "sequence" (B, ceil(T/4), width), "steps"
            (B,), and of each of the T' frames looked at the map "frame_features" (B, T', h, w, C)
            and what the part over time reads of it, "frame" (B, T', C'), both zero beyond
            a clip's end, and "seen" (B,), how many frames of each clip these are.
        """
        temporal = self.options.temporal
        seen = temporal.seen(inputs["frames"])
        packing = Packing(seen)
        edges = Edges(packing, temporal.halo, temporal.shrink)
        # Frames are alike with their copies at the edges until a correlation module sees them side by side.
        x, with_edges = unit(packing.pack(inputs["video"], temporal.every)), False  # (N, H, W, 3)
        x = self.stem(x, training=training)
        for number, stage in enumerate(self.stages, start=1):
            for block in stage:
                x = block(x, training=training)
            if number in self.options.correlated:
                if not with_edges:
                    x, with_edges = edges.add(x), True
                x = self.correlations[str(number)](x, edges.packing)
        if not with_edges:
            x = edges.add(x)
        longest = temporal.seen(tf.shape(inputs["video"])[1])
        frame = frame_values(x, self.options.frame)  # (N, C')
        clips = edges.packing.unpack(frame, temporal.prolonged(longest))
        return self.head(clips, edges.packing.lengths, training=training) | {
            "frame_features": packing.unpack(edges.drop(x), longest),
            "frame": packing.unpack(edges.drop(frame), longest),
            "seen": seen,
        }
