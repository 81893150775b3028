"""`tf-slr stats`: what is in a corpus, as the table that papers print, as JSON, and as a picture."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tf_slr.core import files
from tf_slr.core.errors import DataError
from tf_slr.core.landmarks import LEFT_HAND, LIPS, POSE, RIGHT_HAND
from tf_slr.core.threads import in_threads
from tf_slr.corpus.manifest import SPLITS, Corpus, Sample

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PARTS = {"left hand": LEFT_HAND, "right hand": RIGHT_HAND, "lips": LIPS, "pose": POSE}


class Spread(NamedTuple):
    """Mean, smallest and largest value."""

    mean: float
    min: int
    max: int

    @classmethod
    def of(cls, values: Sequence[int]) -> "Spread":
        """The spread of some values; all zero where there are none."""
        return cls(sum(values) / len(values), min(values), max(values)) if values else cls(0.0, 0, 0)


@dataclass(frozen=True)
class SplitStats:
    """One split in numbers.

    Attributes:
        sentences: number of clips.
        running: number of glosses, each time it is signed.
        vocabulary: number of different glosses.
        singletons: glosses that are signed once in the split.
        unknown_types: different glosses that train does not have.
        unknown_running: how often those are signed.
        signers: number of signers.
        unknown_signers: signers that train does not have.
        frames: number of frames.
        hours: their duration.
        glosses_per_sentence: length of the annotations.
        frames_per_sentence: length of the clips.
        infeasible: clips that are too short for CTC to emit their glosses.
        found: share of frames in which the tracker found each part, and "a hand": either; None if that was not
            looked at, or no clip has landmarks.
    """

    sentences: int
    running: int
    vocabulary: int
    singletons: int
    unknown_types: int
    unknown_running: int
    signers: int
    unknown_signers: tuple[str, ...]
    frames: int
    hours: float
    glosses_per_sentence: Spread
    frames_per_sentence: Spread
    infeasible: int
    found: dict[str, float] | None = None


@dataclass(frozen=True)
class CorpusStats:
    """A corpus in numbers.

    Attributes:
        name: of the corpus, marked where it is synthetic.
        language: the sign language.
        unit: "gloss" or "character".
        fps: frames per second.
        splits: the numbers of each split, by its name.
    """

    name: str
    language: str
    unit: str
    fps: float
    splits: dict[str, SplitStats]

    @property
    def units(self) -> str:
        """What is counted, in the plural."""
        return "glosses" if self.unit == "gloss" else f"{self.unit}s"

    def table(self) -> dict:
        """Everything as plain JSON."""
        table = dataclasses.asdict(self)
        for split in table["splits"].values():
            for name in ("glosses_per_sentence", "frames_per_sentence"):
                split[name] = split[name]._asdict()
        return table


def corpus_stats(corpus: Corpus, landmarks: bool = True) -> tuple[CorpusStats, list[str]]:
    """Count everything.

    Args:
        corpus: the corpus.
        landmarks: whether to read every landmark file for what the tracker found.

    Returns:
        The numbers, and one line for each landmark file that cannot be read.

    Raises:
        DataError: a list cannot be read.
    """
    samples = {name: corpus.split(name) for name in SPLITS}
    known = {gloss for sample in samples["train"] for gloss in sample.glosses}
    known_signers = {sample.signer for sample in samples["train"]}
    splits, refused = {}, []
    for name, split in samples.items():
        found = None
        if landmarks:
            found, faults = _found(corpus, split, name)
            refused += faults
        splits[name] = _count(split, known, known_signers, corpus.info.fps, found)
    info = corpus.info
    return CorpusStats(corpus.label, info.language, info.unit, info.fps, splits), refused


def _count(
    samples: Sequence[Sample], known: set[str], known_signers: set[str], fps: float, found: dict[str, float] | None
) -> SplitStats:
    counts = gloss_counts(samples)
    unknown = {gloss: count for gloss, count in counts.items() if gloss not in known}
    signers = {sample.signer for sample in samples}
    frames = sum(sample.frames for sample in samples)
    return SplitStats(
        sentences=len(samples),
        running=counts.total(),
        vocabulary=len(counts),
        singletons=sum(count == 1 for count in counts.values()),
        unknown_types=len(unknown),
        unknown_running=sum(unknown.values()),
        signers=len(signers),
        unknown_signers=tuple(sorted(signers - known_signers)),
        frames=frames,
        hours=frames / fps / 3600,
        glosses_per_sentence=Spread.of([len(sample.glosses) for sample in samples]),
        frames_per_sentence=Spread.of([sample.frames for sample in samples]),
        infeasible=sum(not sample.feasible for sample in samples),
        found=found,
    )


def gloss_counts(samples: Sequence[Sample]) -> Counter[str]:
    """How often each gloss is signed."""
    return Counter(gloss for sample in samples for gloss in sample.glosses)


def _found(corpus: Corpus, samples: Sequence[Sample], name: str) -> tuple[dict[str, float] | None, list[str]]:
    """Share of a split's frames in which each part was found, and the files that cannot be read."""

    def look(sample: Sample) -> tuple[int, dict[str, int]] | DataError:
        try:
            points = np.isfinite(corpus.clip(sample).landmarks[..., :2]).all(-1)  # [T, 92]
        except DataError as error:
            return error
        seen = {part: points[:, place].any(-1) for part, place in PARTS.items()}
        seen["a hand"] = seen["left hand"] | seen["right hand"]
        return len(points), {part: int(frames.sum()) for part, frames in seen.items()}

    tracked = [sample for sample in samples if sample.landmarks]
    frames, totals, refused = 0, Counter({part: 0 for part in (*PARTS, "a hand")}), []
    for result in in_threads(look, tracked, f"stats of {name}", "clip"):
        if isinstance(result, DataError):
            refused.append(str(result))
            continue
        frames += result[0]
        totals.update(result[1])
    return ({part: total / frames for part, total in totals.items()} if frames else None), refused


def markdown(stats: CorpusStats) -> str:
    """The numbers as a Markdown table, aligned for a terminal too."""
    others = ("dev", "test")
    rows: list[tuple[str, Callable[[SplitStats], str], Sequence[str]]] = [
        ("sentences", lambda split: f"{split.sentences:,}", SPLITS),
        (f"running {stats.units}", lambda split: f"{split.running:,}", SPLITS),
        ("vocabulary", lambda split: f"{split.vocabulary:,}", SPLITS),
        ("singletons", lambda split: f"{split.singletons:,}", SPLITS),
        ("out of vocabulary", lambda split: f"{split.unknown_types:,}", others),
        ("out of vocabulary, running", lambda split: _share(split.unknown_running, split.running), others),
        ("signers", lambda split: f"{split.signers:,}", SPLITS),
        ("signers not in train", lambda split: f"{len(split.unknown_signers):,}", others),
        ("frames", lambda split: f"{split.frames:,}", SPLITS),
        ("hours", lambda split: f"{split.hours:.2f}", SPLITS),
        (f"{stats.units} a sentence", lambda split: _spread(split.glosses_per_sentence), SPLITS),
        ("frames a sentence", lambda split: _spread(split.frames_per_sentence), SPLITS),
        ("too short for CTC", lambda split: f"{split.infeasible:,}", SPLITS),
    ]
    if any(split.found for split in stats.splits.values()):
        rows += [
            (f"frames with {part}", lambda split, part=part: _percent(split.found, part), SPLITS)
            for part in (*PARTS, "a hand")
        ]
    cells = [["", *SPLITS]]
    for title, show, shown in rows:
        cells.append([title, *(show(stats.splits[name]) if name in shown else "" for name in SPLITS)])
    first, *widths = (max(map(len, column)) for column in zip(*cells, strict=True))
    lines = []
    for head, *values in cells:
        aligned = [head.ljust(first), *(value.rjust(width) for value, width in zip(values, widths, strict=True))]
        lines.append(f"| {' | '.join(aligned)} |")
    rule = f"| {'-' * first} | " + " | ".join("-" * (width - 1) + ":" for width in widths) + " |"
    title = f"{stats.name}, {stats.language}, {stats.fps:g} frames per second"
    return "\n".join([title, "", lines[0], rule, *lines[1:]])


def _share(part: int, whole: int) -> str:
    return f"{part:,} ({100 * part / whole:.1f} %)" if whole else f"{part:,}"


def _percent(found: dict[str, float] | None, part: str) -> str:
    return f"{100 * found[part]:.1f} %" if found else ""


def _spread(spread: Spread) -> str:
    return f"{spread.mean:.1f} ({spread.min:,} to {spread.max:,})"


def draw(corpus: Corpus, stats: CorpusStats, path: Path) -> None:
    """Draw lengths of sentences and clips, how often glosses are signed, and what the tracker found.

    Args:
        corpus: the corpus.
        stats: its numbers.
        path: of the picture.

    Raises:
        ImportError: matplotlib is missing (extra `report`).
    """
    from matplotlib.figure import Figure

    splits = {name: split for name in SPLITS if (split := corpus.split(name))}
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    figure.suptitle(f"{stats.name}, {stats.language}", x=0.25)
    (lengths, ranks), (durations, found) = figure.subplots(2, 2)

    longest = max((len(sample.glosses) for split in splits.values() for sample in split), default=0)
    slowest = max((sample.frames for split in splits.values() for sample in split), default=0) / stats.fps
    for name, split in splits.items():
        colour = f"C{SPLITS.index(name)}"
        style = {
            "color": colour,
            "histtype": "step",
            "linewidth": 1.5,
            "weights": np.full(len(split), 100 / len(split)),
        }
        lengths.hist([len(sample.glosses) for sample in split], np.arange(longest + 2) - 0.5, **style)
        durations.hist([sample.frames / stats.fps for sample in split], np.linspace(0, slowest, 26), **style)
        counts = sorted(gloss_counts(split).values(), reverse=True)
        ranks.loglog(range(1, len(counts) + 1), counts, ".-", color=colour, markersize=3, label=name)
    lengths.set(title="Sentence length", xlabel=stats.units, ylabel="% of sentences")
    durations.set(title="Clip duration", xlabel="seconds", ylabel="% of clips")
    ranks.set(title="Frequency by rank", xlabel="rank", ylabel="times signed")
    _draw_found(found, stats)
    figure.legend(*ranks.get_legend_handles_labels(), loc="upper right", ncols=len(SPLITS))
    with files.atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)


def _draw_found(axes: "Axes", stats: CorpusStats) -> None:
    """Bars of what the tracker found, part by part."""
    parts = (*PARTS, "a hand")
    for number, name in enumerate(SPLITS):
        found = stats.splits[name].found
        if found:
            places = np.arange(len(parts)) + (number - 1) * 0.25
            axes.bar(places, [100 * found[part] for part in parts], 0.23, color=f"C{number}")
    if not axes.patches:
        axes.text(0.5, 0.5, "no landmarks were looked at", ha="center", va="center", transform=axes.transAxes)
    axes.set(title="Found by the tracker", ylabel="% of frames", ylim=(0, 100))
    axes.set_xticks(range(len(parts)), parts)
