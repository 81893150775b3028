"""`tf-slr live` without a camera: from a file to words and a summary, and every refusal in one line."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")

from tf_slr.apps.live.session import Printer
from tf_slr.apps.live.window import check_display
from tf_slr.core.errors import UsageError
from tf_slr.runtime import Sentence, Word
from tf_slr.synth.motion import perform
from tf_slr.synth.render import render
from tf_slr.synth.signer import SIGNERS
from tf_slr.synth.signsynth import write_video

pytestmark = pytest.mark.skipif(not importlib.util.find_spec("mediapipe"), reason="needs tf_slr[video]")
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """A synthetic signer, painted."""
    path = tmp_path_factory.mktemp("video") / "signer.avi"
    write_video(path, render(perform(("ONE",), SIGNERS[0], 0.0, np.random.default_rng(1)), 128))
    return path


def live(*options, cwd=ROOT):
    command = [sys.executable, "-m", "tf_slr", "live", *map(str, options)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


def test_a_file_is_watched_to_its_end(tiny_bundle, video):
    done = live("--bundle", tiny_bundle, "--source", video, "--headless", "--json")
    assert done.returncode == 0, done.stderr
    *said, summary = map(json.loads, done.stdout.splitlines())
    frames = len(perform(("ONE",), SIGNERS[0], 0.0, np.random.default_rng(1)).hands)
    assert summary["type"] == "summary"
    assert (summary["frames"], summary["dropped"]) == (frames, 0)
    assert summary["words"] == sum(line["type"] == "word" for line in said)
    assert summary["sentences"] == sum(line["type"] == "sentence" for line in said)
    assert done.stderr == f"note: watching {video}; Ctrl-C ends\n", "MediaPipe's greetings are not for users"


def test_a_sentence_is_printed_as_it_was_corrected(capsys):
    heard, meant = Word("ONE", 0.2, 0.5, 0.9), Word("TWO", 0.3, 0.5, 0.4)
    for lines in (True, False):
        Printer(lines).sentence(Sentence((heard,), 0.7, (meant, meant)))
    as_json, as_text = capsys.readouterr().out.splitlines()
    assert json.loads(as_json) == {"type": "sentence", "glosses": ["TWO", "TWO"], "start": 0.2, "end": 0.7}
    assert as_text.split() == ["0.70", "s", "=", "TWO", "TWO"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--camera", 98, "--headless"], "error: camera 98: cannot be opened"),
        (["--camera", 0, "--headless", "--realtime"], "error: --realtime belongs to --source"),
        (["--source", "nowhere.mp4", "--headless"], "error: nowhere.mp4: does not exist"),
        (["--camera", 0, "--headless", "--pause", 0], "error: stream.pause: expected more than 0"),
        ([], "error: one of the arguments --camera --source is required"),
    ],
)
def test_what_cannot_be_done_is_one_line(tiny_bundle, options, message):
    done = live("--bundle", tiny_bundle, *options)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(message)
    assert "Traceback" not in done.stderr


def test_no_display_is_explained(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(UsageError, match=r"no display .*--headless"):
        check_display()


def test_a_display_that_does_not_answer_is_explained(monkeypatch):
    """Qt would end the whole process."""
    monkeypatch.setenv("DISPLAY", ":987")
    with pytest.raises(UsageError, match=r"cannot be opened on this display.*--headless"):
        check_display()
