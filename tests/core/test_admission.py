"""Stations that no setting names: what they may draw is booked before they say what they are."""

from __future__ import annotations

from dataclasses import replace

from daemon.core.events import StationConnected
from daemon.core.keeps import Keeps
from daemon.core.site import EvseSpec, StationSpec
from planner.series import Series
from planner.snapshot import Circuit
from protocol.ocpp.events import StatusNotified, TransactionStarted
from protocol.ocpp.model import ConnectorStatus, Version
from tests.core.bench import Bench, site


def depot(limit_kw: float) -> Bench:
    return Bench.of(replace(site(0, limit_kw=limit_kw), default_fallback_kw=10.0))


def come(bench: Bench, *names: str) -> dict[str, float]:
    """Connects strangers, none of which has told of a connector; the fallbacks they got."""
    for name in names:
        bench.sessions += 1
        bench.apply(StationConnected(station=name, session=bench.sessions, version=Version.V201))
    return {name: bench.depot.stations[name].spec.fallback_kw for name in names}


def test_strangers_that_come_at_once_get_the_default_fallback_as_far_as_there_is_room() -> None:
    bench = depot(25.0)
    assert come(bench, "X", "Y", "Z") == {"X": 10.0, "Y": 10.0, "Z": 0.0}
    (told,) = [alert for alert in bench.depot.alerts if alert.kind == "no_room_for_station"]
    assert told.station == "Z"
    assert "10 kW does not fit in the 5 kW left" in told.text


def test_a_strangers_fallback_is_booked_once_before_and_after_it_tells_of_its_connector() -> None:
    bench = depot(25.0)
    come(bench, "X")
    status = StatusNotified(evse_id=1, status=ConnectorStatus.AVAILABLE, at=bench.utc)
    bench.call("X", status)
    assert bench.booked_kw("X") == 10.0
    assert come(bench, "Y", "Z") == {"Y": 10.0, "Z": 0.0}


def test_one_that_has_left_keeps_its_place() -> None:
    bench = depot(15.0)
    come(bench, "X")
    bench.lose("X")
    assert come(bench, "Y") == {"Y": 0.0}


def test_a_connector_that_no_setting_names_stands_below_the_circuit_of_its_station() -> None:
    """The settings name one connector of two, and both hang on the station's one cable."""
    station = StationSpec(
        id="CP01",
        fallback_kw=0.0,
        evses=(EvseSpec(connector=1, circuit="feeder"),),
        pinned=Keeps.LEASES,
    )
    feeder = Circuit(id="feeder", limit_kw=Series.constant(30.0))
    bench = Bench.of(replace(site(0, limit_kw=100.0), stations=(station,), circuits=(feeder,)))
    bench.connect("CP01")
    for number in (1, 2):
        event = TransactionStarted(
            evse_id=number,
            transaction_id=f"T{number}",
            id_token=None,
            at=bench.utc,
            meter_start_wh=0.0,
        )
        bench.call("CP01", event)
        bench.depot.stations["CP01"].evses[number].override = "charge_now"
    bench.depot.dirty = True
    bench.live(30)
    evses = bench.depot.stations["CP01"].evses.values()
    assert sum(evse.follows_kw(bench.monotonic_s) for evse in evses) <= 30.0


def test_a_strangers_fallback_wants_room_on_each_phase() -> None:
    """7 of the 10 kW of each phase are booked, as nobody has said on which one the connector is."""
    single = EvseSpec(connector=1, min_kw=1.4, max_kw=7.4, phases=1)
    station = StationSpec(id="CP01", fallback_kw=7.0, evses=(single,))
    bench = Bench.of(replace(site(0), stations=(station,), default_fallback_kw=10.0))
    assert come(bench, "X") == {"X": 0.0}


def test_a_station_that_the_settings_name_without_its_connectors_falls_back_as_they_say() -> None:
    """Its first connector gets what the settings say of the station; until it tells of one, that is
    booked."""
    station = StationSpec(id="CP01", fallback_kw=11.0)
    bench = Bench.of(replace(site(0, limit_kw=20.0), stations=(station,), default_fallback_kw=10.0))
    assert come(bench, "X") == {"X": 0.0}
    bench.connect("CP01")
    for number in (1, 2):
        status = StatusNotified(evse_id=number, status=ConnectorStatus.AVAILABLE, at=bench.utc)
        bench.call("CP01", status)
        bench.answer_all("CP01")
    evses = bench.depot.stations["CP01"].evses.values()
    assert [evse.fallback_kw for evse in evses] == [11.0, 0.0]
