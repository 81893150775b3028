"""What a teacher says is kept once, checked when read, and reaches the student of the same clip; training resumes."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from hypothesis import given
from hypothesis import strategies as st

from tf_slr.core import config, files
from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.glosses import Vocabulary
from tf_slr.core.landmarks import Normalisation
from tf_slr.corpus.manifest import Corpus, write_clip
from tf_slr.features.augment import Change
from tf_slr.features.batches import TrainingBatches
from tf_slr.features.frames import KeptPictures
from tf_slr.features.splits import load_split
from tf_slr.training.evaluation import network_outputs
from tf_slr.training.kept import follow
from tf_slr.training.networks import build, inputs_of, stream_of
from tf_slr.training.options.distill import DistillOptions
from tf_slr.training.recipe import Recipe, load_recipe
from tf_slr.training.recogniser import Recogniser
from tf_slr.training.teacher import CONV, SEEN, SEQUENCE, Teacher
from tf_slr.training.trainer import Trainer


@pytest.fixture
def teacher(tiny_run, tiny_corpus, tmp_path):
    """A teacher that may be damaged: a copy of the tiny run, which reads landmarks."""
    root = shutil.copytree(tiny_run, tmp_path / "teacher")
    corpus = Corpus(tiny_corpus)
    return Teacher(root, corpus, corpus.vocabulary())


def test_logits_are_computed_once_and_belong_to_their_clips(teacher):
    split = load_split(teacher.corpus, "train")
    teacher.kept(split.part(range(5, 15)))
    (folder,) = (teacher.run.root / "kept").iterdir()
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert len(before) == 10
    conv, sequence = teacher.kept(split)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert (conv.name, sequence.name, conv.stride) == (CONV, SEQUENCE, 4)
    stream = stream_of(teacher.recipe.model, teacher.recipe.features, teacher.corpus, split)
    frames = [sample.frames for sample in split.samples]
    expected = network_outputs(teacher.network, stream, frames, ["conv_logits", "sequence_logits"])
    for i, (of_conv, of_sequence) in enumerate(expected):
        assert np.allclose(conv.shown(i, None), of_conv, rtol=2e-3, atol=2e-3)
        assert np.allclose(sequence.shown(i, None), of_sequence, rtol=2e-3, atol=2e-3)

    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert len(before) == len(split.samples)
    damaged, lost = sorted(before)[:2]
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    lost.unlink()
    with pytest.raises(DataError, match=damaged.name):
        [conv.shown(i, None) for i in range(len(frames))]
    again, _ = teacher.kept(split)
    changed = {path for path in folder.iterdir() if path.stat().st_mtime_ns != before[path]}
    assert changed == {damaged, lost}
    assert all(np.array_equal(again.shown(i, None), conv.shown(i, None)) for i in range(len(frames)))

    # A list that names another clip by the same name.
    renamed = replace(split.samples[0], landmarks="landmarks/another.npz")
    teacher.kept(split._replace(samples=[renamed, *split.samples[1:]]))
    assert len(list(folder.iterdir())) == len(before) + 1


def test_a_clip_made_anew_is_asked_for_anew(tiny_run, tiny_corpus, tmp_path):
    """Extracted or rendered once more in the same place, by the same name and as long as it was."""
    corpus = Corpus(shutil.copytree(tiny_corpus, tmp_path / "corpus"))
    teacher = Teacher(shutil.copytree(tiny_run, tmp_path / "teacher"), corpus, corpus.vocabulary())
    samples = corpus.split("dev")
    first = teacher.kept(load_split(corpus, "dev"))[1].shown(0, None)
    clip = corpus.clip(samples[0])
    write_clip(corpus.root / samples[0].landmarks, clip._replace(landmarks=clip.landmarks[::-1]))
    again = teacher.kept(load_split(corpus, "dev"))[1]
    assert not np.allclose(again.shown(0, None), first)
    (folder,) = (teacher.run.root / "kept").iterdir()
    assert len(list(folder.iterdir())) == len(samples) + 1


def test_other_weights_have_other_logits(teacher):
    split = load_split(teacher.corpus, "dev")
    teacher.kept(split)
    shutil.copy(teacher.run.last, teacher.run.best)
    teacher.kept(split)
    assert len(list((teacher.run.root / "kept").iterdir())) == 2


@pytest.mark.parametrize(
    ("change", "folders"), [({"kept": 1, "workers": 7}, 1), ({"normalisation": Normalisation(part_gain=3.0)}, 2)]
)
def test_logits_are_kept_for_what_is_seen_and_not_for_how_it_is_read(teacher, change, folders):
    split = load_split(teacher.corpus, "dev")
    teacher.kept(split)
    teacher.recipe = replace(teacher.recipe, features=replace(teacher.recipe.features, **change))
    teacher.kept(split)
    assert len(list((teacher.run.root / "kept").iterdir())) == folders


def test_a_teacher_of_other_glosses_is_refused(teacher):
    with pytest.raises(UsageError, match="was trained on other glosses than the student"):
        Teacher(teacher.run.root, teacher.corpus, Vocabulary(("A", "B")))


def test_what_a_landmark_network_lacks_is_said(teacher):
    with pytest.raises(UsageError, match=r"distill\.features .* model\.kind = 'mslr' does not have"):
        Recipe(distill=DistillOptions(teacher="run", features=1.0, online=True))


def test_a_teacher_of_landmarks_sees_what_the_student_sees(teacher):
    """Online: augmentation, noise included, is one draw; a student that is its teacher has nothing to learn."""
    split = load_split(teacher.corpus, "train")
    recipe = load_recipe("default", ["features.augment.flip=1.0", "features.augment.jitter=0.1"])
    student = stream_of(recipe.model, recipe.features, teacher.corpus, split)
    batches = TrainingBatches(
        split, [student, teacher.seen(split, KeptPictures(0))], teacher.corpus.vocabulary(), recipe.features, 8, seed=1
    )
    batch = next(iter(batches.dataset(0, 0, 1)))
    assert np.array_equal(batch[SEEN], batch["landmarks"])
    assert not np.array_equal(batch[SEEN], next(iter(batches.dataset(1, 0, 1)))[SEEN])
    options = DistillOptions(teacher=str(teacher.run.root), conv=1.0, sequence=1.0, online=True)
    model = Recogniser(teacher.network, 1.0, options, teacher.network)
    losses = model.losses_of(model(inputs_of(batch)), batch, model._taught(batch))
    assert abs(float(losses["kd_sequence"]) + float(losses["kd_conv"])) < 1e-4
    other = Recogniser(build(teacher.recipe.model, teacher.run.vocabulary.classes, 1), 1.0, options, teacher.network)
    losses = other.losses_of(other(inputs_of(batch)), batch, other._taught(batch))
    assert min(float(losses["kd_sequence"]), float(losses["kd_conv"])) > 0.01


def test_a_fading_teacher_says_less_with_every_step_and_nothing_at_the_end(teacher):
    split = load_split(teacher.corpus, "train")
    recipe = load_recipe("default")
    stream = stream_of(recipe.model, recipe.features, teacher.corpus, split)
    vocabulary = teacher.corpus.vocabulary()
    batches = TrainingBatches(split, [stream, *teacher.kept(split)], vocabulary, recipe.features, 8, seed=1)
    batch = next(iter(batches.dataset(0, 0, 1)))
    options = DistillOptions(teacher="run", conv=1.0, sequence=2.0, inner=1.0)
    student = build(teacher.recipe.model, vocabulary.classes, 1)

    def losses(options, done):
        model = Recogniser(student, 1.0, options, total=8)
        model.compile(tf_keras.optimizers.AdamW())
        model.optimizer.iterations.assign(done)
        return {name: float(loss) for name, loss in
                model.losses_of(model(inputs_of(batch)), batch, model._taught(batch)).items()}  # fmt: skip

    whole = losses(options, 6)
    for done, share in ((0, 1.0), (6, 0.25), (8, 0.0), (9, 0.0)):
        faded = losses(replace(options, fade=True), done)
        for name, loss in whole.items():
            taught = name in ("kd_conv", "kd_sequence")
            assert np.isclose(faded[name], loss * share if taught else loss, rtol=1e-5), (name, done)


def test_batches_carry_the_teachers_logits_of_each_clip(teacher):
    split = load_split(teacher.corpus, "train")
    recipe = load_recipe("default", ["features.augment.speed=0"])
    student = stream_of(recipe.model, recipe.features, teacher.corpus, split)
    kept = teacher.kept(split)
    vocabulary = teacher.corpus.vocabulary()
    batches = TrainingBatches(split, [student, *kept], vocabulary, recipe.features, size=8, seed=1)
    batch = next(iter(batches.dataset(0, 0, 1)))
    assert batch[SEQUENCE].dtype == tf.float16
    assert batch[SEQUENCE].shape[1] * 4 == batch["landmarks"].shape[1]
    labels = [tuple(row[:count]) for row, count in zip(batch["labels"].numpy(), batch["glosses"].numpy(), strict=True)]
    frames = batch["frames"].numpy()
    for row, sentence, count in zip(batch[SEQUENCE].numpy(), labels, frames, strict=True):
        fitting = [
            i for i, sample in enumerate(split.samples)
            if sample.frames == count and tuple(vocabulary.encode(sample.glosses)) == sentence
        ]  # fmt: skip
        steps = -(-count // 4)
        assert any(np.array_equal(row[:steps], kept[1].shown(i, None)) for i in fitting)


def test_kept_logits_follow_a_tempo_that_changes_within_the_clip(teacher):
    split = load_split(teacher.corpus, "train")
    kept = teacher.kept(split)[1]
    frames = split.samples[0].frames
    positions = np.linspace(0, 1, frames) ** 2 * (frames - 1)
    slow_start = Change(positions, np.zeros(frames))
    plain, warped = kept.shown(0, None), kept.shown(0, slow_start)
    assert np.array_equal(kept.shown(0, Change(np.arange(frames), np.zeros(frames))), plain)
    assert np.array_equal(warped, follow(plain, positions, 4))
    assert not np.array_equal(warped, plain)


@given(st.integers(1, 60), st.floats(0.6, 1.6), st.sampled_from([1, 2, 4]))
def test_what_is_kept_follows_a_change_of_tempo(frames, tempo, stride):
    # Outputs that tell the time: each moment says which frame is the first it shows.
    moments = -(-frames // stride)
    rows = np.broadcast_to(np.arange(0, stride * moments, stride, dtype=np.float32)[:, None, None], (moments, 2, 3))
    new = max(1, round(frames * tempo))
    positions = np.linspace(0, frames - 1, new)
    followed = follow(rows, positions, stride)
    assert followed.shape == (-(-new // stride), 2, 3)
    np.testing.assert_allclose(followed[:, 1, 2], np.minimum(positions[::stride], rows[-1, 0, 0]), atol=1e-3)
    assert np.array_equal(follow(rows, np.arange(frames), stride), rows)


@pytest.fixture
def taught(teacher, tiny_recipe):
    """The recipe of its student."""
    settings = [
        "training.epochs=2", f"distill.teacher={json.dumps(str(teacher.run.root))}",
        "distill.sequence=5.0", "distill.conv=5.0", "distill.inner=1.0",
    ]  # fmt: skip
    return load_recipe(str(tiny_recipe), settings)


def test_a_student_starts_alike_whether_or_not_its_teachers_logits_were_there(teacher, taught, tmp_path):
    """So a run that was killed before its first checkpoint ends as an unbroken one."""
    first, second = (Trainer(teacher.corpus, taught, tmp_path / name).network.get_weights() for name in "ab")
    assert len(first) > 10
    assert all(map(np.array_equal, first, second))


def test_a_student_comes_to_agree_with_its_teacher(teacher, taught, tmp_path):
    Trainer(teacher.corpus, taught, tmp_path / "student").fit()
    lines = [json.loads(line) for line in files.read_text(tmp_path / "student" / "metrics.jsonl").splitlines()]
    for name in ("kd_sequence", "kd_conv", "kd_inner"):
        assert 0 < lines[1][name] < lines[0][name]
    assert config.load(Recipe, tmp_path / "student" / "recipe.toml").distill == taught.distill
