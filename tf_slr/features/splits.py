"""The usable clips of a split: in memory, or read from files or shards when their turn comes."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tf_slr.core.errors import DataError, shown
from tf_slr.core.landmarks import Clip
from tf_slr.core.threads import in_threads
from tf_slr.corpus.manifest import NO_LANDMARKS, Corpus, Sample
from tf_slr.corpus.shards import ShardedSplit
from tf_slr.features.options import Source
from tf_slr.features.records import read_record


class UsableSplit(NamedTuple):
    """What of a split can be used.

    Attributes:
        samples: the clips' annotations, with their lengths.
        clips: their landmarks: in memory, or read whenever one is asked for; None in a corpus without landmarks.
        refused: one line for each sample that cannot be used.
    """

    samples: Sequence[Sample]
    clips: Sequence[Clip] | None
    refused: list[str]

    @property
    def frames(self) -> list[int]:
        """The clips' lengths."""
        return [sample.frames for sample in self.samples]

    def part(self, chosen: Sequence[int]) -> "UsableSplit":
        """Some of the clips, by their places."""
        clips = None if self.clips is None else _Lazy(lambda i: self.clips[chosen[i]], len(chosen))
        return UsableSplit([self.samples[i] for i in chosen], clips, [])

    def seen_as(self, change: Callable[[Clip], Clip]) -> "UsableSplit":
        """The same clips with other landmarks, changed whenever one is asked for; not of a corpus without landmarks."""
        return self._replace(clips=_Lazy(lambda i: change(self.clips[i]), len(self.samples)))


class _Lazy(Sequence[Clip]):
    """Clips that are read when they are asked for, every time."""

    def __init__(self, read: Callable[[int], Clip], count: int) -> None:
        self._read, self._count = read, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Clip:
        return self._read(index)


def load_split(corpus: Corpus, name: str, source: Source = "memory") -> UsableSplit:
    """Read a split's landmarks once; a damaged clip is named and left out.

    Args:
        corpus: the corpus.
        name: "train", "dev" or "test".
        source: where clips come from afterwards, see `FeatureOptions.source`.

    Raises:
        DataError: nothing usable is left, or there are no sound shards to read from.
    """
    twice = [name for name, count in Counter(sample.id for sample in corpus.split(name)).items() if count > 1]
    if twice:
        raise DataError(f"{corpus.root / name}.csv: ids that stand twice: {shown(twice)}")
    if corpus.info.landmark_source == NO_LANDMARKS:
        samples, clips, refused = _lists_only(corpus, name)
    elif source == "shards":
        samples, clips, refused = _from_shards(corpus, name)
    else:
        samples, clips, refused = _from_files(corpus, name, keep=source == "memory")
    if not samples:
        reason = f"; first fault: {refused[0]}" if refused else ""
        raise DataError(f"{corpus.root / name}.csv: the {name} split has no usable sample{reason}")
    return UsableSplit(samples, clips, refused)


def _lists_only(corpus: Corpus, name: str) -> UsableSplit:
    samples, refused = [], []
    for sample in corpus.split(name):
        try:
            _require_feasible(sample)
            samples.append(sample)
        except DataError as error:
            refused.append(str(error))
    return UsableSplit(samples, None, refused)


def _from_files(corpus: Corpus, name: str, keep: bool) -> UsableSplit:
    def read(sample: Sample) -> Clip | DataError:
        try:
            _require_feasible(sample)
            return corpus.clip(sample)
        except DataError as error:
            return error

    samples, clips, refused = [], [], []
    listed = corpus.split(name)
    for sample, clip in zip(listed, in_threads(read, listed, f"read {name}", "clip"), strict=True):
        if isinstance(clip, DataError):
            refused.append(str(clip))
            continue
        samples.append(sample)
        if keep:
            clips.append(clip)
    return UsableSplit(samples, clips if keep else _Lazy(lambda i: corpus.clip(samples[i]), len(samples)), refused)


def _from_shards(corpus: Corpus, name: str) -> UsableSplit:
    split = ShardedSplit(corpus, name)
    split.verify()
    samples, records, refused = [], [], list(split.refused)
    for sample, record in zip(split.samples, split.records, strict=True):
        if record is None:
            continue
        try:
            _require_feasible(sample)
        except DataError as error:
            refused.append(str(error))
            continue
        samples.append(sample)
        records.append(record)
    return UsableSplit(samples, _Lazy(lambda i: read_record(records[i], samples[i]), len(samples)), refused)


def _require_feasible(sample: Sample) -> None:
    if not sample.feasible:
        raise DataError(f"{sample.id}: {sample.frames} frames are too few for {len(sample.glosses)} glosses")
