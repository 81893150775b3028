"""Packed frames and the correlation module, against loops written from their description."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tf_slr.models.correlation import Correlation, CorrelationModule, Identification, _gather, _gathering
from tf_slr.models.packing import Edges, Packing, prolonged

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=4)


def sigmoid(x):
    return 0.5 * (1 + np.tanh(x / 2))


def rows(frames, *shape, seed=0):
    return np.random.default_rng(seed).normal(0, 1, (frames, *shape)).astype(np.float32)


@given(LENGTHS, st.integers(0, 3))
def test_packing_keeps_the_frames_and_leaves_out_the_padding(lengths, padding):
    packing = Packing(tf.constant(lengths))
    packed = rows(sum(lengths), 2)
    clips = packing.unpack(tf.constant(packed), max(lengths) + padding).numpy()
    assert clips.shape == (len(lengths), max(lengths) + padding, 2)
    for clip, length, own in zip(clips, lengths, np.split(packed, np.cumsum(lengths)[:-1]), strict=True):
        assert np.array_equal(clip[:length], own)
        assert not clip[length:].any()
        clip[length:] = np.nan
    assert np.array_equal(packing.pack(tf.constant(clips)), packed)


@given(LENGTHS)
def test_the_neighbour_of_a_clips_end_is_the_end_itself(lengths):
    packed = rows(sum(lengths), 2)
    packing = Packing(tf.constant(lengths))
    clips = np.split(packed, np.cumsum(lengths)[:-1])
    before = np.concatenate([np.concatenate([clip[:1], clip[:-1]]) for clip in clips])
    after = np.concatenate([np.concatenate([clip[1:], clip[-1:]]) for clip in clips])
    assert np.array_equal(packing.shifted(tf.constant(packed), -1), before)
    assert np.array_equal(packing.shifted(tf.constant(packed), 1), after)


@given(LENGTHS, st.sampled_from([0, 2, 6]))
def test_edges_are_copies_of_the_first_and_the_last_frame(lengths, halo):
    packed = rows(sum(lengths), 3)
    edges = Edges(Packing(tf.constant(lengths)), halo)
    expected = []
    for clip in np.split(packed, np.cumsum(lengths)[:-1]):
        right = halo + -len(clip) % 4
        expected += [np.repeat(clip[:1], halo, 0), clip, np.repeat(clip[-1:], right, 0)]
    longer = edges.add(tf.constant(packed))
    assert np.array_equal(longer, np.concatenate(expected))
    assert edges.packing.lengths.numpy().tolist() == [prolonged(length, halo) for length in lengths]
    assert np.array_equal(edges.drop(longer), packed)


@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_correlation_gathers_from_the_neighbouring_frames(chunk):
    lengths, x = [3, 1], rows(4, 2, 3, 5)
    layer = Correlation(chunk)
    found = layer(tf.constant(x), Packing(tf.constant(lengths))).numpy()
    layer.directions.assign([0.3, -0.8])
    directed = layer(tf.constant(x), Packing(tf.constant(lengths))).numpy()
    values = x @ layer.value.kernel.numpy()[0, 0]
    neighbours = {0: (1, 0), 1: (2, 0), 2: (2, 1), 3: (3, 3)}  # after, before
    for frame, both in neighbours.items():
        gathered = []
        for other in both:
            total = np.zeros((2, 3, 5))
            for here in np.ndindex(2, 3):
                for there in np.ndindex(2, 3):
                    affinity = sigmoid(x[frame][here] @ values[other][there]) - 0.5
                    total[here] += affinity * values[other][there]
            gathered.append(total)
        assert np.allclose(found[frame], (gathered[0] + gathered[1]) / 2, atol=1e-4)
        assert np.allclose(directed[frame], 0.3 * gathered[0] - 0.8 * gathered[1], atol=1e-4)


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_affinities_computed_again_give_the_same_gradient(chunk):
    x, values, upstream = (tf.constant(rows(7, 6, 4, seed=seed)) for seed in range(3))

    def gradients(gather):
        with tf.GradientTape() as tape:
            tape.watch([x, values])
            gathered = gather(x, values)
        return tape.gradient(gathered, [x, values], upstream)

    for plain, chunked in zip(gradients(_gather), gradients(tf.function(_gathering(chunk))), strict=True):
        assert np.abs(plain).max() > 0.1
        assert np.allclose(plain, chunked, atol=1e-5)


def test_identification_is_three_dilated_depthwise_convolutions():
    lengths, (height, width, channels) = [12, 3], (5, 4, 32)
    x = rows(sum(lengths), height, width, channels)
    layer = Identification()
    layer(tf.constant(x), Packing(tf.constant(lengths)))
    for i, weight in enumerate([*layer.kernels, *layer.biases, layer.scales]):
        weight.assign(rows(*weight.shape, seed=i))
    found = layer(tf.constant(x), Packing(tf.constant(lengths))).numpy()
    few = x @ layer.reduce.kernel.numpy()[0, 0]  # (N, h, w, 2)
    start = 0
    for length in lengths:
        clip = np.pad(few[start : start + length], [(4, 4), (3, 3), (3, 3), (0, 0)])
        total = 0.0
        for dilation, kernel, bias, scale in zip((1, 2, 3), layer.kernels, layer.biases, layer.scales, strict=True):
            part = np.zeros((length, height, width, 2))
            for t, i, j in np.ndindex(9, 3, 3):
                down, right = 3 + (i - 1) * dilation, 3 + (j - 1) * dilation
                part += kernel[t, i, j] * clip[t : t + length, down : down + height, right : right + width]
            total += scale * (part + bias)
        expected = sigmoid(total @ layer.expand.kernel.numpy()[0, 0]) - 0.5
        assert np.allclose(found[start : start + length], expected, atol=1e-4)
        start += length


def test_the_module_does_nothing_at_first_and_then_adds_the_product_of_its_parts():
    x, packing = tf.constant(rows(5, 3, 3, 16)), Packing(tf.constant([2, 3]))
    module = CorrelationModule(4)
    assert np.array_equal(module(x, packing), x)
    module.alpha.assign(-2)
    parts = module.correlation(x, packing) * module.identification(x, packing)
    assert np.abs(parts).max() > 1e-3
    assert np.allclose(module(x, packing), x - 2 * parts, atol=1e-5)
