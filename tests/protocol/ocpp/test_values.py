from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone

import pytest

from protocol.ocpp.commands import GetCompositeSchedule, Refused
from protocol.ocpp.connection import CommandDone, Connection
from protocol.ocpp.dialect import Payload
from protocol.ocpp.errors import LocalError, RemoteError
from protocol.ocpp.events import StationEvent
from protocol.ocpp.model import Version
from protocol.ocpp.v16.decode import CALLS as V16
from protocol.ocpp.v201.decode import CALLS as V201
from protocol.ocpp.values import read_time, seq_no, write_time

AT = datetime(2026, 11, 20, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20T16:00:00Z",
        "2026-11-20T16:00:00.000Z",
        "2026-11-20T16:00:00.0000000Z",
        "2026-11-20T16:00:00+00:00",
        "2026-11-20T17:00:00+01:00",
        "2026-11-20T16:00:00",
        "2026-11-20 16:00:00Z",
        " 2026-11-20T16:00:00Z ",
    ],
)
def test_times_are_read_as_loosely_as_stations_write_them(text: str) -> None:
    assert read_time(text) == AT


@pytest.mark.fault(44)
@pytest.mark.parametrize(
    "text", [None, "", "now", "20-11-2026", "0001-01-01T00:00:00+23:59", "1e9"]
)
def test_an_unreadable_time_is_none(text: str | None) -> None:
    assert read_time(text) is None


def test_times_are_written_in_utc_with_z_and_without_fractions() -> None:
    local = AT.astimezone(timezone(timedelta(hours=-5))).replace(microsecond=999_999)
    assert write_time(local) == "2026-11-20T16:00:00Z"


def test_a_time_without_a_zone_is_our_bug() -> None:
    with pytest.raises(LocalError, match="zone"):
        write_time(AT.replace(tzinfo=None))


@pytest.mark.parametrize("calls", [V16, V201], ids=["1.6", "2.0.1"])
def test_a_connector_that_no_station_can_have_is_refused(
    calls: Mapping[str, Callable[[Payload], StationEvent]],
) -> None:
    """Each one that is believed is kept, looked at in every round and booked at its maximum when
    the link breaks; and profiles are numbered by it, 100 and more, and 1000 and more."""
    payload: Payload = {
        "timestamp": "2026-11-20T16:00:00Z",
        "evseId": 900,
        "connectorId": 900,
        "connectorStatus": "Available",
        "status": "Available",
        "errorCode": "NoError",
    }
    with pytest.raises(RemoteError, match="Id: wants 0 to 100"):
        calls["StatusNotification"](payload)


def test_sequence_numbers_go_on_for_years() -> None:
    assert seq_no(2_000_000_000, "seqNo") == 2_000_000_000


@pytest.mark.parametrize(
    "period",
    [
        {"startPeriod": 0, "limit": 32, "numberPhases": -3},
        {"startPeriod": 0, "limit": -0.1},
        {"startPeriod": -1, "limit": 32},
        {"startPeriod": 1e30, "limit": 32},
        {"startPeriod": 0, "limit": 32, "numberPhases": 4},
    ],
)
@pytest.mark.parametrize("version", Version)
def test_a_schedule_read_back_that_none_can_follow_is_no_answer(
    version: Version, period: Payload
) -> None:
    """Below nothing it would show that any cut has been taken."""
    schedule = {
        "duration": 60,
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [period],
        **({} if version is Version.V16 else {"evseId": 1, "scheduleStart": write_time(AT)}),
    }
    key = "chargingSchedule" if version is Version.V16 else "schedule"
    station = Connection(version, new_id=lambda: "1")
    station.send(GetCompositeSchedule(evse_id=1, duration_s=60), 0.0)
    answer = json.dumps([3, "1", {"status": "Accepted", key: schedule}])
    done = next(o for o in station.receive(answer, 0.0) if isinstance(o, CommandDone))
    assert isinstance(done.result, Refused)
