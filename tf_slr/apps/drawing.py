"""Skeletons and captions on pictures.

Pictures are RGB uint8 [H, W, 3] and are drawn upon in place. Skeletons need
OpenCV, captions Pillow: OpenCV's own letters end with ASCII.
"""

import functools
import importlib.util
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from tf_slr.core.errors import UsageError
from tf_slr.core.landmarks import BONES, LEFT_ELBOW, LEFT_HAND, LEFT_WRIST, LIPS, RIGHT_ELBOW, RIGHT_HAND, RIGHT_WRIST
from tf_slr.core.pictures import opencv

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


def draw_caption(picture: np.ndarray, text: str, fonts: Sequence[Path] | Path | None = None) -> None:
    """Write a caption on a dark plate at the foot of a picture.

    A long text is broken into lines, of which the last two are shown: the
    newest words of a running caption.

    Args:
        picture: RGB uint8 [H, W, 3], drawn upon.
        text: what to write; nothing is drawn for white space alone.
        fonts: TrueType or OpenType fonts, see `fonts_for`; each run of characters is written in the first one
            that has them. DejaVu Sans when None.

    Raises:
        UsageError: a font cannot be read.
    """
    height, width = picture.shape[:2]
    size = max(height // 14, 8)
    margin = size // 2
    mask = _letters(" ".join(text.split()), max(width - 4 * margin, 1), size, _several(fonts))
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
def _letters(text: str, width: int, size: int, paths: tuple[Path, ...]) -> np.ndarray:
    """How much of each pixel the letters cover, float32 [h, w] from 0 to 1; empty for an empty text."""
    from PIL import Image, ImageDraw

    for path in paths:  # also where the text needs the first one only
        _open_font(path, size)

    def length(line: str) -> float:
        return sum(_open_font(path, size).getlength(run) for run, path in runs(line, paths))

    lines = list(_lines(text, width, length))[-_MAX_LINES:]
    if not lines:
        return np.zeros((0, 0), np.float32)
    pitch = round(1.25 * size)
    columns = max(1, *(min(int(np.ceil(length(line))), width) for line in lines))
    image = Image.new("L", (columns, pitch * len(lines)))
    canvas = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        parts = [(run, _open_font(path, size)) for run, path in runs(line, paths)]
        # Fonts disagree about where a line begins: the baseline lies so that the first one's letters are in the middle.
        ascent, descent = parts[0][1].getmetrics()
        left, baseline = (columns - length(line)) / 2, pitch * (number + 0.5) + (ascent - descent) / 2
        for run, font in parts:
            canvas.text((left, baseline), run, 255, font, anchor="ls")
            left += font.getlength(run)
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


def runs(text: str, fonts: Sequence[Path] | Path) -> list[tuple[str, Path]]:
    """Cut a line into runs, each with the first of the fonts that has all of its characters.

    Marks and joiners stay with their letter; spaces, digits and punctuation stay in the run before them where its
    font has them. What no font has is written, as boxes, in the first one.

    Raises:
        UsageError: a font cannot be read.
    """
    paths = _several(fonts)
    found: list[tuple[str, Path]] = []
    for cluster in _clusters(text):
        common = not any(character.isalpha() for character in cluster)
        order = [found[-1][1], *paths] if found and common else paths
        able = (path for path in order if not _lacking(cluster, path))
        # A letter with a mark that no font has is at least a letter.
        base = (path for path in order if not _lacking(cluster[0], path))
        path = next(able, None) or next(base, None) or paths[0]
        if found and found[-1][1] == path:
            found[-1] = found[-1][0] + cluster, path
        else:
            found.append((cluster, path))
    return found


def _clusters(text: str) -> list[str]:
    """The characters of a text, each with the marks and joiners that follow it."""
    clusters: list[str] = []
    for character in text:
        if clusters and unicodedata.category(character) in ("Mn", "Mc", "Me", "Cf", "Sk"):
            clusters[-1] += character
        else:
            clusters.append(character)
    return clusters


def _lacking(text: str, path: Path) -> list[str]:
    """The characters of a text that a font lacks; white space and format characters are not drawn."""
    known = _known(path)
    return [c for c in text if ord(c) not in known and not c.isspace() and unicodedata.category(c) != "Cf"]


def _several(fonts: Sequence[Path] | Path | None) -> tuple[Path, ...]:
    if fonts is None:
        return (default_font(),)
    return (fonts,) if isinstance(fonts, Path) else tuple(fonts)


@functools.lru_cache(maxsize=32)
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


def fonts_for(characters: Iterable[str], first: Path | None = None) -> tuple[Path, ...]:
    """The fonts for a vocabulary: DejaVu Sans, and of the installed ones as few as have the rest of its characters.

    Looking through a system's fonts takes a second or two, so choose once and pass the fonts to `draw_caption`.

    Args:
        characters: texts that will be written.
        first: a font that comes before all others.

    Raises:
        UsageError: `first` cannot be read.
    """
    chosen = [first] if first else []
    chosen.append(default_font())
    lacking = set(undrawable(characters, chosen))
    if not lacking:
        return tuple(chosen)
    has: dict[Path, set[str]] = {}
    for path in (path for folder in FONT_FOLDERS for path in sorted(Path(folder).expanduser().rglob("*.[to]t[fc]"))):
        try:
            known = _read_known(path)
        except UsageError:  # one of many: bitmaps and damaged files are no reason to stop
            continue
        if found := {character for character in lacking if ord(character) in known}:
            has[path] = found
        if found == lacking:
            break
    while lacking and has:
        best = max(has, key=lambda path: len(has[path] & lacking))
        if not has[best] & lacking:
            break
        chosen.append(best)
        lacking -= has.pop(best)
    return tuple(chosen)


def undrawable(characters: Iterable[str], fonts: Sequence[Path] | Path) -> str:
    """Which characters none of the fonts has, sorted; boxes are drawn for them.

    Raises:
        UsageError: a font cannot be read.
    """
    lacking = {character for text in characters for character in text}
    for path in _several(fonts):
        lacking = set(_lacking("".join(lacking), path))
    return "".join(sorted(lacking))


@functools.lru_cache(maxsize=32)
def _known(path: Path) -> frozenset[int]:
    return _read_known(path)


def _read_known(path: Path) -> frozenset[int]:
    """The code points that a font has letters for.

    Raises:
        UsageError: the font cannot be read.
    """
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with TTFont(path, lazy=True, fontNumber=0) as opened:
            return frozenset(opened.getBestCmap() or ())
    except (OSError, TTLibError, ValueError, KeyError, AssertionError) as error:
        raise UsageError(f"{path}: is not a readable font ({error})") from error
