"""The table of variants, on a real run. No time is judged: only that figures are there and are those of the export."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from export.variants import DEFAULT
from tf_slr.core import files

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def compare(run, out, *extra):
    command = [sys.executable, ROOT / "tools/compare_variants.py", "--run", run, "--out", out, "--frames", 40,
               "--runs", 40, *extra]  # fmt: skip
    return subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True)


def test_variants_side_by_side(tmp_path, tiny_run, tiny_bundle):
    done = compare(tiny_run, tmp_path / "v.json", "--variants", "fp32", DEFAULT, "--test")
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "v.json").read_text())
    fp32, int8 = result["rows"]
    metrics = files.read_json(tiny_bundle / "bundle.json")["metrics"]
    for row, name in ((fp32, "fp32"), (int8, "int8")):
        assert row["wer"]["dev"] == metrics[f"dev_wer_{name}"]
        assert row["bytes"] == metrics[f"bytes_{name}"]
        assert row["flaw"] == ""
        for threads in ("1", "2"):
            assert 0 < row["speed"][threads]["min_ms"] <= row["speed"][threads]["p50_ms"]
    assert f"| {DEFAULT} | post-training |" in done.stdout
    assert "test WER" in done.stdout
    assert f"wrote {tmp_path / 'v.json'}" in done.stdout


def test_a_name_that_is_no_variant_is_refused(tmp_path, tiny_run):
    done = compare(tiny_run, tmp_path / "v.json", "--variants", "tiny")
    assert done.returncode == 1
    assert "no variant 'tiny'; expected one of fp32" in done.stderr
    assert not (tmp_path / "v.json").exists()
