"""Rows of bars along time, shrinking with their number: stays, routes, what nobody drives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Final, Literal

from daemon.commands.picture.chart import box, stroke, text
from daemon.commands.picture.markup import Attributes, Child, Markup, tag
from daemon.commands.picture.scale import (
    CHARACTER,
    LEFT,
    RIGHT,
    TimeScale,
    fitted,
    number,
    shade,
    shortened,
)
from planner.plan import Stay

ROOMY_ROWS: Final = 24
_CROWDED_ROWS: Final = 60
_NAME: Final = 15
# From this shade on the surface's colour is read better than ink.
_DARK: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """`texts`: what may stand beside it, the first that fits; `spoken`: all there is to say."""

    kind: Literal["stay", "route", "unserved", "away", "fixed", "binding"]
    start: datetime
    end: datetime
    spoken: str
    texts: Sequence[str] = ()
    stay: Stay | None = None
    pinned: bool = False
    short: bool = False


@dataclass(slots=True, kw_only=True)
class Row:
    name: str
    note: str = ""
    style: Literal["", "out", "bad"] = ""
    bars: list[Bar] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Place:
    """A row's y and height, and its bars' within it; roomy rows have their labels above bars."""

    y: float
    height: float
    roomy: bool

    @property
    def bar_y(self) -> float:
        return self.y + (18 if self.roomy else 2)

    @property
    def bar_height(self) -> float:
        return 12 if self.roomy else self.height - 4

    @property
    def text_y(self) -> float:
        return self.y + 14 if self.roomy else self.y + self.height / 2 + 3.5


def row_height(count: int) -> float:
    return 36 if count <= ROOMY_ROWS else 22 if count <= _CROWDED_ROWS else 16


def draw_rows(rows: Sequence[Row], scale: TimeScale, top: float, highest: float) -> list[Child]:
    height = row_height(len(rows))
    roomy = len(rows) <= ROOMY_ROWS
    return [
        _draw(row, scale, _Place(top + i * height, height, roomy), highest)
        for i, row in enumerate(rows)
    ]


def _draw(row: Row, scale: TimeScale, place: _Place, highest: float) -> Markup:
    bars = sorted((b for b in row.bars if scale.shows(b.start, b.end)), key=lambda b: b.start)
    low = place.y + place.height
    said = f"{row.name}, {row.note}" if row.note else row.name
    style = f"row-label {row.style}" if row.style else "row-label"
    y = place.bar_y + 10 if place.roomy else place.text_y
    attributes: Attributes = {"class": style, "x": LEFT - 8, "y": y, "text-anchor": "end"}
    name = tag("text", attributes, tag("title", None, said), shortened(row.name, _NAME))
    ends = [scale.x(b.start) for b in bars[1:]] + [RIGHT + 8]
    drawn = [_bar(b, scale, place, highest, end) for b, end in zip(bars, ends, strict=False)]
    return tag("g", {"class": "row"}, stroke("row-line", 0, low, RIGHT, low), name, drawn)


def _bar(bar: Bar, scale: TimeScale, place: _Place, highest: float, until: float) -> Markup:
    x = scale.x(bar.start)
    width = max(scale.x(bar.end) - x, 1.5)
    y, height = place.bar_y, place.bar_height
    parts: list[Child] = [
        tag("title", None, bar.spoken),
        box(f"{bar.kind}-block", x, y, width, height),
    ]
    if bar.stay is not None:
        parts.append(_periods(bar, bar.stay, scale, place, highest))
        parts.append(stroke("edge", x, y, x, y + height))
    if bar.kind in ("route", "unserved"):
        up = 4 if place.roomy else 1
        parts.append(stroke("departure", x, y - up, x, y + height))
    if bar.pinned:
        parts.append(tag("path", {"class": "pin", "d": _diamond(x, y + height / 2)}))
    if bar.short:
        parts.append(tag("path", {"class": "short", "d": _triangle(x, y + height)}))
    if place.roomy or bar.kind == "unserved":
        parts.append(_label(bar, x, width, place, until))
    else:
        parts.append(_label_inside(bar, scale, place, highest))
    return tag("g", {"class": bar.kind}, parts)


def _label(bar: Bar, x: float, width: float, place: _Place, until: float) -> Markup | None:
    """Above the bar as far as the next one. What nobody drives is alone in its row, and so has
    the room beside it."""
    style = f"{bar.kind}-label"
    if bar.kind == "unserved":
        left, right = x - LEFT - 6, RIGHT - x - width - 6
        whole = shortened(bar.texts[0], int(max(left, right) / CHARACTER))
        y = place.bar_y + place.bar_height / 2 + 4
        if len(whole) * CHARACTER <= right:
            return text(x + width + 6, y, whole, style)
        return text(x - 6, y, whole, style, "end")
    indent = 0 if bar.kind == "stay" else 3
    said = fitted(bar.texts, until - x - indent - 4)
    return text(x + indent, place.text_y, said, style) if said else None


def _label_inside(bar: Bar, scale: TimeScale, place: _Place, highest: float) -> Markup | None:
    """As far as the colour behind it allows the same ink."""
    style, end = f"inside {bar.kind}-inside", bar.end
    if bar.stay is not None:
        periods = [p for p in bar.stay.periods if p.kw > 0]
        dark = [shade(p.kw, highest) >= _DARK for p in periods]
        first = bool(dark) and dark[0] and periods[0].start <= bar.start
        style += " on-dark" if first else ""
        others = (p.start for p, d in zip(periods, dark, strict=True) if d != first)
        end = next(others, end)
        if first and periods[0].end < bar.end:
            end = min(end, next((b.start for a, b in pairwise(periods) if a.end < b.start), end))
    indent = 7 if bar.pinned else 3
    x = scale.x(bar.start) + indent
    said = fitted(bar.texts, scale.x(end) - x - 2, 6.0)
    return text(x, place.text_y, said, style) if said else None


def _periods(bar: Bar, stay: Stay, scale: TimeScale, place: _Place, highest: float) -> list[Child]:
    drawn: list[Child] = []
    for p in stay.periods:
        if p.kw <= 0 or not scale.shows(p.start, p.end):
            continue
        x = scale.x(p.start)
        said = f"{bar.spoken}\n{number(p.kw)} kW, {scale.span(p.start, p.end)}"
        width, style = max(scale.x(p.end) - x, 0.5), f"charge kw{shade(p.kw, highest)}"
        title = tag("title", None, said)
        drawn.append(box(style, x, place.bar_y, width, place.bar_height, title))
    return drawn


def _diamond(x: float, y: float) -> str:
    return f"M{x - 4:.1f} {y:.1f}l4 -4l4 4l-4 4z"


def _triangle(x: float, y: float) -> str:
    return f"M{x - 5:.1f} {y:.1f}h10l-5 -9z"
