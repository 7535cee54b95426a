"""Statuses, starts and updates as real stations send them: of one connector of two, late, or before
it is known where."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from daemon.core.effects import StartPlanning
from daemon.core.keeping import restore
from daemon.core.keeps import Keeps
from daemon.core.lease import FOREVER, Lease
from daemon.core.site import EvseSpec, SiteSpec
from daemon.core.station import SILENT
from protocol.ocpp.commands import Refused, SetChargingProfile
from protocol.ocpp.events import (
    StationBooted,
    StatusNotified,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from protocol.ocpp.model import ConnectorStatus
from protocol.ocpp.v201.decode import CALLS
from protocol.ocpp.values import write_time
from tests.core.bench import START, Bench, site

FREE = ConnectorStatus.AVAILABLE
LIMIT_KW = 30.0


def charging() -> Bench:
    """Two stations that keep leases; CP01 was lent 22 kW, and CP02 is to have what is left."""
    spec = site(2, limit_kw=LIMIT_KW)
    spec = replace(spec, stations=tuple(replace(s, pinned=Keeps.LEASES) for s in spec.stations))
    bench = Bench.of(spec)
    for name, vehicle in (("CP01", "V01"), ("CP02", "V02")):
        bench.connect(name)
        bench.plug_in(name, vehicle)
        bench.answer_all(name)
    bench.follow({("V01", "CP01"): [22.0] * 40, ("V02", "CP02"): [8.0] * 40})
    bench.live(30)
    assert bench.follows_kw("CP01") == pytest.approx(22.0, abs=0.1)
    bench.depot.stations["CP02"].evses[1].override = "charge_now"
    return bench


def test_a_free_connector_of_an_evse_says_nothing_of_the_transaction_at_its_other() -> None:
    """2.0.1 tells the status of each connector: CCS and CHAdeMO of one EVSE, say."""
    bench = charging()
    for connector, value in ((1, "Occupied"), (2, "Available")):
        payload = {
            "timestamp": write_time(bench.utc),
            "evseId": 1,
            "connectorId": connector,
            "connectorStatus": value,
        }
        bench.call("CP01", CALLS["StatusNotification"](payload))
    assert bench.depot.stations["CP01"].evses[1].transaction == "CP01/T1"
    assert bench.booked_kw("CP01") > 21.0


def test_a_status_of_before_a_transaction_does_not_end_it() -> None:
    """1.6 stations queue statuses while they are offline, and tell them when they are back."""
    bench = charging()
    event = StatusNotified(evse_id=1, status=FREE, at=START - timedelta(hours=2))
    bench.call("CP01", event)
    assert bench.depot.stations["CP01"].evses[1].transaction == "CP01/T1"
    assert bench.booked_kw("CP01") > 21.0


def test_a_start_of_before_a_transaction_does_not_end_it() -> None:
    """A backlog may be told after what runs now has been heard of."""
    bench = charging()
    event = TransactionStarted(
        evse_id=1,
        transaction_id="T0",
        id_token=None,
        at=START - timedelta(hours=2),
        meter_start_wh=0.0,
        offline=True,
    )
    bench.call("CP01", event)
    assert bench.depot.stations["CP01"].evses[1].transaction == "CP01/T1"
    assert bench.booked_kw("CP01") > 21.0


@pytest.mark.parametrize("told", ["start", "status"])
def test_what_was_before_a_transaction_by_a_clock_that_is_wrong_does_not_end_it(told: str) -> None:
    """The clock of CP01 is two hours ahead all the while, and it tells late what was before T1: the
    22 kW of T1 were lent to CP02, 44 below a limit of 30."""
    bench = charging()
    ahead = timedelta(hours=2)
    running = bench.depot.transactions["CP01/T1"]
    began_at = running.started_at + ahead
    bench.depot.transactions["CP01/T1"] = replace(running, device_started_at=began_at)
    station = bench.depot.stations["CP01"]
    station.clock.heard(bench.utc + ahead, bench.now)
    before = began_at - timedelta(minutes=5)
    if told == "start":
        bench.call(
            "CP01",
            replace(
                started_nowhere(bench), evse_id=1, transaction_id="T0", at=before, offline=True
            ),
        )
    else:
        bench.call("CP01", StatusNotified(evse_id=1, status=FREE, at=before))
    assert station.evses[1].transaction == "CP01/T1"
    assert bench.booked_kw("CP01") > 21.0
    for _ in range(5):
        station.clock.heard(bench.utc, bench.now)
    bench.call("CP01", StatusNotified(evse_id=1, status=FREE, at=bench.utc))
    assert station.evses[1].transaction is None, "the clock was set right, and V01 has left"


@pytest.mark.parametrize("year", [1, 9999])
def test_a_status_of_the_first_or_the_last_day_beside_a_clock_that_is_wrong_ends_nothing_else(
    year: int,
) -> None:
    bench = charging()
    ahead = timedelta(hours=2 if year == 1 else -2)
    running = bench.depot.transactions["CP01/T1"]
    began_at = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    bench.depot.transactions["CP01/T1"] = replace(running, device_started_at=began_at)
    bench.depot.stations["CP01"].clock.heard(bench.utc + ahead, bench.now)
    at = datetime(year, 1 if year == 1 else 12, 1 if year == 1 else 31, tzinfo=UTC)
    bench.call("CP01", StatusNotified(evse_id=1, status=FREE, at=at))
    assert "CP01/T1" in bench.depot.transactions


@pytest.mark.parametrize("began_before", [True, False], ids=["begun nowhere", "never heard of"])
def test_an_update_of_before_a_transaction_does_not_end_it(began_before: bool) -> None:
    """A backlog of one that began on Authorized, or whose start was lost."""
    bench = charging()
    before = START - timedelta(hours=2)
    if began_before:
        bench.call("CP01", StatusNotified(evse_id=2, status=FREE, at=bench.utc))
        event = TransactionStarted(
            evse_id=0, transaction_id="T0", id_token=None, at=before, meter_start_wh=0.0
        )
        bench.call("CP01", replace(event, offline=True))
    for minutes in (1, 2):
        at = before + timedelta(minutes=minutes)
        bench.call("CP01", TransactionUpdated(transaction_id="T0", at=at, evse_id=1))
    assert bench.depot.stations["CP01"].evses[1].transaction == "CP01/T1"
    assert bench.booked_kw("CP01") > 21.0
    ended = TransactionEnded(transaction_id="T0", at=at, meter_stop_wh=None, reason="Local")
    bench.call("CP01", ended)
    told = bench.depot.transactions["CP01/T0"]
    assert (told.connector, told.stopped_at, told.estimated) == (1, at, False)
    assert bench.depot.stations["CP01"].evses[1].transaction == "CP01/T1"


def test_a_transaction_that_goes_on_after_its_end_was_guessed_is_booked_at_what_it_holds() -> None:
    bench = charging()
    bench.call("CP01", StatusNotified(evse_id=1, status=FREE, at=bench.utc))
    bench.live(1)
    bench.call("CP01", TransactionUpdated(transaction_id="T1", at=bench.utc, evse_id=1))
    assert bench.depot.stations["CP01"].evses[1].transaction == "CP01/T1"
    assert bench.booked_kw("CP01") > 21.0


def test_a_transaction_that_begins_before_its_evse_is_known_moves_to_it() -> None:
    """2.0.1 E01: a transaction may start on Authorized; the EVSE is told with the plug."""
    bench = Bench.of(site(1))
    bench.connect("CP01")
    bench.call("CP01", started_nowhere(bench))
    bench.call("CP01", TransactionUpdated(transaction_id="T1", at=bench.utc, evse_id=1))
    assert bench.depot.stations["CP01"].evses[1].transaction == "CP01/T1"


def test_a_connector_that_was_free_before_the_plug_ends_nothing_by_saying_so_again() -> None:
    """The vehicle comes to the second connector, and the station tells of both in their order."""
    bench = Bench.of(site(1))
    bench.connect("CP01")
    for connector in (1, 2):
        bench.call("CP01", status(bench, connector, FREE))
    bench.call("CP01", replace(started_nowhere(bench), evse_id=1))
    bench.live(20)
    bench.call("CP01", status(bench, 1, FREE))
    assert bench.depot.stations["CP01"].evses[1].transaction == "CP01/T1"
    bench.call("CP01", status(bench, 2, ConnectorStatus.OCCUPIED))
    bench.call("CP01", status(bench, 2, FREE))
    assert bench.depot.stations["CP01"].evses[1].transaction is None


def test_what_an_order_without_an_answer_may_have_lent_stays_booked_until_the_plug() -> None:
    bench = Bench.of(site(1))
    bench.connect("CP01")
    bench.answer_all("CP01")
    bench.call("CP01", status(bench, 1, FREE))
    bench.call("CP01", replace(started_nowhere(bench), evse_id=1))
    bench.depot.stations["CP01"].evses[1].doubt(Lease(kw=11.0, given_s=0.0, until_s=FOREVER))
    bench.call("CP01", status(bench, 1, FREE))
    assert bench.booked_kw("CP01") == 11.0


def test_a_connector_that_is_free_long_after_the_start_ends_it_though_its_plug_was_never_told() -> (
    None
):
    bench = Bench.of(site(1))
    bench.connect("CP01")
    bench.call("CP01", status(bench, 1, FREE))
    bench.call("CP01", replace(started_nowhere(bench), evse_id=1))
    bench.live(301)
    bench.call("CP01", status(bench, 1, FREE))
    assert bench.depot.stations["CP01"].evses[1].transaction is None


@pytest.mark.parametrize("restarts", [False, True])
def test_the_first_connector_that_speaks_on_a_new_link_does_not_speak_for_the_second(
    restarts: bool,
) -> None:
    """V01 came to the second one, whose word of that was lost. As the link is back the station
    tells of both in their order: that the first one is free freed 22 kW, which were lent to CP02
    while V01 went on with them, 44 kW below a limit of 30."""
    bench = charging()
    bench.depot.stations["CP02"].evses[1].override = None
    for connector in (1, 2):
        bench.depot.stations["CP01"].evses[1].tell_status(connector, FREE)
    bench.live(301)
    bench.lose("CP01")
    if restarts:
        bench = Bench(
            depot=restore(bench.depot.site, bench.memory()),
            utc=bench.utc,
            monotonic_s=bench.monotonic_s,
            sessions=bench.sessions,
        )
        bench.connect("CP02")
    bench.connect("CP01")
    bench.depot.stations["CP02"].evses[1].override = "charge_now"
    bench.call("CP01", status(bench, 1, FREE))
    bench.answer_all("CP02")
    assert bench.follows_kw("CP02") <= LIMIT_KW - 21.0, "it is lent what V01 still draws"
    bench.call("CP01", status(bench, 2, ConnectorStatus.OCCUPIED))
    assert bench.depot.stations["CP01"].evses[1].transaction == "CP01/T1"
    bench.call("CP01", status(bench, 2, FREE))
    assert bench.depot.stations["CP01"].evses[1].transaction is None


def status(bench: Bench, connector: int, value: ConnectorStatus) -> StatusNotified:
    return StatusNotified(evse_id=1, connector_id=connector, status=value, at=bench.utc)


def test_a_transaction_that_begins_before_its_evse_is_known_stops_no_planning() -> None:
    bench = Bench.of(site(1))
    bench.connect("CP01")
    bench.call("CP01", started_nowhere(bench))
    bench.answer_all("CP01")
    bench.wait(20.0)
    assert "snapshot_invalid" not in bench.alerts()
    assert any(isinstance(effect, StartPlanning) for effect in bench.effects)


def started_nowhere(bench: Bench) -> TransactionStarted:
    event = CALLS["TransactionEvent"](
        {
            "eventType": "Started",
            "timestamp": write_time(bench.utc),
            "triggerReason": "Authorized",
            "seqNo": 0,
            "transactionInfo": {"transactionId": "T1"},
            "idToken": {"idToken": "TAG-V01", "type": "ISO14443"},
        }
    )
    assert isinstance(event, TransactionStarted)
    return event


def two_evses() -> SiteSpec:
    spec = site(1)
    evses = (EvseSpec(connector=1), EvseSpec(connector=2))
    return replace(spec, stations=(replace(spec.stations[0], evses=evses),))


def test_a_transaction_whose_evse_is_not_known_outlives_a_restart_and_moves_to_its_evse() -> None:
    spec = two_evses()
    bench = Bench.of(spec)
    bench.connect("CP01")
    bench.call("CP01", started_nowhere(bench))
    assert [evse.transaction for _, evse in bench.depot.evses()] == [None, None]
    depot = restore(spec, bench.memory())
    assert sorted(depot.stations["CP01"].evses) == [1, 2]
    after = Bench(depot=depot, utc=bench.utc, monotonic_s=bench.monotonic_s, sessions=1)
    after.connect("CP01")
    after.call("CP01", TransactionUpdated(transaction_id="T1", at=after.utc, evse_id=2))
    assert [evse.transaction for _, evse in depot.evses()] == [None, "CP01/T1"]
    assert depot.transactions["CP01/T1"].vehicle == "V01"


def test_a_transaction_that_ends_before_its_evse_is_known_moves_nobody() -> None:
    spec = two_evses()
    bench = Bench.of(spec)
    bench.connect("CP01")
    bench.call("CP01", started_nowhere(bench))
    ended = TransactionEnded(
        transaction_id="T1", at=bench.utc, meter_stop_wh=None, reason="Timeout"
    )
    bench.call("CP01", ended)
    assert bench.depot.transactions["CP01/T1"].stopped_at is not None
    assert sorted(bench.depot.stations["CP01"].evses) == [1, 2]


def test_a_station_with_another_firmware_may_want_its_profiles_written_otherwise() -> None:
    bench = charging()
    boot(bench, "1.0")
    bench.answer_all("CP01")
    before = bench.depot.stations["CP01"].capabilities.unit
    boot(bench, "2.0")
    for _ in range(20):
        send = bench.pending("CP01")
        if send is None:
            break
        match send.command:
            case SetChargingProfile(profile=profile) if profile.unit is before:
                bench.answer(send, Refused(code="PropertyConstraintViolation", description=""))
            case _:
                bench.answer(send)
    assert bench.depot.stations["CP01"].capabilities.unit is not before
    assert bench.depot.stations["CP01"].capabilities.proven


def boot(bench: Bench, firmware: str) -> None:
    event = StationBooted(vendor="V", model="M", firmware_version=firmware)
    bench.call("CP01", event)


@pytest.mark.fault(7)
def test_who_could_not_be_told_is_told_at_once_when_it_is_back() -> None:
    """It counts as one that can be planned with from there on, and would not have been told."""
    bench = charging()
    evse = bench.depot.stations["CP01"].evses[1]
    evse.fixed, evse.retry_s = SILENT, bench.monotonic_s + 600
    bench.lose("CP01")
    bench.wait(5)
    bench.connect("CP01")
    bench.live(10)
    assert evse.confirmed is not None
    assert evse.confirmed.given_s > bench.monotonic_s - 15


def test_who_does_not_come_back_after_a_restart_is_told_of_once() -> None:
    """CP02 was taken away while the daemon was down, and stays booked at what it was lent."""
    before = charging()
    bench = Bench(depot=restore(before.depot.site, before.memory()), sessions=before.sessions)
    bench.connect("CP01")
    bench.wait(110)
    assert "station_lost" not in bench.alerts()
    bench.live(30)
    assert [a.station for a in bench.depot.alerts if a.kind == "station_lost"] == ["CP02"]
    bench.live(300, step_s=10.0)
    assert bench.alerts().count("station_lost") == 1
