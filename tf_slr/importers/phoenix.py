"""RWTH-PHOENIX-Weather: German weather forecasts, interpreted into German Sign Language.

Three editions of the official release are read, from the folder that holds

    annotations/manual/       one list a split, fields separated by '|'
    features/fullFrame-210x260px/SPLIT/     one folder of PNG images a clip, 25 frames a second

or from the folder above it, as the archives unpack it:

    2014, multi-signer      phoenix-2014-multisigner, lists SPLIT.corpus.csv
    2014, signer 5 unseen   phoenix-2014-signerindependent-SI5, lists SPLIT.SI5.corpus.csv
    2014T                   PHOENIX-2014-T, lists PHOENIX-2014-T.SPLIT.corpus.csv, with German text

Glosses stay as they are annotated (`__ON__`, `loc-NORD`, `S+H`): networks are
trained on them, and scoring cleans what it compares. The vocabulary of 1,295
signs that is reported for 2014 counts train, dev and test; a recogniser here
knows the signs of train.

Sources: J. Forster et al., "Extensions of the Sign Language Recognition and
Translation Corpus RWTH-PHOENIX-Weather", LREC 2014; O. Koller et al.,
"Continuous sign language recognition", CVIU 2015; N. C. Camgoz et al.,
"Neural Sign Language Translation", CVPR 2018.
"""

import functools
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tf_slr.core.errors import DataError
from tf_slr.core.glosses import GlossReader
from tf_slr.corpus.manifest import SPLITS, CorpusInfo
from tf_slr.formats.tables import Row, read_table
from tf_slr.importers.entries import UNKNOWN_SIGNER, Entry, Listing
from tf_slr.importers.plan import Plan
from tf_slr.importers.release import inside, unknown_glosses, usable, wrong_layout

ANNOTATIONS = Path("annotations/manual")
FRAMES = Path("features/fullFrame-210x260px")

LANGUAGE = "German Sign Language (DGS)"
LICENCE = "CC BY-NC-SA, non-commercial research; see RWTH-PHOENIX-Weather"
FPS = 25.0

# Training clips that published results leave out too, with the reason.
BROKEN = {"13April_2011_Wednesday_tagesschau_default-14": "training on it gives no finite loss"}


@dataclass(frozen=True)
class _Edition:
    """How one edition names its things.

    Attributes:
        name: of the corpus.
        folder: that holds annotations and features.
        lists: name of a split's list, with {} for the split.
        columns: header of the lists.
        roles: the columns of id, folder of images, signer and glosses.
        text: the column of the spoken-language text, or empty.
    """

    name: str
    folder: str
    lists: str
    columns: tuple[str, ...]
    roles: tuple[str, str, str, str]
    text: str = ""


_COLUMNS_2014 = ("id", "folder", "signer", "annotation")
_MULTISIGNER = _Edition("phoenix2014", "phoenix-2014-multisigner", "{}.corpus.csv", _COLUMNS_2014, _COLUMNS_2014)
_SIGNER_INDEPENDENT = _Edition(
    "phoenix2014-SI5", "phoenix-2014-signerindependent-SI5", "{}.SI5.corpus.csv", _COLUMNS_2014, _COLUMNS_2014
)
_TRANSLATION = _Edition(
    "phoenix2014T", "PHOENIX-2014-T", "PHOENIX-2014-T.{}.corpus.csv",
    ("name", "video", "start", "end", "speaker", "orth", "translation"), ("name", "video", "speaker", "orth"),
    "translation",
)  # fmt: skip


def read_phoenix2014(root: Path | str, signer_independent: bool = False) -> Plan:
    """Read the lists of RWTH-PHOENIX-Weather 2014.

    Args:
        root: the folder of an edition, or the release that holds both.
        signer_independent: read the edition whose training lacks signer 5. The folder
            of an edition needs no such word: its lists say which one it is.

    Raises:
        DataError: the folder is not of this release, or a list is not as it must be.
    """
    root = Path(os.path.abspath(root))
    if signer_independent or (root / ANNOTATIONS / _SIGNER_INDEPENDENT.lists.format("train")).is_file():
        return _plan(_SIGNER_INDEPENDENT, root)
    return _plan(_MULTISIGNER, root)


def read_phoenix2014t(root: Path | str) -> Plan:
    """Read the lists of RWTH-PHOENIX-Weather 2014T.

    Args:
        root: the folder PHOENIX-2014-T, or the release that holds it.

    Raises:
        DataError: the folder is not of this release, or a list is not as it must be.
    """
    return _plan(_TRANSLATION, Path(os.path.abspath(root)))


def _plan(edition: _Edition, root: Path) -> Plan:
    holder = root if (root / ANNOTATIONS).is_dir() else root / edition.folder
    if not (holder / ANNOTATIONS).is_dir() or not (holder / FRAMES).is_dir():
        layout = f"{ANNOTATIONS} and {FRAMES}"
        raise wrong_layout(holder if holder.is_dir() else root, f"{layout}, or a folder {edition.folder} with them")
    listing, glosses = Listing([], [], []), GlossReader()
    for split in SPLITS:
        path, frames = holder / ANNOTATIONS / edition.lists.format(split), holder / FRAMES / split
        absent = next((needed for needed in (path, frames) if not needed.exists()), None)
        if absent and split != "test":
            raise wrong_layout(absent.parent, absent.name)
        if absent:
            listing.notes.append(f"note: {absent} is missing, so that the test split is empty")
            continue
        table = read_table(path, edition.columns)
        listing.refused.extend(table.refused)
        make = functools.partial(_entry, edition=edition, frames=frames, split=split, reader=glosses)
        usable(_unbroken(table.rows, edition, listing.notes), make, listing)
    info = CorpusInfo(edition.name, LANGUAGE, fps=FPS, licence=LICENCE)
    notes = (*listing.notes, *glosses.notes(holder / ANNOTATIONS), *unknown_glosses(listing.entries))
    return Plan(info, tuple(listing.entries), tuple(listing.refused), notes, known_fps=True)


def _unbroken(rows: Sequence[Row], edition: _Edition, notes: list[str]) -> list[Row]:
    """The rows but those of broken clips, which are noted."""
    kept = []
    for row in rows:
        sample_id = row.fields[edition.roles[0]]
        if sample_id in BROKEN:
            notes.append(f"note: {row.place}: {sample_id} is left out, as in published results: {BROKEN[sample_id]}")
        else:
            kept.append(row)
    return kept


def _entry(fields: dict[str, str], edition: _Edition, frames: Path, split: str, reader: GlossReader) -> Entry:
    """One row -> an entry, or a DataError that says what is wrong with it."""
    sample_id, folder, signer, glosses = (fields[name] for name in edition.roles)
    text = " ".join(fields[edition.text].split()) if edition.text else ""
    return Entry(sample_id, _images(frames, folder), reader.read(glosses), signer or UNKNOWN_SIGNER, split, text)


def _images(frames: Path, pattern: str) -> Path:
    """The folder of a clip's images, from the pattern of a list such as 'ID/1/*.png'.

    The lists of 2014T name a folder '1' that its archive does not have, and many
    copies have been given one to suit programs for 2014; so what is there counts.
    """
    folder = inside(frames, pattern.removesuffix("*.png"))
    clip = folder.parent if folder.name == "1" else folder
    if clip == frames:
        raise DataError(f"expected a folder of images such as ID/1/*.png, found {pattern!r}")
    try:
        return clip / "1" if (clip / "1").is_dir() else clip
    except OSError as error:
        raise DataError(f"{clip}: cannot be read ({error.strerror})") from error
