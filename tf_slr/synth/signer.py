"""The signer's body in three dimensions, and the camera before it.

Lengths are metres. The world is (x to the picture's right, y down, z away
from the camera), its origin between the shoulders; a signer faces the camera,
so that the left hand has the larger x. Side coordinates (out, down, away) are
the same for either arm, x being mirrored for the right one. Arrays with a
sides axis hold the left side first, as the landmarks do.
"""

from dataclasses import dataclass, field

import numpy as np

from tf_slr.core.landmarks import Clip

SIDES = np.array([1.0, -1.0])  # the factor on x: left, right
ANGLES = 12  # of a hand: four fingers x (knuckle, middle joint), spread, thumb x (aside, across, bend)

# Measures of a hand whose wrist-to-middle-tip length is 1, along (ulnar, fingers, palm).
_KNUCKLES = np.array([(-0.15, 0.50, 0), (-0.03, 0.52, 0), (0.08, 0.49, 0), (0.17, 0.44, 0)])
_PHALANGES = np.array([(0.22, 0.14, 0.10), (0.24, 0.15, 0.10), (0.22, 0.14, 0.10), (0.17, 0.11, 0.09)])
_FAN = np.array([-0.22, -0.04, 0.13, 0.33])
_THUMB_ROOT = np.array([-0.11, 0.10, 0.04])
_THUMB_BONES = (0.20, 0.16, 0.13)
_THUMB_BEND = np.array([0.80, 0.35, 0.45])
_PALM = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True)
class Signer:
    """One person: body, habits and usual picture.

    Attributes:
        name: as it stands in the corpus.
        shoulder, upper_arm, forearm, hand, head: half shoulder width, lengths, and head height.
        tempo: factor on the speed.
        amplitude: factor on movements.
        hold: usual rest at a sign's end in seconds.
        offset: of the signing space, in side coordinates.
        left_handed: whether the left hand is dominant.
        aspect: width / height of the picture.
        zoom: picture heights a metre.
        centre: of the shoulders in the picture (x / width, y / height).
        turn: yaw, pitch and roll of the camera in radians.
        skin, hair, long_hair, glasses: looks; colours are RGB.
    """

    name: str
    shoulder: float
    upper_arm: float
    forearm: float
    hand: float
    head: float
    tempo: float
    amplitude: float
    hold: float
    offset: tuple[float, float, float]
    left_handed: bool
    aspect: float
    zoom: float
    centre: tuple[float, float]
    turn: tuple[float, float, float]
    skin: tuple[int, int, int]
    hair: tuple[int, int, int]
    long_hair: bool
    glasses: bool


SIGNERS = (
    Signer("signer1", 0.180, 0.285, 0.250, 0.180, 0.250, 1.00, 1.00, 0.07, (0, 0, 0), False,
           210 / 260, 0.98, (0.50, 0.43), (0.00, 0.02, 0.00), (226, 178, 150), (84, 56, 40), True, False),
    Signer("signer2", 0.200, 0.310, 0.270, 0.195, 0.260, 1.15, 1.15, 0.04, (0.02, 0.02, -0.02), False,
           1.0, 0.90, (0.48, 0.44), (0.10, 0.00, 0.02), (150, 104, 76), (28, 24, 24), False, True),
    Signer("signer3", 0.165, 0.265, 0.235, 0.168, 0.240, 0.92, 0.90, 0.11, (-0.01, -0.02, 0.01), True,
           4 / 3, 1.02, (0.52, 0.43), (-0.08, 0.04, -0.02), (240, 200, 176), (176, 124, 70), True, False),
    Signer("signer4", 0.190, 0.295, 0.262, 0.188, 0.255, 1.06, 1.06, 0.05, (0.02, -0.01, -0.01), False,
           4 / 3, 0.94, (0.50, 0.44), (0.05, 0.05, 0.01), (196, 142, 108), (52, 40, 36), False, False),
)  # fmt: skip


@dataclass(frozen=True)
class Camera:
    """A pinhole camera; see `Signer` for the fields it shares with one."""

    aspect: float
    zoom: float
    centre: tuple[float, float]
    turn: tuple[float, float, float]
    distance: float = 2.2

    def project(self, points: np.ndarray) -> np.ndarray:
        """World [..., 3] -> x / width, y / height, and depth in the scale of x (0 between the shoulders)."""
        turned = points @ rotation(np.array(self.turn)).T
        near = self.zoom * self.distance / (self.distance + turned[..., 2])
        return np.stack(
            [
                self.centre[0] + turned[..., 0] * near / self.aspect,
                self.centre[1] + turned[..., 1] * near,
                turned[..., 2] * self.zoom / self.aspect,
            ],
            axis=-1,
        )


@dataclass(frozen=True)
class Performance:
    """Somebody signs a sentence: everything a tracker or a painter could see.

    Attributes:
        signer: who.
        camera: before them.
        look: seed of clothing and background.
        shoulders, elbows: [T, 2, 3] world, left first.
        hands: [T, 2, 21, 3] world, left first, MediaPipe's order of points.
        lips: [T, 40, 3] world, in the order of `landmarks.LIPS_INDICES`.
        head: [T, 3] world, the middle of the head.
        head_turn: [T, 3, 3] rotation of the head.
        spans: first and last frame (exclusive) of each gloss.
        mouth: [T, 4] open, wide, round, press.
    """

    signer: Signer
    camera: Camera
    look: int
    shoulders: np.ndarray
    elbows: np.ndarray
    hands: np.ndarray
    lips: np.ndarray
    head: np.ndarray
    head_turn: np.ndarray
    mouth: np.ndarray
    spans: tuple[tuple[int, int], ...] = field(default=())

    def clip(self) -> Clip:
        """The landmarks of a perfect tracker, in MediaPipe's conventions: float64 [T, 92, 3].

        A hand's depth is relative to its wrist, the lips' to the head's middle,
        the pose's to the shoulders.
        """
        arms = [self.elbows[:, :, None], self.hands[:, :, [0, 17, 5, 3]]]  # elbow; wrist, little, index, thumb
        arms = self.camera.project(np.concatenate(arms, axis=2).reshape(len(self.hands), 10, 3))
        hands = self.camera.project(self.hands)
        hands[..., 2] -= hands[:, :, :1, 2]
        lips = self.camera.project(self.lips)
        lips[..., 2] -= self.camera.project(self.head)[:, None, 2]
        landmarks = np.concatenate([arms, lips, hands[:, 0], hands[:, 1]], axis=1)
        return Clip(landmarks, self.camera.project(self.shoulders), self.camera.aspect)


def rotation(angles: np.ndarray) -> np.ndarray:
    """Angles (yaw, pitch, roll) [..., 3] -> rotation matrices [..., 3, 3]."""
    (cy, cp, cr), (sy, sp, sr) = np.moveaxis(np.cos(angles), -1, 0), np.moveaxis(np.sin(angles), -1, 0)
    one, nil = np.ones_like(cy), np.zeros_like(cy)
    yaw = _matrix([cy, nil, sy, nil, one, nil, -sy, nil, cy])
    pitch = _matrix([one, nil, nil, nil, cp, -sp, nil, sp, cp])
    roll = _matrix([cr, -sr, nil, sr, cr, nil, nil, nil, one])
    return roll @ pitch @ yaw


def _matrix(entries: list[np.ndarray]) -> np.ndarray:
    return np.stack(entries, axis=-1).reshape(*entries[0].shape, 3, 3)


def hand_points(angles: np.ndarray) -> np.ndarray:
    """Finger angles [..., 12] -> 21 points [..., 21, 3] along (ulnar, fingers, palm), wrist at 0, length 1."""
    curl = angles[..., :8].reshape(*angles.shape[:-1], 4, 2)
    fan = angles[..., 8:9] * _FAN
    ahead = np.stack([np.sin(fan), np.cos(fan), np.zeros_like(fan)], axis=-1)
    # The last joint follows the middle one, as it does in a hand.
    bend = np.cumsum(np.concatenate([curl, 0.6 * curl[..., 1:]], axis=-1), axis=-1)
    bones = np.cos(bend)[..., None] * ahead[..., None, :] + np.sin(bend)[..., None] * _PALM
    knuckles = np.broadcast_to(_KNUCKLES, ahead.shape)[..., None, :]
    fingers = np.concatenate([knuckles, knuckles + np.cumsum(bones * _PHALANGES[..., None], axis=-2)], axis=-2)
    flat = (*angles.shape[:-1], -1, 3)
    wrist = np.zeros_like(fingers[..., :1, 0, :])
    return np.concatenate([wrist, _thumb(angles[..., 9:]), fingers.reshape(flat)], axis=-2)


def _thumb(angles: np.ndarray) -> np.ndarray:
    """(aside, across, bend) [..., 3] -> root, knuckle, joint and tip [..., 4, 3]."""
    aside, across, bend = np.moveaxis(angles, -1, 0)
    first = np.stack([-np.sin(aside) * np.cos(across), np.cos(aside), np.sin(aside) * np.sin(across)], axis=-1)
    inward = _unit(_THUMB_BEND - (first @ _THUMB_BEND)[..., None] * first)
    points = [np.broadcast_to(_THUMB_ROOT, first.shape)]
    for joint, length in enumerate(_THUMB_BONES):
        turn = (joint * bend)[..., None]
        points.append(points[-1] + length * (np.cos(turn) * first + np.sin(turn) * inward))
    return np.stack(points, axis=-2)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def reach(shoulder: np.ndarray, wrist: np.ndarray, upper: float, fore: float) -> tuple[np.ndarray, np.ndarray]:
    """Inverse kinematics of an arm, in side coordinates: where the elbow is, and how far the wrist gets.

    Args:
        shoulder: [..., 3].
        wrist: [..., 3]; one out of reach is drawn in.
        upper: length of the upper arm.
        fore: length of the forearm.

    Returns:
        elbow, wrist: [..., 3]. The elbow hangs down, a little out and back.
    """
    towards = wrist - shoulder
    wanted = np.linalg.norm(towards, axis=-1, keepdims=True)
    axis = towards / np.maximum(wanted, 1e-9)
    distance = np.clip(wanted, abs(upper - fore) + 0.05, 0.985 * (upper + fore))
    along = (upper**2 - fore**2 + distance**2) / (2 * distance)
    pole = np.array([0.45, 1.0, 0.35])
    aside = _unit(pole - (axis @ pole)[..., None] * axis)
    elbow = shoulder + along * axis + np.sqrt(np.maximum(upper**2 - along**2, 0)) * aside
    return elbow, shoulder + distance * axis


# Places on the lips, right corner to left: 11 + 9 on the outer edge, 10 + 10 on the inner.
_OUTER_UP, _OUTER_LOW = np.arange(11) / 10, np.arange(1, 10) / 10
_INNER_UP, _INNER_LOW = np.arange(10) / 10, np.arange(1, 11) / 10


def lip_points(mouth: np.ndarray, head: float) -> np.ndarray:
    """Mouth shape [..., 4] (open, wide, round, press) -> lips [..., 40, 3] around the mouth's middle.

    Args:
        mouth: see `lexicon.VISEMES`.
        head: height of the head, which sets the size.
    """
    opening, wide, pout, press = (column[..., None] for column in np.moveaxis(mouth, -1, 0))
    half = head * (0.105 + 0.030 * wide - 0.045 * pout)
    up_gap, low_gap = head * 0.022 * opening, head * 0.105 * opening
    lip = head * (0.036 + 0.012 * pout - 0.024 * press - 0.008 * wide)
    rows = []
    for place, gap, thick, inset in (
        (_OUTER_UP, up_gap, lip, 1.0), (_OUTER_LOW, -low_gap, -1.25 * lip, 1.0),
        (_INNER_UP, up_gap, 0.04 * lip, 0.86), (_INNER_LOW, -low_gap, -0.04 * lip, 0.86),
    ):  # fmt: skip
        side = -np.cos(np.pi * place) * half * inset
        bulge = np.sin(np.pi * place) ** 0.8
        depth = 0.03 * head * (1 - bulge) - 0.04 * head * pout * bulge
        rows.append(np.stack([side, -bulge * (gap + thick), depth], axis=-1))
    return np.concatenate(rows, axis=-2)
