"""The best charging for drives and connectors that are given: one linear program for all tiers.

A search calls this hundreds of times, so the tiers are not solved one after the other but weighed,
with weights that leave no doubt. A kWh of shortfall weighs so much that all the money that could be
spent buys less than `ALLOWED` of it; taste weighs so little that all of it costs less than
`ALLOWED` of money. So each tier is within `ALLOWED` of its best, which is what law 10 grants.

Means below a connector's minimum power are drawn as bursts. Where these break a limit, or lie above
the charge curve, they are rounded: each is held at the minimum or above, or at nothing, and the
program is solved again. Where rounding costs a tier more than `max_gap`, a mixed-integer program
decides instead, if `deadline` allows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from planner.drafts.assemble import cost_of, site_import
from planner.drafts.choices import Choices
from planner.drafts.draft import Draft
from planner.drafts.timeline import Floats, Timeline
from planner.linear.bursts import unlawful
from planner.linear.clock import Deadline
from planner.linear.columns import Columns
from planner.linear.extract import extract
from planner.linear.hints import curve_hints
from planner.linear.model import Model
from planner.linear.repair import repaired
from planner.linear.scope import Place
from planner.linear.scopes import placed_scope
from planner.linear.solver import LinearAnswer, solve_lp
from planner.objectives import ALLOWED, MONEY, SHORTFALL, TASTE
from planner.objectives.taste import LATE
from planner.snapshot import Snapshot

ROUNDS: Final = 16
"""Of rounding; most depots need one to three."""

_SCALE: Final = 100.0
"""HiGHS takes a reduced cost below 1e-7 for none; late charging costs down to 1e-8 a kW."""

_LOW: Final = 0.1
"""Of the minimum power: a mean of less is rounded down, whatever room there is."""

_REST: Final = (0.0, 0.0)
_MOST_TASTE: Final = 1e-4
_MOST_WEIGHT: Final = 1e7
"""Beyond this HiGHS warns of its numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What one kWh more costs at the margin, by step; where a kWh is short it costs far more than
    any price.

    `import_per_kwh` counts the energy, the peak, pv and the battery; `limit_per_kwh[i]` is what the
    limit at position `i` of `Timeline.limits` adds where it binds.
    """

    import_per_kwh: Floats
    limit_per_kwh: Floats

    def below(self, limits: tuple[int, ...]) -> Floats:
        """The price at a connector below `limits`."""
        found: Floats = self.import_per_kwh + self.limit_per_kwh[list(limits)].sum(axis=0)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    """`exact`: no other charging for these drives and connectors is better by more than law 10
    allows and `max_gap`."""

    draft: Draft
    shortfall_kwh: float
    money: float
    exact: bool
    prices: Prices


def charge(
    snapshot: Snapshot,
    line: Timeline,
    chosen: Choices,
    draft: Draft,
    deadline: Deadline,
    *,
    max_gap: float = 0.001,
) -> Charged | None:
    """The drives and connectors of `draft` with their charging solved anew.

    The runs of charge curves that bend upwards are as in `draft`. None where no charging fits,
    where a price leaves more to decide than powers, or where rounding ends nowhere.
    """
    scope = placed_scope(snapshot, line, chosen, draft, thrifty=True)
    return _Charging(Model(scope), draft, deadline, max_gap).run()


class _Charging:
    """One model; `_bounds` are those of its columns that are not the model's own."""

    def __init__(self, model: Model, draft: Draft, deadline: Deadline, max_gap: float) -> None:
        self._model, self._deadline, self._max_gap = model, deadline, max_gap
        pinned = curve_hints(model.columns, draft)
        self._bounds = {c: (value, value) for c, value in pinned.items()}
        self._short, self._money = model.cost(SHORTFALL), model.cost(MONEY)
        self._cost = self._weighed()

    def run(self) -> Charged | None:
        columns = self._model.columns
        free = any(flag and c not in self._bounds for c, flag in enumerate(columns.integral))
        first = answer = None if free else self._solve()
        for _ in range(ROUNDS):
            if first is None or answer is None:
                return None
            prices = self._prices(first)
            x = repaired(columns, answer.x, prices.import_per_kwh)
            draft = extract(columns, x)
            if draft is None:
                return None
            places = unlawful(columns.scope, draft)
            if not places:
                return self._charged(first, x, draft)
            if not self._round(places, answer.x):
                return None
            answer = self._solve()
        return None

    def _weighed(self) -> Floats | None:
        """The tiers in one; None where the numbers lie too far apart for that."""
        columns = self._model.columns
        spans = np.array(columns.upper) - np.array(columns.lower)
        weight = float(np.abs(self._money) @ spans) / ALLOWED
        if weight > _MOST_WEIGHT:
            return None
        latest = LATE * columns.scope.line.end_s / 3600 * _most_charged_kwh(columns)
        taste = min(_MOST_TASTE, ALLOWED / max(latest, ALLOWED)) * self._model.cost(TASTE)
        return _SCALE * (weight * self._short + self._money + taste)

    def _solve(self) -> LinearAnswer | None:
        if self._cost is None:
            return None
        time_s = self._deadline.left_s
        model = self._model
        return solve_lp(model.columns, model.rows, self._cost, time_s=time_s, bounds=self._bounds)

    def _round(self, places: Iterable[Place], x: Floats) -> bool:
        """Holds each mean below its minimum at the minimum or above, or at nothing where it is low
        or the step has no room for one more; False if there is none left to decide.

        The others in these steps stay as they are, at rest or not: otherwise one of them may be
        left with too little next.
        """
        columns, scope = self._model.columns, self._model.columns.scope
        room_kw: dict[int, list[float]] = {}
        decided = False
        for place in sorted(places, key=lambda p: (-x[columns["kw"][p]], p)):
            column, group = columns["kw"][place], scope.groups[place[1]]
            step = scope.parts[place[0]][place[2]].step
            limits = [float(limit.room_kw[step]) for limit in scope.line.limits]
            left_kw = room_kw.setdefault(step, limits)
            share, held = x[column] / group.min_kw, self._bounds.get(column, (0.0, 0.0))[0] > 0
            charges = share >= 1 - 1e-6 or held
            if 1e-9 < share < 1 - 1e-6:
                fits = all(left_kw[i] >= group.min_kw for i in group.limits)
                charges = held or (fits and share > _LOW)
                self._bounds[column] = (group.min_kw, columns.upper[column]) if charges else _REST
                decided = True
            elif column not in self._bounds:
                self._bounds[column] = (group.min_kw, columns.upper[column]) if charges else _REST
            if charges:
                for i in group.limits:
                    left_kw[i] -= group.min_kw
        return decided

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
            prices=self._prices(first),
        )

    def _prices(self, answer: LinearAnswer) -> Prices:
        rows, line = self._model.rows, self._model.columns.scope.line
        per_kwh = answer.prices / (_SCALE * line.step_h)
        imported = np.zeros(line.steps)
        limits = np.zeros((len(line.limits), line.steps))
        for name, found in rows.named.items():
            match name:
                case ("balance", int(step)):
                    imported[step] = per_kwh[found].sum()
                case ("limit", int(i), int(step)):
                    limits[i, step] = -per_kwh[found].sum()
        return Prices(import_per_kwh=imported, limit_per_kwh=limits)


def _most_charged_kwh(columns: Columns) -> float:
    """What all vehicles together could draw at most, in kWh."""
    scope, total = columns.scope, 0.0
    for name, vehicle in scope.chosen.vehicles.items():
        if scope.groups_held(name):
            driven_kwh = sum(d.energy_kwh for d in scope.chosen.drives[name])
            rise_kwh = max(columns.most_kwh[name]) + driven_kwh - vehicle.energy_kwh
            total += rise_kwh / vehicle.efficiency
    return total
