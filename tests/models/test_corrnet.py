"""The video teacher: logits equal to PyTorch's on every clip, alone and in padded batches."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from tf_slr.core import config
from tf_slr.core.errors import UsageError
from tf_slr.core.timing import steps
from tf_slr.models.corrnet import CorrNet, CorrNetOptions
from tf_slr.models.resnet import places
from tf_slr.models.temporal import TemporalOptions
from tf_slr.models.weights import load_into

TINY = CorrNetOptions(
    size=24, stem="small", widths=(16, 24, 32), blocks=(1, 1, 1), correlated=(2, 3), temporal=TemporalOptions(width=24)
)
CLASSES = 7


def clip(frames, size=24, seed=0):
    return np.random.default_rng([seed, frames]).uniform(-1, 1, (frames, size, size, 3)).astype(np.float32)


def run(network, *clips, padding=0, training=False):
    """A batch whose padding is no number, so that whatever reads it shows."""
    longest = max(len(clip) for clip in clips) + padding
    batch = np.full((len(clips), longest, *clips[0].shape[1:]), np.nan, np.float32)
    for i, clip in enumerate(clips):
        batch[i, : len(clip)] = clip
    return network({"video": batch, "frames": np.array([len(clip) for clip in clips], np.int32)}, training=training)


def lively(options, seed=1):
    """A network whose correlation modules take part, and whose statistics are no longer the initial ones."""
    tf.keras.utils.set_random_seed(seed)
    network = CorrNet(options, CLASSES)
    for i, module in enumerate(network.correlations.values()):
        module.alpha.assign((-1) ** i * 0.5)
    run(network, clip(9), clip(14), training=True)
    return network


@pytest.fixture(scope="module")
def network():
    return lively(TINY)


@pytest.fixture(scope="module")
def twins():
    """The reference in PyTorch, and CorrNet with its weights."""
    pytest.importorskip("torch")
    from tests.models.torch_corrnet import randomised
    from tf_slr.models.torch_weights import corrnet_options, corrnet_weights

    reference = randomised(CLASSES, widths=(16, 32, 48, 64), width=32)
    state = {name: value.numpy() for name, value in reference.state_dict().items()}
    options, classes = corrnet_options(state, size=64)
    network = CorrNet(options, classes)
    load_into(network, corrnet_weights(state, options))
    return reference, network


def reference_outputs(reference, video):
    import torch

    with torch.no_grad():
        sequence, conv, features = reference(torch.tensor(video).permute(0, 3, 1, 2))
    return {"sequence_logits": sequence, "conv_logits": conv, "frame_features": features.permute(1, 2, 3, 0)}


@pytest.mark.parametrize("padding", [0, 5])
def test_logits_are_pytorchs(twins, padding):
    reference, network = twins
    clips = [clip(frames, 64) for frames in ((1, 4, 11, 26) if padding else (11,))]
    outputs = run(network, *clips, padding=padding)
    for i, video in enumerate(clips):
        for name, expected in reference_outputs(reference, video).items():
            found = outputs[name][i, : len(expected)].numpy()
            assert np.abs(found - expected.numpy()).max() < 1e-4 * np.abs(expected.numpy()).max()


def test_padding_never_changes_the_outputs(network):
    alone = run(network, clip(9))
    padded = run(network, clip(9), clip(17), padding=3)
    assert padded["sequence_logits"].shape == (2, 5, CLASSES)
    for name in ("sequence_logits", "conv_logits", "conv", "sequence", "frame", "frame_features"):
        own = alone[name][0]
        assert np.abs(own).max() > 1e-3
        assert np.abs(own - padded[name][0, : len(own)]).max() < 1e-5


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 8, 13])
def test_time_shrinks_by_four_rounded_up(network, frames):
    outputs = run(network, clip(frames))
    assert outputs["sequence_logits"].shape == outputs["conv_logits"].shape == (1, steps(frames), CLASSES)
    assert outputs["steps"].numpy().tolist() == [steps(frames)]
    assert outputs["frame_features"].shape == (1, frames, *TINY.feature_shape)


def test_frame_features_are_zero_beyond_the_end(network):
    outputs = run(network, clip(5), clip(8))
    assert not outputs["frame_features"][0, 5:].numpy().any()
    assert np.allclose(outputs["frame"], tf.reduce_mean(outputs["frame_features"], [2, 3]), atol=1e-6)


HALVED = replace(
    TINY, stem="patches", stem_stride=3, frame="all", temporal=TemporalOptions(every=2, stack="K5-P2-K5", width=24)
)


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 8, 13])
def test_every_second_frame_gives_the_same_steps(frames):
    """They are ceil(T/4), whatever T; the frames between are not looked at."""
    network = lively(HALVED)
    video = clip(frames)
    outputs = run(network, video)
    assert outputs["sequence_logits"].shape == (1, steps(frames), CLASSES)
    assert outputs["frame_features"].shape == (1, -(-frames // 2), *HALVED.feature_shape)
    assert outputs["seen"].numpy().tolist() == [-(-frames // 2)]
    video[1::2] = np.nan
    assert np.array_equal(run(network, video)["sequence_logits"], outputs["sequence_logits"])
    padded = run(network, video, clip(17), padding=3)
    assert np.abs(padded["sequence_logits"][0, : steps(frames)] - outputs["sequence_logits"][0]).max() < 1e-5


def test_the_whole_map_tells_where_things_are():
    """Its mean does not."""
    outputs = run(lively(HALVED), clip(4))
    expected = tf.reshape(outputs["frame_features"], outputs["frame"].shape)
    assert np.array_equal(outputs["frame"], expected)
    assert HALVED.frame_width == outputs["frame"].shape[-1] == 4 * TINY.frame_width


def test_places_tell_where_each_channel_is_between_cells_too():
    maps = np.zeros((1, 3, 5, 3), np.float32)
    maps[0, 2, 0, 0] = 9  # the lower left corner
    maps[0, 1, 3:, 1] = 9  # the middle row, between the fourth and the fifth of five columns
    rows, columns, strength = np.reshape(places(tf.constant(maps)), (3, 3))
    assert np.allclose(rows, [1, 0, 0], atol=1e-6)
    assert np.allclose(columns, [-1, 0.75, 0], atol=1e-6)
    assert strength.tolist() == [9, 9, 0]


def test_a_teacher_may_read_places_alone():
    options = replace(HALVED, frame="places")
    network = lively(options)
    outputs = run(network, clip(4))
    assert options.frame_width == outputs["frame"].shape[-1] == 3 * TINY.frame_width
    assert np.array_equal(outputs["frame"][0], places(outputs["frame_features"][0]))


def test_a_stem_of_patches_sees_every_pixel_once():
    network = CorrNet(replace(HALVED, widths=(4,), blocks=(1,), correlated=()), CLASSES)
    video = tf.constant(clip(1)[None])
    with tf.GradientTape() as tape:
        tape.watch(video)
        seen = network.stem.conv(video[0])
    kernel = network.stem.conv.kernel
    assert kernel.shape == (3, 3, 3, 4)
    expected = np.tile(tf.reduce_sum(kernel, -1), (8, 8, 1))
    assert np.allclose(tape.gradient(seen, video)[0, 0], expected, atol=1e-6)


def test_correlations_that_do_nothing_yet_leave_a_plain_resnet():
    """They also make the copies at a clip's edges go through the later stages, instead of their features."""
    plain = CorrNet(CorrNetOptions(**{**vars(TINY), "correlated": ()}), CLASSES)
    correlated = CorrNet(TINY, CLASSES)
    shared = {v.name: v for v in plain.weights}
    for variable in correlated.weights:
        if variable.name in shared:
            variable.assign(shared[variable.name])
    for frames in (1, 6):
        one, two = run(plain, clip(frames)), run(correlated, clip(frames))
        assert np.allclose(one["sequence_logits"], two["sequence_logits"], atol=1e-5)


def test_padding_enters_neither_statistics_nor_gradients(network):
    before, results = network.get_weights(), []
    for padding in (0, 6):
        network.set_weights(before)
        with tf.GradientTape() as tape:
            outputs = run(network, clip(9), clip(6), padding=padding, training=True)
            loss = tf.reduce_sum(outputs["conv_logits"][0, :3] ** 2) + tf.reduce_sum(outputs["conv_logits"][1, :2] ** 2)
            loss += tf.reduce_sum(outputs["frame_features"] ** 2)
        results.append([*tape.gradient(loss, network.stem.trainable_weights), *network.non_trainable_weights[:-1]])
        results[-1] = [tf.convert_to_tensor(value).numpy() for value in results[-1]]
    network.set_weights(before)
    for one, two in zip(*results, strict=True):
        assert np.allclose(one, two, rtol=1e-3, atol=1e-4)


def test_every_weight_learns_and_two_steps_are_alike_to_the_bit(network):
    before, results = network.get_weights(), []
    for _ in range(2):
        network.set_weights(before)
        with tf.GradientTape() as tape:
            outputs = run(network, clip(9), clip(6), training=True)
            loss = tf.reduce_sum(outputs["conv_logits"] ** 2) + tf.reduce_sum(outputs["sequence_logits"] ** 2)
        results.append(tape.gradient(loss, network.trainable_weights))
    network.set_weights(before)
    for variable, one, two in zip(network.trainable_weights, *results, strict=True):
        assert one is not None, variable.name
        one, two = tf.convert_to_tensor(one).numpy(), tf.convert_to_tensor(two).numpy()
        assert np.isfinite(one).all()
        # A bias before a normalisation is the one thing that cannot matter.
        assert one.any() or "head/conv" in variable.name, variable.name
        assert np.array_equal(one, two), variable.name


def test_paper_size():
    """CorrNet has 33.4 M parameters with PHOENIX14's 1,296 classes."""
    network = CorrNet(CorrNetOptions(), 1296)
    assert network.count_params() == pytest.approx(33.4e6, rel=0.001)
    assert CorrNetOptions().feature_shape == (7, 7, 512)


def test_options_pass_through_a_recipe(tmp_path):
    (tmp_path / "model.toml").write_text(config.to_toml(config.to_table(TINY)))
    assert config.load(CorrNetOptions, tmp_path / "model.toml") == TINY


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"widths": ()}, "widths"),
        ({"blocks": (2, 2)}, "blocks: expected a number for each of 3 stages"),
        ({"correlated": (4,)}, "correlated: expected stages from 1 to 3"),
        ({"stem": "large"}, "stem: expected imagenet or small"),
        ({"size": 0}, "size"),
        ({"correlation_chunk": 0}, "correlation_chunk"),
    ],
)
def test_unfit_options_are_refused(change, message):
    with pytest.raises(UsageError, match=message):
        CorrNetOptions(**{**vars(TINY), **change})


@pytest.mark.parametrize("change", [{"width": 25}, {"lstm_layers": 0}, {"dropout": 1.0}, {"stack": "K5-P2"}])
def test_unfit_temporal_options_are_refused(change):
    with pytest.raises(UsageError, match=r"temporal"):
        TemporalOptions(**change)
