"""A clip over time as inline SVG: skeletons, and below them what was signed and what was recognised."""

import itertools
import unicodedata
from collections.abc import Sequence

import numpy as np

from tf_slr.apps.drawing import LIMBS
from tf_slr.apps.report.gather import Example
from tf_slr.apps.report.markup import Markup, empty, tag
from tf_slr.core.errors import DataError
from tf_slr.core.landmarks import (
    HAND_POINTS,
    LEFT_ELBOW,
    LEFT_HAND,
    LIPS,
    RIGHT_ELBOW,
    RIGHT_HAND,
    Clip,
    body_frame,
    to_square,
)
from tf_slr.runtime.decoder import Word

PICTURE = 92  # side of a skeleton's picture
RULER, TRACK, GAP = 18, 30, 16
LABEL = 8  # before the first moment
LETTER = 7.2  # width of a letter in a track
MIN_SCALE, MAX_SCALE = 90.0, 240.0  # pixels a second
USUAL_WIDTH = 860.0
# What a picture shows around the shoulders' middle, in shoulder widths: half of its width, and how far up.
REACH, ABOVE = 1.3, 1.2

HIT, SUBSTITUTION, DELETION, INSERTION = "hit", "sub", "del", "ins"


def timeline(example: Example) -> Markup:
    """Skeletons at even moments, the reference's and the hypothesis' glosses at their times.

    A gloss has the time in which the network gives it, which is shorter than
    the sign; its name stands in the field around it.
    """
    tracks = [words for words in (example.reference, example.hypothesis) if words is not None]
    scale = _scale(tracks, example.seconds)
    width = example.seconds * scale
    pictures = [] if example.clip is None else _pictures(example.clip, width)
    top = PICTURE + 6 if pictures else 0
    kinds_reference, kinds_hypothesis = _kinds(example)
    parts = [*pictures, *_ruler(example.seconds, scale, top)]
    y = top + RULER
    if example.reference is not None:
        parts += _track(example.reference, kinds_reference, scale, example.seconds, y)
        parts += _links(example, scale, y + TRACK)
        y += TRACK + GAP
    parts += _track(example.hypothesis, kinds_hypothesis, scale, example.seconds, y)
    size = {"width": round(width + 2 * LABEL), "height": y + TRACK + 2}
    words = " ".join(word.gloss for word in example.hypothesis)
    moved = tag("g", parts, transform=f"translate({LABEL} 0)")
    return tag("svg", tag("title", f"recognised over time: {words}"), moved, **size,
               viewBox=f"0 0 {size['width']} {size['height']}", role="img", class_="timeline")  # fmt: skip


def _kinds(example: Example) -> tuple[list[str], list[str]]:
    """What each gloss of the reference, and each of the hypothesis, is in their alignment."""
    reference, hypothesis = [], []
    for a, b in example.pairs:
        if a is not None:
            reference.append(DELETION if b is None else HIT if a == b else SUBSTITUTION)
        if b is not None:
            hypothesis.append(INSERTION if a is None else HIT if a == b else SUBSTITUTION)
    return reference, hypothesis


def _fields(words: Sequence[Word], seconds: float) -> list[tuple[float, float]]:
    """From when to when each gloss has its field: to the middles between its time and its neighbours'."""
    middles = [(a.end + b.start) / 2 for a, b in itertools.pairwise(words)]
    return list(zip([0.0, *middles], [*middles, seconds], strict=True)) if words else []


def _scale(tracks: Sequence[Sequence[Word]], seconds: float) -> float:
    """Pixels a second, so that every name fits into its field."""
    needed = MIN_SCALE
    for words in tracks:
        for word, (start, end) in zip(words, _fields(words, seconds), strict=True):
            needed = max(needed, (_width(word.gloss) + 10) / max(end - start, 0.05))
    return min(max(needed, USUAL_WIDTH / seconds), MAX_SCALE)


def _width(text: str) -> float:
    return LETTER * sum(1.7 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _track(words: Sequence[Word], kinds: Sequence[str], scale: float, seconds: float, y: float) -> list[Markup]:
    parts = [empty("rect", x=0, y=y, width=round(seconds * scale, 1), height=TRACK, rx=4, class_="track")]
    for word, kind, (start, end) in zip(words, kinds, _fields(words, seconds), strict=True):
        left, width = start * scale, (end - start) * scale
        name = word.gloss
        while len(name) > 1 and _width(name) > width - 4:
            name = name[:-1]
        shown = name if name == word.gloss else f"{name[:-1]}…"
        about = f"{word.gloss}: {word.start:.2f} to {word.end:.2f} s, posterior {word.confidence:.0%}"
        field = empty("rect", x=round(left + 1, 1), y=y, width=round(max(width - 2, 1), 1), height=TRACK, rx=4,
                      class_="field")  # fmt: skip
        spike = empty("rect", x=round(word.start * scale, 1), y=y + TRACK - 6, height=5, rx=2,
                      width=round(max((word.end - word.start) * scale, 3), 1), class_="spike")  # fmt: skip
        label = tag("text", shown, x=round(left + width / 2, 1), y=y + 17, text_anchor="middle")
        parts.append(tag("g", tag("title", about), field, spike, label, class_=kind))
    return parts


def _links(example: Example, scale: float, y: float) -> list[Markup]:
    """Lines from each gloss of the reference to the one it is aligned with."""
    reference, hypothesis = iter(example.reference), iter(example.hypothesis)
    parts = []
    for a, b in example.pairs:
        above = next(reference) if a is not None else None
        below = next(hypothesis) if b is not None else None
        if above and below:
            x1, x2 = (round((word.start + word.end) / 2 * scale, 1) for word in (above, below))
            parts.append(empty("line", x1=x1, y1=y + 1, x2=x2, y2=y + GAP - 1,
                               class_=f"link {HIT if a == b else SUBSTITUTION}"))  # fmt: skip
    return parts


def _ruler(seconds: float, scale: float, y: float) -> list[Markup]:
    step = 0.5 if seconds <= 12 else 1.0
    parts = []
    for number in range(int(seconds / step) + 1):
        x = round(number * step * scale, 1)
        whole = (number * step).is_integer()
        parts.append(empty("line", x1=x, x2=x, y1=y + (4 if whole else 9), y2=y + RULER - 5, class_="tick"))
        if whole and number * step + 0.4 < seconds:
            parts.append(tag("text", f"{number * step:g} s", x=x + 3, y=y + 11, class_="second"))
    return parts


def _pictures(clip: Clip, width: float) -> list[Markup]:
    count = max(int(width // (PICTURE + 6)), 1)
    frames = len(clip.landmarks)
    # Trackers lose everybody now and then; the nearest frame with somebody stands for such a moment.
    seen = np.flatnonzero(np.isfinite(clip.landmarks[:, :, 0]).any(-1))
    parts = []
    for number in range(count):
        middle = (number + 0.5) / count
        x = round(middle * width - PICTURE / 2, 1)
        frame = int(seen[np.abs(seen - middle * frames).argmin()])
        inside = [empty("rect", width=PICTURE, height=PICTURE, rx=6, class_="picture"), *skeleton(clip, frame)]
        # An inner drawing of its own size cuts off what leaves it.
        parts.append(tag("svg", inside, x=x, y=2, width=PICTURE, height=PICTURE))
    return parts


def skeleton(clip: Clip, frame: int) -> list[Markup]:
    """The lines of one frame in a square of `PICTURE`, by part, each a path with the part's class."""
    try:
        body = body_frame(clip)
    except DataError:
        return []
    corner = np.array(body.origin) - np.array([REACH, ABOVE]) * body.scale
    unit = PICTURE / (2 * REACH * body.scale)
    shoulders = np.full((2, 3), np.nan) if clip.shoulders is None else clip.shoulders[frame]
    points = (to_square(np.concatenate([clip.landmarks[frame], shoulders]), clip.aspect)[:, :2] - corner) * unit
    left, right = len(clip.landmarks[frame]), len(clip.landmarks[frame]) + 1
    limbs = [(left, right), (left, LEFT_ELBOW), (right, RIGHT_ELBOW), *LIMBS]
    parts: dict[str, list[str]] = {"arms": [], "lips": [], "left": [], "right": []}
    for a, b in limbs:
        if (np.abs(points[[a, b]]) < 9 * PICTURE).all():  # NaN is not, and left out
            (x1, y1), (x2, y2) = points[[a, b]]
            parts[_part(b)].append(f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}")
    return [empty("path", d="".join(lines), class_=f"limb {name}") for name, lines in parts.items() if lines]


def _part(point: int) -> str:
    if RIGHT_HAND.start <= point < RIGHT_HAND.start + HAND_POINTS:
        return "right"
    if LEFT_HAND.start <= point < LEFT_HAND.start + HAND_POINTS:
        return "left"
    return "lips" if LIPS.start <= point < LIPS.stop else "arms"
