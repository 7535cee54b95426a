from __future__ import annotations

from random import Random

import pytest

from planner.search.construct import constructed
from planner.search.moves import Builder
from planner.search.ruin import pick
from planner.search.windows import Taste
from tests.planner.search.test_search import KINDS, depot, instance_of


@pytest.mark.parametrize("kind", KINDS)
def test_who_is_doomed_is_turned_down_by_its_filling_too(kind: str) -> None:
    doomed = able = 0
    for seed in range(5):
        instance, rng = instance_of(depot(kind, seed)), Random(seed)
        state = constructed(instance)
        for _ in range(3):
            builder = Builder(state, rng, Taste(target=rng.random() < 0.5))
            for v, routes in pick(state, rng, 2).items():
                builder.strip(v, routes[:1])
                builder.refill(v, whole=True)
            for route in range(len(instance.routes)):
                likely = list(state.roster.likely(route, None))
                turned_down = state.doomed(likely)
                for _, v, drive in likely:
                    drives = sorted((*state.drives[v], drive), key=lambda d: d.depart_s)
                    found = state.tried(v, drives, Taste())
                    assert found is None or v not in turned_down, f"{kind} seed {seed} {v} {drive}"
                    doomed, able = doomed + (v in turned_down), able + (found is not None)
    assert doomed > 0
    assert able > 0
