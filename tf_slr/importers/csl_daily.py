"""CSL-Daily: sentences of daily life in Chinese Sign Language, recorded in a studio.

The official release is read from the folder that holds

    sentence_label/video_map.txt    index|name|length|gloss|char|word|postag
    sentence_label/split_1.txt      name|split
    sentence/frames_512x512/NAME/   JPEG images of a clip, 30 a second

A name such as S000123_P0004_T00 tells sentence, signer and take. The release
has its labels in a .pkl file as well; it is never opened, since such a file
can run code.

Source: H. Zhou et al., "Improving Sign Language Translation with Monolingual
Data by Sign Back-Translation", CVPR 2021.
"""

import dataclasses
import functools
import os
import re
from pathlib import Path

from tf_slr.core.errors import DataError, shown
from tf_slr.core.glosses import GlossReader
from tf_slr.corpus.manifest import SPLITS, CorpusInfo
from tf_slr.formats.tables import read_table
from tf_slr.importers.entries import UNKNOWN_SIGNER, Entry, Listing
from tf_slr.importers.plan import Plan
from tf_slr.importers.release import inside, unknown_glosses, usable, wrong_layout

MAP = Path("sentence_label/video_map.txt")
SPLIT = Path("sentence_label/split_1.txt")
FRAMES = Path("sentence/frames_512x512")

INFO = CorpusInfo(
    "csl-daily", "Chinese Sign Language (CSL)", fps=30.0,
    licence="non-commercial research, under the release agreement of CSL-Daily",
)  # fmt: skip

# The two lists disagree in one clip: the map has the first of these names, the
# split has the second. Published results train on the first, which makes their
# 18,401 training clips; other takes of its sentence are in train as well.
UNSPLIT, UNMAPPED = "S000007_P0003_T00", "S000005_P0004_T00"


def read_csl_daily(root: Path | str, unit: str = "gloss") -> Plan:
    """Read the lists of CSL-Daily.

    Args:
        root: the folder of the release.
        unit: "gloss" for the annotated signs, or "character" for the characters of the
            Chinese sentence as the release lists them: in the order of speech, with punctuation.

    Raises:
        DataError: the folder is not of this release, or a list is not as it must be.
    """
    root = Path(os.path.abspath(root))
    for needed in (MAP, SPLIT, FRAMES):
        if not (root / needed).exists():
            raise wrong_layout(root, f"{MAP}, {SPLIT} and {FRAMES} ({needed} is missing)")
    listing, reader = Listing([], [], []), GlossReader(unit)
    splits = _splits(root / SPLIT, listing)
    table = read_table(root / MAP, ("index", "name", "length", "gloss", "char", "word", "postag"))
    listing.refused.extend(table.refused)
    names = {row.fields["name"] for row in table.rows}
    if UNSPLIT in names and UNSPLIT not in splits:
        splits[UNSPLIT] = "train"
        listing.notes.append(
            f"note: {root / SPLIT} does not list {UNSPLIT}; it is used for training, as in published results"
        )
    make = functools.partial(_entry, frames=root / FRAMES, splits=splits, unit=unit, reader=reader)
    usable(table.rows, make, listing)
    unmapped = sorted(splits.keys() - names)
    if unmapped:
        known = " (a known slip of the release)" if unmapped == [UNMAPPED] else ""
        listing.notes.append(
            f"note: {root / SPLIT}: {len(unmapped)} clips are not in {MAP.name}: {shown(unmapped)}{known}"
        )
    notes = (*listing.notes, *reader.notes(root / MAP), *unknown_glosses(listing.entries))
    info = dataclasses.replace(INFO, unit=unit)
    return Plan(info, tuple(listing.entries), tuple(listing.refused), notes, known_fps=True)


def _splits(path: Path, listing: Listing) -> dict[str, str]:
    """The split of each name; rows that cannot be are refused."""
    table = read_table(path, ("name", "split"))
    listing.refused.extend(table.refused)
    splits: dict[str, str] = {}
    for row in table.rows:
        name, split = row.fields["name"], row.fields["split"]
        if split not in SPLITS:
            listing.refused.append(f"{row.place}: {name}: expected split {', '.join(SPLITS)}, found {split!r}")
        elif splits.setdefault(name, split) != split:
            listing.refused.append(f"{row.place}: {name} is also in {splits[name]}")
    return splits


def _entry(fields: dict[str, str], frames: Path, splits: dict[str, str], unit: str, reader: GlossReader) -> Entry:
    """One row of the map -> an entry, or a DataError that says what is wrong with it."""
    name, length = fields["name"], fields["length"]
    if name not in splits:
        raise DataError(f"{name} is not in {SPLIT.name}")
    if not (length.isdecimal() and len(length) < 8 and int(length)):
        raise DataError(f"{name}: expected a number of frames, found {length[:20]!r}")
    signer = re.fullmatch(r"S\d+_(P\d+)_T\d+", name)
    glosses = reader.read(fields["gloss" if unit == "gloss" else "char"])
    text = "".join(fields["word"].split())
    return Entry(
        name, inside(frames, name), glosses, signer[1] if signer else UNKNOWN_SIGNER, splits[name], text, int(length)
    )
