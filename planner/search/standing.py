"""What still holds of the plan in force, vehicle by vehicle.

A vehicle keeps its routes where these still are lawful for it, and its charging where that is: it
is there, the connector fits, is not barred to it and held by nobody else, powers are within its
curve and what the limits leave, and no departure lacks energy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat

from planner.drafts.assemble import load_kw, site_import
from planner.drafts.choices import Drive
from planner.drafts.curve import kw_at
from planner.drafts.draft import Charge, Draft, Visit, charges_of, trace
from planner.drafts.preference import barred
from planner.drafts.timeline import Socket, Timeline
from planner.search.carried import as_filling
from planner.search.filling import Filling
from planner.search.instance import Instance
from planner.search.mover import Fit, Mover, Span
from planner.stay import Stay

_KW = 1e-5
"""A tenth of what the audit lets pass."""

_KWH = 1e-6


@dataclass(slots=True)
class Standing:
    """By vehicle the routes that it keeps, and the charging of those who keep that too."""

    instance: Instance
    drives: list[list[Drive]]
    visits: dict[int, list[Visit]] = field(default_factory=dict)
    fillings: dict[int, Filling] = field(default_factory=dict)
    """The same charging as the search has it; of more vehicles than are left in `visits`."""

    @classmethod
    def of(cls, instance: Instance) -> Standing:
        found = cls(instance, [_drives(instance, name) for name in instance.names])
        found._share_reserve()
        stays = _stays(instance)
        for v, drives in enumerate(found.drives):
            spans = instance.spans(instance.movers[v], drives)
            visits = _visits(instance, v, spans, stays.get(v, ()))
            filling = _holding(instance, v, drives, spans, visits)
            if filling is not None:
                found.visits[v], found.fillings[v] = visits, filling
        found._share_connectors()
        found._share_limits()
        return found

    def peak_kw(self) -> float:
        """The highest import of what holds, where that is paid for."""
        site = self.instance.snapshot.site
        if site.peak_price_per_kw <= 0:
            return math.inf
        visits = [visit for own in self.visits.values() for visit in own]
        import_kw = site_import(Draft(drives={}, visits=visits), self.instance.line)
        return max(float(import_kw.max()), site.peak_so_far_kw)

    def late(self, v: int) -> tuple[float, int]:
        """Who departs last gives way to the others."""
        return min((d.depart_s for d in self.drives[v]), default=self.instance.line.end_s), v

    def _share_reserve(self) -> None:
        """Where a hard reserve has grown, those with least to drive are kept in it."""
        most = self.instance.most_drivers
        if most is None or self.instance.chosen.given:
            return
        driving = [v for v, own in enumerate(self.drives) if own]
        driving.sort(key=lambda v: (-sum(d.priority for d in self.drives[v]), v))
        for v in driving[most:]:
            self.drives[v] = []

    def _share_connectors(self) -> None:
        held: dict[Socket, list[tuple[float, float]]] = {}
        for v in sorted(self.visits, key=self.late):
            mover, wants = self.instance.movers[v], []
            for visit in self.visits[v]:
                own = mover.own is not None and self.instance.sockets[mover.own] == visit.socket
                hold = visit.hold(plugged=own)
                if visit.socket is not None and hold is not None:
                    wants.append((visit.socket, hold))
            if any(a < y and x < b for s, (a, b) in wants for x, y in held.get(s, ())):
                del self.visits[v]
                continue
            for socket, hold in wants:
                held.setdefault(socket, []).append(hold)

    def _share_limits(self) -> None:
        line = self.instance.line
        for limit in line.limits:
            while True:
                visits = [visit for own in self.visits.values() for visit in own]
                kw = load_kw(limit, Draft(drives={}, visits=visits), line)
                over = (kw > limit.room_kw + _KW) & (kw > _KW)
                if not over.any():
                    break
                step = int(over.argmax())
                there = [
                    v for v, own in self.visits.items() if _draws(own, limit.sockets, line, step)
                ]
                del self.visits[max(there, key=self.late)]


def _draws(visits: Sequence[Visit], sockets: frozenset[Socket], line: Timeline, step: int) -> bool:
    return any(
        line.step_at(charge.start_s) == step
        for visit in visits
        if visit.socket in sockets
        for charge in visit.charges
    )


def _drives(instance: Instance, name: str) -> list[Drive]:
    drives: list[Drive] = []
    for drive in instance.chosen.drives[name]:
        own = instance.chosen.given or instance.before.get(drive.route) == name
        if own and (instance.chosen.given or instance.lawful([*drives, drive])):
            drives.append(drive)
    return drives


def _stays(instance: Instance) -> Mapping[int, Sequence[Stay]]:
    """By vehicle those at connectors that may be planned with."""
    number = {name: v for v, name in enumerate(instance.names)}
    found: dict[int, list[Stay]] = {}
    for stay in instance.stays:
        if stay.vehicle in number and stay.key in instance.position:
            found.setdefault(number[stay.vehicle], []).append(stay)
    return found


def _visits(
    instance: Instance, v: int, spans: Sequence[Span], stays: Sequence[Stay]
) -> list[Visit]:
    """What lies within the vehicle's visits; of two connectors in one visit the first counts."""
    line, mover, found = instance.line, instance.movers[v], []
    pieces = [(stay.key, piece) for stay in stays for piece in _pieces(stay, line)]
    pieces.sort(key=lambda piece: piece[1])
    for span in spans:
        if span.first and mover.stuck:
            continue
        visit = Visit(
            vehicle=instance.names[v], start_s=span.start_s, end_s=span.end_s, first=span.first
        )
        for socket, charge in pieces:
            start_s, end_s = max(charge[0], span.start_s), min(charge[1], span.end_s)
            if end_s - start_s > 1e-3 and visit.socket in (None, socket):
                visit.socket = socket
                visit.charges.append(Charge(start_s, end_s, charge.kw))
        if visit.charges:
            found.append(visit)
    return found


def _pieces(stay: Stay, line: Timeline) -> list[Charge]:
    found: list[Charge] = []
    for period in stay.periods:
        if period.kw > _KW:
            edges_s = line.edges(line.seconds(period.start), line.seconds(period.end))
            found += map(Charge, edges_s, edges_s[1:], repeat(period.kw))
    return found


def _holding(
    instance: Instance,
    v: int,
    drives: Sequence[Drive],
    spans: Sequence[Span],
    visits: Sequence[Visit],
) -> Filling | None:
    """The vehicle's charging where it may charge so and departs with what it needs, else None."""
    mover, charges = instance.movers[v], charges_of(visits).get(instance.names[v], ())
    for visit in visits:
        fit = _fit(instance, mover, visit)
        if fit is None or not all(
            fit.min_kw - _KW <= c.kw <= fit.most_kw + _KW for c in visit.charges
        ):
            return None
        bar = barred(instance.line, drives, visit.start_s)
        if bar is not None and any(
            bar.holds(visit.socket, instance.line.step_at(c.start_s)) for c in visit.charges
        ):
            return None
    found = trace(mover.vehicle, drives, charges, instance.line)
    for charge, energy_kwh in zip(charges, found.charged, strict=True):
        if energy_kwh > mover.vehicle.battery_kwh + _KWH:
            return None
        if charge.kw > kw_at(mover.pieces, energy_kwh) + _KW:
            return None
    filling = as_filling(instance, v, drives, spans, visits, found)
    return filling if instance.chosen.given or filling.missing_kwh <= 0 else None


def _fit(instance: Instance, mover: Mover, visit: Visit) -> Fit | None:
    assert visit.socket is not None
    group = instance.group_of[instance.position[visit.socket]]
    return next((fit for fit in mover.fits[0] if fit.group == group), None)
