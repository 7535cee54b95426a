from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from planner.drafts.choices import Drive
from planner.search.state import State
from tests.planner.search.test_search import depot, instance_of


def bought_kwh(state: State, v: int, drive: Drive) -> float:
    """By how much more a vehicle has to buy for all that it drives, with one route more."""
    end_s, mover, mine = state.instance.line.end_s, state.instance.movers[v], state.drives[v]
    driven = sum(d.energy_kwh for d in mine if d.return_s <= end_s)
    before = driven + (mover.target_kwh if all(d.return_s <= end_s for d in mine) else 0.0)
    after = driven + drive.need_kwh
    if drive.return_s <= end_s:
        after = max(after, before + drive.energy_kwh)
    return max(0.0, after - mover.energy_kwh) - max(0.0, before - mover.energy_kwh)


@pytest.mark.parametrize("seed", range(6))
def test_the_vehicles_that_are_free_come_with_those_first_that_have_to_buy_least(seed: int) -> None:
    instance = instance_of(depot("long", seed))
    state, rng = State(instance), Random(seed)
    for v, name in enumerate(instance.names):
        drives = instance.chosen.drives[name]
        state.give(v, [rng.choice(drives)] if drives and rng.random() < 0.5 else [])
    for route, options in enumerate(instance.options):
        likely = list(state.roster.likely(route, None))
        free = [
            instance.vehicle[d.vehicle]
            for d in options
            if all(
                d.return_s <= x.depart_s or x.return_s <= d.depart_s
                for x in state.drives[instance.vehicle[d.vehicle]]
            )
        ]
        assert sorted(v for _, v, _ in likely) == free
        assert all(a[0] <= b[0] for a, b in pairwise(likely))
        for key, v, drive in likely:
            # What is aboard and how many routes there are decides only between equals.
            assert key == pytest.approx(bought_kwh(state, v, drive), abs=0.5)


def test_a_vehicle_may_drive_more_routes_than_there_are_columns() -> None:
    instance = instance_of(depot("long", 1))
    name, drives = max(instance.chosen.drives.items(), key=lambda x: len(x[1]))
    state = State(instance)
    state.give(instance.vehicle[name], [*drives] * 3)
    for route in range(len(instance.routes)):
        assert name not in [d.vehicle for _, _, d in state.roster.likely(route, None)]
