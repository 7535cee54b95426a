"""Planners that want all there is: one of them keeps to what it wanted before."""

from __future__ import annotations

from random import Random

from daemon.core.snapshot import take
from planner.plan import Plan
from planner.snapshot import Snapshot
from simulation.soak.planner import restless, steady
from tests.core.bench import Bench, site


def snapshot(*plugged: str) -> Snapshot:
    """Connectors of 22 kW below 50 kW; vehicles at those of these names."""
    bench = Bench.of(site(5, limit_kw=50.0))
    for name in plugged:
        bench.connect(name)
        bench.plug_in(name, name.replace("CP", "V"))
    return take(bench.depot, 1, bench.now)


def powers(plan: Plan) -> dict[str, float]:
    return {stay.vehicle: stay.periods[0].kw for stay in plan.stays}


def test_a_steady_planner_keeps_to_what_it_wanted_and_a_restless_one_does_not() -> None:
    rng, ranks = Random(1), dict[str, float]()
    depot = snapshot("CP01", "CP02", "CP03", "CP04")
    first = powers(steady(depot, rng, ranks, wild=False))
    assert sum(first.values()) == 50.0
    assert all(powers(steady(depot, rng, ranks, wild=False)) == first for _ in range(10))
    assert any(powers(restless(depot, rng, wild=False)) != first for _ in range(10))


def test_who_comes_takes_its_turn_among_those_who_are_there() -> None:
    ranks = {"V01": 0.1, "V02": 0.9}
    before = powers(steady(snapshot("CP01", "CP02"), Random(1), ranks, wild=False))
    assert before == {"V01": 22.0, "V02": 22.0}
    ranks["V05"] = 0.5
    after = powers(steady(snapshot("CP01", "CP02", "CP05"), Random(1), ranks, wild=False))
    assert after == {"V01": 22.0, "V05": 22.0, "V02": 6.0}


def test_a_wild_plan_exceeds_the_limit() -> None:
    depot = snapshot("CP01", "CP02", "CP03")
    assert sum(powers(steady(depot, Random(1), {}, wild=True)).values()) == 66.0
