"""CRKD: a low-resolution student learns from a frozen teacher that sees the same frames at high resolution."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from tests.tiny_video import RECIPE, write_tiny_video
from tf_slr.cli.main import main
from tf_slr.core import files
from tf_slr.core.errors import UsageError
from tf_slr.corpus.manifest import Corpus
from tf_slr.features.augment import NONE, AugmentOptions
from tf_slr.features.batches import FeatureOptions, TrainingBatches
from tf_slr.features.frames import KeptPictures
from tf_slr.features.splits import load_split
from tf_slr.models.corrnet import CorrNetOptions
from tf_slr.models.mslr import MslrOptions
from tf_slr.models.temporal import TemporalOptions
from tf_slr.training import checkpoints
from tf_slr.training.networks import build, inputs_of, stream_of
from tf_slr.training.options.distill import DistillOptions
from tf_slr.training.pretraining import PretrainOptions
from tf_slr.training.recipe import Recipe, TrainingOptions, load_recipe
from tf_slr.training.runs import Run
from tf_slr.training.teacher import FEATURES, SEEN, Teacher
from tf_slr.training.trainer import Trainer

pytestmark = pytest.mark.slow

DISTILL = """
[distill]
conv = 10.0
sequence = 10.0
features = 10.0
temperature = 1.0
online = true
"""
# Four times the student's resolution, and its scale of 4 x 4 x 24.
TEACHER = CorrNetOptions(size=64, stem="small", stem_stride=4, widths=(8, 12, 24), blocks=(1, 1, 1), correlated=(2,),
                         temporal=TemporalOptions(width=32, lstm_layers=1))  # fmt: skip


def untrained_run(root, corpus, model, **others):
    """A run whose weights are random but give decided logits, which is enough of a teacher."""
    run = Run(root)
    run.start(corpus, Recipe(model=model, training=TrainingOptions(batch=4), **others))
    network = build(model, run.vocabulary.classes, seed=3)
    if isinstance(model, CorrNetOptions):
        gains = [norm.gamma for norm in network.head.norms]
        for weight in gains + [weight for lstm in network.head.lstms for weight in lstm.trainable_weights]:
            weight.assign(8 * weight)
    checkpoints.save(run.best, {}, network=network.weights)
    return root


@pytest.fixture(scope="module")
def corpus(video_corpus):
    return Corpus(video_corpus)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory, corpus):
    return untrained_run(tmp_path_factory.mktemp("crkd") / "teacher", corpus, TEACHER)


@pytest.fixture(scope="module")
def recipe_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("crkd") / "crkd.toml"
    path.write_text(RECIPE + DISTILL)
    return path


@pytest.fixture(scope="module")
def recipe(recipe_path, teacher):
    settings = [f"distill.teacher={json.dumps(str(teacher))}", "training.epochs=3", "training.checkpoint_steps=4"]
    return load_recipe(str(recipe_path), settings)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, corpus, recipe):
    """A finished run, and the teacher's weights before and after."""
    root = tmp_path_factory.mktemp("crkd") / "student"
    trainer = Trainer(corpus, recipe, root)
    before = trainer.model.teacher.get_weights()
    trainer.fit()
    return root, before, trainer.model.teacher.get_weights()


def test_the_student_comes_nearer_to_a_teacher_that_does_not_move(unbroken):
    root, before, after = unbroken
    first, *_, last = Run(root).metrics()
    for name in ("loss", "kd_features", "kd_conv", "kd_sequence"):
        assert 0 < last[name] < first[name], name
    assert all(np.array_equal(old, new) for old, new in zip(before, after, strict=True))


def test_an_interrupted_run_ends_in_the_same_weights(tmp_path, corpus, recipe, unbroken, monkeypatch):
    def dying(path, *state, **groups):
        save(path, *state, **groups)
        if files.read_npz(path)["state"].tobytes().find(b'"epoch": 1, "batch": 4') >= 0:
            raise KeyboardInterrupt

    save = checkpoints.save
    monkeypatch.setattr(checkpoints, "save", dying)
    with pytest.raises(KeyboardInterrupt):
        Trainer(corpus, recipe, tmp_path / "run").fit()
    monkeypatch.undo()
    Trainer(corpus, recipe, tmp_path / "run").fit()
    ends = [files.read_npz(root / "last.npz") for root in (unbroken[0], tmp_path / "run")]
    assert ends[0].keys() == ends[1].keys()
    assert all(np.array_equal(ends[0][name], ends[1][name]) for name in ends[0].keys() - {"state"})
    timeless = [
        [{key: value for key, value in line.items() if key != "seconds"} for line in Run(root).metrics()]
        for root in (unbroken[0], tmp_path / "run")
    ]
    assert timeless[0] == timeless[1]


def test_both_see_one_change_at_their_own_resolution(corpus, recipe, teacher):
    split, vocabulary = load_split(corpus, "train"), corpus.vocabulary()
    strong = AugmentOptions(rotate=1, rotate_degrees=20, translate=0.2, scale=0.1, fuse=0, speed=0.4)
    features = FeatureOptions(augment=strong)
    streams = [
        stream_of(recipe.model, features, corpus, split),
        Teacher(teacher, corpus, vocabulary).seen(split, KeptPictures(0)),
    ]
    batches = TrainingBatches(split, streams, vocabulary, features, size=8, seed=0)
    batch = next(iter(batches.dataset(0, 0, 1)))
    fine, coarse = (tf.cast(batch[name], tf.float32) for name in (SEEN, "video"))
    assert (fine.shape[2:], coarse.shape[2:]) == ((64, 64, 3), (16, 16, 3))
    # The grey ground is noise; the bright square is in the same place for both.
    shrunk = tf.reshape(fine, (*fine.shape[:2], 16, 4, 16, 4, 3)).numpy().mean((3, 5))
    assert np.abs(shrunk - coarse).mean() < 6
    others = np.roll(shrunk, 1, 0)
    assert np.abs(others - coarse).mean() > 15


def command(recipe_path, corpus, run, *more):
    return main(["train", "--corpus", str(corpus.root), "--run", str(run), "--recipe", str(recipe_path), *more])


def test_a_recipe_that_distils_asks_for_its_teacher(tmp_path, corpus, recipe_path, capsys):
    assert command(recipe_path, corpus, tmp_path / "run") == 1
    assert "learn from a teacher; name its run with --teacher RUN" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (CorrNetOptions(size=64, stem="small", stem_stride=2, widths=(8, 12, 24), blocks=(1, 1, 1), correlated=(),
                        temporal=TemporalOptions(width=8, lstm_layers=1)),
         "the student's frame-level features are 4 x 4, those of the teacher {root} 8 x 8"),
        (CorrNetOptions(size=64, stem="small", stem_stride=4, widths=(8, 12, 24), blocks=(1, 1, 1), correlated=(),
                        temporal=TemporalOptions(width=8, lstm_layers=1, every=2, stack="K5-P2-K5")),
         "must look at the same frames; model.temporal.every is 1, that of the teacher {root} 2"),
        (MslrOptions(width=8, hidden=4), "{root}: reads landmarks; distill.features needs a teacher that reads video"),
    ],
)  # fmt: skip
def test_a_teacher_of_other_features_is_refused_before_any_work(tmp_path, corpus, recipe_path, model, message, capsys):
    root = untrained_run(tmp_path / "teacher", corpus, model)
    assert command(recipe_path, corpus, tmp_path / "run", "--teacher", str(root)) == 1
    assert message.format(root=root) in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("view", [{"close_up": 3.0}, {"details": 0.7}, {"margin": 1.0}])
def test_features_of_other_parts_of_a_picture_are_not_compared(tmp_path, corpus, recipe, view):
    features = FeatureOptions(**view)
    root = untrained_run(tmp_path / "teacher", corpus, TEACHER, features=features)
    teacher = Teacher(root, corpus, corpus.vocabulary())
    with pytest.raises(UsageError, match="must see the same part of a picture"):
        teacher.comparable_channels(recipe)
    assert teacher.comparable_channels(dataclasses.replace(recipe, features=features)) == TEACHER.widths[-1]


@pytest.mark.parametrize("landmarks", [0.0, 2.0])
def test_what_training_starts_from_does_not_depend_on_whom_it_learns_from(tmp_path, recipe, landmarks):
    """So pretraining may be shared by runs that differ in distillation alone."""
    corpus = Corpus(write_tiny_video(tmp_path / "corpus", track=True))
    teacher = untrained_run(tmp_path / "teacher", corpus, TEACHER)
    starts = []
    for name, others in {"alone": {}, "kept": {"online": False}, "online": {"online": True}}.items():
        distill = dataclasses.replace(recipe.distill, teacher=str(teacher), **others) if others else DistillOptions()
        training = dataclasses.replace(recipe.training, landmarks=landmarks, epochs=1)
        pretrain = PretrainOptions(epochs=1, pictures=1, clips=8)
        chosen = dataclasses.replace(recipe, distill=distill, training=training, pretrain=pretrain)
        trainer = Trainer(corpus, chosen, tmp_path / name)
        trainer._pretrain()
        starts.append(files.read_npz(trainer.run.pretrained))
    for array in starts[0].keys() - {"state"}:
        assert all(np.array_equal(start[array], starts[0][array]) for start in starts[1:]), array


def test_kept_features_are_those_of_the_clip_as_it_is(tmp_path, corpus, recipe, teacher):
    """So where augmentation changes nothing they teach what a teacher would that sees every batch."""
    still = dataclasses.replace(recipe.features, augment=NONE)
    losses, head = {}, None
    for online in (True, False):
        distill = dataclasses.replace(recipe.distill, online=online)
        trainer = Trainer(corpus, dataclasses.replace(recipe, features=still, distill=distill), tmp_path / str(online))
        (batch,) = trainer.batches.dataset(0, 0, 1)
        assert (FEATURES in batch, SEEN in batch) == (not online, online)
        model = trainer.model
        head = head or model.feature_head  # one is as good as the other before training
        model.feature_head = head
        losses[online] = model.losses_of(model(inputs_of(batch)), batch, model._taught(batch))
    assert losses[True].keys() == losses[False].keys()
    for name, loss in losses[True].items():
        assert float(losses[False][name]) == pytest.approx(float(loss), rel=2e-3), name
    assert losses[True]["kd_features"] > 0.01
