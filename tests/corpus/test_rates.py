"""Clips of different frame rates become a corpus of one, landmarks and pictures alike."""

import dataclasses
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tests.tiny import isolated
from tf_slr.apps.inputs import Input
from tf_slr.cli import main as cli
from tf_slr.core.errors import DataError
from tf_slr.core.landmarks import Clip
from tf_slr.core.pictures import FrameOptions
from tf_slr.corpus.check import check_corpus
from tf_slr.corpus.compose import ComposeOptions, prepare_isolated
from tf_slr.corpus.manifest import Corpus, CorpusInfo, landmark_path
from tf_slr.corpus.rates import common_rate, pace_of
from tf_slr.features.splits import load_split
from tf_slr.features.streams import Video
from tf_slr.importers import assemble
from tf_slr.importers.assemble import Assembly, merge_parts
from tf_slr.importers.videos import prepare_videos
from tf_slr.tracking import extract
from tf_slr.tracking.engines import Engine
from tf_slr.tracking.tracker import Tracked
from tf_slr.video.decoding import open_video
from tf_slr.video.times import checked_times

av = pytest.importorskip("av")
SECONDS = 2.0
INFO = CorpusInfo("test", "x")


def film(path, times):
    """A video whose frames are shown at given seconds, and brighten evenly."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=60)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 90000)
        for time in times:
            picture = np.full((64, 96, 3), 40 + 90 * time, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(time * 90000), Fraction(1, 90000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def steady(fps):
    return np.arange(0, SECONDS, 1 / fps)


UNSTEADY = np.cumsum([0, *[0.02, 0.12, 0.03, 0.04] * 9])


class Brightness:
    """Stand in for MediaPipe: every point lies where the picture's brightness says, so that it tells the time."""

    def extract(self, path):
        video, shown = open_video(path), []
        levels = np.array([float(np.median(picture)) for picture in video.frames(shown)], np.float32)
        points = np.repeat(levels[:, None, None] / 255, 92, 1) * np.float32([1, 1, 1])
        return Tracked(Clip(points, None, 1.5), video.fps, checked_times(shown))


class Here(Engine):
    def run(self, work, jobs, lost):
        return (work(job) for job in jobs)


@pytest.fixture
def brightness(monkeypatch):
    monkeypatch.setattr(extract, "_process_tracker", Brightness)
    for module in (assemble, extract):
        monkeypatch.setattr(module, "landmark_source", lambda: "a tracker 1.0")


def videos(folder, **times):
    folder.mkdir()
    for name, shown in times.items():
        film(folder / f"{name}.mp4", shown)
    return indexed(folder, *times)


def indexed(folder, *names):
    rows = ["file\tglosses\tsplit", *(f"{name}.mp4\tA\ttrain" for name in names)]
    (folder / "index.tsv").write_text("\n".join(rows) + "\n")
    return folder / "index.tsv"


def prepare(index, out, **options):
    return prepare_videos(index, out, INFO, Assembly(Here(), **options))


def clips(out):
    corpus = Corpus(out)
    return {sample.id: corpus.clip(sample).landmarks for sample in corpus.split("train")}


def contents(out):
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    ("rates", "common"),
    [([10, 30, 60], 30), ([25] * 3 + [30] * 2, 25), ([29.97] * 3 + [30] * 2 + [25] * 4, 29.97), ([10, 30], 30)],
)
def test_a_corpus_has_the_rate_of_most_clips(rates, common):
    assert common_rate(rates) == common


def test_one_sign_lasts_as_long_at_every_rate(tmp_path, brightness):
    index = videos(tmp_path / "in", slow=steady(10), usual=steady(30), fast=steady(60))
    lines = prepare(index, tmp_path / "out")
    assert "note: 2 of 3 clips were brought to 30 frames per second: 1 from 10, 1 from 60 (slow, fast)" in lines
    assert Corpus(tmp_path / "out").info.fps == 30
    found = clips(tmp_path / "out")
    for name, fps in (("slow", 10), ("usual", 30), ("fast", 60)):
        times = np.arange(len(found[name])) / 30
        assert len(times) == pytest.approx((SECONDS - 1 / fps) * 30 + 1, abs=1)
        np.testing.assert_allclose(found[name][:, 7, 0] * 255, 40 + 90 * times.clip(0, SECONDS - 1 / fps), atol=3)
    assert not [
        line for line in check_corpus(tmp_path / "out") if not line.startswith("note: ") and "empty" not in line
    ]


def test_pictures_follow_the_landmarks_by_their_times(tmp_path, brightness):
    index = videos(tmp_path / "in", slow=steady(12), usual=steady(25), fast=steady(50), odd=UNSTEADY)
    lines = prepare(index, tmp_path / "out")
    assert any("1 clips have no steady frame rate and were brought to 25" in line for line in lines)
    corpus = Corpus(tmp_path / "out")
    split = load_split(corpus, "train")
    stream = Video(corpus.root, split.samples, FrameOptions(32), None, fps=corpus.info.fps)
    for number, sample in enumerate(split.samples):
        levels = np.median(stream.shown(number, None), axis=(1, 2, 3))
        assert len(levels) == sample.frames
        step = 90 * {"slow": 1 / 12, "odd": 0.12}.get(sample.id, 1 / 25)
        np.testing.assert_allclose(levels, split.clips[number].landmarks[:, 7, 0] * 255, atol=step + 3)
        levels = np.diff(levels)
        assert levels.min() >= -1, "time runs backwards"
    # For networks that read the video alone the lists are the same.
    prepare(index, tmp_path / "lists", landmarks=False)
    listed = {sample.id: sample.frames for sample in Corpus(tmp_path / "lists").split("train")}
    assert listed == {sample.id: sample.frames for sample in split.samples}


def test_a_video_that_fits_neither_way_is_refused(tmp_path, brightness):
    index = videos(tmp_path / "in", usual=steady(25), fast=steady(50))
    prepare(index, tmp_path / "out")
    corpus = Corpus(tmp_path / "out")
    samples = [dataclasses.replace(sample, frames=sample.frames - 3) for sample in corpus.split("train")]
    with pytest.raises(DataError, match=r"expected 96 frames, found 50"):
        Video(corpus.root, samples, FrameOptions(32), None, fps=25.0).shown(0, None)


def test_clips_that_are_added_may_change_the_rate_and_none_is_mixed_or_tracked_again(tmp_path, brightness, monkeypatch):
    folder = tmp_path / "in"
    videos(folder, a=steady(25), b=steady(50), c=steady(50))
    (folder / "lone.tsv").write_text("file\tglosses\tsplit\na.mp4\tA\ttrain\n")
    out = tmp_path / "out"
    assert prepare(indexed(folder, "a"), out) == []
    first = clips(out)["a"]
    before = (out / landmark_path("a")).read_bytes()
    prepare(indexed(folder, "a", "b", "c"), out)
    assert Corpus(out).info.fps == 50
    assert [len(clip) for clip in clips(out).values()] == [99, 100, 100]
    whole = contents(out)
    monkeypatch.setattr(extract, "_process_tracker", lambda: pytest.fail("a clip is tracked again"))
    prepare(indexed(folder, "a", "b", "c"), out)
    assert contents(out) == whole
    prepare(indexed(folder, "a"), out)
    assert Corpus(out).info.fps == 25
    assert (out / landmark_path("a")).read_bytes() == before
    np.testing.assert_array_equal(clips(out)["a"], first)
    prepare(indexed(folder, "a", "b", "c"), out)
    assert contents(out) == whole


def test_parts_of_many_machines_give_the_same_corpus(tmp_path, brightness):
    index = videos(tmp_path / "in", a=steady(25), b=steady(50), c=steady(25))
    prepare(index, tmp_path / "whole")
    for number in (1, 2):
        prepare(index, tmp_path / f"part{number}", shard=number, shards=2)
    for _ in range(2):  # a part's folder may be the corpus'
        merge_parts([tmp_path / "part1", tmp_path / "part2"], tmp_path / "part1")
    merged = {name: content for name, content in contents(tmp_path / "part1").items() if not name.startswith("parts/")}
    assert merged == contents(tmp_path / "whole")


def test_the_rate_that_was_asked_for_is_the_corpus(tmp_path, brightness, capsys):
    index = videos(tmp_path / "in", a=steady(25))
    prepare_videos(index, tmp_path / "out", dataclasses.replace(INFO, fps=50.0), Assembly(Here()), known_fps=True)
    assert Corpus(tmp_path / "out").info.fps == 50
    assert len(clips(tmp_path / "out")["a"]) == 99
    assert cli.main(["prepare", "videos", "--index", str(index), "--out", str(tmp_path / "x"), "--fps", "0"]) == 1
    assert "--fps: expected 1 to 1000 frames a second, received 0" in capsys.readouterr().err


def test_training_sees_what_the_runtime_sees(tmp_path, brightness):
    index = videos(tmp_path / "in", a=steady(25), b=steady(25), c=steady(60), d=UNSTEADY)
    prepare(index, tmp_path / "out")
    for name in "cd":
        tracked = Brightness().extract(tmp_path / "in" / f"{name}.mp4")
        clip, _ = Input(Path(name), tracked.clip, tracked.times).landmarks_at(25.0)
        np.testing.assert_array_equal(clips(tmp_path / "out")[name], clip.landmarks)


def test_isolated_signs_of_two_rates(tmp_path):
    sets = []
    for name, fps, every in (("slow", 15, 2), ("usual", 30, 1)):
        path = isolated(tmp_path / f"{name}.npz")
        with np.load(path) as arrays:
            arrays = {key: arrays[key] for key in arrays}
        arrays |= {key: arrays[key][:, ::every] for key in ("landmarks", "shoulders")}
        np.savez(path, **arrays, fps=np.float32(fps))
        sets.append(f"{name}={path}")
    options = ComposeOptions(train=4, dev=1, test=1, variation=0.0, min_signs=1, max_signs=1)
    lines = prepare_isolated(sets, [], tmp_path / "out", options, INFO)
    assert any(
        line.startswith("note: 40 of 80 clips were brought to 30 frames per second: 40 from 15") for line in lines
    )
    corpus = Corpus(tmp_path / "out")
    assert {sample.frames for sample in corpus.split("train")} <= {15, 16}


def test_what_a_clip_says_of_its_rate_is_held_against_its_times():
    assert pace_of(50, 29.97, np.arange(50) / 29.97).fps == 29.97
    assert pace_of(50, 90.0, np.arange(50) / 30).fps == pytest.approx(30)
    assert pace_of(50, None, None) is None
    assert not pace_of(37, 25.0, UNSTEADY).steady
