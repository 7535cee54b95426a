"""What a plan says, sorted by who does it: drives, stays and parts of periods."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

from planner.plan import Plan, Stay
from planner.snapshot import Connector, Route, Snapshot, Vehicle

HOUR: Final = timedelta(hours=1)


class Part(NamedTuple):
    """Constant power over `[start, end)`, within which the vehicle neither departs nor returns."""

    stay: Stay
    start: datetime
    end: datetime
    kw: float

    @property
    def kwh(self) -> float:
        return self.kw * ((self.end - self.start) / HOUR)


@dataclass(frozen=True, slots=True)
class Facts:
    """`routes` holds those that count (law 1: departure within the horizon), `drives` them by
    vehicle and by departure: as the plan allocates them, in `charging` mode as they were given.
    `stays` are in order of time. Vehicles of drives are known ones, those of stays need not be.
    """

    snapshot: Snapshot
    plan: Plan
    grid: Sequence[datetime]
    vehicles: Mapping[str, Vehicle]
    connectors: Mapping[tuple[str, int], Connector]
    routes: Mapping[str, Route]
    drives: Mapping[str, Sequence[Route]]
    stays: Mapping[str, Sequence[Stay]]

    @classmethod
    def of(cls, snapshot: Snapshot, plan: Plan) -> Facts:
        begin, step, end = snapshot.taken_at, snapshot.step, snapshot.end
        routes = {r.id: r for r in snapshot.routes if begin <= r.depart < end}
        vehicles = {v.id: v for v in snapshot.vehicles}
        pairs = plan_drives(plan) if snapshot.mode != "charging" else given_drives(snapshot)
        drives: dict[str, list[Route]] = {v: [] for v in vehicles}
        for route, vehicle in pairs.items():
            if route in routes and vehicle in vehicles:
                drives[vehicle].append(routes[route])
        stays: dict[str, list[Stay]] = {v: [] for v in vehicles}
        for stay in sorted(plan.stays, key=lambda s: (s.start, s.end, s.key)):
            stays.setdefault(stay.vehicle, []).append(stay)
        return cls(
            snapshot=snapshot,
            plan=plan,
            grid=[begin + i * step for i in range(snapshot.steps + 1)],
            vehicles=vehicles,
            connectors={c.key: c for c in snapshot.connectors},
            routes=routes,
            drives={v: sorted(rs, key=lambda r: (r.depart, r.id)) for v, rs in drives.items()},
            stays=stays,
        )

    @property
    def unserved(self) -> list[Route]:
        driven = {r.id for routes in self.drives.values() for r in routes}
        return [r for r in self.routes.values() if r.id not in driven]

    def parts(self, stay: Stay) -> Iterator[Part]:
        """The periods of `stay` within the horizon, split where its vehicle departs or returns, and
        where steps begin if it has a charge curve, which holds at the end of each (law 6)."""
        edges = self.grid
        if not self.vehicles[stay.vehicle].charge_curve:
            routes = self.drives[stay.vehicle]
            edges = sorted(at for route in routes for at in (route.depart, route.return_))
        for period in stay.periods:
            for start, end in self.split(period.start, period.end, edges):
                yield Part(stay, start, end, period.kw)

    def split(
        self, start: datetime, end: datetime, edges: Sequence[datetime]
    ) -> Iterable[tuple[datetime, datetime]]:
        """`[start, end)` within the horizon, piece by piece between `edges`."""
        start, end = max(start, self.grid[0]), min(end, self.grid[-1])
        if start >= end:
            return ()
        inner = edges[bisect_right(edges, start) : bisect_left(edges, end)]
        return pairwise((start, *inner, end))


def plan_drives(plan: Plan) -> dict[str, str]:
    """Vehicle by route; the first one where a route is allocated twice."""
    pairs: dict[str, str] = {}
    for allocation in plan.allocations:
        pairs.setdefault(allocation.route, allocation.vehicle)
    return pairs


def given_drives(snapshot: Snapshot) -> dict[str, str]:
    """Law 4, `charging` mode: the vehicle on the route, else the one in `previous`; a route whose
    vehicle is missing, unknown or out of service is not driven."""
    previous = snapshot.previous.allocations if snapshot.previous is not None else ()
    before = {a.route: a.vehicle for a in previous}
    able = {v.id for v in snapshot.vehicles if v.in_service}
    pairs = ((r.id, r.vehicle or before.get(r.id)) for r in snapshot.routes)
    return {route: vehicle for route, vehicle in pairs if vehicle is not None and vehicle in able}
