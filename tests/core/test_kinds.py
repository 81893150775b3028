"""What a path is taken for, by what commands really write."""

import shutil

import numpy as np
import pytest

from tests.tiny import isolated
from tf_slr.apps.teach.recordings import Recordings
from tf_slr.core import files
from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.glosses import Vocabulary
from tf_slr.core.kinds import Kind, kinds_of, require
from tf_slr.core.landmarks import Normalisation
from tf_slr.corpus.compose import ComposeOptions, prepare_isolated
from tf_slr.corpus.manifest import Corpus, CorpusInfo
from tf_slr.decoding.kneser_ney import estimate
from tf_slr.decoding.ngram import write_arpa
from tf_slr.formats.logits import write_logits
from tf_slr.runtime.bundle import write_bundle
from tf_slr.training.recipe import load_recipe
from tf_slr.training.runs import Run


@pytest.fixture(scope="module")
def things(tmp_path_factory):
    """One of everything, as far as it is made without training."""
    root = tmp_path_factory.mktemp("things")
    signs = isolated(root / "signs.npz", takes=12)
    options = ComposeOptions(train=4, dev=2, test=2, background="REST")
    prepare_isolated([str(signs)], [], root / "corpus", options, CorpusInfo("tiny", "test"))
    corpus = Corpus(root / "corpus")
    run = Run(root / "run")
    run.start(corpus, load_recipe("default"))
    files.write_npz(run.best, {"weights": np.zeros(2)})
    about = {"corpus": {"fps": 30.0}}
    write_bundle(root / "bundle", b"no model", corpus.vocabulary(), Normalisation(), about, lambda content: "card")
    write_bundle(root / "run" / "bundle", b"", corpus.vocabulary(), Normalisation(), about, lambda content: "card")
    Recordings.open(root / "signs", "a tracker")
    write_arpa(root / "x.arpa", estimate([("A", "B")], 2))
    shutil.copy(root / "x.arpa", root / "model.txt")
    write_logits(root / "dev.npz", Vocabulary(("A",)), {"clip": np.zeros((3, 2))})
    for name in ("videos/b.MP4", "videos/a.mov", "videos/a.jpg", "images/1.png", "images/2.png", "images/preview.mp4",
                 "other/notes.md", "x.jsonl", "x.csv", "x.toml", "notes.md"):  # fmt: skip
        files.write_text(root / name, "x")
    (root / "clips").mkdir()
    shutil.copy(next((corpus.root / "landmarks").iterdir()), root / "clips")
    (root / "empty").mkdir()
    return root


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("corpus", Kind.CORPUS),
        ("run", Kind.RUN),
        ("bundle", Kind.BUNDLE),
        ("signs", Kind.RECORDINGS),
        ("signs.npz", Kind.SIGNS),
        ("dev.npz", Kind.LOGITS),
        ("run/best.npz", Kind.WEIGHTS),
        ("corpus/landmarks/train-00000.npz", Kind.LANDMARKS),
        ("x.arpa", Kind.ARPA),
        ("model.txt", Kind.ARPA),
        ("bundle/student.tflite", Kind.MODEL),
        ("videos", Kind.VIDEOS),
        ("videos/b.MP4", Kind.VIDEO),
        ("images", Kind.IMAGES),
        ("clips", Kind.CLIPS),
        ("other", Kind.FOLDER),
        ("empty", Kind.EMPTY),
        ("x.jsonl", Kind.EVIDENCE),
        ("x.csv", Kind.LIST),
        ("x.toml", Kind.RECIPE),
        ("notes.md", Kind.FILE),
        ("nowhere", Kind.NOTHING),
        ("notes.md/below", Kind.NOTHING),
    ],
)
def test_everything_is_called_by_its_name(things, name, kinds):
    assert kinds_of(things / name) == (kinds,)


def test_a_corrector_is_told_from_one_that_is_not_done(tmp_path):
    from tests.tiny_corrector import GLOSSES
    from tf_slr.correction.training.recipe import CorrectorRecipe
    from tf_slr.correction.training.run import CorrectorRun
    from tf_slr.correction.training.text import text_of_table
    from tf_slr.scoring.cleanup import RULES

    table = tmp_path / "text.csv"
    table.write_text("id|folder|signer|annotation\n" + "".join(f"{g}|x|s|{g} {g}\n" for g in GLOSSES))
    text = text_of_table(table, RULES["none"])
    CorrectorRun(tmp_path / "c").start(text, CorrectorRecipe(), "", 3)
    assert kinds_of(tmp_path / "c") == (Kind.UNFINISHED_CORRECTOR,)
    with pytest.raises(UsageError, match="not trained to its end, not a corrector; run the same"):
        require(tmp_path / "c", Kind.CORRECTOR)
    (tmp_path / "c" / "corrector.json").write_text("{}")  # what the export writes last
    assert kinds_of(tmp_path / "c") == (Kind.CORRECTOR,)


def test_a_folder_may_be_two_things(things, tmp_path):
    both = shutil.copytree(things / "run", tmp_path / "both")
    shutil.copytree(things / "bundle", both, dirs_exist_ok=True)
    assert set(kinds_of(both)) == {Kind.RUN, Kind.BUNDLE}
    require(both, Kind.RUN)
    require(both, Kind.BUNDLE)


@pytest.mark.parametrize(
    ("name", "wanted", "message"),
    [
        ("run", Kind.BUNDLE, "run: is a run, not a bundle; a bundle is {root}/run/bundle"),
        ("run/bundle", Kind.RUN, "run/bundle: is a bundle, not a run; a run is {root}/run"),
        ("run", Kind.CORPUS, "run: is a run, not a corpus; it was trained on {root}/corpus"),
        ("corpus/train.csv", Kind.CORPUS, "is a list (.csv or .tsv), not a corpus; a corpus is {root}/corpus"),
        ("corpus", Kind.RUN, "train one with: tf-slr train --corpus {root}/corpus --run DIR"),
        ("signs", Kind.CORPUS, "learn from it with: tf-slr teach {root}/signs --out DIR"),
        ("bundle", Kind.CORRECTOR, "one is made by 'tf-slr train-corrector'"),
        ("nowhere", Kind.RUN, "nowhere: does not exist; expected a run, made by 'tf-slr train'"),
        ("videos", Kind.BUNDLE, "videos: is a folder of videos, not a bundle; one is made by 'tf-slr export'"),
    ],
)
def test_what_was_taken_for_another_is_named_with_a_way_out(things, name, wanted, message):
    with pytest.raises(DataError) as refused:
        require(things / name, wanted, error=DataError)
    assert str(refused.value).startswith(str(things / name))
    assert message.format(root=things) in str(refused.value)


def test_a_bundle_beside_nothing_is_exported_from_its_run(things, tmp_path):
    run = shutil.copytree(things / "run", tmp_path / "my run", ignore=shutil.ignore_patterns("bundle"))
    with pytest.raises(UsageError) as refused:
        require(run, Kind.BUNDLE)
    assert str(refused.value).endswith(f"export it with: tf-slr export --run '{run}' --out '{run}/bundle'")
    with pytest.raises(UsageError, match="give it with --run"):
        require(run, Kind.BUNDLE, {Kind.RUN: "--run"})
