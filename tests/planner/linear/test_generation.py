"""The bound by journeys holds, and no journey that is lawful is dearer than what they find."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from planner.algorithms.at_hand import AtHand
from planner.drafts.timeline import Floats
from planner.linear import journeys
from planner.linear.clock import Deadline
from planner.linear.generation import generated_bound
from planner.plan import Objective
from planner.snapshot import Snapshot
from tests.planner.depots import random_depot
from tests.planner.exhaustive import exhaustive
from tests.planner.small import depot, route, vehicle
from tests.planner.tiny import tiny_depot


def bound(snapshot: Snapshot, at: Objective, budget_s: float = 20.0) -> float:
    hand = AtHand.greedy(snapshot)
    return generated_bound(snapshot, hand.line, hand.chosen, at, {}, Deadline.after(budget_s))


@pytest.mark.parametrize("levels", [7, journeys.LEVELS])
def test_it_is_not_above_the_optimum_of_tiny_depots_whatever_the_levels(
    levels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journeys, "LEVELS", levels)
    found = 0
    for seed in range(5):
        snapshot = tiny_depot(Random(seed), pv=seed % 4 == 1)
        best = exhaustive(snapshot)
        at = Objective(unserved=best.unserved, shortfall_kwh=best.shortfall_kwh, money=best.money)
        low = bound(snapshot, at)
        assert low <= best.money + 1e-4, f"seed {seed}"
        found += low > 0
    assert found


@pytest.mark.parametrize("seed", range(3))
def test_no_algorithm_finds_a_plan_below_it(seed: int) -> None:
    snapshot = random_depot(Random(seed), vehicles=5, routes=7, hours=6, battery=seed == 1)
    hand = AtHand.greedy(snapshot)
    at = hand.tiers(hand.draft)
    assert -np.inf < bound(snapshot, at) <= at.money + 1e-4


def test_half_a_route_for_each_of_two_vehicles_is_no_route() -> None:
    """Either has enough for half of it; one that drives it all must buy 20 kWh at 0.10."""
    vans = (vehicle("V1", 25), vehicle("V2", 25))
    snapshot = depot(vehicles=vans, routes=(route("R1", 10, 11, 40),))
    assert bound(snapshot, Objective(money=50.0)) == pytest.approx(2.0, abs=0.05)


def test_a_vehicle_rests_between_two_routes() -> None:
    """Only with its 30 minutes of turnaround left out could one van, the full one, drive both."""
    vans = (vehicle("V1", 80), vehicle("V2", 5))
    routes = (route("R1", 9, 10, 20), route("R2", 10, 11, 20))
    snapshot = depot(vehicles=vans, routes=routes)
    assert bound(snapshot, Objective(money=50.0)) == pytest.approx(2.0, abs=0.05)


def test_where_a_vehicle_could_leave_twice_in_a_step_there_is_none() -> None:
    snapshot = depot(vehicles=(vehicle("V1", 60),), routes=(route("R1", 9, 9.2, 5),))
    assert bound(snapshot, Objective(money=50.0)) > -np.inf
    hurried = replace(snapshot, rules=replace(snapshot.rules, turnaround_minutes=0.0))
    assert bound(hurried, Objective(money=50.0)) == -np.inf


def test_without_time_it_is_what_the_first_prices_say() -> None:
    snapshot = depot(vehicles=(vehicle("V1", 10, target=40),), routes=())
    at = Objective(money=50.0)
    assert -np.inf < bound(snapshot, at, budget_s=0.0) < bound(snapshot, at)


def test_journeys_that_take_too_much_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Energies rounded up instead of down make the bound of some tiny depot too high."""

    def up(self: journeys.Journeys, kwh: Floats) -> journeys.Ints:
        found: journeys.Ints = np.ceil(kwh / self._unit_kwh).astype(np.int64) + 1
        return found

    monkeypatch.setattr(journeys, "LEVELS", 10)
    monkeypatch.setattr(journeys.Journeys, "_down", up)
    broken = False
    for seed in range(4):
        snapshot = tiny_depot(Random(seed))
        best = exhaustive(snapshot)
        at = Objective(unserved=best.unserved, shortfall_kwh=best.shortfall_kwh, money=best.money)
        broken |= bound(snapshot, at) > best.money + 1e-4
    assert broken
