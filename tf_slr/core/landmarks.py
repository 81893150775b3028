"""The landmark layout, its mirror image, and the one normalisation of the project.

A frame is 92 MediaPipe points (x, y, z): 10 of the pose (arms), 40 of the
lips, 21 of each hand. x is divided by the frame's width and y by its height;
a point that was not found is NaN. The layout is the one of the KD-MSLRT
release (https://arxiv.org/abs/2501.02321), point-major here: 276 values.

Training, the TFLite runtime and live use all call `normalise`; its
parameters travel in the bundle.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tf_slr.core.bounds import bounded, check_bounds
from tf_slr.core.errors import DataError, UsageError

# MediaPipe indices of each part, in the order in which they are stored.
POSE_INDICES = (13, 15, 17, 19, 21, 14, 16, 18, 20, 22)
LIPS_INDICES = (
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 146, 91, 181, 84, 17, 314, 405, 321, 375,
    78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308,
)  # fmt: skip
HAND_POINTS = 21
SHOULDER_INDICES = (11, 12)

POSE = slice(0, 10)
LIPS = slice(10, 50)
LEFT_HAND = slice(50, 71)
RIGHT_HAND = slice(71, 92)
POINTS = 92
VALUES = POINTS * 3

LEFT_ELBOW, LEFT_WRIST, RIGHT_ELBOW, RIGHT_WRIST = 0, 1, 5, 6

# Left and right of the lips, as face-mesh indices; 0, 17, 13 and 14 lie on the mirror line.
_LIPS_MIRROR = {
    61: 291, 185: 409, 40: 270, 39: 269, 37: 267, 146: 375, 91: 321, 181: 405, 84: 314,
    78: 308, 191: 415, 80: 310, 81: 311, 82: 312, 95: 324, 88: 318, 178: 402, 87: 317,
}  # fmt: skip


def _mirror_order() -> np.ndarray:
    both_ways = _LIPS_MIRROR | {right: left for left, right in _LIPS_MIRROR.items()}
    lips = [LIPS.start + LIPS_INDICES.index(both_ways.get(index, index)) for index in LIPS_INDICES]
    pose = [*range(5, 10), *range(0, 5)]
    hands = [*range(RIGHT_HAND.start, RIGHT_HAND.stop), *range(LEFT_HAND.start, LEFT_HAND.stop)]
    return np.array(pose + lips + hands)


# Point i of a mirrored frame is point MIRROR[i] of the frame, with x reversed.
MIRROR = _mirror_order()

# Bones that make a readable drawing: pairs of points.
_FINGERS = [
    (0, 1), (1, 2), (2, 3), (3, 4), (0, 5), (5, 6), (6, 7), (7, 8), (5, 9), (9, 10), (10, 11),
    (11, 12), (9, 13), (13, 14), (14, 15), (15, 16), (13, 17), (17, 18), (18, 19), (19, 20), (0, 17),
]  # fmt: skip
BONES = (
    [(LEFT_ELBOW, LEFT_WRIST), (RIGHT_ELBOW, RIGHT_WRIST)]
    + [(LEFT_HAND.start + a, LEFT_HAND.start + b) for a, b in _FINGERS]
    + [(RIGHT_HAND.start + a, RIGHT_HAND.start + b) for a, b in _FINGERS]
    + [(LIPS.start + i, LIPS.start + i + 1) for i in (*range(10), *range(11, 19), *range(20, 29), *range(30, 39))]
    + [(LIPS.start, LIPS.start + 11), (LIPS.start + 10, LIPS.start + 19)]
    + [(LIPS.start + 20, LIPS.start + 30), (LIPS.start + 29, LIPS.start + 39)]
)


class Clip(NamedTuple):
    """The landmarks of one clip.

    Attributes:
        landmarks: [T, 92, 3], x / width, y / height; NaN = not found.
        shoulders: [T, 2, 3] (left, right) in the same coordinates, or None.
        aspect: width / height of the picture.
    """

    landmarks: np.ndarray
    shoulders: np.ndarray | None
    aspect: float


class BodyFrame(NamedTuple):
    """Where the signer is and how large, in units of the picture's height."""

    origin: tuple[float, float]
    scale: float


# Of the rule of `normalise`: another number for another rule.
VERSION = 1


@dataclass(frozen=True)
class Normalisation:
    """What `normalise` does; stored in every run and every bundle.

    Attributes:
        version: number of this rule; a runtime refuses one it does not know.
        part_gain: factor on fingers relative to their wrist and on lips
            relative to the mouth's corner. Fingers move by a tenth of what
            arms do, and an INT8 grid that spans the arms would lose them.
        pose_z_gain: factor on the depth of pose points, which jitters three
            to ten times more than x and y; 0 drops it.
        limit: values are clipped to +- this many shoulder widths, because
            the tracker extrapolates points far outside the picture.
    """

    version: int = VERSION
    part_gain: float = bounded(4.0, 0, 100)
    pose_z_gain: float = bounded(0.0, 0, 100)
    limit: float = bounded(4.0, 0, 1000, above=True)

    def __post_init__(self) -> None:
        if self.version != VERSION:
            raise UsageError(f"normalisation version {self.version!r}, this program has version {VERSION}")
        check_bounds(self, "normalisation.")


def check_clip(landmarks: np.ndarray, source: str = "landmarks") -> None:
    """Refuse an array that is no landmark clip.

    Raises:
        DataError: wrong shape or type, no frame, infinite values, or no point found at all.
    """
    if landmarks.ndim != 3 or landmarks.shape[1:] != (POINTS, 3):
        raise DataError(f"{source}: expected landmarks of shape [T, {POINTS}, 3], found {list(landmarks.shape)}")
    if landmarks.dtype.kind != "f":
        raise DataError(f"{source}: expected floating-point landmarks, found {landmarks.dtype}")
    if len(landmarks) == 0:
        raise DataError(f"{source}: has no frame")
    if np.isinf(landmarks).any():
        raise DataError(f"{source}: holds infinite coordinates")
    if np.isnan(landmarks[..., :2]).all():
        raise DataError(f"{source}: no landmark was found in any frame (is a person in the picture?)")


def to_square(points: np.ndarray, aspect: float) -> np.ndarray:
    """Bring (x, y, z) to one unit, the picture's height: [..., 3] -> float32 [..., 3].

    MediaPipe's z has the scale of x, so both are multiplied by width / height.
    """
    return np.asarray(points, np.float32) * np.array([aspect, 1.0, aspect], np.float32)


def known_depth(points: np.ndarray) -> np.ndarray:
    """Points [..., 3] with z = 0 where x and y are known and z is not, as every reader of foreign files leaves them.

    Else one unknown z spreads: to the fingers, which are relative to their wrist, and to x and y when points turn.
    """
    lacking = np.isnan(points[..., 2]) & ~np.isnan(points[..., :2]).any(-1)
    if lacking.any():
        points = points.copy()
        points[lacking, 2] = 0
    return points


def body_frame(clip: Clip) -> BodyFrame:
    """Find the signer: shoulder midpoint and shoulder width, as medians over the clip.

    Where shoulders were not stored, elbows stand in for them (a relaxed
    elbow hangs about one shoulder width below), and where those are missing
    too, the extent of everything that was found.

    Raises:
        DataError: no point was found.
    """
    if clip.shoulders is not None and np.isfinite(clip.shoulders[..., :2]).any():
        left, right = np.moveaxis(to_square(clip.shoulders, clip.aspect)[..., :2], 1, 0)
        frame = _frame_between(left, right, widths=1.0, drop=0.0)
        if frame is not None:
            return frame
    points = to_square(clip.landmarks, clip.aspect)[..., :2]
    frame = _frame_between(points[:, LEFT_ELBOW], points[:, RIGHT_ELBOW], widths=1.5, drop=1.0)
    if frame is not None:
        return frame
    found = points[np.isfinite(points).all(-1)]
    if len(found) == 0:
        raise DataError("no landmark was found in any frame (is a person in the picture?)")
    centre = np.median(found, axis=0)
    spread = float(np.abs(found - centre).mean())
    return BodyFrame((float(centre[0]), float(centre[1])), max(2 * spread, 1e-2))


def _frame_between(left: np.ndarray, right: np.ndarray, widths: float, drop: float) -> BodyFrame | None:
    """The body frame from two point tracks that lie `widths` apart and `drop` below the shoulders."""
    known = np.isfinite(left).all(-1) & np.isfinite(right).all(-1)
    if not known.any():
        return None
    scale = float(np.median(np.linalg.norm(left[known] - right[known], axis=-1))) / widths
    if scale < 1e-2:  # seen from the side, or collapsed points
        return None
    x, y = np.median((left[known] + right[known]) / 2, axis=0)
    return BodyFrame((float(x), float(y) - drop * scale), scale)


def normalise(clip: Clip, rule: Normalisation, frame: BodyFrame | None = None) -> np.ndarray:
    """Turn a clip into the values a network sees.

    Positions are relative to the shoulders' midpoint in shoulder widths.
    Each part's first point (wrist, mouth corner) keeps its place in the
    body; the part's other points are relative to it and enlarged. Points
    that were not found become 0, and so does a z that is not known.

    Args:
        clip: landmarks as MediaPipe gives them, NaN where not found.
        rule: the parameters, from the recipe or the bundle.
        frame: where the signer is; found from the clip itself when None.

    Returns:
        float32 [T, 276], point-major.
    """
    frame = frame or body_frame(clip)
    points = to_square(known_depth(clip.landmarks), clip.aspect)  # a fresh array, [T, 92, 3]
    points[..., :2] -= np.array(frame.origin, np.float32)
    points /= frame.scale
    points[:, POSE, 2] *= rule.pose_z_gain
    for part in (LIPS, LEFT_HAND, RIGHT_HAND):
        anchor = points[:, part.start : part.start + 1].copy()
        points[:, part] = (points[:, part] - anchor) * rule.part_gain
        points[:, part.start, :2] = anchor[:, 0, :2]
    np.clip(points, -rule.limit, rule.limit, out=points)
    return np.nan_to_num(points, copy=False, nan=0.0).reshape(len(points), VALUES)
