"""What a teacher says of each clip as it is: kept on disk, and read when a batch is made.

A file for each clip, NumPy's .npz of float16; the archive's own CRC-32 tells
damage. Kept outputs follow a clip that is played at another tempo, and know
nothing of any other change that the student's augmentation makes.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tf_slr.core import files
from tf_slr.core.errors import DataError
from tf_slr.features.augment import Change


class Output(NamedTuple):
    """One of a teacher's outputs.

    Attributes:
        name: in a file, and in a batch.
        source: what the network calls it.
        stride: frames that each of its moments stands for.
        shape: of a moment.
    """

    name: str
    source: str
    stride: int
    shape: tuple[int, ...]


class KeptOutput:
    """A stream of a teacher's outputs, float16 [ceil(T/stride), *shape].

    Args:
        output: which one.
        paths: of the clips' files.
        frames: the clips' lengths.
    """

    dtype = np.float16

    def __init__(self, output: Output, paths: Sequence[Path], frames: Sequence[int]) -> None:
        self.name, self.stride, self.shape = output.name, output.stride, output.shape
        self._output, self._paths, self._frames = output, paths, frames

    def shown(self, index: int, change: Change | None) -> np.ndarray:
        """See `Stream`; a change of the pictures leaves outputs alone, one of the tempo moves them along."""
        rows = read(self._paths[index], self._frames[index], [self._output])[self.name]
        return rows if change is None else follow(rows, change.positions, self.stride)


def follow(rows: np.ndarray, positions: np.ndarray, stride: int) -> np.ndarray:
    """A teacher's outputs on a clip that is played at another tempo.

    Each moment of the new clip gets what the teacher said of the moment it shows, between two of them a mixture.

    Args:
        rows: [ceil(T/stride), ...] of the clip as it is.
        positions: [T'] which of its T frames each new frame shows.
        stride: frames a moment stands for.

    Returns:
        [ceil(T'/stride), ...] of the same type.
    """
    # A moment is its first frame's; the other frames of the last one may lie beyond the clip.
    moments = np.clip(positions[::stride] / stride, 0, len(rows) - 1)
    before = np.minimum(moments.astype(int), len(rows) - 1)
    after = np.minimum(before + 1, len(rows) - 1)
    share = (moments - before).astype(np.float32).reshape(-1, *[1] * (rows.ndim - 1))
    return (rows[before] * (1 - share) + rows[after] * share).astype(rows.dtype)


def read(path: Path, frames: int, outputs: Iterable[Output]) -> dict[str, np.ndarray]:
    """Read outputs of a clip of so many frames.

    Raises:
        DataError: missing, damaged, or of another clip or network.
    """
    arrays = files.read_npz(path)
    for name, _, stride, shape in outputs:
        expected, found = (-(-frames // stride), *shape), arrays.get(name)
        if found is None or found.shape != expected or found.dtype != np.float16:
            raise DataError(f"{path}: expected {name} of float16 {list(expected)}; remove it to compute it anew")
    return arrays


def sound(path: Path, frames: int, outputs: Iterable[Output]) -> bool:
    """Whether outputs of a clip can be read."""
    try:
        read(path, frames, outputs)
    except DataError:
        return False
    return True
