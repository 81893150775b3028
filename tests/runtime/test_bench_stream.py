"""The benchmark of streams: what it says of a corpus agrees with the corpus."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tf_slr.corpus.manifest import Corpus
from tf_slr.runtime.stream import StreamOptions

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def bench(*options):
    command = [sys.executable, "tools/bench_stream.py", *map(str, options)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def signs(tmp_path_factory):
    from tests.tiny import isolated

    return isolated(tmp_path_factory.mktemp("signs") / "signs.npz", takes=4, seed=5)


def test_streams_are_compared_with_whole_clips(tmp_path, tiny_bundle, tiny_corpus, signs):
    out = tmp_path / "bench.json"
    done = bench("--bundle", tiny_bundle, "--corpus", tiny_corpus, "--idle", signs, "--out", out)
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    samples = Corpus(tiny_corpus).split("dev")
    (stream,) = result["streams"]
    assert result["clips"] == len(samples)
    assert stream["glosses"] == result["whole"]["glosses"] == sum(len(sample.glosses) for sample in samples)
    assert stream["corrected"]["wer"] == stream["wer"], "there is no corrector"
    assert stream["wer"] < result["whole"]["wer"] + 0.2
    assert 0 < stream["delay_p50_s"] <= stream["delay_p95_s"] < 2 * StreamOptions.look_ahead
    assert f"{100 * stream['wer']:.2f}" in done.stdout
    assert f"wrote {out}" in done.stdout


def test_an_idle_gloss_that_is_not_there_is_refused(tmp_path, tiny_bundle, tiny_corpus, signs):
    done = bench("--bundle", tiny_bundle, "--corpus", tiny_corpus, "--idle", signs, "--idle-gloss", "NAP",
                 "--out", tmp_path / "bench.json")  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == f"error: {signs}: has no usable clip of 'NAP'\n"
