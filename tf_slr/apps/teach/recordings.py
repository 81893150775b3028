"""Recorded signs on disk: one folder, which `tf-slr record` fills and `tf-slr teach` learns from.

    signs.toml          the signs' true names, the sign language, frames per second (`SignList`)
    takes/SIGN/000.npz  one take of a sign each, in the clip format of a corpus
    rest/000.npz        stretches of idle movement, which are no sign

A take that is not wanted any more is deleted as a file.
"""

import dataclasses
import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tf_slr.core import config, files
from tf_slr.core.errors import DataError, UsageError, shown
from tf_slr.core.glosses import ZWJ, ZWNJ, canonical
from tf_slr.core.kinds import Kind, require
from tf_slr.core.landmarks import Clip
from tf_slr.core.locks import locked
from tf_slr.core.plain_text import read_plain_text
from tf_slr.corpus.isolated import gloss_name
from tf_slr.corpus.manifest import read_clip, write_clip

FPS = 30.0
MAX_NAME = 100
MAX_FOLDER = 40
# What Windows takes for devices.
_RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d")


def sign_name(text: str) -> str:
    """A sign's name as it is kept: one way to write each character, single spaces.

    Raises:
        UsageError: it is empty, too long, or holds characters that cannot be shown.
    """
    name = canonical(" ".join(text.split()))
    if not name:
        raise UsageError("expected a name for every sign, received an empty one")
    if len(name) > MAX_NAME:
        raise UsageError(f"a sign's name may have {MAX_NAME} characters, received {len(name)}: {name[:MAX_NAME]}...")
    if not name.replace(ZWNJ, "").replace(ZWJ, "").isprintable():
        raise UsageError(f"a sign's name must be text that can be shown, received {name!r}")
    return name


def folder_name(sign: str) -> str:
    """The folder of a sign's takes: safe on every file system, and another one for every name.

    The name itself where it is plain; else what is plain of it, and a hash: a name may be of any script, hold
    slashes, or differ from another one in capitals only.
    """
    if re.fullmatch(rf"[a-z0-9_-]{{1,{MAX_FOLDER}}}", sign) and not _RESERVED.fullmatch(sign):
        return sign
    ascii_only = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode().lower()
    plain = re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")[:MAX_FOLDER]
    return f"{plain or 'sign'}.{hashlib.sha256(sign.encode()).hexdigest()[:10]}"


@dataclass(frozen=True)
class SignList:
    """What `signs.toml` says.

    Attributes:
        signs: their names, in the order in which they were first named.
        language: the sign language.
        fps: frames per second of every take.
        landmark_source: what made the landmarks, with its version.
    """

    signs: tuple[str, ...] = ()
    language: str = "unknown"
    fps: float = FPS
    landmark_source: str = "unknown"

    def __post_init__(self) -> None:
        if not 1 <= self.fps <= 1000:
            raise DataError(f"signs.toml: expected fps from 1 to 1000, received {self.fps}")
        for name in self.signs:
            if name != sign_name(name):
                raise UsageError(f"signs.toml: expected the name {sign_name(name)!r}, found {name!r}")
        if doubles := [gloss for gloss, count in Counter(map(gloss_name, self.signs)).items() if count > 1]:
            raise UsageError(f"two signs have one name, or the same gloss: {shown(doubles)}; rename one of them")


class Recordings:
    """A folder of recorded signs, opened.

    Raises:
        DataError: the folder was not made by `tf-slr record`.
        UsageError: its signs.toml was changed and cannot be read.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root)
        require(root, Kind.RECORDINGS, error=DataError)
        self.list = config.load(SignList, self._list_path)

    @classmethod
    def open(cls, root: Path | str, landmark_source: str, language: str = "", fps: float = FPS) -> "Recordings":
        """Open a folder of recordings to add some; it is made where it is not there.

        Raises:
            UsageError: takes of another tracker or language are here, or the folder holds other things.
        """
        root = Path(root)
        files.sweep(root)  # what a killed process left
        if not (root / _LIST).is_file():
            if root.is_dir() and any(root.iterdir()):
                raise UsageError(f"{root}: holds other things than recordings; choose another --out")
            _write_list(root, SignList((), language or "unknown", fps, landmark_source))
        recordings = cls(root)
        there = recordings.list
        if there.landmark_source != landmark_source:
            raise UsageError(f"{root}: holds takes by {there.landmark_source}; now it would be {landmark_source}: "
                             "choose another --out")  # fmt: skip
        if language and there.language != language:
            raise UsageError(f"{root}: holds signs of the language {there.language!r}, not {language!r}; "
                             "choose another --out")  # fmt: skip
        return recordings

    @property
    def _list_path(self) -> Path:
        return self.root / _LIST

    def name_signs(self, signs: Iterable[str]) -> None:
        """Put signs on the list that are not there yet.

        Raises:
            UsageError: two of all signs have the same gloss.
        """
        # Two may record into one folder, each another sign.
        with locked(self.root):
            self.list = config.load(SignList, self._list_path)
            longer = tuple(dict.fromkeys([*self.list.signs, *signs]))
            if longer != self.list.signs:
                self.list = dataclasses.replace(self.list, signs=longer)
                _write_list(self.root, self.list)

    def takes(self, sign: str | None) -> list[Path]:
        """The takes of a sign, or of rest (None), in the order of recording."""
        found = self._folder(sign).glob("*.npz")
        return sorted((path for path in found if path.stem.isdecimal()), key=lambda path: int(path.stem))

    def add(self, sign: str | None, clip: Clip) -> Path | None:
        """Keep a take of a sign, or a stretch of rest (None).

        Returns:
            Where it was written; None where the same take is there already, as when a video file is read twice. One
            recording twice could be learnt from and tested on.
        """
        with locked(self.root):
            takes = self.takes(sign)
            if any(_holds(take, clip) for take in takes):
                return None
            path = self._folder(sign) / f"{int(takes[-1].stem) + 1 if takes else 0:03d}.npz"
            write_clip(path, clip)
            return path

    def _folder(self, sign: str | None) -> Path:
        return self.root / "rest" if sign is None else self.root / "takes" / folder_name(sign)


_LIST = "signs.toml"


def _holds(path: Path, clip: Clip) -> bool:
    """Whether a take has the same landmarks; a damaged one has none."""
    try:
        return np.array_equal(read_clip(path).landmarks, clip.landmarks, equal_nan=True)
    except DataError:
        return False


def _write_list(root: Path, content: SignList) -> None:
    files.write_text(root / _LIST, config.to_toml(config.to_table(content)))


def read_sign_names(path: Path) -> Sequence[str]:
    """The signs of a text file, one a line.

    Raises:
        DataError: it cannot be read, or names no sign.
    """
    text, note = read_plain_text(path)
    if note:  # nobody would look at it while recording
        raise DataError(f"{path}: is not UTF-8 text; {files.SAVE_AS_UTF8}")
    names = [sign_name(line) for line in text.splitlines() if line.strip()]
    if not names:
        raise DataError(f"{path}: names no sign; expected one a line")
    return names
