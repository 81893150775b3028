"""Augmentation of landmark clips, as KD-MSLRT describes it and further, on the [T, 92, 3] array.

All chance is in `draw`: the change it returns can be applied to landmarks
and to the video of the same clip, so that teacher and student see one world
(but for noise and for what happens to single hands, which a video cannot show).
A point that was not found stays NaN throughout.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np

from tf_slr.core.bounds import bounded, check_bounds
from tf_slr.core.landmarks import (
    LEFT_HAND,
    LEFT_WRIST,
    MIRROR,
    RIGHT_HAND,
    RIGHT_WRIST,
    BodyFrame,
    Clip,
    body_frame,
    known_depth,
)

# How often the tempo of a warped clip is drawn anew; about two a sign.
WARP_FRAMES = 12
# The points of the pose that go where a hand goes: wrist, little finger, index finger, thumb.
_OF_HAND = 4


@dataclass(frozen=True)
class AugmentOptions:
    """How much clips are changed in training.

    Attributes:
        flip: probability of mirroring the clip.
        rotate: probability of turning it about the body's centre.
        rotate_degrees: by at most this angle to either side.
        translate: standard deviation of the body's shift, in shoulder widths.
        scale: standard deviation of the body's relative size.
        fuse: probability, for each frame, of being mixed with the one before.
        speed: the clip is played up to this share faster or slower.
        warp: standard deviation of the logarithm of the tempo within the clip, so that some signs last longer than
            others.
        stretch: standard deviation of the logarithm of the factor by which the body is wider, and lower, than it was.
        turn_hands: standard deviation of each hand's turn about its wrist, in degrees.
        move_hands: standard deviation of each hand's way, right and down, from where it was signed, in shoulder widths.
        jitter: standard deviation of noise on every coordinate, in shoulder widths.
        drop_hand: probability, for each hand, of losing it in one run of frames.
        crop: whether a video is cropped anywhere instead of at its centre; landmarks have no border.
    """

    flip: float = bounded(0.5, 0, 1)
    rotate: float = bounded(0.3, 0, 1)
    rotate_degrees: float = bounded(15.0, 0, 180)
    translate: float = bounded(0.05, 0, 10)
    scale: float = bounded(0.05, 0, 10)
    fuse: float = bounded(0.2, 0, 1)
    speed: float = bounded(0.2, 0, 1, below=True)
    warp: float = bounded(0.0, 0, 10)
    stretch: float = bounded(0.0, 0, 10)
    turn_hands: float = bounded(0.0, 0, 180)
    move_hands: float = bounded(0.0, 0, 10)
    jitter: float = bounded(0.01, 0, 10)
    drop_hand: float = bounded(0.0, 0, 1)
    crop: bool = True

    def __post_init__(self) -> None:
        check_bounds(self, "augment.")


# The recipe of a clip that is shown as it is.
NONE = AugmentOptions(
    flip=0, rotate=0, translate=0, scale=0, fuse=0, speed=0, warp=0, stretch=0, turn_hands=0, move_hands=0, jitter=0,
    drop_hand=0, crop=False,
)  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One drawn change of one clip of T frames.

    Attributes:
        positions: [T'] which frame of the clip each new frame shows (fractions lie between two).
        fusion: [T'] weight of the frame before in each new frame; 0 leaves it alone.
        flip: whether left and right are exchanged.
        angle: turn in radians, from x to y.
        shift: move in shoulder widths, x and y.
        scale: factor on the size of the body.
        stretch: factor on its width, and divisor of its height.
        turns: of the left and the right hand about their wrists, in radians, from x to y.
        ways: of the left and the right hand, in shoulder widths, x and y.
        jitter: standard deviation of the noise in shoulder widths, drawn from `noise_seed`.
        lost: for left and right hand, the first and last + 1 new frame without it.
        noise_seed: seed of the noise.
        crop: share of a video's spare width and height that is cut off at its left and top.
    """

    positions: np.ndarray
    fusion: np.ndarray
    flip: bool = False
    angle: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
    stretch: float = 1.0
    turns: tuple[float, float] = (0.0, 0.0)
    ways: tuple[tuple[float, float], tuple[float, float]] = ((0.0, 0.0), (0.0, 0.0))
    jitter: float = 0.0
    lost: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    noise_seed: int = 0
    crop: tuple[float, float] = (0.5, 0.5)

    @property
    def matrix(self) -> np.ndarray:
        """What happens to (x, y, z) about the body's centre, where x and y are in one unit: [3, 3]."""
        return _turn(self.angle) * self.scale @ np.diag([self.stretch, 1 / self.stretch, 1])


def draw(options: AugmentOptions, frames: int, rng: np.random.Generator, shortest: int = 1) -> Change:
    """Draw a change for a clip of `frames` frames that will keep at least `shortest`."""
    tempo = rng.uniform(1 - options.speed, 1 + options.speed)
    length = max(shortest, round(frames * tempo)) if options.speed else frames
    # Paper: average fusion mixes two frames evenly, weighted fusion in any other ratio.
    weights = np.where(rng.random(length) < 0.5, 0.5, rng.uniform(0.1, 0.5, length))
    fusion = np.where(rng.random(length) < options.fuse, weights, 0.0)
    fusion[0] = 0.0
    angle = np.radians(rng.uniform(-options.rotate_degrees, options.rotate_degrees))
    return Change(
        fusion=fusion,
        flip=bool(rng.random() < options.flip),
        angle=float(angle) if rng.random() < options.rotate else 0.0,
        shift=tuple(rng.normal(0, 1, 2) * options.translate),
        scale=float(np.exp(rng.normal() * options.scale)),
        jitter=options.jitter,
        lost=(_run(options, length, rng), _run(options, length, rng)),
        noise_seed=int(rng.integers(2**31)),
        crop=tuple(rng.random(2)) if options.crop else (0.5, 0.5),
        positions=_positions(frames, length, options.warp, rng),
        stretch=float(np.exp(rng.normal() * options.stretch)),
        turns=tuple(np.radians(rng.normal(0, 1, 2) * options.turn_hands)),
        ways=tuple(map(tuple, rng.normal(0, 1, (2, 2)) * options.move_hands)),
    )


def unchanged(frames: int) -> Change:
    """No change of a clip of `frames` frames."""
    return Change(np.arange(frames, dtype=float), np.zeros(frames))


def single_moments(change: Change, frames: int, count: int, rng: np.random.Generator) -> Change:
    """The same change of `count` single moments of a clip of `frames` frames, which have no neighbours to fuse with."""
    positions = np.sort(rng.integers(0, frames, count)).astype(float)
    return dataclasses.replace(change, positions=positions, fusion=np.zeros(count), lost=((0, 0), (0, 0)))


def _positions(frames: int, length: int, warp: float, rng: np.random.Generator) -> np.ndarray:
    """Which of a clip's frames each of `length` new ones shows: from the first to the last, never backwards."""
    if not warp or length < 2:
        return np.linspace(0, frames - 1, length)
    knots = max(2, 1 + round(length / WARP_FRAMES))
    tempo = np.interp(np.linspace(0, knots - 1, length - 1), np.arange(knots), rng.normal(0, warp, knots))
    passed = np.concatenate([[0.0], np.cumsum(np.exp(tempo))])
    return passed * ((frames - 1) / passed[-1])


def _run(options: AugmentOptions, length: int, rng: np.random.Generator) -> tuple[int, int]:
    start, duration = int(rng.integers(length)), int(rng.integers(1, 13))
    return (start, min(length, start + duration)) if rng.random() < options.drop_hand else (0, 0)


def apply(clip: Clip, change: Change) -> tuple[Clip, BodyFrame]:
    """Apply a change to a clip.

    Returns:
        The new clip, and the body frame to normalise it with: that of the
        unmoved body, so that shift and scale are not normalised away.
    """
    frame = body_frame(clip)
    landmarks = _in_time(known_depth(clip.landmarks), change)
    shoulders = None if clip.shoulders is None else _in_time(known_depth(clip.shoulders), change)
    if change.flip:
        landmarks, shoulders, frame = flip(landmarks, shoulders, frame, clip.aspect)
    _move_hands(landmarks, change, frame, clip.aspect)
    landmarks = _in_space(landmarks, change, frame, clip.aspect)
    if shoulders is not None:
        shoulders = _in_space(shoulders, change, frame, clip.aspect)
    if change.jitter:
        noise = np.random.default_rng(change.noise_seed).standard_normal(landmarks.shape, np.float32)
        landmarks += noise * (change.jitter * frame.scale) / np.array([clip.aspect, 1, clip.aspect], np.float32)
    for hand, (start, stop) in zip((LEFT_HAND, RIGHT_HAND), change.lost, strict=True):
        landmarks[start:stop, hand] = np.nan
    return Clip(landmarks, shoulders, clip.aspect), frame


def _in_time(points: np.ndarray, change: Change) -> np.ndarray:
    """Resample to the nearest frames and fuse neighbours: [T, P, 3] -> float32 [T', P, 3].

    Nearest, not interpolated, because video frames have no in-between and both must show one moment.
    """
    points = points.astype(np.float32)[np.round(change.positions).astype(int)]
    weight = change.fusion[:, None, None].astype(np.float32)
    before = np.concatenate([points[:1], points[:-1]])
    before = np.where(np.isnan(before), points, before)
    return points * (1 - weight) + before * weight


def flip(
    landmarks: np.ndarray, shoulders: np.ndarray | None, frame: BodyFrame, aspect: float
) -> tuple[np.ndarray, np.ndarray | None, BodyFrame]:
    """The mirrored clip: x is reversed, and every left point becomes the right one."""
    reverse, offset = np.array([-1, 1, 1], np.float32), np.array([1, 0, 0], np.float32)
    landmarks = landmarks[:, MIRROR] * reverse + offset
    shoulders = None if shoulders is None else shoulders[:, ::-1] * reverse + offset
    return landmarks, shoulders, BodyFrame((aspect - frame.origin[0], frame.origin[1]), frame.scale)


def _in_space(points: np.ndarray, change: Change, frame: BodyFrame, aspect: float) -> np.ndarray:
    """Stretch, turn, scale and shift about the body's centre, in units in which x and y are alike."""
    unit = _unit(aspect)
    centre = np.array([*frame.origin, 0], np.float32)
    shift = np.array([*change.shift, 0], np.float32) * frame.scale
    return ((points * unit - centre) @ change.matrix.astype(np.float32).T + centre + shift) / unit


def _move_hands(points: np.ndarray, change: Change, frame: BodyFrame, aspect: float) -> None:
    """Turn each hand about its wrist and move it, the pose's points of it along, in place."""
    unit = _unit(aspect)
    sides = (LEFT_HAND, LEFT_WRIST), (RIGHT_HAND, RIGHT_WRIST)
    for (hand, wrist), turn, way in zip(sides, change.turns, change.ways, strict=True):
        if turn:
            root = points[:, hand.start : hand.start + 1]
            points[:, hand] = (points[:, hand] - root) * unit @ _turn(turn).astype(np.float32).T / unit + root
        if any(way):
            step = np.array([*way, 0], np.float32) * frame.scale / unit
            points[:, hand] += step
            points[:, wrist : wrist + _OF_HAND] += step


def _turn(angle: float) -> np.ndarray:
    """The rotation from x to y, [3, 3]."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])


def _unit(aspect: float) -> np.ndarray:
    """Factors on (x / width, y / height, z) that bring them to one unit, the picture's height."""
    return np.array([aspect, 1, aspect], np.float32)
