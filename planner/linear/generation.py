"""A bound by column generation: what each vehicle does is one of its journeys, or a mean of these.

The master program shares routes, connectors, circuits and the site (`blocks`) among journeys; its
prices ask for better ones (`journeys`). At any prices the price of what is shared and the cheapest
journeys together are a bound; prices between those of the best bound and the newest come nearer
to the optimum sooner (Wentges smoothing). Where vehicles are many this says more than classes do,
and sooner than a class for each: a vehicle's journey is whole, and its energy its own.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Final

import numpy as np

from planner.drafts.choices import Choices
from planner.drafts.timeline import Floats, Timeline
from planner.linear.blocks import Blocks, most_kw
from planner.linear.clock import Deadline
from planner.linear.journeys import Journey, Journeys
from planner.linear.outlets import Load, load_of
from planner.linear.solver import LinearAnswer, solve_lp
from planner.plan import Objective
from planner.snapshot import Snapshot, Vehicle

_WAIVED: Final = 3.0
_DEARER: Final = 4.0
"""What is waived costs at first so many times the money of a mean route, and more where it is still
wanted in the end: prices are of its order until journeys serve all. With half of all the money 100
vehicles and 98 routes take a third longer."""

_OLD: Final = 0.3
"""The share of the best bound's prices: 100 vehicles and 98 routes take 54 rounds."""

_GAP: Final = 5e-4
_EXACT: Final = 1e-6


def generated_bound(
    snapshot: Snapshot, line: Timeline, chosen: Choices, at: Objective, deadline: Deadline
) -> float:
    """The best bound that time allows; `-inf` where there is none."""
    try:
        master = _Master(snapshot, line, chosen, at)
    except ValueError:
        return -math.inf
    return master.bound(deadline)


class _Master(Blocks):
    def __init__(self, snapshot: Snapshot, line: Timeline, chosen: Choices, at: Objective) -> None:
        super().__init__(snapshot, line, chosen, at)
        routes = [chosen.options[r.id] for r in chosen.routes]
        kinds: dict[Hashable, list[Vehicle]] = {}
        for vehicle in chosen.vehicles.values():
            kinds.setdefault((vehicle.type, load_of([vehicle])), []).append(vehicle)
        gap_s = snapshot.rules.gap_minutes * 60
        self._kinds = [
            (load_of(own), Journeys(own, routes, line, most_kw(snapshot, own[0]), gap_s))
            for own in kinds.values()
        ]
        self._priority = np.array([r.priority for r in chosen.routes])
        self._block = np.repeat(
            np.arange(len(self._first)), [len(range(line.steps)[b]) for b in self._blocks()]
        )
        drawn = [(load, b) for load, _ in self._kinds for b in range(len(self._first))]
        columns = {key: self._columns.add(math.inf) for key in drawn}
        for (load, b), column in columns.items():
            self._charged[b][load] = [(column, 1.0)]
        self._supply()
        self._drawn = {key: self._rows.add([(c, 1.0)], lower=0.0) for key, c in columns.items()}
        self._driven = [self._rows.add([], upper=1.0) for _ in chosen.routes]
        number = max(len(chosen.routes), len(chosen.vehicles))
        cost = _WAIVED * (1 + abs(at.money)) / number
        self._served, self._lacking, self._waived = self._tiers([], [], cost)
        self._one = [
            [self._rows.add([], lower=1.0, upper=1.0) for _ in range(len(own))]
            for _, own in self._kinds
        ]
        self._known: set[Hashable] = set()

    def bound(self, deadline: Deadline) -> float:
        best, dual = -math.inf, 0.0
        old: Floats | None = None
        # Where nothing has a price, every vehicle has a journey: to stay.
        self._ask(np.zeros(len(self._rows.lower)))
        while (found := self._solve(deadline)) is not None:
            new = found.prices
            free = found.objective - sum(float(new[rows].sum()) for rows in self._one)
            share = 0.0 if old is None else _OLD
            prices = new if old is None else share * old + (1 - share) * new
            total, known = share * dual + (1 - share) * free, len(self._known)
            low = total + self._ask(prices)
            stale = len(self._known) == known
            if low > best:
                best, dual, old = low, total, prices
            if found.objective - best <= _GAP * abs(found.objective) or (stale and share == 0.0):
                if found.x[self._waived] <= _EXACT:
                    break
                self._columns.cost[self._waived] *= _DEARER
            elif stale:
                old = None
        return best

    def _solve(self, deadline: Deadline) -> LinearAnswer | None:
        if deadline.left_s <= 0:
            return None
        cost = np.array(self._columns.cost)
        return solve_lp(self._columns, self._rows, cost, time_s=deadline.left_s)

    def _ask(self, prices: Floats) -> float:
        """Adds the cheapest journeys at the prices of the rows; what they cost together."""
        rewards = prices[self._driven] + prices[self._served] * self._priority
        short_price = -float(prices[self._lacking])
        cost = 0.0
        for (load, own), one in zip(self._kinds, self._one, strict=True):
            by_block = prices[[self._drawn[load, b] for b in range(len(self._first))]]
            cost += float(own.best(by_block[self._block], rewards, short_price).sum())
            for i, row in enumerate(one):
                self._add(load, row, own.journey(i))
        return cost

    def _add(self, load: Load, one: int, journey: Journey) -> None:
        key = one, journey.routes, tuple(journey.drawn_kwh.items())
        if key in self._known:
            return
        self._known.add(key)
        column = self._columns.add(math.inf)
        self._rows.extend(one, column, 1.0)
        if journey.routes:
            which = np.array(journey.routes)
            self._rows.extend(np.array(self._driven)[which], column, 1.0)
            self._rows.extend(self._served, column, float(self._priority[which].sum()))
        for step, kwh in journey.drawn_kwh.items():
            self._rows.extend(self._drawn[load, int(self._block[step])], column, -kwh)
        if journey.short_kwh > 0:
            self._rows.extend(self._lacking, column, journey.short_kwh)
