"""Benchmark of a real bundle. No time is judged here: only that the figures are there and consistent."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tf_slr.corpus.manifest import Corpus
from tf_slr.models.cost import multiply_adds
from tf_slr.models.options.mslr import MslrOptions
from tf_slr.runtime.bundle import read_bundle

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))  # where the tools find each other

import work  # noqa: E402


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
    assert list(result["stages_ms"]) == ["normalise landmarks", "network, INT8", "decode, greedy"]
    assert all(milliseconds > 0 for milliseconds in result["stages_ms"].values())
    assert result["bytes"]["INT8"] == (tiny_bundle / "student.tflite").stat().st_size
    assert result["bytes"]["FP32"] == (tiny_run / "student.fp32.tflite").stat().st_size
    assert result["start"]["import_s"] > 0
    assert 10 < result["start"]["peak_mb"] < 150  # of the runtime alone, whatever the benchmark itself holds
    assert f"wrote {out}" in printed
    assert "| 60 | 2 | INT8 |" in printed
    assert out.with_suffix(".md").read_text() in printed
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_bench_recognises_as_the_export_did_and_counts_the_work(benched, tiny_bundle, tiny_corpus):
    result = json.loads(benched[0].read_text())
    accuracy, metrics = result["accuracy"], read_bundle(tiny_bundle).description["metrics"]
    assert accuracy["corpus"] == "tiny"
    assert [accuracy["dev"][name]["wer"] for name in ("FP32", "INT8")] == [
        metrics["dev_wer_fp32"], metrics["dev_wer_int8"]
    ]  # fmt: skip
    assert accuracy["test"]["sentences"] == len(Corpus(tiny_corpus).split("test"))
    assert "| INT8 against FP32 |" in benched[1]
    assert list(result["lengths"]) == ["50", "60", "100", "200", "500"]
    assert all(rows["2"]["INT8"]["p50_ms"] > 0 for rows in result["lengths"].values())
    assert result["lengths"]["500"]["1"]["FP32"]["p50_ms"] > result["lengths"]["50"]["1"]["FP32"]["p50_ms"]
    counted = result["work"]
    assert counted["million_done_per_frame"] == counted["million_multiply_adds_per_frame"]
    done = counted["million_done_per_frame"] * 60 / result["threads"]["1"]["INT8"]["p50_ms"]
    assert counted["billion_multiply_adds_per_second"] == pytest.approx(done, rel=0.05)
    share = counted["billion_multiply_adds_per_second"] / counted["int8_peak_billion_per_second"]
    assert counted["share_of_peak"] == pytest.approx(share, rel=0.05)


def test_tiles_spare_half_of_the_multiply_adds():
    options = MslrOptions()
    frame = multiply_adds(options, 1296, 200) / 200
    assert 0.4 < work.saved(options, 200) / 200 / frame < 0.6


def test_bench_refuses_a_damaged_bundle(tmp_path, tiny_run):
    (tmp_path / "student.tflite").touch()
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
