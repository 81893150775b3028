"""A painter: turns a performance into frames, for the models that read video.

Everything is drawn at twice the size and averaged down. The body is painted
from back to front: hair, torso, head, upper arms, then forearms and hands,
the farther hand first; each hand is a palm and five fingers, ordered by depth.
"""

import cv2
import numpy as np

from tf_slr.synth.scenery import Colour, Look, look_of, tint
from tf_slr.synth.signer import Performance

OVERSAMPLING = 2
_SHIFT = 4  # OpenCV's fixed point: coordinates in sixteenths of a pixel
GRAIN = 2.0  # standard deviation of the sensor's noise, of 255
SHUTTER = 0.5  # share of a frame's time in which light falls on the sensor

# The five fingers and the palm, as points of a hand.
_PIECES = ([1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16], [17, 18, 19, 20], [0, 1, 5, 9, 13, 17])
_PALM = 5
_WIDTHS = (0.118, 0.102, 0.104, 0.098, 0.086)  # of fingers, in hand lengths

# Gloves: a colour for each finger, one for the palm and one for the back of the hand.
_FINGER_COLOURS = ((224, 32, 40), (244, 208, 32), (40, 176, 64), (40, 96, 224), (208, 64, 208))
_PALM_COLOUR, _BACK_COLOUR = (244, 244, 244), (24, 24, 28)


def render(performance: Performance, size: int, gloves: bool = False) -> np.ndarray:
    """Paint a performance.

    Args:
        performance: who signs, and how.
        size: width and height in pixels. The whole picture is squeezed into
            the square, so that a landmark (x, y) lies at pixel (x, y) * size.
        gloves: whether the signer wears gloves with a colour for each finger, in which hand shapes can be told
            at sizes at which bare fingers cannot (R. Wang and J. Popovic, "Real-time hand-tracking with a color
            glove", SIGGRAPH 2009).

    Returns:
        uint8 [T, size, size, 3], RGB.
    """
    look = look_of(performance.look, size * OVERSAMPLING)
    painter = _Painter(performance, look, size * OVERSAMPLING, gloves)
    rng = np.random.default_rng(performance.look)
    grain = rng.normal(0, GRAIN, size=(2 * size, 2 * size, 1)).astype(np.float32)
    frames = np.empty((len(performance.hands), size, size, 3), np.uint8)
    centres = painter.hands.mean(axis=2) / OVERSAMPLING
    speeds = np.gradient(centres, axis=0) if len(centres) > 1 else np.zeros_like(centres)
    for index in range(len(frames)):
        frame = cv2.resize(painter.paint(index), (size, size), interpolation=cv2.INTER_AREA)
        for side in (0, 1):
            _smear(frame, painter.hands[index, side] / OVERSAMPLING, SHUTTER * speeds[index, side])
        x, y = rng.integers(0, size, 2)
        frames[index] = np.clip(frame * look.light + grain[y : y + size, x : x + size], 0, 255)
    return frames


def _smear(frame: np.ndarray, hand: np.ndarray, way: np.ndarray) -> None:
    """Blur a moving hand along its way (pixels), in place."""
    length = float(np.hypot(*way))
    if length < 1.5:
        return
    low = np.maximum(np.floor(hand.min(0) - 3).astype(int), 0)
    high = np.minimum(np.ceil(hand.max(0) + 4).astype(int), len(frame))
    if (high - low < 3).any():
        return
    reach = min(int(np.ceil(length / 2)), 12)
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    step = way / length * reach
    ends = [tuple(np.round(reach + sign * step).astype(int).tolist()) for sign in (-1, 1)]
    cv2.line(kernel, *ends, 1.0)
    patch = frame[low[1] : high[1], low[0] : high[0]]
    blurred = cv2.filter2D(patch, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
    across, down = (np.clip(4 * np.minimum(t, 1 - t), 0, 1) for t in (np.linspace(0, 1, n) for n in high - low))
    share = (down[:, None] * across)[..., None]
    patch[:] = patch * (1 - share) + blurred * share


class _Painter:
    """One performance, projected to canvas pixels once, painted frame by frame."""

    def __init__(self, performance: Performance, look: Look, canvas: int, gloves: bool) -> None:
        self.look, self.gloves = look, gloves
        self.signer = signer = performance.signer
        self.mouth = performance.mouth
        self._camera = performance.camera
        self._canvas = canvas
        # Pixels a metre, for widths of lines; x and y differ where the picture is squeezed.
        self.scale = canvas * performance.camera.zoom / np.sqrt(performance.camera.aspect)
        self.hands = self._pixels(performance.hands)
        self._hands = _fixed(self.hands)
        self._depth = performance.hands[..., 2].mean(axis=-1)  # (T, 2)
        self._piece_depth = np.stack([performance.hands[:, :, piece, 2].mean(axis=-1) for piece in _PIECES], -1)
        lips = self._pixels(performance.lips)
        teeth = 0.65 * lips[:, 20:30] + 0.35 * np.concatenate([lips[:, 20:21], lips[:, 30:39]], axis=1)
        self._lips = _fixed(lips)
        self._teeth = _fixed(np.concatenate([lips[:, 20:30], teeth[:, ::-1]], axis=1))
        self._head, self._head_turn = performance.head, performance.head_turn
        self._middle = performance.shoulders.mean(axis=1)
        sleeve_end = performance.hands[:, :, 0]
        self._upper = self._tapered(np.add(performance.shoulders, (0, 0.035, 0)), performance.elbows, 0.054, 0.044)
        self._fore = self._tapered(performance.elbows, sleeve_end, 0.043, 0.028)
        arm = sleeve_end - performance.elbows
        self._cuff = self._tapered(performance.elbows, performance.elbows + 0.86 * arm, 0.048, 0.037)
        self._body = {name: self._on_body(points) for name, points in _body(signer.shoulder, look.v_neck).items()}
        self._face = {name: self._on_head(points) for name, points in _face(signer.long_hair).items()}

    def _pixels(self, points: np.ndarray) -> np.ndarray:
        return self._camera.project(points)[..., :2] * self._canvas

    def _on_body(self, points: np.ndarray) -> np.ndarray:
        """Points [n, 3] in metres from the shoulders' middle -> positions [T, n, 2]."""
        return _fixed(self._pixels(self._middle[:, None] + points))

    def _on_head(self, points: np.ndarray) -> np.ndarray:
        """Points [n, 2] on the face, in head heights -> positions [T, n, 2]; the face is round."""
        bulge = np.sqrt(np.clip(1 - (points[:, 0] / 0.5) ** 2 - (points[:, 1] / 0.65) ** 2, 0, 1))
        solid = self.signer.head * np.column_stack([points, -0.42 * bulge])
        return _fixed(self._pixels(self._head[:, None] + solid @ np.swapaxes(self._head_turn, 1, 2)))

    def _tapered(self, begin: np.ndarray, end: np.ndarray, first: float, last: float) -> np.ndarray:
        """Limbs [..., 3] from begin to end -> rounded outlines [..., 20, 2]; radii in metres."""
        begin, end = self._pixels(begin)[..., None, :], self._pixels(end)[..., None, :]
        along = (end - begin) / np.maximum(np.linalg.norm(end - begin, axis=-1, keepdims=True), 1e-6)
        across = along[..., ::-1] * (-1, 1)
        turn = np.linspace(0, np.pi, 10)[:, None]
        first_cap = begin + first * self.scale * (np.cos(turn) * across - np.sin(turn) * along)
        last_cap = end - last * self.scale * (np.cos(turn) * across - np.sin(turn) * along)
        return _fixed(np.concatenate([first_cap, last_cap], axis=-2))

    def paint(self, index: int) -> np.ndarray:
        """Frame `index` at canvas size, a fresh array."""
        canvas = self.look.background.copy()
        signer, look = self.signer, self.look
        face = {name: points[index] for name, points in self._face.items()}
        body = {name: points[index] for name, points in self._body.items()}
        if signer.long_hair:
            self._shape(canvas, face["mane"], tint(signer.hair, 0.8))
        self._shape(canvas, body["neck"], tint(signer.skin, 0.82), 0.7)
        self._shape(canvas, body["torso"], look.shirt, 0.6)
        for side in ("flank left", "flank right"):
            _fill(canvas, body[side], tint(look.shirt, 0.84))
        self._shape(canvas, body["neckline"], tint(signer.skin, 0.90), 0.75)
        self._paint_head(canvas, face, index)
        for side in (0, 1):
            self._limb(canvas, self._upper[index, side], tint(look.shirt, 1.06))
        for side in np.argsort(-self._depth[index]):
            self._limb(canvas, self._fore[index, side], tint(signer.skin, 0.95))
            if look.long_sleeves:
                self._limb(canvas, self._cuff[index, side], tint(look.shirt, 1.10))
            self._paint_hand(canvas, index, side)
        return canvas

    def _shape(self, canvas: np.ndarray, points: np.ndarray, colour: Colour, edge: float = 0.7) -> None:
        """A filled polygon with a darker edge."""
        _fill(canvas, points, colour)
        cv2.polylines(canvas, [points], True, tint(colour, edge), self._width(0.006), cv2.LINE_AA, _SHIFT)

    def _limb(self, canvas: np.ndarray, outline: np.ndarray, colour: Colour) -> None:
        """A limb from `_tapered`; its beginning has no edge, so that joints look grown together."""
        _fill(canvas, outline, colour)
        self._line(canvas, np.concatenate([outline[9:], outline[:1]]), tint(colour, 0.6), 0.006)

    def _width(self, metres: float) -> int:
        return max(round(metres * self.scale), 1)

    def _line(self, canvas: np.ndarray, points: np.ndarray, colour: Colour, metres: float) -> None:
        cv2.polylines(canvas, [points], False, colour, self._width(metres), cv2.LINE_AA, _SHIFT)

    def _paint_head(self, canvas: np.ndarray, face: dict[str, np.ndarray], index: int) -> None:
        signer = self.signer
        skin, dark = signer.skin, tint(signer.skin, 0.72)
        if not signer.long_hair:
            for name in ("ear left", "ear right"):
                self._shape(canvas, face[name], tint(skin, 0.9))
        self._shape(canvas, face["outline"], skin)
        _fill(canvas, face["shade"], tint(skin, 0.90))
        self._shape(canvas, face["hair"], signer.hair)
        for side in ("left", "right"):
            _fill(canvas, face[f"eye {side}"], (244, 242, 238))
            _fill(canvas, face[f"iris {side}"], (44, 34, 30))
            self._line(canvas, face[f"lid {side}"], tint(skin, 0.45), 0.004)
            self._line(canvas, face[f"brow {side}"], tint(signer.hair, 0.85), 0.009)
        self._line(canvas, face["nose"], dark, 0.006)
        lips = self._lips[index]
        red = tuple(int(0.62 * a + 0.38 * b) for a, b in zip(skin, (168, 40, 52), strict=True))
        # Upper edge from the right corner to the left, then the lower edge back.
        self._shape(canvas, np.concatenate([lips[:11], lips[19:10:-1]]), red, 0.75)
        inner = np.concatenate([lips[20:30], lips[39:29:-1]])
        if self.mouth[index, 0] > 0.12:
            _fill(canvas, inner, (64, 16, 20))
            _fill(canvas, self._teeth[index], (236, 230, 222))
        else:
            self._line(canvas, lips[20:30], tint(red, 0.55), 0.004)
        if signer.glasses:
            for side in ("left", "right"):
                cv2.polylines(
                    canvas, [face[f"glass {side}"]], True, (30, 30, 34), self._width(0.006), cv2.LINE_AA, _SHIFT
                )
            self._line(canvas, face["bridge"], (30, 30, 34), 0.006)

    def _paint_hand(self, canvas: np.ndarray, index: int, side: int) -> None:
        """Palm and fingers, the farthest first."""
        length, points, positions = self.signer.hand, self.hands[index, side], self._hands[index, side]
        to_index, to_little = points[5] - points[0], points[17] - points[0]
        # The palm is seen where index and little finger lie as they do in one's own raised palm.
        palm_seen = (to_index[0] * to_little[1] - to_index[1] * to_little[0] > 0) != (side == 0)
        skin = tint(self.signer.skin, 1.05 if palm_seen else 0.96)
        edge = tint(self.signer.skin, 0.52)
        if self.gloves:
            skin, edge = (_PALM_COLOUR if palm_seen else _BACK_COLOUR), (40, 40, 44)
        depth = self._piece_depth[index, side]
        for piece in np.argsort(-depth, kind="stable"):
            if piece == _PALM:
                hull = _fixed(cv2.convexHull(points[_PIECES[_PALM]].astype(np.float32))[:, 0])
                self._outline(canvas, hull, edge, 0.105 * length)
                self._outline(canvas, hull, skin, 0.105 * length - 0.006)
                _fill(canvas, hull, skin)
                continue
            finger = positions[_PIECES[piece]]
            width = _WIDTHS[piece] * length
            # Nearer fingers are lighter, so that a finger before the palm stands out.
            shade = min(max(1 - 1.1 * float(depth[piece] - depth[_PALM]) / length, 0.86), 1.12)
            self._line(canvas, finger, edge, width + 0.007)
            self._line(canvas, finger, tint(_FINGER_COLOURS[piece] if self.gloves else skin, shade), width - 0.002)
            if not palm_seen and not self.gloves and width * self.scale > 6:
                end, joint = points[_PIECES[piece][3]], points[_PIECES[piece][2]]
                nail = _fixed(end + 0.1 * (joint - end))
                self._line(canvas, np.stack([nail, nail]), tint(skin, 1.14), 0.5 * width)

    def _outline(self, canvas: np.ndarray, points: np.ndarray, colour: Colour, metres: float) -> None:
        cv2.polylines(canvas, [points], True, colour, self._width(metres), cv2.LINE_AA, _SHIFT)


def _fixed(points: np.ndarray) -> np.ndarray:
    """Pixels -> positions as OpenCV takes them: whole numbers of 1 / 2^_SHIFT pixels."""
    return np.round(points * (1 << _SHIFT)).astype(np.int32)


def _fill(canvas: np.ndarray, points: np.ndarray, colour: Colour) -> None:
    cv2.fillPoly(canvas, [points], colour, cv2.LINE_AA, _SHIFT)


def _oval(x: float, y: float, width: float, height: float, points: int = 14) -> np.ndarray:
    turn = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.column_stack([x + width * np.cos(turn), y + height * np.sin(turn)])


def _mirrored(half: list[tuple[float, float]]) -> np.ndarray:
    """A closed outline from its left half, listed from top to bottom."""
    half = np.array(half, float)
    return np.concatenate([half, half[::-1] * (-1, 1)])


def _rounded(points: np.ndarray) -> np.ndarray:
    """Cut the corners of a closed outline twice (Chaikin)."""
    for _ in range(2):
        following = np.roll(points, -1, axis=0)
        points = np.stack([0.75 * points + 0.25 * following, 0.25 * points + 0.75 * following], axis=1).reshape(-1, 2)
    return points


def _body(shoulder: float, v_neck: bool) -> dict[str, np.ndarray]:
    """Outlines of the trunk in metres from the shoulders' middle, [n, 3]."""
    wide = shoulder
    flank = np.array([(wide - 0.02, 0.16), (wide - 0.03, 0.5), (wide, 1.2), (wide - 0.06, 1.2), (wide - 0.065, 0.45)])
    outlines = {
        "neck": _mirrored([(0.052, -0.22), (0.056, -0.10), (0.085, -0.03)]),
        "torso": _mirrored([(0.075, -0.068), (0.62 * wide, -0.047), (wide, -0.022), (wide + 0.035, 0.03),
                            (wide + 0.03, 0.12), (wide - 0.02, 0.20), (wide - 0.03, 0.5), (wide, 1.2)]),
        "neckline": _mirrored([(0.074, -0.074), (0.062, -0.035), (0.012, 0.055 if v_neck else -0.012)]),
        "flank left": flank,
        "flank right": flank * (-1, 1),
    }  # fmt: skip
    return {name: np.pad(_rounded(points), ((0, 0), (0, 1))) for name, points in outlines.items()}


def _face(long_hair: bool) -> dict[str, np.ndarray]:
    """Outlines of the head in head heights from its middle, [n, 2]."""
    outline = [(0.06, -0.49), (0.24, -0.42), (0.34, -0.27), (0.37, -0.06), (0.35, 0.12), (0.29, 0.30), (0.19, 0.43),
               (0.08, 0.49)]  # fmt: skip
    low = 0.10 if long_hair else -0.06
    hair = [(0.0, -0.56), (0.20, -0.52), (0.36, -0.38), (0.42, -0.18), (0.41, low), (0.36, low - 0.02),
            (0.33, -0.18), (0.24, -0.29), (0.05, -0.30)]  # fmt: skip
    mane = [(0.1, -0.54), (0.40, -0.36), (0.47, 0.0), (0.50, 0.45), (0.46, 0.80), (0.30, 0.86)]
    shapes = {
        "mane": _rounded(_mirrored(mane)),
        "outline": _rounded(_mirrored(outline)),
        "shade": np.array([(0.37, -0.06), (0.35, 0.12), (0.29, 0.30), (0.19, 0.43), (0.22, 0.25), (0.29, 0.08)]),
        "hair": _rounded(_mirrored(hair)),
        "nose": np.array([(0.02, 0.0), (0.055, 0.12), (0.02, 0.145), (-0.045, 0.14)]),
        "bridge": np.array([(-0.06, -0.04), (0.06, -0.04)]),
    }
    for name, side in (("left", 1.0), ("right", -1.0)):
        x = 0.155 * side
        shapes[f"ear {name}"] = _oval(0.385 * side, 0.02, 0.05, 0.10)
        shapes[f"eye {name}"] = _oval(x, -0.04, 0.070, 0.034)
        shapes[f"iris {name}"] = _oval(x, -0.04, 0.032, 0.034)
        shapes[f"lid {name}"] = np.array([(x - 0.08, -0.045), (x, -0.08), (x + 0.08, -0.045)])
        shapes[f"brow {name}"] = np.array([(x - 0.085 * side, -0.125), (x, -0.15), (x + 0.085 * side, -0.125)])
        shapes[f"glass {name}"] = _oval(x, -0.03, 0.105, 0.085)
    return shapes
