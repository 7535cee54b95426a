"""A bound by column generation: what each vehicle does is one of its journeys, or a mean of these.

The master program shares routes, connectors, circuits and the site (`blocks`) among journeys; its
prices ask for better ones (`journeys`). At any prices the price of what is shared and the cheapest
journeys together are a bound; prices between those of the best bound and the newest come nearer
to the optimum sooner (Wentges smoothing). Where vehicles are many this says more than classes do,
and sooner than a class for each: a vehicle's journey is whole, and its energy its own.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Final

import numpy as np

from planner.drafts.choices import Choices
from planner.drafts.timeline import Floats, Timeline
from planner.linear.blocks import Blocks, most_kw
from planner.linear.clock import Deadline
from planner.linear.journeys import Journey, Journeys
from planner.linear.outlets import Load, load_of
from planner.linear.rows import Rows
from planner.linear.solver import LinearAnswer, solve_lp
from planner.plan import Objective
from planner.snapshot import Snapshot, Vehicle

_WAIVED: Final = 3.0
_DEARER: Final = 4.0
"""What is waived costs at first so many times the money of a mean route, or the first prices of it,
and more where it is still wanted in the end: until journeys serve all, prices are of its order."""

_OLD: Final = 0.7
"""The share of the best bound's prices: 20 vehicles and 20 routes take 45 rounds without first
prices, 30 with them."""

_GAP: Final = 5e-4
_EXACT: Final = 1e-6

Prices = Mapping[Hashable, float]


def generated_bound(
    snapshot: Snapshot,
    line: Timeline,
    chosen: Choices,
    at: Objective,
    first: Prices,
    deadline: Deadline,
) -> float:
    """The best bound that time allows; `-inf` where there is none. `first`: the prices that it sets
    out from, by the names of the rows in `blocks`; those that are missing are 0."""
    try:
        master = _Master(snapshot, line, chosen, at, first)
    except ValueError:
        return -math.inf
    return master.bound(deadline)


def shared_prices(shared: Mapping[Hashable, int], found: LinearAnswer) -> Prices:
    return {name: float(found.prices[row]) for name, row in shared.items()}


class _Master(Blocks):
    def __init__(
        self, snapshot: Snapshot, line: Timeline, chosen: Choices, at: Objective, first: Prices
    ) -> None:
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
        for load, _ in self._kinds:
            for charged in self._charged:
                charged[load] = []
        self._supply()
        blocks = range(len(self._first))
        drawn = [(load, b) for load, _ in self._kinds for b in blocks]
        self._drawn = {key: self._shared[("drawn", *key)] for key in drawn}
        energy = {
            row: min(0.0, first.get(("drawn", *key), 0.0)) for key, row in self._drawn.items()
        }
        self._dual = self._supplied(energy)
        self._driven = [self._rows.add([], upper=1.0) for _ in chosen.routes]
        number = max(len(chosen.routes), len(chosen.vehicles))
        served, lacking = max(0.0, first.get("served", 0.0)), min(0.0, first.get("lacking", 0.0))
        cost = max(_WAIVED * (1 + abs(at.money)) / number, _DEARER * (served - lacking))
        self._waived = self._tiers([], [], cost)
        self._served, self._lacking = self._shared["served"], self._shared["lacking"]
        self._one = [
            [self._rows.add([], lower=1.0, upper=1.0) for _ in range(len(own))]
            for _, own in self._kinds
        ]
        self._known: set[Hashable] = set()
        own = {row: ("driven", r.id) for row, r in zip(self._driven, chosen.routes, strict=True)}
        driven = {row: min(0.0, first.get(name, 0.0)) for row, name in own.items()}
        self._start = self._priced(
            {**energy, **driven, self._served: served, self._lacking: lacking}
        )

    def _priced(self, prices: Mapping[int, float]) -> Floats:
        """First prices by row; what rows beside supply's are worth at them goes into `_dual`."""
        start = np.zeros(len(self._rows.lower))
        start[list(prices)] = list(prices.values())
        self._dual += float(start[self._driven].sum())
        self._dual += float(start[self._served]) * self._rows.lower[self._served]
        self._dual += float(start[self._lacking]) * self._rows.upper[self._lacking]
        return start

    def _supplied(self, prices: Mapping[int, float]) -> float:
        """What the rows so far cost at least, those of what is drawn priced instead of kept."""
        cost = np.array(self._columns.cost)
        row, column, value = self._rows.matrix()
        free = Rows()
        free.extend(row, column, value)
        free.lower, free.upper = list(self._rows.lower), list(self._rows.upper)
        for number, price in prices.items():
            own = row == number
            cost[column[own]] -= price * value[own]
            free.lower[number], free.upper[number] = -math.inf, math.inf
        found = solve_lp(self._columns, free, cost, time_s=math.inf)
        return -math.inf if found is None else found.objective

    def bound(self, deadline: Deadline) -> float:
        # Where nothing has a price, every vehicle has a journey: to stay.
        self._ask(np.zeros(len(self._rows.lower)))
        old: Floats = self._start
        dual = self._dual
        best, share = dual + self._ask(old), _OLD
        while (found := self._solve(deadline)) is not None:
            new = found.prices
            free = found.objective - sum(float(new[rows].sum()) for rows in self._one)
            prices = share * old + (1 - share) * new
            total, known = share * dual + (1 - share) * free, len(self._known)
            low = total + self._ask(prices)
            stale = len(self._known) == known
            if low > best:
                best, dual, old = low, total, prices
            if found.objective - best <= _GAP * abs(found.objective) or (stale and share == 0.0):
                if found.x[self._waived] <= _EXACT:
                    break
                self._columns.cost[self._waived] *= _DEARER
            share = 0.0 if stale else _OLD
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
            by_block = -prices[[self._drawn[load, b] for b in range(len(self._first))]]
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
            self._rows.extend(self._drawn[load, int(self._block[step])], column, kwh)
        if journey.short_kwh > 0:
            self._rows.extend(self._lacking, column, journey.short_kwh)
