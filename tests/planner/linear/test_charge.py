"""Charging for given connectors: one program for all tiers, and no burst that a law forbids."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from benchmarks import families
from planner.algorithms import ALGORITHMS
from planner.algorithms.at_hand import KWH, AtHand, better, finish
from planner.check import audit
from planner.drafts.choices import choices
from planner.drafts.timeline import timeline
from planner.linear import clock
from planner.linear.charge import charge
from planner.linear.clock import Deadline
from planner.linear.hints import curve_hints
from planner.linear.model import Model
from planner.linear.scopes import placed_scope
from planner.linear.solver import solve_lp
from planner.linear.tiers import ROUNDS, Known, refined, solve_tiers
from planner.objectives import SHORTFALL
from planner.params import Params
from planner.search.construct import constructed
from planner.search.instance import Instance
from planner.snapshot import Mode, Snapshot
from tests.planner.depots import random_depot

STEEP = (
    ((0.8, 1.0), (1.0, 0.2)),
    ((0.5, 1.0), (0.9, 0.05)),
    ((0.3, 0.6), (0.5, 1.0), (0.9, 0.1)),
    ((0.4, 1.0), (0.6, 0.1), (0.8, 0.9), (1.0, 0.05)),
)


def full_depot(seed: int, mode: Mode) -> Snapshot:
    """Vehicles that begin or want to end where their curves are below the minimum powers."""
    rng = Random(f"full{seed}")
    snapshot = random_depot(
        rng, vehicles=4, routes=4, connectors=rng.choice((2, 3, 5)), hours=8, mode=mode
    )
    fleet = [
        replace(
            v,
            energy_kwh=round(v.battery_kwh * rng.uniform(0.3, 0.98), 1),
            target_kwh=round(v.battery_kwh * rng.choice((0.6, 0.9, 1.0)), 1),
            charge_curve=rng.choice(STEEP),
        )
        for v in snapshot.vehicles
    ]
    return replace(snapshot, vehicles=tuple(fleet))


@pytest.mark.parametrize("mode", ["integrated", "charging"])
@pytest.mark.parametrize("name", ["lp", "max_min", "sequential"])
def test_bursts_near_the_end_of_the_battery_keep_to_the_charge_curve(name: str, mode: Mode) -> None:
    for seed in range(4):
        snapshot = full_depot(seed, mode)
        plan = ALGORITHMS[name](snapshot, Params(), 0.3, 0)
        assert audit(snapshot, plan) == [], f"seed {seed}"


@pytest.mark.parametrize("seed", range(5))
def test_its_tiers_are_those_of_the_tiers_solved_one_after_the_other(seed: int) -> None:
    snapshot = random_depot(
        Random(seed), vehicles=5, routes=6, connectors=4, hours=8, tight=0.4, battery=seed % 2 == 0
    )
    hand = AtHand.greedy(snapshot)
    given = snapshot, hand.line, hand.chosen, hand.draft
    found = charge(*given, Deadline.after(20.0))
    assert found is not None
    plan = finish(hand, found.draft, algorithm="lp", seed=0)
    assert audit(snapshot, plan) == []
    assert plan.objective.money == pytest.approx(found.money, abs=1e-6)
    tiers = hand.tiers(hand.draft)
    known = Known(unserved=0.0, unserved_proved=True, shortfall_kwh=tiers.shortfall_kwh)
    scope = placed_scope(*given)
    for number in range(ROUNDS):
        staged = solve_tiers(
            scope, Deadline.after(20.0), max_gap=0.0, known=known, start=hand.draft
        )
        assert staged.draft is not None
        finer = refined(scope, staged.draft, number)
        if finer is None:
            break
        scope = finer
    assert staged.draft is not None
    slow = hand.tiers(staged.draft)
    assert plan.objective.shortfall_kwh <= slow.shortfall_kwh + KWH or not found.exact
    if found.exact and abs(plan.objective.shortfall_kwh - slow.shortfall_kwh) <= KWH:
        assert plan.objective.money <= slow.money * 1.001 + 0.01


def test_it_is_never_worse_than_the_draft_where_it_is_exact() -> None:
    for seed in range(12):
        snapshot = random_depot(Random(seed), vehicles=5, routes=6, connectors=4, hours=8)
        hand = AtHand.greedy(snapshot)
        found = charge(snapshot, hand.line, hand.chosen, hand.draft, Deadline.after(20.0))
        if found is not None and found.exact:
            before, after = hand.tiers(hand.draft), hand.tiers(found.draft)
            nearly = replace(after, money=after.money * 0.999 - 0.01, taste=before.taste)
            assert not better(before, nearly), f"seed {seed}"


def test_no_money_there_is_outweighs_shortfall_that_can_be_avoided() -> None:
    """Dear hours and a dear peak, against a program that knows of shortfall alone."""
    short_kwh = 0.0
    for seed in range(5):
        depot = random_depot(
            Random(seed), vehicles=5, routes=8, connectors=4, hours=8, mode="charging", tight=0.15
        )
        site = replace(depot.site, peak_price_per_kw=40.0)
        places = tuple(replace(c, min_kw=0.0) for c in depot.connectors)
        snapshot = replace(depot, site=site, connectors=places)
        hand = AtHand.greedy(snapshot)
        given = snapshot, hand.line, hand.chosen, hand.draft
        found = charge(*given, Deadline.after(20.0))
        model = Model(placed_scope(*given, thrifty=True))
        held = {c: (value, value) for c, value in curve_hints(model.columns, hand.draft).items()}
        cost = model.cost(SHORTFALL)
        least = solve_lp(model.columns, model.rows, cost, time_s=20.0, bounds=held)
        assert found is not None, f"seed {seed}"
        assert least is not None, f"seed {seed}"
        assert found.shortfall_kwh <= least.objective + 0.01, f"seed {seed}"
        short_kwh += found.shortfall_kwh
    assert short_kwh > 1.0


def test_without_time_it_has_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """HiGHS is given 0.05 s at least, in which a fast machine solves even this depot."""
    monkeypatch.setattr(clock, "MIN_TIME_S", 1e-6)
    snapshot = random_depot(
        Random(1), vehicles=60, routes=0, connectors=60, hours=24, step_minutes=5, mode="charging"
    )
    hand = AtHand.greedy(snapshot)
    assert charge(snapshot, hand.line, hand.chosen, hand.draft, Deadline.after(0.0)) is None


def test_wide_rounds_end_where_narrow_ones_go_astray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here each narrow round moves what is too little to charge with to another vehicle."""
    snapshot = families.depot("more-routes-than-energy", 8, 16, 5)
    line = timeline(snapshot)
    chosen = choices(snapshot, line)
    draft = constructed(Instance(snapshot, line, chosen), Deadline.after(60.0)).draft()
    wide = charge(snapshot, line, chosen, draft, Deadline.after(60.0))
    monkeypatch.setattr("planner.linear.rounding.wider", lambda scope, places, number: places)
    narrow = charge(snapshot, line, chosen, draft, Deadline.after(60.0))
    assert wide is not None
    assert narrow is not None
    assert wide.exact
    assert wide.money < narrow.money - 0.1
