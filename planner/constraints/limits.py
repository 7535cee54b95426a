"""Law 7: at every instant each circuit and the site stay within their limits."""

from __future__ import annotations

from planner.linear.columns import Columns
from planner.linear.rows import Rows, Term
from planner.linear.scope import Cell
from planner.snapshot import Snapshot

_SITE = 0
"""The site's position in `Timeline.limits`."""


def applies(snapshot: Snapshot) -> bool:
    return True


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    scope, line = columns.scope, columns.scope.line
    for i, limit in enumerate(line.limits):
        by_step: dict[int, dict[Cell, list[tuple[str, int, int]]]] = {}
        for name, g, k in columns["kw"]:
            if i in scope.groups[g].limits:
                cells = by_step.setdefault(scope.parts[name][k].step, {})
                cells.setdefault((name, k), []).append((name, g, k))
        steps = range(line.steps) if i == _SITE else sorted(by_step)
        for step in steps:
            room_kw = float(limit.room_kw[step])
            if room_kw < 0:
                continue
            cells = by_step.get(step, {})
            battery = _battery(columns, step) if i == _SITE else []
            for clique in scope.together(cells) or [[]]:
                places = [place for cell in clique for place in cells[cell]]
                if _may_exceed(columns, places, battery, room_kw):
                    rows.add([*_draw(columns, places), *battery], upper=room_kw)


def _battery(columns: Columns, step: int) -> list[Term]:
    if step not in columns["charge"]:
        return []
    return [(columns["charge"][step], 1.0), (columns["discharge"][step], -1.0)]


def _draw(columns: Columns, places: list[tuple[str, int, int]]) -> list[Term]:
    burst, kw = columns["burst"], columns["kw"]
    return [(burst.get(place, kw[place]), 1.0) for place in places]


def _may_exceed(
    columns: Columns, places: list[tuple[str, int, int]], battery: list[Term], room_kw: float
) -> bool:
    most_kw: dict[Cell, float] = {}
    for name, g, k in places:
        upper = columns.upper[columns["kw"][name, g, k]]
        most_kw[name, k] = max(most_kw.get((name, k), 0.0), upper)
    charge_kw = columns.upper[battery[0][0]] if battery else 0.0
    return sum(most_kw.values()) + charge_kw > room_kw + 1e-9
