"""The corrector as a trainable Keras model, and what it writes by itself."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tf_keras

from tf_slr.correction.symbols import NOTHING, Symbols
from tf_slr.correction.training.examples import IGNORED, Batch, Item, collate
from tf_slr.models.corrector import CorrectorNetwork

# How a batch's arrays look to a traced function: any number of sentences, slots and alternatives.
SIGNATURE = {
    "ids": tf.TensorSpec((None, None, None), tf.int32),
    "weights": tf.TensorSpec((None, None, None)),
    "chosen": tf.TensorSpec((None, None)),
    **{name: tf.TensorSpec((None, None), tf.int32) for name in ("prefix", "slots", "gaps", "next")},
}


class CorrectionLearner(tf_keras.Model):
    """Trains one network of the corrector.

    Args:
        network: what learns.
        generation: weight of the loss of generation against those of slots and gaps.
        smoothing: of the labels of generation.
    """

    def __init__(self, network: CorrectorNetwork, generation: float, smoothing: float) -> None:
        super().__init__(name="correction")
        self.network, self.generation, self.smoothing = network, generation, smoothing
        # Nothing in it asks in Python for a tensor's value; to look for what does takes a third of the time.
        self.learn = tf.function(self.train_step, input_signature=[SIGNATURE], autograph=False)
        self.evaluate_batch = tf.function(self.test_step, input_signature=[SIGNATURE], autograph=False)

    def call(self, inputs, training=False):
        """The network's outputs."""
        return self.network(inputs, training=training)

    def train_step(self, data):
        """One step on a `Batch`; returns its losses."""
        with tf.GradientTape() as tape:
            losses = self._terms(data, training=True)
            total = losses["slots"] + losses["gaps"] + self.generation * losses["next"]
        gradients = tape.gradient(total, self.network.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.network.trainable_variables, strict=True))
        return {"loss": total, **losses}

    def test_step(self, data):
        """The losses of a `Batch` without learning."""
        losses = self._terms(data, training=False)
        return {"loss": losses["slots"] + losses["gaps"] + self.generation * losses["next"], **losses}

    def _terms(self, batch, training):
        outputs = self(batch, training=training)
        smoothing = {"slots": 0.0, "gaps": 0.0, "next": self.smoothing if training else 0.0}
        return {name: _cross_entropy(outputs[name], batch[name], share) for name, share in smoothing.items()}


def _cross_entropy(logits, targets, smoothing):
    """Mean over the targets that count; with smoothing, part of each is spread evenly over all symbols."""
    counted = tf.cast(targets != IGNORED, tf.float32)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(targets, NOTHING), logits)
    if smoothing:
        even = tf.reduce_logsumexp(logits, -1) - tf.reduce_mean(logits, -1)
        losses = (1 - smoothing) * losses + smoothing * even
    return tf.reduce_sum(losses * counted) / tf.maximum(1.0, tf.reduce_sum(counted))


class Writer:
    """Lets a network write corrected sentences, greedily and many at once.

    Args:
        network: what writes.
        symbols: what its classes mean.
    """

    def __init__(self, network: CorrectorNetwork, symbols: Symbols) -> None:
        self.network, self.symbols = network, symbols
        floats = tf.TensorSpec((None, None, None, None, None))
        self._read = tf.function(self._memory, input_signature=[SIGNATURE], autograph=False)
        self._step = tf.function(
            network.step,
            input_signature=[
                tf.TensorSpec((None,), tf.int32), tf.TensorSpec((), tf.int32), floats, floats,
                tf.TensorSpec((None, None), tf.bool),
            ],
            autograph=False,
        )  # fmt: skip

    def __call__(self, items: Sequence[Item]) -> list[list[int]]:
        """What the network makes of each item's slots; their truth is not looked at."""
        batch = collate([one._replace(truth=[]) for one in items], self.symbols)
        cross = self._read(batch)
        present = batch["ids"][:, :, 0] > 0
        cache = self.network.empty_cache(len(items))
        symbol = np.full(len(items), self.symbols.begin, np.int32)
        written: list[list[int]] = [[] for _ in items]
        going = np.ones(len(items), bool)
        # The last position of the cache is read too, but nothing is written after it.
        for position in range(self.network.options.positions):
            logits, cache = self._step(symbol, position, cache, cross, present)
            scores = logits.numpy()
            scores[:, [NOTHING, self.symbols.begin]] = -np.inf
            symbol = scores.argmax(1).astype(np.int32)
            going &= symbol != self.symbols.end
            if not going.any():
                break
            for row in np.flatnonzero(going):
                written[row].append(int(symbol[row]))
        return written

    def _memory(self, batch: Batch):
        present = batch["ids"][:, :, 0] > 0
        return self.network.cross(self.network.encode(batch["ids"], batch["weights"], batch["chosen"], present))
