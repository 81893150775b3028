"""The corrector's network: one encoder-decoder Transformer over the slots of a recognised sentence.

KD-MSLRT (arXiv 2501.02321, "Text Correction Network") puts two such networks in a row, each with a deep
encoder and a shallow decoder. The paper's network writes the corrected sentence gloss by gloss. Here the
encoder also scores the sentence in place: which gloss, if any, belongs into each slot, and which one is
missing between two slots. Both ways share every weight up to the encoder's end.

A slot is one recognised position: alternative glosses with posteriors, whose remainder to 1 is the
probability that nothing was signed there. It enters as the weighted sum of the alternatives' embeddings;
plain text is the special case of one alternative of probability 1, so one network reads both.
"""

import keras_nlp
import numpy as np
import tensorflow as tf
import tf_keras

from tf_slr.core.glosses import BLANK
from tf_slr.models.layers import SeededDropout
from tf_slr.models.options.corrector import CorrectorOptions

Layers = tf_keras.layers

# Posteriors below this are not told apart: what a slot adds to a gloss' score is bounded by log(1 + 1 / FLOOR).
FLOOR = 1e-3
OUTPUTS = ("slots", "gaps", "next")
# Log odds at the start that a gap misses no gloss rather than one certain gloss.
GAP_PRIOR = 8.0


class CorrectorNetwork(tf_keras.Model):
    """One Transformer of the corrector.

    Input slots are three arrays, with the marks of a sentence's begin and end as first and last slot:
    "ids" int32 [B, P, A] (alternatives, 0 where there are fewer; a padded slot is all 0), "weights" float32
    [B, P, A] (their posteriors), and "chosen" float32 [B, P] (1 where greedy decoding kept the slot).

    Args:
        options: its size.
        symbols: number of symbols (`decoding.symbols.Symbols.count`).
        seed: of the initial weights.
    """

    def __init__(self, options: CorrectorOptions, symbols: int, seed: int = 0) -> None:
        super().__init__(name="corrector")
        tf_keras.utils.set_random_seed(seed)
        self.options, self.symbols = options, symbols
        # Shared by encoder, decoder and every output; small, so that the first logits are moderate.
        self.table = self.add_weight(
            "table", (symbols, options.width), initializer=tf_keras.initializers.RandomNormal(0.0, 0.05)
        )
        # Each output has its own: most gaps miss nothing, and no sentence goes on with nothing.
        self.biases = {name: self.add_weight(f"bias_{name}", (symbols,), initializer="zeros") for name in OUTPUTS}
        self.biases["gaps"].assign(np.where(np.arange(symbols) == BLANK, GAP_PRIOR, 0.0))
        # How far a slot's own posteriors are trusted; 1 is a product of experts.
        self.trust = self.add_weight("trust", (), initializer="ones")
        self.confidence = Layers.Dense(options.width, use_bias=False, name="confidence")
        sizes = {"intermediate_dim": options.feedforward, "num_heads": options.heads}
        self.encoders = [
            keras_nlp.layers.TransformerEncoder(**sizes, normalize_first=True, name=f"encoder_{i}")
            for i in range(options.encoder_layers)
        ]
        self.decoders = [
            keras_nlp.layers.TransformerDecoder(**sizes, normalize_first=True, name=f"decoder_{i}")
            for i in range(options.decoder_layers)
        ]
        # One for the embeddings and one for what each layer adds; the layers' own is not resumable.
        layers = [*self.encoders, *self.decoders]
        self.dropout, *self.dropouts = (
            SeededDropout(options.dropout, seed * (len(layers) + 1) + i, name=f"dropout_{i}")
            for i in range(len(layers) + 1)
        )
        for dropout in self.dropouts:
            dropout.build(())  # its step is saved with the weights, and inference never calls it
        self.encoder_norm, self.decoder_norm = Layers.LayerNormalization(), Layers.LayerNormalization()
        self.slot_layer = Layers.Dense(options.width, activation="relu", name="slot")
        self.gap_layer = Layers.Dense(options.width, activation="relu", name="gap")
        self.slot_norm, self.gap_norm = Layers.LayerNormalization(), Layers.LayerNormalization()
        self._positions = _sinusoids(options.positions, options.width)
        one = {"ids": tf.ones((1, 3, 1), tf.int32), "weights": tf.ones((1, 3, 1)), "chosen": tf.ones((1, 3))}
        self(one | {"prefix": tf.ones((1, 2), tf.int32)})  # makes every weight

    def call(self, inputs, training=False):
        """Slots and "prefix" int32 [B, L] -> "slots" [B, P, S], "gaps" [B, P-1, S], "next" [B, L, S] logits."""
        present = inputs["ids"][:, :, 0] > 0
        memory = self.encode(inputs["ids"], inputs["weights"], inputs["chosen"], present, training)
        slots, gaps = self.edits(memory, inputs["ids"], inputs["weights"])
        return {"slots": slots, "gaps": gaps, "next": self.decode(inputs["prefix"], memory, present, training)}

    def encode(self, ids, weights, chosen, present=None, training=False):
        """Slots -> memory [B, P, width]; `present` bool [B, P] names the slots that are not padding."""
        embedded = tf.reduce_sum(tf.gather(self.table, ids) * tf.expand_dims(weights, 3), 2)
        total, top = tf.reduce_sum(weights, 2), tf.reduce_max(weights, 2)
        embedded += self.confidence(tf.stack([chosen, total, top], -1))
        memory = self._placed(embedded, tf.range(tf.shape(ids)[1]), training)
        for layer, dropout in zip(self.encoders, self.dropouts, strict=False):
            grown = layer(memory, padding_mask=present, training=training)
            memory = memory + dropout(grown - memory, training=True) if training else grown
        return self.encoder_norm(memory)

    def edits(self, memory, ids, weights):
        """Memory -> logits of each slot's true gloss [B, P, S] and of the missing gloss of each gap [B, P-1, S].

        Class 0, the blank of CTC, means that no gloss belongs there.
        """
        # Neighbours side by side, as an n-gram sees them: on few sentences attention alone is slow to learn that.
        edged = tf.pad(memory, ((0, 0), (1, 1), (0, 0)))
        around = tf.concat([edged[:, :-2], memory, edged[:, 2:]], -1)
        slots = self._logits(self.slot_norm(self.slot_layer(around)), "slots")
        between = tf.concat([memory[:, :-1], memory[:, 1:]], -1)
        gaps = self._logits(self.gap_norm(self.gap_layer(between)), "gaps")
        return slots + self.trust * self._evidence(ids, weights), gaps

    def decode(self, prefix, memory, present=None, training=False):
        """Teacher-forced logits [B, L, S] of the symbol after each of prefix int32 [B, L]."""
        hidden = self._placed(tf.gather(self.table, prefix), tf.range(tf.shape(prefix)[1]), training)
        for layer, dropout in zip(self.decoders, self.dropouts[len(self.encoders) :], strict=True):
            grown = layer(hidden, memory, encoder_padding_mask=present, training=training)
            hidden = hidden + dropout(grown - hidden, training=True) if training else grown
        return self._logits(self.decoder_norm(hidden), "next")

    def cross(self, memory):
        """Keys and values of the memory for every decoder layer, [B, 2 x layers, P, heads, size]."""
        attentions = [layer._cross_attention_layer for layer in self.decoders]
        pairs = [(attention._key_dense(memory), attention._value_dense(memory)) for attention in attentions]
        # All layers on one axis: a cache of rank 6 would need an operator that LiteRT does not have.
        return tf.stack([part for pair in pairs for part in pair], 1)

    def empty_cache(self, batch: int):
        """The self-attention cache before the first step, [B, 2 x layers, positions, heads, size]."""
        options = self.options
        size = options.width // options.heads
        return tf.zeros((batch, 2 * options.decoder_layers, options.positions, options.heads, size))

    def step(self, symbol, position, self_cache, cross_cache, present=None):
        """One step of decoding: symbol int32 [B] at a position -> logits [B, S] of the next one, and the cache."""
        hidden = self._placed(tf.expand_dims(tf.gather(self.table, symbol), 1), tf.reshape(position, (1,)), False)
        # The layers ask for the memory itself only to see its shape.
        shape = tf.shape(cross_cache)
        memory = tf.zeros((shape[0], shape[2], self.options.width))
        caches = []
        for i, layer in enumerate(self.decoders):
            hidden, cache, _ = layer(
                hidden,
                memory,
                encoder_padding_mask=present,
                self_attention_cache=self_cache[:, 2 * i : 2 * i + 2],
                self_attention_cache_update_index=position,
                cross_attention_cache=cross_cache[:, 2 * i : 2 * i + 2],
                cross_attention_cache_update_index=None,
            )
            caches.append(cache)
        return self._logits(self.decoder_norm(hidden), "next")[:, 0], tf.concat(caches, 1)

    def _placed(self, embedded, positions, training):
        """Embeddings at their place in the sentence."""
        scaled = embedded * self.options.width**0.5
        return self.dropout(scaled + tf.gather(self._positions, positions), training=training)

    def _logits(self, hidden, output):
        # The table is shared with the input: one matrix in the model's file.
        flat = tf.matmul(tf.reshape(hidden, (-1, self.options.width)), self.table, transpose_b=True)
        flat += self.biases[output]
        shape = tf.shape(hidden)
        return tf.reshape(flat, (shape[0], shape[1], self.symbols))

    def _evidence(self, ids, weights):
        """What the slots' posteriors say about each symbol, [B, P, S]: log(1 + p / FLOOR)."""
        nothing = tf.maximum(0.0, 1.0 - tf.reduce_sum(weights, 2, keepdims=True))
        shape = tf.shape(ids)
        batch, slots, alternatives = shape[0], shape[1], shape[2]
        # Padded alternatives have weight 0 and add log(1) = 0 to the blank.
        ids = tf.concat([ids, tf.fill((batch, slots, 1), BLANK)], 2)
        gains = tf.math.log(1.0 + tf.concat([weights, nothing], 2) / FLOOR)
        rows = tf.tile(tf.expand_dims(tf.range(batch * slots), 1), (1, alternatives + 1))
        index = tf.stack([tf.reshape(rows, (-1,)), tf.reshape(ids, (-1,))], 1)
        scattered = tf.scatter_nd(index, tf.reshape(gains, (-1,)), tf.stack([batch * slots, self.symbols]))
        return tf.reshape(scattered, (batch, slots, self.symbols))


def _sinusoids(positions: int, width: int) -> np.ndarray:
    """Sinusoidal positions [positions, width] (Vaswani et al., arXiv 1706.03762, section 3.5)."""
    angles = np.arange(positions)[:, None] / 10000 ** (np.arange(0, width, 2) / width)
    return np.concatenate([np.sin(angles), np.cos(angles)], 1).astype(np.float32)
