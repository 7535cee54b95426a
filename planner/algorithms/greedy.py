"""The plan that is always there: routes by departure to the cheapest vehicle that can drive them.

A route that finds no vehicle may push one other route to another vehicle; then each vehicle
charges for its target, those with the least time to spare first.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random

import numpy as np

from planner.algorithms.filling import Filling, fill, fill_whole
from planner.algorithms.offers import Site
from planner.algorithms.room import Room
from planner.algorithms.words import Words
from planner.drafts.assemble import assemble
from planner.drafts.choices import Choices, Drive, choices, lawful
from planner.drafts.draft import Draft, Visit, plugged_at, sockets_with_plugs
from planner.drafts.timeline import Timeline, timeline
from planner.linear.clock import Deadline
from planner.params import Params
from planner.plan import Plan
from planner.snapshot import Snapshot

_EPS = 1e-6
_ABLE = 5
"""Of the vehicles that can drive a route so many are compared: with all of them greedy took 49 s
for 100 vehicles and 150 routes, and its plans were no better."""

_DISPLACED = 12
"""So many routes are taken out in vain before a route is given up."""


def greedy(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Plan:
    """Answers at once whatever the budget; deterministic, so `seed` is only passed on."""
    line = timeline(snapshot)
    chosen = choices(snapshot, line)
    draft = greedy_draft(snapshot, line, chosen)
    words = Words(snapshot, line, chosen, draft)
    return assemble(
        snapshot,
        line,
        chosen,
        draft,
        algorithm="greedy",
        seed=seed,
        status="feasible",
        unserved_reason=words.unserved,
        stay_reason=words.stay,
    )


def greedy_draft(snapshot: Snapshot, line: Timeline, chosen: Choices) -> Draft:
    """The best of a few orders: routes by priority or by departure, charging cheaply or at once."""
    options = sum(len(drives) for drives in chosen.drives.values())
    styles = _STYLES if options <= _FEW_OPTIONS else _STYLES[:1]
    return _best(snapshot, line, chosen, styles)[1]


def restarted_draft(
    snapshot: Snapshot, line: Timeline, chosen: Choices, seed: int, deadline: Deadline
) -> Draft:
    """The best of `_RESTARTS` random orders and greedy's own, or of those that time allows."""
    rng = Random(seed)
    hours = [rng.uniform(0.5, 6) for _ in range(_RESTARTS)]
    shuffled = (
        Style(by_priority=i % 3 != 0, eager=i % 2 == 0, blur_s=3600 * h, seed=rng.getrandbits(32))
        for i, h in enumerate(hours)
    )
    in_time = itertools.takewhile(lambda _: deadline.left_s > 0, shuffled)
    return _best(snapshot, line, chosen, itertools.chain(_STYLES, in_time))[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How routes are put in order; `blur_s` is by how much a departure may be misjudged."""

    by_priority: bool
    eager: bool
    blur_s: float = 0.0
    seed: int = 0

    def queue(self, routes: Iterable[list[Drive]]) -> list[list[Drive]]:
        rng = Random(self.seed)

        def key(options: list[Drive]) -> tuple[float, float, str]:
            first = options[0]
            priority = -first.priority if self.by_priority else 0.0
            return priority, first.depart_s + self.misjudged_s(rng), first.route

        return sorted(routes, key=key)

    def misjudged_s(self, rng: Random) -> float:
        return rng.gauss(0.0, self.blur_s) if self.blur_s else 0.0


_STYLES = (
    Style(by_priority=True, eager=False),
    Style(by_priority=False, eager=False),
    Style(by_priority=True, eager=True),
)
_RESTARTS = 40
_FEW_OPTIONS = 30_000
"""Pairs of a vehicle and a route: beyond, one order is all that an answer at once has time for."""


def _best(
    snapshot: Snapshot, line: Timeline, chosen: Choices, styles: Iterable[Style]
) -> tuple[tuple[float, float, float], Draft]:
    """Stops as soon as nothing is missing: the order then matters for money only."""
    lost = sum(r.priority for r in chosen.routes if r.id in chosen.hopeless)
    best: tuple[tuple[float, float, float], Draft] | None = None
    for style in styles:
        builder = _Builder(snapshot, line, chosen, style)
        draft = builder.given() if chosen.given else builder.allocated()
        if best is None or builder.tiers() < best[0]:
            best = builder.tiers(), draft
        if best[0][0] <= lost + _EPS and best[0][1] <= _EPS:
            break
    assert best is not None
    return best


class _Builder:
    """Vehicles planned in turn; each keeps its filling booked in the room."""

    def __init__(self, snapshot: Snapshot, line: Timeline, chosen: Choices, style: Style) -> None:
        plugs = sockets_with_plugs(snapshot)
        self._snapshot, self._line, self._chosen = snapshot, line, chosen
        self._site = Site(
            snapshot=snapshot,
            line=line,
            plugs=plugs,
            connectors={c.key: c for c in snapshot.connectors},
            occupied=frozenset(v.plugged.key for v in snapshot.vehicles if v.plugged),
            eager=style.eager,
        )
        self._room = Room(line, list(plugs))
        self._drives: dict[str, list[Drive]] = {v: [] for v in chosen.vehicles}
        self._fillings: dict[str, Filling] = {}
        self._style = style
        before = snapshot.previous.allocations if snapshot.previous else ()
        self._before = {a.route: a.vehicle for a in before}

    def tiers(self) -> tuple[float, float, float]:
        driven = {d.route for drives in self._drives.values() for d in drives}
        unserved = sum(r.priority for r in self._chosen.routes if r.id not in driven)
        fillings = self._fillings.values()
        short = sum(f.missing_kwh + f.short_kwh for f in fillings)
        return unserved, round(short, 3), sum(f.cost for f in fillings)

    def given(self) -> Draft:
        """Charging alone: the vehicle that must leave first is planned first."""
        for name in self._by_urgency({v: list(d) for v, d in self._chosen.drives.items()}):
            self._take(name, list(self._chosen.drives[name]), target=True)
        return self._draft()

    def allocated(self) -> Draft:
        routes: dict[str, list[Drive]] = {}
        for drives in self._chosen.drives.values():
            for drive in drives:
                routes.setdefault(drive.route, []).append(drive)
        left = [
            options for options in self._style.queue(routes.values()) if not self._insert(options)
        ]
        for options in left:
            self._displace(options, routes)
        for name in self._by_urgency(self._drives):
            self._take(name, self._drives[name], target=True)
        return self._draft()

    def _by_urgency(self, drives: dict[str, list[Drive]]) -> list[str]:
        rng = Random(self._style.seed)

        def first(name: str) -> tuple[bool, float, float, str]:
            vehicle = self._chosen.vehicles[name]
            leave_s = min((d.depart_s for d in drives[name]), default=self._line.end_s)
            leave_s += self._style.misjudged_s(rng)
            missing = vehicle.target_kwh - vehicle.energy_kwh
            return plugged_at(vehicle) is None, leave_s, -missing, name

        return sorted(drives, key=first)

    def _try(self, name: str, drives: Sequence[Drive]) -> Filling | None:
        """The vehicle's filling with everything else as it is booked; None if it is short."""
        vehicle = self._chosen.vehicles[name]
        with self._without(name):
            return fill_whole(self._site, self._room, vehicle, drives)

    @contextmanager
    def _without(self, name: str) -> Iterator[None]:
        old, plugged = self._fillings.get(name), plugged_at(self._chosen.vehicles[name])
        if old is not None:
            self._room.release(old.visits, plugged=plugged)
        yield
        if old is not None:
            self._room.book(old.visits, plugged=plugged)

    def _accept(self, name: str, drives: Sequence[Drive], filling: Filling) -> None:
        plugged = plugged_at(self._chosen.vehicles[name])
        if name in self._fillings:
            self._room.release(self._fillings[name].visits, plugged=plugged)
        self._room.book(filling.visits, plugged=plugged)
        self._drives[name], self._fillings[name] = list(drives), filling

    def _take(self, name: str, drives: Sequence[Drive], *, target: bool) -> None:
        """Charges for the target too, unless that would cost a departure its energy."""
        vehicle = self._chosen.vehicles[name]
        with self._without(name):
            filling = fill(self._site, self._room, vehicle, drives, target=target)
        old = self._fillings.get(name)
        if old is None or filling.missing_kwh <= old.missing_kwh + _EPS:
            self._accept(name, drives, filling)

    def _insert(self, options: Iterable[Drive]) -> bool:
        """To the vehicle to which it adds least, among the first that can."""
        best: tuple[tuple[float, ...], str, list[Drive], Filling] | None = None
        able = 0
        for drive in self._likely(options):
            name = drive.vehicle
            drives = _with(self._drives[name], drive)
            filling = self._try(name, drives)
            if filling is None:
                continue
            old = self._fillings.get(name)
            added = filling.cost - (old.cost if old else 0.0)
            swap = self._before.get(drive.route, name) != name
            key = (round(added, 4), swap, len(drives))
            if best is None or key < best[0]:
                best = key, name, drives, filling
            able += 1
            if able >= _ABLE:
                break
        if best is None:
            return False
        self._accept(*best[1:])
        return True

    def _likely(self, options: Iterable[Drive]) -> list[Drive]:
        """The lawful ones, those first whose vehicle has to buy least for all that it drives."""
        rules, found = self._snapshot.rules, []
        for drive in options:
            mine = self._drives[drive.vehicle]
            if _apart(mine, drive) and lawful(_with(mine, drive), rules):
                buys_kwh = self._driven_kwh(drive.vehicle) + drive.need_kwh
                buys_kwh -= self._chosen.vehicles[drive.vehicle].energy_kwh
                swap = self._before.get(drive.route, drive.vehicle) != drive.vehicle
                found.append(((max(0.0, buys_kwh), swap, len(mine), -buys_kwh), drive))
        return [drive for _, drive in sorted(found, key=lambda x: x[0])]

    def _driven_kwh(self, name: str) -> float:
        return sum(d.energy_kwh for d in self._drives[name])

    def _displace(self, options: Sequence[Drive], routes: dict[str, list[Drive]]) -> bool:
        """Takes the place of one route, if that finds another vehicle or counts for less."""
        tries = 0
        for drive in options:
            name = drive.vehicle
            for other in list(self._drives[name]):
                kept = [d for d in self._drives[name] if d is not other]
                drives = _with(kept, drive)
                if not _apart(kept, drive) or not lawful(drives, self._snapshot.rules):
                    continue
                filling = self._try(name, drives)
                if filling is None:
                    continue
                old_drives, old_filling = self._drives[name], self._fillings[name]
                self._accept(name, drives, filling)
                if self._insert(routes[other.route]) or other.priority < drive.priority:
                    return True
                self._accept(name, old_drives, old_filling)
                tries += 1
                if tries >= _DISPLACED:
                    return False
        return False

    def _draft(self) -> Draft:
        visits: list[Visit] = [v for f in self._fillings.values() for v in f.visits]
        battery = None if self._snapshot.site.battery is None else np.zeros(self._line.steps)
        return Draft(drives=self._drives, visits=visits, battery_kw=battery)


def _with(drives: Iterable[Drive], drive: Drive) -> list[Drive]:
    return sorted((*drives, drive), key=lambda d: d.depart_s)


def _apart(drives: Iterable[Drive], drive: Drive) -> bool:
    """Whether none of `drives` is under way at the same time: the quick half of `lawful`."""
    return all(
        d.return_s <= drive.depart_s + 1e-6 or drive.return_s <= d.depart_s + 1e-6 for d in drives
    )
