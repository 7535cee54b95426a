"""Builds scopes: with the connectors to be chosen, or as a draft has them."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from planner.drafts.choices import Choices, Drive
from planner.drafts.curve import curve, fading_kwh
from planner.drafts.draft import SHORTEST_S, Draft, Visit, plugged_at
from planner.drafts.preference import barred
from planner.drafts.timeline import Socket, Timeline
from planner.linear.levels import idle_kwh
from planner.linear.scope import (
    Group,
    Part,
    Parts,
    Scope,
    blocks,
    cut_points,
    distinct,
    groups_of,
)
from planner.snapshot import Snapshot, Vehicle

_FULL_KWH: Final = 1e-6
"""Of less room than this nothing comes."""


def open_scope(snapshot: Snapshot, line: Timeline, chosen: Choices, *, fixed: bool) -> Scope:
    """Connectors are the model's to choose; with `fixed` all of `chosen.drives` are driven."""
    scope = _bare(snapshot, line, chosen, fixed=fixed)
    where: dict[str, list[tuple[int, ...]]] = {}
    holders: set[str] = set()
    users: dict[int, set[str]] = {}
    buffer_s = snapshot.rules.departure_buffer_minutes * 60
    for name, vehicle in chosen.vehicles.items():
        drives = chosen.drives[name]
        fitting = [i for i, g in enumerate(scope.groups) if g.plugs & set(vehicle.plugs)]
        returns_s = [d.return_s for d in drives]
        where[name] = [()] * len(scope.parts[name])
        for k, part in _usable(scope, vehicle):
            away_before = any(r <= part.start_s + 1e-6 for r in returns_s)
            stuck = scope.is_stuck(name) and not away_before
            if fixed and any(blocks(d, part, buffer_s) for d in drives):
                continue
            allowed = [] if stuck else fitting
            found = tuple(g for g in allowed if scope.most_kw(name, g, part.step) > 0)
            bar = barred(line, drives, part.start_s) if fixed else None
            if bar is not None and bar.steps[part.step]:
                found = tuple(g for g in found if not scope.groups[g].barred)
            where[name][k] = found
            for g in found:
                users.setdefault(g, set()).add(name)
    scarce = frozenset(g for g, names in users.items() if len(names) > len(scope.groups[g].sockets))
    for name, vehicle in chosen.vehicles.items():
        mine = {g for g, names in users.items() if name in names}
        fades = any(vehicle.energy_kwh > scope.cap_kwh[name, g] for g in mine)
        if len(mine) > 1 or mine & scarce or fades or scope.is_stuck(name):
            holders.add(name)
    return replace(scope, where=where, holders=frozenset(holders), scarce=scarce)


def placed_scope(
    snapshot: Snapshot,
    line: Timeline,
    chosen: Choices,
    draft: Draft,
    *,
    thrifty: bool = False,
    stretched: bool = True,
) -> Scope:
    """Routes and connectors are as in `draft`; only the charging is left to decide.

    Visits that share a connector keep their order; the time between two belongs to the earlier one,
    or to nobody where the visits are not `stretched`: then each has its connector all the time.
    Steps are cut only where a vehicle may charge. With `thrifty` nobody charges more than is of use
    to its routes and its target, unless a price is negative: an aim beside the tiers may want that.
    """
    driven = {v: tuple(draft.drives.get(v, ())) for v in chosen.vehicles}
    chosen = replace(chosen, drives=driven)
    groups = groups_of(snapshot, line)
    group_of = {s: i for i, g in enumerate(groups) for s in g.sockets}
    placed = _stretched(draft.visits, chosen.vehicles) if stretched else draft.visits
    windows: dict[str, list[tuple[Visit, int]]] = {name: [] for name in chosen.vehicles}
    for visit in placed:
        assert visit.socket is not None
        windows[visit.vehicle].append((visit, group_of[visit.socket]))
    points = {
        name: _window_points(vehicle, driven[name], windows[name], line)
        for name, vehicle in chosen.vehicles.items()
    }
    pairs = {(name, g) for name, found in windows.items() for _, g in found}
    parts = {name: Parts(at, line) for name, at in points.items()}
    where: dict[str, list[tuple[int, ...]]] = {v: [()] * len(own) for v, own in parts.items()}
    costly = bool((line.import_price >= 0).all() and (line.export_price >= 0).all())
    scope = Scope(
        snapshot=snapshot,
        line=line,
        chosen=chosen,
        fixed=True,
        groups=groups,
        points=points,
        parts=parts,
        where=where,
        holders=frozenset(),
        scarce=frozenset(),
        cap_kwh=_caps(chosen, groups, pairs),
        placed=tuple(placed),
        thrifty=thrifty and costly,
    )
    # Filled in place: a copy of the scope would reckon its rooms and returns anew.
    for found in windows.values():
        for visit, g in found:
            own, here = where[visit.vehicle], (g,)
            for k in _charging_parts(scope, visit, g):
                own[k] = here
    return scope


def _window_points(
    vehicle: Vehicle,
    drives: Sequence[Drive],
    windows: Sequence[tuple[Visit, int]],
    line: Timeline,
) -> tuple[float, ...]:
    """The vehicle's start, returns, windows, and the steps' bounds within these."""
    free_s = 0.0 if plugged_at(vehicle) is not None else line.seconds(vehicle.available_from)
    start_s = min(max(free_s, 0.0), line.end_s)
    end_s = line.end_s
    found = [start_s, end_s, *(d.return_s for d in drives)]
    for visit, _ in windows:
        found += line.edges(visit.start_s, visit.end_s)
    at_s = np.array(found)
    return distinct(at_s[(at_s >= start_s) & (at_s <= end_s)])


def _charging_parts(scope: Scope, visit: Visit, group: int) -> list[int]:
    """The parts of a visit in which it may charge: none where it begins with more energy than the
    charge curve lets the connector's minimum power be."""
    name, vehicle = visit.vehicle, scope.chosen.vehicles[visit.vehicle]
    idle = idle_kwh(vehicle, scope.chosen.drives[name], visit.start_s)
    if idle >= scope.cap_kwh[name, group] - _FULL_KWH:
        return []
    points, parts = scope.points[name], scope.parts[name]
    first = bisect_left(points, visit.start_s - 1e-6)
    last = bisect_left(points, min(visit.end_s, scope.line.end_s) - 1e-6)
    most_kw = scope.most_by_step_kw(name, group)[parts.step[first:last]]
    usable = _are_usable(parts, scope.line.seconds(vehicle.available_from))[first:last]
    bar = barred(scope.line, scope.chosen.drives[name], visit.start_s)
    if bar is not None and scope.groups[group].barred:
        usable &= ~bar.steps[parts.step[first:last]]
    found: list[int] = (first + np.flatnonzero(usable & (most_kw > 0))).tolist()
    return found


def _bare(snapshot: Snapshot, line: Timeline, chosen: Choices, *, fixed: bool) -> Scope:
    groups = groups_of(snapshot, line)
    points = {
        name: cut_points(vehicle, chosen.drives[name], snapshot, line)
        for name, vehicle in chosen.vehicles.items()
    }
    pairs = itertools.product(chosen.vehicles, range(len(groups)))
    return Scope(
        snapshot=snapshot,
        line=line,
        chosen=chosen,
        fixed=fixed,
        groups=groups,
        points=points,
        parts={name: Parts(at, line) for name, at in points.items()},
        where={},
        holders=frozenset(),
        scarce=frozenset(),
        cap_kwh=_caps(chosen, groups, pairs),
    )


def _caps(
    chosen: Choices, groups: Sequence[Group], pairs: Iterable[tuple[str, int]]
) -> dict[tuple[str, int], float]:
    return {
        (name, g): fading_kwh(curve(chosen.vehicles[name]), groups[g].min_kw) for name, g in pairs
    }


def _usable(scope: Scope, vehicle: Vehicle) -> list[tuple[int, Part]]:
    free_s = scope.line.seconds(vehicle.available_from)
    parts = scope.parts[vehicle.id]
    usable = _are_usable(parts, free_s).tolist()
    return [(k, part) for k, part in enumerate(parts) if usable[k]]


def _are_usable(parts: Parts, free_s: float) -> NDArray[np.bool_]:
    usable: NDArray[np.bool_] = parts.end_s - parts.start_s >= SHORTEST_S
    usable &= parts.start_s >= free_s - 1e-6
    return usable


def _stretched(visits: Sequence[Visit], vehicles: Mapping[str, Vehicle]) -> list[Visit]:
    """The visits that charge, with windows as wide as the others at their connector leave."""
    by_socket: dict[Socket, list[tuple[float, float, Visit]]] = {}
    for visit in visits:
        plugged = plugged_at(vehicles[visit.vehicle]) == visit.socket
        hold = visit.hold(plugged=plugged)
        if hold is not None and visit.socket is not None:
            by_socket.setdefault(visit.socket, []).append((*hold, visit))
    wide = []
    for queue in by_socket.values():
        queue.sort(key=lambda x: x[:2])
        begins = [start_s for start_s, _, _ in queue[1:]] + [float("inf")]
        for i, ((hold_s, _, visit), next_s) in enumerate(zip(queue, begins, strict=True)):
            start_s = max(visit.start_s, hold_s) if i else visit.start_s
            wide.append(replace(visit, start_s=start_s, end_s=min(visit.end_s, next_s)))
    return sorted(wide, key=lambda v: (v.vehicle, v.start_s))
