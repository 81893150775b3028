"""Whether landmarks can be those of a signer as MediaPipe gives them: what goes wrong when others made the file.

MediaPipe names left and right by the body: whoever faces the camera has the left arm at larger x, and a hand lies at
its own arm's wrist. Exporters exchange the hands, mirror x and keep the labels, turn y upwards, or write zeros for what
was not found. Each costs a recogniser most of its words, and none can be seen in the shape of the array.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from tf_slr.core.errors import DataError, shown
from tf_slr.core.landmarks import (
    LEFT_ELBOW,
    LEFT_HAND,
    LEFT_WRIST,
    LIPS,
    LIPS_INDICES,
    RIGHT_ELBOW,
    RIGHT_HAND,
    RIGHT_WRIST,
    Clip,
    body_frame,
    to_square,
)

# What a clip may be doubted for, and what that looks like.
DOUBTS = {
    "zeros": "points that were not found are 0 instead of NaN",
    "exchanged": "hands lie at the other arm's wrist (are left and right hand, or the arms, exchanged?)",
    "mirrored": "left and right are mirrored (was x mirrored and the labels kept, or the labels exchanged?)",
    "upside down": "the picture is upside down (does y point upwards?)",
    "astray": "hands lie far from both wrists (are these MediaPipe's points, in the order of the layout?)",
}
# Frames a second of signing that somebody filmed; cameras in slow motion come to 240.
RATES = (5.0, 250.0)

_LEFT_CORNER, _RIGHT_CORNER = (LIPS.start + LIPS_INDICES.index(index) for index in (291, 61))
# So many points of one frame at exactly (0, 0) were not measured.
_ZERO_POINTS = 5
# Fewer frames than this tell nothing.
_FRAMES = 5
# The thresholds below are shoulder widths, and lie between what real clips show and what the faults make of them.
# A hand is told by wrists that are this far apart, and where one is twice as near as the other.
_APART = 0.2
_EXCHANGED_SHARE = 0.75
_ASTRAY = 0.75
_ELBOWS, _LIPS, _SHOULDERS, _WRISTS = 0.4, 0.04, 0.4, 0.5
_UPSIDE_DOWN = 0.3
# Hands cross, so that by themselves they tell left from right only over many clips.
_LEANING, _CLIPS, _LEANING_SHARE = 0.1, 8, 0.75


class Finding(NamedTuple):
    """What one clip looks like.

    Attributes:
        doubts: keys of `DOUBTS`.
        side: on which side of the right hand the left hand mostly is: 1 as it should be, -1 mirrored, 0 unclear.
        depth: whether z is known of any point whose depth counts; None where no such point was found.
    """

    doubts: tuple[str, ...] = ()
    side: int = 0
    depth: bool | None = None


def examine(clip: Clip) -> Finding:
    """Look at a clip that `check_clip` accepts."""
    landmarks = clip.landmarks
    zero = (landmarks[..., :2] == 0).all(-1)
    doubts = ["zeros"] if zero.sum(1).max() >= _ZERO_POINTS else []
    points = to_square(landmarks, clip.aspect)[..., :2]
    points[zero] = np.nan
    seen = Clip(np.where(zero[..., None], np.nan, landmarks), clip.shoulders, clip.aspect) if doubts else clip
    try:
        scale = body_frame(seen).scale
    except DataError:  # nothing but zeros
        return Finding(tuple(doubts))
    # Shoulders may be badly tracked; elbows hang one and a half widths apart.
    scale = max(scale, (_median(_length(points[:, LEFT_ELBOW] - points[:, RIGHT_ELBOW])) or 0.0) / 1.5)
    left, right = points[:, LEFT_WRIST] / scale, points[:, RIGHT_WRIST] / scale
    if _far_from_wrists(points / scale, left, right):
        doubts.append("astray")
    elif _exchanged(points / scale, left, right):
        doubts.append("exchanged")
    across = _median((left - right)[:, 0])
    if across is None:
        across = _median((points[:, LEFT_HAND.start] - points[:, RIGHT_HAND.start])[:, 0] / scale)
    if _mirrored(points, clip, scale, across):
        doubts.append("mirrored")
    if _upside_down(points, scale):
        doubts.append("upside down")
    side = 0 if across is None or abs(across) < _LEANING else 1 if across > 0 else -1
    return Finding(tuple(name for name in DOUBTS if name in doubts), side, has_depth(landmarks))


def has_depth(landmarks: np.ndarray) -> bool | None:
    """Whether any hand or lip point of [T, 92, 3] has a z; NaN and 0 are none. None where no such point was found."""
    parts = landmarks[:, LIPS.start :]
    if not np.isfinite(parts[..., 0]).any():
        return None
    depth = parts[..., 2]
    return bool(((depth != 0) & np.isfinite(depth)).any())


def without_depth(clip: Clip) -> Clip:
    """A clip as it would be if nobody had measured z."""
    landmarks = clip.landmarks.copy()
    landmarks[..., 2] = np.nan
    return clip._replace(landmarks=landmarks)


def rate_doubt(fps: float) -> str:
    """What is odd about a frame rate; empty where nothing is."""
    if RATES[0] <= fps <= RATES[1]:
        return ""
    return f"{fps:g} frames a second are no camera's rate (expected {RATES[0]:g} to {RATES[1]:g})"


def clip_notes(finding: Finding) -> list[str]:
    """What to say of a single clip, one text for each doubt."""
    return [DOUBTS[doubt] for doubt in finding.doubts]


def corpus_notes(place: str, findings: Iterable[tuple[str, Finding]]) -> list[str]:
    """What to say of many clips.

    Args:
        place: what they are of, for the beginning of each line.
        findings: each clip's name and finding.

    Returns:
        A line for each doubt, with how many clips have it and some of their names; and one where hands lie on the wrong
        side in so many clips that all must be mirrored, though none shows it by itself.
    """
    findings = list(findings)
    lines = []
    for doubt, text in DOUBTS.items():
        names = [name for name, finding in findings if doubt in finding.doubts]
        if names:
            lines.append(f"note: {place}: {len(names)} of {len(findings)} clips: {text} ({shown(names)})")
    sides = [finding.side for _, finding in findings if finding.side and "mirrored" not in finding.doubts]
    mirrored = sides.count(-1)
    if len(sides) >= _CLIPS and mirrored >= _LEANING_SHARE * len(sides):
        lines.append(f"note: {place}: in {mirrored} of {len(sides)} clips the left hand lies right of the right hand: "
                     f"{DOUBTS['mirrored']}")  # fmt: skip
    flat = [name for name, finding in findings if finding.depth is False]
    if 0 < len(flat) < sum(finding.depth is not None for _, finding in findings):
        lines.append(f"note: {place}: {len(flat)} of {len(findings)} clips have no depth (z), which the others have "
                     f"({shown(flat)})")  # fmt: skip
    return lines


def _median(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) >= _FRAMES else None


def _distances(points: np.ndarray, wrists: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each hand in each frame the distance to its own arm's wrist and to the other one's."""
    pairs = (LEFT_HAND.start, wrists[0], wrists[1]), (RIGHT_HAND.start, wrists[1], wrists[0])
    return [(_length(points[:, hand] - own), _length(points[:, hand] - other)) for hand, own, other in pairs]


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.hypot(vectors[..., 0], vectors[..., 1])


def _exchanged(points: np.ndarray, left: np.ndarray, right: np.ndarray) -> bool:
    apart = _length(left - right) > _APART
    own = other = 0
    for to_own, to_other in _distances(points, (left, right)):
        own += int((apart & (2 * to_own < to_other)).sum())
        other += int((apart & (2 * to_other < to_own)).sum())
    return own + other >= _FRAMES and other > _EXCHANGED_SHARE * (own + other)


def _far_from_wrists(points: np.ndarray, left: np.ndarray, right: np.ndarray) -> bool:
    nearest = [np.fmin(*distances) for distances in _distances(points, (left, right))]
    distance = _median(np.concatenate(nearest))
    return distance is not None and distance > _ASTRAY


def _mirrored(points: np.ndarray, clip: Clip, scale: float, across: float | None) -> bool:
    """Whether left is where right should be, by what never crosses: elbows and lips, else hands, else shoulders."""
    elbows = _clear((points[:, LEFT_ELBOW] - points[:, RIGHT_ELBOW])[:, 0] / scale, _ELBOWS)
    lips = _clear((points[:, _LEFT_CORNER] - points[:, _RIGHT_CORNER])[:, 0] / scale, _LIPS)
    if elbows or lips:
        return elbows + lips < 0
    if across is not None and across < -_WRISTS:
        return True
    if clip.shoulders is None:
        return False
    shoulders = to_square(clip.shoulders, clip.aspect)
    return _clear((shoulders[:, 0] - shoulders[:, 1])[:, 0] / scale, _SHOULDERS) < 0


def _upside_down(points: np.ndarray, scale: float) -> bool:
    """Whether elbows lie above the lips."""
    elbows = (points[:, LEFT_ELBOW, 1] + points[:, RIGHT_ELBOW, 1]) / 2
    lips = (points[:, _LEFT_CORNER, 1] + points[:, _RIGHT_CORNER, 1]) / 2
    drop = _median((elbows - lips) / scale)
    return drop is not None and drop < -_UPSIDE_DOWN


def _clear(values: np.ndarray, least: float) -> int:
    """The sign of the median where that is far enough from 0, else 0."""
    median = _median(values)
    return 0 if median is None or abs(median) < least else 1 if median > 0 else -1
