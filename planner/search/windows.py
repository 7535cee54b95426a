"""Which connector each visit of a vehicle would use, and when that is free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from planner.drafts.timeline import Floats
from planner.search.instance import Instance
from planner.search.mover import Check, Fit, Mover, Span
from planner.search.room import Room

_EPS = 1e-6
_sum = np.add.reduce


@dataclass(frozen=True, slots=True)
class Taste:
    """`hour_cost`: what an hour at a scarce connector is worth; `moving` lets a vehicle leave the
    connector at which it is plugged in; `eager` charges at once; `turned` looks at equal
    connectors in the other order. Without `target` nothing is charged for what is owed at the end,
    which leaves more for other vehicles' departures. `sparing` leaves steps in which the vehicle is
    there for a part only to others, unless a departure needs them: a step's power is booked for all
    of it. `habit` sends a visit to the
    connector that the plan in force has for it."""

    hour_cost: float = 0.1
    moving: bool = False
    eager: bool = False
    turned: bool = False
    target: bool = True
    habit: bool = False
    sparing: bool = False


@dataclass(slots=True)
class Window:
    """The steps `[first, end)` of a visit in which a connector is free, and what it could give."""

    span: int
    socket: int
    fit: Fit
    first: int
    end: int
    kw: Floats
    kwh: Floats
    own: bool


def windows(
    instance: Instance,
    room: Room,
    mover: Mover,
    spans: Sequence[Span],
    checks: Sequence[Check],
    taste: Taste,
) -> list[Window]:
    found = []
    for j, span in enumerate(spans):
        if span.first and mover.stuck:
            continue
        later = max(c.kwh for c in checks if c.spans > j)
        if later <= _EPS:
            break
        window = _window(instance, room, mover, j, span, later / mover.vehicle.efficiency, taste)
        if window is not None:
            found.append(window)
    return found


def _window(
    instance: Instance,
    room: Room,
    mover: Mover,
    j: int,
    span: Span,
    want_kwh: float,
    taste: Taste,
) -> Window | None:
    """The connector that gives all that is wanted, the weakest such one; else the most."""
    best: tuple[tuple[bool, float], Window] | None = None
    own = mover.own if span.first else None
    if taste.habit:
        window = _usual(instance, room, mover, j, span)
        if window is not None:
            return window
    for fit in mover.fits[taste.turned]:
        kw = _powers(instance, room, fit, span)
        kwh = kw * span.hours
        there = float(_sum(kwh))
        if best is not None and best[0][0] and there <= best[0][1]:
            continue
        socket, first, end = _socket(instance, room, fit, span, own)
        if end <= first:
            continue
        if end - first < len(kwh):
            a, b = first - span.first_step, end - span.first_step
            kw, kwh = kw[a:b], kwh[a:b]
            there = float(_sum(kwh))
        if there <= _EPS:
            continue
        moves = own is not None and socket != own
        key = (not moves or taste.moving, min(there, want_kwh))
        if best is None or key > best[0]:
            best = key, Window(j, socket, fit, first, end, kw, kwh, socket == own)
            if key[0] and there >= want_kwh - _EPS:
                break
    return best[1] if best is not None else None


def _usual(instance: Instance, room: Room, mover: Mover, j: int, span: Span) -> Window | None:
    """The connector of the plan in force, unless the vehicle stands elsewhere or nothing is to be
    had there."""
    socket, own = mover.usual(span), mover.own if span.first else None
    if socket is None or own not in (None, socket):
        return None
    fit = next((f for f in mover.fits[0] if f.group == instance.group_of[socket]), None)
    if fit is None:
        return None
    if socket == own:
        first, end = _own(room, socket, span)
    else:
        first, end = room.gap(socket, span.first_step, span.end_step)
    a, b = first - span.first_step, end - span.first_step
    kw = _powers(instance, room, fit, span)[a:b]
    kwh = kw * span.hours[a:b]
    if _sum(kwh) <= _EPS:
        return None
    return Window(j, socket, fit, first, end, kw, kwh, socket == own)


def _powers(instance: Instance, room: Room, fit: Fit, span: Span) -> Floats:
    """What could be drawn in each step of a visit."""
    kw: Floats = np.minimum(room.free_at(fit.group)[span.first_step : span.end_step], fit.most_kw)
    kw *= kw >= fit.least_kw
    if span.barred is not None and instance.groups[fit.group].barred:
        kw[span.barred] = 0.0
    return kw


def _own(room: Room, socket: int, span: Span) -> tuple[int, int]:
    """Until somebody else holds it."""
    busy = room.busy[socket] & ((1 << span.end_step) - 1)
    end = span.end_step if not busy else (busy & -busy).bit_length() - 1
    return span.first_step, min(end, span.end_step)


def _socket(
    instance: Instance, room: Room, fit: Fit, span: Span, own: int | None
) -> tuple[int, int, int]:
    """The own connector if it is of this kind, or the first that is free all the time, or else the
    one with the longest gap."""
    members = instance.members[fit.group]
    if own is not None and instance.group_of[own] == fit.group:
        return own, *_own(room, own, span)
    mask = (1 << span.end_step) - (1 << span.first_step)
    free = [s for s in members if not room.busy[s] & mask]
    if free:
        for s in free:
            if not instance.occupied[s]:
                return s, span.first_step, span.end_step
        return free[0], span.first_step, span.end_step
    best = (members[0], span.first_step, span.first_step)
    longest = 0
    for s in members:
        if _has_run(mask & ~room.busy[s], longest + 1):
            first, end = room.gap(s, span.first_step, span.end_step)
            if end - first > longest:
                best, longest = (s, first, end), end - first
    return best


def _has_run(bits: int, length: int) -> bool:
    """Whether `length` bits in a row are set: in a tenth of the time of finding the longest run."""
    seen = 1
    while bits and seen < length:
        shift = min(seen, length - seen)
        bits &= bits >> shift
        seen += shift
    return bits != 0
