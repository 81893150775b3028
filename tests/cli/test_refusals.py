"""What is wrong with a request is said in one line, before TensorFlow is loaded: within a second."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# A command, in which R is the folder that `tests.refusing` furnishes, and what is said of it.
CASES = [
    # One thing for another.
    ("tf-slr recognize --bundle R/run clip.npz", "R/run: is a run, not a bundle; export it with: tf-slr export"),
    ("tf-slr recognize --bundle R/videos clip.npz", "R/videos: is a folder of videos, not a bundle"),
    ("tf-slr live --bundle R/corpus --camera 0", "R/corpus: is a corpus, not a bundle"),
    ("tf-slr evaluate --run R/bundle", "R/bundle: is a bundle, not a run; give it with --bundle"),
    ("tf-slr evaluate --bundle R/run --corpus R/corpus", "R/run: is a run, not a bundle; give it with --run"),
    ("tf-slr evaluate --run R/run --corpus R/bundle", "R/bundle: is a bundle, not a corpus"),
    ("tf-slr evaluate --run R/run --corrector R/bundle", "R/bundle: is a bundle, not a corrector"),
    ("tf-slr evaluate --run R/run --beam 4 --ngram R/text.txt", "R/text.txt: is a file of another kind, not an n-gram"),
    ("tf-slr train --corpus R/run --run R/new", "R/run: is a run, not a corpus; it was trained on R/corpus"),
    ("tf-slr train --corpus R/corpus --run R/corpus", "R/corpus: is a corpus, and a run would be written into it"),
    ("tf-slr train --corpus R/corpus --run R/new --recipe signsynth-kd --teacher R/bundle", "R/bundle: is a bundle"),
    ("tf-slr train --corpus R/corpus --run R/new --set training.init=R/corpus", "R/corpus: is a corpus, not a run"),
    ("tf-slr train-ngram --corpus R/bundle --out R/x.arpa", "R/bundle: is a bundle, not a corpus"),
    ("tf-slr train-corrector --corpus R/corpus --out R/run", "R/run: is a run, and a corrector would be written"),
    ("tf-slr train-corrector --corpus R/corpus --out R/c --evidence R/run", "R/run: is a run, not a file of evidence"),
    ("tf-slr crossfit --corpus R/corpus --out R/run", "R/run: is a run, and a folder of cross-fitting would"),
    ("tf-slr correct --model R/bundle --hyp R/text.txt --out R/o.ctm", "R/bundle: is a bundle, not a corrector"),
    ("tf-slr teach R/corpus --out R/t", "R/corpus: is a corpus, not a folder of recorded signs"),
    ("tf-slr check R/corpus/train.csv", "is a list (.csv or .tsv), not a corpus; a corpus is R/corpus"),
    ("tf-slr pack R/run", "R/run: is a run, not a corpus"),
    ("tf-slr export-pose R/run --out R/p", "R/run: is a run, not a corpus"),
    ("export --run R/bundle --out R/b", "R/bundle: is a bundle, not a run"),
    ("tf-slr export --run R/bundle --out R/b", "R/bundle: is a bundle, not a run"),
    ("tf-slr export --run R/run --out R/b --variant tiled --qat", "variant 'tiled' has no quantisation-aware"),
    ("export --run R/teacher --out R/b", "R/teacher: holds a corrnet; only students (mslr, lrinet) can be exported"),
    ("export --run R/run --out R/corpus", "R/corpus: is a corpus, and a bundle would be written into it"),
    ("export --run R/run --out R/b --corrector R/bundle", "R/bundle: is a bundle, not a corrector"),
    ("html_report --run R/bundle --out R/r.html", "R/bundle: is a bundle, not a run"),
    ("html_report --run R/fresh --out R/r.html", "R/fresh: holds no trained weights"),
    ("compare_correction --run R/run --corrector R/bundle --out R/x.json", "R/bundle: is a bundle, not a corrector"),
    ("compare_variants --run R/fresh --out R/x.json", "R/fresh: holds no trained weights"),
    ("compare_variants --run R/run --variants best --out R/x.json", "variant 'best'"),
    ("tables --corpus R/run --out R/t", "R/run: is a run, not a corpus"),
    ("tables --corpus R/corpus --out R/t --tables 6 --student nothing", "no recipe 'nothing'"),
    ("tune_decoding --run R/fresh --ngram R/x.arpa --out R/x.json", "R/x.arpa: does not exist; expected an n-gram"),
    ("import_torch corrnet R/no.pt --corpus R/corpus --out R/t", "R/no.pt: does not exist; expected a checkpoint"),
    ("table5 --corpus R/run --hyp R/text.txt --ref R/text.txt --out R/t", "R/run: is a run, not a corpus"),
    # Files for folders, and folders for files.
    ("tf-slr prepare pose --index R/text.txt --out R/text.txt", "R/text.txt: is a file; expected a folder"),
    (
        "tf-slr prepare pose --index R/videos --out R/p",
        "R/videos: is a folder of videos; expected a list",
    ),
    ("tf-slr prepare videos --index R/text.txt --out R/text.txt/in", "cannot be written: R/text.txt is no folder"),
    ("tf-slr prepare phoenix2014 --root R/text.txt --out R/p", "R/text.txt: is a file; expected a folder"),
    ("tf-slr train-ngram --corpus R/corpus --out R/new/", "R/new/: is a folder; expected a file to be written"),
    ("tf-slr train-ngram --corpus R/corpus --out R/empty", "R/empty: is a folder; expected a file to be written"),
    ("tf-slr train-ngram --text R/corpus --out R/x.arpa", "R/corpus: is a corpus; expected a list of annotations"),
    ("tf-slr evaluate --run R/run --ctm R/empty", "R/empty: is a folder; expected a file to be written"),
    ("tf-slr evaluate --run R/run --logits -", "-: standard input and output are not read or written here"),
    ("tf-slr score --hyp R/text.txt --ref R/corpus", "R/corpus: is a corpus; expected references (.stm)"),
    # Nothing.
    ("tf-slr check R/nowhere", "R/nowhere: does not exist; expected a corpus, made by 'tf-slr prepare'"),
    ("tf-slr train --corpus R/nowhere --run R/new", "R/nowhere: does not exist; expected a corpus"),
    ("tf-slr evaluate --run R/nowhere", "R/nowhere: does not exist; expected a run, made by 'tf-slr train'"),
    ("tf-slr evaluate --run R/fresh", "R/fresh: holds no trained weights"),
    ("tf-slr evaluate --run R/damaged", "R/damaged/corpus.json: expected the texts path and fingerprint, found path"),
    ("tf-slr live --bundle R/bundle --source R/no.mp4", "R/no.mp4: does not exist; expected a video file"),
    ("tf-slr live --bundle R/bundle --source R/videos", "R/videos: is a folder of videos; expected a video file"),
    ("tf-slr recognize --bundle R/nowhere clip.npz", "R/nowhere: does not exist; expected a bundle"),
    ("tf-slr train-corrector --corpus R/nowhere --out R/c", "R/nowhere: does not exist; expected a corpus"),
    ("tf-slr train-corrector --corpus R/corpus --dev R/no.npz --out R/c", "R/no.npz: does not exist; expected recog"),
    ("tf-slr crossfit --corpus R/nowhere --out R/folds", "R/nowhere: does not exist; expected a corpus"),
    ("tf-slr teach R/nowhere --out R/t", "R/nowhere: does not exist; expected a folder of recorded signs"),
    ("tf-slr train --corpus '' --run R/new", "expected a path, received an empty one"),
    ("tf-slr train --corpus R/corpus --run R/new --set training.init=R/no.npz", "R/no.npz does not exist"),
    ("export --run R/nowhere --out R/b", "R/nowhere: does not exist; expected a run"),
    ("export --run R/fresh --out R/b", "R/fresh: holds no trained weights"),
    # Recipes and values.
    ("tf-slr train --corpus R/corpus --run R/new --recipe nothing", "no recipe 'nothing'; known recipes: composed"),
    ("tf-slr train --corpus R/corpus --run R/new --recipe R/misspelt.toml", "did you mean training.epochs?"),
    ("tf-slr train --corpus R/corpus --run R/new --recipe R/broken.toml", "R/broken.toml: is not valid TOML"),
    ("tf-slr train --corpus R/corpus --run R/new --set model.widht=3", "did you mean model.width?"),
    ("tf-slr train --corpus R/corpus --run R/new --set training.epochs=many", "training.epochs: expected int"),
    ("tf-slr train --corpus R/corpus --run R/new --set model.temporal=K5", "model.temporal: must pool twice"),
    ("tf-slr train --corpus R/corpus --run R/run --set training.epochs=3", "R/run: holds a run with another recipe"),
    (
        "tf-slr train-corrector --corpus R/corpus --out R/c --set model.positions=4",
        "model.positions: expected from 16 to 4096, received 4",
    ),
    ("tf-slr crossfit --corpus R/corpus --out R/folds --folds 100", "expected 2 to 6 folds"),
    ("tf-slr crossfit --corpus R/corpus --out R/folds --set a.b=3", "unknown key a"),
    ("tf-slr pack R/corpus --shard-mb 0", "--shard-mb: expected from 1 to 1000000, received 0"),
    ("tf-slr evaluate --run R/run --beam -4", "beam.width: expected from 1 to 10000, received -4"),
    ("tf-slr evaluate --run R/run --beam 1000000", "beam.width: expected from 1 to 10000, received 1000000"),
    ("tf-slr train --corpus R/corpus --run R/new --set model.width=100000000", "model.width: expected from 1 to 4096"),
]


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What each command says, by the command."""
    root = tmp_path_factory.mktemp("R")
    done = subprocess.run([sys.executable, "-m", "tests.refusing", str(root)], cwd=ROOT, capture_output=True, text=True,
                          check=True, input=json.dumps([command for command, _ in CASES]))  # fmt: skip
    return dict(zip([command for command, _ in CASES], json.loads(done.stdout.replace(f"{root}/", "R/")), strict=True))


@pytest.mark.parametrize(("command", "message"), CASES, ids=[command for command, _ in CASES])
def test_a_refusal_is_one_line_before_anything_is_loaded(answers, command, message):
    answer = answers[command]
    assert answer["code"] == 1
    assert answer["err"].startswith("error: ")
    assert message in answer["err"]
    assert answer["err"].count("\n") == 1
    assert answer["out"] == ""
    assert "tensorflow" not in answer["loaded"]
