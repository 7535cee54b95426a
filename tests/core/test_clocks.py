"""Clocks that are set: what was lent by the old time ends by it, and what is measured goes on."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from daemon.core.apply import next_due_s
from daemon.core.events import StationConnected
from daemon.core.keeps import Keeps
from protocol.ocpp.commands import Answered
from protocol.ocpp.events import MeterValuesReported, StatusNotified
from protocol.ocpp.model import ConnectorStatus, Measurand, MeterSample, Version
from tests.core.bench import START, Bench, site
from tests.core.test_faults_stations import charge, yard
from tests.core.yard import Toy, Yard

HOUR = timedelta(hours=1)


def charging(keeps: Keeps = Keeps.LEASES) -> Bench:
    """CP01, which keeps leases, charges with the 22 kW that it was lent."""
    spec = site(1)
    station = replace(spec.stations[0], pinned=keeps)
    bench = Bench.of(replace(spec, stations=(station,)))
    bench.connect("CP01")
    bench.plug_in("CP01", "V01")
    bench.follow({("V01", "CP01"): [22.0] * 40})
    bench.live(30)
    tell_time(bench)
    assert bench.follows_kw("CP01") == pytest.approx(22.0, abs=0.1)
    return bench


def tell_time(bench: Bench, late_s: float = 0.0) -> None:
    """CP01 dates a status by its clock."""
    at = bench.utc - timedelta(seconds=late_s)
    status = StatusNotified(evse_id=1, status=ConnectorStatus.OCCUPIED, at=at)
    bench.call("CP01", status)


def come_back(bench: Bench) -> None:
    """Connects, and tells the time by a clock that is right; it is told nothing yet."""
    bench.sessions += 1
    session = bench.sessions
    bench.apply(StationConnected(station="CP01", session=session, version=Version.V201))
    tell_time(bench)


@pytest.mark.fault(19)
def test_a_lease_of_a_clock_that_ran_ahead_is_booked_until_that_instant_comes() -> None:
    """For a second our clock is an hour ahead, and what is due is lent by it: the station follows
    that in an hour."""
    bench = charging()
    bench.utc += HOUR
    bench.wait(1)
    bench.answer_all("CP01")
    bench.utc -= HOUR
    bench.wait(1)
    bench.lose("CP01")
    bench.wait(200)
    come_back(bench)
    assert bench.booked_kw("CP01") > 21.0


@pytest.mark.fault(19)
def test_an_order_that_is_under_way_as_our_clock_is_set_ends_by_the_old_time() -> None:
    bench = charging()
    bench.utc += HOUR
    bench.wait(1)
    order = bench.pending("CP01")
    assert order is not None
    bench.utc -= HOUR
    bench.wait(1)
    bench.answer(order)
    tell_time(bench)
    bench.lose("CP01")
    bench.wait(200)
    come_back(bench)
    assert bench.booked_kw("CP01") > 21.0


@pytest.mark.fault(18)
def test_a_word_that_comes_late_leaves_open_when_a_lease_ends() -> None:
    """The station's clock was set back by 50 s, or its word was slow: what it is lent may last for
    50 s longer than we think."""
    bench = charging()
    tell_time(bench, late_s=50.0)
    bench.live(40)
    bench.lose("CP01")
    bench.wait(130)
    assert bench.booked_kw("CP01") > 21.0


@pytest.mark.fault(18)
def test_a_word_that_comes_in_time_ends_the_doubt_of_the_one_before() -> None:
    bench = charging()
    tell_time(bench, late_s=50.0)
    bench.live(40)
    tell_time(bench)
    bench.lose("CP01")
    bench.wait(130)
    assert bench.booked_kw("CP01") == 0.0


@pytest.mark.fault(18)
def test_what_was_kept_while_offline_tells_no_clock() -> None:
    """A slow link brings statuses of the last ten minutes one by one, and no other word."""
    bench = charging()
    bench.lose("CP01")
    bench.wait(600)
    came_at = bench.utc
    bench.connect("CP01")
    for i in range(7):
        bench.live(40)
        tell_time(bench, late_s=(bench.utc - came_at).total_seconds() + 426 - 60 * i)
    assert bench.depot.stations["CP01"].takes_leases
    assert "station_clock_wrong" not in bench.alerts()


@pytest.mark.fault(18)
@pytest.mark.parametrize(
    ("late_s", "by_s", "within_s"),
    [(426.0, 0.0, 300), (40.0, 30.0, 360), (426.0, 30.0, 780), (86_400.0, 30.0, 1_210)],
)
def test_a_clock_that_is_behind_is_found_out_by_its_pace_or_by_what_it_dates_after_the_link_began(
    late_s: float, by_s: float, within_s: float
) -> None:
    """On a link that delays by up to `by_s`, its pace does not show."""
    bench = charging()
    bench.lose("CP01")
    bench.wait(60)
    bench.connect("CP01")
    for i in range(round(within_s / 60)):
        bench.live(60)
        tell_time(bench, late_s=late_s + by_s * (i % 2))
    assert not bench.depot.stations["CP01"].takes_leases


@pytest.mark.fault(18)
def test_a_clock_that_is_set_back_into_the_time_offline_ends_nothing_in_time() -> None:
    """Nothing can be told apart from what was kept, and nothing is known to end by such a clock."""
    bench = charging()
    bench.lose("CP01")
    bench.wait(60)
    come_back(bench)
    bench.live(60)
    tell_time(bench)
    assert bench.depot.stations["CP01"].clock.is_right
    tell_time(bench, late_s=3600.0)
    assert not bench.depot.stations["CP01"].clock.is_right


DAYS = [2, 26 * 365, (START - datetime(1970, 1, 1, tzinfo=UTC)).days]


@pytest.mark.fault(18)
@pytest.mark.parametrize("days", DAYS)
def test_a_clock_that_is_years_behind_has_its_fallback_in_force(days: int) -> None:
    """It does not take the time from us, and cannot be read back."""
    toy = Toy("CP01", skew_s=-86_400.0 * days, reads_back=Answered(status="Rejected"))
    world = yard(toy, fallback_kw=4.2)
    world.on_second = _follows
    world.run(300)
    charge(world, 11.0)
    world.run(60)
    assert toy.power_kw(world.now_s) == pytest.approx(11.0, abs=0.07)


@pytest.mark.fault(18)
@pytest.mark.parametrize("days", DAYS)
def test_who_reboots_offline_with_its_clock_lost_follows_its_fallback(days: int) -> None:
    toy = Toy("CP01")
    world = yard(toy, fallback_kw=4.2)
    charge(world, 11.0)
    world.lose("CP01", 1000.0, reboots=True)
    toy.skew_s = -86_400.0 * days
    world.run(300)
    assert toy.power_kw(world.now_s) == pytest.approx(4.14)


@pytest.mark.fault(19)
def test_a_fallback_is_in_force_when_our_clock_is_set_back_by_days() -> None:
    """Stations take the time from us, and what they were told before began by the old one."""
    toy = Toy("CP01")
    world = yard(toy, fallback_kw=4.2)
    charge(world, 11.0)
    world.bench.utc -= timedelta(days=3)
    world.lose("CP01", 1000.0, reboots=True)
    world.run(300)
    assert toy.power_kw(world.now_s) == pytest.approx(4.14)


def _follows(world: Yard) -> None:
    assert world.total_kw <= world.bench.booked_kw("CP01") + 0.01


@pytest.mark.fault(19)
def test_who_does_not_obey_is_found_out_though_our_clock_was_set_back() -> None:
    """It was told 6 kW and metered by a clock that was an hour ahead, and goes on with 22 kW."""
    bench = charging(Keeps.FALLBACK)
    bench.utc += HOUR
    bench.wait(1)
    bench.follow({("V01", "CP01"): [6.0] * 40})
    wh = 10_000.0
    meter(bench, wh)
    bench.live(30)
    bench.utc -= HOUR
    for _ in range(6):
        bench.live(60)
        wh += 22_000 / 60
        meter(bench, wh)
    assert bench.depot.stations["CP01"].evses[1].fixed is not None


def meter(bench: Bench, wh: float) -> None:
    sample = MeterSample(measurand=Measurand.ENERGY_IMPORT_REGISTER, value=wh, at=bench.utc)
    bench.call("CP01", MeterValuesReported(evse_id=1, transaction_id="T1", samples=(sample,)))


def test_while_the_clock_cannot_be_right_nothing_is_due_again_and_again() -> None:
    """A machine without a battery and without a network would spend all its time on it."""
    bench = Bench.of(site(1))
    bench.utc = datetime(1970, 1, 1, tzinfo=UTC)
    bench.connect("CP01")
    bench.live(60)
    due_s = next_due_s(bench.depot, bench.now)
    assert due_s is None or due_s > bench.monotonic_s


@pytest.mark.fault(18)
@pytest.mark.parametrize("tells_power", [True, False])
def test_a_cut_settles_also_by_the_meter_of_who_has_lost_the_time(tells_power: bool) -> None:
    """What it tells counts as of when it came: that is our time already."""
    toy = Toy("CP01", skew_s=-86_400.0 * DAYS[-1], tells_power=tells_power)
    world = yard(toy, Toy("CP02"), limit_kw=25.0)
    charge(world, 20.0, 5.0)
    world.run(200)
    world.on_second = lambda yard: _is_believed(yard, 20.0)
    world.bench.follow({("V01", "CP01"): [6.0] * 20, ("V02", "CP02"): [19.0] * 20})
    world.run(60)
    assert world.bench.booked_kw("CP01") < 7.0


def _is_believed(world: Yard, most_kw: float) -> None:
    assert world.bench.booked_kw("CP01") <= most_kw + 0.01
