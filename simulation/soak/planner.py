"""A planner that thinks in virtual time, with every limit used to the full.

What it plans is worth nothing. A restless one wants something else every time: that power moves
from vehicle to vehicle all the time is what tries the budget. A steady one mostly keeps to what it
wanted before, as plans for a real depot do, and is restless now and then. It may also be any of the
real algorithms.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random

from daemon.core.budget import SITE
from daemon.core.effects import StartPlanning
from daemon.core.events import Event, PlanFailed, PlanReady
from planner.params import Params
from planner.plan import Cost, Objective, Period, Plan, Stay
from planner.snapshot import Connector, Snapshot, Vehicle

RESTLESS, STEADY = "restless", "steady"
# Of the plans of a steady one, those that turn everything over.
TURNED_SHARE = 0.2
THINKS_S = (0.2, 6.0)
PIECES = 3


class VirtualPlanner:
    """`algorithm`: `restless`, `steady`, or a name that `planner.algorithms` knows. `fails` gives
    up, `wild` plans past every limit, as nothing behind the audit may rely on it; `late_s` comes on
    top."""

    def __init__(self, rng: Random, algorithm: str) -> None:
        self.fails = self.wild = False
        self.late_s = 0.0
        self.emit: Callable[[Event], Awaitable[None]] | None = None
        self._rng = rng
        self._algorithm = algorithm
        self._ranks: dict[str, float] = {}
        self._thinking: asyncio.Task[None] | None = None

    async def start_planning(self, request: StartPlanning) -> None:
        self.stop()
        self._thinking = asyncio.create_task(self._think(request))

    def stop(self) -> None:
        if self._thinking is not None:
            self._thinking.cancel()
            self._thinking = None

    async def _think(self, request: StartPlanning) -> None:
        assert self.emit is not None, "a planner is asked by a daemon that runs"
        await asyncio.sleep(self._rng.uniform(*THINKS_S) + self.late_s)
        revision = request.snapshot.revision
        if self.fails:
            await self.emit(PlanFailed(revision=revision, reason="killed"))
        else:
            await self.emit(PlanReady(revision=revision, plan=self._plan(request), final=True))

    def _plan(self, request: StartPlanning) -> Plan:
        if self._algorithm == RESTLESS:
            return restless(request.snapshot, self._rng, wild=self.wild)
        if self._algorithm == STEADY:
            if self._rng.random() < TURNED_SHARE:
                self._ranks.clear()
                return restless(request.snapshot, self._rng, wild=self.wild)
            return steady(request.snapshot, self._rng, self._ranks, wild=self.wild)
        from planner.solve import solve

        params = Params(algorithm=self._algorithm)
        return solve(request.snapshot, params, request.budget_s, request.seed)


def restless(snapshot: Snapshot, rng: Random, *, wild: bool) -> Plan:
    """In each of a few pieces of the horizon all power goes to the vehicles in a random order."""
    start = snapshot.taken_at
    cuts = sorted(start + timedelta(seconds=rng.randrange(60, 3000)) for _ in range(PIECES - 1))
    standing = list(_standing(snapshot))
    pieces = []
    for begin, finish in pairwise([start, *cuts, snapshot.end]):
        if finish <= begin:
            continue
        order = rng.sample(standing, len(standing))
        evenly = rng.choice([True, False, False])
        shared = _share(snapshot, order, begin, evenly=evenly, wild=wild)
        pieces.append((begin, finish, shared))
    return _plan(snapshot, RESTLESS, standing, pieces)


def steady(snapshot: Snapshot, rng: Random, ranks: dict[str, float], *, wild: bool) -> Plan:
    """All power goes to the vehicles in the order of their `ranks`, which who is new gets by
    chance."""
    standing = list(_standing(snapshot))
    for vehicle, _ in standing:
        ranks.setdefault(vehicle.id, rng.random())
    order = sorted(standing, key=lambda item: ranks[item[0].id])
    shared = _share(snapshot, order, snapshot.taken_at, evenly=False, wild=wild)
    return _plan(snapshot, STEADY, standing, [(snapshot.taken_at, snapshot.end, shared)])


def _plan(
    snapshot: Snapshot,
    algorithm: str,
    standing: list[tuple[Vehicle, Connector]],
    pieces: list[tuple[datetime, datetime, dict[str, float]]],
) -> Plan:
    """`pieces`: from when to when, and the kW by vehicle."""
    start, end = snapshot.taken_at, snapshot.end
    periods: dict[str, list[Period]] = {vehicle.id: [] for vehicle, _ in standing}
    for begin, finish, shared in pieces:
        for vehicle_id, kw in shared.items():
            periods[vehicle_id].append(Period(start=begin, end=finish, kw=kw))
    stays = tuple(
        _stay(vehicle, connector, start, end, tuple(periods[vehicle.id]))
        for vehicle, connector in standing
    )
    return Plan(
        revision=snapshot.revision,
        status="feasible",
        algorithm=algorithm,
        stays=stays,
        objective=Objective(),
        cost=Cost(),
    )


def _standing(snapshot: Snapshot) -> Iterator[tuple[Vehicle, Connector]]:
    connectors = {connector.key: connector for connector in snapshot.connectors}
    for vehicle in snapshot.vehicles:
        if vehicle.plugged is None or not connectors[vehicle.plugged.key].controllable:
            continue
        if vehicle.energy_kwh < vehicle.battery_kwh:
            yield vehicle, connectors[vehicle.plugged.key]


def _share(
    snapshot: Snapshot,
    order: list[tuple[Vehicle, Connector]],
    at: datetime,
    *,
    evenly: bool,
    wild: bool,
) -> dict[str, float]:
    """kW by vehicle, in this order: `evenly` an equal part to each, and what is left of it; else
    all to the first."""
    site = snapshot.site
    parents = {circuit.id: circuit.parent for circuit in snapshot.circuits}
    room = {circuit.id: circuit.limit_kw.at(at) for circuit in snapshot.circuits}
    room[SITE] = site.import_limit_kw.at(at) - site.base_load_kw.at(at) + site.pv_kw.at(at)
    for connector in snapshot.connectors:
        for name in _above(connector.circuit, parents):
            room[name] -= connector.kept_kw
    fair_kw = room[SITE] / max(len(order), 1)
    has_kw = {vehicle.id: 0.0 for vehicle, _ in order}
    for most_kw in (fair_kw, 1e9) if evenly else (1e9,):
        for vehicle, connector in order:
            kept_kw, names = connector.kept_kw, list(_above(connector.circuit, parents))
            taken_kw = max(0.0, has_kw[vehicle.id] - kept_kw)
            kw = min(connector.max_kw, vehicle.max_charge_kw, max(most_kw, connector.min_kw))
            if not wild:
                left_kw = min(room[name] for name in names) + taken_kw
                kw = min(kw, kept_kw + max(0.0, left_kw))
            kw = kw if kw >= connector.min_kw else 0.0
            for name in names:
                room[name] -= max(0.0, kw - kept_kw) - taken_kw
            has_kw[vehicle.id] = kw
    return has_kw


def _above(circuit: str | None, parents: dict[str, str | None]) -> Iterator[str]:
    while circuit is not None:
        yield circuit
        circuit = parents[circuit]
    yield SITE


def _stay(
    vehicle: Vehicle,
    connector: Connector,
    start: datetime,
    end: datetime,
    periods: tuple[Period, ...],
) -> Stay:
    hours = (p.kw * (p.end - p.start) / timedelta(hours=1) for p in periods)
    return Stay(
        vehicle=vehicle.id,
        station=connector.station,
        connector=connector.connector,
        start=start,
        end=end,
        energy_kwh=sum(hours),
        periods=periods,
    )
