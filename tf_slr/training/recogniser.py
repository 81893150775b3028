"""The recogniser as a trainable Keras model: CTC on both heads, and what a teacher adds."""

import tensorflow as tf
import tf_keras
from tf_keras import layers

from tf_slr.features.batches import Batch
from tf_slr.training.ctc import ctc_losses
from tf_slr.training.distill import divergence, feature_distance
from tf_slr.training.landmark_head import LANDMARKS, LandmarkHead, landmark_distance
from tf_slr.training.networks import inputs_of
from tf_slr.training.options.distill import DistillOptions
from tf_slr.training.schedule import Linear
from tf_slr.training.strategy import shares
from tf_slr.training.teacher import CONV, FEATURES, SEEN, SEQUENCE


class Recogniser(tf_keras.Model):
    """Trains a network that returns "sequence_logits", "conv_logits" and "steps", under any tf.distribute strategy.

    Args:
        network: the student, or a teacher that is itself trained.
        ctc_conv: weight of the CTC loss on the convolution head.
        distill: what is learned from a teacher's heads and from the own one.
        teacher: the frozen teacher where it sees every batch; None where what it says is kept, or there is none.
        landmarks: weight of telling each frame's landmarks from its features; above 0 the network must read video.
        total: steps of the whole training, by whose end a fading teacher is silent; only such a one asks for it.
        features: channels of the teacher's frame-level features, where they are compared.
    """

    def __init__(
        self,
        network: tf_keras.Model,
        ctc_conv: float,
        distill: DistillOptions | None = None,
        teacher: tf_keras.Model | None = None,
        landmarks: float = 0.0,
        total: int | None = None,
        features: int = 0,
    ) -> None:
        super().__init__(name="recogniser")
        self.network, self.ctc_conv, self.distill = network, ctc_conv, distill or DistillOptions()
        if self.distill.fade and total is None:
            raise ValueError("a fading teacher needs to know the total of steps")
        if self.distill.features and not features:
            raise ValueError("comparing frame-level features needs to know the channels of the teacher's")
        self.teacher, self.landmarks, self.total = teacher, landmarks, total
        self.landmark_head = LandmarkHead(network.options.frame_width) if landmarks else None
        self.feature_head = self._feature_head(features) if self.distill.features else None

    @property
    def learning(self) -> list[tf.Variable]:
        """The variables that training changes."""
        return self.network.trainable_variables + self.beside

    @property
    def beside(self) -> list[tf.Variable]:
        """Those of them that are not the network's, and end with the training."""
        heads = [head for head in (self.landmark_head, self.feature_head) if head]
        return [variable for head in heads for variable in head.trainable_variables]

    def _feature_head(self, channels: int) -> layers.Dense | None:
        """Tells the teacher's frame-level features from the student's; None where these have as many channels."""
        own = self.network.options.feature_shape[-1]
        if own == channels:
            return None
        head = layers.Dense(channels, name="feature_head")
        head.build((None, own))
        return head

    def call(self, inputs, training=False):
        """The network's outputs."""
        return self.network(inputs, training=training)

    def train_step(self, data):
        """One step on a `Batch`, or a replica's part of it.

        Returns:
            Its losses; of a part what the part adds to the whole batch's, so that Keras' sum over replicas is these.
        """
        taught = self._taught(data)
        with tf.GradientTape() as tape:
            outputs = self(inputs_of(data), training=True)
            losses = self.losses_of(outputs, data, taught)
            total = tf.add_n(list(losses.values()))
        # This sums the gradients over all replicas before it clips them, and scales losses where float16 needs it.
        self.optimizer.minimize(total, self.learning, tape)
        return {"loss": total, **losses}

    def _teachers_share(self) -> tf.Tensor:
        """What is left of the weights of what the teacher says."""
        if not self.distill.fade:
            return tf.constant(1.0)
        return Linear(1.0, self.total)(self.optimizer.iterations)

    def _taught(self, batch: Batch) -> dict[str, tf.Tensor]:
        """The teacher's outputs on a batch."""
        if SEEN in batch:
            return self.teacher(inputs_of(batch, SEEN), training=False)
        kept = {"conv_logits": CONV, "sequence_logits": SEQUENCE, "frame_features": FEATURES}
        return {name: tf.cast(batch[stream], tf.float32) for name, stream in kept.items() if stream in batch}

    def losses_of(
        self, outputs: dict[str, tf.Tensor], batch: Batch, taught: dict[str, tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """The weighted losses by name, see `train_step`; a term of weight 0 is left out."""
        steps, labels, glosses = outputs["steps"], batch["labels"], batch["glosses"]
        conv, sequence, options = outputs["conv_logits"], outputs["sequence_logits"], self.distill
        part = shares(clips=tf.size(steps), steps=tf.reduce_sum(steps))
        of_sequence, of_conv = ctc_losses((sequence, conv), steps, labels, glosses)
        losses = {
            "ctc_sequence": part["clips"] * of_sequence,
            "ctc_conv": part["clips"] * self.ctc_conv * of_conv,
        }
        softened, share = (steps, options.temperature, options.blank), self._teachers_share()
        if options.sequence:
            loss = divergence(taught["sequence_logits"], sequence, *softened)
            losses["kd_sequence"] = part["steps"] * share * options.sequence * loss
        if options.conv:
            loss = divergence(taught["conv_logits"], conv, *softened)
            losses["kd_conv"] = part["steps"] * share * options.conv * loss
        if options.inner:
            inner = divergence(sequence, conv, steps, options.inner_temperature, options.inner_blank)
            losses["kd_inner"] = part["steps"] * options.inner * inner
        if options.features:
            predicted = self.feature_head(outputs["frame_features"]) if self.feature_head else outputs["frame_features"]
            distance = feature_distance(taught["frame_features"], predicted, outputs["seen"])
            seen = shares(frames=tf.reduce_sum(outputs["seen"]))["frames"]
            losses["kd_features"] = seen * share * options.features * distance
        if self.landmark_head:
            predicted = self.landmark_head(outputs["frame"])
            every = self.network.options.temporal.every
            distance, count = landmark_distance(predicted, batch[LANDMARKS], batch["frames"], every)
            losses["landmarks"] = shares(values=count)["values"] * self.landmarks * distance
        return losses
