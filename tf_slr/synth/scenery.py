"""What surrounds the signer in a picture: background, clothing, light."""

import functools
from dataclasses import dataclass

import cv2
import numpy as np

Colour = tuple[int, int, int]

_SHIRTS = ((38, 46, 66), (92, 30, 40), (60, 84, 70), (44, 44, 46), (120, 110, 150), (30, 88, 120), (168, 120, 60))
_WALLS = ((188, 192, 196), (150, 170, 186), (206, 198, 180), (110, 120, 128), (172, 186, 170), (84, 100, 124))


@dataclass(frozen=True)
class Look:
    """What one clip looks like, apart from the person.

    Attributes:
        shirt: colour of the clothing.
        long_sleeves: whether it covers the forearms.
        v_neck: or else a round one.
        background: uint8 [size, size, 3].
        light: factor on the brightness.
    """

    shirt: Colour
    long_sleeves: bool
    v_neck: bool
    background: np.ndarray
    light: float


def look_of(seed: int, size: int) -> Look:
    """Draw a look; the same seed gives the same look at any size, but for fine grain."""
    rng = np.random.default_rng(seed)
    shirt = tint(_SHIRTS[rng.integers(len(_SHIRTS))], rng.uniform(0.8, 1.25))
    wall = tint(_WALLS[rng.integers(len(_WALLS))], rng.uniform(0.85, 1.15))
    long_sleeves, v_neck, light = bool(rng.random() < 0.6), bool(rng.random() < 0.4), float(rng.uniform(0.88, 1.1))
    paint = (_plain, _gradient, _cloudy, _shelves, _window)[rng.integers(5)]
    return Look(shirt, long_sleeves, v_neck, paint(size, wall, rng), light)


@functools.lru_cache(4096)  # every frame needs the same few dozen
def tint(colour: Colour, factor: float) -> Colour:
    """A lighter or darker shade of a colour."""
    return tuple(int(min(max(value * factor, 0), 255)) for value in colour)


def _plain(size: int, wall: Colour, rng: np.random.Generator) -> np.ndarray:
    return np.full((size, size, 3), wall, np.uint8)


def _gradient(size: int, wall: Colour, rng: np.random.Generator) -> np.ndarray:
    down, right = np.mgrid[0:size, 0:size] / size - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    light = 1 + 0.5 * (np.cos(angle) * right + np.sin(angle) * down)
    return np.clip(light[..., None] * wall, 0, 255).astype(np.uint8)


def _cloudy(size: int, wall: Colour, rng: np.random.Generator) -> np.ndarray:
    blots = rng.uniform(0.7, 1.2, size=(6, 6, 1)) * rng.uniform(0.92, 1.08, size=(6, 6, 3)) * wall
    return np.clip(cv2.resize(blots, (size, size), interpolation=cv2.INTER_CUBIC), 0, 255).astype(np.uint8)


def _shelves(size: int, wall: Colour, rng: np.random.Generator) -> np.ndarray:
    picture = _gradient(size, wall, rng)
    board = tint((120, 84, 56), rng.uniform(0.7, 1.2))
    for top in np.arange(0.02, 1.0, 0.24):
        x = 0.0
        while x < 1:
            width, height = rng.uniform(0.02, 0.05), rng.uniform(0.11, 0.18)
            if rng.random() < 0.8:
                cover = (rng.integers(40, 200) + rng.integers(-40, 41, 3)).clip(0, 255)
                _box(picture, (x, top + 0.2 - height), (x + width, top + 0.2), cover)
            x += width
        _box(picture, (0, top + 0.2), (1, top + 0.225), board)
    return cv2.GaussianBlur(picture, (0, 0), size * 0.008)


def _window(size: int, wall: Colour, rng: np.random.Generator) -> np.ndarray:
    picture = _gradient(size, wall, rng)
    left, top = rng.uniform(-0.1, 0.7), rng.uniform(0.02, 0.15)
    _box(picture, (left - 0.02, top - 0.02), (left + 0.34, top + 0.52), (236, 234, 228))
    _box(picture, (left, top), (left + 0.32, top + 0.50), (182, 212, 236))
    _box(picture, (left, top + 0.32), (left + 0.32, top + 0.50), tint((96, 140, 88), rng.uniform(0.7, 1.2)))
    _box(picture, (left + 0.15, top), (left + 0.17, top + 0.50), (236, 234, 228))
    _box(picture, (left, top + 0.24), (left + 0.32, top + 0.26), (236, 234, 228))
    return cv2.GaussianBlur(picture, (0, 0), size * 0.006)


def _box(picture: np.ndarray, corner: tuple, opposite: tuple, colour: Colour) -> None:
    size = len(picture)
    ends = [(int(x * size), int(y * size)) for x, y in (corner, opposite)]
    cv2.rectangle(picture, *ends, tuple(map(int, colour)), -1)
