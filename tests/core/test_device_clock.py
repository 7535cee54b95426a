"""Stations that tell their past, and stations whose clocks are wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from daemon.core.device_clock import LONGEST_S, QUIET_S
from daemon.core.effects import StartPlanning
from daemon.core.records import MeterRecord
from protocol.ocpp.events import BootReply, MeterValuesReported, StationBooted, TransactionEnded
from protocol.ocpp.model import Version
from tests.core.bench import START, Bench, site, tx_profile
from tests.core.test_transactions import (
    bench16,
    meter,
    open_transactions,
    register,
    running,
    start16,
)

DAY_S = 86_400.0


def quiet(bench: Bench) -> None:
    """All that was asked for so far is planned and over."""
    bench.wait(3)
    bench.depot.planning = None
    bench.depot.trigger.reasons.clear()
    bench.effects.clear()


def plannings(bench: Bench) -> int:
    return sum(isinstance(effect, StartPlanning) for effect in bench.effects)


@pytest.mark.fault(45)
def test_three_days_told_at_once_ask_for_one_plan_when_they_are_told() -> None:
    """500 messages of sessions that are over, and the last one still charges."""
    bench = Bench.of(site(2, quiet_s=0.5, quiet_max_s=2.0))
    bench.wait(4 * DAY_S)
    bench.connect("CP01", Version.V16)
    quiet(bench)
    at, told, wh = bench.utc - timedelta(days=3), 0, 0.0
    while told < 500:
        bench.call("CP01", start16(at=at, meter_start_wh=wh))
        for _ in range(8):
            at, wh = at + timedelta(minutes=5), wh + 1000.0
            meter(bench, register(bench, wh, at=at))
            bench.wait(0.05)
        end = TransactionEnded(transaction_id=running(bench), at=at, meter_stop_wh=wh)
        bench.call("CP01", end)
        told += 10
    bench.call("CP01", start16(at=at + timedelta(minutes=5), meter_start_wh=wh))
    assert plannings(bench) == 0
    assert not any(tx_profile(send.command) for send in bench.sent), "orders for what is over"
    bench.wait(QUIET_S)
    bench.wait(5.0)
    assert plannings(bench) == 1
    closed = [t for t in bench.depot.transactions.values() if t.stopped_at is not None]
    assert {t.energy_kwh for t in closed} == {8.0}
    assert len(open_transactions(bench)) == 1


@pytest.mark.fault(45)
def test_a_backlog_of_meter_values_is_added_up_by_the_time_of_each_sample() -> None:
    bench = bench16()
    bench.call("CP01", start16())
    before = bench.depot.vehicles["V01"].energy_kwh
    bench.lose("CP01")
    bench.wait(7200)
    bench.connect("CP01", Version.V16)
    since = bench.depot.stations["CP01"].evses[1]
    for minutes in range(10, 110, 10):
        sample = register(bench, 500.0 + 100.0 * minutes, at=START + timedelta(minutes=minutes))
        meter(bench, sample)
    assert bench.depot.vehicles["V01"].energy_kwh == pytest.approx(before + 10.0, rel=0.1)
    assert since.power_kw == 0.0, "what was drawn then is not drawn now"


@pytest.mark.fault(45)
def test_a_station_whose_clock_is_slow_is_heard_as_the_present_once_its_backlog_must_be_over() -> (
    None
):
    bench = bench16()
    bench.wait(LONGEST_S)
    quiet(bench)
    bench.call("CP01", start16(at=bench.utc - timedelta(hours=1)))
    assert bench.depot.stations["CP01"].backlog_until_s is None
    assert "plug-in" in bench.depot.trigger.reasons


@pytest.mark.fault(44)
@pytest.mark.parametrize("year", [1, 1969, 2099, 9999])
def test_meter_values_of_another_century_are_kept_as_told_flagged_and_count_when_received(
    year: int,
) -> None:
    bench = bench16()
    bench.call("CP01", start16())
    before = bench.depot.vehicles["V01"].energy_kwh
    bench.wait(600)
    told = datetime(year, 1, 1, tzinfo=UTC)
    samples = [register(bench, 1000.0 + 100 * i, at=told + timedelta(minutes=i)) for i in range(6)]
    meter(bench, *samples)
    readings = [r for r in bench.saved if isinstance(r, MeterRecord)]
    assert [(r.at, r.doubt) for r in readings] == [(s.at, "time") for s in samples]
    assert {r.received_at for r in readings} == {bench.utc}
    evse = bench.depot.stations["CP01"].evses[1]
    assert evse.reading is not None
    assert (evse.reading.at, evse.reading.energy_wh) == (bench.utc, 1500.0)
    assert bench.depot.vehicles["V01"].energy_kwh == pytest.approx(before + 1.0, rel=0.1)


@pytest.mark.fault(43)
@pytest.mark.parametrize("wh", [-1.0, 499.0, 1e30])
def test_a_register_that_cannot_be_is_kept_flagged_and_carries_nothing(wh: float) -> None:
    bench = bench16()
    bench.call("CP01", start16())
    before = bench.depot.vehicles["V01"].energy_kwh
    bench.wait(600)
    meter(bench, register(bench, wh))
    (reading,) = [r for r in bench.saved if isinstance(r, MeterRecord)]
    assert (reading.energy_wh, reading.doubt) == (wh, "register")
    assert bench.depot.vehicles["V01"].energy_kwh == before


def test_a_sample_without_a_time_is_taken_as_of_now_and_without_a_flag() -> None:
    bench = bench16()
    sample = register(bench, 700.0, at=None)
    bench.call("CP01", MeterValuesReported(evse_id=1, transaction_id=None, samples=(sample,)))
    (reading,) = [r for r in bench.saved if isinstance(r, MeterRecord)]
    assert (reading.at, reading.doubt, reading.received_at) == (None, None, bench.utc)


@pytest.mark.fault(46)
def test_heartbeats_of_stations_that_boot_together_are_spread() -> None:
    bench = Bench.of(site(50))
    intervals = []
    for n in range(1, 51):
        bench.connect(f"CP{n:02d}", Version.V16)
        reply = bench.call(f"CP{n:02d}", StationBooted(vendor="V", model="M"))
        assert isinstance(reply, BootReply)
        intervals.append(reply.interval_s)
    longest = bench.depot.site.heartbeat_s
    assert all(0.9 * longest <= interval <= longest for interval in intervals)
    assert len(set(intervals)) > 3
