"""What a corpus is to become: the clips that a collection lists, and how their lists are written in the end."""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tf_slr.core import files
from tf_slr.core.errors import DataError, UsageError, shown
from tf_slr.corpus.manifest import CorpusInfo, Sample, begin_corpus, landmark_path, write_corpus
from tf_slr.corpus.plausibility import rate_doubt
from tf_slr.corpus.rates import brought_notes, common_rate
from tf_slr.importers.entries import Entry, deal_splits
from tf_slr.tracking.extract import Extraction, brought_to


@dataclass(frozen=True)
class Plan:
    """What a corpus is to become; the same in every part.

    Attributes:
        info: name, language and the rest; `fps` is the corpus' rate where that is known, or where no clip says its own.
        entries: every clip of the collection.
        refused: one line for each row of the collection that cannot be used.
        notes: what else is worth knowing of the collection.
        dev_share: share of the clips without a split that go to dev.
        test_share: the same for test.
        known_fps: the corpus' rate is certain, from its release or its maker; else it is that of most clips.
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
    fps, silent_notes = _corpus_rate([result for _, result in usable], plan)
    found = [result for _, result in usable]
    begin_corpus(out)
    brought = [_brought(result, out, fps, landmarks, videos) for result in found]
    refused += [result.refusal for result in brought if result.refusal]
    usable = [(entry, result) for (entry, _), result in zip(usable, brought, strict=True) if not result.refusal]
    samples = [(_sample(entry, result, landmarks, videos), entry.split) for entry, result in usable]
    require_training(plan, (split for sample, split in samples if sample.feasible), refused)
    splits, split_notes = deal_splits(samples, plan.dev_share, plan.test_share)
    left_out = write_corpus(out, dataclasses.replace(plan.info, fps=fps), splits)
    return [*refused, *left_out, *plan.notes, *split_notes, *silent_notes, *_rate_notes(found, fps)]


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


def _corpus_rate(results: Sequence[Extraction], plan: Plan) -> tuple[float, list[str]]:
    """The frame rate that all clips are brought to, and a note on those that do not say theirs."""
    told = [result.fps for result in results if result.fps is not None and not result.uneven]
    told = told or [result.fps for result in results if result.fps is not None]
    fps = plan.info.fps if plan.known_fps or not told else round(common_rate(told), 3)
    silent = [result.id for result in results if result.fps is None]
    if not silent or plan.known_fps:
        return fps, []
    return fps, [f"note: {len(silent)} clips tell no frame rate; {fps:g} frames per second were assumed"
                 f" ({shown(silent)})"]  # fmt: skip


def _brought(result: Extraction, out: Path, fps: float, landmarks: bool, videos: bool) -> Extraction:
    """A clip at the corpus' rate, or why it cannot be had."""
    if landmarks:
        try:
            return brought_to(result, out, fps, tracked=videos)
        except DataError as error:
            return dataclasses.replace(result, refusal=str(error))
    moments = result.pace.moments(fps) if result.pace else None
    return result if moments is None else dataclasses.replace(result, frames=len(moments))


def _rate_notes(results: Sequence[Extraction], fps: float) -> list[str]:
    """Notes on clips that were brought to the corpus' rate, and on those of an odd one or of none that is steady."""
    changed = [result for result in results if result.pace and result.pace.moments(fps) is not None]
    notes = brought_notes([(result.id, result.fps) for result in changed if not result.uneven], len(results), fps)
    odd = [result for result in results if result.fps and rate_doubt(result.fps)]
    if odd:
        notes.append(f"note: {len(odd)} clips: {rate_doubt(odd[0].fps)} ({shown([result.id for result in odd])})")
    uneven = sorted((result for result in changed if result.uneven), key=lambda result: -result.uneven)
    if uneven:
        worst = shown([f"{result.id} by {result.uneven:.2f} s" for result in uneven])
        notes.append(
            f"note: {len(uneven)} clips have no steady frame rate and were brought to {fps:g} frames per second by the"
            f" times of their frames, which are off their places ({worst})"
        )
    return notes
