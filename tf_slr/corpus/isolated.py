"""Isolated signs: short labelled clips of one sign each, as a dictionary holds them.

A set is one .npz file with the arrays

    landmarks  float [N, T, 92, 3]   NaN where not found; frames of padding are all NaN
    gloss      str   [N]
    take       int   [N]             which recording of the sign
    shoulders  float [N, T, 2, 3]    optional
    aspect     float                 optional, width / height of the picture
    fps        float [] or [N]       optional, frames a second
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tf_slr.core import files
from tf_slr.core.errors import DataError, UsageError
from tf_slr.core.glosses import canonical, invisible_note
from tf_slr.core.landmarks import POINTS, Clip
from tf_slr.corpus.manifest import aspect_of

# Webcams, from which dictionaries of isolated signs mostly come.
DEFAULT_ASPECT = 4 / 3
# Below this many frames there is no sign to see.
MIN_FRAMES = 5


@dataclass(frozen=True)
class IsolatedClip:
    """One recording of one sign.

    Attributes:
        source: the file it is from; takes are counted within one.
        gloss: the sign.
        take: number of the recording within its set.
        origin: file and index, for messages.
        clip: the landmarks, padding removed.
        fps: frames per second, or None where the set does not say.
    """

    source: str
    gloss: str
    take: int
    origin: str
    clip: Clip
    fps: float | None = None


def gloss_name(text: str) -> str:
    """A label as a gloss: white space would split it in two ("thank you" -> "thank-you")."""
    return "-".join(canonical(text).split())


def read_isolated(path: Path | str, prefix: str = "") -> tuple[list[IsolatedClip], list[str]]:
    """Read a set of isolated signs.

    Args:
        path: the .npz file.
        prefix: put before every gloss (`prefix:gloss`), so that signs of two
            languages with one name stay apart.

    Returns:
        The usable clips, and one line for each clip that was left out (and a "note: " on names that were changed).

    Raises:
        DataError: the file is damaged or not of the format.
    """
    arrays = files.read_npz(path)
    missing = [name for name in ("landmarks", "gloss", "take") if name not in arrays]
    if missing:
        raise DataError(f"{path}: expected arrays landmarks, gloss and take; {', '.join(missing)} missing")
    landmarks, glosses, takes = arrays["landmarks"], arrays["gloss"], arrays["take"]
    shoulders = arrays.get("shoulders")
    if landmarks.ndim != 4 or landmarks.shape[2:] != (POINTS, 3) or landmarks.dtype.kind != "f":
        raise DataError(f"{path}: expected landmarks float [N, T, {POINTS}, 3], found {landmarks.dtype} "
                        f"{list(landmarks.shape)}")  # fmt: skip
    count = len(landmarks)
    labels_fit = glosses.shape == takes.shape == (count,)
    if not labels_fit or glosses.dtype.kind != "U" or takes.dtype.kind not in "iu":
        raise DataError(f"{path}: expected gloss (text) and take (whole numbers) of shape [{count}]")
    if shoulders is not None and (shoulders.shape != (*landmarks.shape[:2], 2, 3) or shoulders.dtype.kind != "f"):
        raise DataError(f"{path}: expected shoulders of shape {[*landmarks.shape[:2], 2, 3]}")
    aspect, rates = aspect_of(arrays, DEFAULT_ASPECT, path), _rates_of(arrays, count, path)
    clips, left_out = [], []
    for i in range(count):
        origin = f"{path}: clip {i} ({glosses[i]}, take {takes[i]})"
        name = gloss_name(str(glosses[i]))
        seen = np.isfinite(landmarks[i, ..., :2]).all(-1).any(-1)
        if not name:
            left_out.append(f"{origin}: has no gloss; left out")
        elif np.isinf(landmarks[i]).any():
            left_out.append(f"{origin}: holds infinite coordinates; left out")
        elif seen.sum() < MIN_FRAMES:
            left_out.append(f"{origin}: landmarks in {seen.sum()} frames, fewer than {MIN_FRAMES}; left out")
        else:
            span = slice(int(seen.argmax()), len(seen) - int(seen[::-1].argmax()))
            clip = Clip(landmarks[i, span], None if shoulders is None else shoulders[i, span], aspect)
            clips.append(
                IsolatedClip(str(path), f"{prefix}:{name}" if prefix else name, int(takes[i]), origin, clip, rates[i])
            )
    return clips, [*left_out, *invisible_note(path, map(str, glosses))]


def _rates_of(arrays: Mapping[str, np.ndarray], count: int, path: Path | str) -> list[float | None]:
    """The frame rate of each clip of a set."""
    rates = arrays.get("fps")
    if rates is None:
        return [None] * count
    if rates.shape not in ((), (count,)) or rates.dtype.kind not in "fiu" or not ((rates >= 1) & (rates <= 1000)).all():
        raise DataError(f"{path}: expected fps to be one number from 1 to 1000, or {count} of them, found "
                        f"{rates.dtype} {list(rates.shape)}")  # fmt: skip
    return [round(float(rate), 3) for rate in np.broadcast_to(rates, count)]


def hold_out(clips: list[IsolatedClip], share: float) -> tuple[list[IsolatedClip], list[IsolatedClip]]:
    """Split off the last takes of every sign.

    A sign gives floor(share * takes) of its takes, so that a sign with few
    recordings keeps them all for training.

    Returns:
        (kept, held out)
    """
    if not 0 <= share < 1:
        raise UsageError(f"expected a share of takes from 0 to below 1, received {share}")
    takes: dict[tuple[str, str], set[int]] = {}
    for clip in clips:
        takes.setdefault((clip.source, clip.gloss), set()).add(clip.take)
    held = {
        (source, gloss, take)
        for (source, gloss), numbers in takes.items()
        for take in sorted(numbers)[len(numbers) - int(share * len(numbers) + 1e-9) :]
    }
    kept: list[IsolatedClip] = []
    held_out: list[IsolatedClip] = []
    for clip in clips:
        (held_out if (clip.source, clip.gloss, clip.take) in held else kept).append(clip)
    return kept, held_out
