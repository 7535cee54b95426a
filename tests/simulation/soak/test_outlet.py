from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from simulation.soak.outlet import Car, Outlet, Session


async def test_a_vehicle_that_loses_phases_draws_on_the_last_one_what_it_did() -> None:
    drawn: list[tuple[float, float, float]] = []
    outlet = Outlet(
        1, max_kw=22.0, min_kw=4.14, phases=3, on_power=lambda o: drawn.append(o.on_phases(o.kw))
    )
    car = Car(
        id="V1",
        token="T1",
        battery_kwh=80.0,
        energy_kwh=10.0,
        max_kw=22.0,
        phases=3,
        follows_s=(0.0, 0.0),
    )
    outlet.car = car
    outlet.session = Session(
        id="S1", token="T1", started_at=datetime(2026, 11, 20, tzinfo=UTC), start_wh=0
    )
    outlet.offer(12.0)
    await asyncio.sleep(0.01)
    outlet.offer(18.0)
    outlet.lose_phases(car)
    await asyncio.sleep(0.01)
    assert drawn == [
        (0.0, 0.0, 0.0),  # what it wants is told at once
        pytest.approx((4.0, 4.0, 4.0)),
        pytest.approx((4.0, 0.0, 0.0)),
        pytest.approx((6.0, 0.0, 0.0)),
    ]
