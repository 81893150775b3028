"""Streams: what of a clip goes into a network, each an array whose first axis is time.

All streams of a clip show one and the same `Change`, so that a teacher that
sees the video and a student that sees landmarks or small pictures see one world.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from tf_slr.core import timing
from tf_slr.core.errors import DataError
from tf_slr.core.landmarks import VALUES, Clip, Normalisation, normalise
from tf_slr.core.pictures import FrameOptions, squeezed
from tf_slr.corpus.manifest import Sample
from tf_slr.features.augment import Change, apply, unchanged
from tf_slr.features.frames import KeptPictures, show
from tf_slr.features.views import WHOLE, View


class Stream(Protocol):
    """One input of a network.

    Attributes:
        name: what the network calls it.
        shape: of one moment.
        dtype: of its values.
        stride: frames a moment stands for: 1, or 4 for what has the recogniser's steps.
    """

    name: str
    shape: tuple[int, ...]
    dtype: type
    stride: int

    def shown(self, index: int, change: Change | None) -> np.ndarray:
        """A clip under a change, or as it is: [moments, *shape].

        Raises:
            DataError: the clip cannot be read.
        """


class Landmarks:
    """Normalised landmarks, [T, 276]; `name` is what the network calls them."""

    shape, dtype, stride = (VALUES,), np.float32, 1

    def __init__(self, clips: Sequence[Clip], rule: Normalisation, name: str = "landmarks") -> None:
        self.name, self._clips, self._rule = name, clips, rule

    def shown(self, index: int, change: Change | None) -> np.ndarray:
        """See `Stream`."""
        if change is None:  # exactly what the runtime does
            return normalise(self._clips[index], self._rule)
        clip, frame = apply(self._clips[index], change)
        return normalise(clip, self._rule, frame)


class Video:
    """Pictures of the network's size, uint8 [T, size, size, 3].

    Args:
        root: folder that the samples' paths are relative to.
        samples: the clips' annotations.
        options: the network's size.
        clips: their landmarks, which tell where the signer is; None for a corpus without.
        name: what the network calls the stream.
        every: every so many-th frame is looked at; the others may be black.
        pictures: where decoded pictures are kept; None to decode them whenever a clip is asked for.
        view: what of the pictures is shown; all of them where there are no landmarks.
        fps: the corpus' frame rate, to which videos of other rates are brought; None where none is brought to any.
    """

    dtype, stride = np.uint8, 1

    def __init__(
        self,
        root: Path,
        samples: Sequence[Sample],
        options: FrameOptions,
        clips: Sequence[Clip] | None,
        name: str = "video",
        every: int = 1,
        pictures: KeptPictures | None = None,
        view: View = WHOLE,
        fps: float | None = None,
    ) -> None:
        self.name, self.shape = name, options.shape
        self._root, self._samples, self._options, self._fps, self._clips = root, samples, options, fps, clips
        self._every, self._pictures, self._view = every, pictures or KeptPictures(0), view

    def shown(self, index: int, change: Change | None) -> np.ndarray:
        """See `Stream`."""
        sample = self._samples[index]
        if not sample.video:
            raise DataError(f"{self._root}: {sample.id}: has no video, which this network reads")
        whole = self._options if self._view == WHOLE else None
        pictures = self._pictures.read(self._root / sample.video, sample.frames, whole, self._fps)
        if change is None and whole:  # exactly what the runtime does
            return squeezed(pictures, self._options)
        clip = self._clips[index] if self._clips is not None else None
        return show(pictures, self._options, change or unchanged(len(pictures)), clip, self._every, self._view)


def pad(arrays: Sequence[np.ndarray], stride: int, steps: int) -> np.ndarray:
    """Stack arrays [moments, *shape] of different lengths, zero beyond each one's end, for `steps` steps."""
    padded = np.zeros((len(arrays), steps * timing.STRIDE // stride, *arrays[0].shape[1:]), arrays[0].dtype)
    for i, array in enumerate(arrays):
        padded[i, : len(array)] = array
    return padded
