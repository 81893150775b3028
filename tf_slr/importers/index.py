"""An index of labelled files: a table with a header, separated by tabs, commas or semicolons (see `sheets`).

file            a video, a folder of images or a .pose file, relative to the index
glosses         what is signed, glosses separated by spaces (or characters, with that unit)
label           instead of glosses: the whole label is one gloss, spaces become '-'
signer  split  text  id     may be absent; split is train, dev (also val, valid, validation) or test
"""

import os
from collections.abc import Sequence
from pathlib import Path, PurePath

from tf_slr.core.errors import DataError
from tf_slr.core.glosses import GlossReader
from tf_slr.corpus.manifest import SPLITS, landmark_path
from tf_slr.importers.entries import SPLIT_WORDS, UNKNOWN_SIGNER, Entry, Listing
from tf_slr.importers.sheets import read_sheet

COLUMNS = ("file", "glosses", "label", "signer", "split", "text", "id")


def read_index(index: Path, unit: str) -> Listing:
    """Read an index.

    Raises:
        DataError: the file is no such table.
    """

    def wanted(header: Sequence[str]) -> str:
        return "glosses" if unit == "character" or "glosses" in header else "label"

    def fits(header: Sequence[str]) -> bool:
        names = [name for name in header if name]
        return {"file", wanted(names)} <= set(names) and len(set(names)) == len(names)

    expected = "'file' and 'glosses'" + (" (or 'label')" if unit == "gloss" else "")
    sheet = read_sheet(index, fits, f"{expected} and maybe signer, split, text, id")
    reader = GlossReader(unit, by_hand=True)
    listing = Listing([], [], list(sheet.notes))
    ids: set[str] = set()
    videos: set[Path] = set()
    for row in sheet.rows:
        if isinstance(row, str):
            listing.refused.append(row)
            continue
        try:
            entry = _entry(row.fields, index.parent, reader)
            if entry.id in ids:
                raise DataError(f"the id {entry.id!r} stands twice")
            # One take in two splits would test on what was trained.
            if entry.video in videos:
                raise DataError("the file stands twice")
        except DataError as error:
            listing.refused.append(f"{row.place}: {row.fields['file']}: {error}")
            continue
        ids.add(entry.id)
        videos.add(entry.video)
        listing.entries.append(entry)
    used = wanted(sheet.header)
    ignored = [name for name in sheet.header if name not in COLUMNS or (name == "label" and used == "glosses")]
    if ignored:
        listing.notes.append(f"note: {index}: columns that are not used: {', '.join(ignored)}")
    listing.notes.extend(reader.notes(index))
    return listing


def _entry(row: dict[str, str], folder: Path, reader: GlossReader) -> Entry:
    """One row -> an entry, or a DataError that says what is wrong with it."""
    if not row["file"]:
        raise DataError("names no file")
    annotation = row.get("glosses", row.get("label", ""))
    if "\n" in row["file"] or "\n" in annotation:
        raise DataError("a cell spans several lines (a quotation mark that is not closed?)")
    video = folder / row["file"]
    try:
        exists = video.exists()
    except OSError as error:
        raise DataError(f"cannot be looked for ({error.strerror})") from error
    if not exists:
        raise DataError("does not exist")
    glosses = reader.read(annotation) if "glosses" in row else reader.label(annotation)
    if not glosses:
        raise DataError("has no glosses")
    split = SPLIT_WORDS.get(row["split"].casefold()) if "split" in row else None
    if "split" in row and split is None:
        raise DataError(f"expected split {', '.join(SPLITS)}, found {row['split']!r}")
    sample_id = row.get("id") or _id_of(row["file"], video.is_dir())
    landmark_path(sample_id)
    # Links are left as they are: a collection of links to a store of hashes keeps its names.
    absolute = Path(os.path.abspath(video))
    text = " ".join(line.strip() for line in row.get("text", "").split("\n"))
    return Entry(sample_id, absolute, glosses, row.get("signer") or UNKNOWN_SIGNER, split, text)


def _id_of(file: str, is_folder: bool) -> str:
    """'anna/take 3.mp4' -> 'anna-take 3': unique where paths are, and short for an absolute path."""
    path = PurePath(file)
    name = path.name if is_folder else path.stem
    folders = () if path.is_absolute() else (part for part in path.parent.parts if part != "..")
    return "-".join([*folders, name])
