"""Builds scopes: with the connectors to be chosen, or as a draft has them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

from planner.drafts.choices import Choices
from planner.drafts.curve import curve, fading_kwh
from planner.drafts.draft import SHORTEST_S, Draft, Visit, plugged_at
from planner.drafts.timeline import Socket, Timeline
from planner.linear.scope import Cell, Part, Scope, blocks, cut_points, groups_of
from planner.snapshot import Snapshot, Vehicle


def open_scope(snapshot: Snapshot, line: Timeline, chosen: Choices, *, fixed: bool) -> Scope:
    """Connectors are the model's to choose; with `fixed` all of `chosen.drives` are driven."""
    scope = _bare(snapshot, line, chosen, fixed=fixed)
    where: dict[Cell, tuple[int, ...]] = {}
    holders: set[str] = set()
    users: dict[int, set[str]] = {}
    buffer_s = snapshot.rules.departure_buffer_minutes * 60
    for name, vehicle in chosen.vehicles.items():
        drives = chosen.drives[name]
        fitting = [i for i, g in enumerate(scope.groups) if g.plugs & set(vehicle.plugs)]
        returns_s = [d.return_s for d in drives]
        for k, part in _usable(scope, vehicle):
            away_before = any(r <= part.start_s + 1e-6 for r in returns_s)
            stuck = scope.is_stuck(name) and not away_before
            if fixed and any(blocks(d, part, buffer_s) for d in drives):
                continue
            allowed = [] if stuck else fitting
            found = tuple(g for g in allowed if scope.most_kw(name, g, part.step) > 0)
            if found:
                where[name, k] = found
            for g in found:
                users.setdefault(g, set()).add(name)
    scarce = frozenset(g for g, names in users.items() if len(names) > len(scope.groups[g].sockets))
    for name, vehicle in chosen.vehicles.items():
        mine = {g for g, names in users.items() if name in names}
        fades = any(vehicle.energy_kwh > scope.cap_kwh[name, g] for g in mine)
        if len(mine) > 1 or mine & scarce or fades or scope.is_stuck(name):
            holders.add(name)
    return replace(scope, where=where, holders=frozenset(holders), scarce=scarce)


def placed_scope(snapshot: Snapshot, line: Timeline, chosen: Choices, draft: Draft) -> Scope:
    """Routes and connectors are as in `draft`; only the charging is left to decide.

    Visits that share a connector keep their order; the time between two
    belongs to the earlier one.
    """
    driven = {v: tuple(draft.drives.get(v, ())) for v in chosen.vehicles}
    scope = _bare(snapshot, line, replace(chosen, drives=driven), fixed=True)
    group_of = {s: i for i, g in enumerate(scope.groups) for s in g.sockets}
    where: dict[Cell, tuple[int, ...]] = {}
    placed = _stretched(draft.visits, chosen.vehicles)
    windows: dict[str, list[tuple[float, float, int]]] = {}
    for visit in placed:
        assert visit.socket is not None
        window = (visit.start_s, visit.end_s, group_of[visit.socket])
        windows.setdefault(visit.vehicle, []).append(window)
    points = dict(scope.points)
    for name, found in windows.items():
        edges = {s for a, b, _ in found for s in (a, b)}
        points[name] = _with(points[name], edges)
    scope = replace(scope, points=points, parts=_parts(points, line))
    for name, vehicle in chosen.vehicles.items():
        for k, part in _usable(scope, vehicle):
            for a, b, g in windows.get(name, ()):
                inside = a <= part.start_s + 1e-6 and part.end_s <= b + 1e-6
                if inside and scope.most_kw(name, g, part.step) > 0:
                    where[name, k] = (g,)
    return replace(scope, where=where, placed=tuple(placed))


def _bare(snapshot: Snapshot, line: Timeline, chosen: Choices, *, fixed: bool) -> Scope:
    groups = groups_of(snapshot, line)
    points = {
        name: cut_points(vehicle, chosen.drives[name], snapshot, line)
        for name, vehicle in chosen.vehicles.items()
    }
    caps = {
        (name, i): fading_kwh(curve(vehicle), g.min_kw)
        for name, vehicle in chosen.vehicles.items()
        for i, g in enumerate(groups)
    }
    return Scope(
        snapshot=snapshot,
        line=line,
        chosen=chosen,
        fixed=fixed,
        groups=groups,
        points=points,
        parts=_parts(points, line),
        where={},
        holders=frozenset(),
        scarce=frozenset(),
        cap_kwh=caps,
    )


def _parts(points: Mapping[str, Sequence[float]], line: Timeline) -> dict[str, tuple[Part, ...]]:
    return {
        name: tuple(Part(a, b, line.step_at(a)) for a, b in itertools.pairwise(at))
        for name, at in points.items()
    }


def _with(points: Sequence[float], more: set[float]) -> tuple[float, ...]:
    kept = list(points)
    for at_s in more:
        if points[0] < at_s < points[-1] and all(abs(at_s - p) > 1e-6 for p in points):
            kept.append(at_s)
    return tuple(sorted(kept))


def _usable(scope: Scope, vehicle: Vehicle) -> list[tuple[int, Part]]:
    free_s = scope.line.seconds(vehicle.available_from)
    return [
        (k, part)
        for k, part in enumerate(scope.parts[vehicle.id])
        if part.start_s >= free_s - 1e-6 and part.end_s - part.start_s >= SHORTEST_S
    ]


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
