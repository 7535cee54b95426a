"""What must differ at the chargers: reductions, and the increases that the budget has room for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from daemon.core.budget import Budget, available, fit, left, less
from daemon.core.curves import combine, exceeds
from daemon.core.station import Evse, Station
from planner.series import Series

# A raise that is due later than this is sent later: fewer profiles, fewer spikes at replacement.
AHEAD = timedelta(hours=1)

Told = Callable[[Station, Evse, Series], Series]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    station: Station
    evse: Evse
    power: Series

    @property
    def key(self) -> tuple[str, int]:
        return self.station.id, self.evse.spec.connector


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one EVSE is to follow instead; `reduces` where it never allows more than before."""

    station: Station
    evse: Evse
    power: Series
    reduces: bool


def diff(
    budget: Budget,
    stations: Iterable[Station],
    wishes: Iterable[Wish],
    now: datetime,
    told: Told,
) -> list[Change]:
    """The changes that may be sent now, reductions before increases.

    `wishes` come in order of their claim on the room; `told` gives what of a power an EVSE can be
    told exactly. Who must go down is told so at once, and only the part that goes down; who may go
    up waits until the bookings of those who go down, confirmed and settled, leave the room.
    """
    listed = list(wishes)
    everyone = list(stations)
    free = left(budget, everyone, without=[wish.key for wish in listed])
    grants = fit(free, [(wish.evse, wish.power) for wish in listed])
    reductions: list[Change] = []
    increases: list[Wish] = []
    for wish, grant in zip(listed, grants, strict=True):
        exact, held = told(wish.station, wish.evse, grant), wish.evse.held()
        if exceeds(held, exact, now):
            lower = combine(min, held, exact)
            reductions.append(
                Change(station=wish.station, evse=wish.evse, power=lower, reduces=True)
            )
        elif exceeds(exact, wish.evse.confirmed, now, now + AHEAD):
            increases.append(Wish(station=wish.station, evse=wish.evse, power=exact))
    pending = bool(reductions) or any(w.evse.unconfirmed or w.evse.settling for w in listed)
    return reductions + _affordable(budget, everyone, increases, now, told, pending=pending)


def _affordable(
    budget: Budget,
    stations: list[Station],
    wishes: list[Wish],
    now: datetime,
    told: Told,
    *,
    pending: bool,
) -> list[Change]:
    """Each increase as far as there is room; one that would get more once a reduction has settled
    waits for it, as every replaced profile may make a station spike."""
    granted: list[Change] = []
    for wish in wishes:
        excepted = {wish.key, *((c.station.id, c.evse.spec.connector) for c in granted)}
        room = left(budget, stations, without=excepted)
        for change in granted:
            room = less(room, change.evse, combine(max, change.evse.booking(), change.power))
        fitting = combine(min, wish.power, available(room, wish.evse.spec.circuit))
        most = told(wish.station, wish.evse, fitting)
        if pending and exceeds(wish.power, most, now):
            continue
        if exceeds(most, wish.evse.confirmed, now, now + AHEAD):
            granted.append(Change(station=wish.station, evse=wish.evse, power=most, reduces=False))
    return granted
