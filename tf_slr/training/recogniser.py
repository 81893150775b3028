"""The recogniser as a trainable Keras model: CTC on both heads."""

import tensorflow as tf
import tf_keras

from tf_slr.features.batches import Batch
from tf_slr.training.ctc import ctc_loss


class Recogniser(tf_keras.Model):
    """Trains a network that returns "sequence_logits", "conv_logits" and "steps"."""

    def __init__(self, network: tf_keras.Model, ctc_conv: float):
        super().__init__(name="recogniser")
        self.network, self.ctc_conv = network, ctc_conv

    def call(self, inputs, training=False):
        """The network's outputs."""
        return self.network(inputs, training=training)

    def train_step(self, data):
        """One step on a `Batch`; returns its losses."""
        batch = Batch(*data)
        with tf.GradientTape() as tape:
            outputs = self({"landmarks": batch.landmarks, "frames": batch.frames}, training=True)
            losses = self.losses_of(outputs, batch)
            total = tf.add_n(list(losses.values()))
        gradients = tape.gradient(total, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"loss": total, **losses}

    def losses_of(self, outputs: dict[str, tf.Tensor], batch: Batch) -> dict[str, tf.Tensor]:
        """The weighted losses by name."""
        steps, labels, glosses = outputs["steps"], batch.labels, batch.glosses
        return {
            "ctc_sequence": ctc_loss(outputs["sequence_logits"], steps, labels, glosses),
            "ctc_conv": self.ctc_conv * ctc_loss(outputs["conv_logits"], steps, labels, glosses),
        }
