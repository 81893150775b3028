"""From glosses to movement: signs in time, the ways between them, and a person's freedom.

A state of the body is one row of numbers: for each hand the place of its
middle (side coordinates), its orientation (a quaternion) and its finger
angles, and the mouth. A sign is a stretch of such rows; between signs the
body moves on the smoothest way (minimum jerk) from the last row to the next.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from tf_slr.synth import signer as body
from tf_slr.synth.lexicon import DIRECTIONS, LOCATIONS, MOVEMENTS, SHAPES, SIGN_OF, VISEMES, Movement, Sign
from tf_slr.synth.signer import ANGLES, SIDES, SIGNERS, Camera, Performance, Signer

FPS = 25.0

# Columns of one hand's state; the row is dominant hand, other hand, mouth.
PLACE, TURN, FINGERS = slice(0, 3), slice(3, 7), slice(7, 7 + ANGLES)
HAND_STATE = 7 + ANGLES
MOUTH = slice(2 * HAND_STATE, 2 * HAND_STATE + 4)
STATE = 2 * HAND_STATE + 4

# At variation 1: metres, radians, and shares.
PLACE_NOISE, TURN_NOISE, FINGER_NOISE = 0.060, 0.36, 0.27
SPEED_SPREAD, SIZE_SPREAD, MOUTH_DROP, HAND_DROP = 0.22, 0.30, 0.20, 0.08


@cache
def orientation(fingers: str, palm: str) -> np.ndarray:
    """Named directions -> the quaternion (w, x, y, z) that turns (ulnar, fingers, palm) to (out, down, away)."""
    along = np.array(DIRECTIONS[fingers], float)
    along /= np.linalg.norm(along)
    normal = np.array(DIRECTIONS[palm], float)
    normal -= (normal @ along) * along
    normal /= np.linalg.norm(normal)
    matrix = np.stack([np.cross(along, normal), along, normal], axis=1)
    # The largest eigenvector of this matrix is the quaternion, whatever the rotation (Bar-Itzhack).
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = matrix
    bar = [[xx + yy + zz, zy - yz, xz - zx, yx - xy], [zy - yz, xx - yy - zz, yx + xy, zx + xz],
           [xz - zx, yx + xy, yy - xx - zz, zy + yz], [yx - xy, zx + xz, zy + yz, zz - xx - yy]]  # fmt: skip
    quaternion = np.linalg.eigh(np.array(bar))[1][:, -1]
    return quaternion * np.sign(quaternion[np.argmax(np.abs(quaternion))])


def multiply(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Product of quaternions [..., 4]."""
    a, b, c, d = np.moveaxis(first, -1, 0)
    w, x, y, z = np.moveaxis(second, -1, 0)
    return np.stack(
        [a * w - b * x - c * y - d * z, a * x + b * w + c * z - d * y,
         a * y - b * z + c * w + d * x, a * z + b * y - c * x + d * w], axis=-1)  # fmt: skip


def matrices(quaternions: np.ndarray) -> np.ndarray:
    """Quaternions [..., 4] of any length -> rotation matrices [..., 3, 3]."""
    w, x, y, z = np.moveaxis(quaternions / np.linalg.norm(quaternions, axis=-1, keepdims=True), -1, 0)
    rows = [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
            2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
            2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]  # fmt: skip
    return np.stack(rows, axis=-1).reshape(*w.shape, 3, 3)


def smooth_step(phase: np.ndarray) -> np.ndarray:
    """Minimum-jerk progress from 0 to 1."""
    return phase**3 * (10 - 15 * phase + 6 * phase**2)


def _move(movement: Movement, phase: np.ndarray, state: np.ndarray, size: float, reverse: bool) -> None:
    """Add a movement to the states [n, HAND_STATE] of one hand, in place; `reverse` is the opposite phase."""
    sense = -1.0 if reverse else 1.0
    progress = smooth_step(phase)
    beat = np.sin(2 * np.pi * movement.beats * phase)
    way = (progress - 0.5)[:, None] * movement.stroke * sense + np.sin(np.pi * progress)[:, None] * movement.bow
    way = way + beat[:, None] * movement.beat * sense
    if movement.circle:
        angle = 2 * np.pi * movement.beats * phase + (np.pi if reverse else 0)
        way[:, 0] += movement.circle * np.cos(angle)
        way[:, 2 if movement.flat else 1] += movement.circle * np.sin(angle)
    state[:, PLACE] += size * way
    if movement.twist:
        half = movement.twist * size * sense * beat / 2
        turn = np.stack([np.cos(half), 0 * half, np.sin(half), 0 * half], axis=-1)  # about the fingers' direction
        state[:, TURN] = multiply(state[:, TURN], turn)
    if movement.wiggle:
        play = np.sin(2 * np.pi * movement.beats * phase[:, None] + np.arange(4) * 1.7)
        state[:, FINGERS][:, 0:8:2] += movement.wiggle * (0.7 + 0.5 * play)


def _hand(sign: Sign, phase: np.ndarray, size: float, reverse: bool) -> np.ndarray:
    """States [n, HAND_STATE] of a hand that carries the sign."""
    state = np.empty((len(phase), HAND_STATE))
    state[:, PLACE] = LOCATIONS[sign.location]
    state[:, TURN] = orientation(sign.fingers, sign.palm)
    change = smooth_step(np.clip((phase - 0.15) / 0.6, 0, 1))[:, None]
    state[:, FINGERS] = (1 - change) * SHAPES[sign.shapes[0]] + change * SHAPES[sign.shapes[1]]
    _move(MOVEMENTS[sign.movement], phase, state, size, reverse)
    return state


def _base(shape: str, location: str) -> np.ndarray:
    """The state of a hand that lies still below the other."""
    state = np.empty(HAND_STATE)
    out, down, away = LOCATIONS[location]
    state[PLACE] = (0.04 - out / 2, down + 0.07, away + 0.05)
    state[TURN] = orientation("infront", "up")
    state[FINGERS] = SHAPES[shape]
    return state


def resting(drop: float = 0.0) -> np.ndarray:
    """The state [STATE] of a body at rest, its hands `drop` metres lower than usual."""
    hand = np.empty(HAND_STATE)
    hand[PLACE] = np.add(LOCATIONS["rest"], (0, drop, 0))
    hand[TURN] = orientation("downin", "self")
    hand[FINGERS] = SHAPES["REST"]
    return np.concatenate([hand, hand, VISEMES["-"]])


def sign_states(sign: Sign, idle: np.ndarray, phase: np.ndarray, size: float = 1.0) -> np.ndarray:
    """A sign without any personal freedom.

    Args:
        sign: from the lexicon.
        idle: [HAND_STATE], where the other hand is when it has nothing to do.
        phase: [n], rising from 0 to 1.
        size: factor on the movement.

    Returns:
        [n, STATE].
    """
    states = np.empty((len(phase), STATE))
    states[:, :HAND_STATE] = _hand(sign, phase, size, reverse=False)
    other = states[:, HAND_STATE : 2 * HAND_STATE]
    if sign.hands in ("same", "alternate"):
        other[:] = _hand(sign, phase, size, reverse=sign.hands == "alternate")
    else:
        other[:] = idle if sign.hands == "one" else _base(sign.hands, sign.location)
    visemes = np.array([VISEMES[letter] for letter in sign.mouth])
    states[:, MOUTH] = visemes[np.minimum((phase * len(visemes)).astype(int), len(visemes) - 1)]
    return states


def _freely(sign: Sign, signer: Signer, idle: np.ndarray, variation: float, rng: np.random.Generator) -> np.ndarray:
    """One token of a sign: [n, STATE], as this person signs it this time."""
    pace = signer.tempo * np.exp(variation * SPEED_SPREAD * rng.normal())
    moving = max(round(FPS * MOVEMENTS[sign.movement].seconds / pace), 6)
    holding = round(FPS * signer.hold * rng.gamma(2.0, 0.5))
    phase = np.concatenate([np.linspace(0, 1, moving), np.ones(holding)])
    size = signer.amplitude * np.exp(variation * SIZE_SPREAD * rng.normal())
    if sign.hands != "one" and rng.random() < variation * HAND_DROP:
        sign = replace(sign, hands="one")
    states = sign_states(sign, idle, phase, size)
    # A third of the variance is a person's accent, the same in every token of the gloss.
    own = np.random.default_rng([*signer.name.encode(), 0, *sign.gloss.encode()])
    drawn = variation * (0.6 * own.normal(size=6 + ANGLES) + 0.8 * rng.normal(size=6 + ANGLES))
    shift = np.array(signer.offset) + PLACE_NOISE * drawn[:3]
    hands = 1 if sign.hands == "one" else 2  # an idle hand has no accent
    for start in range(0, hands * HAND_STATE, HAND_STATE):
        # The other hand follows, but for a little noise of its own.
        each = drawn + 0.3 * variation * rng.normal(size=len(drawn))
        hand = states[:, start : start + HAND_STATE]
        hand[:, PLACE] += shift + PLACE_NOISE * (each - drawn)[:3]
        tilt = TURN_NOISE * each[3:6] / 2
        hand[:, TURN] = multiply(hand[:, TURN], np.array([1.0, *tilt]) / np.sqrt(1 + tilt @ tilt))
        hand[:, FINGERS] += FINGER_NOISE * each[6:]
    spoken = 0.0 if rng.random() < variation * MOUTH_DROP else np.exp(variation * 0.25 * rng.normal())
    states[:, MOUTH] *= spoken
    return states


def _between(last: np.ndarray, following: np.ndarray, pace: float, rng: np.random.Generator) -> np.ndarray:
    """The way from one state to the next, ends excluded: 0.15 to 0.3 s by distance, at pace 1."""
    ways = [following[start:][PLACE] - last[start:][PLACE] for start in (0, HAND_STATE)]
    seconds = np.clip(0.12 + 0.35 * max(np.linalg.norm(way) for way in ways), 0.15, 0.30) * rng.uniform(0.85, 1.15)
    frames = max(round(FPS * seconds / pace), 3)
    phase = np.arange(1, frames + 1)[:, None] / (frames + 1)
    progress = smooth_step(phase)
    last = last.copy()
    for start in (0, HAND_STATE):  # of the two quaternions of a rotation, the nearer
        if last[start:][TURN] @ following[start:][TURN] < 0:
            last[start:][TURN] *= -1
    states = (1 - progress) * last + progress * following
    bow = rng.normal(size=3) * 0.04
    for start, way in zip((0, HAND_STATE), ways, strict=True):
        states[:, start : start + 3] += np.sin(np.pi * phase) * bow * min(np.linalg.norm(way) / 0.2, 1)
    return states


def _noise(rng: np.random.Generator, frames: int, width: int, amplitude: float, frames_apart: int = 12) -> np.ndarray:
    """A slow random path [frames, width]: normal values every `frames_apart` frames, joined smoothly."""
    knots = amplitude * rng.normal(size=(frames // frames_apart + 2, width))
    place, within = np.divmod(np.arange(frames), frames_apart)
    progress = smooth_step(within / frames_apart)[:, None]
    return (1 - progress) * knots[place] + progress * knots[place + 1]


def _blur(states: np.ndarray) -> np.ndarray:
    """Take the corners off the path in time; quaternions are first brought to one hemisphere."""
    for start in (0, HAND_STATE):
        turns = states[:, start : start + HAND_STATE][:, TURN]
        turns /= np.linalg.norm(turns, axis=1, keepdims=True)
        agree = np.where((turns[1:] * turns[:-1]).sum(1) < 0, -1.0, 1.0)
        turns[1:] *= np.cumprod(agree)[:, None]
    padded = np.concatenate([states[:1], states[:1], states, states[-1:], states[-1:]])
    weights = (0.06, 0.24, 0.40, 0.24, 0.06)
    return sum(weight * padded[shift : shift + len(states)] for shift, weight in enumerate(weights))


def sentence_states(
    glosses: Sequence[str], signer: Signer, variation: float, rng: np.random.Generator
) -> tuple[np.ndarray, tuple[tuple[int, int], ...]]:
    """Sign a sentence from rest to rest: states [T, STATE], and the frames of each gloss."""
    rest = resting(rng.uniform(0, 0.05))
    # The idle hand hangs, or waits before the belly.
    idle = rest[HAND_STATE : 2 * HAND_STATE].copy()
    idle[PLACE] -= (0, rng.choice([0.0, 0.12]), 0.03)
    parts = [np.repeat(rest[None], rng.integers(2, 7), axis=0)]
    spans = []
    for gloss in glosses:
        states = _freely(SIGN_OF[gloss], signer, idle, variation, rng)
        parts.append(_between(parts[-1][-1], states[0], signer.tempo, rng))
        begin = sum(map(len, parts))
        spans.append((begin, begin + len(states)))
        parts.append(states)
    parts.append(_between(parts[-1][-1], rest, 0.6 * signer.tempo, rng))
    parts.append(np.repeat(rest[None], rng.integers(2, 7), axis=0))
    return _blur(np.concatenate(parts)), tuple(spans)


def perform(glosses: Sequence[str], signer: Signer, variation: float, rng: np.random.Generator) -> Performance:
    """Let a person sign a sentence before a camera.

    Args:
        glosses: the sentence.
        signer: the person.
        variation: strength of everything that differs between persons and
            tokens; 0 gives each token its dictionary form.
        rng: what the sentence's freedom is drawn from.
    """
    states, spans = sentence_states(glosses, signer, variation, rng)
    frames = len(states)
    # A camera is set up to see the signer, however freely one signs.
    shift = min(variation, 1.0) * np.clip(rng.normal(size=5), -1.5, 1.5)
    camera = Camera(
        signer.aspect,
        signer.zoom * float(np.exp(0.04 * shift[0])),
        (signer.centre[0] + 0.02 * shift[1], signer.centre[1] + 0.015 * shift[2]),
        (signer.turn[0] + 0.05 * shift[3], signer.turn[1] + 0.02 * shift[4], signer.turn[2]),
    )
    sway = _noise(rng, frames, 3, 0.006 * variation)
    head_turn = body.rotation(_noise(rng, frames, 3, 0.06 * variation))
    head = sway * 1.5 + np.array([0, -0.11 - 0.46 * signer.head, -0.02])
    mouth = np.clip(states[:, MOUTH], 0, 1.6)
    lips = body.lip_points(mouth, signer.head) + signer.head * np.array([0, 0.28, -0.40])
    shoulders, elbows, hands = _arms(states, signer)
    to_world = np.stack([SIDES, np.ones(2), np.ones(2)], axis=-1)
    return Performance(
        signer=signer,
        camera=camera,
        look=int(rng.integers(2**31)),
        shoulders=shoulders * to_world + sway[:, None],
        elbows=elbows * to_world + sway[:, None],
        hands=hands * to_world[:, None] + sway[:, None, None],
        lips=head[:, None] + lips @ np.swapaxes(head_turn, 1, 2),
        head=head,
        head_turn=head_turn,
        mouth=mouth,
        spans=spans,
    )


def _arms(states: np.ndarray, signer: Signer) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """States -> shoulders, elbows [T, 2, 3] and hands [T, 2, 21, 3] in side coordinates, left first."""
    order = [0, 1] if signer.left_handed else [1, 0]
    sides = np.stack([states[:, i * HAND_STATE : (i + 1) * HAND_STATE] for i in order], axis=1)
    turns = matrices(sides[..., TURN])
    local = signer.hand * body.hand_points(sides[..., FINGERS])
    # Locations are made for the first signer's arms.
    scale = (signer.upper_arm + signer.forearm) / (SIGNERS[0].upper_arm + SIGNERS[0].forearm)
    wrist = scale * sides[..., PLACE] - 0.5 * signer.hand * turns[..., 1]
    shoulder = np.broadcast_to([signer.shoulder, 0.0, 0.0], wrist.shape)
    elbow, wrist = body.reach(shoulder, wrist, signer.upper_arm, signer.forearm)
    return shoulder, elbow, wrist[..., None, :] + local @ np.swapaxes(turns, -1, -2)
