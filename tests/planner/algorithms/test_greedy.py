from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from planner.algorithms.at_hand import AtHand, finish
from planner.algorithms.greedy import greedy, greedy_draft
from planner.check import audit
from planner.drafts.choices import choices
from planner.drafts.timeline import timeline
from planner.linear.clock import Deadline
from planner.params import Params
from planner.series import Series
from planner.snapshot import Mode, Previous, Snapshot
from tests.planner.depots import random_depot

FAMILIES: dict[str, dict[str, Any]] = {
    "tight": {"tight": 0.3},
    "scarce": {"connectors": 2, "vehicles": 6, "routes": 6},
    "sunny": {"battery": True, "pv": True},
    "fixed": {"fixed_loads": True},
    "long": {"hours": 24, "step_minutes": 30},
}


def depot(family: str, seed: int, mode: Mode) -> Snapshot:
    return random_depot(Random(f"{family}{seed}"), mode=mode, **FAMILIES[family])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("mode", ["integrated", "allocation", "charging"])
def test_its_plans_break_no_law(family: str, mode: Mode) -> None:
    for seed in range(12):
        snapshot = depot(family, seed, mode)
        breaches = audit(snapshot, greedy(snapshot, Params(), 0.05, 0))
        assert breaches == [], f"{family} {mode} seed {seed}"


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("mode", ["integrated", "charging"])
def test_without_time_it_still_answers_with_a_plan_that_breaks_no_law(
    family: str, mode: Mode
) -> None:
    snapshot = depot(family, 3, mode)
    allocated = greedy(snapshot, Params(), 60.0, 0).allocations
    for previous in (None, Previous(allocations=allocated)):
        again = replace(snapshot, previous=previous)
        line = timeline(again)
        chosen = choices(again, line)
        draft = greedy_draft(again, line, chosen, Deadline.after(0.0))
        hand = AtHand(snapshot=again, line=line, chosen=chosen, draft=draft)
        plan = finish(hand, draft, algorithm="greedy", seed=0)
        assert audit(again, plan) == []
        assert plan.stays == ()
        if mode == "integrated":
            assert plan.allocations == ()


def test_where_the_base_load_alone_exceeds_the_limit_nothing_is_charged_and_it_says_so() -> None:
    snapshot = random_depot(Random(1), vehicles=4, routes=3, connectors=3, hours=6)
    site = replace(snapshot.site, import_limit_kw=Series.constant(1.0))
    snapshot = replace(snapshot, site=site)
    plan = greedy(snapshot, Params(), 0.05, 0)
    assert audit(snapshot, plan) == []
    assert plan.stays == ()
    assert "fixed loads alone exceed it" in plan.binding[0].limit
    assert (plan.binding[0].start, plan.binding[-1].end) == (snapshot.taken_at, snapshot.end)


def test_without_vehicles_every_route_is_unserved_with_a_reason() -> None:
    snapshot = random_depot(Random(2), routes=4)
    plan = greedy(replace(snapshot, vehicles=()), Params(), 0.05, 0)
    assert len(plan.unserved) == 4
    assert all("no vehicle of type" in u.reason for u in plan.unserved)


def test_without_routes_and_connectors_the_plan_is_the_base_load() -> None:
    snapshot = replace(random_depot(Random(2)), routes=(), connectors=(), circuits=())
    vehicles = tuple(replace(v, plugged=None) for v in snapshot.vehicles)
    snapshot = replace(snapshot, vehicles=vehicles)
    plan = greedy(snapshot, Params(), 0.05, 0)
    assert audit(snapshot, plan) == []
    assert len(plan.site) == snapshot.steps
