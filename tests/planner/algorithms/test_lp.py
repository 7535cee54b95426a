from __future__ import annotations

from random import Random
from typing import Any

import pytest

from benchmarks import sessions
from planner.algorithms.at_hand import KWH
from planner.algorithms.greedy import greedy
from planner.algorithms.lp import lp
from planner.check import audit
from planner.params import Params
from planner.search import construct
from planner.search.mend import mend
from planner.snapshot import Mode
from tests.planner.depots import random_depot


@pytest.mark.parametrize("mode", ["integrated", "charging"])
@pytest.mark.parametrize("family", [{}, {"battery": True}, {"pv": True}, {"tight": 0.3}])
def test_its_plans_break_no_law_and_cost_no_more_than_greedys(
    mode: Mode, family: dict[str, Any]
) -> None:
    for seed in range(5):
        snapshot = random_depot(Random(seed), mode=mode, hours=8, **family)
        plan, first = lp(snapshot, Params(), 5.0, 0), greedy(snapshot, Params(), 5.0, 0)
        assert audit(snapshot, plan) == [], f"seed {seed}"
        assert plan.allocations == first.allocations
        assert plan.objective.shortfall_kwh <= first.objective.shortfall_kwh + KWH
        if plan.objective.shortfall_kwh >= first.objective.shortfall_kwh - KWH:
            assert plan.objective.money <= first.objective.money + 0.01, f"seed {seed}"


def test_where_nobody_has_a_choice_of_connectors_mending_greedys_charging_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who is short then is so whatever greedy has done: the program finds the charging anew."""
    lots = [sessions.snapshot(sessions.lot(6, seed)) for seed in range(4)]
    monkeypatch.setattr(construct, "mend", lambda state, deadline: pytest.fail("mended"))
    found = [lp(snapshot, Params(), 20.0, 0) for snapshot in lots]
    monkeypatch.setattr(construct, "mend", mend)
    monkeypatch.setattr(construct, "_has_every_place", lambda state: False)
    for snapshot, plan in zip(lots, found, strict=True):
        mended = lp(snapshot, Params(), 20.0, 0).objective
        assert plan.objective.shortfall_kwh == pytest.approx(mended.shortfall_kwh, abs=KWH)
        assert plan.objective.money == pytest.approx(mended.money, abs=0.01)
    assert any(plan.objective.shortfall_kwh > KWH for plan in found)


def test_who_found_no_room_beside_another_is_given_a_connector() -> None:
    """Greedy charges V0 in the cheap hours, all that V1 is there; but V0 is there before, too."""
    stays = [("V0", 0, 240), ("V1", 120, 240)]
    lot = sessions.Lot(
        sessions=tuple(
            sessions.Session(name=name, arrive=arrive, leave=leave, max_kw=10.0, wants_kwh=20.0)
            for name, arrive, leave in stays
        ),
        limit_kw=10.0,
        price_per_kwh=tuple(0.3 if t < 120 else 0.1 for t in range(sessions.STEPS)),
    )
    plan = lp(sessions.snapshot(lot), Params(), 20.0, 0)
    assert plan.objective.shortfall_kwh <= KWH
    assert {stay.vehicle for stay in plan.stays} == {"V0", "V1"}


def test_a_day_of_forty_vehicles_and_quarter_hours_is_planned_within_limits() -> None:
    snapshot = random_depot(
        Random(1), vehicles=40, routes=40, connectors=30, hours=24, mode="charging", tight=0.4
    )
    plan = lp(snapshot, Params(), 5.0, 0)
    assert audit(snapshot, plan) == []
    assert plan.objective.money < greedy(snapshot, Params(), 5.0, 0).objective.money
