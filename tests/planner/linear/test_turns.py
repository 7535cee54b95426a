"""Turns within a step: the same energies, and limits kept that bursts had broken."""

from __future__ import annotations

from random import Random

import numpy as np

from planner.algorithms.at_hand import AtHand, finish
from planner.check import audit
from planner.drafts.draft import Draft
from planner.drafts.timeline import Timeline
from planner.linear.bursts import faded, overloads
from planner.linear.charge import charge
from planner.linear.clock import Deadline
from planner.linear.extract import extract
from planner.linear.hints import curve_hints
from planner.linear.model import Model
from planner.linear.scope import Scope
from planner.linear.scopes import placed_scope
from planner.linear.solver import solve_lp
from planner.linear.turns import in_turn
from planner.objectives import MONEY, SHORTFALL
from planner.snapshot import Snapshot
from tests.planner.depots import random_depot


def crowded(seed: int) -> Snapshot:
    return random_depot(
        Random(seed), vehicles=20, routes=20, connectors=20, hours=8, mode="charging", tight=0.2
    )


def in_bursts(snapshot: Snapshot) -> tuple[Scope, Draft]:
    """The optimum of the linear program, each mean below a minimum power as a burst."""
    hand = AtHand.greedy(snapshot)
    model = Model(placed_scope(snapshot, hand.line, hand.chosen, hand.draft, thrifty=True))
    held = {c: (value, value) for c, value in curve_hints(model.columns, hand.draft).items()}
    cost = 1000 * model.cost(SHORTFALL) + model.cost(MONEY)
    found = solve_lp(model.columns, model.rows, cost, time_s=20.0, bounds=held)
    assert found is not None
    draft = extract(model.columns, found.x)
    assert draft is not None
    return model.columns.scope, draft


def by_step(draft: Draft, line: Timeline) -> np.ndarray:
    kwh = np.zeros((len(draft.visits), line.steps))
    for i, visit in enumerate(draft.visits):
        for charge_ in visit.charges:
            kwh[i, line.step_at(charge_.start_s)] += charge_.kwh
    return kwh


def test_turns_leave_every_energy_as_it_was_and_mend_most_overloads() -> None:
    before = after = 0
    for seed in range(6):
        scope, draft = in_bursts(crowded(seed))
        turned = in_turn(scope, draft)
        energies = by_step(draft, scope.line), by_step(turned, scope.line)
        assert np.allclose(*energies, atol=1e-6), f"seed {seed}"
        assert overloads(scope, turned) <= overloads(scope, draft), f"seed {seed}"
        assert faded(scope, turned) <= faded(scope, draft), f"seed {seed}"
        before += len(overloads(scope, draft))
        after += len(overloads(scope, turned))
    assert 0 < after < before


def test_the_charging_of_crowded_depots_costs_what_the_linear_program_says() -> None:
    dearer = []
    for seed in range(6):
        snapshot = crowded(seed)
        hand = AtHand.greedy(snapshot)
        found = charge(snapshot, hand.line, hand.chosen, hand.draft, Deadline.after(20.0))
        assert found is not None, f"seed {seed}"
        plan = finish(hand, found.draft, algorithm="lp", seed=0)
        assert audit(snapshot, plan) == [], f"seed {seed}"
        dearer += [] if found.exact else [seed]
    assert len(dearer) <= 1
