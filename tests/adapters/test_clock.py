from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from daemon.adapters.clock import Clock, ScaledClock, SystemClock

START = datetime(2026, 11, 20, 16, tzinfo=UTC)


def test_a_scaled_clock_begins_at_its_start_and_keeps_both_times_together() -> None:
    clock = ScaledClock(600, START)
    before_s = clock.monotonic_s()
    elapsed = clock.utc() - START
    after_s = clock.monotonic_s()
    assert timedelta(seconds=before_s) <= elapsed + timedelta(microseconds=1)
    assert elapsed <= timedelta(seconds=after_s) + timedelta(microseconds=1)


async def test_a_scaled_sleep_takes_at_least_its_domain_seconds_and_no_real_minute() -> None:
    clock = ScaledClock(100_000, START)
    began_s = clock.monotonic_s()
    await clock.sleep(600)
    assert clock.monotonic_s() - began_s >= 599


async def test_a_sleep_of_a_negative_time_returns() -> None:
    clocks: list[Clock] = [SystemClock(), ScaledClock(10, START)]
    for clock in clocks:
        await clock.sleep(-5)


def test_a_start_in_another_zone_is_told_in_utc() -> None:
    local = START.astimezone(timezone(timedelta(hours=-7)))
    assert ScaledClock(1, local).utc().utcoffset() == timedelta(0)


@pytest.mark.parametrize("speed", [0, -1, float("inf"), float("nan")])
def test_a_speed_that_is_no_positive_number_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        ScaledClock(speed, START)


def test_a_start_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        ScaledClock(1, START.replace(tzinfo=None))


def test_the_system_clock_is_aware_and_never_goes_back() -> None:
    clock = SystemClock()
    assert clock.utc().utcoffset() == timedelta(0)
    assert clock.monotonic_s() <= clock.monotonic_s()
