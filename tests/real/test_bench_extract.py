"""The benchmark of extraction. No time is judged here: only that the figures are there and fit together."""

import importlib.util
import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tf_slr.core.pictures import opencv
from tf_slr.core.processes import cores
from tf_slr.video.decoding import read_frames

pytestmark = pytest.mark.skipif(
    not (importlib.util.find_spec("mediapipe") and importlib.util.find_spec("cv2")), reason="needs tf_slr[video]"
)

ROOT = Path(__file__).parents[2]


def run(*arguments):
    command = [sys.executable, ROOT / "tools/bench_extract.py", *arguments]
    return subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True)


def test_graphs_processes_and_memory_are_measured(real_data, tmp_path):
    clip = tmp_path / "signer"
    clip.mkdir()
    for number, frame in enumerate(itertools.islice(read_frames(real_data / "videos" / "isl" / "cat.mp4"), 6)):
        assert opencv().imwrite(str(clip / f"{number}.png"), frame[..., ::-1])
    out = tmp_path / "result.json"
    done = run(clip, "--out", out, "--rounds", 2, "--frames", 4, "--clips", 1, "--memory-clips", 3)
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    cost = result["processor_ms_a_frame"]
    assert result["saving"] == pytest.approx(1 - cost["tf_slr"] / cost["MediaPipe's Holistic"], abs=0.002)
    rate = result["frames_per_second"]
    assert set(rate) == {"1", str(cores())}
    for workers in rate:
        assert result["scaling"][workers] == pytest.approx(rate[workers] / rate["1"] / int(workers), rel=0.02)
    assert result["resident_mb"]["3"] > 100
    assert f"wrote {out}" in done.stdout
    assert f"| {cores()} | {rate[str(cores())]:.1f} |" in done.stdout


def test_what_cannot_be_measured_is_named(tmp_path):
    done = run(tmp_path / "gone.mp4", "--out", tmp_path / "result.json")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"error: {tmp_path / 'gone.mp4'}: does not exist"
    assert run(tmp_path, "--out", tmp_path / "result.json", "--rounds", 1).returncode == 1
    assert not (tmp_path / "result.json").exists()
