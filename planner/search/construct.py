"""A first whole plan: routes in an order, each to the vehicle to which it adds least."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

import numpy as np

from planner.drafts.choices import Drive
from planner.linear.clock import Deadline
from planner.search.changes import is_kept
from planner.search.instance import Instance
from planner.search.kept import kept
from planner.search.mend import mend
from planner.search.moves import Builder
from planner.search.state import State
from planner.search.windows import Taste

_FEW_OPTIONS = 5_000
"""Pairs of a vehicle and a route: beyond, one order is all that an answer at once has time for."""

_PATIENCE = 30
"""So many vehicles are then looked at for a route: most of those that lack the energy are never
reached. Where energy is scarce, with 300 vehicles and 700 routes, all of it takes 3 s of CPU, and
without this and with the first order made to its end 11."""

_SCARCE = 0.7
"""Of what is wanted in all: with less an order that charges for the end too is not begun. It was
given up with 0.65, and came to its end with 0.75."""

_LITTLE_KWH = 1.0
"""What is lacking for each vehicle, up to which a large depot tries no further order."""

_INSERTING = 0.75
"""Of the time that is left goes to giving out routes, if it must be cut short."""

_EPS = 1e-3


def constructed(
    instance: Instance, deadline: Deadline | None = None, *, for_places: bool = False
) -> State:
    """The best of a few orders; stops as soon as nothing is missing that could be had. When time is
    up, what has no place yet stays without one. With `for_places` the charging is found anew by who
    asks: only routes and connectors count."""
    deadline = deadline or Deadline.after(math.inf)
    if instance.stays:
        state = kept(instance, deadline)
        if is_kept(state):
            return state
    state = _given(instance, deadline) if instance.chosen.given else _allocated(instance, deadline)
    if not (for_places and _has_every_place(state)):
        mend(state, deadline)
    return state


def _has_every_place(state: State) -> bool:
    """Whether who charges at all has a connector in every visit, and no other kind to choose from
    nor others to share it with: no other charging would lead to a better one."""
    instance = state.instance
    if any(instance.scarce) or any(len(mover.fits[0]) > 1 for mover in instance.movers):
        return False
    fillings = [f for f in state.fillings if f is not None]
    return all(len(f.bookings) == len(f.spans) or not (f.bookings or f.lacks_kwh) for f in fillings)


def _allocated(instance: Instance, deadline: Deadline) -> State:
    best = _kept(instance, deadline) if instance.before else None
    few = sum(map(len, instance.options)) <= _FEW_OPTIONS
    patience = len(instance.movers) if few else _PATIENCE
    orders = _ORDERS if few else _ORDERS[1:2] if _is_scarce(instance) else _ORDERS[:2]
    for key, target in orders:
        if best is not None and (_whole(best) or deadline.left_s <= 0):
            break
        state = State(instance)
        order = sorted(state.bank, key=lambda r: key(instance, r))
        taste = Taste(target=target, sparing=not (target or few))
        builder = Builder(state, Random(0), taste, patience=patience)
        # The next order is for depots in which energy is scarce.
        whole = target and not few
        if not _insert_all(builder, order, deadline, whole=whole):
            continue
        if best is None or state.cost() < best.cost():
            best = state
        if not few and _lacks_kwh(best) <= _LITTLE_KWH * len(best.fillings):
            break
    assert best is not None
    return best


def _is_scarce(instance: Instance) -> bool:
    """Whether the site's limit leaves far less than routes take and vehicles lack for the end."""
    site, movers = instance.line.limits[0], instance.movers
    room_kw = np.maximum(site.room_kw + site.fallback_kw, 0.0)
    room_kwh = float(room_kw.sum()) * instance.line.step_h
    room_kwh *= max((m.vehicle.efficiency for m in movers), default=1.0)
    wanted_kwh = sum(options[0].energy_kwh for options in instance.options if options)
    wanted_kwh += sum(max(0.0, m.target_kwh - m.energy_kwh) for m in movers)
    return room_kwh < _SCARCE * wanted_kwh


def _whole(state: State) -> bool:
    return not state.bank and _lacks_kwh(state) <= _EPS


def _lacks_kwh(state: State) -> float:
    return sum(f.lacks_kwh for f in state.fillings if f is not None)


def _by_priority(instance: Instance, route: int) -> tuple[float, float]:
    return -instance.priority[route], instance.options[route][0].depart_s


def _by_departure(instance: Instance, route: int) -> tuple[float, float]:
    return instance.options[route][0].depart_s, 0.0


def _by_choice(instance: Instance, route: int) -> tuple[float, float]:
    """Those first that few vehicles can drive."""
    return len(instance.options[route]), -instance.options[route][0].energy_kwh


_ORDERS = (
    (_by_priority, True),
    (_by_priority, False),
    (_by_departure, True),
    (_by_choice, True),
)
"""Each with whether vehicles charge for what they owe at the end while routes are given out: where
energy is scarce that is what other vehicles' routes need."""


def _insert_all(
    builder: Builder, routes: Sequence[int], deadline: Deadline, *, whole: bool = False
) -> bool:
    """Routes, then charging for what is owed at the end; with `whole` False at the first route for
    which no vehicle has the energy. One that finds every vehicle busy would find it so in any order
    of charging."""
    inserting = Deadline.after(_INSERTING * deadline.left_s)
    for route in routes:
        if inserting.left_s <= 0:
            break
        if not builder.insert(route) and builder.short and whole:
            return False
    _refill_all(builder.state, deadline, whole=True, sparing=builder.taste.sparing)
    return True


def _refill_all(state: State, deadline: Deadline, *, whole: bool, sparing: bool = False) -> None:
    """The vehicle that must leave first is planned first."""
    builder = Builder(state, Random(0), Taste(sparing=sparing))
    for v in _by_urgency(state.drives):
        if deadline.left_s <= 0:
            break
        builder.refill(v, whole=whole)


def _given(instance: Instance, deadline: Deadline) -> State:
    """Charging alone."""
    state = State(instance)
    for v, name in enumerate(instance.names):
        state.give(v, list(instance.chosen.drives[name]))
    _refill_all(state, deadline, whole=False)
    return state


def _kept(instance: Instance, deadline: Deadline) -> State:
    """What was allocated before and still holds, then the rest."""
    state = State(instance)
    builder = Builder(state, Random(0), Taste())
    before: list[list[Drive]] = [[] for _ in instance.names]
    most, driving = instance.most_drivers, 0
    for v, name in enumerate(instance.names):
        if most is not None and driving >= most:
            break
        for drive in instance.chosen.drives[name]:
            if instance.before.get(drive.route) == name and instance.lawful([*before[v], drive]):
                before[v].append(drive)
        driving += bool(before[v])
    for v in _by_urgency(before):
        if before[v] and deadline.left_s > 0:
            state.give(v, before[v])
            state.bank -= {instance.number[d.route] for d in before[v]}
            builder.refill(v, whole=True)
    order = sorted(state.bank, key=lambda r: _by_priority(instance, r))
    _insert_all(Builder(state, Random(0), Taste()), order, deadline)
    return state


def _by_urgency(drives: Sequence[Sequence[Drive]]) -> list[int]:
    return sorted(
        range(len(drives)), key=lambda v: min((d.depart_s for d in drives[v]), default=1e12)
    )
