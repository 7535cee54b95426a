"""Curves over two logarithmic axes as SVG, readable on a light and on a dark page.

The third is dashed, so that one below it can be seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH: Final = 720
HEIGHT: Final = 420
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 72, 52

_STYLE: Final = """
  .page { fill: #ffffff } text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 15px; font-weight: 600 } .grid { stroke: #d0d7de; stroke-width: 1 }
  .curve { fill: none; stroke-width: 2.5 }
  .c2 { stroke-dasharray: 7 4 }
  .c0 { stroke: #0550ae } .c1 { stroke: #bc4c00 } .c2 { stroke: #1a7f37 }
  .p0 { fill: #0550ae } .p1 { fill: #bc4c00 } .p2 { fill: #1a7f37 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } text { fill: #e6edf3 } .grid { stroke: #30363d }
    .c0 { stroke: #79c0ff } .c1 { stroke: #ffa657 } .c2 { stroke: #7ee787 }
    .p0 { fill: #79c0ff } .p1 { fill: #ffa657 } .p2 { fill: #7ee787 }
  }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Up to three of them have colours of their own; x and y above 0."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class _Axis:
    """Values from `low` to `high` onto pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return round(self.start + share * (self.end - self.start), 1)


def drawing(curves: Sequence[Curve], *, title: str, x_name: str, y_name: str) -> str:
    """Each x of the curves has a line of the grid, y has one for each 1, 10, 100."""
    xs = sorted({x for c in curves for x, _ in c.points})
    ys = [y for c in curves for _, y in c.points]
    low, high = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)) + 1e-9)
    tens = [10.0**e for e in range(low, max(high, low + 1) + 1)]
    x_axis = _Axis(xs[0] / 1.1, xs[-1] * 1.1, LEFT, WIDTH - RIGHT)
    y_axis = _Axis(tens[0], tens[-1], HEIGHT - BOTTOM, TOP)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            f'width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{escape(title)}">',
            f"<style>{_STYLE}</style>",
            f'<rect class="page" width="{WIDTH}" height="{HEIGHT}"/>',
            _text(LEFT, 24, title, "title"),
            *_grid(xs, tens, x_axis, y_axis),
            _text(WIDTH - RIGHT, HEIGHT - 10, x_name, anchor="end"),
            _text(LEFT - 8, TOP - 14, y_name, anchor="end"),
            *(part for i, c in enumerate(curves) for part in _curve(i, c, x_axis, y_axis)),
            "</svg>\n",
        ]
    )


def _grid(xs: Sequence[float], ys: Sequence[float], x_axis: _Axis, y_axis: _Axis) -> Iterator[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    for x in xs:
        yield f'<line class="grid" x1="{x_axis(x)}" y1="{TOP}" x2="{x_axis(x)}" y2="{bottom}"/>'
        yield _text(x_axis(x), bottom + 20, f"{x:g}", anchor="middle")
    for y in ys:
        yield f'<line class="grid" x1="{LEFT}" y1="{y_axis(y)}" x2="{right}" y2="{y_axis(y)}"/>'
        yield _text(LEFT - 8, y_axis(y) + 4, f"{y:g}", anchor="end")


def _curve(number: int, curve: Curve, x_axis: _Axis, y_axis: _Axis) -> Iterator[str]:
    at = [(x_axis(x), y_axis(y)) for x, y in curve.points]
    line = " ".join(f"{x},{y}" for x, y in at)
    yield f'<polyline class="curve c{number % 3}" points="{line}"/>'
    yield from (f'<circle class="p{number % 3}" cx="{x}" cy="{y}" r="4"/>' for x, y in at)
    key_x = LEFT + 210 * number
    yield f'<circle class="p{number % 3}" cx="{key_x + 6}" cy="44" r="5"/>'
    yield _text(key_x + 18, 48, curve.name)


def _text(x: float, y: float, text: str, kind: str = "", *, anchor: str = "start") -> str:
    chosen = f' class="{kind}"' if kind else ""
    return f'<text{chosen} x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
