"""One rule for whatever a command writes: nothing of the user's is lost.

A file that this program did not write is replaced only with --overwrite, and a file that a command reads is never
written by it. What this program wrote it knows by a hidden file in the folder of the result, `RECORD`, with one line
of JSON for each file: what it is, the SHA-256 of its content, its name. A result that was edited since has another
hash, and is the user's. A folder whose files have fixed names, such as a run, has one line for itself (`mark`): when
it was begun none of these names was taken, so that whatever has them now is the program's.

Commands call `claim_files` and `claim_folder` before any work; both only look.
"""

import fnmatch
import functools
import glob
import itertools
import json
import os
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tf_slr.core import files
from tf_slr.core.errors import LISTED, DataError, UsageError, shown

RECORD = ".tf-slr-written"
# In place of a hash in the line of a folder, whose name there is ".".
FOLDER = "folder"


class Output(NamedTuple):
    """A file that a command is to write.

    Attributes:
        option: that names it, for messages.
        path: where.
        kind: what it is, such as "ctm"; only a file of the same kind is replaced.
    """

    option: str
    path: Path
    kind: str


class _Layout(NamedTuple):
    """What a folder of a kind holds.

    Attributes:
        names: glob patterns of the files that are written into it.
        proof: files by any of which it is known without its line in the record, each with keys that are in it.
    """

    names: tuple[str, ...]
    proof: dict[str, set[str]]


_CLIPS = "landmarks/*.npz"
_LISTS = ("train.csv", "dev.csv", "test.csv")
_TRAINED = ("recipe.toml", "vocabulary.json", "last.npz", "metrics.jsonl", "summary.json")
_LAYOUTS = {
    "corpus": _Layout(("corpus.toml", *_LISTS, _CLIPS), {"corpus.toml": {"name", "language", "unit", "fps"}}),
    "shards": _Layout(("shards/shards.json", "shards/*-of-*.json", "shards/*-of-*.tfrecord"),
                      {"shards/shards.json": {"version", "splits"}}),
    "run": _Layout((*_TRAINED, "corpus.json", "pretrained.npz", "best.npz", "student.fp32.tflite"),
                   {"corpus.json": {"path", "fingerprint"}}),
    "corrector": _Layout((*_TRAINED, "text.json", "drafts.json", "first.*", "second.*", "corrector.json", "ngram.arpa"),
                         {"text.json": {"fingerprint", "evidence", "rules"}, "corrector.json": {"format", "files"}}),
    "bundle": _Layout(("student.tflite", "vocabulary.json", "corrector/*", "MODEL_CARD.md", "bundle.*"),
                      {"bundle.json": {"format", "files", "classes"}}),
    "crossfit": _Layout(("fold-*", "train.jsonl", "crossfit.json"), {"crossfit.json": {"folds", "seed", "rates"}}),
    # It must be a folder of its own.
    "lesson": _Layout(("[!.]*",), {"lesson.json": {"options", "takes", "content"}}),
    "tables": _Layout(("cells", "pretrained", "speed*.json", "speed.log", "tables.*", "table?.png", "crkd.png"),
                      {"tables.json": {"tables"}}),
    "table5": _Layout(("*-seed*", "table5.*"), {"table5.json": {"rows"}}),
}  # fmt: skip


def claim_files(outputs: Iterable[Output], inputs: Iterable[Path | str | None] = (), overwrite: bool = False) -> None:
    """See that nothing would be lost if these files were written, and have them recorded when they are.

    Args:
        outputs: what is to be written.
        inputs: files and folders that are read; None stands for an option that was not given. Of a corpus, run or
            bundle every file of its own is meant, and of a run its corpus.
        overwrite: whether files of the user's may be replaced.

    Raises:
        UsageError: two outputs have one path, one is read, or is no file, or was not written by this program.
    """
    outputs, read = list(outputs), _Inputs(inputs)
    taken: dict[tuple[str, str], Output] = {}
    # Of a corpus there may be very many, all in one folder.
    real = functools.cache(os.path.realpath)
    for output in outputs:
        other = taken.setdefault((real(output.path.parent), output.path.name), output)
        if other is not output:
            raise UsageError(f"{other.option} and {output.option}: both would write {output.path}; give each a name of "
                             "its own")  # fmt: skip
        if output.path.is_dir():
            raise UsageError(f"{output.option}: {output.path} is a folder; expected the name of a file")
        if os.path.lexists(output.path) and not (output.path.is_file() or output.path.is_symlink()):
            raise UsageError(f"{output.option}: {output.path} is no ordinary file; expected the name of a file")
        read.refuse(output.option, output.path)
        if not overwrite:
            _require_ours(output)
    for output in outputs:
        announce(output.path, output.kind)


def claim_folder(
    option: str, folder: Path, kind: str, inputs: Iterable[Path | str | None] = (), overwrite: bool | None = None,
    more: Iterable[str] = (),
) -> None:  # fmt: skip
    """See that nothing would be lost if a folder of a kind was written.

    Args:
        option: that names the folder, for messages.
        folder: the folder; it need not exist.
        kind: "corpus", "shards", "run", "corrector", "bundle", "crossfit", "lesson", "tables" or "table5".
        inputs: as of `claim_files`.
        overwrite: whether files of the user's may be replaced; None where the command has no such option.
        more: glob patterns of what else is written into it this time.

    Raises:
        UsageError: it is a file, it is read, or it holds files of these names that this program did not write.
    """
    if os.path.lexists(folder) and not folder.is_dir():
        raise UsageError(f"{option}: {folder} is a file; expected the name of a folder")
    inputs, names = [*filter(None, inputs)], (*_LAYOUTS[kind].names, *more)
    for path in inputs:
        if _same(folder, path):
            raise UsageError(f"{option}: {folder} is what is read; choose another folder")
    read = _Inputs(inputs)
    for path in read.among(folder, names):
        raise UsageError(f"{option}: {path} would be written, and is read; choose another folder")
    for path in (path for name in names if name != _CLIPS for path in folder.glob(name)):
        read.refuse(option, path)
    if overwrite:
        return
    advice = "choose another folder" + ("" if overwrite is None else ", or replace them with --overwrite")
    record = _read_record(folder)
    if (kind, FOLDER, ".") not in record and not _proven(folder, kind):
        taken = sorted(
            str(path.relative_to(folder)) for name in names for path in itertools.islice(folder.glob(name), LISTED + 1)
        )
        if taken:
            raise UsageError(f"{option}: {folder} holds {shown(taken)} and is no {kind} of this program; {advice}")
    edited = sorted(name for name in {name for what, _, name in record if what == kind} - {"."}
                    if not _recorded(record, kind, folder / name))  # fmt: skip
    if edited:
        raise UsageError(f"{option}: {folder}: {shown(edited)} changed since this program wrote them; {advice}")


def mark(folder: Path | str, kind: str) -> None:
    """Say that the fixed names of a kind in a folder are the program's; before the first of them is written."""
    line = (kind, FOLDER, ".")
    path = Path(folder) / RECORD
    if path.exists():
        _append(Path(folder), line)
    else:  # several processes may begin at once
        files.write_bytes(path, json.dumps(line).encode() + b"\n")


def unmark(folder: Path | str, kind: str) -> None:
    """Take `mark` back, where a file that proves the kind has been written; a record without other lines goes."""
    if _read_record(Path(folder)) == {(kind, FOLDER, ".")}:
        (Path(folder) / RECORD).unlink(missing_ok=True)


def announce(path: Path, kind: str) -> None:
    """Have a file recorded when it is written, so that it is known again, and is noticed when somebody edits it."""
    folder = path.absolute().parent

    def record(content: Path) -> None:
        _append(folder, (kind, files.sha256(content), path.name))

    files.announce(path, record)


class _Inputs:
    """The files that a command reads."""

    def __init__(self, inputs: Iterable[Path | str | None]) -> None:
        self._read = [path for given in filter(None, inputs) for path in _expanded(Path(given))]

    def refuse(self, option: str, path: Path) -> None:
        """Raise UsageError if a file that is to be written is read, or lies in a folder of what is read."""
        if not os.path.lexists(path):
            return
        real = Path(os.path.realpath(path))
        for other in self._read:
            if _same(path, other) or (other.is_dir() and real.is_relative_to(os.path.realpath(other))):
                raise UsageError(f"{option}: {path} would be written, and is read (as {other}); choose another name")

    def among(self, folder: Path, names: Iterable[str]) -> Iterator[Path]:
        """What is read and has one of the names that are written into a folder."""
        for path in self._read:
            for name in names:
                pattern = os.path.join(glob.escape(os.path.realpath(folder)), name)
                if fnmatch.fnmatchcase(os.path.realpath(path), pattern):
                    yield path


def _expanded(path: Path, deep: bool = True) -> Iterator[Path]:
    """A file; of a folder the files by which it is one of ours."""
    if not path.is_dir():
        yield path
        return
    for kind, layout in _LAYOUTS.items():
        if _proven(path, kind):
            # Clips are too many to look at each.
            names = (os.path.dirname(name) if name == _CLIPS else name for name in layout.names)
            yield from (found for name in names for found in path.glob(name))
    corpus = _keys(path / "corpus.json").get("path") if deep else None
    if isinstance(corpus, str):
        yield from _expanded(Path(corpus), deep=False)


def _same(one: Path, other: Path | str) -> bool:
    """Whether two paths are one file or folder, whatever links lead to it."""
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return False


def _proven(folder: Path, kind: str) -> bool:
    """Whether a folder is of a kind by what one of its files says."""
    return any(keys <= _keys(folder / name).keys() for name, keys in _LAYOUTS[kind].proof.items())


def _keys(path: Path) -> dict:
    """What a small JSON or TOML file holds; nothing where it is none."""
    try:
        if not path.is_file():
            return {}
        return tomllib.loads(files.read_text(path)) if path.suffix == ".toml" else files.read_json(path)
    except (DataError, tomllib.TOMLDecodeError, RecursionError, OSError):
        return {}


def _require_ours(output: Output) -> None:
    if not os.path.lexists(output.path):
        return
    record = _read_record(output.path.absolute().parent)
    if output.path.is_symlink() or not _recorded(record, output.kind, output.path):
        known = any((kind, name) == (output.kind, output.path.name) for kind, _, name in record)
        why = "was changed since this program wrote it" if known else "is there and was not written by this option"
        raise UsageError(f"{output.option}: {output.path} {why}; choose another name, or replace it with --overwrite")


def _recorded(record: set[tuple[str, str, str]], kind: str, path: Path) -> bool:
    """Whether a file is one that the record of its folder names; one that is gone can be lost no more."""
    # Only what has a line is read: it may be a long video.
    if not any((kind, path.name) == (what, name) for what, _, name in record):
        return False
    return not path.exists() or (kind, files.sha256(path), path.name) in record


def _append(folder: Path, line: tuple[str, str, str]) -> None:
    lines = _read_record(folder)
    if line in lines:
        return
    path = folder.absolute() / RECORD
    with path.open("ab+") as stream:
        # After a line that a full disk cut off.
        end = stream.seek(0, os.SEEK_END)
        if end:
            stream.seek(end - 1)
            stream.write(b"" if stream.read(1) == b"\n" else b"\n")
        stream.write(json.dumps(line).encode() + b"\n")
    _known[path] = _state(path), lines | {line}


# A folder of exported clips has a line for each, and they are written one after the other.
_known: dict[Path, tuple[tuple[int, int, int], set[tuple[str, str, str]]]] = {}


def _read_record(folder: Path) -> set[tuple[str, str, str]]:
    """The lines (kind, hash, name) of a folder's record; what is no such line is skipped."""
    path = folder.absolute() / RECORD
    state = _state(path)
    if state is None:
        return set()
    if path not in _known or _known[path][0] != state:
        _known[path] = state, set(_lines(files.read_bytes(path)))
    return _known[path][1]


def _lines(content: bytes) -> Iterator[tuple[str, str, str]]:
    for text in content.splitlines():
        try:
            kind, sha256, name = json.loads(text)
        except (ValueError, TypeError, RecursionError):
            continue
        if all(isinstance(part, str) for part in (kind, sha256, name)):
            yield kind, sha256, name


def _state(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
