"""A network that reads video first learns where things are, and may go on telling it beside the glosses."""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from tqdm import tqdm

from tests.tiny_video import write_tiny_video
from tf_slr.core import files
from tf_slr.core.errors import UsageError
from tf_slr.core.landmarks import POINTS, RIGHT_HAND, VALUES
from tf_slr.corpus.manifest import Corpus
from tf_slr.models.corrnet import CorrNet, CorrNetOptions
from tf_slr.models.lrinet import LriNet, LriNetOptions
from tf_slr.models.temporal import TemporalOptions
from tf_slr.training import checkpoints, pretraining
from tf_slr.training.landmark_head import LandmarkHead, landmark_distance
from tf_slr.training.networks import stream_of, stream_under
from tf_slr.training.recipe import load_recipe
from tf_slr.training.runs import Run
from tf_slr.training.trainer import Trainer

FIRST = "pretrain.epochs=3", "pretrain.clips=4", "pretrain.pictures=4", "training.epochs=1"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return Corpus(write_tiny_video(tmp_path_factory.mktemp("tracked"), track=True))


def weights_of(trainer):
    return [weight.numpy() for weight in trainer.network.weights]


def equal(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_it_learns_where_the_hand_is(tmp_path, corpus, recipe):
    trainer = Trainer(corpus, recipe(*FIRST, "pretrain.epochs=25", "model.frame=all"), tmp_path / "run")
    trainer.fit()
    network, head = trainer.network, LandmarkHead(trainer.recipe.model.frame_width)
    # What it knew when pretraining ended, before it went on to glosses.
    regression = pretraining.LandmarkRegression(network, head, tf_keras.optimizers.SGD())
    checkpoints.load(trainer.run.pretrained, regression=regression.weights)
    video = stream_of(trainer.recipe.model, trainer.recipe.features, corpus, trainer.dev).shown(0, None)
    truth = stream_under(trainer.recipe.features.normalisation, corpus, trainer.dev).shown(0, None)
    wrist = truth.reshape(-1, POINTS, 3)[:, RIGHT_HAND.start, :2]
    predicted = head(network.encode_frames(tf.constant(video))[None])[0].numpy()[:, RIGHT_HAND.start, :2]
    assert np.mean((predicted - wrist) ** 2) < 0.25 * np.mean((wrist - wrist.mean(0)) ** 2)


@pytest.mark.slow
def test_interrupted_it_goes_on_as_if_nothing_had_happened(tmp_path, corpus, recipe, monkeypatch):
    whole = Trainer(corpus, recipe(*FIRST), tmp_path / "whole")
    whole.fit()
    save = checkpoints.save

    def save_and_die(*args, **groups):
        save(*args, **groups)
        raise KeyboardInterrupt

    broken = Trainer(corpus, recipe(*FIRST), tmp_path / "broken")
    with monkeypatch.context() as patch:
        patch.setattr(pretraining.checkpoints, "save", save_and_die)
        with pytest.raises(KeyboardInterrupt):
            broken.fit()
    again = Trainer(corpus, recipe(*FIRST), tmp_path / "broken")
    again.fit()
    assert equal(weights_of(whole), weights_of(again))
    without = Trainer(corpus, recipe(*FIRST, "pretrain.epochs=0"), tmp_path / "without")
    without.fit()
    assert not equal(weights_of(whole), weights_of(without))


def test_it_does_not_depend_on_what_is_distilled_afterwards(tmp_path, corpus, recipe):
    ends = []
    for name, settings in (("alone", ()), ("distilled", ("distill.inner=1.0",))):
        trainer = Trainer(corpus, recipe(*FIRST, "pretrain.epochs=1", *settings), tmp_path / name)
        trainer._pretrain()
        ends.append(files.read_npz(trainer.run.pretrained))
    assert all(np.array_equal(ends[0][name], ends[1][name]) for name in ends[0] | ends[1])


@pytest.mark.slow
def test_landmarks_may_be_told_beside_the_glosses(tmp_path, corpus, recipe):
    settings = "training.landmarks=5", "training.epochs=4", "training.checkpoint_steps=3"
    whole = Trainer(corpus, recipe(*settings), tmp_path / "whole")
    whole.fit()
    told = [line["landmarks"] for line in whole.run.metrics()]
    assert told[-1] < 0.5 * told[0]
    # The layer that tells them ends with the training.
    assert len(Run(tmp_path / "whole").network().weights) == len(whole.network.weights)

    broken = Trainer(corpus, recipe(*settings), tmp_path / "broken")
    broken._segment(tqdm(disable=True))
    checkpoints.save(broken.run.last, broken.state, **broken._variables())
    again = Trainer(corpus, recipe(*settings), tmp_path / "broken")
    again.fit()
    assert equal(weights_of(whole), weights_of(again))


def test_what_cannot_be_told_is_refused_before_a_run_begins(tmp_path, recipe, video_corpus):
    for settings in (("pretrain.epochs=1",), ("training.landmarks=1",)):
        with pytest.raises(UsageError, match="no landmarks"):
            Trainer(Corpus(video_corpus), recipe(*settings), tmp_path / "run")
        with pytest.raises(UsageError, match="for networks that read video"):
            load_recipe("default", settings)
    for view in ("features.close_up=3", "features.details=1"):
        with pytest.raises(UsageError, match="are of pictures, which"):
            load_recipe("default", [view])
    with pytest.raises(UsageError, match=r"expected an even model\.size from 16, .* received 49"):
        load_recipe("signsynth-teacher", ["model.size=49", "features.details=1"])
    assert not (tmp_path / "run").exists()
    with pytest.raises(UsageError, match=r"model\.widths: expected at least 8"):
        recipe("model.widths=[6,12,16]")
    for wrong in ("pretrain.epochs=-1", "pretrain.pictures=0", "pretrain.learning_rate=0", "training.landmarks=-1",
                  "features.close_up=0.5", "features.details=30"):  # fmt: skip
        with pytest.raises(UsageError, match=wrong.partition("=")[0]):
            recipe(wrong)


@pytest.mark.parametrize(
    "network",
    [
        CorrNet(CorrNetOptions(size=16, stem="small", stem_stride=1, widths=(4, 6), blocks=(1, 1), correlated=(1,),
                               frame="all", temporal=TemporalOptions(every=2, stack="K5-P2-K5", width=8)), 5),
        LriNet(LriNetOptions(size=16, scale=8, widths=(4, 6), blocks=(1, 1), plain_blocks=1), 5),
    ],
    ids=["corrnet", "lrinet"],
)  # fmt: skip
def test_a_picture_is_seen_as_the_clip_of_one_picture_is(network):
    pictures = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), np.uint8)
    clips = network({"video": tf.constant(pictures[:, None]), "frames": tf.ones(5, tf.int32)})
    np.testing.assert_allclose(network.encode_frames(tf.constant(pictures)), clips["frame"][:, 0], atol=1e-5)
    others = {id(variable) for variable in network.head.trainable_variables}
    assert not others & {id(variable) for variable in network.frame_variables}


def test_what_was_not_found_and_what_is_not_looked_at_does_not_count():
    rng = np.random.default_rng(0)
    landmarks = rng.normal(size=(2, 6, POINTS, 3)).astype(np.float32)
    told = landmarks[:, ::2] + 2.0
    landmarks[:, :, RIGHT_HAND] = 0.0
    flat = landmarks.reshape(2, 6, VALUES)
    assert float(landmark_distance(told, flat, tf.constant([6, 3]), 2)[0]) == pytest.approx(4.0, rel=1e-5)
    told[1, 2] = 1e6  # beyond the shorter clip's end
    assert float(landmark_distance(told, flat, tf.constant([6, 3]), 2)[0]) == pytest.approx(4.0, rel=1e-5)
    assert float(landmark_distance(told, flat * 0, tf.constant([6, 3]), 2)[0]) == 0.0
