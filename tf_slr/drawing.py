"""Skeletons and captions on pictures.

Pictures are RGB uint8 [H, W, 3] and are drawn upon in place. Skeletons need
OpenCV, captions Pillow: OpenCV's own letters end with ASCII.
"""

import functools
import importlib.util
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from tf_slr.errors import UsageError
from tf_slr.landmarks import BONES, LEFT_ELBOW, LEFT_HAND, LEFT_WRIST, LIPS, RIGHT_ELBOW, RIGHT_HAND, RIGHT_WRIST
from tf_slr.pictures import opencv

Colour = tuple[int, int, int]

# Orange and blue differ for every kind of colour vision.
ARMS, LIP, LEFT, RIGHT = (238, 238, 238), (255, 132, 150), (255, 170, 51), (77, 184, 255)
OUTLINE = (20, 20, 24)
BACKGROUND = (32, 34, 40)

# The arms end where the hands' own points begin; both wrists are drawn as one limb.
LIMBS = [*BONES, (LEFT_WRIST, LEFT_HAND.start), (RIGHT_WRIST, RIGHT_HAND.start)]

_SHIFT = 4  # OpenCV draws at sixteenths of a pixel
_MAX_PIXEL = 1 << 14  # further outside nothing shows, and OpenCV's fixed-point numbers would overflow
_MAX_LINES = 2


def limb_colour(point: int) -> Colour:
    """The colour of the part that a landmark belongs to."""
    if point >= RIGHT_HAND.start:
        return RIGHT
    if point >= LEFT_HAND.start:
        return LEFT
    return LIP if point >= LIPS.start else ARMS


def blank(aspect: float, height: int = 480) -> np.ndarray:
    """An empty picture of an aspect (width / height), with even sides as video codecs want them."""
    height += height % 2
    return np.full((height, 2 * max(round(height * aspect / 2), 1), 3), BACKGROUND, np.uint8)


def draw_skeleton(
    picture: np.ndarray, landmarks: np.ndarray, aspect: float | None = None, shoulders: np.ndarray | None = None
) -> None:
    """Draw arms, hands and lips; what was not found (NaN) is left out.

    Args:
        picture: RGB uint8 [H, W, 3], drawn upon.
        landmarks: [92, 3] in the coordinates of a `Clip`.
        aspect: of the picture that the landmarks were found in; they are fitted into the middle of a
            picture of another shape. None: found in this picture.
        shoulders: [2, 3] (left, right), for the upper arms.
    """
    cv2 = opencv()
    height, width = picture.shape[:2]
    inside = min(height, width / aspect) if aspect else height  # height of the picture they were found in
    size = np.array([inside * aspect if aspect else width, inside])
    corner = (np.array([width, height]) - size) / 2
    points = _pixels(landmarks, size, corner)
    limbs = [(points[a], points[b], limb_colour(b)) for a, b in LIMBS]
    if shoulders is not None:
        left, right = _pixels(shoulders, size, corner)
        limbs = [(left, right, ARMS), (left, points[LEFT_ELBOW], ARMS), (right, points[RIGHT_ELBOW], ARMS), *limbs]
    drawn = [(_fixed(a), _fixed(b), colour) for a, b, colour in limbs if np.isfinite([a, b]).all()]
    thin = max(round(inside / 240), 1)
    for begin, end, colour in drawn:
        if colour != LIP:  # a dark edge, so that the skeleton stands out from any picture
            cv2.line(picture, begin, end, OUTLINE, thin + 2, cv2.LINE_AA, _SHIFT)
    for begin, end, colour in drawn:
        # Lips are small: wider lines would fill the mouth.
        cv2.line(picture, begin, end, colour, 1 if colour == LIP else thin, cv2.LINE_AA, _SHIFT)


def _pixels(points: np.ndarray, size: np.ndarray, corner: np.ndarray) -> np.ndarray:
    pixels = corner + points[:, :2].astype(np.float64) * size
    pixels[(np.abs(pixels) > _MAX_PIXEL).any(-1)] = np.nan
    return pixels


def _fixed(point: np.ndarray) -> tuple[int, int]:
    x, y = np.round(point * (1 << _SHIFT)).astype(int)
    return int(x), int(y)


def draw_caption(picture: np.ndarray, text: str, font: Path | None = None) -> None:
    """Write a caption on a dark plate at the foot of a picture.

    A long text is broken into lines, of which the last two are shown: the
    newest words of a running caption.

    Args:
        picture: RGB uint8 [H, W, 3], drawn upon.
        text: what to write; nothing is drawn for white space alone.
        font: a TrueType or OpenType font, see `font_for`; DejaVu Sans when None.

    Raises:
        UsageError: the font cannot be read.
    """
    height, width = picture.shape[:2]
    size = max(height // 14, 8)
    margin = size // 2
    mask = _letters(" ".join(text.split()), max(width - 4 * margin, 1), size, font or default_font())
    if mask.size == 0:
        return
    rows, columns = mask.shape[0] + 2 * (margin // 2), mask.shape[1] + 2 * margin
    top, left = max(height - margin - rows, 0), max((width - columns) // 2, 0)
    plate = picture[top : top + rows, left : left + columns]
    shown = np.zeros((rows, columns, 1), np.float32)
    shown[margin // 2 : margin // 2 + mask.shape[0], margin : margin + mask.shape[1], 0] = mask
    shown = shown[: plate.shape[0], : plate.shape[1]]
    plate[:] = 0.3 * plate * (1 - shown) + 255 * shown


def draw_status(picture: np.ndarray, text: str) -> None:
    """Write a small line of ASCII at the top of a picture (RGB uint8 [H, W, 3])."""
    cv2 = opencv()
    size = max(picture.shape[0] / 900, 0.35)
    for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        place = (8, round(30 * size) + 4)
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, colour, thickness, cv2.LINE_AA)


@functools.lru_cache(maxsize=128)
def _letters(text: str, width: int, size: int, path: Path) -> np.ndarray:
    """How much of each pixel the letters cover, float32 [h, w] from 0 to 1; empty for an empty text."""
    from PIL import Image, ImageDraw

    font = _open_font(path, size)
    lines = list(_lines(text, width, font.getlength))[-_MAX_LINES:]
    if not lines:
        return np.zeros((0, 0), np.float32)
    pitch = round(1.25 * size)
    columns = max(1, *(min(int(np.ceil(font.getlength(line))), width) for line in lines))
    image = Image.new("L", (columns, pitch * len(lines)))
    canvas = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        # Anchored in the middle of the line, since fonts disagree about where a line begins.
        canvas.text((columns / 2, pitch * (number + 0.5)), line, 255, font, anchor="mm")
    return np.asarray(image, np.float32) / 255


def _lines(text: str, width: int, length: Callable[[str], float]) -> Iterator[str]:
    """Break a text at spaces, and where a word alone is too long (or written without spaces), between letters."""
    line = ""
    for word in text.split(" "):
        candidate = f"{line} {word}" if line else word
        if length(candidate) <= width:
            line = candidate
            continue
        if line:
            yield line
        line = ""
        for letter in word:
            if line and length(line + letter) > width:
                yield line
                line = ""
            line += letter
    if line:
        yield line


@functools.lru_cache(maxsize=8)
def _open_font(path: Path, size: int):
    """A PIL.ImageFont.FreeTypeFont."""
    from PIL import ImageFont

    try:
        return ImageFont.truetype(str(path), size)
    except OSError as error:
        raise UsageError(f"{path}: is not a readable font ({error})") from error


# Where systems keep fonts, and where people put theirs.
FONT_FOLDERS = (
    "/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts",
    "/System/Library/Fonts", "/Library/Fonts", "~/Library/Fonts", "C:/Windows/Fonts",
)  # fmt: skip


@functools.cache
def default_font() -> Path:
    """DejaVu Sans, which comes with matplotlib (and that with MediaPipe): Latin, Greek, Cyrillic, no Chinese.

    Raises:
        UsageError: matplotlib is not installed.
    """
    package = importlib.util.find_spec("matplotlib")  # found, and not imported: only a file of it is needed
    if package is None or not package.submodule_search_locations:
        raise UsageError("captions need a font, which comes with matplotlib: pip install 'tf_slr[video]'")
    return Path(package.submodule_search_locations[0], "mpl-data", "fonts", "ttf", "DejaVuSans.ttf")


def font_for(characters: Iterable[str]) -> Path:
    """The font for a vocabulary: DejaVu Sans, or the installed font that has more of its characters.

    Looking through a system's fonts takes a second or two, so choose once and pass the font to `draw_caption`.
    """
    wanted = {character for text in characters for character in text}
    best, lacking = default_font(), len(undrawable(wanted, default_font()))
    candidates = (path for folder in FONT_FOLDERS for path in sorted(Path(folder).expanduser().rglob("*.[to]t[fc]")))
    for path in candidates:
        if lacking == 0:
            break
        try:
            count = len(undrawable(wanted, path))
        except UsageError:  # one of many: bitmaps and damaged files are no reason to stop
            continue
        if count < lacking:
            best, lacking = path, count
    return best


def undrawable(characters: Iterable[str], font: Path) -> str:
    """Which characters a font lacks, sorted; it draws boxes for them.

    Raises:
        UsageError: the font cannot be read.
    """
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with TTFont(font, lazy=True, fontNumber=0) as opened:
            known = opened.getBestCmap() or {}
    except (OSError, TTLibError, ValueError, KeyError, AssertionError) as error:
        raise UsageError(f"{font}: is not a readable font ({error})") from error
    return "".join(sorted({c for text in characters for c in text if not c.isspace() and ord(c) not in known}))
