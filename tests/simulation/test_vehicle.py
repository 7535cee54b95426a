from __future__ import annotations

import pytest

from simulation.vehicle import Vehicle


def van(**changes: object) -> Vehicle:
    values: dict[str, object] = {
        "id": "V01",
        "battery_kwh": 80.0,
        "energy_kwh": 20.0,
        "max_charge_kw": 50.0,
        "efficiency": 0.9,
    }
    return Vehicle(**(values | changes))  # type: ignore[arg-type]  # one keyword varies by test


def test_it_draws_the_least_of_what_is_offered_and_what_it_can() -> None:
    assert van().power_kw(11.0) == 11.0
    assert van().power_kw(350.0) == 50.0


def test_charging_stores_the_metered_energy_times_the_efficiency() -> None:
    vehicle = van()
    metered_kwh = sum(seconds * kw / 3600 for seconds, kw in vehicle.charge(22.0, 3600))
    assert metered_kwh == pytest.approx(22.0)
    assert vehicle.energy_kwh == pytest.approx(20.0 + 0.9 * 22.0)


def test_the_power_falls_along_the_charge_curve() -> None:
    curve = ((0.5, 1.0), (1.0, 0.2))
    powers = {
        kwh: van(energy_kwh=kwh, charge_curve=curve).power_kw(50.0) for kwh in (8.0, 40.0, 60.0)
    }
    assert powers == {8.0: 50.0, 40.0: 50.0, 60.0: pytest.approx(30.0)}


def test_a_full_battery_takes_nothing_more_and_time_still_passes() -> None:
    vehicle = van(energy_kwh=79.0)
    pieces = list(vehicle.charge(50.0, 7200))
    assert vehicle.full
    assert vehicle.energy_kwh == 80.0
    assert sum(seconds for seconds, _ in pieces) == pytest.approx(7200)
    assert pieces[-1][1] == 0.0
    assert sum(s * kw / 3600 for s, kw in pieces) == pytest.approx(1.0 / 0.9)


def test_a_long_taper_is_the_same_in_one_go_and_in_many() -> None:
    curve = ((0.2, 1.0), (1.0, 0.1))
    at_once, bit_by_bit = van(charge_curve=curve), van(charge_curve=curve)
    list(at_once.charge(50.0, 3600))
    for _ in range(120):
        list(bit_by_bit.charge(50.0, 30))
    assert at_once.energy_kwh == pytest.approx(bit_by_bit.energy_kwh)


def test_driving_further_than_the_battery_tells_what_was_missing() -> None:
    vehicle = van()
    assert vehicle.drive(15.0) == 0.0
    assert vehicle.drive(15.0) == pytest.approx(10.0)
    assert vehicle.energy_kwh == 0.0


@pytest.mark.parametrize(("key", "value"), [("energy_kwh", 81.0), ("efficiency", 0.0)])
def test_an_impossible_vehicle_is_refused_by_name(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"V01: {key}"):
        van(**{key: value})
