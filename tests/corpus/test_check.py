"""`tf-slr check`: every fault by name, and what is only worth a note."""

import os
import random
import re
import shutil
import sys

import numpy as np
import pytest

from tests.cli.test_cli import tf_slr
from tests.landmark_clips import moving_figure
from tf_slr.core.errors import SlrError
from tf_slr.core.landmarks import LEFT_HAND, RIGHT_HAND, Clip
from tf_slr.corpus.check import check_corpus
from tf_slr.corpus.manifest import CorpusInfo, Sample, landmark_path, write_clip, write_corpus

INFO = CorpusInfo("tiny", "test", fps=25.0, licence="none")
HEADER = "id,signer,frames,glosses,text,landmarks,video\n"
FRAMES = 20


def clip_of(seed, frames=FRAMES):
    return Clip(moving_figure(frames, seed).landmarks.astype(np.float16), None, 1.25)


def sample_of(root, name, glosses, **fields):
    write_clip(root / landmark_path(name), clip_of(sum(name.encode())))
    return Sample(name, "s1", FRAMES, glosses, landmarks=landmark_path(name), **fields)


@pytest.fixture
def corpus(tmp_path):
    root = tmp_path / "corpus"
    splits = {
        "train": [sample_of(root, "a", ("A", "B")), sample_of(root, "b", ("B", "C"))],
        "dev": [sample_of(root, "c", ("C",))],
        "test": [sample_of(root, "d", ("A",))],
    }
    write_corpus(root, INFO, splits)
    return root


def faults_of(root):
    return [line for line in check_corpus(root) if not line.startswith("note: ")]


def notes_of(root):
    return [line for line in check_corpus(root) if line.startswith("note: ")]


def the_clip(content):
    """Put something else in the place of clip c."""

    def damage(root):
        path = root / "landmarks/c.npz"
        if callable(content):
            path.write_bytes(content(path.read_bytes()))
        else:
            np.savez(path, **content)

    return damage


def in_list(name, old, new):
    def damage(root):
        text = (root / name).read_text()
        assert old in text
        (root / name).write_text(text.replace(old, new))

    return damage


def images(folder, count):
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number}.png").write_bytes(b"")


def video_of_c(value):
    return in_list("dev.csv", ",landmarks/c.npz,", f",landmarks/c.npz,{value}")


def test_a_sound_corpus_has_nothing_to_say(corpus):
    assert check_corpus(corpus) == []


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda root: (root / "landmarks/c.npz").unlink(), r"c\.npz: cannot be read"),
        (the_clip(lambda content: content[:200]), r"c\.npz: is not a readable"),
        (the_clip(lambda content: b""), r"c\.npz: is not a readable"),
        (the_clip({"landmarks": clip_of(0, 19).landmarks}), r"c\.npz: expected 20 frames, found 19"),
        (the_clip({"landmarks": np.full((20, 92, 3), np.nan, np.float32)}), r"c\.npz: no landmark was found"),
        (the_clip({"landmarks": np.zeros((20, 91, 3), np.float32)}), r"c\.npz: expected landmarks of shape"),
        (
            the_clip({"landmarks": clip_of(0).landmarks, "shoulders": np.zeros((3, 2, 3))}),
            r"c\.npz: expected shoulders of shape",
        ),
        (in_list("dev.csv", "c,s1,20,C", "c,s1,20,UNKNOWN"), r"dev\.csv: c: .*not have: UNKNOWN"),
        (in_list("dev.csv", "c,s1,20,C", "a,s1,20,C"), r"dev\.csv: a: the id stands twice \(first in train\.csv\)"),
        (in_list("dev.csv", "c,s1,20,C", "c,s1,20,"), r"dev\.csv: c: has no gloss"),
        (in_list("dev.csv", "c,s1,20,C", "c,s1,20,C C C C C C"), r"dev\.csv: c: 20 frames are too few for 6"),
        (in_list("dev.csv", "c,s1,20,C", "c,s1,many,C"), r"dev\.csv, row 2.*'many'"),
        (in_list("dev.csv", "c,s1,20,C", "c,s1"), r"dev\.csv, row 2"),
        (in_list("dev.csv", "id,signer", "name,signer"), r"dev\.csv: expected columns"),
        (in_list("dev.csv", "landmarks/c.npz", ""), r"dev\.csv: c: has neither landmarks nor a video"),
        (in_list("dev.csv", "landmarks/c.npz", "landmarks"), r"landmarks: cannot be read"),
        (lambda root: (root / "test.csv").unlink(), r"test\.csv: cannot be read"),
        (lambda root: (root / "dev.csv").write_text(HEADER), r"dev\.csv: the dev split is empty"),
        (lambda root: (root / "dev.csv").write_bytes(b"\xff\xfe\x00"), r"dev\.csv: is not UTF-8"),
        (lambda root: (root / "dev.csv").write_text('id,"open'), r"dev\.csv"),
        (video_of_c("gone.mp4"), r"dev\.csv: c: video .*gone\.mp4 is missing"),
        (video_of_c("x" * 5000), r"dev\.csv: c: video .* is missing"),
    ],
)
def test_one_fault_is_one_line(corpus, damage, message):
    damage(corpus)
    (fault,) = faults_of(corpus)
    assert re.search(message, fault), fault


@pytest.mark.parametrize(
    ("count", "message"), [(0, "holds no image"), (19, "expected 20 frames, found 19"), (20, None)]
)
def test_an_image_folder_holds_as_many_images_as_the_list_says(corpus, count, message):
    images(corpus / "video/c", count)
    video_of_c("video/c")(corpus)
    assert [message in fault for fault in faults_of(corpus)] == ([True] if message else [])


def test_videos_are_opened(corpus, video_of_noise):
    good, short = video_of_noise("good.avi", frames=20), video_of_noise("short.avi", frames=9)
    (corpus / "text.mp4").write_text("no video")
    lines = {"good": good, "short": short, "text": "text.mp4"}
    rows = [f"{name},s1,20,A,,,{path}\n" for name, path in lines.items()]
    (corpus / "test.csv").write_text(HEADER + "".join(rows))
    faults = faults_of(corpus)
    assert len(faults) == 2
    assert "short.avi: expected 20 frames, found 9" in faults[0]
    assert "text.mp4: is no readable video" in faults[1]


def test_a_video_that_ends_before_its_header_says_so_is_a_fault(corpus, video_of_noise):
    cut, short = video_of_noise("cut.avi", frames=58), video_of_noise("short.avi", frames=20)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    rows = [f"{path.stem},s1,{frames},A,,,{path}\n" for path, frames in ((cut, 58), (short, 21))]
    (corpus / "test.csv").write_text(HEADER + "".join(rows))
    of_cut, of_short = faults_of(corpus)
    assert "cut.avi: promised 58 frames, gives" in of_cut
    assert "short.avi: expected 21 frames, found 20" in of_short


def test_without_pyav_videos_are_looked_for_only(corpus, video_of_noise, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    from tf_slr.video.container import pyav

    pyav.cache_clear()
    try:
        (corpus / "any.mp4").write_text("never opened")
        (corpus / "empty.mp4").write_bytes(b"")
        (corpus / "test.csv").write_text(HEADER + "d,s1,20,A,,,any.mp4\n" + "e,s1,20,A,,,empty.mp4\n")
        assert [fault for fault in faults_of(corpus) if "empty.mp4: is empty" not in fault] == []
        assert any("tf_slr[video]" in note for note in notes_of(corpus))
    finally:
        pyav.cache_clear()


def test_a_corpus_of_videos_needs_no_landmarks(corpus):
    for row, (split, gloss) in enumerate((("train", "A"), ("dev", "A"), ("test", "A"))):
        images(corpus / f"video/{split}", 20)
        (corpus / f"{split}.csv").write_text(HEADER + f"{row},s1,20,{gloss},,,video/{split}\n")
    shutil.rmtree(corpus / "landmarks")
    assert check_corpus(corpus) == []


@pytest.mark.parametrize("link", [False, True])
def test_a_video_in_two_splits_is_a_leak(corpus, link):
    images(corpus / "video/one", 20)
    if link:
        os.symlink("one", corpus / "video/two")
    in_list("train.csv", ",landmarks/a.npz,", ",landmarks/a.npz,video/one")(corpus)
    video_of_c("video/two" if link else "./video/../video/one")(corpus)
    (fault,) = faults_of(corpus)
    assert re.search(r"dev\.csv: c: has the same video as a of train\.csv: what is trained on is tested on", fault)


def test_a_copy_of_a_recording_is_a_leak_across_splits_and_a_note_within_one(corpus):
    shutil.copy(corpus / "landmarks/a.npz", corpus / "landmarks/c.npz")
    (fault,) = faults_of(corpus)
    assert "dev.csv: c: has the same landmarks as a of train.csv" in fault
    shutil.copy(corpus / "landmarks/a.npz", corpus / "landmarks/b.npz")
    write_clip(corpus / "landmarks/c.npz", clip_of(77))
    assert faults_of(corpus) == []
    assert notes_of(corpus) == [f"note: {corpus}/train.csv: b: has the same landmarks as a of train.csv"]


def test_the_same_sentence_by_the_same_signer_is_no_fault(corpus):
    in_list("train.csv", "B C", "A B")(corpus)
    in_list("dev.csv", "20,C", "20,A B")(corpus)
    assert check_corpus(corpus) == []


def without_hands(root):
    clip = clip_of(5)
    clip.landmarks[:, LEFT_HAND] = clip.landmarks[:, RIGHT_HAND] = np.nan
    write_clip(root / "landmarks/a.npz", clip)


def glosses_of_a(sentence):
    return in_list("train.csv", "A B", sentence)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_hands, r"train\.csv: no hand was ever found in 1 of 2 clips \(a\)"),
        (
            lambda root: shutil.copy(root / "landmarks/a.npz", root / "landmarks/z.npz"),
            r"landmarks: no list names z\.npz$",
        ),
        (lambda root: (root / ".tmp-1.csv").write_text(""), r"temporary files.*: \.tmp-1\.csv$"),
        (lambda root: (root / "landmarks/.tmp-1.npz").write_text(""), r"temporary files.*: landmarks/\.tmp-1\.npz$"),
        (glosses_of_a("A B b"), r"look alike: B, b$"),
        (glosses_of_a("A H\u00c4 HA\u0308"), r"look alike: HA\u0308, H\u00c4$"),
        (glosses_of_a("A Z\u200b"), r"1 glosses hold invisible characters: 'Z\\u200b'$"),
        (glosses_of_a("A \uff21B"), r"1 glosses are in compatibility forms, such as full-width letters: '\\uff21B'$"),
        (glosses_of_a("A B\uff0c"), r"1 glosses end with a comma: 'B\\uff0c'$"),
        (glosses_of_a("A B\x1b"), r"1 glosses hold control characters: 'B\\x1b'$"),
        (glosses_of_a("A (B)"), r"sclite does not read as words: \(B\)$"),
        (glosses_of_a("A @ ;;C"), r"sclite does not read as words: ;;C @$"),
        (in_list("train.csv", "a,s1", "B,s1"), r"some disks take for one: B, b$"),
    ],
)
def test_a_note_is_no_fault(corpus, change, message):
    change(corpus)
    (note,) = notes_of(corpus)
    assert re.search(message, note), note
    if "sclite" not in message:  # that gloss took the place of one that dev and test have
        assert faults_of(corpus) == []


def test_clips_of_a_list_that_cannot_be_read_are_no_strays(corpus):
    (corpus / "dev.csv").unlink()
    assert notes_of(corpus) == []


def test_clips_without_landmarks_among_others_are_a_note(corpus):
    images(corpus / "video/a", 20)
    in_list("train.csv", "landmarks/a.npz,", ",video/a")(corpus)
    assert [note for note in notes_of(corpus) if "1 of 2 clips have no landmarks (a)" in note]
    assert faults_of(corpus) == []


def test_notes_exit_with_0_and_faults_with_1(corpus):
    without_hands(corpus)
    stdout, stderr = tf_slr("check", corpus)
    assert stdout == f"{corpus}: no fault found (1 note)\n"
    assert stderr.startswith("note: ")
    (corpus / "landmarks/c.npz").unlink()
    stdout, stderr = tf_slr("check", corpus, code=1)
    assert stdout == f"{corpus}: 1 fault (1 note)\n"
    assert stderr.count("\n") == 2


def test_whatever_is_in_the_lists_only_faults_come_out(corpus):
    """Bytes of the lists and of corpus.toml are overwritten, cut out and doubled."""
    rng = random.Random(0)
    originals = {path: path.read_bytes() for path in corpus.iterdir() if path.is_file()}
    for _ in range(150):
        path = rng.choice(sorted(originals))
        content = bytearray(originals[path])
        place = rng.randrange(len(content))
        what = rng.choice(("flip", "cut", "double", "nul", "quote"))
        if what == "flip":
            content[place] ^= 1 << rng.randrange(8)
        elif what == "cut":
            del content[place : place + rng.randrange(1, 30)]
        elif what == "double":
            content[place:place] = content[place : place + rng.randrange(1, 300)] * rng.randrange(1, 50)
        else:
            content[place] = 0 if what == "nul" else ord('"')
        path.write_bytes(content)
        try:
            assert all(isinstance(line, str) for line in check_corpus(corpus))
        except SlrError:
            assert path.name == "corpus.toml"
        path.write_bytes(originals[path])
