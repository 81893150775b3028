"""What a corpus is to become: the clips that a collection lists, and how their lists are written in the end."""

import dataclasses
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tf_slr import files
from tf_slr.corpus.entries import Entry, deal_splits
from tf_slr.corpus.extract import Extraction
from tf_slr.corpus.manifest import CorpusInfo, Sample, landmark_path, write_corpus
from tf_slr.errors import DataError, UsageError, shown

# Clips whose rate differs by more than this are named: signs seem faster or slower in them.
FPS_TOLERANCE = 0.1


@dataclass(frozen=True)
class Plan:
    """What a corpus is to become; the same in every part.

    Attributes:
        info: name, language and the rest; `fps` is that of clips that do not say theirs.
        entries: every clip of the collection.
        refused: one line for each row of the collection that cannot be used.
        notes: what else is worth knowing of the collection.
        dev_share: share of the clips without a split that go to dev.
        test_share: the same for test.
        known_fps: the release's own frame rate is certain, so that image folders need no note about it.
    """

    info: CorpusInfo
    entries: tuple[Entry, ...]
    refused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    dev_share: float = 0.0
    test_share: float = 0.0
    known_fps: bool = False

    def __post_init__(self) -> None:
        for entry in self.entries:  # before the work: its path will stand in a list
            files.require_text(str(entry.video), entry.id)
        if min(self.dev_share, self.test_share) < 0 or not self.dev_share + self.test_share < 1:
            raise UsageError(
                f"expected shares of dev and test that leave some for train, received {self.dev_share}"
                f" and {self.test_share}"
            )


def finish(
    plan: Plan, out: Path, ended: Sequence[Extraction], landmarks: bool = True, videos: bool = True
) -> list[str]:
    """Write the lists of a corpus whose clips have all ended.

    Args:
        plan: what the corpus is to become.
        out: its folder.
        ended: how each entry ended, in the plan's order.
        landmarks: whether the clips have landmark files.
        videos: whether the entries' files are videos.

    Returns:
        One line for every clip that was refused or left out ('file: reason'),
        then one for everything else worth knowing ('note: ...').

    Raises:
        DataError: no clip for training is left.
    """
    refused = [*plan.refused, *(result.refusal for result in ended if result.refusal)]
    usable = [(entry, result) for entry, result in zip(plan.entries, ended, strict=True) if not result.refusal]
    samples = [(_sample(entry, result, landmarks, videos), entry.split) for entry, result in usable]
    require_training(plan, (split for sample, split in samples if sample.feasible), refused)
    splits, split_notes = deal_splits(samples, plan.dev_share, plan.test_share)
    results = [result for _, result in usable]
    fps, fps_notes = _common_fps(results, plan)
    left_out = write_corpus(out, dataclasses.replace(plan.info, fps=fps), splits)
    return [*refused, *left_out, *plan.notes, *split_notes, *fps_notes, *_uneven_notes(results)]


def require_training(plan: Plan, splits: Iterable[str | None], refused: Sequence[str]) -> None:
    """Raise DataError, with the first reasons, where none of the clips' splits can train."""
    if not {None, "train"}.intersection(splits):
        raise DataError(f"{plan.info.name}: no usable training clip ({shown(refused) or 'no row is for training'})")


def _sample(entry: Entry, result: Extraction, landmarks: bool, videos: bool) -> Sample:
    return Sample(
        entry.id,
        entry.signer,
        result.frames,
        entry.glosses,
        entry.text,
        landmark_path(entry.id) if landmarks else "",
        str(entry.video) if videos else "",
    )


def _common_fps(results: Sequence[Extraction], plan: Plan) -> tuple[float, list[str]]:
    """The median frame rate, and notes on clips that do not say theirs or have another."""
    silent = [result.id for result in results if result.fps is None]
    rates = {result.id: result.fps or plan.info.fps for result in results}
    common = round(statistics.median(rates.values()), 3)
    others = [name for name, fps in rates.items() if abs(fps - common) > FPS_TOLERANCE * common]
    notes = []
    if silent and not plan.known_fps:
        notes.append(
            f"note: {len(silent)} clips tell no frame rate; {plan.info.fps:g} frames per second were assumed"
            f" ({shown(silent)})"
        )
    if others:
        notes.append(
            f"note: {len(others)} clips have from {min(rates.values()):g} to {max(rates.values()):g} frames per second,"
            f" the corpus has {common:g} ({shown(others)})"
        )
    return common, notes


def _uneven_notes(results: Sequence[Extraction]) -> list[str]:
    """A note on clips whose frames do not follow each other at one rate, as frames of a corpus do."""
    uneven = sorted((result for result in results if result.uneven), key=lambda result: -result.uneven)
    if not uneven:
        return []
    worst = shown([f"{result.id} by {result.uneven:.2f} s" for result in uneven])
    return [
        f"note: {len(uneven)} clips have no steady frame rate, so that signing in them seems faster here and slower"
        f" there; frames are off their places ({worst}); 'ffmpeg -i IN -vf fps=25 OUT.mp4' makes a rate steady"
    ]
