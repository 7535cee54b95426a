"""The best charging for drives and connectors that are given, by one linear program.

A search calls this hundreds of times. In the program for money a kWh of shortfall weighs so much
that all the money there is outweighs no more than `ALLOWED` of it, and taste so little that all of
it costs less than `ALLOWED` of money: so neither needs a program of its own. Where the draft has no
shortfall, more than what a kWh mostly could save is weight enough; where that fails, or no weight
is, a row holds the least shortfall.

Means below a connector's minimum power are drawn as bursts. Where these break a limit, or lie above
the charge curve, energy moves within visits (`repair`) and vehicles take turns within a step
(`turns`), first where that costs nothing. What is left is rounded: each mean is held at the minimum
or above, or at nothing, and the program is solved again. `Charged.exact` says whether all that cost
a tier more than it may; mixed-integer programming can then decide what is best.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from planner.drafts.assemble import cost_of, site_import
from planner.drafts.choices import Choices
from planner.drafts.draft import Draft, charges_of, trace
from planner.drafts.timeline import Floats, Timeline
from planner.linear.bursts import unlawful, wider
from planner.linear.clock import Deadline
from planner.linear.columns import Columns
from planner.linear.extract import extract
from planner.linear.hints import curve_hints
from planner.linear.model import Model
from planner.linear.repair import repaired
from planner.linear.rounding import LOWS, rounded_bounds
from planner.linear.scope import Place
from planner.linear.scopes import placed_scope
from planner.linear.shares import ALLOWED_SHARE, add_share
from planner.linear.solver import LinearAnswer, solve_lp
from planner.linear.turns import in_turn
from planner.objectives import ALLOWED, MONEY, SHORTFALL, TASTE
from planner.objectives.taste import LATE
from planner.snapshot import Snapshot

ROUNDS: Final = 16
"""Of rounding; most depots need none, few more than two."""

_NARROW: Final = 4
"""Rounds of the second try before wide ones: of 120 depots of 8 and 10 vehicles with too little
energy all narrow ones were better in 24, and the first try in 6."""

_WIDE_TRIES: Final = 2
"""Wide rounds that left no solution, before all are narrow: each takes three programs. At 100
vehicles the second one fits, at 300 none does."""

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
) -> Charged | None:
    """The drives and connectors of `draft` with their charging solved anew.

    The runs of charge curves that bend upwards are as in `draft`. None where no charging fits,
    where a price leaves more to decide than powers, or where rounding ends nowhere. `fairly` puts
    the smallest share of what was asked for above the tiers. `stretched` gives each visit the time
    until the next one begins at its connector; else it has the connector as long as it is there.
    """
    scope = placed_scope(snapshot, line, chosen, draft, thrifty=True, stretched=stretched)
    model = Model(scope)
    return _Charging(model, draft, deadline, max_gap, fairly=fairly).run()


class _Charging:
    """One model; `_bounds` are those of its columns that are not the model's own. `_outweighs`: in
    `_cost` the shortfall weighs enough to be made least first. `_widened`: a round was wide, so
    that narrow ones would lead elsewhere."""

    def __init__(
        self,
        model: Model,
        draft: Draft,
        deadline: Deadline,
        max_gap: float,
        *,
        fairly: bool,
    ) -> None:
        self._model, self._deadline, self._max_gap = model, deadline, max_gap
        pinned = curve_hints(model.columns, draft)
        self._bounds = {c: (value, value) for c, value in pinned.items()}
        self._start_kwh = _shortfall_kwh(model, draft)
        self._share = add_share(model) if fairly else None
        self._widened = False
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
        bounds, start = dict(self._bounds), first
        found = self._rounded(first, first, narrow=1)
        if (found is not None and found.exact) or not (self._outweighs or self._widened):
            return found
        self._bounds = bounds
        if self._outweighs:
            self._scale = _SCALE
            self._cost = self._weighed(_SHORT_PER_KWH)
            start = self._least_kept(float(self._short @ first.x)) or first
        again = self._rounded(start, start, narrow=_NARROW)
        return min((x for x in (found, again) if x is not None), key=_tiers, default=None)

    def _rounded(self, first: LinearAnswer, start: LinearAnswer, *, narrow: int) -> Charged | None:
        """The best that rounds make of `start`, beside the optimum `first`: `narrow` of no more
        than what breaks a law, then ever wider ones. Each narrow one moves the optimum to another
        corner, 9 to 32 times where energy is scarce; with wide ones it is 3 to 6 (40 vehicles, 60
        routes)."""
        answer: LinearAnswer | None = start
        best, failed = list[Charged](), 0
        for number in range(ROUNDS):
            if answer is None:
                break
            found, places = self._mended(first, answer.x)
            if found is not None:
                best.append(found)
            if (found is not None and found.exact) or not places:
                break
            how_wide = max(0, number + 1 - narrow) if failed < _WIDE_TRIES else 0
            wide, x = wider(self._model.columns.scope, places, how_wide), answer.x
            answer = self._resolved(wide, x)
            if wide is not places:
                failed += answer is None
                self._widened |= answer is not None
                answer = answer or self._resolved(places, x)
        return min(best, key=_tiers, default=None)

    def _mended(self, first: LinearAnswer, x: Floats) -> tuple[Charged | None, set[Place]]:
        """What `x` charges where that can be made lawful, and where it could not without cost."""
        columns = self._model.columns
        scope, dear = columns.scope, set[Place]()
        for _ in range(2):
            steps = {scope.parts[name][k].step for name, _, k in dear}
            if any(group.min_kw > 0 for group in scope.groups):
                x = repaired(columns, x, self._import_prices(first), steps)
            draft = extract(columns, x)
            if draft is None:
                return None, set()
            draft = in_turn(scope, draft)
            places = unlawful(scope, draft)
            if not places:
                return self._charged(first, x, draft), dear
            dear = dear or places
        return None, dear

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

    def _solve(self, cost: Floats) -> LinearAnswer | None:
        model, time_s = self._model, self._deadline.left_s
        return solve_lp(model.columns, model.rows, cost, time_s=time_s, bounds=self._bounds)

    def _resolved(self, places: Iterable[Place], x: Floats) -> LinearAnswer | None:
        """The program with `places` rounded, more of them down where that leaves no solution."""
        before = self._bounds
        for low in LOWS:
            rounded = rounded_bounds(self._model.columns, before, places, x, low)
            if rounded is None:
                break
            self._bounds = rounded
            found = self._solve(self._cost)
            if found is not None:
                return found
        self._bounds = before
        return None

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
