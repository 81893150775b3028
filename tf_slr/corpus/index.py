"""An index of labelled files: a table separated by tabs, with a header.

file            a video, a folder of images or a .pose file, relative to the index
glosses         what is signed, glosses separated by spaces (or characters, with that unit)
label           instead of glosses: the whole label is one gloss, spaces become '-'
signer  split  text  id     may be absent; split is train, dev or test
"""

import os
from pathlib import Path, PurePath

from tf_slr import files
from tf_slr.corpus.entries import UNKNOWN_SIGNER, Entry, Listing
from tf_slr.corpus.manifest import SPLITS, landmark_path
from tf_slr.errors import DataError
from tf_slr.glosses import tokenise

COLUMNS = ("file", "glosses", "label", "signer", "split", "text", "id")


def read_index(index: Path, unit: str) -> Listing:
    """Read an index.

    Raises:
        DataError: the file is no such table.
    """
    lines = files.read_text(index).removeprefix("\ufeff").split("\n")
    header = [name.strip() for name in lines[0].split("\t")]
    wanted = "glosses" if unit == "character" or "glosses" in header else "label"
    if "file" not in header or wanted not in header or len(set(header)) < len(header):
        expected = "'file' and 'glosses'" + (" (or 'label')" if unit == "gloss" else "")
        raise DataError(
            f"{index}: expected a header, separated by tabs, with {expected} and maybe signer, split, text, id;"
            f" found {', '.join(header) or 'nothing'}"
        )
    entries, refused = [], []
    ids: set[str] = set()
    videos: set[Path] = set()
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        values = [value.strip() for value in line.split("\t")]
        if len(values) != len(header):
            refused.append(f"{index}, row {number}: expected {len(header)} columns, found {len(values)}")
            continue
        row = dict(zip(header, values, strict=True))
        try:
            entry = _entry(row, index.parent, unit)
            if entry.id in ids:
                raise DataError(f"the id {entry.id!r} stands twice")
            # One take in two splits would test on what was trained.
            if entry.video in videos:
                raise DataError("the file stands twice")
        except DataError as error:
            refused.append(f"{index}, row {number}: {row['file']}: {error}")
            continue
        ids.add(entry.id)
        videos.add(entry.video)
        entries.append(entry)
    ignored = [name for name in header if name not in COLUMNS or (name == "label" and wanted == "glosses")]
    notes = [f"note: {index}: columns that are not used: {', '.join(ignored)}"] if ignored else []
    return Listing(entries, refused, notes)


def _entry(row: dict[str, str], folder: Path, unit: str) -> Entry:
    """One row -> an entry, or a DataError that says what is wrong with it."""
    if not row["file"]:
        raise DataError("names no file")
    video = folder / row["file"]
    try:
        exists = video.exists()
    except OSError as error:
        raise DataError(f"cannot be looked for ({error.strerror})") from error
    if not exists:
        raise DataError("does not exist")
    glosses = tokenise(row["glosses"], unit) if "glosses" in row else ("-".join(row["label"].split()),)
    if not any(glosses):
        raise DataError("has no glosses")
    split = row.get("split")
    if split is not None and split not in SPLITS:
        raise DataError(f"expected split {', '.join(SPLITS)}, found {split!r}")
    sample_id = row.get("id") or _id_of(row["file"], video.is_dir())
    landmark_path(sample_id)
    # Links are left as they are: a collection of links to a store of hashes keeps its names.
    absolute = Path(os.path.abspath(video))
    return Entry(sample_id, absolute, glosses, row.get("signer") or UNKNOWN_SIGNER, split, row.get("text", ""))


def _id_of(file: str, is_folder: bool) -> str:
    """'anna/take 3.mp4' -> 'anna-take 3': unique where paths are, and short for an absolute path."""
    path = PurePath(file)
    name = path.name if is_folder else path.stem
    folders = () if path.is_absolute() else (part for part in path.parent.parts if part != "..")
    return "-".join([*folders, name])
