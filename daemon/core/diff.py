"""What must differ at the chargers: reductions, the increases that there is room for, renewals."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import NamedTuple

from daemon.core.budget import Booking, Budget, Told, fit, granted
from daemon.core.keeps import Keeps
from daemon.core.lease import FOREVER
from daemon.core.station import LIARS, Evse, Station

# What can be asked of stations lies on a grid of 10 W or 0.1 A, so less than half of its finest
# step is the same.
TOLERANCE_KW = 0.005


class Wish(NamedTuple):
    """What an EVSE is to draw, in kW, and what it is booked at as things are."""

    station: Station
    evse: Evse
    kw: float
    booked: Booking

    @property
    def key(self) -> tuple[str, int]:
        return self.station.id, self.evse.spec.connector


class Change(NamedTuple):
    """What one EVSE is to be lent instead of what it holds."""

    station: Station
    evse: Evse
    kw: float


def diff(
    budget: Budget,
    wishes: Iterable[Wish],
    now_s: float,
    told: Told,
    raised_to_kw: Callable[[Station, Evse], float] = lambda station, evse: math.inf,
) -> list[Change]:
    """The changes that may be sent now: reductions, increases as far as `raised_to_kw`, renewals.

    `budget` is what all who have no wish leave; `wishes` come in order of their claim on it, and
    `told` gives what of a power an EVSE can be told exactly. Who must go down is told so at once.
    Who may go up waits until the bookings of those who go down, confirmed and settled, leave the
    room. What neither goes up nor down is lent again before it runs out.
    """
    listed = list(wishes)
    grants = fit(budget, [(w.station, w.evse, w.kw) for w in listed], told)
    lowered: list[tuple[Wish, float]] = []
    raised: list[tuple[Wish, float]] = []
    kept: list[Change] = []
    for wish, kw in zip(listed, grants, strict=True):
        station, evse = wish.station, wish.evse
        held_kw = evse.held_kw(now_s, keeps_leases=station.keeps_leases)
        follows_kw = evse.follows_kw(now_s)
        if max(held_kw, follows_kw) > kw + TOLERANCE_KW:
            lowered.append((wish, kw))
        elif kw > follows_kw + TOLERANCE_KW:
            raised.append((wish, kw))
        elif is_due(wish, kw, now_s) or _may_have_forgotten(wish):
            kept.append(Change(station=station, evse=evse, kw=kw))
    pending = bool(lowered) or any(_is_settling(wish.evse, now_s) for wish in listed)
    room = budget.copy()
    for wish in listed if raised or lowered else ():
        room.take(wish.evse, wish.booked)
    if lowered and room.overload_kw():
        lowered = [(w, _surely_lower_kw(room, w, kw, now_s, told)) for w, kw in lowered]
    reductions = [Change(station=w.station, evse=w.evse, kw=kw) for w, kw in lowered]
    for wish, kw in raised:
        raised_kw = min(kw, raised_to_kw(wish.station, wish.evse))
        change = _raise(room, wish, raised_kw, now_s, told, pending=pending)
        follows_kw = wish.evse.follows_kw(now_s)
        if change is None and (is_due(wish, follows_kw, now_s) or _may_have_forgotten(wish)):
            change = Change(station=wish.station, evse=wish.evse, kw=follows_kw)
        if change is not None:
            kept.append(change)
    return reductions + kept


def _is_settling(evse: Evse, now_s: float) -> bool:
    return bool(evse.settling) or (evse.leaving is not None and evse.leaving.is_awaited(now_s))


def _surely_lower_kw(room: Budget, wish: Wish, kw: float, now_s: float, told: Told) -> float:
    """What is below a booking may be above what is followed: with all of its booking kept for one
    whose fallback is not known, say. While the bookings do not fit, it gets what they leave."""
    if kw > wish.evse.least_kw(now_s) + TOLERANCE_KW:
        room.give_back(wish.evse, wish.booked)
        kw = told(wish.station, wish.evse, min(kw, max(0.0, room.most_kw(wish.station, wish.evse))))
        room.take(wish.evse, wish.booked)
    return kw


def _raise(
    room: Budget, wish: Wish, kw: float, now_s: float, told: Told, *, pending: bool
) -> Change | None:
    """An increase as far as there is room; one that would get more once a reduction has settled
    waits for it, as every replaced profile may make a station spike. Takes what it gives."""
    room.give_back(wish.evse, wish.booked)
    most_kw = told(
        wish.station, wish.evse, min(kw, max(0.0, room.most_kw(wish.station, wish.evse)))
    )
    waits = pending and most_kw < kw - TOLERANCE_KW
    rises = most_kw > wish.evse.follows_kw(now_s) + TOLERANCE_KW
    if waits or not rises:
        room.take(wish.evse, wish.booked)
        return None
    lent = granted(wish.station, wish.evse, most_kw)
    room.take(
        wish.evse,
        Booking(max(lent.soon_kw, wish.booked.soon_kw), max(lent.later_kw, wish.booked.later_kw)),
    )
    return Change(station=wish.station, evse=wish.evse, kw=most_kw)


def is_raise(evse: Evse, kw: float, now_s: float) -> bool:
    """Whether `kw` is more than anything that an EVSE is booked to follow already."""
    booked_kw = max((lease.kw for lease in evse.booked_leases()), default=0.0)
    return kw > max(booked_kw, evse.follows_kw(now_s)) + TOLERANCE_KW


def _may_have_forgotten(wish: Wish) -> bool:
    """One that keeps nothing may have lost its fallback while nobody charged there: a transaction
    is told its power at once, be it no other than the fallback."""
    return wish.station.keeps is Keeps.NOTHING and wish.evse.confirmed is None


def is_due(wish: Wish, kw: float, now_s: float) -> bool:
    """Whether what is lent must be lent again: it is past its half-life, and what comes after it is
    not what is wanted."""
    due_s = renewal_s(wish.station, wish.evse)
    return due_s is not None and now_s >= due_s and abs(kw - wish.evse.fallback_kw) > TOLERANCE_KW


def renewal_s(station: Station, evse: Evse) -> float | None:
    """When a lease is due to be lent again, in monotonic seconds; None where none runs out."""
    lease = evse.confirmed
    if lease is None or abs(lease.kw - evse.fallback_kw) <= TOLERANCE_KW:
        return None
    # One that came back unanswered is retried by its own pause and not by the clock of the last.
    return lease.renewal_s(_lateness(station.id, evse.spec.connector))


def told_again_kw(station: Station, evse: Evse, now_s: float) -> float | None:
    """What one that does not obey is told once more: no other than it was to follow. Else it would
    never be told what it may have lost. None where a lease ends that by itself."""
    if evse.fixed not in LIARS or not station.tellable(evse):
        return None
    if station.keeps_leases and any(now_s < x.until_s < FOREVER for x in evse.leases()):
        return None
    return evse.least_kw(now_s)


@lru_cache(maxsize=4096)
def _lateness(station: str, connector: int) -> float:
    """From 0 to 1, and each EVSE's own."""
    return zlib.crc32(f"{station}/{connector}".encode()) / 2**32
