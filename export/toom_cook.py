"""Convolutions over time with fewer multiplications: Toom and Cook's algorithm, which Winograd made known.

m neighbouring outputs y of a convolution with k taps g, over m + k - 1 inputs d, are

    y = A^T [(G g) * (B^T d)]        (Lavin and Gray 2016, arXiv 1509.09308, equation 8)

where * is one product for each of m + k - 1 points at which polynomials are evaluated: 8 instead of 20 for four
outputs and five taps. Over channels each point is a product of matrices, which INT8 kernels compute; what stands
around it are a few additions. Every row of B^T d has a range of its own when LiteRT brings it to INT8, and every
output channel of each point's weights has one, which is why INT8 stays accurate: with one range for all points, as
for images, it does not.

Time is kept in phases: a tensor for every m-th moment from the first, from the second and so on. Pooling by two is
then the maximum of neighbouring phases, and leaves half of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import tensorflow as tf
import tf_keras
from tf_keras import layers

from tf_slr.core import timing

# Beside infinity. Powers of two keep the factors short and the products exact.
POINTS = (0, 1, -1, 2, -2, 0.5, -0.5)


@dataclass(frozen=True)
class Algorithm:
    """How outputs are computed, a tile of them at a time.

    Attributes:
        tile: neighbouring outputs, m: 1, 2 or 4; with 1 there is one product for each tap, as usual.
        taps: of the kernel, k: odd.
    """

    tile: int
    taps: int

    @property
    def known(self) -> bool:
        """Whether it saves multiplications and there are points enough."""
        return self.tile == 1 or (self.taps >= 3 and self.inputs <= len(POINTS) + 1)

    @property
    def inputs(self) -> int:
        """How many inputs a tile reads, and products it takes."""
        return self.tile + self.taps - 1

    @cached_property
    def _points(self) -> np.ndarray:
        return np.array(POINTS[: self.inputs - 1])

    @cached_property
    def _spread(self) -> np.ndarray:
        """B^T, (inputs, inputs): the coefficients of the polynomials that vanish at all the other points."""
        rows = [np.poly(np.delete(self._points, i))[::-1] for i in range(len(self._points))]
        return np.array([*([*row, 0] for row in rows), np.poly(self._points)[::-1]])

    def spectrum(self, kernel: np.ndarray | tf.Tensor) -> tf.Tensor:
        """The weights of each product, G g.

        Args:
            kernel: (taps, C, C').

        Returns:
            (inputs, C, C').
        """
        if self.tile == 1:
            return tf.convert_to_tensor(kernel)
        others = [np.prod(point - np.delete(self._points, i)) for i, point in enumerate(self._points)]
        finite = self._points[:, None] ** np.arange(self.taps) / np.array(others)[:, None]
        return tf.einsum("pk,kio->pio", np.vstack([finite, np.eye(self.taps)[-1]]).astype(np.float32), kernel)

    def neighbours(self, phases: Sequence[tf.Tensor], tiles: tf.Tensor) -> list[tf.Tensor]:
        """The inputs of every tile, beyond both ends of the clip zeros.

        Args:
            phases: `tile` tensors (..., N, C).
            tiles: int32 (N,), the numbers 0 to N - 1.

        Returns:
            `inputs` tensors (..., N, C).
        """
        left = (self.taps - 1) // 2
        found = []
        for place in range(-left, self.inputs - left):
            shift, phase = divmod(place, self.tile)
            x = phases[phase]
            if shift:
                ends = [[0, 0]] * (x.shape.rank - 2) + [[max(0, -shift), max(0, shift)], [0, 0]]
                # Not a slice: LiteRT copies those with a stride or an end value by value.
                x = tf.gather(tf.pad(x, ends), tiles + max(0, shift), axis=-2)
            found.append(x)
        return found

    def analysed(self, inputs: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """What the products multiply, B^T d, `inputs` tensors."""
        if self.tile == 1:
            return list(inputs)
        found = [_sum(self._spread[0], inputs)]
        # Two points that differ in sign share the even powers, and the odd ones but for the sign.
        for row in self._spread[1:-1:2]:
            even, odd = (_sum(row[start::2], inputs[start::2]) for start in (0, 1))
            found += [even + odd, even - odd]
        return [*found, _sum(self._spread[-1], inputs)]

    def synthesised(self, products: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """The outputs, A^T of the products: `tile` tensors."""
        if self.tile == 1:
            return [tf.add_n(list(products))]
        pairs = [
            (first + second, first - second) for first, second in zip(products[1:-1:2], products[2::2], strict=True)
        ]
        found = []
        for power in range(self.tile):
            terms, factors = [pair[power % 2] for pair in pairs], list(self._points[1::2] ** power)
            ends = [products[0]] * (power == 0) + [products[-1]] * (power == self.tile - 1)
            found.append(_sum([*factors, *[1.0] * len(ends)], [*terms, *ends]))
        return found

    @property
    def everywhere(self) -> int:
        """The product that every output contains once: where a bias is added."""
        return 0 if self.tile == 1 else POINTS.index(1)


def _sum(factors: Sequence[float], terms: Sequence[tf.Tensor]) -> tf.Tensor:
    """The sum of terms, each times its factor, in as few operators as there can be; one factor is positive."""
    used = [(float(factor), term) for factor, term in zip(factors, terms, strict=True) if factor]
    total = None
    for factor, term in sorted(used, key=lambda one: one[0] <= 0):
        scaled = term if abs(factor) == 1 else abs(factor) * term
        total = scaled if total is None else total + scaled if factor > 0 else total - scaled
    return total


def phases_of(x: tf.Tensor, tiles: tf.Tensor, count: int) -> list[tf.Tensor]:
    """Every `count`-th moment from the first, the second and so on, zeros beyond the end.

    Args:
        x: (..., T, C).
        tiles: int32 (N,), the numbers 0 to N - 1 with N = ceil(T / count).
        count: of phases.

    Returns:
        `count` tensors (..., N, C).
    """
    padded = tf.pad(x, [[0, 0]] * (x.shape.rank - 2) + [[0, count - 1], [0, 0]])
    return [tf.gather(padded, count * tiles + phase, axis=-2) for phase in range(count)]


def algorithms(stack: Sequence[tuple[str, int]]) -> list[Algorithm]:
    """That of every convolution of a stack (`temporal_stack`): tiles as large as the pooling still to come."""
    found, tile = [], timing.STRIDE
    for kind, size in stack:
        if kind == "P":
            tile //= size
        else:
            found.append(Algorithm(tile, size))
    return found


def can_be_tiled(stack: Sequence[tuple[str, int]]) -> bool:
    """Whether every convolution has a known algorithm."""
    return all(algorithm.known for algorithm in algorithms(stack))


class TiledConvolutions(layers.Layer):
    """A student's convolutions, ReLUs and poolings: landmarks (1, T, 276) -> (1, ceil(T/4), width).

    Args:
        stack: as `temporal_stack` gives it.
        width: channels of each convolution.
    """

    def __init__(self, stack: Sequence[tuple[str, int]], width: int, **kwargs):
        super().__init__(**kwargs)
        self.stack, self.width = tuple(stack), width

    def build(self, shape):
        """The weights of each product, and a bias, of each convolution."""
        inside, self.kernels, self.biases = shape[-1], [], []
        for number, algorithm in enumerate(algorithms(self.stack)):
            self.kernels.append([
                self.add_weight(name=f"conv{number}_point{point}", shape=(inside, self.width))
                for point in range(algorithm.inputs)
            ])  # fmt: skip
            self.biases.append(self.add_weight(name=f"conv{number}_bias", shape=(self.width,)))
            inside = self.width

    def load(self, number: int, kernel: np.ndarray, bias: np.ndarray) -> None:
        """Give a convolution the weights (taps, C, C') and bias (C',) of a usual one."""
        spectrum = algorithms(self.stack)[number].spectrum(kernel)
        for weight, value in zip(self.kernels[number], spectrum, strict=True):
            weight.assign(value)
        self.biases[number].assign(bias)

    def call(self, x):
        """See the class."""
        frames = tf.shape(x)[1]
        x = tf.reshape(x, [-1, x.shape[-1]])  # (T, C)
        # Numbers of the tiles. LiteRT must know the shapes of all tensors before it runs, so that counting is done by
        # summing ones: a range of computed length would have an unknown one.
        column = x[:: timing.STRIDE, 0]
        tiles = tf.cumsum(tf.cast(tf.equal(column, column), tf.int32)) - 1  # (ceil(T/4),)
        phases = phases_of(x, tiles, timing.STRIDE)
        masks = [tf.cast(timing.STRIDE * tiles + phase < frames, tf.float32)[:, None] for phase in range(timing.STRIDE)]
        convolutions = iter(zip(algorithms(self.stack), self.kernels, self.biases, strict=True))
        for kind, _ in self.stack:
            if kind == "P":
                phases = [tf.maximum(*phases[i : i + 2]) for i in range(0, len(phases), 2)]
                masks = masks[::2]
                continue
            algorithm, kernels, bias = next(convolutions)
            analysed = algorithm.analysed(algorithm.neighbours(phases, tiles))
            products = [value @ kernel for value, kernel in zip(analysed, kernels, strict=True)]
            products[algorithm.everywhere] += bias
            phases = [tf.nn.relu(value) for value in algorithm.synthesised(products)]
            # The first of a tile is always the clip's.
            phases[1:] = [value * mask for value, mask in zip(phases[1:], masks[1:], strict=True)]
        return phases[0][None]


def tiled(graph: tf_keras.Model, stack: Sequence[tuple[str, int]]) -> tf_keras.Model:
    """A landmark student's graph with its convolutions tiled.

    Args:
        graph: of `inference_graph`, or what `stateless` made of it.
        stack: that of the student, which can be tiled.
    """
    convolutions = [layer for layer in graph.layers if isinstance(layer, layers.Conv2D)]
    tiling = TiledConvolutions(stack, convolutions[0].filters, name="convolutions")
    inputs = layers.Input(graph.inputs[0].shape[1:], batch_size=1, name="landmarks")
    x = tiling(inputs)
    for number, layer in enumerate(convolutions):
        kernel, bias = layer.get_weights()
        tiling.load(number, kernel[:, 0], bias)
    for layer in graph.layers[[layer.name for layer in graph.layers].index("sequence") + 1 :]:
        x = layer(x)
    return tf_keras.Model(inputs, x, name=graph.name)
