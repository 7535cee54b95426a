"""The horizon's arithmetic, and that a snapshot built in Python is as valid as one that is read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.snapshot import Horizon, Plugged, Route
from tests.planner.depots import after
from tests.planner.plans import yard


@pytest.mark.parametrize(
    ("hours", "minutes", "steps"), [(18, 15, 72), (4, 1, 240), (18, 0.1, 10_800), (1, 7.5, 8)]
)
def test_the_horizon_runs_in_whole_steps(hours: float, minutes: float, steps: int) -> None:
    snapshot = replace(yard(), horizon=Horizon(hours=hours, step_minutes=minutes))
    assert snapshot.steps == steps
    assert snapshot.end == after(hours * 60)


@pytest.mark.parametrize(("hours", "minutes"), [(18, 7), (1, 59), (1, 61), (1, 121)])
def test_a_broken_last_step_is_refused(hours: float, minutes: float) -> None:
    with pytest.raises(ValueError, match="steps"):
        Horizon(hours=hours, step_minutes=minutes)


def test_a_vehicle_plugged_in_nowhere_is_refused_in_python_too() -> None:
    first, *others = yard().vehicles
    lost = replace(first, plugged=Plugged(station="CP9", connector=1))
    with pytest.raises(ValueError, match=r"vehicles\[0\]\.plugged: wants a connector of the depot"):
        replace(yard(), vehicles=(lost, *others))


def test_a_routes_energy_is_its_vehicles_own_or_that_of_all_others_or_unknown() -> None:
    route = Route(
        id="R", depart=after(0), return_=after(1), energy_kwh={"V1": 3, "*": 4}, vehicle_types=()
    )
    assert (route.energy_for("V1"), route.energy_for("V2")) == (3, 4)
    assert replace(route, energy_kwh={"V1": 3}).energy_for("V2") is None
    assert replace(route, energy_kwh=5).energy_for("V2") == 5
