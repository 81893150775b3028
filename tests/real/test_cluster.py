"""Real extraction on a Dask cluster: a worker is killed midway and the corpus is still the same to the byte."""

import importlib.util
import signal
import threading
import time

import pytest

from tests.dask_cluster import two_workers
from tf_slr.corpus.manifest import CorpusInfo
from tf_slr.importers.assemble import Assembly
from tf_slr.importers.videos import prepare_videos
from tf_slr.tracking.engines import Engine

pytestmark = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("mediapipe", "cv2", "distributed"))), reason="needs tf_slr[video,cluster]"
)

CLIPS = ("address", "bridge", "christmas", "cat", "mile", "may")
INFO = CorpusInfo("isl", "Indian Sign Language")


def files_of(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_killed_worker_changes_nothing(real_data, tmp_path):
    index = tmp_path / "index.tsv"
    rows = [f"{real_data / 'videos' / 'isl' / name}.mp4\t{name.upper()}" for name in CLIPS]
    index.write_text("\n".join(["file\tglosses", *rows]) + "\n")
    out = tmp_path / "cluster"
    with two_workers() as (address, workers):

        def kill_after_the_first_clip():
            while not list(out.glob("landmarks/*.npz")):
                time.sleep(0.05)
            workers[0].send_signal(signal.SIGKILL)

        killer = threading.Thread(target=kill_after_the_first_clip, daemon=True)
        killer.start()
        lines = prepare_videos(index, out, INFO, Assembly(Engine("dask", scheduler=address)), 0, 0)
        killer.join(10)
        assert workers[0].poll() == -signal.SIGKILL
    assert prepare_videos(index, tmp_path / "alone", INFO, Assembly(Engine(workers=2)), 0, 0) == lines == []
    assert files_of(out) == files_of(tmp_path / "alone")
