"""Packing: the frames of a batch of clips in one row, without the padding that made the clips equally long.

A frame network that sees packed frames computes nothing for padding, and its
batch statistics count no padding. As in the packed sequences of PyTorch, the
clips keep their order and follow each other directly.
"""

import tensorflow as tf

from tf_slr.core import timing
from tf_slr.models.options.temporal import prolonged


class Packing:
    """Where the frames of clips stand in the row.

    Args:
        lengths: int32 (B,), frames of each clip, at least 1.

    Attributes:
        lengths: the same.
        first: bool (N,), whether a row is the first of its clip.
        last: bool (N,), whether it is the last.
    """

    def __init__(self, lengths: tf.Tensor) -> None:
        self.lengths = lengths
        positions, clips = _positions(lengths)
        self.first = positions == 0
        self.last = positions == clips - 1

    def pack(self, x: tf.Tensor, every: int = 1) -> tf.Tensor:
        """Padded clips (B, T, ...), of which every so many-th moment is a row -> rows (N, ...)."""
        moments = tf.range(tf.shape(x)[1])
        # Slicing pictures with a step would copy them byte by byte.
        return tf.boolean_mask(x, (moments < every * self.lengths[:, None]) & (moments % every == 0))

    def unpack(self, rows: tf.Tensor, longest: tf.Tensor | int) -> tf.Tensor:
        """Rows (N, ...) -> clips (B, longest, ...), zero beyond a clip's end."""
        ragged = tf.RaggedTensor.from_row_lengths(rows, self.lengths, validate=False)
        clips = ragged.to_tensor(shape=tf.stack([-1, longest, *rows.shape[1:]]))
        return tf.ensure_shape(clips, [None, None, *rows.shape[1:]])

    def shifted(self, rows: tf.Tensor, offset: int) -> tf.Tensor:
        """The row before (offset -1) or after (+1) each row in its clip; at the clip's end the row itself."""
        end = self.last if offset > 0 else self.first
        return tf.where(_like(end, rows), rows, tf.roll(rows, -offset, 0))


class Edges:
    """Every clip prolonged by copies of its first and of its last frame.

    The stack over time convolves without padding; this is what it reads
    instead, and it makes ceil(T/4) steps of T frames (CorrNet's rule: `halo`
    copies on the left, and on the right as many and what T lacks to a
    multiple of 4).

    Args:
        packing: the clips.
        halo: copies on the left.
        shrink: how many frames make a step.

    Attributes:
        packing: the clips with their edges.
    """

    def __init__(self, packing: Packing, halo: int, shrink: int = timing.STRIDE) -> None:
        self._halo, self._inner = halo, packing
        self.packing = Packing(prolonged(packing.lengths, halo, shrink))
        positions, _ = _positions(self.packing.lengths)
        clip = tf.repeat(tf.range(tf.size(packing.lengths)), self.packing.lengths)
        lengths = tf.gather(packing.lengths, clip)
        inner = tf.clip_by_value(positions - halo, 0, lengths - 1)
        self._rows = tf.gather(tf.cumsum(packing.lengths, exclusive=True), clip) + inner
        self._is_inner = tf.equal(positions - halo, inner)

    def add(self, rows: tf.Tensor) -> tf.Tensor:
        """Rows without edges -> rows with them."""
        return tf.gather(rows, self._rows)

    def drop(self, rows: tf.Tensor) -> tf.Tensor:
        """Rows with edges -> rows without them."""
        return tf.boolean_mask(rows, self._is_inner)


def _positions(lengths: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """For every row its position in its clip and the clip's length, int32 (N,) each."""
    starts = tf.repeat(tf.cumsum(lengths, exclusive=True), lengths)
    return tf.range(tf.size(starts)) - starts, tf.repeat(lengths, lengths)


def _like(mask: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """A mask (N,) with as many dimensions as rows (N, ...)."""
    return tf.reshape(mask, [-1] + [1] * (rows.shape.rank - 1))
