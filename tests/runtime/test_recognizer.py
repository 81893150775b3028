"""The runtime: right glosses, no state between clips, no TensorFlow, corrected where the bundle has a corrector."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.tiny import GLOSSES
from tests.tiny_corrector import write_corrected_bundle, write_untrained_corrector
from tf_slr.core.errors import BundleError, DataError, UsageError
from tf_slr.core.landmarks import Clip, normalise
from tf_slr.corpus.manifest import Corpus
from tf_slr.correction.edits import Margins
from tf_slr.correction.rescoring import Rescoring
from tf_slr.runtime import Recognizer
from tf_slr.runtime.bundle import read_bundle, write_bundle
from tf_slr.runtime.student import Student
from tf_slr.scoring.wer import score

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
    for path in ("x.mp4", Path("x.mp4"), b"x.mp4"):
        with pytest.raises(UsageError, match=r"received the path 'x\.mp4', expected .*tf_slr\.apps\.inputs"):
            recognizer.transcribe(path)
    with pytest.raises(UsageError, match=r"an array of shape \[9, 92, 3\], expected tf_slr\.core\.landmarks\.Clip"):
        recognizer.transcribe(np.zeros((9, 92, 3), np.float32))
    with pytest.raises(UsageError, match="student reads landmarks, received pictures"):
        recognizer.transcribe(np.zeros((9, 64, 64, 3), np.uint8))


def test_tensorflow_is_never_imported(tiny_bundle, tiny_corpus):
    clip = tiny_corpus / "landmarks/test-00000.npz"
    script = (
        "import sys; from tf_slr.cli.main import main; code = main(sys.argv[1:]);"
        "heavy = {'tensorflow', 'tf_keras', 'mediapipe', 'cv2', 'matplotlib', 'PIL', 'fontTools'} & set(sys.modules);"
        "sys.exit(code or (f'imported {heavy}' if heavy else 0))"
    )
    command = [sys.executable, "-c", script, "recognize", "--bundle", str(tiny_bundle), str(clip), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["glosses"]


def test_a_model_that_is_no_student_is_refused(tmp_path):
    with pytest.raises(BundleError, match="not a TFLite model"):
        Student(b"TFL3 no model at all")


@pytest.fixture(scope="module")
def corrected(tmp_path_factory, tiny_bundle):
    """Margins -> the tiny bundle with a corrector that would hear CLAP everywhere."""

    def make(margins, rescoring=None):
        return write_corrected_bundle(tmp_path_factory.mktemp("corrected"), tiny_bundle, margins, rescoring)

    return {
        "never": make(Margins.never()),
        "always": make(Margins(-3, -3, -3, -3)),
        "by the student": make(Margins.never(), Rescoring(weight=0.0, insertion=0.0)),
        "by the n-gram": make(Margins.never(), Rescoring(weight=50.0, insertion=0.0)),
        "by the network": make(Margins.never(), Rescoring(weight=0.0, insertion=0.0, network=50.0)),
    }


def test_a_corrector_that_is_never_sure_enough_changes_nothing(corrected, recognizer, test_clips):
    cautious = Recognizer.load(corrected["never"])
    for clip, _ in test_clips:
        plain, repaired = recognizer.transcribe(clip), cautious.transcribe(clip)
        assert repaired.glosses == plain.glosses
        assert [word.start for word in repaired.words] == pytest.approx([word.start for word in plain.words], abs=2e-3)


def test_a_corrector_changes_what_it_is_sure_of_unless_it_is_told_not_to(corrected, recognizer, test_clips):
    bold = Recognizer.load(corrected["always"])
    clip = next(clip for clip, glosses in test_clips if "CLAP" not in glosses)
    plain = recognizer.transcribe(clip)
    found = bold.transcribe(clip)
    assert plain.words
    assert set(found.glosses) == {"CLAP"} != set(plain.glosses)
    # As sure as the student was of it, which heard something else.
    assert all(word.confidence < 0.5 for word in found.words)
    assert Recognizer.load(corrected["always"], correct=False).transcribe(clip) == plain


def test_student_ngram_and_network_decide_together(corrected, recognizer, test_clips):
    """Each with a weight that silences the others; the n-gram knows sentences of one gloss only."""
    student, ngram, network = (
        Recognizer.load(corrected[f"by the {judge}"]) for judge in ("student", "n-gram", "network")
    )
    for clip, _ in test_clips[:4]:
        plain = recognizer.transcribe(clip)
        found = student.transcribe(clip)
        assert found.glosses == plain.glosses
        assert [word.start for word in found.words] == [word.start for word in plain.words]
        assert len(ngram.transcribe(clip).glosses) <= 1 < len(plain.glosses)
        heard = network.transcribe(clip).glosses
        assert heard.count("CLAP") > plain.glosses.count("CLAP")


def test_a_corrector_of_other_glosses_cannot_decide_with_the_student(tmp_path, tiny_bundle):
    whole = read_bundle(tiny_bundle)
    about = {key: whole.description[key] for key in ("corpus", "training", "recipe", "quantisation", "metrics")}
    repairing = write_untrained_corrector(
        tmp_path / "corrector", [*sorted(GLOSSES), "MORE"], "CLAP", Margins(), rescoring=Rescoring()
    )
    write_bundle(tmp_path / "b", whole.student, whole.vocabulary, whole.input, about, lambda _: "card", repairing)
    with pytest.raises(BundleError, match="5 glosses that are not the student's 4"):
        Recognizer.load(tmp_path / "b")
