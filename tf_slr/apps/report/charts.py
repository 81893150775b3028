"""Charts as inline SVG, coloured by the page's style."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from tf_slr.apps.report.markup import Markup, empty, tag

WIDTH, HEIGHT = 460, 270
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 10, 36  # margins
COLOURS = 6  # that the style knows


class Line(NamedTuple):
    """A curve: its name in the legend, and its points (x, y)."""

    name: str
    points: Sequence[tuple[float, float]]


class _Axis(NamedTuple):
    """From values to pixels."""

    low: float
    high: float
    first: float
    last: float
    logarithmic: bool

    def place(self, value: float) -> float:
        low, high, at = (math.log10(v) if self.logarithmic else v for v in (self.low, self.high, value))
        return round(self.first + (self.last - self.first) * (at - low) / (high - low), 1)


def line_chart(
    title: str, lines: Sequence[Line], across: str, percent: bool = False, mark: float | None = None
) -> Markup:
    """Curves over a common axis, with a legend below.

    Where all values are above zero and span more than a factor of ten, the
    vertical axis is logarithmic.

    Args:
        title: what is drawn; for those who cannot see it.
        lines: the curves; those without points are left out.
        across: what the horizontal axis counts.
        percent: the values are shares.
        mark: where a vertical line stands, such as the epoch that was kept.
    """
    lines = [line for line in lines if line.points]
    if not lines:
        return tag("p", "Nothing to draw.", class_="quiet")
    xs = [x for line in lines for x, _ in line.points]
    ys = [y for line in lines for _, y in line.points]
    logarithmic = min(ys) > 0 and max(ys) > 10 * min(ys) and not percent
    low, high = (min(ys) / 1.15, max(ys) * 1.15) if logarithmic else (min(0.0, min(ys)), max(ys) * 1.06 or 1.0)
    down = _Axis(low, high, HEIGHT - BOTTOM, TOP, logarithmic)
    right = _Axis(min(xs), max(xs) if max(xs) > min(xs) else min(xs) + 1, LEFT, WIDTH - RIGHT, False)
    parts = []
    for value in _logarithmic_ticks(low, high) if logarithmic else _ticks(low, high, 5):
        y = down.place(value)
        parts += [empty("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid"),
                  _text(LEFT - 6, y + 4, f"{100 * value:g} %" if percent else f"{value:g}", "end")]  # fmt: skip
    for value in _ticks(right.low, right.high, 7):
        if value == int(value):
            parts.append(_text(right.place(value), HEIGHT - BOTTOM + 16, f"{value:g}", "middle"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, across, "middle"))
    if mark is not None:
        x = right.place(mark)
        parts.append(empty("line", x1=x, x2=x, y1=TOP, y2=HEIGHT - BOTTOM, class_="mark"))
    for number, line in enumerate(lines):
        places = " ".join(f"{right.place(x)},{down.place(y)}" for x, y in line.points)
        parts.append(empty("polyline", points=places, class_=f"line c{number % COLOURS}"))
        x, y = line.points[-1]
        parts.append(empty("circle", cx=right.place(x), cy=down.place(y), r=2.8, class_=f"dot c{number % COLOURS}"))
    legend = [
        tag("li", tag("span", class_=f"swatch c{number % COLOURS}"), line.name) for number, line in enumerate(lines)
    ]
    drawing = tag("svg", tag("title", title), parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", class_="chart")
    return tag("figure", tag("figcaption", title), drawing, tag("ul", legend, class_="legend"))


def bar(share: float, kind: str = "") -> Markup:
    """A horizontal bar of a share from 0 to 1."""
    filled = tag("i", style=f"width:{100 * min(max(share, 0), 1):.1f}%", class_=kind or None)
    return tag("span", filled, class_="bar", aria_hidden="true")


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return tag("text", text, x=x, y=y, text_anchor=anchor)


def _ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers from low to high, about so many."""
    raw = (high - low) / about
    power = 10 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw)
    first = math.ceil(low / step)
    return [round(step * i, 10) for i in range(first, math.floor(high / step) + 1)]


def _logarithmic_ticks(low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [factor * 10.0**decade for decade in decades for factor in (1, 2, 5)]
    return [float(f"{tick:.6g}") for tick in ticks if low <= tick <= high]
