"""Real signing through the commands: isolated sets, RWTH-BOSTON-104, and a video from file to glosses."""

import json

import pytest

from tests.cli.test_cli import tf_slr
from tf_slr.corpus.check import check_corpus
from tf_slr.corpus.manifest import Corpus


def test_sentences_are_composed_from_real_signs(tmp_path, real_data):
    sets = [real_data / "isolated" / name for name in ("bhutanese16.npz", "wlasl50.npz")]
    arguments = ("--sentences", 20, "--dev-sentences", 5, "--test-sentences", 5, "--background", "predicting.....")
    _, stderr = tf_slr("prepare", "isolated", "--train", *sets, "--out", tmp_path / "c", *arguments, code=1)
    (line,) = stderr.splitlines()  # one clip of the second set has landmarks in a single frame
    assert "wlasl50.npz: clip 185 (hat, take 4)" in line
    assert check_corpus(tmp_path / "c")[0].startswith(str(tmp_path / "c/dev.csv"))  # 20 sentences lack some signs
    corpus = Corpus(tmp_path / "c")
    assert "predicting....." not in corpus.vocabulary()
    assert 30 < len(corpus.vocabulary().glosses) < 62


def test_boston104_has_the_sentences_of_the_release(tmp_path, real_data):
    tf_slr("prepare", "boston104", "--root", real_data / "boston104", "--out", tmp_path / "b")
    corpus = Corpus(tmp_path / "b")
    assert len(corpus.split("train")) + len(corpus.split("dev")) == 161
    assert len(corpus.split("test")) == 40
    assert corpus.split("train")[0].glosses == ("JOHN", "WRITE", "HOMEWORK")
    faults = check_corpus(tmp_path / "b")
    assert any("MUST" in fault for fault in faults)  # the one test word that never occurs in training


@pytest.mark.parametrize("name", ["isl/cat.mp4", "dictasign_lsf_S4.mp4"])
def test_a_real_video_goes_from_file_to_glosses(real_data, tiny_bundle, name):
    pytest.importorskip("mediapipe")
    video = real_data / "videos" / name
    stdout, stderr = tf_slr("recognize", "--bundle", tiny_bundle, video, "--json")
    assert stderr == ""
    (result,) = json.loads(stdout)
    assert result["clip"] == str(video)
    assert all(word["start"] < word["end"] for word in result["glosses"])
