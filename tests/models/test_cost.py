"""Multiply-adds, counted by hand and by the graph that is deployed."""

import pytest
import tensorflow as tf

from tf_slr.models.corrnet import CorrNetOptions
from tf_slr.models.cost import multiply_adds
from tf_slr.models.lrinet import LriNet, LriNetOptions, inference_graph
from tf_slr.models.mslr import MslrOptions
from tf_slr.models.temporal import TemporalOptions
from tf_slr.training.recipe import load_recipe

TEMPORAL = TemporalOptions(width=20, lstm_layers=1)


def test_corrnet_by_hand():
    options = CorrNetOptions(size=8, stem="small", stem_stride=2, widths=(16, 32), blocks=(1, 1), correlated=(2,),
                             temporal=TEMPORAL)  # fmt: skip
    own, edged = 5, 8 + 12  # frames: the clip's own, and with its edges, from which 16 and 6 steps are convolved
    stem = 4 * 4 * 9 * 3 * 16
    first = 4 * 4 * 9 * (16 * 16 + 16 * 16)
    second = 2 * 2 * (9 * 16 * 32 + 9 * 32 * 32 + 16 * 32)
    affinities = 2 * (4 * 4 * 32 + 4 * 4 * 32)
    maps = 4 * (32 * 32 + 32 * 2 + 3 * 9 * 9 * 2 + 2 * 32)
    over_time = 16 * 5 * 32 * 20 + (8 - 4) * 5 * 20 * 20 + 2 * (2 * 4 * 10 * (20 + 10) + 20 * 7)
    expected = own * (stem + first + second) + edged * (affinities + maps) + over_time
    assert multiply_adds(options, classes=7, frames=5) == expected


def test_of_every_second_frame_half_is_counted():
    temporal = TemporalOptions(width=20, lstm_layers=1, every=2, stack="K5-P2-K5")
    options = CorrNetOptions(size=8, stem="patches", stem_stride=2, widths=(16,), blocks=(1,), correlated=(),
                             frame="all", temporal=temporal)  # fmt: skip
    of_frame = 4 * 4 * (4 * 3 * 16 + 9 * (16 * 16 + 16 * 16))
    # Nine frames, five of which are looked at: six, and the edges of six on either side; then a pooling.
    over_time = 14 * 5 * 256 * 20 + 3 * 5 * 20 * 20 + 3 * (2 * 4 * 10 * (20 + 10) + 20 * 7)
    assert multiply_adds(options, classes=7, frames=9) == 5 * of_frame + over_time


def test_resnet18_costs_what_is_known_of_it():
    """1.814 G multiply-adds for 224 pixels, of which 0.5 M are its classifier's."""
    options = CorrNetOptions(correlated=())
    of_frames = [multiply_adds(options, 1296, frames) for frames in (4, 8)]
    rest = 4 * 5 * 1024 * 512 + 2 * 5 * 1024 * 1024 + 2 * 2 * 4 * 512 * (1024 + 512) + 1024 * 1296
    assert (of_frames[1] - of_frames[0] - rest) / 4 == pytest.approx(1.8136e9, rel=1e-4)


def test_mslr_by_hand():
    options = MslrOptions(width=6, hidden=4, temporal="K3-P2-K5-P2")
    expected = 9 * 3 * 276 * 6 + 5 * 5 * 6 * 6 + 3 * (2 * 4 * 4 * (6 + 4) + 8 * 6 + 6 * 7)
    assert multiply_adds(options, classes=7, frames=9) == expected


@pytest.mark.parametrize(
    ("stem", "stride", "size", "scale", "separable"),
    [("small", 1, 8, 4, False), ("imagenet", 2, 24, 3, False), ("patches", 2, 12, 3, False), ("small", 1, 8, 4, True)],
)
def test_lrinet_by_its_deployed_graph(stem, stride, size, scale, separable):
    options = LriNetOptions(size=size, scale=scale, stem=stem, stem_stride=stride, widths=(4, 8), blocks=(2, 1),
                            separable=separable, plain_blocks=1, temporal=TEMPORAL)  # fmt: skip
    graph, frames = inference_graph(LriNet(options, 7)), 12  # of which no step is convolved in vain
    traced = tf.function(graph).get_concrete_function(tf.TensorSpec((1, frames, size, size, 3), tf.uint8))
    convolved = 0
    for node in traced.graph.get_operations():
        if node.type == "Conv2D":
            outputs, kernel = node.outputs[0].shape, node.inputs[1].shape
            convolved += outputs.num_elements() * kernel[0] * kernel[1] * kernel[2]
        elif node.type == "DepthwiseConv2dNative":
            convolved += node.outputs[0].shape.num_elements() * 9
    recurrent = 3 * (2 * 4 * 10 * (20 + 10) + 20 * 7)
    # The deployed graph prolongs every clip as if its length were no multiple of 4: by 3 frames, which are convolved.
    in_vain = 3 * 5 * 8 * 20 + 1 * 5 * 20 * 20
    assert multiply_adds(options, classes=7, frames=frames) == convolved - in_vain + recurrent


@pytest.mark.parametrize(
    ("student", "teacher"),
    [("signsynth-lrinet-kd", "signsynth-teacher"), ("signsynth-crkd", "signsynth-teacher")],
)
def test_the_shipped_low_resolution_students_cost_at_most_a_tenth_of_their_teachers(student, teacher):
    student, teacher = load_recipe(student, ('distill.teacher="run"',)), load_recipe(teacher)
    assert multiply_adds(student.model, 81, 200) <= multiply_adds(teacher.model, 81, 200) / 10
    if student.distill.features:
        assert student.model.scale == teacher.model.sides[-1]
        assert student.model.size < teacher.model.size
