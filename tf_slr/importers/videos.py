"""A corpus from labelled videos: an index of files and glosses (see `index`), tracked by MediaPipe."""

from pathlib import Path

from tf_slr.corpus.manifest import CorpusInfo
from tf_slr.importers.assemble import Assembly, assemble
from tf_slr.importers.index import read_index
from tf_slr.importers.plan import Plan


def prepare_videos(
    index: Path | str,
    out: Path | str,
    info: CorpusInfo,
    how: Assembly,
    dev_share: float = 0.1,
    test_share: float = 0.1,
    known_fps: bool = False,
) -> list[str]:
    """Track the videos of an index and write a corpus, or one part of it.

    What an earlier, interrupted run has tracked is kept.

    Args:
        index: the table of files and glosses.
        out: the corpus folder.
        info: what the corpus is; `fps` is its frame rate where that is known, or where no clip says its own.
        how: who works on which share.
        dev_share: share of the clips that go to dev where the index names no split.
        test_share: the same for test.
        known_fps: whether clips are brought to `info.fps`; else to the rate of most clips.

    Returns:
        One line for every clip that was refused or left out ('file: reason'),
        then one for everything else worth knowing ('note: ...').

    Raises:
        DataError: the index is no such table, or no clip for training is left.
        UsageError: MediaPipe is missing, or shares that leave nothing for train.
    """
    entries, refused, notes = read_index(Path(index), info.unit)
    plan = Plan(info, tuple(entries), tuple(refused), tuple(notes), dev_share, test_share, known_fps)
    return assemble(plan, out, how)
