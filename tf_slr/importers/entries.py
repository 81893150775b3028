"""What a collection lists before its pictures are looked at, and which split each clip goes to."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tf_slr.corpus.manifest import SPLITS, Sample

UNKNOWN_SIGNER = "unknown"

# How people call the splits.
SPLIT_WORDS = {
    "train": "train", "training": "train", "dev": "dev", "development": "dev", "val": "dev", "valid": "dev",
    "validation": "dev", "test": "test", "testing": "test",
}  # fmt: skip


class Entry(NamedTuple):
    """One clip of a collection, before anything is known of its pictures.

    Attributes:
        id: unique in the collection.
        video: a video file, a folder of images, or a landmark file of others.
        glosses: the annotation.
        signer: who signs.
        split: train, dev or test; None where the collection does not say.
        text: spoken-language text, or empty.
        frames: number of frames the collection promises, or None.
    """

    id: str
    video: Path
    glosses: tuple[str, ...]
    signer: str = UNKNOWN_SIGNER
    split: str | None = None
    text: str = ""
    frames: int | None = None


class Listing(NamedTuple):
    """What a list of clips holds: usable entries, one line for each refused row, notes."""

    entries: list[Entry]
    refused: list[str]
    notes: list[str]


def deal_splits(
    samples: Sequence[tuple[Sample, str | None]], dev_share: float, test_share: float
) -> tuple[dict[str, list[Sample]], list[str]]:
    """Put every sample where its list says, or else where its id's hash says, but every gloss into train.

    Args:
        samples: samples, each with its split or None.
        dev_share: share of the samples without a split that go to dev.
        test_share: the same for test.

    Returns:
        The samples of each split, and notes.
    """
    splits: dict[str, list[Sample]] = {name: [] for name in SPLITS}
    for sample, split in samples:
        splits[split or _drawn_split(sample.id, dev_share, test_share)].append(sample)
    if all(split is not None for _, split in samples):
        return splits, []
    known = {gloss for sample in splits["train"] if sample.feasible for gloss in sample.glosses}
    moved: dict[str, Sample] = {}
    for name in ("dev", "test"):
        # By id, so that the order of the rows changes nothing.
        for sample in sorted(splits[name], key=lambda sample: sample.id):
            if sample.feasible and not known.issuperset(sample.glosses):
                known.update(sample.glosses)
                moved[sample.id] = sample
        splits[name] = [sample for sample in splits[name] if sample.id not in moved]
    splits["train"] += moved.values()
    notes = []
    if moved:
        notes.append(f"note: {len(moved)} clips of dev and test went to train, which lacked one of their glosses")
    notes += [
        f"note: the {name} split is empty; more takes of each gloss fill it, or a column 'split'"
        for name, share in (("dev", dev_share), ("test", test_share))
        if share and not splits[name]
    ]
    return splits, notes


def _drawn_split(sample_id: str, dev_share: float, test_share: float) -> str:
    """The split of a clip, drawn by its id alone, so that new clips leave old ones where they are.

    (But for those that train lacked a gloss of: who adds clips to a corpus that was trained on gives a column split.)
    """
    draw = int.from_bytes(hashlib.sha256(sample_id.encode()).digest()[:8]) / 2**64
    if draw < test_share:
        return "test"
    return "dev" if draw < test_share + dev_share else "train"
