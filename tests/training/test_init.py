"""Training that starts from given weights, such as a ResNet-18 of torchvision's."""

import numpy as np
import pytest

from tf_slr.core import files
from tf_slr.core.errors import DataError
from tf_slr.corpus.manifest import Corpus
from tf_slr.models.weights import named_weights
from tf_slr.training.networks import build
from tf_slr.training.runs import Run
from tf_slr.training.trainer import Trainer


@pytest.fixture
def given(tmp_path, recipe):
    """Weights of another seed, without those of the part over time: (path, arrays)."""
    weights = named_weights(build(recipe().model, 5, seed=9))
    arrays = {
        name: value.numpy() + np.float32(0.5)
        for name, value in weights.items()
        if not name.startswith("head/") and value.dtype.is_floating
    }
    files.write_npz(tmp_path / "given.npz", arrays)
    return tmp_path / "given.npz", arrays


def test_training_starts_from_given_weights(tmp_path, video_corpus, recipe, given):
    path, arrays = given
    trainer = Trainer(Corpus(video_corpus), recipe(f"training.init={path}"), tmp_path / "run")
    weights = {name: value.numpy() for name, value in named_weights(trainer.network).items()}
    assert all(np.array_equal(weights[name], value) for name, value in arrays.items())
    others = [name for name in weights if name not in arrays]
    fresh = {name: value.numpy() for name, value in named_weights(build(trainer.recipe.model, 5)).items()}
    assert others
    assert all(weights[name].shape == fresh[name].shape for name in others)


def test_training_starts_from_the_best_weights_of_a_run(tmp_path, video_corpus, recipe):
    corpus = Corpus(video_corpus)
    Trainer(corpus, recipe("training.epochs=1"), tmp_path / "first").fit()
    trainer = Trainer(corpus, recipe(f"training.init={tmp_path / 'first'}", "training.seed=7"), tmp_path / "second")
    first = named_weights(Run(tmp_path / "first").network())
    assert all(np.array_equal(first[name], value) for name, value in named_weights(trainer.network).items())
    with pytest.raises(DataError, match=r"second: holds no trained weights"):
        Trainer(corpus, recipe(f"training.init={tmp_path / 'second'}"), tmp_path / "third")
    assert not (tmp_path / "third").exists()


def test_a_run_that_goes_on_needs_the_file_no_more(tmp_path, video_corpus, recipe, given):
    path, _ = given
    corpus, chosen = Corpus(video_corpus), recipe(f"training.init={path}", "training.epochs=1")
    Trainer(corpus, chosen, tmp_path / "run").fit()
    path.unlink()
    Trainer(corpus, chosen, tmp_path / "run").fit()


def test_an_absent_file_is_named_and_leaves_no_run(tmp_path, video_corpus, recipe):
    with pytest.raises(DataError, match=r"absent\.npz: cannot be read"):
        Trainer(Corpus(video_corpus), recipe(f"training.init={tmp_path / 'absent.npz'}"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_weights_of_another_network_are_named(tmp_path, video_corpus, recipe):
    files.write_npz(tmp_path / "other.npz", {"stem/conv/kernel": np.zeros((7, 7, 3, 64), np.float32)})
    with pytest.raises(DataError, match=r"other\.npz: stem/conv/kernel: expected \[3, 3, 3, 8\], found \[7, 7"):
        Trainer(Corpus(video_corpus), recipe(f"training.init={tmp_path / 'other.npz'}"), tmp_path / "run")
