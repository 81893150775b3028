"""Benchmark and report on a real bundle. No time is judged here: only that the figures are there and consistent."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def benched(tmp_path_factory, tiny_run, tiny_bundle):
    out = tmp_path_factory.mktemp("bench") / "bench.json"
    command = [sys.executable, ROOT / "tools/bench.py", "--run", tiny_run, "--bundle", tiny_bundle, "--out", out,
               "--frames", 60, "--runs", 40]  # fmt: skip
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out, done.stdout


def test_bench_measures_both_models_on_one_and_two_threads(benched, tiny_run, tiny_bundle):
    out, printed = benched
    result = json.loads(out.read_text())
    for threads in ("1", "2"):
        for name in ("FP32", "INT8"):
            figures = result["threads"][threads][name]
            assert 0 < figures["p50_ms"] <= figures["p95_ms"] <= figures["p99_ms"]
            assert figures["frames_per_second"] == pytest.approx(60 / figures["p50_ms"] * 1e3, rel=0.01)
        speeds = result["threads"][threads]
        assert result["ratio"][threads] == pytest.approx(speeds["FP32"]["p50_ms"] / speeds["INT8"]["p50_ms"], rel=0.02)
    assert result["bytes"]["INT8"] == (tiny_bundle / "student.tflite").stat().st_size
    assert result["bytes"]["FP32"] == (tiny_run / "student.fp32.tflite").stat().st_size
    assert result["start"]["import_s"] > 0
    assert result["start"]["peak_mb"] > 10
    assert f"wrote {out}" in printed
    assert "| 2 | INT8 |" in printed


def test_report_shows_results_speed_and_pictures(tmp_path, benched, tiny_run, tiny_bundle):
    command = [sys.executable, ROOT / "tools/report.py", "--run", tiny_run, "--bundle", tiny_bundle,
               "--bench", benched[0], "--out", tmp_path]  # fmt: skip
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "report.md").read_text()
    assert "| test, all |" in text
    assert "| 1 | INT8 |" in text
    results = json.loads((tmp_path / "results.json").read_text())
    assert f"{100 * results['test']['INT8']['wer']:.2f} %" in text
    for name in ("learning.png", "example.png"):
        assert f"({name})" in text
        content = (tmp_path / name).read_bytes()
        assert content[:8] == b"\x89PNG\r\n\x1a\n"
        assert len(content) > 5000


def test_bench_refuses_a_damaged_bundle(tmp_path, tiny_run):
    command = [
        sys.executable,
        ROOT / "tools/bench.py",
        "--run",
        tiny_run,
        "--bundle",
        tmp_path,
        "--out",
        tmp_path / "b",
    ]
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "bundle.json" in done.stderr
