"""Planning again from the plan in force: what still holds of it stays as it was drawn.

A vehicle keeps its routes where these still are lawful for it, and its charging where that is: it
is there, the connector fits and is held by nobody else, powers are within its curve and what the
limits leave, and no departure lacks energy. Who has lost something is planned anew beside the
others, who stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from planner.drafts.assemble import load_kw
from planner.drafts.choices import Drive
from planner.drafts.curve import kw_at
from planner.drafts.draft import Charge, Draft, Visit, charges_of, trace
from planner.drafts.timeline import Socket, Timeline
from planner.search.carried import carried
from planner.search.filling import Filling
from planner.search.instance import Fit, Instance, Mover
from planner.search.moves import Builder, worth
from planner.search.state import State
from planner.search.windows import Taste
from planner.stay import Stay

_KW = 1e-5
"""A tenth of what the audit lets pass."""

_KWH = 1e-6
_PATIENCE = 15
"""So many vehicles are looked at for a route that has lost its own."""

_SAME_MONEY = 0.01
"""A vehicle that stands at another connector than was planned moves for no less (law 10)."""


def kept(instance: Instance) -> State:
    """The plan in force as far as it holds, then what is left over of routes and charging."""
    plan = _Standing.of(instance)
    state = State(instance)
    for v, drives in enumerate(plan.drives):
        state.drives[v] = drives
        state.bank -= {instance.number[d.route] for d in drives}
    for v, visits in plan.visits.items():
        state.put(v, plan.drives[v], carried(instance, v, plan.drives[v], visits))
    _mend(state, plan)
    return state


def held_share(instance: Instance, state: State) -> float:
    """Of the previous routes that still count, those that keep their vehicle."""
    counted = [(r, v) for r, v in instance.before.items() if r in instance.number]
    driven = {d.route: d.vehicle for drives in state.drives for d in drives}
    return sum(driven.get(r) == v for r, v in counted) / max(len(counted), 1)


@dataclass(slots=True)
class _Standing:
    """By vehicle the routes that it keeps, and the charging of those who keep that too."""

    instance: Instance
    drives: list[list[Drive]]
    visits: dict[int, list[Visit]] = field(default_factory=dict)

    @classmethod
    def of(cls, instance: Instance) -> _Standing:
        found = cls(instance, [_drives(instance, name) for name in instance.names])
        stays = _stays(instance)
        for v, drives in enumerate(found.drives):
            visits = _visits(instance, v, drives, stays.get(v, ()))
            if _holds(instance, v, drives, visits):
                found.visits[v] = visits
        found._share_connectors()
        found._share_limits()
        return found

    def _late(self, v: int) -> tuple[float, int]:
        """Who departs last gives way to the others."""
        return min((d.depart_s for d in self.drives[v]), default=self.instance.line.end_s), v

    def _share_connectors(self) -> None:
        held: dict[Socket, list[tuple[float, float]]] = {}
        for v in sorted(self.visits, key=self._late):
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
                del self.visits[max(there, key=self._late)]


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
    instance: Instance, v: int, drives: Sequence[Drive], stays: Sequence[Stay]
) -> list[Visit]:
    """What lies within the vehicle's visits; of two connectors in one visit the first counts."""
    line, mover, found = instance.line, instance.movers[v], []
    pieces = [(stay.key, piece) for stay in stays for piece in _pieces(stay, line)]
    pieces.sort(key=lambda piece: piece[1])
    for span in instance.spans(mover, drives):
        if span.first and mover.stuck:
            continue
        visit = Visit(
            vehicle=instance.names[v], start_s=span.start_s, end_s=span.end_s, first=span.first
        )
        for socket, charge in pieces:
            start_s, end_s = max(charge.start_s, span.start_s), min(charge.end_s, span.end_s)
            if end_s - start_s > 1e-3 and visit.socket in (None, socket):
                visit.socket = socket
                visit.charges.append(Charge(start_s, end_s, charge.kw))
        if visit.charges:
            found.append(visit)
    return found


def _pieces(stay: Stay, line: Timeline) -> list[Charge]:
    return [
        Charge(a, b, period.kw)
        for period in stay.periods
        if period.kw > _KW
        for a, b, _ in line.cut(line.seconds(period.start), line.seconds(period.end))
    ]


def _holds(instance: Instance, v: int, drives: Sequence[Drive], visits: Sequence[Visit]) -> bool:
    """Whether the vehicle may charge so, and departs with what it needs."""
    mover, charges = instance.movers[v], charges_of(visits).get(instance.names[v], ())
    for visit in visits:
        fit = _fit(instance, mover, visit)
        if fit is None or not all(
            fit.min_kw - _KW <= c.kw <= fit.most_kw + _KW for c in visit.charges
        ):
            return False
    found = trace(mover.vehicle, drives, charges, instance.line)
    for charge, energy_kwh in zip(charges, found.charged, strict=True):
        if energy_kwh > mover.vehicle.battery_kwh + _KWH:
            return False
        if charge.kw > kw_at(mover.pieces, energy_kwh) + _KW:
            return False
    return instance.chosen.given or carried(instance, v, drives, visits).missing_kwh <= 0


def _fit(instance: Instance, mover: Mover, visit: Visit) -> Fit | None:
    assert visit.socket is not None
    group = instance.group_of[instance.position[visit.socket]]
    return next((fit for fit in mover.fits[0] if fit.group == group), None)


def _mend(state: State, plan: _Standing) -> None:
    """Charging for those who have lost it, the most urgent first; then the routes that nobody
    drives; then who is short, or stands elsewhere, tries anew."""
    instance, given = state.instance, state.instance.chosen.given
    builder = Builder(state, Random(0), Taste(), patience=_PATIENCE)
    order = sorted(range(len(plan.drives)), key=plan._late)
    for v in order:
        if state.fillings[v] is None:
            builder.refill(v, whole=not given)
    for route in sorted(state.bank, key=lambda r: (-instance.priority[r], r)):
        builder.insert(route)
    for v in order:
        filling = state.fillings[v]
        if filling is None:
            builder.refill(v, whole=not given)
        elif _wants_more(instance, v, filling):
            anew = state.tried(v, state.drives[v], builder.taste, whole=not given)
            if anew is not None and worth(anew) <= worth(filling) + _SAME_MONEY:
                state.put(v, state.drives[v], anew)


def _wants_more(instance: Instance, v: int, filling: Filling) -> bool:
    own = instance.movers[v].own
    if filling.missing_kwh + filling.short_kwh > 0:
        return True
    return own is not None and any(
        filling.spans[b.span].first and b.socket != own for b in filling.bookings
    )
