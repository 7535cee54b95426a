"""Which vehicles and routes are taken out together: those that could take each other's place."""

from __future__ import annotations

from random import Random

from planner.drafts.choices import Drive
from planner.search.state import State

Ruin = dict[int, list[Drive]]
"""By vehicle, the routes it is to give up; its charging is given up too."""


def pick(state: State, rng: Random, size: int) -> Ruin:
    """About `size` vehicles and some of their routes, in one of several ways."""
    if not state.drives:
        return {}
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
    """A vehicle that is short, or any, and those beside it."""
    short = [v for v, f in enumerate(state.fillings) if f is not None and f.lacks_kwh > 1e-3]
    count = len(state.fillings)
    centre = rng.choice(short) if short and rng.random() < 0.7 else rng.randrange(count)
    return [centre, *beside(state, rng, centre, size - 1)]


def beside(state: State, rng: Random, centre: int, size: int) -> list[int]:
    """Vehicles that charge while `centre` is there, those first that do so for long."""
    middle = state.fillings[centre]
    spans = middle.spans if middle is not None else ()
    steps = 0
    for s in spans:
        steps |= (1 << s.end_step) - (1 << s.first_step)
    found = []
    for v, filling in enumerate(state.fillings):
        if filling is None or v == centre:
            continue
        shared = sum((steps & ((1 << b.end) - (1 << b.hold))).bit_count() for b in filling.bookings)
        if shared:
            found.append((-shared * (0.3 + rng.random()), v))
    found.sort()
    return [v for _, v in found[:size]]
