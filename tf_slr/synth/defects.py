"""What a tracker does to a performance: noise, dead depths, and hands that vanish.

The numbers follow measurements of MediaPipe Holistic 0.10.21 on real clips:
hands missing in 12 to 48 % of the frames, in short runs, where they move fast,
meet, or leave the picture; pose points there in nearly every frame, also
outside the picture; wrist depth always about 0; pose depth between -3.2 and
-0.1 and several times noisier than x and y.
"""

from dataclasses import dataclass

import numpy as np

from tf_slr.core.landmarks import LEFT_HAND, LIPS, POSE, RIGHT_HAND, Clip

HANDS = (LEFT_HAND, RIGHT_HAND)

# Standard deviations of the noise at jitter 1, in units of the picture's height.
POSE_NOISE, LIPS_NOISE, HAND_NOISE, HAND_DRIFT = 0.0030, 0.0010, 0.0020, 0.0030
POSE_DEPTH_NOISE = 6.0  # times POSE_NOISE
HAND_DEPTH_NOISE = 2.0  # times HAND_NOISE
WRIST_DEPTH = 1e-6

# A hand's chance to vanish: a smooth random score plus these, for a hand at the
# clip's highest speed and for hands that touch.
SPEED_RISK, TOUCH_RISK = 2.0, 1.0
TOUCH = 0.10  # distance of touching hands, in picture heights

SWAPS_A_FRAME = 0.002
LIPS_LOST_A_CLIP, PERSON_LOST_A_CLIP = 0.06, 0.02


@dataclass(frozen=True)
class Defects:
    """Strength of the tracker's faults.

    Attributes:
        jitter: factor on all noise.
        hand_loss: usual share of a clip's hands that are missing; a clip
            draws its own from 0.4 to 1.6 times that.
    """

    jitter: float = 1.0
    hand_loss: float = 0.3


def track(clean: Clip, defects: Defects, rng: np.random.Generator) -> Clip:
    """Landmarks as a tracker would give them, from those of a perfect one.

    Args:
        clean: from `Performance.clip`.
        defects: how bad the tracker is.
        rng: source of chance.

    Returns:
        float32 landmarks [T, 92, 3] and shoulders [T, 2, 3], NaN where not found.
    """
    points = clean.landmarks.copy()
    share = defects.hand_loss * rng.uniform(0.4, 1.6)
    lost = [_lost_hand(clean, side, share, rng) for side in (0, 1)]
    shoulders = clean.shoulders.copy()
    _add_noise(points, shoulders, clean.aspect, defects.jitter, rng)
    for hand, missing in zip(HANDS, lost, strict=True):
        points[missing, hand] = np.nan
    if defects.hand_loss:
        _swap_hands(points, rng)
        _lose_run(points[:, LIPS], LIPS_LOST_A_CLIP, 8, rng)
        both = np.concatenate([points, shoulders], axis=1)
        _lose_run(both, PERSON_LOST_A_CLIP, 3, rng)
        points, shoulders = both[:, :-2], both[:, -2:]
    return Clip(points.astype(np.float32), shoulders.astype(np.float32), clean.aspect)


def _persistent(rng: np.random.Generator, shape: tuple[int, ...], memory: float) -> np.ndarray:
    """Unit-variance noise along the first axis, each value remembering the one before."""
    noise = rng.normal(size=shape)
    fresh = np.sqrt(1 - memory**2)
    for frame in range(1, len(noise)):
        noise[frame] = memory * noise[frame - 1] + fresh * noise[frame]
    return noise


def _add_noise(points: np.ndarray, shoulders: np.ndarray, aspect: float, jitter: float, rng: np.random.Generator):
    """Add jitter and spoil the depths, in place."""
    frames = len(points)
    square = np.array([1 / aspect, 1.0, 1 / aspect])  # picture heights -> x / width, y / height
    spread = np.empty((points.shape[1], 3))
    spread[POSE] = POSE_NOISE * np.array([1, 1, POSE_DEPTH_NOISE])
    spread[LIPS] = LIPS_NOISE
    for hand in HANDS:
        spread[hand] = HAND_NOISE * np.array([1, 1, HAND_DEPTH_NOISE])
    points += jitter * spread * square * _persistent(rng, points.shape, 0.5)
    shoulders += jitter * 0.6 * POSE_NOISE * square * _persistent(rng, shoulders.shape, 0.7)
    # Points of one part err together, too: the face's and each hand's frame drifts.
    for part, strength in ((LIPS, LIPS_NOISE), (LEFT_HAND, HAND_DRIFT), (RIGHT_HAND, HAND_DRIFT)):
        points[:, part, :2] += (jitter * strength * square[:2] * _persistent(rng, (frames, 2), 0.7))[:, None]
    # The pose model measures depth from the hips, coarsely, and wanders.
    gain, offset = rng.uniform(1.2, 2.0), rng.uniform(0.6, 1.1)
    wander = 0.08 * jitter * _persistent(rng, (frames, 1), 0.95)
    points[:, POSE, 2] = np.clip(gain * points[:, POSE, 2] - offset + wander, -3.2, -0.1)
    shoulders[..., 2] = np.clip(gain * shoulders[..., 2] - 0.4 * offset + wander, -3.2, -0.1)
    for hand in HANDS:
        points[:, hand.start, 2] = WRIST_DEPTH * rng.normal(size=frames)


def _lost_hand(clean: Clip, side: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """Frames [T] in which a hand (0 left, 1 right) is not found: `share` of them, and all outside the picture."""
    square = np.array([clean.aspect, 1.0])
    middle, other = (clean.landmarks[:, HANDS[i].start + 9, :2] for i in (side, 1 - side))
    outside = ((middle < 0.0) | (middle > 1.0)).any(axis=1)
    if share <= 0:
        return outside
    speed = np.linalg.norm(np.gradient(middle * square, axis=0), axis=1)
    score = _persistent(rng, (len(middle),), 0.6)
    score += SPEED_RISK * np.sqrt(speed / max(speed.max(), 1e-9))
    score += TOUCH_RISK * (np.linalg.norm((middle - other) * square, axis=1) < TOUCH)
    return outside | (score > np.quantile(score, 1 - min(share, 1.0)))


def _swap_hands(points: np.ndarray, rng: np.random.Generator) -> None:
    """Call the left hand right for a frame or two, now and then, in place."""
    begins = rng.random(len(points)) < SWAPS_A_FRAME
    swapped = begins | np.concatenate([[False], begins[:-1] & (rng.random(len(points) - 1) < 0.5)])
    left, right = points[swapped, LEFT_HAND], points[swapped, RIGHT_HAND]
    points[swapped, LEFT_HAND], points[swapped, RIGHT_HAND] = right, left


def _lose_run(points: np.ndarray, chance: float, longest: int, rng: np.random.Generator) -> None:
    """With some chance lose all points for one run of frames, in place; the first frame is spared."""
    begin, length = int(rng.integers(1, max(len(points), 2))), int(rng.integers(1, longest + 1))
    if rng.random() < chance:
        points[begin : begin + length] = np.nan


def missing_share(landmarks: np.ndarray) -> float:
    """Share of hand frames without a hand."""
    return float(np.isnan(landmarks[:, [hand.start for hand in HANDS], 0]).mean())
