"""The runtime: right glosses, no state between clips, no TensorFlow, damaged bundles refused."""

import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tf_slr.corpus.manifest import Corpus
from tf_slr.errors import BundleError, DataError
from tf_slr.landmarks import Clip, normalise
from tf_slr.runtime import Recognizer
from tf_slr.runtime.bundle import read_bundle, write_bundle
from tf_slr.runtime.student import Student
from tf_slr.scoring import score

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def recognizer(tiny_bundle):
    return Recognizer.load(tiny_bundle)


@pytest.fixture(scope="module")
def test_clips(tiny_corpus):
    corpus = Corpus(tiny_corpus)
    return [(corpus.clip(sample), sample.glosses) for sample in corpus.split("test")]


def test_it_recognises_unseen_sentences(recognizer, test_clips):
    found = [recognizer.transcribe(clip).glosses for clip, _ in test_clips]
    assert score([glosses for _, glosses in test_clips], found).wer < 0.3


def test_times_are_ordered_within_the_clip_and_scale_with_the_rate(recognizer, test_clips):
    clip, _ = test_clips[0]
    words = recognizer.transcribe(clip).words
    assert words
    assert all(0 <= a.start < a.end <= b.start for a, b in itertools.pairwise(words))
    assert words[-1].end <= len(clip.landmarks) / 30
    slow = recognizer.transcribe(clip, fps=15).words
    assert slow[0].start == pytest.approx(2 * words[0].start, abs=2e-3)
    assert all(0 < word.confidence <= 1 for word in words)


def test_no_clip_leaves_a_trace_in_the_next(tiny_bundle, test_clips):
    bundle = read_bundle(tiny_bundle)
    student = Student(bundle.student)
    values = [normalise(clip, bundle.normalisation) for clip, _ in test_clips[:6]]
    alone = [Student(bundle.student).logits(value) for value in values]
    assert all(np.array_equal(student.logits(value), logits) for value, logits in zip(values, alone, strict=True))
    assert all(np.array_equal(student.logits(value), logits)
               for value, logits in zip(values[::-1], alone[::-1], strict=True))  # fmt: skip
    same = student.logits(values[0])
    assert np.array_equal(same, student.logits(values[0]))


def test_threads_do_not_change_the_glosses(tiny_bundle, recognizer, test_clips):
    two = Recognizer.load(tiny_bundle, threads=2)
    assert all(two.transcribe(clip).glosses == recognizer.transcribe(clip).glosses for clip, _ in test_clips)


@pytest.mark.parametrize("frames", [1, 2, 3, 5])
def test_very_short_clips_are_recognised(recognizer, test_clips, frames):
    clip = test_clips[0][0]
    recognizer.transcribe(Clip(clip.landmarks[:frames], clip.shoulders[:frames], clip.aspect))


def test_unfit_landmarks_are_refused(recognizer):
    with pytest.raises(DataError, match="no landmark"):
        recognizer.transcribe(Clip(np.full((9, 92, 3), np.nan, np.float32), None, 1.0))
    with pytest.raises(DataError, match="shape"):
        recognizer.transcribe(Clip(np.zeros((9, 276), np.float32), None, 1.0))


def test_tensorflow_is_never_imported(tiny_bundle, tiny_corpus):
    clip = tiny_corpus / "landmarks/test-00000.npz"
    script = (
        "import sys; from tf_slr.cli import main; code = main(sys.argv[1:]);"
        "heavy = {'tensorflow', 'tf_keras', 'mediapipe', 'cv2', 'matplotlib'} & set(sys.modules);"
        "sys.exit(code or (f'imported {heavy}' if heavy else 0))"
    )
    command = [sys.executable, "-c", script, "recognize", "--bundle", str(tiny_bundle), str(clip), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["glosses"]


def flip_bit(name):
    def damage(root):
        content = bytearray((root / name).read_bytes())
        content[len(content) // 3] ^= 4
        (root / name).write_bytes(content)

    return damage


def edit(change):
    def damage(root):
        content = json.loads((root / "bundle.json").read_text())
        change(content)
        (root / "bundle.json").write_text(json.dumps(content))

    return damage


def other_vocabulary(root):
    """A vocabulary that is whole, hashed, and of another size than the student."""
    bundle = read_bundle(root)
    vocabulary = type(bundle.vocabulary)((*bundle.vocabulary.glosses, "EXTRA"))
    about = {key: bundle.description[key] for key in ("corpus", "recipe", "metrics")}
    write_bundle(root, bundle.student, vocabulary, bundle.normalisation, about)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (flip_bit("student.tflite"), r"student\.tflite: is damaged"),
        (flip_bit("vocabulary.json"), r"vocabulary\.json: is damaged"),
        (lambda root: (root / "student.tflite").unlink(), r"student\.tflite: cannot be read"),
        (lambda root: (root / "bundle.json").unlink(), r"bundle\.json: cannot be read"),
        (lambda root: (root / "bundle.json").write_text("{"), r"bundle\.json: is not valid JSON"),
        (lambda root: (root / "student.tflite").write_bytes(b""), "is damaged"),
        (edit(lambda d: d.update(format=2)), "bundle format 2, this program reads 1"),
        (edit(lambda d: d.pop("files")), "is damaged or was replaced"),
        (edit(lambda d: d.update(files=[])), "is damaged or was replaced"),
        (edit(lambda d: d["normalisation"].update(version=7)), "normalisation version 7"),
        (edit(lambda d: d["normalisation"].update(surprise=7)), "surprise"),
        (edit(lambda d: d["corpus"].update(fps=0)), "fps"),
        (edit(lambda d: d["corpus"].pop("fps")), "fps"),
        (edit(lambda d: d.update(corpus=3)), "bundle"),
        (other_vocabulary, "the student has 5 classes, the vocabulary 6"),
        (shutil.rmtree, "is not a folder"),
    ],
)
def test_damaged_bundles_are_refused_by_name(tmp_path, tiny_bundle, damage, message):
    bundle = shutil.copytree(tiny_bundle, tmp_path / "bundle")
    damage(bundle)
    with pytest.raises(BundleError, match=message):
        Recognizer.load(bundle)


def test_a_model_that_is_no_student_is_refused(tmp_path):
    with pytest.raises(BundleError, match="not a TFLite model"):
        Student(b"TFL3 no model at all")
