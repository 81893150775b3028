"""What the readers of official releases share: which rows are usable clips, and what to say of a wrong folder."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath

from tf_slr.core.errors import DataError, shown
from tf_slr.corpus.manifest import landmark_path
from tf_slr.formats.tables import Row
from tf_slr.importers.entries import Entry, Listing


def usable(rows: Iterable[Row], make: Callable[[dict[str, str]], Entry], listing: Listing) -> None:
    """Turn rows into entries of a listing; a row that is no usable clip is refused by its place, and the rest goes on.

    Args:
        rows: rows of one list of the release.
        make: a row's fields -> its entry, or DataError.
        listing: of the whole release, since an id or a folder must not stand in two of its lists either.
    """
    ids = {entry.id for entry in listing.entries}
    videos = {entry.video for entry in listing.entries}
    for row in rows:
        try:
            entry = make(row.fields)
            landmark_path(entry.id)
            if not entry.glosses:
                raise DataError(f"{entry.id} has no glosses")
            if entry.id in ids:
                raise DataError(f"the id {entry.id!r} stands twice")
            # One take in two splits would test on what was trained.
            if entry.video in videos:
                raise DataError(f"the folder {entry.video} stands twice")
        except DataError as error:
            listing.refused.append(f"{row.place}: {error}")
            continue
        ids.add(entry.id)
        videos.add(entry.video)
        listing.entries.append(entry)


def inside(root: Path, relative: str) -> Path:
    """A path that a list names, below the folder it may name paths in.

    Raises:
        DataError: it is empty or leads out of the folder.
    """
    path = PurePosixPath(relative)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise DataError(f"expected a folder below {root}, found {relative!r}")
    return root / path


def unknown_glosses(entries: Sequence[Entry]) -> list[str]:
    """A note for dev and for test, where their sentences hold glosses that train lacks."""
    known = {gloss for entry in entries if entry.split == "train" for gloss in entry.glosses}
    notes = []
    for split in ("dev", "test"):
        lacking = [set(entry.glosses) - known for entry in entries if entry.split == split]
        missing = sorted(set().union(*lacking))
        if missing:
            notes.append(
                f"note: {split}: {len(missing)} glosses in {sum(map(bool, lacking))} clips are not in train,"
                f" so that they cannot be learned ({shown(missing)})"
            )
    return notes


def wrong_layout(folder: Path, expected: str) -> DataError:
    """The error for a folder that is not of the release, with what lies there instead."""
    if not folder.is_dir():
        return DataError(f"{folder}: {'is no folder' if folder.exists() else 'does not exist'}; expected {expected}")
    found = shown(sorted(path.name for path in folder.iterdir()))
    return DataError(f"{folder}: expected {expected}; found {found or 'an empty folder'}")
