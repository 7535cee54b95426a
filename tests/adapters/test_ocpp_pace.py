from __future__ import annotations

import pytest

from daemon.adapters.ocpp.pace import Pace


def pace(rate: float = 10.0, strikes: int = 3, at_most_s: float = 5.0) -> Pace:
    return Pace(messages_per_s=rate, strikes_per_minute=strikes, slowed_at_most_s=at_most_s)


def test_a_burst_of_two_seconds_is_free_and_then_the_rate_holds() -> None:
    bucket = pace()
    assert [bucket.message(0.0) for _ in range(20)] == [0.0] * 20
    assert bucket.message(0.0) == 0.1
    assert bucket.message(0.1) == 0.1
    assert bucket.message(10.0) == 0.0


@pytest.mark.fault(47)
def test_a_station_slowed_for_too_long_in_a_row_is_too_much() -> None:
    bucket = pace(rate=1.0)
    now_s = 0.0
    waits = 0
    while (wait_s := bucket.message(now_s)) is not None:
        now_s += wait_s
        waits += wait_s > 0
    assert waits == 6
    assert now_s == 6.0


def test_a_pause_ends_the_slowing() -> None:
    bucket = pace(rate=1.0)
    for now_s in (0.0, 0.0, 0.0, 1.0, 2.0, 3.0):
        assert bucket.message(now_s) is not None
    assert bucket.message(20.0) == 0.0
    for _ in range(3):
        assert bucket.message(20.0) is not None


def test_strikes_count_for_a_minute() -> None:
    bucket = pace()
    assert [bucket.strike(second) for second in (0.0, 1.0, 2.0)] == [False] * 3
    assert bucket.strike(60.5) is False
    assert bucket.strike(60.6) is True


def test_strikes_slow_a_station() -> None:
    bucket = pace()
    for _ in range(4):
        bucket.message(0.0)
        bucket.strike(0.0)
    assert bucket.message(0.0) == 0.5


@pytest.mark.fault(47)
def test_connections_wait_for_each_other_and_not_for_ever() -> None:
    bucket = pace(rate=10.0)
    assert [bucket.connection(0.0) for _ in range(4)] == [0.0] * 4
    assert [bucket.connection(0.0) for _ in range(5)] == [1.0, 2.0, 3.0, None, None]
    assert bucket.connection(0.5) is None
    assert bucket.connection(1.0) == 3.0
    assert [bucket.connection(60.0) for _ in range(5)] == [0.0] * 4 + [1.0]


def test_who_is_there_does_not_pay_for_who_connects() -> None:
    bucket = pace(rate=20.0)
    while bucket.connection(0.0) is not None:
        pass
    assert bucket.message(0.0) == 0.0


def test_a_station_that_may_say_little_connects_all_the_same() -> None:
    bucket = pace(rate=0.1)
    assert bucket.connection(0.0) == 0.0
    assert bucket.connection(100.0) == 0.0
