"""The loop: take a plan apart in places, put it together anew, keep what is better or nearly so."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

from planner.drafts.draft import Draft
from planner.search.changes import is_kept, turn_back
from planner.search.moves import Builder
from planner.search.ruin import pick
from planner.search.state import State
from planner.search.windows import Taste

_BLINK = 0.1
_MOST_RUINED = 3
"""Vehicles taken apart in one step, at most."""

_LEFT = 4
"""Of the routes that nobody drives so many are tried in one step."""

_PATIENCE = 15
"""So many vehicles are looked at for a route in one step."""

_SPARING = 0.7
"""The chance that steps are left to others where something is lacking."""

_WARMTH = 0.0005
"""A worse plan is taken with a chance of 1/e when it is worse by this share of the money."""

_LATER_WARMTH = 0.00005
"""The same where there is a plan in force: about as much as a change against it must save. With ten
times as much 22 of 60 routes changed their vehicle, most of them for nothing, with this 6, and the
plans were cheaper (40 vehicles, 60 routes, 8 s of a core)."""


class Search:
    """One chain of plans; the random numbers decide all, so a seed replays it."""

    def __init__(self, state: State, seed: int, *, warmth: float | None = None) -> None:
        self._state = state
        self._rng = Random(seed)
        self._cost = self._best_cost = state.cost()
        if warmth is None:
            warmth = _LATER_WARMTH if is_kept(state) else _WARMTH
        self._warmth = warmth * abs(state.money())
        self._scarce = bool(state.bank) or any(f.lacks_kwh > 1e-3 for f in state.fillings if f)
        self._best = state.copy()
        self._told = True
        self.steps = 0

    def best(self) -> Draft:
        return self._best.draft()

    def improved(self) -> Draft | None:
        """The best plan, if it is better than when last asked for, without the changes against the
        plan in force that save nothing."""
        if self._told:
            return None
        self._told = True
        settled = State.again(self._best)
        if turn_back(settled):
            self._best, self._best_cost = settled.copy(), settled.cost()
        return self.best()

    def step(self) -> None:
        """One ruin and one recreation, kept if it is better or not much worse."""
        state, rng = self._state, self._rng
        self.steps += 1
        taste = Taste(
            hour_cost=math.exp(rng.uniform(-4, 0)),
            moving=rng.random() < 0.1,
            eager=rng.random() < 0.1,
            turned=rng.random() < 0.5,
            target=rng.random() < 0.7,
            sparing=self._scarce and rng.random() < _SPARING,
        )
        builder = Builder(state, rng, taste, blink=_BLINK, patience=_PATIENCE)
        bank = set(state.bank)
        ruined = pick(state, rng, rng.randint(1, _MOST_RUINED))
        for v, drives in ruined.items():
            builder.strip(v, drives)
        routes = sorted(state.bank - bank) + sorted(rng.sample(sorted(bank), min(len(bank), _LEFT)))
        self._recreate(builder, list(ruined), routes)
        cost = state.cost()
        if cost > self._cost - self._warmth * math.log(max(rng.random(), 1e-12)):
            builder.undo()
            state.bank = bank
            return
        self._cost = cost
        if cost < self._best_cost - 1e-6:
            self._best_cost, self._best, self._told = cost, state.copy(), False

    def _recreate(self, builder: Builder, ruined: list[int], routes: list[int]) -> None:
        state, rng = self._state, self._rng
        given = state.instance.chosen.given
        rng.shuffle(ruined)
        if rng.random() < 0.5:
            ruined.sort(key=lambda v: min((d.depart_s for d in state.drives[v]), default=1e12))
        kept = [v for v in ruined if state.drives[v]]
        for v in kept:
            builder.refill(v, whole=not given)
        options, priority = state.instance.options, state.instance.priority
        way = rng.random()
        if way < 0.3:
            rng.shuffle(routes)
        elif way < 0.6:
            routes.sort(key=lambda r: options[r][0].depart_s)
        elif way < 0.8:
            routes.sort(key=lambda r: -options[r][0].depart_s)
        else:
            routes.sort(key=lambda r: -options[r][0].energy_kwh)
        if rng.random() < 0.8:
            routes.sort(key=lambda r: -priority[r])
        for r in routes:
            builder.insert(r)
        builder.taste = replace(builder.taste, target=True)
        for v in dict.fromkeys((*ruined, *builder.touched)):
            filling = state.fillings[v]
            if filling is None or filling.short_kwh > 1e-3:
                builder.refill(v, whole=not given)
