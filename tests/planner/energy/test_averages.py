"""Energies that nobody knows are averages of what is known, and the plan says so."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from planner.check import audit
from planner.codec import dump_snapshot, load_snapshot
from planner.energy.averages import with_estimates
from planner.params import Params
from planner.snapshot import Route, Snapshot
from planner.solve import solve
from tests.planner.small import depot, route, vehicle


def trip(name: str, depart: float, km: float, energy_kwh: Any, *types: str) -> Route:
    made = route(name, depart, depart + 1, 0)
    kinds = types or ("van", "truck")
    return replace(made, distance_km=km, energy_kwh=energy_kwh, vehicle_types=kinds)


def fleet(*routes: Route) -> Snapshot:
    truck = replace(vehicle("T1", 60), type="truck")
    vans = (vehicle("V1", 60), vehicle("V2", 60))
    return with_estimates(depot(vehicles=(*vans, truck), routes=routes))


def test_the_average_of_a_type_counts_all_that_is_known_of_it() -> None:
    made = fleet(
        trip("R1", 1, 100, {"V1": 20, "V2": 30}),
        trip("R2", 3, 50, 25, "van"),
        trip("R3", 5, 10, {"T1": 9}),
        trip("R4", 7, 40, {"V1": 8, "*": None}),
    )
    asked = made.routes[-1]
    # Vans: 20 + 30 + 25 + 25 + 8 kWh on 100 + 100 + 50 + 50 + 40 km; the truck: 9 kWh on 10 km.
    assert asked.energy_kwh == {"V1": 8, "V2": pytest.approx(40 * 108 / 340, abs=1e-3), "T1": 36}
    assert asked.estimated == {"V2": "type", "T1": "type"}
    assert made.routes[:-1] == depot(routes=made.routes[:-1]).routes


def test_a_type_nobody_knows_takes_the_fleets_average_and_a_fleet_that_of_vans_at_large() -> None:
    known, unknown = trip("R1", 1, 100, {"V1": 20}), trip("R2", 3, 50, None)
    made = fleet(known, unknown).routes[1]
    assert made.energy_kwh == {"V1": 10, "V2": 10, "T1": 10}
    assert made.estimated == {"V1": "type", "V2": "type", "T1": "fleet"}
    made = fleet(unknown).routes[0]
    assert made.energy_for("T1") == pytest.approx(50 / 1.609344 * 0.35, abs=1e-3)
    assert set(made.estimated.values()) == {"default"}


def test_who_is_not_named_still_cannot_drive_and_no_distance_means_no_estimate() -> None:
    made = fleet(trip("R1", 1, 100, {"V1": None}), trip("R2", 3, 0, None))
    assert made.routes[0].energy_for("V2") is None
    assert made.routes[1].energy_for("V1") is None
    plan = solve(made, Params(algorithm="lp"), 5.0, 0)
    assert [u.reason for u in plan.unserved] == ["its consumption is known for no allowed vehicle"]
    assert plan.notes == (
        "R1: that V1 takes 21.7 kWh is an estimate, 0.35 kWh a mile, as nothing is known",
    )
    assert audit(made, plan) == []


def test_a_snapshot_that_is_read_has_its_estimates_and_keeps_them() -> None:
    data = json.loads(dump_snapshot(depot(vehicles=(vehicle("V1", 60),), routes=())))
    asked = json.loads(dump_snapshot(depot(routes=(trip("R1", 1, 100, 1),))))["routes"]
    asked[0]["energy_kwh"] = {"V1": None, "V2": 7}
    read = load_snapshot(json.dumps({**data, "routes": asked}))
    assert read.routes[0].energy_kwh == {"V1": pytest.approx(21.748, abs=1e-3), "V2": 7}
    assert load_snapshot(dump_snapshot(read)) == read


def test_nothing_is_changed_where_everything_is_known() -> None:
    snapshot = depot(vehicles=(vehicle("V1", 60),), routes=(route("R1", 1, 2, 5),))
    assert with_estimates(snapshot) is snapshot
