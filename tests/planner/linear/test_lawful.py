"""Solutions of the charging's program made lawful: by the battery, or for a little energy."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks import families
from planner.algorithms.at_hand import AtHand, finish
from planner.check import audit
from planner.drafts.assemble import follow, load_kw
from planner.drafts.choices import choices
from planner.drafts.draft import Draft
from planner.drafts.timeline import Floats, timeline
from planner.linear.bursts import overs_kw, unlawful
from planner.linear.charge import Charged, charge
from planner.linear.clock import Deadline
from planner.linear.columns import Columns
from planner.linear.extract import extract
from planner.linear.giving import given_up
from planner.linear.lawful import mended
from planner.linear.model import Model
from planner.linear.scopes import placed_scope
from planner.linear.solver import LinearAnswer, solve_lp
from planner.linear.stationary import scheduled
from planner.objectives import MONEY, SHORTFALL
from planner.search.construct import constructed
from planner.search.instance import Instance
from planner.series import Series


def first_plan(family: str, vehicles: int, routes: int, seed: int) -> AtHand:
    snapshot = families.depot(family, vehicles, routes, seed)
    line = timeline(snapshot)
    chosen = choices(snapshot, line)
    draft = constructed(Instance(snapshot, line, chosen), Deadline.after(60.0)).draft()
    return AtHand(snapshot=snapshot, line=line, chosen=chosen, draft=draft)


def optimum(hand: AtHand) -> tuple[Model, Floats]:
    """The charging that lacks least and then costs least, bursts or not."""
    model = Model(placed_scope(hand.snapshot, hand.line, hand.chosen, hand.draft, thrifty=True))
    cost = 1000 * model.cost(SHORTFALL) + model.cost(MONEY)
    found = solve_lp(model.columns, model.rows, cost, time_s=60.0)
    assert found is not None
    return model, found.x


def short_of(model: Model, x: Floats) -> float:
    return float(model.cost(SHORTFALL) @ x)


@functools.cache
def scarce(seed: int) -> tuple[AtHand, Model, Floats]:
    """All that the site may draw is wanted."""
    hand = first_plan("more-routes-than-energy", 12, 20, seed)
    return hand, *optimum(hand)


@pytest.mark.parametrize("seed", range(4))
def test_a_battery_scheduled_anew_breaks_no_law_and_costs_no_more(seed: int) -> None:
    depot = families.depot("battery-pv", 8, 12, seed)
    snapshot = replace(depot, site=replace(depot.site, pv_kw=Series.constant(0.0)))
    hand = AtHand.greedy(snapshot)
    scope = placed_scope(snapshot, hand.line, hand.chosen, hand.draft)
    found = scheduled(scope, hand.draft)
    plan = finish(hand, found, algorithm="lp", seed=0)
    assert found.visits == hand.draft.visits
    assert audit(snapshot, plan) == []
    assert plan.objective.money < hand.tiers(hand.draft).money - 0.01


@pytest.mark.parametrize("seed", range(4))
def test_a_battery_gives_what_a_limit_is_broken_by(seed: int) -> None:
    hand = first_plan("battery-pv", 8, 12, seed)
    battery, site = hand.snapshot.site.battery, hand.line.limits[0]
    assert battery is not None
    room_kw = site.room_kw.copy()
    step = int(load_kw(site, hand.draft, hand.line).argmax())
    room_kw[step] = load_kw(site, hand.draft, hand.line)[step] - battery.max_discharge_kw / 2
    tighter = replace(site, room_kw=room_kw)
    line = replace(hand.line, limits=(tighter, *hand.line.limits[1:]))
    scope = placed_scope(hand.snapshot, line, hand.chosen, hand.draft)
    assert overs_kw(line, hand.draft)[0, step] == pytest.approx(battery.max_discharge_kw / 2)
    assert overs_kw(line, scheduled(scope, hand.draft))[0, step] <= 1e-5


def test_where_nothing_fits_a_battery_leaves_as_little_over_as_can_be() -> None:
    hand = first_plan("battery-pv", 8, 12, 0)
    battery, site = hand.snapshot.site.battery, hand.line.limits[0]
    assert battery is not None
    room_kw = site.room_kw.copy()
    step = int(load_kw(site, hand.draft, hand.line).argmax())
    room_kw[step] = load_kw(site, hand.draft, hand.line)[step] - battery.max_discharge_kw - 3.0
    tighter = replace(site, room_kw=room_kw)
    line = replace(hand.line, limits=(tighter, *hand.line.limits[1:]))
    scope = placed_scope(hand.snapshot, line, hand.chosen, hand.draft)
    over_kw = overs_kw(line, scheduled(scope, hand.draft))[0]
    assert over_kw[step] == pytest.approx(3.0, abs=1e-4)
    assert np.delete(over_kw, step).max() <= 1e-5


def test_what_is_given_up_is_what_limits_want_and_no_departure_lacks_it() -> None:
    freed_kw = 0.0
    for seed in range(6):
        hand, model, x = scarce(seed)
        columns, line = model.columns, hand.line
        wanted_kw = np.zeros((len(line.limits), line.steps))
        wanted_kw[0, ::9] = 1.0
        given = given_up(columns, x, line.import_price, wanted_kw)
        before, after = (_mean_kw(columns, y) for y in (x, given))
        lost_kwh = line.step_h * float((before - after).sum())
        freed_kw += float((before - after)[::9].sum())
        efficiency = [v.efficiency for v in hand.snapshot.vehicles]
        more_kwh = short_of(model, given) - short_of(model, x)
        room_kw = line.limits[0].room_kw
        assert (after <= np.maximum(before, room_kw) + 1e-5).all(), f"seed {seed}"
        assert lost_kwh * min(efficiency) - 1e-3 <= more_kwh, f"seed {seed}"
        assert more_kwh <= lost_kwh * max(efficiency) + 1e-3, f"seed {seed}"
        for name, found in follow(hand.chosen, _drawn(columns, given), line).items():
            lacks = [d.need_kwh - kwh for d, kwh in found.departures]
            assert max(lacks, default=0.0) <= 1e-3, f"seed {seed}, {name}"
    assert freed_kw > 10.0


def _mean_kw(columns: Columns, x: Floats) -> Floats:
    powers = columns.powers
    kwh = np.zeros(columns.scope.line.steps)
    np.add.at(kwh, powers.step, x[powers.column] * powers.hours)
    return kwh / columns.scope.line.step_h


def _drawn(columns: Columns, x: Floats) -> Draft:
    draft = extract(columns, x)
    assert draft is not None
    return draft


def test_energy_is_given_up_where_bursts_fit_nowhere_else() -> None:
    mended_by_giving = 0
    for seed in (0, 2, 3):
        hand, model, x = scarce(seed)
        price = hand.line.import_price
        kept = mended(model.columns, x, price, giving=False)
        made = mended(model.columns, x, price, giving=True)
        if kept.draft is not None:
            assert short_of(model, made.x) == pytest.approx(short_of(model, x)), f"seed {seed}"
            continue
        if made.draft is None:
            continue
        mended_by_giving += 1
        plan = finish(hand, made.draft, algorithm="lp", seed=0)
        assert unlawful(model.columns.scope, made.draft) == set(), f"seed {seed}"
        assert audit(hand.snapshot, plan) == [], f"seed {seed}"
        assert plan.objective.shortfall_kwh == pytest.approx(short_of(model, made.x), abs=0.01)
    assert mended_by_giving > 0


def test_charging_that_is_near_enough_takes_fewer_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    programs = list[float]()

    def counted(*args: Any, time_s: float, **others: Any) -> LinearAnswer | None:
        programs.append(time_s)
        return solve_lp(*args, time_s=time_s, **others)

    monkeypatch.setattr("planner.linear.charge.solve_lp", counted)
    taken = {0.0: 0, 0.05: 0}
    for seed in (2, 5):
        hand, _, _ = scarce(seed)
        given = hand.snapshot, hand.line, hand.chosen, hand.draft
        found = dict[float, Charged]()
        for enough in taken:
            programs.clear()
            charged = charge(*given, Deadline.after(60.0), enough=enough)
            assert charged is not None, f"seed {seed}"
            found[enough] = charged
            taken[enough] += len(programs)
        near, best = found[0.05], found[0.0]
        plan = finish(hand, near.draft, algorithm="lp", seed=0)
        assert audit(hand.snapshot, plan) == [], f"seed {seed}"
        assert near.shortfall_kwh <= 1.05 * best.shortfall_kwh + 0.01, f"seed {seed}"
        assert near.money <= 1.05 * best.money, f"seed {seed}"
    assert taken[0.05] < taken[0.0]
