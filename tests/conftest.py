"""Fixtures every test folder may use."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from tests import shared
from tf_slr.cli.common import choose_kernels

shared.share_cores()
# What tests train in their own process is then what commands train, to the bit.
choose_kernels()
# How long an example takes tells of the machine, not of the code.
settings.register_profile("tf_slr", deadline=None)
settings.load_profile("tf_slr")


def pytest_configure(config):
    """Make the folder of what is shared, unless this is a process of a test run that has one."""
    if not hasattr(config, "workerinput"):
        config.add_cleanup(shared.open_folder())


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real signing, which lies beside the checkout and never in it."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("TF_SLR_REAL_DATA") or beside)
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}; set TF_SLR_REAL_DATA")
    return folder


@pytest.fixture(scope="session")
def tiny_corpus() -> Path:
    """A corpus of sentences composed from four clearly different signs."""
    from tests.tiny import isolated
    from tf_slr.corpus.compose import ComposeOptions, prepare_isolated
    from tf_slr.corpus.manifest import CorpusInfo

    def make(folder: Path) -> None:
        options = ComposeOptions(train=64, dev=16, test=16, background="REST", min_signs=2, max_signs=4)
        signs = isolated(folder / "signs.npz", takes=12)
        prepare_isolated([str(signs)], [], folder / "corpus", options, CorpusInfo("tiny", "test", licence="none"))

    return shared.once("tiny-corpus", make) / "corpus"


@pytest.fixture(scope="session")
def tiny_recipe(tmp_path_factory) -> Path:
    """A recipe that learns the tiny corpus in seconds."""
    from tests.tiny import RECIPE

    path = tmp_path_factory.mktemp("recipe") / "tiny.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="session")
def tiny_run(tiny_corpus, tiny_recipe) -> Path:
    """A finished run on the tiny corpus, made by the command line in a process of its own."""
    import subprocess
    import sys

    def make(folder: Path) -> None:
        command = [sys.executable, "-m", "tf_slr", "train", "--corpus", tiny_corpus, "--run", folder / "run",
                   "--recipe", tiny_recipe]  # fmt: skip
        subprocess.run(list(map(str, command)), check=True, cwd=Path(__file__).parents[1], env=shared.all_cores())

    return shared.once("tiny-run", make) / "run"


@pytest.fixture(scope="session")
def tiny_bundle(tiny_run) -> Path:
    """The bundle of the tiny run."""
    from export.bundle import export

    return shared.once("tiny-bundle", lambda folder: export(tiny_run, folder / "bundle", qat=False)) / "bundle"


@pytest.fixture(scope="session")
def video_corpus(tmp_path_factory) -> Path:
    """A corpus of videos without landmarks."""
    from tests.tiny_video import write_tiny_video

    return write_tiny_video(tmp_path_factory.mktemp("video") / "corpus")


@pytest.fixture(scope="session")
def video_run(tmp_path_factory, video_corpus) -> Path:
    """A finished run of a low-resolution student on the corpus of videos."""
    from tests.tiny_video import RECIPE
    from tf_slr.corpus.manifest import Corpus
    from tf_slr.training.recipe import load_recipe
    from tf_slr.training.trainer import Trainer

    root = tmp_path_factory.mktemp("lrinet")
    (root / "recipe.toml").write_text(RECIPE)
    Trainer(Corpus(video_corpus), load_recipe(str(root / "recipe.toml")), root / "run").fit()
    return root / "run"


@pytest.fixture
def video_of_noise(tmp_path) -> Callable[..., Path]:
    """Make a real video file of coarse coloured noise, in which nobody is."""
    cv2 = pytest.importorskip("cv2")

    def make(name, frames=12, fps=25.0, size=(96, 80), codec="MJPG"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), fps, size)
        assert writer.isOpened()
        rng = np.random.default_rng(frames)
        for _ in range(frames):
            coarse = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
            writer.write(cv2.resize(coarse, size, interpolation=cv2.INTER_NEAREST))
        writer.release()
        return path

    return make
