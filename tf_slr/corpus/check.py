"""`tf-slr check`: walk a corpus and name every fault."""

from pathlib import Path

from tqdm import tqdm

from tf_slr.corpus.manifest import SPLITS, Corpus, Sample
from tf_slr.errors import DataError


def check_corpus(root: Path | str) -> list[str]:
    """Read everything a corpus promises.

    Returns:
        One line for each fault: a list that cannot be read, an empty split,
        an id that stands twice, a gloss of dev or test that training does not
        have, too few frames for the glosses, a landmark file that is missing,
        damaged or of another length, a video that is missing.

    Raises:
        DataError: the folder holds no corpus.
    """
    corpus = Corpus(root)
    faults: list[str] = []
    splits: dict[str, list[Sample]] = {}
    for name in SPLITS:
        try:
            splits[name] = corpus.split(name)
        except DataError as error:
            faults.append(str(error))
            continue
        if not splits[name]:
            faults.append(f"{corpus.root / name}.csv: the {name} split is empty")
    known = {gloss for sample in splits.get("train", ()) for gloss in sample.glosses}
    seen: dict[str, str] = {}
    samples = [(name, sample) for name, split in splits.items() for sample in split]
    for name, sample in tqdm(samples, "check", unit="clip", disable=None):
        place = f"{corpus.root / name}.csv: {sample.id}"
        if sample.id in seen:
            faults.append(f"{place}: the id stands twice (first in {seen[sample.id]}.csv)")
        seen.setdefault(sample.id, name)
        unknown = sorted(set(sample.glosses) - known) if name != "train" else []
        if unknown:
            faults.append(f"{place}: glosses that training does not have: {' '.join(unknown)}")
        if not sample.glosses:
            faults.append(f"{place}: has no gloss")
        if not sample.feasible:
            faults.append(f"{place}: {sample.frames} frames are too few for {len(sample.glosses)} glosses")
        try:
            corpus.clip(sample)
        except DataError as error:
            faults.append(str(error))
        if sample.video and not (corpus.root / sample.video).exists():
            faults.append(f"{place}: video {sample.video} is missing")
    return faults
