"""Atomic writes and bounded reads."""

import errno
import io
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tf_slr.cli.main import guarded
from tf_slr.core import files
from tf_slr.core.errors import DataError


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing(tmp_path):
    path = tmp_path / "a.txt"
    files.write_text(path, "old")

    def fail():
        with files.atomic_path(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no device that is always full")
def test_a_full_disk_is_told_with_the_file_and_what_to_do(tmp_path, capsys):
    path = tmp_path / "list.csv"
    path.write_text("old")

    def write() -> int:
        with files.atomic_path(path), open("/dev/full", "w") as full:
            full.write("new")
        return 0

    assert guarded(write) == 1
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["list.csv"]
    (line,) = capsys.readouterr().err.splitlines()
    assert str(path) in line
    assert "No space left" in line
    assert "make room and run the same command again" in line


def test_whoever_reads_the_old_file_goes_on_reading_it(tmp_path):
    """The new file replaces the old one; it is not written into it."""
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    with path.open() as reader:
        files.write_text(path, "new and longer")
        assert reader.read() == "old"
    assert path.read_text() == "new and longer"


def test_a_killed_writer_leaves_the_old_or_the_new_file(tmp_path):
    """A process that rewrites one file is killed again and again; the file is whole each time."""
    path = tmp_path / "a.npz"
    script = (
        "import sys, numpy as np; from tf_slr.core import files\n"
        "while True:\n"
        "    for n in (1, 2): files.write_npz(sys.argv[1], {'x': np.full(200_000, n)}, compress=False)\n"
    )
    for i in range(5):
        writer = subprocess.Popen([sys.executable, "-c", script, str(path)])
        deadline = time.monotonic() + 30
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.05 + 0.013 * i)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        x = files.read_npz(path)["x"]
        assert (x == x[0]).all()
        assert len(x) == 200_000


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK])
def test_where_there_are_no_locks_files_are_written_without(tmp_path, monkeypatch, number):
    """As on Lustre mounted without flock."""

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files.fcntl, "flock", refuse)
    files.write_text(tmp_path / "a.txt", "one")
    files.write_text(tmp_path / "a.txt", "two")
    assert (tmp_path / "a.txt").read_text() == "two"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_what_stands_where_a_file_should_is_named(tmp_path):
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(OSError, match=r"'.*a\.txt'$") as caught:
        files.write_text(tmp_path / "a.txt", "new")
    assert ".tmp-" not in str(caught.value)


def test_npz_is_reproducible_and_readable_by_numpy(tmp_path):
    arrays = {"x": np.arange(6.0).reshape(2, 3), "n": np.float32(3)}
    files.write_npz(tmp_path / "a.npz", arrays)
    first = (tmp_path / "a.npz").read_bytes()
    time.sleep(0.01)
    files.write_npz(tmp_path / "a.npz", arrays)
    assert (tmp_path / "a.npz").read_bytes() == first
    with np.load(tmp_path / "a.npz") as loaded:
        assert np.array_equal(loaded["x"], arrays["x"])
        assert loaded["n"].shape == ()
    assert np.array_equal(files.read_npz(tmp_path / "a.npz")["x"], arrays["x"])


PLAIN = st.sampled_from(["float16", "float32", "float64", "int32", "uint8", "bool", "<U5"])


@given(PLAIN, st.lists(st.integers(0, 3), max_size=4), st.integers(0, 1000))
def test_arrays_come_back_without_parsing_python(tmp_path_factory, dtype, shape, seed):
    array = (np.random.default_rng(seed).random(shape) * 100).astype(dtype)
    path = tmp_path_factory.getbasetemp() / "plain.npz"
    files.write_npz(path, {"x": array})
    # Two threads must not parse Python at once (python/cpython#106905).
    with mock.patch("ast.literal_eval", side_effect=AssertionError):
        found = files.read_npz(path)["x"]
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert np.array_equal(found, array)
    assert found.flags.writeable


def test_arrays_of_other_layouts_are_read_too(tmp_path):
    arrays = {"turned": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "times": np.arange(3).astype("M8[s]")}
    np.savez(tmp_path / "a.npz", **arrays)
    found = files.read_npz(tmp_path / "a.npz")
    assert all(np.array_equal(found[name], array) for name, array in arrays.items())


def npz(member: bytes, compress=zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compress) as archive:
        archive.writestr("landmarks.npy", member)
    return stream.getvalue()


def npy(array, **kwargs) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, **kwargs)
    return stream.getvalue()


BAD = {
    "empty": b"",
    "text": b"not a zip file at all",
    "truncated": npz(npy(np.ones(1000)))[:-300],
    "no array": npz(b"hello"),
    "truncated header": npz(npy(np.ones(3))[:20]),
    "absurd shape": npz(npy(np.ones(3)).replace(b"(3,)", b"(9999999999999,)"[:4] + b"999999999,)" + b"")),
    "objects": npz(npy(np.array([{}, []], dtype=object), allow_pickle=True)),
    "code in the header": npz(npy(np.ones(3)).replace(b"'descr': '<f8'", b"'descr': 1//0  ")),
}


@pytest.mark.parametrize("name", BAD)
def test_damaged_npz_is_refused_by_name(tmp_path, name):
    (tmp_path / "bad.npz").write_bytes(BAD[name])
    with pytest.raises(DataError, match=r"bad\.npz"):
        files.read_npz(tmp_path / "bad.npz")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path):
    (tmp_path / "bomb.npz").write_bytes(npz(bytes(50_000_000), zipfile.ZIP_DEFLATED))
    with pytest.raises(DataError, match="more than the"):
        files.read_npz(tmp_path / "bomb.npz", limit=10_000_000)


def test_mutated_npz_never_crashes(tmp_path):
    """Bytes changed at random: either the same error family, or an array of another value."""
    whole = npz(npy(np.arange(300, dtype=np.float32)), zipfile.ZIP_DEFLATED)
    rng = np.random.default_rng(0)
    refused = 0
    for i in range(300):
        damaged = bytearray(whole)
        for place in rng.integers(len(whole), size=rng.integers(1, 4)):
            damaged[place] = rng.integers(256)
        if i % 3 == 0:
            damaged = damaged[: rng.integers(len(whole))]
        (tmp_path / "m.npz").write_bytes(damaged)
        try:
            files.read_npz(tmp_path / "m.npz")
        except DataError:
            refused += 1
    assert refused > 150


def test_text_that_is_not_utf8_is_refused(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"a,\xff")
    with pytest.raises(DataError, match="UTF-8"):
        files.read_text(tmp_path / "t.csv")


def run(script, *arguments):
    """A Python process in the project's folder."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, cwd=Path(__file__).parents[2], stderr=subprocess.PIPE, text=True)


KILLED = """
import os, signal, sys
from tf_slr.core import files
with files.atomic_path(sys.argv[1]) as temporary:
    temporary.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_sweep_removes_what_a_killed_writer_left_and_nothing_in_use(tmp_path):
    target = tmp_path / "below" / "file.bin"
    target.parent.mkdir()
    subprocess.run([sys.executable, "-c", KILLED, target], cwd=Path(__file__).parents[2])
    assert [path.name[:5] for path in target.parent.iterdir()] == [".tmp-"]
    with files.atomic_path(target) as temporary:
        files.sweep(tmp_path)
        temporary.write_bytes(b"whole")
    assert target.read_bytes() == b"whole"
    assert list(target.parent.iterdir()) == [target]
    files.sweep(tmp_path / "nowhere")


def test_the_next_writer_takes_over_what_killed_ones_left(tmp_path):
    target, other = tmp_path / "file.bin", tmp_path / "other.bin"
    for _ in range(3):
        run(KILLED, target).wait()
    run(KILLED, other).wait()
    assert len(list(tmp_path.iterdir())) == 2, "one of each target, however often its writers were killed"
    files.write_bytes(target, b"new")
    assert target.read_bytes() == b"new"
    assert len(list(tmp_path.iterdir())) == 2
    files.write_bytes(other, b"")
    assert other.read_bytes() == b"", "nothing of the killed writer's half is left in it"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file.bin", "other.bin"]


WRITING = """
import sys
from tf_slr.core import files
root, number = sys.argv[1:]
for count in range(150):
    content = bytes([int(number), count % 250]) * 5000
    for name in ("a.bin", "b.bin"):
        try:
            with files.atomic_path(f"{root}/{name}") as temporary:
                temporary.write_bytes(content)
                assert temporary.read_bytes() == content
                if int(number) % 2 == 0 and count % 3 == 0:
                    raise ZeroDivisionError
        except ZeroDivisionError:
            pass
"""
SWEEPING = "import sys; from tf_slr.core import files\nwhile True: files.sweep(sys.argv[1])"


@pytest.mark.slow
def test_writers_of_one_file_and_sweepers_leave_each_other_alone(tmp_path):
    """Two writers succeed always and two now and then, a third pair is killed, while everything stale is swept."""
    sweeper = run(SWEEPING, tmp_path)
    writers = [run(WRITING, tmp_path, number) for number in range(1, 5)]
    killed = [run(WRITING, tmp_path, number) for number in (5, 7)]
    time.sleep(1)
    for process in killed:
        process.kill()
    faults = [process.communicate()[1] for process in writers]
    assert faults == [""] * 4
    sweeper.kill()
    for process in (*killed, sweeper):
        process.communicate()
    for name in ("a.bin", "b.bin"):
        content = (tmp_path / name).read_bytes()
        assert content == content[:2] * 5000
    files.sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.bin", "b.bin"]


def test_a_hash_of_facts_knows_what_matters():
    """Names on disk and resuming rest on it: what is said differently must not differ, what is different must."""
    facts = {"classes": 81, "glosses": ["WĘDKA", "\udcff"], "weights": {"conv": 5.0, "fade": True}}
    turned = {name: facts[name] for name in reversed(facts)}
    assert files.sha256_of(turned) == files.sha256_of(facts)
    for other in ({"classes": 82}, {"classes": "81"}, {"glosses": facts["glosses"][::-1]}, {"weights": {"conv": 5.0}}):
        assert files.sha256_of(facts | other) != files.sha256_of(facts)
