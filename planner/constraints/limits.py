"""Law 7: at every instant each circuit and the site stay within their limits, of which a connector
takes the higher of its power and its fallback."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from planner.drafts.timeline import Floats
from planner.linear.columns import Columns
from planner.linear.rows import Rows
from planner.linear.scope import Cell
from planner.snapshot import Snapshot

_SITE = 0
"""The site's position in `Timeline.limits`."""


def applies(snapshot: Snapshot) -> bool:
    return True


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    """A row for each step in which the limit could be passed, and for each set of parts of it that
    share an instant."""
    scope, line, powers = columns.scope, columns.scope.line, columns.powers
    drawn, uneven = _taken(columns, rows), _uneven(columns)
    for i, limit in enumerate(line.limits):
        below = np.array([i in g.limits for g in scope.groups], dtype=np.bool_)[powers.group]
        most_kw = _most_kw(columns, below)
        inside = np.flatnonzero(below)
        inside = inside[np.argsort(powers.step[inside], kind="stable")]
        if i == _SITE and columns["charge"]:
            most_kw += [columns.upper[c] for c in columns["charge"].values()]
        passable = (limit.room_kw >= 0) & (most_kw > limit.room_kw + 1e-9)
        steps, which, sets = _sets(columns, inside, np.flatnonzero(passable), uneven)
        first = rows.empty([-math.inf] * len(steps), limit.room_kw[steps].tolist())
        rows.extend(first + sets, drawn[which], 1.0)
        if i == _SITE and columns["charge"]:
            row = first + np.arange(len(steps))
            rows.extend(row, columns.numbers("charge")[steps], 1.0)
            rows.extend(row, columns.numbers("discharge")[steps], -1.0)


def _sets(
    columns: Columns,
    inside: NDArray[np.int64],
    passable: NDArray[np.int64],
    uneven: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The sets of powers of `inside`, which are in order of their steps, that share an instant: the
    step of each set; then the powers of all, and to which set each belongs."""
    step = columns.powers.step[inside]
    bounds = np.searchsorted(step, np.arange(len(uneven) + 1)).tolist()
    cut = {
        t: _at_once(columns, inside[bounds[t] : bounds[t + 1]])
        for t in passable[uneven[passable]].tolist()
    }
    number = np.array([len(cut[t]) if t in cut else 1 for t in passable.tolist()], dtype=np.int64)
    first = np.full(len(uneven), -1)
    first[passable] = np.cumsum(number) - number
    even = (first >= 0) & ~uneven
    whole = even[step]
    which, sets = [inside[whole]], [first[step[whole]]]
    for t, cliques in cut.items():
        which += cliques
        sets += [np.full(len(own), first[t] + k) for k, own in enumerate(cliques)]
    return np.repeat(passable, number), np.concatenate(which), np.concatenate(sets)


def _taken(columns: Columns, rows: Rows) -> NDArray[np.int64]:
    """The columns of what each part takes of its limits: its highest power, or what of it lies
    above the fallback where one is kept anyway."""
    taken, beyond = _drawn(columns).copy(), columns["beyond"]
    if beyond:
        for i, place in enumerate(columns.powers.places):
            if place in beyond:
                kept_kw = columns.scope.groups[place[1]].fallback_kw
                rows.add([(int(taken[i]), 1.0), (beyond[place], -1.0)], upper=kept_kw)
                taken[i] = beyond[place]
    return taken


def _drawn(columns: Columns) -> NDArray[np.int64]:
    """The columns of the highest power in each part: of the burst where the model has one."""
    burst = columns["burst"]
    if not burst:
        return columns.powers.column
    return np.array([burst.get(place, c) for place, c in columns["kw"].items()], dtype=np.int64)


def _most_kw(columns: Columns, below: NDArray[np.bool_]) -> Floats:
    """What could be drawn of `room_kw` in each step at most; a vehicle is at one of its connectors
    at a time."""
    powers, steps = columns.powers, columns.scope.line.steps
    if not below.any():
        return np.zeros(steps)
    kept_kw = np.array([g.fallback_kw for g in columns.scope.groups])[powers.group]
    most_kw = np.maximum(np.array(columns.upper)[powers.column] - kept_kw, 0.0)
    upper = np.where(below, most_kw, 0.0)
    starts = np.flatnonzero(powers.begins)
    found = np.zeros(steps)
    np.add.at(found, powers.step[starts], np.maximum.reduceat(upper, starts))
    return found


def _uneven(columns: Columns) -> NDArray[np.bool_]:
    """The steps in which some part does not last from their start to their end."""
    powers, line = columns.powers, columns.scope.line
    partial = powers.hours < line.step_h - 1e-9
    found = np.zeros(line.steps, dtype=np.bool_)
    found[powers.step[partial]] = True
    return found


def _at_once(columns: Columns, here: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Those of a step's powers that can be drawn at one instant, for all such sets; at least one,
    for the battery's sake."""
    places = columns.powers.places
    cells: dict[Cell, list[int]] = {}
    for index in here.tolist():
        name, _, k = places[index]
        cells.setdefault((name, k), []).append(index)
    together = columns.scope.together(cells) or [[]]
    return [
        np.array([i for cell in clique for i in cells[cell]], dtype=np.int64) for clique in together
    ]
