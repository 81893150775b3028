"""From what a collection lists to a corpus on disk: track the clips, or only count them, and write the lists.

Work may be split: `--shard I/N` tracks every N-th clip and leaves a part,

    parts/I-of-N.json       the plan of the whole corpus, and how this part's clips ended

beside its landmarks; `merge_parts` makes the corpus when all parts are there,
the same to the byte as one run without shards.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from tf_slr.core import files
from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.threads import in_threads
from tf_slr.corpus.manifest import NO_LANDMARKS, CorpusInfo, begin_corpus
from tf_slr.importers.entries import Entry
from tf_slr.importers.plan import Plan, finish, require_training
from tf_slr.tracking.engines import Engine
from tf_slr.tracking.extract import Extraction, Job, adopt, extract_many
from tf_slr.tracking.tracker import landmark_source
from tf_slr.video.decoding import decoded_count


@dataclass(frozen=True)
class Assembly:
    """How the clips of a collection are worked on.

    Attributes:
        engine: who tracks them.
        shard: which part of the clips to track, from 1 to `shards`.
        shards: number of parts.
        landmarks: False to write lists only, for networks that read the video.
    """

    engine: Engine = field(default_factory=Engine)
    shard: int = 1
    shards: int = 1
    landmarks: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.shard <= self.shards:
            raise UsageError(f"expected a shard from 1 to {self.shards}, received {self.shard}")
        if self.shards > 1 and not self.landmarks:
            raise UsageError("a shard is a share of the tracking; without landmarks there is nothing to share")


def assemble(plan: Plan, out: Path | str, how: Assembly) -> list[str]:
    """Make a corpus, or one part of it. What an earlier, interrupted run has tracked is kept.

    Args:
        plan: what the corpus is to become.
        out: its folder.
        how: who works on which share.

    Returns:
        One line for every clip that was refused or left out ('file: reason'),
        then one for everything else worth knowing ('note: ...').

    Raises:
        DataError: no clip for training is left.
        UsageError: MediaPipe is missing, or the engine cannot be had.
    """
    out = Path(out)
    require_training(plan, (entry.split for entry in plan.entries), plan.refused)
    source = landmark_source() if how.landmarks else NO_LANDMARKS
    plan = dataclasses.replace(plan, info=dataclasses.replace(plan.info, landmark_source=source))
    if not how.landmarks:
        counted = list(in_threads(_count, plan.entries, "count", "clip"))
        return finish(plan, out, counted, landmarks=False)
    mine = plan.entries[how.shard - 1 :: how.shards]
    ended = extract_many([Job(entry.id, entry.video, entry.frames) for entry in mine], out, how.engine)
    if how.shards == 1:
        return finish(plan, out, ended)
    part = out / "parts" / f"{how.shard}-of-{how.shards}.json"
    content = {"plan": _plan_table(plan), "ended": [dataclasses.asdict(result) for result in ended]}
    files.write_json(part, {"sha256": files.sha256_of(content), **content})
    refused = [result.refusal for result in ended if result.refusal]
    return [*refused, f"note: part {how.shard} of {how.shards} is tracked; 'tf-slr merge' makes a corpus of all parts"]


def merge_parts(parts: Sequence[Path | str], out: Path | str) -> list[str]:
    """Make the corpus of which each folder holds one or more parts.

    Args:
        parts: folders that `assemble` filled with shards; `out` may be one of them.
        out: the corpus folder; landmarks of other folders are copied to it.

    Returns:
        As `assemble`.

    Raises:
        DataError: a part is missing, damaged, or of another collection.
    """
    out = Path(out)
    found: dict[int, _Part] = {}
    first: _Part | None = None
    for part in (part for folder in parts for part in _parts_in(Path(folder))):
        first = first or part
        if part.count != first.count or part.collection != first.collection:
            raise DataError(f"{part.path}: is of another corpus than {first.path} (other clips, options or shards)")
        if found.get(part.number, part).path != part.path:
            raise DataError(f"{part.path}: part {part.number} is also in {found[part.number].path.parent}")
        found[part.number] = part
    missing = [str(number) for number in range(1, first.count + 1) if number not in found]
    if missing:
        raise DataError(f"of {first.count} parts these are missing: {', '.join(missing)}")
    begin_corpus(out)
    ended: dict[str, Extraction] = {}
    with tqdm(total=len(first.plan.entries), desc="merge", unit="clip", disable=None) as bar:
        for part in found.values():
            for result in part.ended:
                ended[result.id] = result if result.refusal else adopt(result, part.path.parents[1], out)
                bar.update()
    return finish(first.plan, out, [ended[entry.id] for entry in first.plan.entries])


def _count(entry: Entry) -> Extraction:
    """What is known of a clip that nobody tracks."""
    try:
        frames, fps, times = decoded_count(entry.video, entry.frames)
    except DataError as error:
        return Extraction(entry.id, refusal=str(error))
    return Extraction.timed(entry.id, frames, fps, times)


class _Part(NamedTuple):
    """One part, read from disk."""

    path: Path
    number: int
    count: int
    collection: str
    plan: Plan
    ended: list[Extraction]


def _parts_in(folder: Path) -> list[_Part]:
    paths = sorted((folder / "parts").glob("*-of-*.json"))
    if not paths:
        raise DataError(f"{folder}: holds no part; make one with 'tf-slr prepare ... --shard I/N'")
    return [_read_part(path) for path in paths]


def _read_part(path: Path) -> _Part:
    content = files.read_json(path)
    number, _, count = path.stem.partition("-of-")
    # What was sealed was written by this module, so nothing below needs a check of its own.
    if content.pop("sha256", None) != files.sha256_of(content) or not (number.isdecimal() and count.isdecimal()):
        raise DataError(f"{path}: is damaged; make this part again")
    table = content["plan"]
    # Paths of videos and of lists are no part of what must agree: machines mount disks differently.
    rows = [[*row[:1], *row[2:]] for row in table["entries"]]
    collection = files.sha256_of(table | {"entries": rows, "refused": [], "notes": []})
    rows = [Entry(*row) for row in table["entries"]]
    entries = tuple(row._replace(video=Path(row.video), glosses=tuple(row.glosses)) for row in rows)
    lists = {name: tuple(table[name]) for name in ("refused", "notes")}
    plan = Plan(**table | lists | {"info": CorpusInfo(**table["info"]), "entries": entries})
    return _Part(path, int(number), int(count), collection, plan, [Extraction(**one) for one in content["ended"]])


def _plan_table(plan: Plan) -> dict:
    """A plan as plain JSON; an entry is the row of its fields."""
    table = dataclasses.asdict(dataclasses.replace(plan, entries=()))
    table["entries"] = [[str(value) if isinstance(value, Path) else value for value in entry] for entry in plan.entries]
    return table
