"""The best charging for drives and connectors that are given, by one linear program.

A search calls this hundreds of times. In the program for money a kWh of shortfall weighs so much
that all the money there is outweighs no more than `ALLOWED` of it, and taste so little that all of
it costs less than `ALLOWED` of money: so neither needs a program of its own. Where the draft has no
shortfall, more than what a kWh mostly could save is weight enough; where that fails, or no weight
is, a row holds the least shortfall.

Means below a connector's minimum power are drawn as bursts, which are made lawful where that costs
nothing (`lawful`). What is left is rounded: each mean is held at the minimum or above, or at
nothing, and the program is solved again (`rounding`). `Charged.exact` says whether all that cost a
tier more than it may; mixed-integer programming can then decide what is best.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from planner.drafts.assemble import cost_of, site_import
from planner.drafts.choices import Choices
from planner.drafts.draft import Draft, charges_of, trace
from planner.drafts.timeline import Floats, Timeline
from planner.linear.clock import Deadline
from planner.linear.columns import Columns
from planner.linear.hints import curve_hints
from planner.linear.lawful import mended
from planner.linear.model import Model
from planner.linear.rounding import Bounds, Rounding
from planner.linear.scopes import placed_scope
from planner.linear.shares import ALLOWED_SHARE, add_share
from planner.linear.solver import LinearAnswer, solve_lp
from planner.objectives import ALLOWED, MONEY, SHORTFALL, TASTE
from planner.objectives.taste import LATE
from planner.snapshot import Snapshot

_NARROW: Final = 4
"""Rounds of the second try before wide ones: of 120 depots of 8 and 10 vehicles with too little
energy all narrow ones were better in 24, and the first try in 6."""

_SCALE: Final = 100.0
"""HiGHS takes a reduced cost below 1e-7 for none; late charging costs down to 1e-8 a kW."""

_FINE_SCALE: Final = 1000.0
"""Beside large weights: with 100 taste came out 0.3 % worse on 40 vehicles and 480 steps."""

_MOST_TASTE: Final = 1e-4
_SHORT_PER_KWH: Final = 1000.0
_MOST_PER_KWH: Final = 1e6
"""Up to here HiGHS finds the shortfall and the money that a program for each finds, to 1e-9."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    """`exact`: no other charging for these drives and connectors is better by more than law 10
    allows and `max_gap`."""

    draft: Draft
    shortfall_kwh: float
    money: float
    exact: bool


def charge(
    snapshot: Snapshot,
    line: Timeline,
    chosen: Choices,
    draft: Draft,
    deadline: Deadline,
    *,
    max_gap: float = 0.001,
    fairly: bool = False,
    stretched: bool = True,
    enough: float = 0.0,
) -> Charged | None:
    """The drives and connectors of `draft` with their charging solved anew.

    The runs of charge curves that bend upwards are as in `draft`. None where no charging fits,
    where a price leaves more to decide than powers, or where rounding ends nowhere. `fairly` puts
    the smallest share of what was asked for above the tiers. `stretched` gives each visit the time
    until the next one begins at its connector; else it has the connector as long as it is there.
    The first charging found that is above the least shortfall and the least money by no more than
    the share `enough` will do, even if it is not exact.
    """
    scope = placed_scope(snapshot, line, chosen, draft, thrifty=True, stretched=stretched)
    model = Model(scope)
    charging = _Charging(model, draft, deadline, max_gap, fairly=fairly, enough=enough)
    return charging.run()


class _Charging:
    """One model; `_bounds` are those of its columns that are not the model's own. `_outweighs`: in
    `_cost` the shortfall weighs enough to be made least first."""

    def __init__(
        self,
        model: Model,
        draft: Draft,
        deadline: Deadline,
        max_gap: float,
        *,
        fairly: bool,
        enough: float,
    ) -> None:
        self._model, self._deadline, self._max_gap = model, deadline, max_gap
        self._enough = enough
        pinned = curve_hints(model.columns, draft)
        self._bounds = {c: (value, value) for c, value in pinned.items()}
        self._start_kwh = _shortfall_kwh(model, draft)
        self._share = add_share(model) if fairly else None
        self._short, self._money = model.cost(SHORTFALL), model.cost(MONEY)
        per_kwh = max(_SHORT_PER_KWH, _most_money(model.columns) / ALLOWED)
        self._outweighs = self._start_kwh > ALLOWED and per_kwh <= _MOST_PER_KWH
        self._scale = _FINE_SCALE if self._outweighs else _SCALE
        self._cost = self._weighed(per_kwh if self._outweighs else _SHORT_PER_KWH)

    def run(self) -> Charged | None:
        """Where rounding has cost something it is tried once more, less widely and from another of
        the optima, with other weights. Which of them rounds well is luck."""
        free = {c for c, flag in enumerate(self._model.columns.integral) if flag}
        first = None if free - self._bounds.keys() else self._first()
        if first is None:
            return None
        found, widened = self._rounded(first, first, narrow=1)
        will_do = found is not None and self._will_do(first, found)
        if will_do or not (self._outweighs or widened):
            return found
        start = first
        if self._outweighs:
            self._scale = _SCALE
            self._cost = self._weighed(_SHORT_PER_KWH)
            start = self._least_kept(float(self._short @ first.x)) or first
        again, _ = self._rounded(first, start, narrow=_NARROW)
        return min((x for x in (found, again) if x is not None), key=_tiers, default=None)

    def _rounded(
        self, first: LinearAnswer, start: LinearAnswer, *, narrow: int
    ) -> tuple[Charged | None, bool]:
        """The best that rounds make of `start`, beside the optimum `first`; and whether one of them
        was wide. Where some must be short, energy is given up as long as there is nothing else."""
        columns, price = self._model.columns, self._import_prices(first)
        rounding = Rounding(columns, self._rounded_again, dict(self._bounds), narrow=narrow)
        answer: LinearAnswer | None = start
        scarce = self._share is None and float(self._short @ first.x) > ALLOWED
        best = list[Charged]()
        while answer is not None:
            made = mended(columns, answer.x, price, giving=scarce and not best)
            if made.draft is not None:
                best.append(self._charged(first, made.x, made.draft))
                if self._will_do(first, best[-1]):
                    break
            answer = rounding.again(set(made.dear), answer.x) if made.dear else None
        return min(best, key=_tiers, default=None), rounding.widened

    def _will_do(self, first: LinearAnswer, found: Charged) -> bool:
        least_kwh, least = float(self._short @ first.x), float(self._money @ first.x)
        near = found.shortfall_kwh <= least_kwh * (1 + self._enough) + ALLOWED
        return found.exact or (near and found.money <= least + self._enough * abs(least))

    def _weighed(self, per_kwh: float) -> Floats:
        """Money, with as little of taste as may cost it nothing, and `per_kwh` of shortfall."""
        columns = self._model.columns
        most = LATE * columns.scope.line.end_s / 3600 * _most_charged_kwh(columns)
        most += sum(columns.upper[c] for c in columns["soft"].values())
        taste = min(_MOST_TASTE, ALLOWED / max(most, ALLOWED)) * self._model.cost(TASTE)
        return self._scale * (per_kwh * self._short + self._money + taste)

    def _first(self) -> LinearAnswer | None:
        """Without rounding: each tier at its best."""
        if self._share is not None and not self._hold_share(self._share):
            return None
        if self._outweighs:
            return self._solve(self._cost)
        least_kwh = self._start_kwh
        if least_kwh > ALLOWED:
            least = self._solve(_SCALE * self._short)
            if least is None:
                return None
            least_kwh = least.objective / _SCALE
        return self._least_kept(least_kwh)

    def _least_kept(self, least_kwh: float) -> LinearAnswer | None:
        """The optimum of the weighted sum; a row holds the shortfall if its weight does not."""
        found = self._solve(self._cost)
        if found is None or self._short @ found.x <= least_kwh + ALLOWED:
            return found
        mark = self._model.rows.mark()
        self._model.keep(SHORTFALL, least_kwh)
        found = self._solve(self._cost)
        self._model.rows.cut(mark)
        return found

    def _hold_share(self, share: int) -> bool:
        """Finds the largest smallest share, and keeps it; False where time is up."""
        cost = np.zeros(len(self._model.columns))
        cost[share] = -_SCALE
        found = self._solve(cost)
        if found is not None:
            self._bounds[share] = (max(0.0, float(found.x[share]) - ALLOWED_SHARE), 1.0)
        return found is not None

    def _solve(self, cost: Floats, bounds: Bounds | None = None) -> LinearAnswer | None:
        model, time_s = self._model, self._deadline.left_s
        bounds = self._bounds if bounds is None else bounds
        return solve_lp(model.columns, model.rows, cost, time_s=time_s, bounds=bounds)

    def _rounded_again(self, bounds: Bounds) -> LinearAnswer | None:
        return self._solve(self._cost, bounds)

    def _charged(self, first: LinearAnswer, x: Floats, draft: Draft) -> Charged:
        snapshot, line = self._model.columns.scope.snapshot, self._model.columns.scope.line
        cost = cost_of(snapshot, line, draft, site_import(draft, line))
        short, money = float(self._short @ x), cost.energy + cost.peak + cost.wear
        least = float(self._short @ first.x), float(self._money @ first.x)
        dearer = money - least[1] > ALLOWED + self._max_gap * abs(least[1])
        return Charged(
            draft=draft,
            shortfall_kwh=short,
            money=money,
            exact=short <= least[0] + ALLOWED and not dearer,
        )

    def _import_prices(self, answer: LinearAnswer) -> Floats:
        """What a kWh more costs at the margin by step: with the peak, pv and the battery."""
        prices: Floats = answer.prices[self._model.rows.named["balance"]]
        return prices / (self._scale * self._model.columns.scope.line.step_h)


def _tiers(found: Charged) -> tuple[int, float]:
    """Less of the shortfall, by steps of what counts as nothing, then money."""
    return round(found.shortfall_kwh / ALLOWED), found.money


def _shortfall_kwh(model: Model, draft: Draft) -> float:
    """What the draft is short of by the model's own reckoning, rounding included; once that is more
    than nothing, no further vehicle is looked at."""
    scope, short, total = model.columns.scope, model.columns["short"], 0.0
    charges = charges_of(draft.visits)
    for name, vehicle in scope.chosen.vehicles.items():
        drives = draft.drives.get(name, ())
        found = trace(vehicle, drives, charges.get(name, ()), scope.line)
        lacks = {d.route: d.need_kwh - kwh for d, kwh in found.departures}
        lacks_at_end = {None: vehicle.target_kwh - found.end_kwh}
        for key, lack in (*lacks.items(), *lacks_at_end.items()):
            if (name, key) in short:
                total += max(lack, 0.0)
        if total > ALLOWED:
            break
    return total


def _most_money(columns: Columns) -> float:
    """By how much the money of two ways to charge can differ; not known beside a battery."""
    line, site = columns.scope.line, columns.scope.snapshot.site
    if site.battery is not None:
        return math.inf
    prices = np.concatenate([line.import_price, line.export_price, [0.0]])
    peak_kw = max((columns.upper[c] for c in columns["peak"].values()), default=0.0)
    return float(np.ptp(prices)) * _most_charged_kwh(columns) + site.peak_price_per_kw * peak_kw


def _most_charged_kwh(columns: Columns) -> float:
    """What all vehicles together could draw at most, in kWh."""
    scope, total = columns.scope, 0.0
    for name, vehicle in scope.chosen.vehicles.items():
        if scope.groups_held(name):
            driven_kwh = sum(d.energy_kwh for d in scope.chosen.drives[name])
            rise_kwh = max(columns.most_kwh[name]) + driven_kwh - vehicle.energy_kwh
            total += rise_kwh / vehicle.efficiency
    return total
