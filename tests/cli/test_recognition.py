"""`tf-slr recognize` as people use it: many files of every kind, some of them broken."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.cli.test_cli import tf_slr
from tests.formats.test_subtitles import read_srt, read_webvtt
from tf_slr.apps.inputs import Input
from tf_slr.cli import main as cli
from tf_slr.cli.clips import clips_of
from tf_slr.cli.recognition import BESIDE, destinations
from tf_slr.core.errors import UsageError
from tf_slr.core.landmarks import Clip
from tf_slr.corpus.manifest import read_clip, write_clip


@pytest.fixture(scope="module")
def clips(tmp_path_factory, tiny_corpus):
    """Two clips, and between them one that is none."""
    folder = tmp_path_factory.mktemp("clips")
    for name in ("test-00000", "test-00001"):
        shutil.copy(tiny_corpus / "landmarks" / f"{name}.npz", folder)
    (folder / "broken.npz").write_bytes(b"broken")
    return [folder / "test-00000.npz", folder / "broken.npz", folder / "test-00001.npz"]


@pytest.fixture(scope="module")
def recognised(tmp_path_factory, clips, tiny_bundle):
    """Everything made of the clips, and what was said."""
    out = tmp_path_factory.mktemp("out")
    stdout, stderr = tf_slr("recognize", "--bundle", tiny_bundle, *clips, "--json", "--srt", out, "--vtt", out,
                            "--draw", out / "films", code=1)  # fmt: skip
    return json.loads(stdout), stderr, out


def test_json_tells_of_every_file(recognised, clips):
    entries, stderr, out = recognised
    assert [entry["clip"] for entry in entries] == list(map(str, clips))
    good, broken, other = entries
    assert str(clips[1]) in broken["error"]
    assert broken["glosses"] == []
    assert f"error: {broken['error']}" in stderr
    for entry in (good, other):
        assert entry["fps"] == 30
        assert entry["frames"] == len(read_clip(entry["clip"]).landmarks)
        assert all(0 <= word["start"] < word["end"] <= entry["frames"] / 30 for word in entry["glosses"])
        assert all(0 < word["confidence"] <= 1 for word in entry["glosses"])
        for kind, folder, suffix in (("srt", out, ".srt"), ("vtt", out, ".vtt"), ("draw", out / "films", ".mp4")):
            path = folder / (Path(entry["clip"]).stem + suffix)
            assert entry["files"][kind] == str(path)
            assert f"wrote {path}\n" in stderr
            assert path.stat().st_size > 0
    assert not list(out.rglob("broken*"))


def test_subtitles_say_what_the_json_says(recognised):
    for entry in (recognised[0][0], recognised[0][2]):
        for kind, read in (("srt", read_srt), ("vtt", read_webvtt)):
            shown = list(read(Path(entry["files"][kind]).read_text(encoding="utf-8")))
            expected = [(word["gloss"], round(1000 * word["start"])) for word in entry["glosses"]]
            assert [(cue.text, cue.start) for cue in shown] == expected
            assert expected


def test_people_read_a_sentence_and_below_it_the_times(tiny_bundle, clips, recognised):
    stdout, stderr = tf_slr("recognize", "--bundle", tiny_bundle, clips[0])
    assert stderr == ""
    sentence, *lines = stdout.splitlines()
    words = recognised[0][0]["glosses"]
    assert sentence == f"{clips[0]}: {' '.join(word['gloss'] for word in words)}"
    assert [line.split()[-1] for line in lines] == [word["gloss"] for word in words]
    assert [float(line.split()[0]) for line in lines] == pytest.approx([word["start"] for word in words], abs=0.006)
    assert [line.split()[4] for line in lines] == [f"{word['confidence']:.0%}" for word in words]


def test_a_folder_of_clips_is_all_of_them_by_name(tmp_path, tiny_bundle, clips, recognised, capsys):
    folder = tmp_path / "clips"
    folder.mkdir()
    for name, clip in (("b.npz", clips[0]), ("a.npz", clips[2]), (".hidden.npz", clips[0])):
        shutil.copy(clip, folder / name)
    (folder / "notes.txt").write_text("no clip")
    command = ["recognize", "--bundle", tiny_bundle, folder, tmp_path, "--json", "--srt", tmp_path / "out"]
    assert cli.main(list(map(str, command))) == 1
    a, b, other = json.loads(capsys.readouterr().out)
    assert [a["clip"], b["clip"]] == [str(folder / "a.npz"), str(folder / "b.npz")]
    assert [a["glosses"], b["glosses"]] == [recognised[0][2]["glosses"], recognised[0][0]["glosses"]]
    assert sorted(path.name for path in (tmp_path / "out").glob("*.srt")) == ["a.srt", "b.srt"]
    assert other["error"].startswith(f"{tmp_path}: is a folder of other things; expected a video, a landmark file")


def test_a_folder_of_images_is_one_clip(tmp_path):
    for name in ("images/1.png", "images/2.png", "videos/b.mp4", "videos/a.MOV", "videos/a.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    images, videos, gone = tmp_path / "images", tmp_path / "videos", tmp_path / "no.npz"
    assert clips_of([images, videos, gone]) == [images, videos / "a.MOV", videos / "b.mp4", gone]


def test_subtitles_go_to_standard_output_alone(tiny_bundle, clips, recognised, capsys):
    command = ["recognize", "--bundle", str(tiny_bundle)]
    for kind in ("srt", "vtt"):
        assert cli.main([*command, str(clips[0]), f"--{kind}", "-"]) == 0
        said = capsys.readouterr()
        assert said.out == Path(recognised[0][0]["files"][kind]).read_text(encoding="utf-8")
        assert said.err.startswith(f"{clips[0]}: ")
    assert not Path("-").exists()
    for more in (["--json"], [str(clips[2])], ["--vtt", "-"]):
        assert cli.main([*command, str(clips[0]), *more, "--srt", "-"]) == 1
        assert "expected one clip and nothing else for standard output" in capsys.readouterr().err
    assert cli.main([*command, str(clips[0]), "--draw", "-"]) == 1
    assert "--draw: a video is not written to standard output" in capsys.readouterr().err


def test_a_pose_file_of_twice_the_rate_says_the_same_at_the_same_times(tmp_path, tiny_bundle, clips, recognised):
    pytest.importorskip("pose_format")
    from tf_slr.importers.poses import write_pose

    clip = read_clip(clips[0])
    fast, fps = Input(clips[0], clip, np.arange(len(clip.landmarks)) / 30).landmarks_at(60)
    assert fps == 60
    write_pose(tmp_path / "fast.pose", fast, fps)
    entry = json.loads(tf_slr("recognize", "--bundle", tiny_bundle, tmp_path / "fast.pose", "--json")[0])[0]
    assert entry["fps"] == pytest.approx(60, rel=0.01)
    expected = recognised[0][0]["glosses"]
    assert [word["gloss"] for word in entry["glosses"]] == [word["gloss"] for word in expected]
    assert [word["start"] for word in entry["glosses"]] == pytest.approx([w["start"] for w in expected], abs=0.14)


def test_a_rate_that_was_told_is_used(tmp_path, tiny_bundle, clips):
    clip = read_clip(clips[0])
    slow = Clip(clip.landmarks[::2], clip.shoulders[::2], clip.aspect)
    write_clip(tmp_path / "slow.npz", slow)
    command = ("recognize", "--bundle", tiny_bundle, tmp_path / "slow.npz", "--json")
    assert json.loads(tf_slr(*command, "--fps", "15")[0])[0]["fps"] == 15
    assert "1 to 1000" in tf_slr(*command, "--fps", "0", code=1)[1]


def test_a_folder_in_the_place_of_a_result_is_refused_before_any_work(tmp_path, tiny_bundle, clips):
    first, _, last = clips
    (tmp_path / f"{first.stem}.srt").mkdir()
    stdout, stderr = tf_slr("recognize", "--bundle", tiny_bundle, first, last, "--json", "--srt", tmp_path, code=1)
    assert not stdout
    assert f"{tmp_path / first.stem}.srt" in stderr
    assert not (tmp_path / f"{last.stem}.srt").exists()


def test_a_name_that_is_no_text_ends_nothing(tmp_path, tiny_bundle, clips):
    strange = tmp_path / os.fsdecode(b"stra\xdfe.npz")
    shutil.copy(clips[0], strange)
    command = ("recognize", "--bundle", tiny_bundle, strange, clips[2])
    assert r"stra\udcdfe.npz" in tf_slr(*command, PYTHONIOENCODING="utf-8:strict")[0]
    first, last = json.loads(tf_slr(*command, "--json", PYTHONIOENCODING="utf-8:strict")[0])
    assert Path(first["clip"]) == strange
    assert last["glosses"]
    shutil.copy(clips[0], tmp_path / "Größe.npz")
    command = ("recognize", "--bundle", tiny_bundle, tmp_path / "Größe.npz", "--json")
    (only,) = json.loads(tf_slr(*command, PYTHONIOENCODING="ascii")[0])
    assert only["clip"] == str(tmp_path / "Größe.npz")


def test_threads_that_cannot_be_had_are_refused(tiny_bundle, clips):
    for count in (0, -5, 100_000):
        _, stderr = tf_slr("recognize", "--bundle", tiny_bundle, clips[0], "--threads", count, code=1)
        assert stderr == f"error: threads: expected 1 to 256, received {count}\n"


def test_a_folder_named_by_a_dot_has_a_name(tmp_path, monkeypatch):
    (tmp_path / "frames" / "deeper").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "frames")
    assert destinations("--srt", BESIDE, [Path()], ".srt") == [tmp_path / "frames.srt"]
    assert destinations("--srt", "out", [Path()], ".srt") == [Path("out/frames.srt")]
    monkeypatch.chdir(tmp_path / "frames" / "deeper")
    assert destinations("--draw", "out", [Path("..")], ".mp4") == [Path("out/frames.mp4")]


def test_where_files_go(tmp_path):
    folder = tmp_path / "frames.v2"
    folder.mkdir()
    video = tmp_path / "a.b.mp4"
    video.write_bytes(b"")
    assert destinations("--srt", None, [video], ".srt") == []
    beside = destinations("--srt", BESIDE, [video, folder], ".srt")
    assert beside == [tmp_path / "a.b.srt", tmp_path / "frames.v2.srt"]
    assert destinations("--srt", tmp_path / "x.srt", [video], ".srt") == [tmp_path / "x.srt"]
    assert destinations("--draw", tmp_path / "new", [video], ".mp4") == [tmp_path / "new" / "a.b.mp4"]


@pytest.mark.parametrize(
    ("where", "clips", "message"),
    [
        ("one.mp4", ["a.npz", "b.npz"], "taken by"),
        ("out", ["x/a.npz", "y/a.mp4"], "taken by"),
        (".", ["a.mp4"], "taken by"),
        (BESIDE, ["a.mp4"], "taken by"),
        ("a.mp4", ["b.npz", "a.mp4"], "taken by"),
        ("b.npz", ["b.npz", "a.npz"], "clips stand before"),
    ],
)
def test_no_file_is_written_twice_or_over_a_clip(where, clips, message):
    with pytest.raises(UsageError, match=message):
        destinations("--draw", where, [Path(clip) for clip in clips], ".mp4")
