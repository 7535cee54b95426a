"""What each charger may draw at worst, so that the sum holds.

Every limit that is sent passes here; the planner only proposes. Two sums are kept within every
limit, as a whole and on each phase: what may be drawn *soon*, while what we lent is still valid,
and what may be drawn *later*, when we have been silent for longer than that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from daemon.core import phases
from daemon.core.keeps import Keeps
from daemon.core.lease import FOREVER, Lease
from daemon.core.phases import Draw, draw, lopsided
from daemon.core.station import DISOBEYS, Evse, Station

Key = tuple[str, int]
SITE = "site"
# The phases against each other, where the settings say how far they may differ.
IMBALANCE = "imbalance of the phases"
ROUNDING_KW = 1e-6
# Gives the kW that an EVSE can be told exactly, at most those asked for; 0 or what it charges with.
Told = Callable[[Station, Evse, float], float]


class Booking(NamedTuple):
    """The most an EVSE may draw, in kW: while what it was lent is valid, and after that."""

    soon_kw: float
    later_kw: float


def booking(station: Station, evse: Evse, now_s: float, slack_s: float) -> Booking:
    """The highest of what it follows, may follow for want of an answer or of proof that it has left
    it, has just left, and falls back to. What is lent runs out by itself only where the station has
    shown that it keeps leases; one that keeps nothing is booked at its maximum."""
    return _booked(station, evse, evse.booked_leases(), now_s, slack_s)


def promised(station: Station, evse: Evse, now_s: float, slack_s: float) -> Booking:
    """The same of one that is taken at its word: what it has left is not asked for."""
    return _booked(station, evse, evse.leases(), now_s, slack_s)


def _booked(
    station: Station, evse: Evse, leases: list[Lease], now_s: float, slack_s: float
) -> Booking:
    if evse.fixed == DISOBEYS or is_unbound(station, evse):
        # By settings of before it may have been lent more than it is rated at by those of now.
        most_kw = max(evse.most_kw, evse.floor_kw, *(lease.kw for lease in leases))
        return Booking(most_kw, most_kw)
    soon_kw = later_kw = evse.floor_kw
    keeps = bool(leases) and station.keeps_leases
    for lease in leases:
        if not keeps or lease.past_s(slack_s) > now_s:
            soon_kw = max(soon_kw, lease.kw)
        if not keeps or lease.until_s == FOREVER:
            later_kw = max(later_kw, lease.kw)
    for until_s, kw in evse.settling:
        if until_s > now_s:
            soon_kw = max(soon_kw, kw)
    return Booking(soon_kw, later_kw)


def is_unbound(station: Station, evse: Evse) -> bool:
    """Whether nothing that it was told bounds what it may draw once the link drops."""
    if station.keeps is Keeps.NOTHING:
        return True  # it may have lost its fallback unseen, and whoever plugs in draws at once
    # Nothing is proven yet: its word counts while we hear it, or before it was ever heard.
    return station.keeps is None and station.was_heard and not station.online


def limits_above(parents: Mapping[str, str | None], circuit: str | None) -> tuple[str, ...]:
    """The limits that a connector on `circuit` stands under, the nearest first."""
    path, at = [], circuit
    while at is not None and at in parents:
        path.append(at)
        at = parents[at]
    return (*path, SITE)


@dataclass(slots=True)
class Budget:
    """Room by limit in kW: `soon` and `later`, each as a whole and on phases 1 to 3. Of the limit
    `IMBALANCE`, where there is one, only those take something who load some phases."""

    soon: dict[str, Draw]
    later: dict[str, Draw]
    parents: Mapping[str, str | None]
    _above: dict[str | None, tuple[str, ...]] = field(default_factory=dict)

    def above(self, circuit: str | None) -> tuple[str, ...]:
        """The limits that a connector on `circuit` stands under, the nearest first."""
        if circuit not in self._above:
            self._above[circuit] = limits_above(self.parents, circuit)
        return self._above[circuit]

    def copy(self) -> Budget:
        return Budget(dict(self.soon), dict(self.later), self.parents, self._above)

    def take(self, evse: Evse, booked: Booking) -> None:
        """Takes a booking off the room."""
        self._change(evse, booked, -1.0)

    def give_back(self, evse: Evse, booked: Booking) -> None:
        self._change(evse, booked, 1.0)

    def _change(self, evse: Evse, booked: Booking, sign: float) -> None:
        limits = self.above(evse.spec.circuit)
        for room, drawn in self._drawn(evse, booked):
            _add(room, limits, drawn, sign)
            if IMBALANCE in room:
                _add(room, (IMBALANCE,), lopsided(evse, drawn), sign)

    def _drawn(self, evse: Evse, booked: Booking) -> list[tuple[dict[str, Draw], Draw]]:
        """A booking by room; nothing is taken of one where nothing is booked."""
        soon_kw, later_kw = booked
        if soon_kw == later_kw:
            drawn = draw(evse, soon_kw)
            return [(self.soon, drawn), (self.later, drawn)] if soon_kw else []
        rooms = ((self.soon, soon_kw), (self.later, later_kw))
        return [(room, draw(evse, kw)) for room, kw in rooms if kw]

    def most_kw(self, station: Station, evse: Evse) -> float:
        """The most that all limits above leave; what outlasts us has to fit later too."""
        limits = self.above(evse.spec.circuit)
        if IMBALANCE in self.soon and any(lopsided(evse, draw(evse, 1.0))):
            limits = (*limits, IMBALANCE)
        rooms = [self.soon[limit] for limit in limits]
        if not station.keeps_leases:
            rooms += [self.later[limit] for limit in limits]
        return phases.most_kw(evse, rooms)

    def overload_kw(self) -> dict[str, float]:
        """By how much each limit is exceeded, as a whole or on three times its worst phase; the
        phases against each other on the worst one itself."""
        lows = {limit: min(whole, 3 * min(each)) for limit, (whole, *each) in self.soon.items()}
        if IMBALANCE in self.soon:
            lows[IMBALANCE] = min(self.soon[IMBALANCE])
        return {limit: -low for limit, low in lows.items() if low < -ROUNDING_KW}


def _add(room: dict[str, Draw], limits: tuple[str, ...], drawn: Draw, sign: float) -> None:
    e, f, g, h = drawn
    e, f, g, h = sign * e, sign * f, sign * g, sign * h
    for limit in limits:
        a, b, c, d = room[limit]
        room[limit] = (a + e, b + f, c + g, d + h)


def granted(station: Station, evse: Evse, kw: float) -> Booking:
    """What is booked for `kw` lent to an EVSE."""
    floor_kw = evse.spec.max_kw if is_unbound(station, evse) else evse.floor_kw
    if kw <= floor_kw:
        return Booking(floor_kw, floor_kw)
    return Booking(kw, floor_kw if station.keeps_leases else kw)


def fit(budget: Budget, wishes: Iterable[tuple[Station, Evse, float]], told: Told) -> list[float]:
    """What each wish gets of the room, the first one first, none more than is left.

    Every floor is booked before the first wish is heard. A wish that would get less than its
    connector can charge with gets nothing, so that the rest stays for others.
    """
    listed, room = list(wishes), budget.copy()
    floors = [granted(station, evse, 0.0) for station, evse, _ in listed]
    for (_, evse, _), floor in zip(listed, floors, strict=True):
        room.take(evse, floor)
    grants: list[float] = []
    for (station, evse, kw), floor in zip(listed, floors, strict=True):
        room.give_back(evse, floor)
        grant = told(station, evse, min(kw, max(0.0, room.most_kw(station, evse))))
        grants.append(grant)
        room.take(evse, granted(station, evse, grant))
    return grants
