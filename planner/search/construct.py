"""A first whole plan: routes in an order, each to the vehicle to which it adds least."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from planner.drafts.choices import Drive
from planner.search.instance import Instance
from planner.search.kept import held_share, kept
from planner.search.moves import Builder
from planner.search.state import State
from planner.search.windows import Taste

_FEW_OPTIONS = 5_000
"""Pairs of a vehicle and a route: beyond, one order is all that an answer at once has time for."""

_EPS = 1e-3
_HELD = 0.5
"""Of the routes before: a plan of which less is left is no place to set out from."""


def constructed(instance: Instance) -> State:
    """The best of a few orders; stops as soon as nothing is missing that could be had."""
    if instance.stays:
        state = kept(instance)
        if held_share(instance, state) >= _HELD:
            return state
    if instance.chosen.given:
        return _given(instance)
    best = _kept(instance) if instance.before else None
    few = sum(map(len, instance.options)) <= _FEW_OPTIONS
    for key, target in _ORDERS if few else _ORDERS[:2]:
        if best is not None and _whole(best):
            break
        state = State(instance)
        _insert_all(state, sorted(state.bank, key=lambda r: key(instance, r)), target=target)
        if best is None or state.cost() < best.cost():
            best = state
    assert best is not None
    return best


def _whole(state: State) -> bool:
    fillings = [f for f in state.fillings if f is not None]
    return not state.bank and sum(f.missing_kwh + f.short_kwh for f in fillings) <= _EPS


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


def _insert_all(state: State, routes: Sequence[int], *, target: bool = True) -> None:
    builder = Builder(state, Random(0), Taste(target=target))
    for route in routes:
        builder.insert(route)
    builder = Builder(state, Random(0), Taste())
    for v in _by_urgency(state.drives):
        builder.refill(v, whole=True)


def _given(instance: Instance) -> State:
    """Charging alone: the vehicle that must leave first is planned first."""
    state = State(instance)
    builder = Builder(state, Random(0), Taste())
    for v, name in enumerate(instance.names):
        state.drives[v] = list(instance.chosen.drives[name])
    for v in _by_urgency(state.drives):
        builder.refill(v, whole=False)
    return state


def _kept(instance: Instance) -> State:
    """What was allocated before and still holds, then the rest."""
    state = State(instance)
    builder = Builder(state, Random(0), Taste())
    lawful = instance.lawful
    for v, name in enumerate(instance.names):
        drives: list[Drive] = []
        if not state.may_drive(v):
            continue
        for drive in instance.chosen.drives[name]:
            if instance.before.get(drive.route) == name and lawful([*drives, drive]):
                drives.append(drive)
        if drives:
            state.drives[v] = drives
            state.bank -= {instance.number[d.route] for d in drives}
    for v in _by_urgency(state.drives):
        if state.drives[v]:
            builder.refill(v, whole=True)
    _insert_all(state, sorted(state.bank, key=lambda r: _by_priority(instance, r)))
    return state


def _by_urgency(drives: Sequence[Sequence[Drive]]) -> list[int]:
    return sorted(
        range(len(drives)), key=lambda v: min((d.depart_s for d in drives[v]), default=1e12)
    )
