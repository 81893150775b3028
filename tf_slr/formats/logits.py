"""What a recogniser says of every step of some clips, as one .npz file: the most a corrector can be chosen by.

ids [clips], glosses [classes - 1], steps [clips], logits float32 [sum of steps, classes]
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tf_slr.core import files
from tf_slr.core.errors import DataError
from tf_slr.core.glosses import Vocabulary

# The logits of 5,000 long clips at a thousand glosses.
MAX_BYTES = 2 * 2**30


def write_logits(path: Path | str, vocabulary: Vocabulary, clips: Mapping[str, np.ndarray]) -> None:
    """Write the logits [T, classes] of each clip, atomically."""
    rows = [*clips.values(), np.zeros((0, vocabulary.classes))]
    files.write_npz(path, {
        "ids": np.array(list(clips), str),
        "glosses": np.array(vocabulary.glosses, str),
        "steps": np.array([len(logits) for logits in clips.values()], np.int32),
        "logits": np.concatenate(rows).astype(np.float32),
    })  # fmt: skip


def read_logits(path: Path | str) -> tuple[Vocabulary, dict[str, np.ndarray]]:
    """Read what `write_logits` wrote: the vocabulary, and clip -> logits [T, classes].

    Raises:
        DataError: the file cannot be read, or is not as it must be.
    """
    arrays = files.read_npz(path, MAX_BYTES)
    if set(arrays) != {"ids", "glosses", "steps", "logits"}:
        raise DataError(f"{path}: expected ids, glosses, steps and logits, found {', '.join(sorted(arrays))[:200]}; "
                        "write it with 'tf-slr evaluate --logits'")  # fmt: skip
    ids, glosses, steps, logits = (arrays[name] for name in ("ids", "glosses", "steps", "logits"))
    kinds = [array.dtype.kind for array in (ids, glosses, steps, logits)]
    if kinds != ["U", "U", "i", "f"] or [array.ndim for array in (ids, glosses, steps, logits)] != [1, 1, 1, 2]:
        raise DataError(f"{path}: expected lists of ids, glosses and steps, and a table of logits")
    try:
        vocabulary = Vocabulary(tuple(glosses.tolist()))
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    if (steps < 0).any() or (len(steps), int(steps.sum())) != (len(ids), len(logits)):
        raise DataError(f"{path}: expected the steps of {len(ids)} clips to sum to {len(logits)} rows of logits")
    if logits.shape[1] != vocabulary.classes or not np.isfinite(logits).all():
        raise DataError(f"{path}: expected {vocabulary.classes} finite logits a step")
    names = ids.tolist()
    if len(set(names)) < len(names):
        raise DataError(f"{path}: an id stands twice; expected one entry a clip")
    return vocabulary, dict(zip(names, np.split(logits, np.cumsum(steps)[:-1]), strict=True)) if names else {}
