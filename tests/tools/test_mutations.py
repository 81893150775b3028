"""Damaged files of every format are refused by the project's own errors, without crash, hang, or much memory."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.tools.mutations import FORMATS

NEEDS = {"parquet": "pyarrow", "pose": "pose_format"}
COUNT = 26


@pytest.mark.parametrize("name", FORMATS)
def test_damage_is_refused(name, tmp_path):
    if name in NEEDS and not find_spec(NEEDS[name]):
        pytest.skip(f"needs {NEEDS[name]}")
    command = [sys.executable, "-m", "tests.tools.mutations", name, str(tmp_path), str(COUNT)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["files"] >= COUNT
    assert result["refused"] > 0
    assert result["grown_mb"] < 500
