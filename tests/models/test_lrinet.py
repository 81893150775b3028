"""The low-resolution student: TSCM, the teacher's scale, and the deployed graph's parity."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from export.convert import convert
from export.verify import check_operators
from tests.models.test_corrnet import clip, run
from tf_slr.core.errors import UsageError
from tf_slr.core.timing import steps
from tf_slr.models.corrnet import CorrNet, CorrNetOptions
from tf_slr.models.lrinet import LriNet, LriNetOptions
from tf_slr.models.packing import Packing
from tf_slr.models.temporal import TemporalOptions
from tf_slr.models.tscm import channel_order, sorted_tscm, tscm
from tf_slr.runtime.student import Student

TEACHER = CorrNetOptions(
    size=48, widths=(16, 16, 24), blocks=(1, 1, 2), correlated=(), temporal=TemporalOptions(width=24)
)
SMALL = LriNetOptions.of_teacher(TEACHER)
CLASSES = 7


def lively(options):
    """A network whose statistics and biases are no longer the initial ones."""
    tf.keras.utils.set_random_seed(1)
    network = LriNet(options, CLASSES)
    for convolution in network.head.convolutions:
        convolution.bias.assign(tf.random.normal(convolution.bias.shape))
    for seed in range(3):
        run(network, clip(9, options.size, seed), clip(14, options.size, seed), training=True)
    return network


@pytest.fixture(scope="module")
def network():
    return lively(SMALL)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=3), st.integers(1, 8))
def test_tscm_takes_a_third_from_each_neighbour(lengths, channels):
    x = np.random.default_rng(0).normal(size=(sum(lengths), 2, 3, channels)).astype(np.float32)
    packing = Packing(tf.constant(lengths))
    found = tscm(tf.constant(x), packing.first, packing.last).numpy()
    start = 0
    for length in lengths:
        for t in range(length):
            for channel in range(channels):
                # A frame that is missing is replaced by the frame itself.
                source = min(max(t + channel % 3 - 1, 0), length - 1)
                assert np.array_equal(found[start + t, ..., channel], x[start + source, ..., channel])
        start += length


@given(st.integers(1, 5), st.integers(1, 8))
def test_deployed_tscm_is_the_same_in_another_order_of_channels(frames, channels):
    x = tf.constant(np.random.default_rng(0).normal(size=(frames, 2, 2, channels)))
    packing = Packing(tf.constant([frames]))
    expected = tscm(x, packing.first, packing.last).numpy()
    assert np.array_equal(sorted_tscm(x), expected[..., channel_order(channels)])


def test_features_have_the_teachers_scale(network):
    teacher = run(CorrNet(TEACHER, CLASSES), clip(5, TEACHER.size))
    student = run(network, clip(5, SMALL.size))
    assert SMALL.size == TEACHER.size // 4
    for name in ("frame_features", "sequence_logits", "conv_logits"):
        assert student[name].shape == teacher[name].shape


def test_the_papers_teacher_has_a_student_for_a_quarter_of_its_resolution():
    options = LriNetOptions.of_teacher(CorrNetOptions())
    assert options == LriNetOptions()
    assert (options.size, options.feature_shape) == (56, (7, 7, 512))


def test_upsampled_features_spread_a_smaller_map(network):
    options = LriNetOptions.of_teacher(TEACHER, recover="upsample")
    assert (options.size, options.sides[-1], options.feature_shape) == (12, 1, TEACHER.feature_shape)
    outputs = run(LriNet(options, CLASSES), clip(5, 12))
    assert outputs["frame_features"].shape == (1, 5, *TEACHER.feature_shape)
    assert np.allclose(outputs["frame_features"], outputs["frame"][:, :, None, None], atol=1e-6)


@pytest.mark.parametrize(
    ("plain_blocks", "touched"), [(4, [6]), (3, [4, 5, 6, 7, 8]), (2, [2, 3, 4, 5, 6, 7, 8, 9, 10])]
)
def test_frames_are_mixed_by_tscm_alone(plain_blocks, touched):
    """A block with TSCM before its two convolutions sees two frames further in both directions, a plain one none."""
    network = lively(replace(SMALL, plain_blocks=plain_blocks))
    video = clip(12, SMALL.size)
    changed = video.copy()
    changed[6] = -changed[6]
    difference = np.abs(run(network, video)["frame"] - run(network, changed)["frame"])[0].max(-1)
    assert np.flatnonzero(difference > 1e-6).tolist() == list(touched)


@pytest.mark.parametrize("frames", [1, 2, 5, 8])
def test_padding_never_changes_the_outputs(network, frames):
    alone = run(network, clip(frames, SMALL.size))
    padded = run(network, clip(frames, SMALL.size), clip(17, SMALL.size), padding=3)
    assert alone["sequence_logits"].shape == (1, steps(frames), CLASSES)
    for name in ("sequence_logits", "conv_logits", "frame_features", "frame"):
        own = alone[name][0]
        assert np.abs(own - padded[name][0, : len(own)]).max() < 1e-5


# Every second frame, patches of pixels, the whole last map.
HALVED = replace(SMALL, size=24, stem="patches", stem_stride=2, frame="all",
                 temporal=TemporalOptions(width=24, every=2, stack="K5-P2-K5"))  # fmt: skip


# Convolutions of channels alone, then of positions alone; where their features' places are.
SEPARABLE = replace(HALVED, separable=True, frame="places", widths=(5, 8, 24))


@pytest.mark.parametrize("options", [SMALL, HALVED, SEPARABLE], ids=["of the teacher", "halved", "separable"])
def test_the_deployed_graph_gives_the_same_logits(options):
    network = lively(options)
    network.classifier.blank_bias = -1.5
    model = convert(network)
    assert check_operators(model, "LRINet")["UNIDIRECTIONAL_SEQUENCE_LSTM"] == 4
    student = Student(model)
    for frames in (1, 2, 7, 12, 25):
        pictures = np.random.default_rng(frames).integers(0, 256, (frames, *student.shape), student.dtype)
        expected = run(network, pictures / np.float32(127.5) - 1)["sequence_logits"][0].numpy()
        found = student.logits(pictures)
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()
        assert np.array_equal(student.logits(pictures), found)  # no state is left


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 24}, r"frames of 24 pixels give features of 6 x 6, expected the teacher's 3 x 3"),
        ({"recover": "upsample"}, "need no up-sampling"),
        ({"plain_blocks": 5}, "plain_blocks: expected 0 to 4"),
        ({"blocks": (1,)}, "blocks"),
        ({"stem": "large"}, "stem"),
    ],
)
def test_unfit_options_are_refused(change, message):
    with pytest.raises(UsageError, match=message):
        replace(SMALL, **change)
