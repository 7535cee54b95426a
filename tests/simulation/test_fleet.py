from __future__ import annotations

from collections import Counter

import pytest

from daemon.core.fleet import believe, read_route, read_series
from protocol.mqtt.topics import SERIES_KEYS
from protocol.ocpp.model import RateUnit, Version
from simulation.fleet import small_depot


def test_it_has_eight_stations_ten_vehicles_and_twelve_routes() -> None:
    depot = small_depot(0)
    assert (len(depot.stations), len(depot.guests), len(depot.trips)) == (8, 10, 12)
    versions = Counter(spec.version for spec in depot.stations)
    assert versions == {Version.V16: 4, Version.V201: 4}
    for version in Version:
        able = {s.capabilities.rate_units for s in depot.stations if s.version is version}
        assert (RateUnit.AMPERES,) in able
        assert (RateUnit.WATTS,) in able


@pytest.mark.parametrize("seed", range(20))
def test_every_message_is_one_that_the_daemon_takes(seed: int) -> None:
    depot = small_depot(seed)
    for guest in depot.guests:
        assert believe(guest.message, None).vehicle is not None
        assert guest.vehicle().energy_kwh < guest.message["battery_kwh"]
        assert depot.start <= guest.arrives
    types = {guest.message["type"] for guest in depot.guests}
    for trip in depot.trips:
        assert set(read_route(trip.message).vehicle_types) <= types
        assert depot.start < trip.depart < trip.return_ + trip.late <= depot.end
    assert depot.series.keys() <= SERIES_KEYS
    for value in depot.series.values():
        read_series(value)


def test_the_same_seed_gives_the_same_night_and_another_seed_another_truth() -> None:
    assert small_depot(3) == small_depot(3)
    a, b = small_depot(3), small_depot(4)
    assert [t.message for t in a.trips] == [t.message for t in b.trips]
    assert [t.used_kwh for t in a.trips] != [t.used_kwh for t in b.trips]
    assert [g.energy_kwh for g in a.guests] != [g.energy_kwh for g in b.guests]


def test_every_vehicle_finds_a_plug_and_the_fallbacks_fit_under_the_lowest_limit() -> None:
    depot = small_depot(0)
    plugs = {plug for spec in depot.stations for evse in spec.evses for plug in evse.plugs}
    assert all(guest.plugs & plugs for guest in depot.guests)
    lowest_kw = min(point["value"] for point in depot.series["import_limit_kw"])
    highest_load_kw = max(point["value"] for point in depot.series["base_load_kw"])
    assert sum(depot.fallback_kw.values()) + highest_load_kw <= lowest_kw
    assert depot.import_limit_kw < sum(e.max_kw for s in depot.stations for e in s.evses)


@pytest.mark.parametrize("stations", [1, 5, 16, 20])
def test_another_number_of_stations_takes_fleet_and_limit_along(stations: int) -> None:
    depot = small_depot(0, stations)
    assert len({spec.id for spec in depot.stations}) == stations
    assert depot.fallback_kw.keys() == {spec.id for spec in depot.stations}
    assert len({guest.id for guest in depot.guests}) == len(depot.guests) == 10 * -(-stations // 8)
    assert depot.import_limit_kw == pytest.approx(12.5 * stations)
    assert all(len(guest.id_token) <= 20 for guest in depot.guests)


def test_no_station_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="stations: 0"):
        small_depot(0, 0)
