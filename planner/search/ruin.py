"""Which vehicles and routes are taken out together: those that could take each other's place."""

from __future__ import annotations

from random import Random

from planner.drafts.choices import Drive
from planner.search.state import State

Ruin = dict[int, list[Drive]]
"""By vehicle, the routes it is to give up; its charging is given up too."""


def pick(state: State, rng: Random, size: int) -> Ruin:
    """About `size` vehicles and some of their routes, in one of several ways."""
    if state.instance.chosen.given:
        return {v: [] for v in _sharing(state, rng, size)}
    way = rng.random()
    if way < 0.5:
        return _same_time(state, rng, size)
    if way < 0.8:
        return {v: list(state.drives[v]) for v in _random_vehicles(state, rng, size)}
    return {v: [] for v in _sharing(state, rng, 2 * size)}


def _same_time(state: State, rng: Random, size: int) -> Ruin:
    """Routes that depart near one another, each from another vehicle."""
    driven = [(d, v) for v, drives in enumerate(state.drives) for d in drives]
    if not driven:
        return {v: [] for v in _random_vehicles(state, rng, size)}
    bank = [state.instance.options[r][0] for r in sorted(state.bank)]
    centre = rng.choice(bank) if bank and rng.random() < 0.5 else rng.choice(driven)[0]
    near = sorted(driven, key=lambda x: abs(x[0].depart_s - centre.depart_s) * (0.5 + rng.random()))
    found: Ruin = {}
    for drive, v in near:
        if v in found or len(found) < size:
            found.setdefault(v, []).append(drive)
        if len(found) >= size and sum(map(len, found.values())) >= 2 * size:
            break
    return found


def _random_vehicles(state: State, rng: Random, size: int) -> list[int]:
    count = len(state.drives)
    return rng.sample(range(count), min(size, count))


def _sharing(state: State, rng: Random, size: int) -> list[int]:
    """Vehicles that charge at the same time: one that is short, or any, and those beside it."""
    short = [
        v
        for v, f in enumerate(state.fillings)
        if f is not None and f.missing_kwh + f.short_kwh > 1e-3
    ]
    count = len(state.fillings)
    centre = rng.choice(short) if short and rng.random() < 0.7 else rng.randrange(count)
    middle = state.fillings[centre]
    spans = middle.spans if middle is not None else ()
    steps = {t for s in spans for t in range(s.first_step, s.end_step)}
    beside = []
    for v, filling in enumerate(state.fillings):
        if filling is None or v == centre:
            continue
        shared = sum(len(steps.intersection(range(b.hold, b.end))) for b in filling.bookings)
        if shared:
            beside.append((-shared * (0.3 + rng.random()), v))
    beside.sort()
    return [centre, *(v for _, v in beside[: size - 1])]
