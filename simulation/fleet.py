"""A small depot that needs no files: 8 stations, 10 vehicles and 12 routes of one night."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from planner.series import format_instant
from protocol.ocpp.model import RateUnit, Version
from simulation.evse import EvseSpec
from simulation.profiles import Capabilities
from simulation.scenario import Guest, Json, Scenario, Trip
from simulation.spec import StationSpec

START: Final = datetime(2026, 11, 20, 15, tzinfo=UTC)
END: Final = START + timedelta(hours=18)
LIMIT_KW: Final = 100.0
BASE_LOAD_KW: Final = 12.0
# The grid operator dims the site in the evening (section 14a EnWG works like this).
DIMMED_KW: Final = 70.0

W, A = RateUnit.WATTS, RateUnit.AMPERES
# (id, version, units it takes, direct current)
_STATIONS: Final = (
    ("AC1", Version.V16, (A,), False),
    ("DC1", Version.V201, (W,), True),
    ("AC2", Version.V201, (W, A), False),
    ("DC2", Version.V16, (W,), True),
    ("AC3", Version.V16, (W,), False),
    ("DC3", Version.V201, (W, A), True),
    ("AC4", Version.V201, (A,), False),
    ("DC4", Version.V16, (W, A), True),
)
_CURVE: Final = ((0.8, 1.0), (1.0, 0.25))
# The share of the battery that vehicles come back with: the evening's routes want more.
_LEFT: Final = {"van": 0.25, "truck": 0.3, "bus": 0.35}
# (id, type, battery kWh, most kW, efficiency, curve, plugs, minutes after the start)
_VEHICLES: Final = (
    ("V01", "van", 75, 22, 0.90, _CURVE, ("type2", "ccs2"), 5),
    ("V02", "van", 75, 22, 0.90, _CURVE, ("type2", "ccs2"), 20),
    ("V03", "van", 75, 22, 0.90, _CURVE, ("type2",), 35),
    ("V04", "van", 75, 11, 0.90, (), ("type2",), 50),
    ("V05", "van", 60, 11, 0.91, (), ("type2",), 70),
    ("V06", "van", 60, 11, 0.91, (), ("type2",), 95),
    ("T01", "truck", 180, 50, 0.94, _CURVE, ("ccs2",), 15),
    ("T02", "truck", 180, 50, 0.94, _CURVE, ("ccs2",), 45),
    ("T03", "truck", 160, 40, 0.94, _CURVE, ("ccs2",), 80),
    ("B01", "bus", 260, 50, 0.94, _CURVE, ("ccs2",), 60),
)
# (id, types, departure and return in hours after the start, km, kWh, priority)
_ROUTES: Final = (
    ("R01", ("van",), 3.25, 5.75, 60, 16, 1),
    ("R02", ("van",), 3.75, 6.25, 70, 18, 1),
    ("R03", ("truck",), 4.0, 7.0, 55, 46, 1),
    ("R04", ("bus",), 6.5, 9.0, 70, 84, 2),
    ("R05", ("truck",), 7.5, 11.0, 80, 70, 1),
    ("R06", ("van",), 8.0, 10.5, 75, 20, 1),
    ("R07", ("van",), 14.25, 17.25, 95, 26, 2),
    ("R08", ("van",), 14.5, 17.5, 100, 28, 1),
    ("R09", ("van", "truck"), 14.75, 17.0, 80, 24, 1),
    ("R10", ("truck",), 14.0, 17.0, 95, 86, 1),
    ("R11", ("truck",), 15.0, 17.5, 90, 80, 2),
    ("R12", ("bus",), 15.25, 17.75, 85, 98, 2),
)


def small_depot(seed: int, stations: int = len(_STATIONS)) -> Scenario:
    """The built-in scenario. The plan's side is the same for every seed; when vehicles come, with
    how much, and what routes really use, is drawn from it.

    More than 8 stations bring a fleet for each 8, the limit grows and shrinks with their number.
    Raises ValueError for fewer than 1."""
    if stations < 1:
        raise ValueError(f"stations: {stations}, wants at least 1")
    rng = Random(seed)
    share = stations / len(_STATIONS)
    fleets = range(-(-stations // len(_STATIONS)))
    placed = [(n, row) for n in fleets for row in _STATIONS][:stations]
    return Scenario(
        name="the built-in depot",
        start=START,
        end=END,
        mode="integrated",
        import_limit_kw=LIMIT_KW * share,
        stations=tuple(_station(_numbered(row[0], n), *row[1:]) for n, row in placed),
        fallback_kw={_numbered(row[0], n): 0.0 if row[3] else 4.2 for n, row in placed},
        guests=tuple(_guest(rng, _numbered(v[0], n), *v[1:]) for n in fleets for v in _VEHICLES),
        trips=tuple(_trip(rng, _numbered(r[0], n), *r[1:]) for n in fleets for r in _ROUTES),
        series={
            "import_limit_kw": _steps(share, (0, LIMIT_KW), (2.5, DIMMED_KW), (4, LIMIT_KW)),
            "base_load_kw": _steps(share, (0, BASE_LOAD_KW), (8, 6), (14, BASE_LOAD_KW)),
            "import_price_per_kwh": _steps(1, (0, 0.31), (7, 0.14), (15, 0.27)),
        },
        rules={"safety_factor": 1.1, "turnaround_minutes": 30, "departure_buffer_minutes": 10},
    )


def _numbered(name: str, fleet: int) -> str:
    return name if fleet == 0 else f"{name}-{fleet + 1}"


def _station(
    station: str, version: Version, units: tuple[RateUnit, ...], direct: bool
) -> StationSpec:
    if direct:
        evse = EvseSpec(max_kw=50.0, min_kw=5.0, plugs=("ccs2",), dc=True)
    else:
        evse = EvseSpec(max_kw=22.0, plugs=("type2",))
    return StationSpec(
        id=station, version=version, evses=(evse,), capabilities=Capabilities(rate_units=units)
    )


def _guest(
    rng: Random,
    vehicle: str,
    kind: str,
    battery_kwh: float,
    max_charge_kw: float,
    efficiency: float,
    curve: tuple[tuple[float, float], ...],
    plugs: tuple[str, ...],
    minutes: int,
) -> Guest:
    expected_kwh = _LEFT[kind] * battery_kwh
    arrives = START + timedelta(minutes=minutes)
    message: dict[str, Json] = {
        "id": vehicle,
        "type": kind,
        "battery_kwh": battery_kwh,
        "energy_kwh": expected_kwh,
        "reserve_kwh": 0.1 * battery_kwh,
        "target_kwh": 0.5 * battery_kwh,
        "max_charge_kw": max_charge_kw,
        "efficiency": efficiency,
        "charge_curve": [list(point) for point in curve],
        "plugs": list(plugs),
        "available_from": format_instant(arrives),
    }
    return Guest(
        message=message,
        arrives=arrives + timedelta(seconds=rng.randint(-180, 300)),
        energy_kwh=expected_kwh * rng.uniform(0.9, 1.05),
    )


def _trip(
    rng: Random,
    route: str,
    types: tuple[str, ...],
    depart_h: float,
    return_h: float,
    distance_km: float,
    energy_kwh: float,
    priority: float,
) -> Trip:
    depart, back = START + timedelta(hours=depart_h), START + timedelta(hours=return_h)
    message: dict[str, Json] = {
        "id": route,
        "depart": format_instant(depart),
        "return": format_instant(back),
        "distance_km": distance_km,
        "energy_kwh": energy_kwh,
        "priority": priority,
        "vehicle_types": list(types),
    }
    return Trip(
        message=message,
        depart=depart,
        return_=back,
        used_kwh=energy_kwh * rng.uniform(0.92, 1.06),
        late=timedelta(seconds=rng.randint(-300, 480)),
    )


def _steps(share: float, *points: tuple[float, float]) -> Json:
    """A series of the contract: hours after the start, values times `share`."""
    return [
        {"from": format_instant(START + timedelta(hours=hours)), "value": value * share}
        for hours, value in points
    ]
