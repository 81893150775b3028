"""`tf-slr record` and `tf-slr teach`: what cannot be done is one line."""

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.apps.teach.streams import recorded
from tf_slr.apps.teach.results import next_command
from tf_slr.core.landmarks import LEFT_HAND, RIGHT_HAND
from tf_slr.corpus.manifest import read_clip, write_clip

ROOT = Path(__file__).parents[3]
tracked = pytest.mark.skipif(
    not (importlib.util.find_spec("mediapipe") and importlib.util.find_spec("cv2")), reason="needs tf_slr[video]"
)


def run(capsys, *arguments):
    """Exit code and standard error of a command."""
    from tf_slr.cli.main import main

    try:
        code = main(list(map(str, arguments)))
    except SystemExit as leaving:  # the parser's own
        code = leaving.code
    return code, capsys.readouterr().err


@tracked
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--signs", "a,b", "--camera", 97, "--headless"], "camera 97: cannot be opened"),
        (["--signs", "a,,b", "--headless"], "an empty one"),
        (["--signs", "a", "--takes", 0], "--takes: expected 1 to 1000"),
        (["--signs", "a,b", "--source", "x.mp4"], "--source belongs to --sign NAME or --rest"),
        (["--signs-file", "nowhere.txt"], "nowhere.txt: does not exist; expected a list of signs"),
        ([], "one of the arguments --signs --signs-file --sign --rest is required"),
    ],
)
def test_recording_that_cannot_be_done(capsys, tmp_path, options, message):
    code, said = run(capsys, "record", "--out", tmp_path / "r", *options)
    assert code == 1
    assert message in said.splitlines()[-1]
    assert not (tmp_path / "r").exists()


@tracked
def test_videos_without_anybody_are_named(capsys, tmp_path):
    from tf_slr.synth.signsynth import write_video

    write_video(tmp_path / "empty.avi", np.zeros((12, 64, 64, 3), np.uint8))
    files = [tmp_path / "empty.avi", tmp_path / "nowhere.mp4"]
    code, said = run(capsys, "record", "--sign", "a", "--source", *files, "--out", tmp_path / "r")
    assert code == 1
    assert [line.split(":")[0] for line in said.splitlines() if "avi" in line or "mp4" in line] == list(map(str, files))


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    return recorded(tmp_path_factory.mktemp("two") / "r", ["ONE", "GOOD"], 2)


def test_a_folder_that_was_not_recorded(capsys, tmp_path):
    code, said = run(capsys, "teach", tmp_path, "--out", tmp_path / "out")
    assert (code, len(said.splitlines())) == (1, 1)
    assert "is an empty folder, not a folder of recorded signs; one is made by 'tf-slr record" in said


def test_one_sign_is_too_few(capsys, tmp_path):
    recorded(tmp_path / "r", ["ONE"], 2)
    code, said = run(capsys, "teach", tmp_path / "r", "--out", tmp_path / "out")
    assert (code, len(said.splitlines())) == (1, 1)
    assert "usable takes of 1 sign, at least 2" in said


def test_one_take_is_too_few(capsys, tmp_path):
    recordings = recorded(tmp_path / "r", ["ONE", "GOOD"], 2)
    recordings.takes("GOOD")[0].unlink()
    code, said = run(capsys, "teach", tmp_path / "r", "--out", tmp_path / "out")
    assert (code, len(said.splitlines())) == (1, 1)
    assert "1 usable take of GOOD" in said
    assert f"tf-slr record --sign GOOD --out {tmp_path / 'r'}" in said


def test_what_is_advised_can_be_typed(capsys, tmp_path):
    """Also where a sign, which as a gloss has no space, and a folder have spaces in their names."""
    root = tmp_path / "my signs"
    recordings = recorded(root, ["ONE", "GOOD"], 2)
    recordings.name_signs(["thank you"])
    clip = read_clip(recordings.takes("ONE")[0])
    assert recordings.add("thank you", clip._replace(landmarks=clip.landmarks + np.float16(0.01)))
    code, said = run(capsys, "teach", root, "--out", tmp_path / "out")
    assert code == 1
    (advice,) = re.findall(r"tf-slr (record .*)$", said.strip())
    assert shlex.split(advice) == ["record", "--sign", "thank you", "--out", str(root)]
    assert shlex.split(next_command(root / "bundle")) == [
        "tf-slr", "live", "--bundle", str(root / "bundle"), "--camera", "0"
    ]  # fmt: skip


def test_takes_without_hands_are_too_few(capsys, tmp_path):
    recordings = recorded(tmp_path / "r", ["ONE", "GOOD"], 2)
    for path in (tmp_path / "r").rglob("*.npz"):
        clip = read_clip(path)
        clip.landmarks[:, LEFT_HAND.start : RIGHT_HAND.stop] = np.nan
        write_clip(path, clip)
    code, said = run(capsys, "teach", recordings.root, "--out", tmp_path / "out")
    assert (code, len(said.splitlines())) == (1, 1)
    assert "usable takes of 0 signs" in said
    assert "4 takes cannot be used" in said
    assert "shows a hand in 0 of" in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--test-takes", 2], "--test-takes 2 leaves none of the 2 takes of ONE"),
        (["--test-takes", 0], "--test-takes: expected from 1 to 1000, received 0"),
        (["--minutes", 0], "--minutes: expected more than 0"),
        (["--seed", -1], "--seed"),
    ],
)
def test_lessons_that_cannot_be_given(capsys, tmp_path, two, options, message):
    code, said = run(capsys, "teach", two.root, "--out", tmp_path / "out", *options)
    assert (code, len(said.splitlines())) == (1, 1)
    assert message in said
    assert not (tmp_path / "out").exists()


def test_a_folder_of_other_things_is_no_lesson(capsys, tmp_path, two):
    (tmp_path / "letter.txt").write_text("dear")
    code, said = run(capsys, "teach", two.root, "--out", tmp_path)
    assert code == 1
    assert "holds letter.txt and is no lesson" in said


def test_neither_command_needs_tensorflow_to_be_refused(tmp_path):
    script = ("import sys; from tf_slr.cli.main import main; code = main(sys.argv[1:]); "
              "sys.exit(code + 10 * ('tensorflow' in sys.modules))")  # fmt: skip
    command = [sys.executable, "-c", script, "teach", str(tmp_path), "--out", str(tmp_path / "out")]
    assert subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 1
