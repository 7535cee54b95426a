"""Which connector each visit of a vehicle would use, and when that is free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from planner.drafts.timeline import Floats
from planner.search.instance import Check, Fit, Instance, Mover, Span
from planner.search.room import Room

_EPS = 1e-6
_sum = np.add.reduce


@dataclass(frozen=True, slots=True)
class Taste:
    """`hour_cost`: what an hour at a scarce connector is worth; `moving` lets a vehicle leave the
    connector at which it is plugged in; `eager` charges at once; `turned` looks at equal
    connectors in the other order."""

    hour_cost: float = 0.1
    moving: bool = False
    eager: bool = False
    turned: bool = False


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
    for fit in mover.fits[taste.turned]:
        kw = np.minimum(room.free_at(fit.group)[span.first_step : span.end_step], fit.most_kw)
        low = kw < fit.least_kw
        if low.any():
            kw[low] = 0.0
        kwh = kw * span.hours
        if best is not None and best[0][0] and _sum(kwh) <= best[0][1]:
            continue
        socket, first, end = _socket(instance, room, fit, span, own)
        if end <= first:
            continue
        a, b = first - span.first_step, end - span.first_step
        there = _sum(kwh[a:b])
        if there <= _EPS:
            continue
        moves = own is not None and socket != own
        key = (not moves or taste.moving, min(there, want_kwh))
        if best is None or key > best[0]:
            best = key, Window(j, socket, fit, first, end, kw[a:b], kwh[a:b], socket == own)
            if key[0] and there >= want_kwh - _EPS:
                break
    return best[1] if best is not None else None


def _socket(
    instance: Instance, room: Room, fit: Fit, span: Span, own: int | None
) -> tuple[int, int, int]:
    """The own connector if it is of this kind, or the first that is free all the time, or else the
    one with the longest gap."""
    members = instance.members[fit.group]
    if own is not None and instance.group_of[own] == fit.group:
        busy = room.busy[own] & ((1 << span.end_step) - 1)
        end = span.end_step if not busy else (busy & -busy).bit_length() - 1
        return own, span.first_step, min(end, span.end_step)
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
        if (mask & ~room.busy[s]).bit_count() > longest:
            first, end = room.gap(s, span.first_step, span.end_step)
            if end - first > longest:
                best, longest = (s, first, end), end - first
    return best
