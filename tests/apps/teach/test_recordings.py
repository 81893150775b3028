"""The folder of recordings: names that cannot leave it, takes that cannot stand twice."""

import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_slr.apps.teach.recordings import Recordings, SignList, folder_name, read_sign_names, sign_name
from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.landmarks import POINTS, Clip
from tf_slr.corpus.manifest import read_clip


def clip(seed=0):
    points = np.random.default_rng(seed).random((20, POINTS + 2, 3)).astype(np.float16)
    return Clip(points[:, :POINTS], points[:, POINTS:], 4 / 3)


@given(st.text(max_size=60))
def test_a_folder_of_any_name_is_one_plain_folder(name):
    try:
        sign = sign_name(name)
    except UsageError:
        return
    folder = folder_name(sign)
    assert 0 < len(folder) <= 60
    assert set(folder) <= set(string.ascii_lowercase + string.digits + "-_.")
    assert not folder.startswith(".")
    assert folder.split(".")[0] not in ("con", "nul", "aux", "prn", "com1", "lpt1") or "." in folder


@given(st.text(min_size=1, max_size=8), st.text(min_size=1, max_size=8))
def test_two_names_have_two_folders(one, two):
    try:
        one, two = sign_name(one), sign_name(two)
    except UsageError:
        return
    assert (folder_name(one) == folder_name(two)) == (one == two)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/", "..", "a/b\\c", "con", "Hello", "hello.txt", "手語", "ÅÄÖ", "?*"]
)
def test_what_a_name_says_is_written_inside(tmp_path, name):
    recordings = Recordings.open(tmp_path / "r", "test")
    recordings.name_signs([sign_name(name)])
    path = recordings.add(sign_name(name), clip())
    assert path.parent.parent == tmp_path / "r" / "takes"
    assert [entry.name for entry in tmp_path.iterdir()] == ["r"]
    again = Recordings(tmp_path / "r")
    assert again.list.signs == (sign_name(name),)
    assert again.takes(name) == [path]


@pytest.mark.parametrize(
    ("name", "message"), [("", "an empty one"), (" \t", "an empty one"), ("x" * 101, "100 characters"),
                          ("a\x00b", "can be shown"), ("\ud800", "can be shown")]
)  # fmt: skip
def test_names_that_are_none(name, message):
    with pytest.raises(UsageError, match=message):
        sign_name(name)


def test_one_name_written_in_two_ways_is_one():
    assert sign_name("cafe\u0301  au lait ") == sign_name("caf\u00e9 au lait")


def test_two_signs_of_one_gloss_are_refused(tmp_path):
    recordings = Recordings.open(tmp_path / "r", "test")
    with pytest.raises(UsageError, match="thank-you"):
        recordings.name_signs(["thank you", "thank-you"])
    assert Recordings(tmp_path / "r").list.signs == ()


def test_takes_are_counted_on_and_kept_once(tmp_path):
    recordings = Recordings.open(tmp_path / "r", "test")
    assert [recordings.add("hello", clip(seed)).name for seed in range(3)] == ["000.npz", "001.npz", "002.npz"]
    assert recordings.add("hello", clip(1)) is None
    recordings.takes("hello")[1].unlink()
    assert recordings.add("hello", clip(7)).name == "003.npz", "a number is never given twice"
    np.testing.assert_array_equal(read_clip(recordings.takes("hello")[-1]).landmarks, clip(7).landmarks)
    assert [path.name for path in recordings.takes("hello")] == ["000.npz", "002.npz", "003.npz"]
    assert recordings.takes(None) == []


def test_two_that_record_into_one_folder_lose_nothing(tmp_path):
    """Each another sign, or both the same one."""
    one, two = (Recordings.open(tmp_path / "r", "test") for _ in range(2))
    one.name_signs(["hello"])
    two.name_signs(["thanks"])
    assert Recordings(tmp_path / "r").list.signs == ("hello", "thanks")
    kept = [recordings.add("hello", clip(seed)) for seed, recordings in enumerate((one, two, one))]
    assert [path.stem for path in kept] == ["000", "001", "002"]


def test_what_a_killed_process_left_does_not_end_recording_for_good(tmp_path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r/.tmp-0123456789abcdef.toml").write_text("signs")
    Recordings.open(tmp_path / "r", "test").name_signs(["hello"])
    assert Recordings(tmp_path / "r").list.signs == ("hello",)


def test_a_folder_is_gone_on_with_only_as_it_was(tmp_path):
    root = tmp_path / "r"
    Recordings.open(root, "tracker 1", "ASL")
    assert Recordings.open(root, "tracker 1").list == SignList((), "ASL", 30.0, "tracker 1")
    with pytest.raises(UsageError, match="tracker 2"):
        Recordings.open(root, "tracker 2")
    with pytest.raises(UsageError, match="'ASL', not 'BSL'"):
        Recordings.open(root, "tracker 1", "BSL")


def test_a_folder_of_other_things_stays_as_it_is(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="other things"):
        Recordings.open(tmp_path, "test")
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
    with pytest.raises(DataError, match=r"not a folder of recorded signs; .*tf-slr record"):
        Recordings(tmp_path)


@pytest.mark.parametrize("text", ["signs = ['a', 'a']", "signs = ['../x ']", "signs = 3", "fps = 0", "[", "sings = []"])
def test_a_spoilt_list_is_refused(tmp_path, text):
    (tmp_path / "signs.toml").write_text(text)
    with pytest.raises((UsageError, DataError), match="sign"):
        Recordings(tmp_path)


def test_signs_of_a_file(tmp_path):
    (tmp_path / "signs.txt").write_text("hello\n\n  thank   you \n", encoding="utf-8")
    assert read_sign_names(tmp_path / "signs.txt") == ["hello", "thank you"]
    (tmp_path / "none.txt").write_text("\n")
    with pytest.raises(DataError, match="names no sign"):
        read_sign_names(tmp_path / "none.txt")
