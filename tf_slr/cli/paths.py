"""Types of a command line's paths: what they lead to is looked at before anything is loaded, or done."""

import os
from collections.abc import Callable
from pathlib import Path

from tf_slr.core.errors import UsageError
from tf_slr.core.kinds import Kind, kinds_of, require

# What stands for standard input or output.
STREAM = "-"

PathType = Callable[[str], Path]


def existing(wanted: Kind, options: dict[Kind, str] | None = None) -> PathType:
    """The type of an option that takes what is there already; `options` as of `kinds.require`."""

    def path(text: str) -> Path:
        place = _path(text)
        if not (wanted in _FREELY_NAMED and kinds_of(place)[0] in (Kind.FILE, Kind.DEVICE)):
            require(place, wanted, options)
        return place

    return path


# Files that may have any name, and be pipes: their readers say what is wrong with them.
_FREELY_NAMED = (Kind.EVIDENCE,)


def input_file(what: str) -> PathType:
    """The type of an option that takes a file whose content tells what it is; `what` is for a message."""

    def path(text: str) -> Path:
        file = _path(text)
        if file.is_dir():
            raise UsageError(f"{text}: is {kinds_of(file)[0].value}; expected {what}")
        if not file.exists():
            raise UsageError(f"{text}: does not exist; expected {what}")
        return file

    return path


def input_folder(text: str) -> Path:
    """The type of an option that takes a folder of any kind."""
    path = _path(text)
    if not path.is_dir():
        raise UsageError(f"{text}: {'is a file' if path.exists() else 'does not exist'}; expected a folder")
    return path


def video_source(text: str) -> Path:
    """The type of an option that takes one video: a file, a device, or a folder of images."""
    path = _path(text)
    kind = kinds_of(path)[0]
    if kind is Kind.NOTHING or (path.is_dir() and kind is not Kind.IMAGES):
        found = "does not exist" if kind is Kind.NOTHING else f"is {kind.value}"
        raise UsageError(f"{text}: {found}; expected a video file or a folder of images")
    return path


def new_folder(*kinds: Kind) -> PathType:
    """The type of an option that names a folder to be made, or gone on with where one of `kinds` is there.

    A folder that holds something else of ours is refused, unless no kinds are named.
    """

    def path(text: str) -> Path:
        folder = _path(text)
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{text}: is a file; expected a folder to write into")
        _require_room(folder)
        if folder.is_dir():
            found = kinds_of(folder)
            if kinds and not set(found) & {*kinds, *_ANYTHING}:
                raise UsageError(f"{text}: is {found[0].value}, and {kinds[0].value} would be written into it; "
                                 f"choose another folder, such as {folder / 'new'}")  # fmt: skip
        return folder

    return path


# Folders that are nothing of ours; what may be written into them is for whoever writes to say.
_ANYTHING = (Kind.EMPTY, Kind.FOLDER, Kind.IMAGES, Kind.VIDEOS, Kind.CLIPS)


def new_file(suffix: str) -> PathType:
    """The type of an option that names a file to be written; `suffix` is for an example in a message."""

    def path(text: str) -> Path:
        file = _path(text)
        if file.is_dir() or text.endswith(("/", os.sep)):
            raise UsageError(f"{text}: is a folder; expected a file to be written, such as {file / f'new{suffix}'}")
        _require_room(file)
        return file

    return path


def _path(text: str) -> Path:
    if not text:
        raise UsageError("expected a path, received an empty one")
    if text == STREAM:
        raise UsageError(f"{text}: standard input and output are not read or written here; name a file or folder "
                         f"(./{text} if it is called so)")  # fmt: skip
    return Path(text)


def _require_room(path: Path) -> None:
    """See that something can be written at a path, in the nearest folder that is there."""
    there = path
    while not there.exists():
        there = there.parent
    if there != path and not there.is_dir():
        raise UsageError(f"{path}: cannot be written: {there} is no folder")
    if there.is_dir() and not os.access(there, os.W_OK | os.X_OK):
        raise UsageError(f"{path}: cannot be written: no permission to write into {there}")
