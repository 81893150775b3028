"""A student that reads video: exported, recognised by the runtime, without a tracker."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from export.bundle import export
from export.variants import DEFAULT
from tests.tiny import GLOSSES, sign
from tests.tiny_video import write_tiny_video
from tests.training.test_crkd import untrained_run
from tf_slr.cli.main import main
from tf_slr.core import files
from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.landmarks import Clip
from tf_slr.core.pictures import MARGIN, FrameOptions
from tf_slr.corpus.manifest import Corpus
from tf_slr.features.batches import FeatureOptions
from tf_slr.models.lrinet import LriNetOptions
from tf_slr.models.temporal import TemporalOptions
from tf_slr.runtime import Recognizer
from tf_slr.runtime.bundle import read_bundle
from tf_slr.training.reporting import evaluate_model
from tf_slr.training.runs import Run
from tf_slr.video.decoding import open_video

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory, video_run):
    root = tmp_path_factory.mktemp("bundle") / "lrinet"
    export(video_run, root)
    return root


def test_the_fused_lstm_is_exported_too(tmp_path, video_run):
    metrics = export(video_run, tmp_path / "bundle", "dynamic")
    assert "UNIDIRECTIONAL_SEQUENCE_LSTM" in metrics["operators"]


@pytest.fixture(scope="module")
def clips(video_corpus):
    """Videos of the test split and their sentences."""
    return [(video_corpus / sample.video, sample.glosses) for sample in Corpus(video_corpus).split("test")]


def test_the_bundle_says_what_its_student_reads(bundle, video_run):
    loaded = read_bundle(bundle)
    assert loaded.description["input"] == "frames"
    assert loaded.input == FrameOptions(16, MARGIN)
    assert loaded.description["quantisation"]["variant"] == DEFAULT  # its convolutions see pictures
    with pytest.raises(UsageError, match="student reads video"):
        _ = loaded.normalisation
    metrics = loaded.description["metrics"]
    assert metrics["operators"]["CONV_2D"] >= 9 + 2  # of frames, over time
    assert metrics["fp32_keras_difference"] <= 1e-4
    assert metrics["dev_wer_fp32"] == files.read_json(Run(video_run).summary_path)["dev_wer"] < 0.5
    assert metrics["bytes_int8"] < metrics["bytes_fp32"]


def test_int8_weights_are_int8(bundle):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(bundle / "student.tflite"))
    weights = [t for t in interpreter.get_tensor_details() if t["dtype"] == np.int8 and np.prod(t["shape"]) > 1000]
    assert len(weights) >= 2 + 2  # of frames, over time


def test_video_files_are_recognised(bundle, clips, video_corpus, capsys):
    recognizer = Recognizer.load(bundle)
    found = [recognizer.transcribe(open_video(path).frames(), 25).glosses for path, _ in clips]
    result, _ = evaluate_model(None, bundle, video_corpus, "test")
    assert [" ".join(glosses) for glosses in found] == [entry["hypothesis"] for entry in result["results"]]
    assert sum(glosses == reference for glosses, (_, reference) in zip(found, clips, strict=True)) >= len(clips) // 2
    assert main(["recognize", "--bundle", str(bundle), str(clips[0][0])]) == 0
    assert f"{clips[0][0]}: {' '.join(found[0])}" in capsys.readouterr().out


def test_no_video_leaves_a_trace_in_the_next(bundle, clips):
    pictures = [list(open_video(path).frames()) for path, _ in clips[:2]]
    recognizer = Recognizer.load(bundle)
    first, second = (recognizer.transcribe(clip) for clip in pictures)
    assert [recognizer.transcribe(clip) for clip in reversed(pictures)] == [second, first]


def test_what_it_does_not_read_is_refused(bundle):
    recognizer = Recognizer.load(bundle)
    landmarks = sign(GLOSSES[0], np.random.default_rng(0))
    with pytest.raises(UsageError, match="student reads video, received landmarks"):
        recognizer.transcribe(Clip(landmarks, None, 1.0))
    with pytest.raises(DataError, match="has no frame"):
        recognizer.transcribe([])


def test_a_student_that_sees_close_ups_is_not_exported(tmp_path):
    """Its bundle could not say where to look."""
    corpus = Corpus(write_tiny_video(tmp_path / "corpus", 4, 1, 1, track=True))
    options = LriNetOptions(size=16, scale=4, widths=(8, 12, 16), blocks=(1, 1, 1), plain_blocks=1,
                            temporal=TemporalOptions(width=8, lstm_layers=1))  # fmt: skip
    run = untrained_run(tmp_path / "run", corpus, options, features=FeatureOptions(details=0.7))
    with pytest.raises(UsageError, match=r"sees close-ups .* would need landmarks besides pictures"):
        export(run, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_it_is_measured_as_others_are(tmp_path, bundle, video_run, video_corpus):
    """The last step of `make`: speed, WER and report of a student that reads pictures."""
    out, report = tmp_path / "bench.json", tmp_path / "report.html"
    common = ["--run", video_run, "--bundle", bundle]
    for command in (
        ["tools/bench.py", *common, "--out", out, "--frames", 24, "--runs", 40],
        ["tools/html_report.py", *common, "--bench", out, "--out", report],
    ):
        done = subprocess.run([sys.executable, *map(str, command)], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    result, metrics = files.read_json(out), read_bundle(bundle).description["metrics"]
    assert list(result["stages_ms"]) == ["squeeze pictures", "network, INT8", "decode, greedy"]
    assert result["accuracy"]["dev"]["INT8"]["wer"] == pytest.approx(metrics["dev_wer_int8"], abs=0.02)
    assert result["accuracy"]["test"]["sentences"] == len(Corpus(video_corpus).split("test"))
    assert report.stat().st_size > 10_000
