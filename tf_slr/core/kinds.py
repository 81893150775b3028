"""What a path leads to: a run, a bundle, a corpus, a video ..., told by the names of what lies there.

Everything that opens one of them asks here, so that whoever takes one for another is told which is which, and where
the one that was meant may be. Nothing is read but names and the first bytes of files: content is checked by whoever
opens them.
"""

import enum
import json
import shlex
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from tf_slr.core.errors import SlrError, UsageError


class Kind(enum.Enum):
    """What can lie at a path, as messages call it."""

    BUNDLE = "a bundle"
    RUN = "a run"
    CORPUS = "a corpus"
    PARTS = "part of a corpus (prepare --shard)"
    CORRECTOR = "a corrector"
    UNFINISHED_CORRECTOR = "a corrector that is not trained to its end"
    FOLDS = "a folder of cross-fitting"
    RECORDINGS = "a folder of recorded signs"
    LESSON = "a folder of 'tf-slr teach'"
    IMAGES = "a folder of images"
    VIDEOS = "a folder of videos"
    CLIPS = "a folder of landmark files"
    EMPTY = "an empty folder"
    FOLDER = "a folder of other things"
    LANDMARKS = "a landmark file"
    SIGNS = "a set of isolated signs"
    LOGITS = "a file of logits"
    WEIGHTS = "an .npz file of other arrays"
    POSE = "a .pose file"
    VIDEO = "a video"
    IMAGE = "an image"
    ARPA = "an n-gram (ARPA file)"
    RECIPE = "a TOML file"
    LIST = "a list (.csv or .tsv)"
    EVIDENCE = "a file of evidence (.jsonl)"
    TRANSCRIPT = "a transcript (.ctm or .stm)"
    MODEL = "a TFLite model"
    FILE = "a file of another kind"
    DEVICE = "neither a file nor a folder"
    NOTHING = "nothing"


# The commands that make what people give.
_MAKERS = {
    Kind.BUNDLE: "tf-slr export",
    Kind.RUN: "tf-slr train",
    Kind.CORPUS: "tf-slr prepare",
    Kind.CORRECTOR: "tf-slr train-corrector",
    Kind.ARPA: "tf-slr train-ngram",
    Kind.RECORDINGS: "tf-slr record --signs NAME,NAME",
    Kind.PARTS: "tf-slr prepare --shard I/N",
    Kind.EVIDENCE: "tf-slr crossfit",
}
# What tells a folder by the name of something in it, as `glob` reads it. A bundle is told by what is left of it, too:
# whoever opens it says what is missing.
_MARKS = {
    "bundle.json": Kind.BUNDLE,
    "bundle.sha256": Kind.BUNDLE,
    "student.tflite": Kind.BUNDLE,
    "corpus.json": Kind.RUN,
    "corpus.toml": Kind.CORPUS,
    "parts/*-of-*.json": Kind.PARTS,
    "corrector.json": Kind.CORRECTOR,
    "text.json": Kind.UNFINISHED_CORRECTOR,
    "fold-1": Kind.FOLDS,
    "crossfit.json": Kind.FOLDS,
    "signs.toml": Kind.RECORDINGS,
    "lesson.json": Kind.LESSON,
}
_SUFFIXES = {
    **dict.fromkeys((".png", ".jpg", ".jpeg"), Kind.IMAGE),
    **dict.fromkeys((".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv",
                     ".flv", ".3gp", ".ogv", ".gif", ".vob", ".mxf", ".y4m"), Kind.VIDEO),
    **dict.fromkeys((".csv", ".tsv"), Kind.LIST),
    **dict.fromkeys((".ctm", ".stm"), Kind.TRANSCRIPT),
    ".pose": Kind.POSE,
    ".arpa": Kind.ARPA,
    ".toml": Kind.RECIPE,
    ".jsonl": Kind.EVIDENCE,
    ".tflite": Kind.MODEL,
}  # fmt: skip
# What a folder is called by most of what is in it; of as many, the first.
_FOLDERS = {Kind.VIDEO: Kind.VIDEOS, Kind.LANDMARKS: Kind.CLIPS, Kind.POSE: Kind.CLIPS, Kind.IMAGE: Kind.IMAGES}
# Where in a folder of ours another one usually lies, or the file that is meant.
_WITHIN = ("bundle", "run", "corpus", "corrector", "train.jsonl")
# Comments may stand before the first line of an ARPA file.
_HEAD = 2**16


def kinds_of(path: Path | str) -> tuple[Kind, ...]:
    """What lies at a path: one kind, or several of a folder that is more than one, such as a run with its bundle in it.

    Raises:
        OSError: nobody may look.
    """
    path = Path(path)
    if path.is_dir():
        return tuple(dict.fromkeys(_marked(path))) or (_folder(path),)
    if path.is_file():
        return (_file(path),)
    return (Kind.DEVICE if path.exists() else Kind.NOTHING,)


def suffix_kind(path: Path | str) -> Kind:
    """What a file is by the end of its name alone; an .npz file is taken for landmarks."""
    suffix = Path(path).suffix.lower()
    return Kind.LANDMARKS if suffix == ".npz" else _SUFFIXES.get(suffix, Kind.FILE)


def _marked(folder: Path) -> Iterator[Kind]:
    for name, kind in _MARKS.items():
        if next(folder.glob(name), None):
            # A corrector keeps what its training knew, and a corpus the parts that it was made of.
            done = {Kind.UNFINISHED_CORRECTOR: "corrector.json", Kind.PARTS: "corpus.toml"}.get(kind)
            if not done or not (folder / done).exists():
                yield kind


def _folder(folder: Path) -> Kind:
    kinds = [suffix_kind(path) for path in folder.iterdir() if not path.name.startswith(".")]
    if not kinds:
        return Kind.EMPTY
    # Frames may have a preview beside them, and videos pictures of themselves: most of them decide.
    count = {kind: kinds.count(kind) for kind in _FOLDERS}
    most = max(count, key=count.get)
    return _FOLDERS[most] if count[most] else Kind.FOLDER


def _file(path: Path) -> Kind:
    if path.suffix.lower() == ".npz":
        return _npz(path)
    kind = suffix_kind(path)
    if kind in (Kind.FILE, Kind.ARPA):
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
        return Kind.ARPA if any(line.strip() == b"\\data\\" for line in head.splitlines()) else Kind.FILE
    return kind


def _npz(path: Path) -> Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return Kind.LANDMARKS  # damaged; whoever reads it says how
    if {"landmarks", "gloss"} <= names:
        return Kind.SIGNS
    if "landmarks" in names:
        return Kind.LANDMARKS
    return Kind.LOGITS if {"logits", "steps"} <= names else Kind.WEIGHTS


def require(
    path: Path | str,
    wanted: Kind,
    options: Mapping[Kind, str] | None = None,
    error: type[SlrError] = UsageError,
) -> None:
    """See that what is wanted lies at a path.

    Args:
        path: where it should lie.
        wanted: what is expected there.
        options: of other kinds, the option of the same command that takes them.
        error: the class of what is raised.

    Raises:
        SlrError: something else lies there, which is named, with what to do.
    """
    path, found = Path(path), kinds_of(path)
    if wanted in found:
        return
    if found == (Kind.NOTHING,):
        raise error(f"{path}: does not exist; expected {wanted.value}{_made(wanted, ', made by')}")
    what = " and ".join(kind.value for kind in found)
    raise error(f"{path}: is {what}, not {wanted.value}; {_advice(path, found, wanted, options or {})}")


def _made(kind: Kind, how: str) -> str:
    return f"{how} '{_MAKERS[kind]}'" if kind in _MAKERS else ""


def _advice(path: Path, found: tuple[Kind, ...], wanted: Kind, options: Mapping[Kind, str]) -> str:
    """What somebody can do who gave one thing for another."""
    for kind in found:
        if kind in options:
            return f"give it with {options[kind]}"
    around = [path / name for name in _WITHIN] if path.is_dir() else []
    for place in [*around, path.parent]:
        if place.exists() and not place.samefile(path) and wanted in kinds_of(place):
            return f"{wanted.value} is {place}"
    name = shlex.quote(str(path))
    ways = {
        (Kind.RUN, Kind.BUNDLE): f"export it with: tf-slr export --run {name} --out {shlex.quote(f'{path}/bundle')}",
        (Kind.CORPUS, Kind.RUN): f"train one with: tf-slr train --corpus {name} --run DIR",
        (Kind.CORPUS, Kind.BUNDLE): f"train a run with: tf-slr train --corpus {name} --run DIR, and export that",
        (Kind.CORPUS, Kind.ARPA): f"estimate one with: tf-slr train-ngram --corpus {name} --out X.arpa",
        (Kind.CORRECTOR, Kind.BUNDLE): f"a bundle gets it by: tf-slr export --run RUN --out DIR --corrector {name}",
        (Kind.UNFINISHED_CORRECTOR, Kind.CORRECTOR): "run the same train-corrector command again",
        (Kind.PARTS, Kind.CORPUS): f"make one of all parts with: tf-slr merge {name} ... --out DIR",
        **dict.fromkeys([(Kind.RECORDINGS, kind) for kind in (Kind.CORPUS, Kind.RUN, Kind.BUNDLE)],
                        f"learn from it with: tf-slr teach {name} --out DIR"),
    }  # fmt: skip
    for kind in found:
        if (kind, wanted) in ways:
            return ways[kind, wanted]
    if Kind.RUN in found and wanted is Kind.CORPUS and (corpus := _corpus_of(path)):
        return f"it was trained on {corpus}"
    return _made(wanted, "one is made by") or "choose another one"


def _corpus_of(run: Path) -> str:
    """Where a run says that its corpus lies; empty where it does not."""
    try:
        return str(json.loads((run / "corpus.json").read_text())["path"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""
