"""Connectors handed over within a step: what one visit leaves of its last step the next one has."""

from __future__ import annotations

from random import Random

import pytest

from planner.algorithms.at_hand import AtHand, finish
from planner.check import audit
from planner.drafts.draft import Charge, Draft, Visit
from planner.linear.charge import charge
from planner.linear.clock import Deadline
from planner.linear.handover import handed_over
from planner.snapshot import Snapshot
from tests.planner.depots import random_depot
from tests.planner.small import connector, depot, vehicle

HALF_HOUR_S = 1800.0
FULL_KW = 22.0


def visit(name: str, first: float, end: float) -> Visit:
    """A van that is there for twelve hours and charges at full power in these half hours."""
    charges = [Charge(first * HALF_HOUR_S, end * HALF_HOUR_S, FULL_KW)]
    return Visit(
        vehicle=name, start_s=0.0, end_s=43200.0, first=True, socket=("CP1", 1), charges=charges
    )


def two_vans(a_half_hours: float) -> Snapshot:
    """One connector; A wants what takes so long, B what takes six half hours and a half."""
    kwh = FULL_KW / 2 * vehicle("A", 5).efficiency
    return depot(
        connectors=(connector(1),),
        vehicles=(
            vehicle("A", 5, target=5 + a_half_hours * kwh),
            vehicle("B", 5, target=5 + 6.5 * kwh),
        ),
    )


def test_the_next_visit_has_what_is_left_of_the_last_step() -> None:
    snapshot = two_vans(5.5)
    hand = AtHand.greedy(snapshot)
    visits = [visit("A", 12, 17.5), visit("B", 18, 24)]
    draft = Draft(drives={"A": [], "B": []}, visits=visits)
    given = snapshot, hand.line, hand.chosen
    found = charge(*given, draft, Deadline.after(20.0))
    assert found is not None
    assert found.shortfall_kwh == pytest.approx(0.25 * FULL_KW * vehicle("A", 5).efficiency)
    sooner = handed_over(snapshot, hand.chosen, draft, found.draft)
    assert sooner is not None
    again = charge(*given, sooner, Deadline.after(20.0), stretched=False)
    assert again is not None
    assert again.shortfall_kwh < 0.005
    assert audit(snapshot, finish(hand, again.draft, algorithm="lp", seed=0)) == []


def test_there_is_nothing_to_hand_over_where_the_last_step_is_full() -> None:
    snapshot = two_vans(6)
    hand = AtHand.greedy(snapshot)
    draft = Draft(drives={"A": [], "B": []}, visits=[visit("A", 12, 18), visit("B", 18, 24)])
    assert handed_over(snapshot, hand.chosen, draft, draft) is None


def test_a_connector_handed_over_is_held_by_one_vehicle_at_a_time() -> None:
    handed = 0
    for seed in range(12):
        snapshot = random_depot(Random(seed), vehicles=6, routes=5, connectors=2, hours=10)
        hand = AtHand.greedy(snapshot)
        given = snapshot, hand.line, hand.chosen
        found = charge(*given, hand.draft, Deadline.after(20.0))
        if found is None:
            continue
        sooner = handed_over(snapshot, hand.chosen, hand.draft, found.draft)
        if sooner is None:
            continue
        again = charge(*given, sooner, Deadline.after(20.0), stretched=False)
        if again is not None:
            handed += 1
            plan = finish(hand, again.draft, algorithm="lp", seed=seed)
            assert audit(snapshot, plan) == [], f"seed {seed}"
            assert plan.objective.shortfall_kwh == pytest.approx(again.shortfall_kwh, abs=0.01)
    assert handed > 2
