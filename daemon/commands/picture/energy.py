"""Each vehicle's energy along time, with its departures and what each of them needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from daemon.commands.picture.chart import (
    AXIS,
    HEAD,
    box,
    chart,
    entry,
    hour_lines,
    legend,
    line_swatch,
    stroke,
    swatch,
    text,
)
from daemon.commands.picture.markup import Attributes, Child, Markup, coordinate, tag
from daemon.commands.picture.scale import (
    CHARACTER,
    LEFT,
    RIGHT,
    TimeScale,
    natural,
    number,
    shortened,
)
from planner.plan import Period, Plan
from planner.snapshot import Route, Snapshot, Vehicle

# Below a watt-hour the audit sees no lack either.
_NOTHING_KWH: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Need:
    """What a departure wants and finds; `route` is None for the target at the end."""

    at: datetime
    route: str | None
    need_kwh: float
    has_kwh: float

    @property
    def lacks(self) -> bool:
        return self.need_kwh - self.has_kwh > _NOTHING_KWH


@dataclass(frozen=True, slots=True)
class Course:
    """A vehicle's energy: straight between `points`; `away` are the times on its routes."""

    vehicle: Vehicle
    points: list[tuple[datetime, float]]
    needs: list[Need]
    away: list[Route]

    @property
    def end_kwh(self) -> float:
        return self.points[-1][1]


def courses(snapshot: Snapshot, plan: Plan) -> list[Course]:
    """By vehicle's name; laws 3, 4 and 8 of the plan say how energy moves and what is owed."""
    routes = {r.id: r for r in snapshot.routes}
    found = []
    for vehicle in sorted(snapshot.vehicles, key=lambda v: natural(v.id)):
        periods = [p for s in plan.stays if s.vehicle == vehicle.id for p in s.periods]
        names = [a.route for a in plan.allocations if a.vehicle == vehicle.id]
        away = [routes[n] for n in names if n in routes]
        away = [r for r in away if snapshot.taken_at <= r.depart < snapshot.end]
        found.append(_course(snapshot, vehicle, periods, away))
    return found


_CHARGED, _RETURNED, _DEPARTS = range(3)


def _course(
    snapshot: Snapshot, vehicle: Vehicle, periods: Iterable[Period], away: list[Route]
) -> Course:
    events: list[tuple[datetime, int, Period | Route]] = []
    events += [(p.end, _CHARGED, p) for p in periods]
    events += [(r.depart, _DEPARTS, r) for r in away]
    events += [(r.return_, _RETURNED, r) for r in away if r.return_ <= snapshot.end]
    kwh = vehicle.energy_kwh
    points, needs = [(snapshot.taken_at, kwh)], []
    for at, kind, what in sorted(events, key=lambda e: e[:2]):
        if isinstance(what, Period):
            points.append((what.start, kwh))
            kwh += vehicle.efficiency * what.kw * (what.end - what.start).total_seconds() / 3600
        elif kind == _RETURNED:
            points.append((at, kwh))
            kwh -= what.energy_for(vehicle.id) or 0.0
            kwh = max(kwh, 0.0) if snapshot.mode == "charging" else kwh
        else:
            wanted = snapshot.rules.need_kwh(
                what.energy_for(vehicle.id) or 0.0, vehicle.reserve_kwh
            )
            needs.append(Need(at, what.id, wanted, kwh))
        points.append((at, kwh))
    back = max((r.return_ for r in away), default=vehicle.available_from)
    if vehicle.in_service and back <= snapshot.end and vehicle.target_kwh > 0:
        needs.append(Need(snapshot.end, None, vehicle.target_kwh, kwh))
    points.append((snapshot.end, kwh))
    return Course(vehicle, points, needs, away)


def energy_chart(found: list[Course], scale: TimeScale) -> list[Markup]:
    height = _row_height(len(found))
    bottom = HEAD + len(found) * height + 2
    short = sum(n.lacks for c in found for n in c.needs)
    said = f"{len(found)} vehicles; {short} times one has less than is needed."
    rows = [_row(c, scale, HEAD + i * height, height) for i, c in enumerate(found)]
    entries = [
        entry("energy in the vehicle, its height the whole battery", line_swatch("course-line")),
        entry("a departure with what it needs, reserve included; at the end the target",
              tag("path", {"class": "need", "d": "M9 12V3M4 3h10"})),
        entry("reserve", line_swatch("reserve")),
        entry("on a route", swatch("away-time")),
    ]  # fmt: skip
    if short:
        mark = tag("path", {"class": "need lacks", "d": "M9 12V3M4 3h10"})
        entries.append(entry("needs more than it has", mark))
    inside: list[Child] = [hour_lines(scale, HEAD, bottom), rows]
    return [
        chart("energy-lines", "Energy by vehicle", said, bottom + AXIS, inside),
        legend(*entries),
    ]


def _row_height(count: int) -> float:
    return 72 if count <= 12 else 48 if count <= 40 else 28


def _row(course: Course, scale: TimeScale, top: float, height: float) -> Markup:
    vehicle, low = course.vehicle, top + height
    full = max([vehicle.battery_kwh, *(kwh for _, kwh in course.points)])
    ceiling = top + (16 if height >= 48 else 4)

    def y(kwh: float) -> float:
        return low - max(0.0, min(1.0, kwh / full)) * (low - ceiling)

    style = "row-label" if vehicle.in_service else "row-label out"
    named = tag("title", None, f"{vehicle.id}, battery {number(vehicle.battery_kwh)} kWh")
    attributes: Attributes = {
        "class": style,
        "x": LEFT - 8,
        "y": low - height / 2 + 4,
        "text-anchor": "end",
    }
    drawn: list[Child] = [
        [_away(r, scale, top, low) for r in course.away],
        stroke("row-line", 0, low, RIGHT, low),
        tag("text", attributes, named, shortened(vehicle.id, 15)),
        _line(course, scale, y, low),
    ]
    if vehicle.reserve_kwh > 0:
        reserve = y(vehicle.reserve_kwh)
        drawn.append(stroke("reserve", LEFT, reserve, RIGHT, reserve))
    if height >= 48:
        said = f"of {number(vehicle.battery_kwh)} kWh"
        drawn.append(text(LEFT - 8, low - height / 2 + 18, said, "tick", "end"))
    told = LEFT
    for need in sorted(course.needs, key=lambda n: n.at):
        mark, told = _need(need, scale, y(need.need_kwh), top, low, told)
        drawn.append(mark)
    return tag("g", {"class": "course"}, drawn)


def _away(route: Route, scale: TimeScale, top: float, low: float) -> Markup:
    x = scale.x(route.depart)
    said = f"{route.id}, {scale.span(route.depart, route.return_)}"
    width = max(scale.x(route.return_) - x, 1)
    return box("away-time", x, top + 1, width, low - top - 1, tag("title", None, said))


def _line(course: Course, scale: TimeScale, y: Callable[[float], float], low: float) -> list[Child]:
    corners = [f"{coordinate(scale.x(at))} {coordinate(y(kwh))}" for at, kwh in course.points]
    corners = list(dict.fromkeys(corners))
    line = "L".join(corners)
    filled = f"M{coordinate(LEFT)} {coordinate(low)}L{line}V{coordinate(low)}Z"
    return [
        tag("path", {"class": "energy-area", "d": filled}),
        tag("path", {"class": "course-line", "d": f"M{line}"}),
    ]


def _need(
    need: Need, scale: TimeScale, y: float, top: float, low: float, told: float
) -> tuple[Markup, float]:
    """The mark, and how far its words reach where there is room for any."""
    x, end = scale.x(need.at), need.route is None
    left, right = (x - 10, x) if end else (x - 5, x + 5)
    figures = f"{number(need.need_kwh)} needed, has {number(need.has_kwh)}"
    what = "target at the end" if end else f"{need.route} leaves {scale.moment(need.at)}"
    path = f"M{x:.1f} {low:.1f}V{y:.1f}M{left:.1f} {y:.1f}H{right:.1f}"
    style = "need lacks" if need.lacks else "need"
    parts: list[Child] = [
        tag("title", None, f"{what}: {figures} kWh"),
        tag("path", {"class": style, "d": path}),
    ]
    if low - top >= 48:
        name = "target" if end else shortened(need.route or "", 12)
        said = f"{name} needs {number(need.need_kwh)}, has {number(need.has_kwh)}"
        room = len(said) * CHARACTER
        begin = x - room - 4 if end or x + room > RIGHT else x + 4
        if begin > told:
            words = f"need-label{' lacks' if need.lacks else ''}"
            parts.append(text(begin, top + 12, said, words))
            told = begin + room
    return tag("g", {"class": "departure-need"}, parts), told
