"""What of a picture a network that reads video is shown: all of it, a close-up of the signer, or that and details.

Every step here is an affine map of column vectors (x, y, 1). The unit square is a whole picture.
"""

from dataclasses import dataclass

import numpy as np

from tf_slr.core.errors import UsageError
from tf_slr.core.landmarks import LEFT_HAND, LIPS, POSE, RIGHT_HAND, BodyFrame, Clip, body_frame
from tf_slr.core.pictures import FrameOptions, scaling, shift
from tf_slr.features.augment import Change

# Where the signer is when nobody tracked the clip: centred, shoulders a quarter of the picture's height apart.
UNTRACKED = BodyFrame((0.5, 0.4), 0.25)
# The middle of a close-up lies so many shoulder widths below the shoulders.
BELOW = 0.05
# The mouth's square is so large beside those of the hands.
MOUTH_SHARE = 0.5
# The knuckles of the little and the index finger among the pose's points: where a hand is that was not found itself.
_KNUCKLES = {LEFT_HAND.start: slice(2, 4), RIGHT_HAND.start: slice(7, 9)}


@dataclass(frozen=True)
class View:
    """What is shown of every picture.

    Attributes:
        close_up: side, in shoulder widths, of the square around the signer that is shown; 0 for the whole picture.
        details: side, in shoulder widths, of the squares around the hands that are shown beside it. The network's
            picture is then four: the signer, the mouth, the left hand and the right one. 0 for the signer alone.
    """

    close_up: float = 0.0
    details: float = 0.0

    def __post_init__(self) -> None:
        for name, least in (("close_up", 1), ("details", 0.1)):
            if getattr(self, name) and not least <= getattr(self, name) <= 20:
                raise UsageError(
                    f"features.{name}: expected 0 or {least} to 20 shoulder widths, received {getattr(self, name)}"
                )

    @property
    def needs_landmarks(self) -> bool:
        """Whether a corpus without landmarks cannot be shown so."""
        return bool(self.close_up or self.details)


# What recognition without landmarks sees.
WHOLE = View()


@dataclass(frozen=True)
class Tile:
    """A part of the network's picture, and what is shown there.

    Attributes:
        corner: its first row and column.
        options: its size, and the margin from which it is cropped.
        place: where the crop lies in the margin.
        maps: float64 [T, 3, 3] or [1, 3, 3], the square shown of each of the clip's frames, under the change, to the
            unit square.
        enlarged: how much larger than a whole picture it is drawn.
    """

    corner: tuple[int, int]
    options: FrameOptions
    place: tuple[float, float]
    maps: np.ndarray
    enlarged: float


def tiles(view: View, options: FrameOptions, change: Change, clip: Clip | None, aspect: float) -> list[Tile]:
    """The parts of the network's picture.

    Turning, stretching, scaling, shifting and mirroring are the ones `augment.apply`
    does to landmarks, about the same centre.

    Args:
        view: what is shown.
        options: size of the network's picture, and its margin.
        change: what was drawn for this clip.
        clip: its landmarks, unchanged; None for a clip that nobody tracked, which has no details.
        aspect: width / height of the picture that the landmarks refer to.
    """
    body = body_frame(clip) if clip else BodyFrame((UNTRACKED.origin[0] * aspect, UNTRACKED.origin[1]), UNTRACKED.scale)
    moved = _affine(change, body, aspect)
    if view == WHOLE:
        # Shrunk as in recognition, whatever the change: `KeptPictures` may have done it.
        return [Tile((0, 0), options, change.crop, moved[None], 1.0)]
    signer, enlarged = np.eye(3), 1.0
    if view.close_up:
        side = view.close_up * body.scale
        middle = _centre(change, body, aspect) + np.array([0, BELOW * body.scale])
        signer, enlarged = _square(middle, side, aspect), 1 / side
    if not view.details:
        return [Tile((0, 0), options, change.crop, (signer @ moved)[None], enlarged * change.scale)]
    half = options.size // 2
    small, whole = FrameOptions(half, options.margin), FrameOptions(half, 1.0)
    parts = [LIPS, RIGHT_HAND, LEFT_HAND] if change.flip else [LIPS, LEFT_HAND, RIGHT_HAND]
    shown = [Tile((0, 0), small, change.crop, (signer @ moved)[None], enlarged * change.scale)]
    for part, corner in zip(parts, [(0, half), (half, 0), (half, half)], strict=True):
        side = view.details * body.scale * (MOUTH_SHARE if part is LIPS else 1)
        middles = _track(clip, part, body) @ moved[:2, :2].T + moved[:2, 2]
        maps = _square(middles * (aspect, 1), side, aspect) @ moved
        shown.append(Tile(corner, whole, (0.5, 0.5), maps, change.scale / side))
    return shown


def _track(clip: Clip, part: slice, body: BodyFrame) -> np.ndarray:
    """Where the middle of a part is in every frame of a clip, found or not: float64 [T, 2] in the unit square."""
    points = clip.landmarks[..., :2].astype(float)
    middles = points[:, part].mean(1)  # NaN unless all of it was found
    if knuckles := _KNUCKLES.get(part.start):
        middles = np.where(np.isnan(middles), points[:, POSE][:, knuckles].mean(1), middles)
    known = np.isfinite(middles).all(-1)
    if not known.any():
        return np.tile(np.array(body.origin) / (clip.aspect, 1), (len(middles), 1))
    times = np.arange(len(middles))
    return np.stack([np.interp(times, times[known], middles[known, axis]) for axis in (0, 1)], -1)


def _square(middle: np.ndarray, side: float, aspect: float) -> np.ndarray:
    """The map of a square to the unit square, [..., 3, 3]; middle [..., 2] and side in heights of the picture."""
    maps = np.zeros((*middle.shape[:-1], 3, 3))
    maps[..., [0, 1], [0, 1]] = aspect / side, 1 / side
    maps[..., :2, 2] = 0.5 - middle / side
    maps[..., 2, 2] = 1
    return maps


def _centre(change: Change, body: BodyFrame, aspect: float) -> np.ndarray:
    """Where the signer is after mirroring, before anything else."""
    x, y = body.origin
    return np.array([aspect - x if change.flip else x, y])


def _affine(change: Change, body: BodyFrame, aspect: float) -> np.ndarray:
    """What a change does to the unit square, float64 [3, 3]."""
    mirror = np.array([[-1.0, 0, 1], [0, 1, 0], [0, 0, 1]]) if change.flip else np.eye(3)
    centre = _centre(change, body, aspect)
    turn = np.eye(3)
    turn[:2, :2] = change.matrix[:2, :2]
    moved = centre + np.array(change.shift) * body.scale
    body_map = shift(*moved) @ turn @ shift(*-centre)
    square = scaling(aspect, 1.0)
    return np.linalg.inv(square) @ body_map @ square @ mirror
