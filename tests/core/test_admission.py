"""Stations that no setting names: what they may draw is booked before they say what they are."""

from __future__ import annotations

from dataclasses import replace

from daemon.core.events import StationConnected
from protocol.ocpp.events import StatusNotified
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
