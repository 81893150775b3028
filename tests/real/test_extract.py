"""MediaPipe on real signing: what is found, and that neither a kill nor a change of plan spoils it."""

import importlib.util
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tf_slr.core.errors import DataError
from tf_slr.corpus.manifest import Corpus, CorpusInfo, read_clip
from tf_slr.importers.assemble import Assembly
from tf_slr.importers.videos import prepare_videos
from tf_slr.tracking.engines import Engine
from tf_slr.tracking.extract import Job, extract_many
from tf_slr.tracking.tracker import Tracker, landmark_source
from tf_slr.video.decoding import open_video, read_frames

pytestmark = pytest.mark.skipif(
    not (importlib.util.find_spec("mediapipe") and importlib.util.find_spec("cv2")), reason="needs tf_slr[video]"
)

# The shortest clips of the set, 20 frames each.
SHORT = ("address", "bridge", "christmas")
INFO = CorpusInfo("isl", "Indian Sign Language")
HOW = Assembly(Engine(workers=2))

# Tests that a shell runs in the background inherit a SIGINT that is ignored.
PREPARE = """
import signal
import sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from tf_slr.importers.assemble import Assembly
from tf_slr.tracking.engines import Engine
from tf_slr.corpus.manifest import CorpusInfo
from tf_slr.importers.videos import prepare_videos
info = CorpusInfo("isl", "Indian Sign Language")
prepare_videos(sys.argv[1], sys.argv[2], info, Assembly(Engine(workers=2)), 0, 0)
"""


@pytest.fixture(scope="module")
def isl(real_data):
    return real_data / "videos" / "isl"


@pytest.fixture(scope="module")
def index(isl, tmp_path_factory):
    path = tmp_path_factory.mktemp("index") / "index.tsv"
    rows = [f"{isl / name}.mp4\t{name.upper()}" for name in SHORT]
    path.write_text("\n".join(["file\tglosses", *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def unbroken(index, tmp_path_factory):
    """The corpus of a run that nothing disturbed."""
    out = tmp_path_factory.mktemp("unbroken")
    assert prepare_videos(index, out, INFO, HOW, 0, 0) == []
    return out


def contents(folder):
    """Every file below a folder, except what a killed writer leaves behind."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".tmp-")
    }


def wait_for(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def test_a_working_process_finds_what_this_one_finds(isl, unbroken):
    here = Tracker().extract(isl / f"{SHORT[1]}.mp4").clip
    there = read_clip(unbroken / "landmarks" / f"{SHORT[1]}.npz")
    np.testing.assert_array_equal(there.landmarks, here.landmarks)
    np.testing.assert_array_equal(there.shoulders, here.shoulders)


def test_the_corpus_is_complete(isl, unbroken):
    corpus = Corpus(unbroken)
    samples = corpus.split("train")
    assert [(sample.id, sample.frames) for sample in samples] == [(name, 20) for name in SHORT]
    assert corpus.info.fps == 10
    assert corpus.info.landmark_source == landmark_source()
    assert all(len(corpus.clip(sample).landmarks) == 20 for sample in samples)
    assert all(open_video(sample.video).promised == 20 for sample in samples)


@pytest.mark.parametrize(
    "clip", ["phone_clip_540x720.mp4", "dictasign_lsf_S4.mp4", "phoenix2014T_4330_side-by-side.avi"]
)
def test_whole_videos_are_not_taken_for_truncated_ones(real_data, clip):
    video = open_video(real_data / "videos" / clip)
    frames = sum(1 for _ in video.frames())
    assert video.promised - 1 <= frames <= video.promised


def test_a_truncated_mp4_that_still_opens_is_refused(real_data, tmp_path):
    whole = (real_data / "videos" / "phone_clip_540x720.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 4])
    with pytest.raises(DataError, match=r"cut\.mp4: promised 58 frames, gives 1\d "):
        list(read_frames(tmp_path / "cut.mp4"))


def test_a_video_without_a_steady_rate_is_tracked_whole_and_noted(isl, unbroken, tmp_path):
    av = pytest.importorskip("av")
    times = np.cumsum([0, *[70, 70, 260, 100] * 5])[:20]
    with av.open(str(tmp_path / "phone.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        pictures = list(read_frames(isl / f"{SHORT[1]}.mp4"))
        stream.height, stream.width, _ = pictures[0].shape
        stream.pix_fmt, stream.codec_context.time_base = "bgr0", Fraction(1, 1000)
        for picture, moment in zip(pictures, times, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = int(moment), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    (tmp_path / "index.tsv").write_text(f"file\tglosses\nphone.mkv\tA\n{isl / SHORT[0]}.mp4\tB\n")
    for _ in ("tracked", "kept"):
        lines = prepare_videos(tmp_path / "index.tsv", tmp_path / "out", INFO, HOW, 0, 0)
        assert sum("1 clips have no steady frame rate" in line and "(phone by 0." in line for line in lines) == 1
    # The corpus has the rate of the other clip; what was tracked is kept as it was.
    found, expected = (read_clip(path) for path in (tmp_path / "out/landmarks/.source/phone.npz",
                                                    unbroken / f"landmarks/{SHORT[1]}.npz"))  # fmt: skip
    np.testing.assert_array_equal(found.landmarks, expected.landmarks)


def test_a_killed_process_costs_nothing(isl, unbroken, tmp_path):
    jobs = [Job(name, isl / f"{name}.mp4") for name in SHORT]
    killed = []

    def kill():
        wait_for(lambda: list(tmp_path.glob("landmarks/[a-z]*.npz")))
        killed.append(multiprocessing.active_children()[0].pid)
        os.kill(killed[0], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    results = extract_many(jobs, tmp_path, Engine(workers=2))
    killer.join()
    assert killed
    assert [(result.id, result.frames, result.refusal) for result in results] == [(name, 20, "") for name in SHORT]
    assert contents(tmp_path / "landmarks") == contents(unbroken / "landmarks")


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def stop_midway(how, index, out):
    """Start `prepare_videos` in a process of its own, stop it after its first clip, and see that no process is left."""
    if not Path("/proc/self/stat").exists():
        pytest.skip("looks for processes in /proc")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    job = subprocess.Popen([sys.executable, "-c", PREPARE, index, out], env=environment, stderr=subprocess.DEVNULL)
    wait_for(lambda: list(out.glob("landmarks/.source/[a-z]*.json")))
    processes = children(job.pid)
    job.send_signal(how)
    assert job.wait(timeout=10) != 0
    assert len(processes) >= 2
    wait_for(lambda: not any(map(is_running, processes)), seconds=10)
    assert not (out / "corpus.toml").exists()


def test_a_killed_job_goes_on_where_it_was(index, unbroken, tmp_path):
    stop_midway(signal.SIGKILL, index, tmp_path)
    done = {path: path.stat().st_ino for path in tmp_path.glob("landmarks/[a-z]*.npz") if record(path).exists()}
    assert 1 <= len(done) < len(SHORT)
    assert prepare_videos(index, tmp_path, INFO, HOW, 0, 0) == []
    assert contents(tmp_path) == contents(unbroken)
    assert {path: path.stat().st_ino for path in done} == done, "what was done is not done again"


def test_an_interrupted_job_stops_its_processes(index, tmp_path):
    stop_midway(signal.SIGINT, index, tmp_path)


def record(landmarks):
    return landmarks.parent / ".source" / f"{landmarks.stem}.json"


def test_only_what_is_whole_and_of_the_same_source_is_kept(isl, unbroken, tmp_path):
    shutil.copytree(unbroken / "landmarks", tmp_path / "landmarks")
    damaged, foreign, outdated = paths = [tmp_path / "landmarks" / f"{name}.npz" for name in SHORT]
    damaged.write_bytes(damaged.read_bytes()[:-100])
    record(foreign).write_text(record(foreign).read_text().replace("Holistic 0.", "Holistic 9."))
    record(outdated).write_text(record(outdated).read_text().replace('"mtime_ns": ', '"mtime_ns": 1'))
    before = [path.stat().st_ino for path in paths]
    jobs = [Job(name, isl / f"{name}.mp4") for name in SHORT]
    first = extract_many(jobs, tmp_path, Engine(workers=2))
    after = [path.stat().st_ino for path in paths]
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, False, False]
    assert contents(tmp_path / "landmarks") == contents(unbroken / "landmarks")
    assert extract_many(jobs, tmp_path, Engine(workers=2)) == first
    assert [path.stat().st_ino for path in paths] == after
