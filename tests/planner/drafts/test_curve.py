from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from planner.drafts.curve import concave_runs, curve, fading_kwh, highest_kw, kw_at
from planner.snapshot import Vehicle
from tests.planner.depots import T0

PLAIN = Vehicle(
    id="V1",
    type="van",
    battery_kwh=80,
    energy_kwh=20,
    max_charge_kw=50,
    plugs=("ccs2",),
    available_from=T0,
)
TAPER = replace(PLAIN, charge_curve=((0.8, 1.0), (1.0, 0.2)))
BENT = replace(PLAIN, charge_curve=((0.5, 1.0), (0.8, 0.3), (1.0, 0.2)))


def test_without_a_curve_the_power_is_the_vehicles() -> None:
    assert kw_at(curve(PLAIN), 79.0) == 50


def test_between_points_the_curve_is_straight() -> None:
    assert kw_at(curve(TAPER), 72.0) == pytest.approx(30.0)


def test_a_curve_that_bends_upwards_falls_into_runs() -> None:
    assert len(concave_runs(curve(TAPER))) == 1
    assert len(concave_runs(curve(BENT))) == 2


def test_charging_fades_where_the_curve_crosses_the_minimum() -> None:
    assert fading_kwh(curve(TAPER), 30.0) == pytest.approx(72.0)
    assert fading_kwh(curve(TAPER), 5.0) == 80.0


@pytest.mark.parametrize("vehicle", [PLAIN, TAPER, BENT])
def test_the_highest_power_is_that_of_the_curve_where_it_ends(vehicle: Vehicle) -> None:
    rng = Random(1)
    pieces = curve(vehicle)
    for _ in range(50):
        energy_kwh, per_kw = rng.uniform(0, 79), rng.uniform(0.05, 0.5)
        kw = highest_kw(pieces, energy_kwh, per_kw)
        tried = [i * 0.05 for i in range(1001)]
        lawful = [
            x
            for x in tried
            if energy_kwh + x * per_kw <= 80 and x <= kw_at(pieces, energy_kwh + x * per_kw)
        ]
        assert kw == pytest.approx(max(lawful), abs=0.051)
