"""The student: shapes, masks, and the deployed graph's parity."""

import numpy as np
import pytest
import tensorflow as tf

from tf_slr.core.errors import UsageError
from tf_slr.core.landmarks import VALUES
from tf_slr.core.timing import steps
from tf_slr.models.layers import BiLstm, MaskedBatchNorm, SeededDropout
from tf_slr.models.mslr import Mslr, MslrOptions, inference_graph

SMALL = MslrOptions(width=24, hidden=12, dropout=0.3)


def values(frames, seed=0):
    return np.random.default_rng(seed).normal(0, 1, (frames, VALUES)).astype(np.float32)


def run(network, *clips, padding=0, training=False):
    longest = max(len(clip) for clip in clips) + padding
    batch = np.zeros((len(clips), longest, VALUES), np.float32)
    for i, clip in enumerate(clips):
        batch[i, : len(clip)] = clip
    return network({"landmarks": batch, "frames": np.array([len(clip) for clip in clips], np.int32)}, training=training)


@pytest.fixture(scope="module")
def network():
    """A student whose statistics and weights are no longer the initial ones."""
    tf.keras.utils.set_random_seed(1)
    network = Mslr(SMALL, classes=7)
    for seed in range(5):
        run(network, values(30, seed), values(21, seed + 50), training=True)
    return network


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 8, 33])
def test_time_shrinks_by_four_rounded_up(network, frames):
    outputs = run(network, values(frames))
    assert outputs["sequence_logits"].shape == (1, steps(frames), 7)
    assert outputs["conv_logits"].shape == (1, steps(frames), 7)
    assert outputs["steps"].numpy().tolist() == [steps(frames)]


@pytest.mark.parametrize("head", ["sequence_logits", "conv_logits"])
@pytest.mark.parametrize("padding", [1, 2, 3, 7, 50])
def test_padding_never_changes_the_logits(network, head, padding):
    clip = values(29)
    alone = run(network, clip)[head][0]
    padded = run(network, clip, values(41, 9), padding=padding)[head][0, : len(alone)]
    assert np.abs(alone - padded).max() < 1e-5


def test_padding_does_not_enter_the_statistics():
    clip = values(20)
    networks = [Mslr(SMALL, 7) for _ in range(2)]
    networks[1].set_weights(networks[0].get_weights())
    run(networks[0], clip, training=True)
    run(networks[1], clip, padding=40, training=True)
    for one, two in zip(networks[0].norms, networks[1].norms, strict=True):
        assert np.allclose(one.moving_mean, two.moving_mean, atol=1e-6)
        assert np.allclose(one.moving_variance, two.moving_variance, atol=1e-6)


def test_both_heads_share_the_classifier(network):
    before = run(network, values(20))
    kernel = network.classifier.kernel
    old = kernel.numpy()
    kernel.assign(old[:, ::-1])
    after = run(network, values(20))
    kernel.assign(old)
    for head in ("sequence_logits", "conv_logits"):
        assert np.allclose(before[head].numpy()[..., ::-1], after[head], atol=1e-5)


def test_class_vectors_have_unit_length(network):
    network.classifier.kernel.assign(network.classifier.kernel * 7)
    assert np.allclose(np.linalg.norm(network.classifier.folded(), axis=0), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("temporal", "batch_norm"),
    [("K3-P2-K5-P2", True), ("K3-P2-K5-P2", False), ("K5-P2-P2-K5", True), ("K3-K3-P2-P2", True)],
)
def test_the_deployed_graph_gives_the_same_logits(temporal, batch_norm):
    network = Mslr(MslrOptions(width=24, hidden=12, temporal=temporal, batch_norm=batch_norm), 7)
    for seed in range(4):
        run(network, values(30, seed), training=True)
    network.classifier.blank_bias = -1.5
    graph = inference_graph(network)
    for frames in (1, 7, 16, 50):
        clip = values(frames)
        assert np.abs(graph(clip[None]) - run(network, clip)["sequence_logits"]).max() < 1e-4


def test_paper_size():
    """KD-MSLRT's student at width 512 and PHOENIX14's 1,296 classes has 7.14 M parameters."""
    network = Mslr(MslrOptions(batch_norm=False), 1296)
    assert network.count_params() == pytest.approx(7.14e6, rel=0.01)


@pytest.mark.parametrize(
    "temporal", ["K5-P2", "K5-P2-K5-P2-P2", "K4-P2-K5-P2", "K5,P2", "K5-P3-K5-P2", "", "P2-K5-P2", "P2-P2"]
)
def test_unfit_stacks_are_refused(temporal):
    with pytest.raises(UsageError, match="temporal"):
        MslrOptions(temporal=temporal)


def test_bilstm_is_keras_bidirectional_on_each_true_length():
    layer = BiLstm(6)
    x = np.random.default_rng(0).normal(size=(2, 9, 4)).astype(np.float32)
    ours = layer(x, tf.constant([9, 5])).numpy()
    keras = tf.keras.layers.Bidirectional(tf.keras.layers.LSTM(6, return_sequences=True))
    keras(x)
    keras.set_weights([*layer.forward_lstm.get_weights(), *layer.backward_lstm.get_weights()])
    assert np.allclose(ours[0], keras(x[:1])[0], atol=1e-6)
    assert np.allclose(ours[1, :5], keras(x[1:, :5])[0], atol=1e-6)


def test_batch_norm_normalises_what_the_mask_shows():
    layer = MaskedBatchNorm()
    x = np.random.default_rng(0).normal(3, 2, (2, 10, 4)).astype(np.float32)
    mask = np.ones((2, 10, 1), np.float32)
    mask[1, 4:] = 0
    y = layer(x, mask, training=True).numpy()
    shown = y[mask[..., 0] == 1].reshape(-1, 4)
    assert np.allclose(shown.mean(0), 0, atol=1e-4)
    assert np.allclose(shown.std(0), 1, atol=1e-3)


def test_dropout_follows_from_its_seed_and_step():
    layers = [SeededDropout(0.5, seed) for seed in (1, 1, 2)]
    x = tf.ones((4, 50))
    first = [layer(x, training=True).numpy() for layer in layers]
    assert np.array_equal(first[0], first[1])
    assert not np.array_equal(first[0], first[2])
    assert not np.array_equal(first[0], layers[0](x, training=True))
    layers[1].step.assign(0)
    assert np.array_equal(first[1], layers[1](x, training=True))
    assert np.array_equal(x, layers[0](x))
