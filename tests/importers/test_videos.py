import importlib.metadata
import importlib.util
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tf_slr.core import processes
from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.landmarks import POINTS, Clip
from tf_slr.core.processes import in_processes
from tf_slr.corpus.manifest import SPLITS, Corpus, CorpusInfo, landmark_path, read_clip, write_clip
from tf_slr.importers import assemble
from tf_slr.importers.assemble import Assembly
from tf_slr.importers.videos import prepare_videos
from tf_slr.tracking import extract
from tf_slr.tracking.engines import Engine
from tf_slr.tracking.extract import Extraction, Job, extract_many

INFO = CorpusInfo("test", "a sign language")


@pytest.fixture
def tracked(monkeypatch):
    """Stand in for MediaPipe: every video has 40 frames at 25 fps, unless `tracked[its name]` says otherwise."""
    special = {}

    def extract_many(jobs, out, engine):
        results = []
        for job in jobs:
            result = special.get(job.video.name, (40, 25.0))
            if isinstance(result, str):
                results.append(Extraction(job.id, refusal=f"{job.video}: {result}"))
                continue
            frames, fps, *uneven = result
            write_clip(out / landmark_path(job.id), Clip(np.full((frames, 92, 3), 0.5, np.float32), None, 1.5))
            results.append(Extraction(job.id, frames, fps, *uneven))
        special["jobs"] = jobs
        return results

    monkeypatch.setattr(assemble, "extract_many", extract_many)
    monkeypatch.setattr(assemble, "landmark_source", lambda: "a tracker 1.0")
    return special


def index_of(folder, *rows, make=True):
    """An index.tsv of rows of values, and empty files to go with it."""
    if make:
        for row in rows[1:]:
            if row[0]:
                path = folder / row[0]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
    path = folder / "index.tsv"
    path.write_text("".join("\t".join(row) + "\n" for row in rows))
    return path


def ids(corpus, split):
    return [sample.id for sample in Corpus(corpus).split(split)]


def test_the_index_becomes_a_corpus(tmp_path, tracked):
    index = index_of(
        tmp_path,
        ("file", "glosses", "signer", "split", "text", "id"),
        ("a.mp4", "HELLO  YOU", "anna", "train", "Hello, you!", "first"),
        ("anna/b.mp4", "YOU", "", "dev", "", ""),
        ("c.mp4", "HELLO", "ben", "test", "", ""),
    )
    assert prepare_videos(index, tmp_path / "out", INFO, Assembly()) == []
    corpus = Corpus(tmp_path / "out")
    assert (corpus.info.fps, corpus.info.landmark_source, corpus.info.name) == (25.0, "a tracker 1.0", "test")
    (first,) = corpus.split("train")
    assert (first.id, first.signer, first.frames) == ("first", "anna", 40)
    assert (first.glosses, first.text) == (("HELLO", "YOU"), "Hello, you!")
    assert Path(first.video) == tmp_path / "a.mp4"
    assert corpus.clip(first).landmarks.shape == (40, 92, 3)
    assert [(s.id, s.signer) for s in corpus.split("dev")] == [("anna-b", "unknown")]
    assert ids(tmp_path / "out", "test") == ["c"]


def test_a_label_is_one_gloss_and_unused_columns_are_named(tmp_path, tracked):
    index = index_of(tmp_path, ("file", "label", "frames"), ("a.mp4", "any  questions", "28"))
    index.write_bytes(b"\xef\xbb\xbf" + index.read_bytes().replace(b"\n", b"\r\n"))  # as a spreadsheet writes it
    assert prepare_videos(index, tmp_path / "out", INFO, Assembly(), 0, 0) == [
        f"note: {index}: columns that are not used: frames"
    ]
    assert Corpus(tmp_path / "out").split("train")[0].glosses == ("any-questions",)


def test_characters_come_from_glosses_only(tmp_path, tracked):
    info = CorpusInfo("test", "x", unit="character")
    index = index_of(tmp_path, ("file", "glosses"), ("a.mp4", "天气 好"))
    assert prepare_videos(index, tmp_path / "out", info, Assembly(), 0, 0) == []
    assert Corpus(tmp_path / "out").split("train")[0].glosses == ("天", "气", "好")
    index = index_of(tmp_path, ("file", "label"), ("a.mp4", "天气"))
    with pytest.raises(DataError, match=r"expected a header.*'file' and 'glosses' and maybe"):
        prepare_videos(index, tmp_path / "out", info, Assembly())


def test_every_bad_row_is_named_and_the_rest_goes_on(tmp_path, tracked):
    tracked["dark.mp4"] = "no landmark was found"
    tracked["short.mp4"] = (4, 25.0)
    index = index_of(
        tmp_path,
        ("file", "glosses", "split", "id"),
        ("good.mp4", "A", "train", ""),
        ("dark.mp4", "A", "train", ""),
        ("mute.mp4", " ", "train", ""),
        ("odd.mp4", "A", "probe", ""),
        ("none.mp4", "A", "", ""),
        ("other.mp4", "A", "train", "good"),
        ("x/../good.mp4", "A", "test", "again"),
        ("bad.mp4", "A", "train", "../up"),
        ("", "A", "train", ""),
        ("wide.mp4", "A", "train", "", "A"),
        ("short.mp4", "A B", "train", ""),
        ("last.mp4", "A", "dev", ""),
    )
    with index.open("a") as stream:
        stream.write(f"missing.mp4\tA\ttrain\t\n\n{'x' * 300}\tA\ttrain\t\n")
    lines = prepare_videos(index, tmp_path / "out", INFO, Assembly())
    assert lines == [
        f"{index}, row 4: mute.mp4: has no glosses",
        f"{index}, row 5: odd.mp4: expected split train, dev, test, found 'probe'",
        f"{index}, row 6: none.mp4: expected split train, dev, test, found ''",
        f"{index}, row 7: other.mp4: the id 'good' stands twice",
        f"{index}, row 8: x/../good.mp4: the file stands twice",
        f"{index}, row 9: bad.mp4: expected an id that can be a file name, received '../up'",
        f"{index}, row 10: : names no file",
        f"{index}, row 11: expected 4 columns, found 5",
        f"{index}, row 14: missing.mp4: does not exist",
        f"{index}, row 16: {'x' * 300}: cannot be looked for (File name too long)",
        f"{tmp_path / 'dark.mp4'}: no landmark was found",
        "train: short: 4 frames are too few for 2 glosses (needs more than 4); left out",
    ]
    assert ids(tmp_path / "out", "train") == ["good"]
    assert ids(tmp_path / "out", "dev") == ["last"]


@pytest.mark.parametrize("header", ["", "file", "glosses", "file glosses", "file\tglosses\tfile", "datei\tglosses"])
def test_a_bad_header_says_what_is_expected(tmp_path, tracked, header):
    (tmp_path / "index.tsv").write_text(f"{header}\na.mp4\tA\n")
    expected = r"a header, separated by tabs, commas or semicolons, with 'file' and 'glosses' \(or 'label"
    with pytest.raises(DataError, match=expected):
        prepare_videos(tmp_path / "index.tsv", tmp_path / "out", INFO, Assembly())


def test_nothing_usable_is_an_error_that_gives_the_reasons(tmp_path, tracked):
    tracked["dark.mp4"] = "no landmark was found"
    index = index_of(tmp_path, ("file", "glosses"), ("dark.mp4", "A"), ("mute.mp4", ""))
    with pytest.raises(DataError, match=r"no usable training clip \(.*mute.mp4: has no glosses, .*dark.mp4: no landm"):
        prepare_videos(index, tmp_path / "out", INFO, Assembly())
    assert not (tmp_path / "out" / "corpus.toml").exists()


def test_an_index_without_training_rows_is_refused_before_the_work(tmp_path, tracked):
    index = index_of(tmp_path, ("file", "glosses", "split"), ("a.mp4", "A", "dev"))
    with pytest.raises(DataError, match="no row is for training"):
        prepare_videos(index, tmp_path / "out", INFO, Assembly())
    assert "jobs" not in tracked


def test_drawn_splits_have_their_shares_and_hold_no_gloss_that_train_lacks(tmp_path, tracked):
    rows = [(f"{i}.mp4", f"G{i % 20}") for i in range(300)] + [(f"rare{i}.mp4", f"RARE{i}") for i in range(30)]
    index = index_of(tmp_path, ("file", "glosses"), *rows)
    notes = prepare_videos(index, tmp_path / "out", INFO, Assembly(), 0.2, 0.1)
    corpus = Corpus(tmp_path / "out")
    sizes = {name: len(corpus.split(name)) for name in SPLITS}
    assert sum(sizes.values()) == 330
    assert 35 <= sizes["dev"] <= 85
    assert 12 <= sizes["test"] <= 50
    vocabulary = corpus.vocabulary()
    assert all(gloss in vocabulary for name in SPLITS for sample in corpus.split(name) for gloss in sample.glosses)
    assert len(vocabulary.glosses) == 50
    assert len(notes) == 1
    assert "went to train, which lacked one of their glosses" in notes[0]

    before = {name: set(ids(tmp_path / "out", name)) for name in SPLITS}
    index_of(tmp_path, ("file", "glosses"), *reversed(rows), make=False)
    prepare_videos(index, tmp_path / "again", INFO, Assembly(), 0.2, 0.1)
    assert {name: set(ids(tmp_path / "again", name)) for name in SPLITS} == before


def test_a_clip_that_was_left_out_brings_no_gloss_into_train(tmp_path, tracked):
    rows = [(f"{i}.mp4", f"G{i}") for i in range(40)]
    for name, _ in rows[::2]:
        tracked[name] = "nobody is there"
    rows += [(f"take{i}.mp4", f"G{i}") for i in range(40)]
    prepare_videos(index_of(tmp_path, ("file", "glosses"), *rows), tmp_path / "out", INFO, Assembly())
    assert len(Corpus(tmp_path / "out").vocabulary().glosses) == 40


def test_empty_drawn_splits_are_noted(tmp_path, tracked):
    index = index_of(tmp_path, ("file", "glosses"), *((f"{i}.mp4", f"ONLY{i}") for i in range(30)))
    lines = prepare_videos(index, tmp_path / "out", INFO, Assembly())
    assert [line for line in lines if "split is empty" in line] == [
        "note: the dev split is empty; more takes of each gloss fill it, or a column 'split'",
        "note: the test split is empty; more takes of each gloss fill it, or a column 'split'",
    ]


def test_frame_rates_that_differ_or_are_unknown_are_noted(tmp_path, tracked):
    tracked |= {"slow.mp4": (40, 10.0), "near.mp4": (40, 26.0), "images": (40, None)}
    rows = [(name, "A", "train") for name in ("a.mp4", "b.mp4", "c.mp4", "slow.mp4", "near.mp4", "images")]
    index = index_of(tmp_path, ("file", "glosses", "split"), *rows)
    assert prepare_videos(index, tmp_path / "out", CorpusInfo("test", "x", fps=24), Assembly()) == [
        "note: 1 clips tell no frame rate; 25 frames per second were assumed (images)",
        "note: 2 of 6 clips were brought to 25 frames per second: 1 from 10, 1 from 26 (slow, near)",
    ]
    corpus = Corpus(tmp_path / "out")
    assert corpus.info.fps == 25.0
    assert [sample.frames for sample in corpus.split("train")] == [40, 40, 40, 98, 38, 40]
    assert all(len(corpus.clip(sample).landmarks) == sample.frames for sample in corpus.split("train"))


def test_clips_without_a_steady_rate_are_named_with_how_far_they_are_off(tmp_path, tracked):
    tracked |= {"browser.webm": (40, 25.0, 0.312), "phone.mkv": (40, 25.0, 1.5)}
    rows = [(name, "A", "train") for name in ("browser.webm", "steady.mp4", "phone.mkv")]
    index = index_of(tmp_path, ("file", "glosses", "split"), *rows)
    (line,) = prepare_videos(index, tmp_path / "out", INFO, Assembly())
    assert line.startswith("note: 2 clips have no steady frame rate")
    assert "(phone by 1.50 s, browser by 0.31 s)" in line
    assert "steady.mp4" not in line
    assert len(ids(tmp_path / "out", "train")) == 3


@pytest.mark.parametrize("shares", [(-0.1, 0), (0.6, 0.4), (0, math.nan)])
def test_shares_that_leave_nothing_for_train_are_refused(tmp_path, shares):
    with pytest.raises(UsageError, match="shares of dev and test that leave some for train"):
        prepare_videos(index_of(tmp_path, ("file", "glosses")), tmp_path / "out", INFO, Assembly(), *shares)


def test_importing_needs_neither_opencv_nor_mediapipe():
    heavy = "{'cv2', 'mediapipe', 'tensorflow', 'multiprocessing'}"
    code = f"import sys, tf_slr.importers.videos; print({heavy} & {{*sys.modules}})"
    root = Path(extract.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "{'multiprocessing'}"


def test_without_mediapipe_the_extra_is_named(tmp_path, monkeypatch):
    def version(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    with pytest.raises(UsageError, match=r"tf_slr\[video\]"):
        extract_many([], tmp_path, Engine())


def test_landmarks_of_others_are_not_taken_for_tracked_ones(tmp_path, monkeypatch, video_of_noise):
    """As when `prepare pose` wrote into the same folder meanwhile."""

    class Tracking:
        times = 0

        def extract(self, video):
            self.times += 1
            return Clip(np.full((12, POINTS, 3), 0.25, np.float32), None, 1.0), 25.0, None

    tracking = Tracking()
    monkeypatch.setattr(extract, "_process_tracker", lambda: tracking)
    job = Job("a", video_of_noise("a.avi", frames=12))

    def again():
        result = extract._extract_job(job, tmp_path, "a tracker 1.0")
        assert (result.refusal, result.frames, result.fps) == ("", 12, 25.0)
        return tracking.times

    assert (again(), again()) == (1, 1)
    write_clip(tmp_path / landmark_path("a"), Clip(np.full((12, POINTS, 3), 0.75, np.float32), None, 1.0))
    assert again() == 2
    assert (read_clip(tmp_path / landmark_path("a")).landmarks == 0.25).all()
    # Nor are those of a time when phone videos lay on their side.
    record = extract._record_path("a", tmp_path)
    made = json.loads(record.read_text())
    del made["source"]["pictures"]
    record.write_text(json.dumps(made))
    assert (again(), again()) == (3, 3)


def test_a_corpus_whose_clips_are_tracked_anew_is_none_until_the_end(tmp_path, monkeypatch, video_of_noise):
    job = Job("a", video_of_noise("a.avi", frames=12))
    (tmp_path / "corpus.toml").write_text("name = 'old'")

    class Stopped:
        def run(self, work, jobs, lost):
            raise KeyboardInterrupt
            yield

    monkeypatch.setattr(extract, "landmark_source", lambda: "a tracker 1.0")
    with pytest.raises(KeyboardInterrupt):
        extract_many([job], tmp_path, Stopped())
    assert not (tmp_path / "corpus.toml").exists()


def test_videos_of_nobody_are_refused_by_the_real_tracker(tmp_path, video_of_noise, capfd):
    if importlib.util.find_spec("mediapipe") is None:
        pytest.skip("MediaPipe is not installed")
    good, cut = video_of_noise("noise.avi"), video_of_noise("cut.avi", frames=30)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    jobs = [Job("gone", tmp_path / "gone.avi"), Job("noise", good), Job("cut", cut)]
    results = extract_many(jobs, tmp_path / "out", Engine(workers=1))
    assert [result.id for result in results] == ["gone", "noise", "cut"]
    assert results[0].refusal == f"{tmp_path / 'gone.avi'}: cannot be read (No such file or directory)"
    assert results[1].refusal.startswith(f"{good}: no landmark was found in any frame")
    assert results[2].refusal.startswith(f"{cut}: promised 30 frames, gives ")
    assert not (tmp_path / "out").exists()
    assert capfd.readouterr().err == ""


# Processes find `eval` without importing this file; an expression can say anything.
SUICIDE = "__import__('os').kill(__import__('os').getpid(), 9)"
lost = "lost: {}".format


def test_an_item_that_kills_its_process_is_named_and_its_neighbours_are_done():
    items = ["1 + 1", SUICIDE, "2 + 2", "3 + 3", "4 + 4"]
    assert sorted(map(str, in_processes(eval, items, 2, lost))) == ["2", "4", "6", "8", f"lost: {SUICIDE}"]


def test_processes_that_die_whatever_they_get_end_the_job(monkeypatch):
    monkeypatch.setattr(processes, "MAX_DEATHS_IN_A_ROW", 2)
    with pytest.raises(UsageError, match="2 processes in a row died"):
        list(in_processes(os._exit, [1, 2, 3, 4], 1, lost))
    # Here something is finished between two deaths.
    items = [SUICIDE, "1 + 1", SUICIDE]
    assert list(in_processes(eval, items, 1, lost)) == [lost(SUICIDE), 2, lost(SUICIDE)]


def test_an_error_in_a_process_is_raised_here_and_ends_the_others_at_once(tmp_path):
    late = tmp_path / "late"
    sleep = f"__import__('time').sleep(8) or open({str(late)!r}, 'w')"
    started = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        list(in_processes(eval, [sleep, "1 / 0"], 2, lost))
    assert time.monotonic() - started < 6
    assert not late.exists()
