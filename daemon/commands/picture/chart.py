"""What every chart has: a frame with a title and a description, hour lines, levels, a legend."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from daemon.commands.picture.markup import Child, Markup, coordinate, tag
from daemon.commands.picture.scale import (
    LEFT,
    RIGHT,
    SHADES,
    WIDTH,
    TimeScale,
    ValueScale,
    clock,
    day,
    highest_kw,
    number,
)
from planner.plan import Plan

AXIS = 34.0
"""What the hours below a chart take."""
HEAD = 20.0
"""What rows leave free above them: the hours of tall charts, the labels of others."""
_TALL = 640
Piece = tuple[datetime, datetime, float]


def chart(name: str, title: str, description: str, height: float, *children: Child) -> Markup:
    """`name` is the chart's class and the beginning of its ids, one of its own on the page."""
    return tag(
        "div",
        {"class": "chart scroll", "tabindex": "0", "role": "group", "aria-label": title},
        tag(
            "svg",
            {
                "class": name,
                "role": "img",
                "aria-labelledby": f"{name}-title {name}-desc",
                "viewBox": f"0 0 {coordinate(WIDTH)} {coordinate(height)}",
            },
            tag("title", {"id": f"{name}-title"}, title),
            tag("desc", {"id": f"{name}-desc"}, description),
            children,
        ),
    )


def panel(name: str, title: str, *children: Child) -> Markup:
    """A section of the page."""
    heading = tag("h2", {"id": f"{name}-heading"}, title)
    return tag("section", {"id": name, "aria-labelledby": f"{name}-heading"}, heading, children)


def text(x: float, y: float, said: str, style: str, anchor: str | None = None) -> Markup:
    return tag("text", {"class": style, "x": x, "y": y, "text-anchor": anchor}, said)


def box(style: str, x: float, y: float, width: float, height: float, *inner: Child) -> Markup:
    return tag("rect", {"class": style, "x": x, "y": y, "width": width, "height": height}, *inner)


def stroke(style: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    return tag("line", {"class": style, "x1": x1, "y1": y1, "x2": x2, "y2": y2})


def hour_lines(scale: TimeScale, top: float, bottom: float) -> list[Child]:
    """Vertical lines, with the clock of UTC below them."""
    by_day = scale.tick_minutes >= 24 * 60
    lines: list[Child] = [text(LEFT - 8, bottom + 15, "UTC", "unit", "end")]
    for at in scale.ticks():
        x, midnight = scale.x(at), (at.hour, at.minute) == (0, 0)
        lines.append(
            stroke("grid midnight" if midnight and not by_day else "grid", x, top, x, bottom)
        )
        if not LEFT + 14 < x < RIGHT - 10:
            continue
        said = f"{at.day} {day(at)[-3:]}" if by_day else clock(at)
        lines.append(text(x, bottom + 15, said, "tick", "middle"))
        if bottom - top > _TALL:
            lines.append(text(x, top - 5, said, "tick", "middle"))
        if midnight and not by_day and RIGHT - x > 40:
            lines.append(text(x, bottom + 28, day(at), "tick day", "middle"))
    if not by_day:
        lines.append(text(LEFT, bottom + 28, day(scale.start), "tick day"))
    return lines


def level_lines(values: ValueScale, unit: str) -> list[Child]:
    """Horizontal lines with their values at the left, and the unit above these."""
    lines: list[Child] = [text(LEFT - 8, values.top - 12, unit, "unit", "end")]
    for level in values.levels:
        y, said = values.y(level), f"{level:.6f}".rstrip("0").rstrip(".")
        lines.append(stroke("base" if level == 0 else "grid", LEFT, y, RIGHT, y))
        lines.append(text(LEFT - 8, y + 4, said, "tick", "end"))
    return lines


def step_path(style: str, pieces: Iterable[Piece], scale: TimeScale, values: ValueScale) -> Markup:
    """A line of steps; where pieces do not join, the pen is lifted."""
    drawn, last = "", None
    for start, end, value in pieces:
        pen = "L" if last == start else "M"
        x, y = coordinate(scale.x(start)), coordinate(values.y(value))
        drawn += f"{pen}{x} {y}H{coordinate(scale.x(end))}"
        last = end
    return tag("path", {"class": style, "d": drawn})


def step_area(style: str, pieces: Sequence[Piece], scale: TimeScale, values: ValueScale) -> Markup:
    """What lies between the steps and zero."""
    zero = coordinate(values.y(0))
    drawn = ""
    for start, end, value in pieces:
        left, right = coordinate(scale.x(start)), coordinate(scale.x(end))
        drawn += f"M{left} {zero}V{coordinate(values.y(value))}H{right}V{zero}Z"
    return tag("path", {"class": style, "d": drawn})


def legend(*entries: Child) -> Markup:
    return tag("ul", {"class": "legend"}, *entries)


def entry(said: str, *swatches: Markup) -> Markup:
    drawn = (tag("svg", {"width": 18, "height": 12, "aria-hidden": "true"}, s) for s in swatches)
    return tag("li", None, list(drawn), said)


def swatch(style: str) -> Markup:
    return box(style, 0, 0, 18, 12)


def line_swatch(style: str) -> Markup:
    return tag("path", {"class": style, "d": "M0 6H18"})


def charging_entry(plan: Plan) -> Markup | None:
    """What the shades mean, where there are any."""
    if not any(p.kw > 0 for s in plan.stays for p in s.periods):
        return None
    shades = (swatch(f"kw{i + 1}") for i in range(SHADES))
    return entry(f"charging, up to {number(highest_kw(plan))} kW", *shades)
