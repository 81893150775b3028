"""Sets of isolated signs as if somebody had recorded them."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.tiny import GLOSSES, isolated
from tf_slr.apps.teach.recordings import Recordings
from tf_slr.corpus.isolated import read_isolated
from tf_slr.corpus.manifest import read_clip

ROOT = Path(__file__).parents[3]


def test_the_first_takes_and_the_last_ones(tmp_path):
    signs = isolated(tmp_path / "signs.npz", takes=9)
    options = [signs, "--out", tmp_path / "r", "--takes", 4, "--test-takes", 2, "--background", "REST"]
    command = [sys.executable, "tools/as_recorded.py", *map(str, options)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    recordings = Recordings(tmp_path / "r")
    assert recordings.list.signs == GLOSSES
    clips = {(clip.gloss, clip.take): clip.clip for clip in read_isolated(signs)[0]}
    for sign in (*GLOSSES, None):
        taken = [read_clip(path).landmarks for path in recordings.takes(sign)]
        expected = [clips[sign or "REST", take].landmarks for take in (0, 1, 2, 3, 7, 8)]
        np.testing.assert_array_equal(taken, expected)
