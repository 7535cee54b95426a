"""What a linear model is about: each vehicle's time in parts, and where it may charge in each.

A part is a piece of one step over which a vehicle's presence cannot change: steps are cut where a
possible departure's buffer begins or a route returns, so stays end and begin in mid-step.
Connectors that differ in name only form a group: holds are intervals, so as many as there are
connectors in the group at any time can always be given one each.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike

from planner.drafts.choices import Choices, Drive
from planner.drafts.draft import Visit, plugged_at, usable
from planner.drafts.timeline import Floats, Socket, Timeline
from planner.snapshot import Connector, Snapshot, Vehicle

Cell = tuple[str, int]
"""A vehicle and the number of one of its parts (or points)."""

Place = tuple[str, int, int]
"""A vehicle, the number of a group, the number of one of the vehicle's parts."""


class Part(NamedTuple):
    start_s: float
    end_s: float
    step: int

    @property
    def hours(self) -> float:
        return (self.end_s - self.start_s) / 3600


class Parts(Sequence[Part]):
    """A vehicle's parts in order of time, kept as arrays: a day by the minute has 1440 of them."""

    def __init__(self, points: Sequence[float], line: Timeline) -> None:
        edges_s = np.array(points)
        self.start_s, self.end_s = edges_s[:-1], edges_s[1:]
        self.step = line.steps_at(self.start_s)

    def __len__(self) -> int:
        return len(self.step)

    @overload
    def __getitem__(self, k: int) -> Part: ...
    @overload
    def __getitem__(self, k: slice) -> Sequence[Part]: ...
    def __getitem__(self, k: int | slice) -> Part | Sequence[Part]:
        if isinstance(k, slice):
            return list(self)[k]
        return Part(float(self.start_s[k]), float(self.end_s[k]), int(self.step[k]))

    def __iter__(self) -> Iterator[Part]:
        return map(Part, self.start_s.tolist(), self.end_s.tolist(), self.step.tolist())


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """`limits` are the positions in `Timeline.limits` that hold for it; `fallback_kw` is kept of
    them for each of its connectors. `barred`: it is among those of `Timeline.barred`."""

    sockets: tuple[Socket, ...]
    min_kw: float
    max_kw: float
    plugs: frozenset[str]
    limits: tuple[int, ...]
    fallback_kw: float = 0.0
    barred: bool = False


@dataclass(frozen=True, kw_only=True)
class Scope:
    """`points[v]` are the instants between the parts of `v`; part `k` runs from point `k` on.

    `where[v][k]` are the groups at which `v` may charge in part `k`. Vehicles in `holders` choose
    their connector in the model; for the others it is known, or there are enough of one kind.
    With `fixed` all of `chosen.drives` are driven; with `placed` each visit has its connector.
    `cap_kwh[v, g]` is the energy from which on the charge curve of `v` is below the minimum power
    of `g`. `stepped` are the places and parts whose minimum power is modelled by a binary, `steady`
    those that also keep one power to their end. `thrifty`: nobody gains by charging more than what
    its routes and its target want, so nobody does.
    """

    snapshot: Snapshot
    line: Timeline
    chosen: Choices
    fixed: bool
    groups: tuple[Group, ...]
    points: Mapping[str, tuple[float, ...]]
    parts: Mapping[str, Parts]
    where: Mapping[str, Sequence[tuple[int, ...]]]
    holders: frozenset[str]
    scarce: frozenset[int]
    cap_kwh: Mapping[tuple[str, int], float]
    placed: tuple[Visit, ...] | None = None
    stepped: frozenset[Place] = frozenset()
    steady: frozenset[Place] = frozenset()
    thrifty: bool = False

    def most_kw(self, vehicle: str, group: int, step: int) -> float:
        """What connector, vehicle and the limits alone allow; 0 if that is below the minimum."""
        return float(self.most_by_step_kw(vehicle, group)[step])

    def most_by_step_kw(self, vehicle: str, group: int) -> Floats:
        """`most_kw` of every step."""
        own_kw = self.chosen.vehicles[vehicle].max_charge_kw
        found = self._most_kw.get((own_kw, group))
        if found is None:
            place = self.groups[group]
            room_kw = self._room_kw[group]
            room_kw = room_kw + np.where(room_kw >= 0, place.fallback_kw, 0.0)
            kw = np.minimum(min(place.max_kw, own_kw), room_kw)
            found = np.where((kw > 1e-6) & (kw >= place.min_kw), kw, 0.0)
            self._most_kw[own_kw, group] = found
        return found

    @cached_property
    def _most_kw(self) -> dict[tuple[float, int], Floats]:
        """By a vehicle's highest power and a group; vehicles of a type share theirs."""
        return {}

    @cached_property
    def _room_kw(self) -> Sequence[Floats]:
        """What the limits above each group leave in each step; a battery may add to the site's."""
        battery = self.snapshot.site.battery
        rooms = [limit.room_kw for limit in self.line.limits]
        if battery is not None:
            rooms[0] = np.where(rooms[0] >= 0, rooms[0] + battery.max_discharge_kw, rooms[0])
        return [np.minimum.reduce([rooms[i] for i in g.limits]) for g in self.groups]

    @cached_property
    def _back(self) -> Mapping[Cell, tuple[Drive, ...]]:
        """The drives that end at each point; those before the first point end there too."""
        found: dict[Cell, list[Drive]] = {}
        for name, drives in self.chosen.drives.items():
            for d in drives:
                if d.return_s <= self.line.end_s:
                    k = point_before(self.points[name], d.return_s)
                    found.setdefault((name, k), []).append(d)
        return {cell: tuple(drives) for cell, drives in found.items()}

    @cached_property
    def _held(self) -> Mapping[str, tuple[int, ...]]:
        return {
            name: tuple(sorted({g for groups in set(where) for g in groups}))
            for name, where in self.where.items()
        }

    def returning(self, vehicle: str, point: int) -> tuple[Drive, ...]:
        return self._back.get((vehicle, point), ())

    def drops_kwh(self, vehicle: str) -> Mapping[int, float]:
        """What the drives that end at each point take together, if all are driven."""
        return self._drops.get(vehicle, {})

    @cached_property
    def _drops(self) -> Mapping[str, Mapping[int, float]]:
        found: dict[str, dict[int, float]] = {}
        for (name, k), drives in self._back.items():
            found.setdefault(name, {})[k] = sum(d.energy_kwh for d in drives)
        return found

    def returned(self, vehicle: str, point: int) -> list[Drive]:
        """The drives that end at `point` or before."""
        return [d for k in range(point + 1) for d in self.returning(vehicle, k)]

    def groups_held(self, vehicle: str) -> tuple[int, ...]:
        """The groups at which the vehicle may charge at any time."""
        return self._held.get(vehicle, ())

    def own_group(self, vehicle: str) -> int | None:
        """Where it is plugged now; None if nowhere or at an unusable connector."""
        own = plugged_at(self.chosen.vehicles[vehicle])
        return next((i for i, g in enumerate(self.groups) if own in g.sockets), None)

    def is_stuck(self, vehicle: str) -> bool:
        """Whether it stands at an unusable connector."""
        plugged = self.chosen.vehicles[vehicle].plugged is not None
        return plugged and self.own_group(vehicle) is None

    def together(self, cells: Iterable[Cell]) -> list[list[Cell]]:
        """The largest sets of `cells` whose parts share an instant."""
        edges: list[tuple[float, int, Cell]] = []
        for name, k in cells:
            points = self.points[name]
            edges += [(points[k], 1, (name, k)), (points[k + 1], 0, (name, k))]
        active: dict[Cell, None] = {}
        found: list[list[Cell]] = []
        grown = False
        for _, kind, cell in sorted(edges):
            if kind == 1:
                active[cell] = None
                grown = True
                continue
            if grown:
                found.append(list(active))
                grown = False
            del active[cell]
        return found

    def refine(self, *, stepped: Iterable[Place], steady: Iterable[Place]) -> Scope:
        """The same with more binaries for minimum powers."""
        return replace(self, stepped=self.stepped | set(stepped), steady=self.steady | set(steady))


def point_before(points: Sequence[float], instant_s: float) -> int:
    """The last point not after `instant_s`; the first one if none is."""
    return max(bisect_right(points, instant_s + 1e-6) - 1, 0)


def blocks(drive: Drive, part: Part, buffer_s: float) -> bool:
    """Whether driving it keeps the vehicle from charging in `part`."""
    return drive.depart_s - buffer_s < part.end_s - 1e-6 and drive.return_s > part.start_s + 1e-6


def groups_of(snapshot: Snapshot, line: Timeline) -> tuple[Group, ...]:
    """The usable connectors by circuit, powers, plugs and what a rule prefers, in order of their
    names."""
    alike: dict[tuple[object, ...], list[Connector]] = {}
    wish = snapshot.rules.soft.charger_preference
    for c in usable(snapshot):
        cost = wish.cost_of(*c.key) if wish is not None else 0.0
        key = (c.circuit, c.min_kw, c.max_kw, c.fallback_kw, frozenset(c.plugs), cost)
        alike.setdefault(key, []).append(c)
    return tuple(
        Group(
            sockets=tuple(c.key for c in group),
            min_kw=group[0].min_kw,
            max_kw=group[0].max_kw,
            plugs=frozenset(group[0].plugs),
            limits=tuple(i for i, x in enumerate(line.limits) if group[0].key in x.sockets),
            fallback_kw=group[0].fallback_kw,
            barred=line.barred is not None and group[0].key in line.barred.sockets,
        )
        for group in alike.values()
    )


def cut_points(
    vehicle: Vehicle, drives: Sequence[Drive], snapshot: Snapshot, line: Timeline
) -> tuple[float, ...]:
    """Where the vehicle's parts begin and end. One that is plugged holds from the start on."""
    buffer_s = snapshot.rules.departure_buffer_minutes * 60
    plugged = plugged_at(vehicle) is not None
    free_s = max(0.0, line.seconds(vehicle.available_from))
    start_s = 0.0 if plugged else free_s
    if start_s >= line.end_s:
        return (min(start_s, line.end_s),)
    inner = [i * line.step_s for i in range(line.steps + 1)] + [free_s]
    for drive in drives:
        inner += [drive.depart_s - buffer_s, drive.return_s]
    return distinct([start_s, *(s for s in inner if start_s < s <= line.end_s)])


def distinct(instants: ArrayLike) -> tuple[float, ...]:
    """In order, without those that differ by rounding only."""
    at_s = np.sort(np.asarray(instants, dtype=np.float64))
    apart = at_s[1:] - at_s[:-1] > 1e-6
    return (float(at_s[0]), *at_s[1:][apart].tolist())
