from __future__ import annotations

from benchmarks.families import depot
from planner.search.construct import constructed
from tests.planner.search.test_search import instance_of


def test_more_routes_than_vehicles_are_no_reason_to_charge_for_departures_alone() -> None:
    """75 vehicles, 81 routes at the same time: six find everybody busy, energy is there for all."""
    instance = instance_of(depot("overnight-peak", 75, 125, 0))
    state = constructed(instance)
    assert len(state.bank) == len(instance.routes) - len(instance.names)
    assert sum(f.lacks_kwh for f in state.fillings if f is not None) == 0


def test_where_energy_is_scarce_every_route_has_a_vehicle_all_the_same() -> None:
    """A step's power is booked for all of it, so who is there for a part leaves it to others."""
    state = constructed(instance_of(depot("more-routes-than-energy", 100, 150, 0)))
    assert not state.bank
