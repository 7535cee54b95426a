from __future__ import annotations

import gzip
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from protocol.ocpp.model import Version
from simulation.sessions import (
    MAX_KW,
    SessionsError,
    busiest_day,
    busiest_days,
    of_day,
    read_sessions,
    scenario_of,
)

HEAD = (
    "arrival,departure,requested_energy (kWh),delivered_energy (kWh),station_id,session_id,"
    "estimated_departure,claimed"
)
FIRST = "2019-05-07 06:33:14-07:00,2019-05-07 11:50:55-07:00,21.84,17.666,CA-314,s1,,True"
LATE = "2019-05-07 23:30:00-07:00,2019-05-08 09:00:00-07:00,4.0,,CA-327,s2,,False"
AGAIN = "2019-05-07 12:10:00-07:00,2019-05-07 15:00:00-07:00,8.0,8.0,CA-314,s3,,True"
NEXT = "2019-05-08 01:00:00-07:00,2019-05-08 02:00:00-07:00,3.0,3.0,CA-314,s4,,True"
DAY = date(2019, 5, 7)


def table(folder: Path, *rows: str) -> Path:
    path = folder / "day.csv"
    path.write_text("\n".join((HEAD, *rows)) + "\n")
    return path


def test_a_session_keeps_its_local_day_and_its_instants_in_utc(tmp_path: Path) -> None:
    first, late = read_sessions(table(tmp_path, FIRST, LATE))
    assert first.arrival == datetime(2019, 5, 7, 13, 33, 14, tzinfo=UTC)
    assert (late.arrival.date(), late.day) == (date(2019, 5, 8), DAY)
    assert (first.requested_kwh, first.delivered_kwh) == (21.84, 17.666)
    assert late.delivered_kwh is None


def test_a_gzipped_file_reads_the_same(tmp_path: Path) -> None:
    plain = table(tmp_path, FIRST, LATE)
    packed = tmp_path / "day.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_sessions(packed) == read_sessions(plain)


def test_the_busiest_stations_of_a_day_are_chosen(tmp_path: Path) -> None:
    sessions = read_sessions(table(tmp_path, LATE, AGAIN, FIRST, NEXT))
    assert [s.id for s in of_day(sessions, DAY, 1)] == ["s1", "s3"]
    assert [s.id for s in of_day(sessions, DAY, 9)] == ["s1", "s3", "s2"]


def test_the_busiest_days_of_a_month_are_found(tmp_path: Path) -> None:
    sessions = read_sessions(table(tmp_path, LATE, AGAIN, FIRST, NEXT))
    assert busiest_days(sessions, 2019, 5, 5) == (DAY, date(2019, 5, 8))
    assert busiest_days(sessions, 2019, 6, 5) == ()
    assert busiest_day(sessions) == DAY
    with pytest.raises(SessionsError, match="no session"):
        busiest_day(())


def test_a_day_without_sessions_is_refused(tmp_path: Path) -> None:
    sessions = read_sessions(table(tmp_path, FIRST))
    with pytest.raises(SessionsError, match="2019-05-09"):
        of_day(sessions, date(2019, 5, 9), 30)


@pytest.mark.parametrize(
    ("column", "found", "bad"),
    [
        ("arrival", "2019-05-07 06:33:14-07:00", "yesterday"),
        ("arrival", "2019-05-07 06:33:14-07:00", "2019-05-07 06:33:14"),
        ("departure", "2019-05-07 11:50:55-07:00", "2019-05-07 06:00:00-07:00"),
        ("requested_energy (kWh)", "21.84", "nan"),
        ("requested_energy (kWh)", "21.84", "-1"),
        ("delivered_energy (kWh)", "17.666", "much"),
        ("station_id", "CA-314", ""),
    ],
)
def test_a_bad_value_is_told_with_file_line_and_column(
    tmp_path: Path, column: str, found: str, bad: str
) -> None:
    path = table(tmp_path, LATE, FIRST.replace(found, bad, 1))
    with pytest.raises(SessionsError, match=r"day\.csv, line 3, column") as raised:
        read_sessions(path)
    assert repr(column) in str(raised.value)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = tmp_path / "day.csv"
    path.write_text("arrival,departure\n")
    with pytest.raises(SessionsError, match=r"requested_energy \(kWh\)"):
        read_sessions(path)


@pytest.mark.parametrize(
    ("name", "content"), [("no.csv", None), ("no.csv.gz", b"no gzip"), ("no.csv", b"\xff\xfe\x00")]
)
def test_what_is_no_readable_file_is_refused_by_name(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SessionsError, match=name):
        read_sessions(path)


def test_a_day_becomes_vehicles_that_must_leave_with_what_was_asked(tmp_path: Path) -> None:
    sessions = of_day(read_sessions(table(tmp_path, FIRST, LATE, AGAIN)), DAY, 30)
    scenario = scenario_of(sessions, "a day")
    assert [g.station for g in scenario.guests] == ["CA-314", "CA-314", "CA-327"]
    assert {s.version for s in scenario.stations} == set(Version)
    assert scenario.import_limit_kw == pytest.approx(0.4 * 2 * MAX_KW, abs=0.05)
    for guest, trip, session in zip(scenario.guests, scenario.trips, sessions, strict=True):
        vehicle = guest.vehicle()
        assert trip.vehicle == guest.id
        assert trip.depart == session.departure
        reserve_kwh = guest.message["reserve_kwh"]
        asked_kwh = trip.message["energy_kwh"] + reserve_kwh - vehicle.energy_kwh
        assert asked_kwh == pytest.approx(session.requested_kwh)
        assert vehicle.battery_kwh >= guest.message["target_kwh"]
    assert scenario.start <= sessions[0].arrival
    assert scenario.end >= sessions[0].departure


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("file", "days"),
    [
        ("caltech_2019-05-01_2019-08-31.csv.gz", (date(2019, 5, 7), date(2019, 5, 13))),
        ("jpl_2019-05-01_2019-08-31.csv.gz", (date(2019, 5, 3), date(2019, 5, 13))),
    ],
)
def test_the_real_files_are_read_whole(real_data: Path, file: str, days: tuple[date, ...]) -> None:
    sessions = read_sessions(real_data / "acn" / file)
    assert busiest_days(sessions, 2019, 5, 2) == days
    scenario = scenario_of(of_day(sessions, days[0], 30), "a real day")
    assert len(scenario.stations) == 30
    assert scenario.end - scenario.start <= timedelta(hours=24)
