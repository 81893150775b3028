"""Which takes are learnt from, on which INT8 is held against FP32, and which are kept for the test."""

import shlex
from typing import NamedTuple

from tf_slr.apps.teach.recordings import Recordings
from tf_slr.apps.teach.takes import fault_of_rest, fault_of_sign
from tf_slr.core.errors import DataError, UsageError, shown
from tf_slr.corpus.isolated import IsolatedClip, gloss_name
from tf_slr.corpus.manifest import read_clip

# The gloss of rest. White space keeps it apart from every sign's gloss, which has none.
REST = "no sign"
# Signs with fewer takes are warned of.
ENOUGH = 10
# One take in so many is tested on when nothing else is said; one in so many of the others is only for dev, where there
# are at least this many of them: of fewer, each one that is learnt from is worth more.
TEST_SHARE, DEV_SHARE, DEV_FROM = 5, 7, 10


class Division(NamedTuple):
    """The takes of a folder of recordings, divided; no take is in two splits, but see `borrowed`.

    Attributes:
        splits: takes of "train", "dev" and "test", those of rest among them.
        signs: gloss -> the sign's true name.
        takes: gloss -> how many takes can be used.
        borrowed: glosses with so few takes that dev shows those of train.
    """

    splits: dict[str, list[IsolatedClip]]
    signs: dict[str, str]
    takes: dict[str, int]
    borrowed: tuple[str, ...]


def read_takes(recordings: Recordings) -> tuple[dict[str, list[IsolatedClip]], list[str]]:
    """Read all takes.

    Returns:
        gloss -> usable takes in the order of recording (of rest under `REST`, of a sign without any none at all), and
        one line for each take that was left out.

    Raises:
        DataError: there is no take of two signs that can be used, or but one take of a sign.
    """
    root, fps = recordings.root, recordings.list.fps
    found: dict[str, list[IsolatedClip]] = {}
    left_out: list[str] = []
    for sign in (*recordings.list.signs, None):
        gloss = REST if sign is None else gloss_name(sign)
        for path in recordings.takes(sign):
            try:
                clip = read_clip(path)
            except DataError as error:
                left_out.append(f"{error}; left out")
                continue
            if fault := (fault_of_rest if sign is None else fault_of_sign)(clip, fps):
                left_out.append(f"{path}: {fault}; left out")
            else:
                found.setdefault(gloss, []).append(IsolatedClip(str(root), gloss, int(path.stem), str(path), clip))
    signs = [gloss for gloss in found if gloss != REST]
    out = f"--out {shlex.quote(str(root))}"
    if len(signs) < 2:
        reason = f"; {len(left_out)} takes cannot be used, such as {left_out[0]}" if left_out else ""
        raise DataError(f"{root}: holds usable takes of {len(signs)} sign{'s' * (len(signs) != 1)}, at least 2 are "
                        f"needed: tf-slr record --signs NAME,NAME {out}{reason}")  # fmt: skip
    if single := [sign for sign in recordings.list.signs if len(found.get(gloss_name(sign), ())) == 1]:
        raise DataError(f"{root}: holds 1 usable take of {shown(single)}; one is learnt from and one tested on, so "
                        f"at least 2 are needed: tf-slr record --sign {shlex.quote(single[0])} {out}")  # fmt: skip
    return found, left_out


def divide(recordings: Recordings, test_takes: int | None) -> tuple[Division, list[str]]:
    """Read and divide all takes: the last ones of every sign are for the test.

    Args:
        recordings: the folder.
        test_takes: how many of every sign; one in `TEST_SHARE`, but at least one, when None.

    Returns:
        The division, and one line for each take that was left out.

    Raises:
        DataError: there are too few takes or signs.
        UsageError: with so many takes for the test a sign has none to learn from.
    """
    found, left_out = read_takes(recordings)
    splits: dict[str, list[IsolatedClip]] = {"train": [], "dev": [], "test": []}
    borrowed = []
    for gloss, takes in found.items():
        held = test_takes or max(1, len(takes) // TEST_SHARE)
        if gloss == REST:
            # Rest is no sign that has to be in every split.
            held = min(held, len(takes) // 2)
        elif held >= len(takes):
            raise UsageError(f"--test-takes {test_takes} leaves none of the {len(takes)} takes of {gloss} to learn "
                             "from; choose fewer, or record more")  # fmt: skip
        kept = takes[: len(takes) - held]
        chosen = len(kept) // DEV_SHARE or 1
        if len(kept) >= DEV_FROM:
            splits["train"] += kept[:-chosen]
            splits["dev"] += kept[-chosen:]
        else:
            splits["train"] += kept
            splits["dev"] += kept
            borrowed += [gloss] if gloss != REST else []
        splits["test"] += takes[len(takes) - held :]
    signs = {gloss_name(sign): sign for sign in recordings.list.signs}
    counts = {gloss: len(takes) for gloss, takes in found.items()}
    return Division(splits, signs, counts, tuple(borrowed)), left_out


def notes_on(recordings: Recordings, division: Division) -> list[str]:
    """What a person should know before anything is learnt, as lines that begin with 'note: '."""
    notes = []
    if missing := [repr(sign) for gloss, sign in division.signs.items() if gloss not in division.takes]:
        notes.append(f"note: no take yet of {shown(missing)}, which will not be recognised")
    few = [f"{sign} ({division.takes[gloss]})" for gloss, sign in division.signs.items()
           if 0 < division.takes.get(gloss, 0) < ENOUGH]  # fmt: skip
    if few:
        notes.append(f"note: few takes of {shown(few)}; {ENOUGH} or more of each make a better recogniser")
    if REST not in division.takes:
        notes.append("note: no rest was recorded, so movement between signs may be taken for signs: "
                     f"tf-slr record --rest --out {shlex.quote(str(recordings.root))}")  # fmt: skip
    return notes
