from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from planner.drafts.choices import choices
from planner.drafts.timeline import timeline
from tests.planner.depots import random_depot


@pytest.mark.parametrize("seed", range(8))
def test_drives_are_the_same_by_route_and_by_vehicle(seed: int) -> None:
    snapshot = random_depot(Random(f"options {seed}"), vehicles=6, routes=8)
    chosen = choices(snapshot, timeline(snapshot))
    names = list(chosen.vehicles)
    by_route = [d for options in chosen.options.values() for d in options]
    by_vehicle = [d for drives in chosen.drives.values() for d in drives]
    assert sorted(by_route) == sorted(by_vehicle)
    assert by_route
    for route, options in chosen.options.items():
        positions = [names.index(d.vehicle) for d in options]
        assert positions == sorted(positions)
        assert [options[i] for i in range(len(options))] == list(options)
        assert (route in chosen.hopeless) == (not options)


@pytest.mark.parametrize("seed", range(8))
def test_each_route_has_the_vehicles_that_a_depot_with_that_route_alone_has(seed: int) -> None:
    """Routes that are alike share what was found for the first of them."""
    snapshot = random_depot(Random(f"alike {seed}"), vehicles=6, routes=8)
    chosen = choices(snapshot, timeline(snapshot))
    for route in chosen.routes:
        alone = replace(snapshot, routes=(route,))
        expected = choices(alone, timeline(alone)).options[route.id]
        assert list(chosen.options[route.id]) == list(expected), route.id
