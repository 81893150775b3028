"""What a student reads: normalised landmarks or squeezed pictures, by a rule that travels in its bundle."""

import os
from collections.abc import Iterable

import numpy as np

from tf_slr.core.errors import UsageError
from tf_slr.core.landmarks import VALUES, Clip, Normalisation, check_clip, normalise
from tf_slr.core.pictures import FrameOptions, squeezed

# How a clip becomes a student's input.
InputRule = Normalisation | FrameOptions


def shape_of(rule: InputRule) -> tuple[int, ...]:
    """Shape of one moment of the input."""
    return rule.shape if isinstance(rule, FrameOptions) else (VALUES,)


def prepare(clip: Clip | Iterable[np.ndarray], rule: InputRule) -> np.ndarray:
    """Make a student's input.

    Args:
        clip: landmarks as MediaPipe gives them, or a video's pictures, RGB uint8 [H, W, 3] each.
        rule: from the bundle.

    Returns:
        float32 [T, 276] of landmarks, uint8 [T, size, size, 3] of pictures.

    Raises:
        DataError: landmarks or pictures are not of the layout, or nobody is in the picture.
        UsageError: the student reads the other of the two, or neither was given but a path.
    """
    if isinstance(clip, str | bytes | os.PathLike):
        raise UsageError(
            f"received the path {os.fsdecode(clip)!r}, expected what it holds, landmarks or pictures: run 'tf-slr "
            "recognize', or with tf_slr.apps.inputs transcribe(*InputReader(fps).read(Path(...)).landmarks_at(fps))"
        )
    if isinstance(clip, np.ndarray) and clip.ndim == 3 and not isinstance(rule, FrameOptions):
        raise UsageError(f"received an array of shape {list(clip.shape)}, expected tf_slr.core.landmarks.Clip("
                         "landmarks, shoulders or None, width / height of the picture)")  # fmt: skip
    if isinstance(rule, FrameOptions) == isinstance(clip, Clip):
        reads, received = ("video", "landmarks") if isinstance(clip, Clip) else ("landmarks", "pictures")
        raise UsageError(f"the bundle's student reads {reads}, received {received}; choose another bundle or input")
    if isinstance(rule, FrameOptions):
        return squeezed(clip, rule)
    check_clip(clip.landmarks)
    return normalise(clip, rule)
