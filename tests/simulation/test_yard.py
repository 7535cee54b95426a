from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest

from planner.plan import Cost, Objective, Period, Plan, Stay
from protocol.ocpp.model import Version
from simulation.evse import EvseSpec
from simulation.scenario import Guest
from simulation.spec import StationSpec
from simulation.station import VirtualStation
from simulation.yard import Yard
from tests.simulation.clock import START, JumpClock


def guest(vehicle: str, plug: str = "type2", station: str | None = None) -> Guest:
    message: dict[str, Any] = {
        "id": vehicle,
        "battery_kwh": 60.0,
        "max_charge_kw": 11.0,
        "plugs": [plug],
    }
    return Guest(message=message, arrives=START, energy_kwh=10.0, station=station)


class Depot:
    """Two AC stations and one DC station, none of them connected to anything."""

    def __init__(self, *guests: Guest) -> None:
        self.clock = JumpClock()
        self.stations = {
            name: VirtualStation(
                StationSpec(
                    id=name,
                    version=Version.V16,
                    evses=(EvseSpec(plugs=(plug,), dc=plug == "ccs2"),),
                ),
                url="ws://nowhere",
                clock=self.clock,
                rng=Random(0),
            )
            for name, plug in (("AC1", "type2"), ("AC2", "type2"), ("DC1", "ccs2"))
        }
        self.yard = Yard(self.stations, {g.id: g for g in guests})
        for one in guests:
            self.yard.arrive(one.vehicle())

    def attend(self, *stays: Stay) -> dict[str, str | None]:
        plan = Plan(
            revision=1,
            status="optimal",
            algorithm="joint",
            stays=stays,
            objective=Objective(),
            cost=Cost(),
        )
        self.yard.attend(plan, self.clock.utc())
        return {
            name: vehicle.id if (vehicle := station.evses[1].vehicle) is not None else None
            for name, station in self.stations.items()
        }


def stay(vehicle: str, station: str, start_h: float = 0.0, end_h: float = 4.0) -> Stay:
    start, end = (START + timedelta(hours=h) for h in (start_h, end_h))
    return Stay(
        vehicle=vehicle,
        station=station,
        connector=1,
        start=start,
        end=end,
        energy_kwh=11.0,
        periods=(Period(start=start, end=end, kw=11.0),),
    )


def test_a_vehicle_goes_where_the_plan_wants_it() -> None:
    assert Depot(guest("V1")).attend(stay("V1", "AC2")) == {"AC1": None, "AC2": "V1", "DC1": None}


def test_one_that_the_plan_does_not_know_takes_a_place_with_its_plug_that_nobody_waits_for() -> (
    None
):
    depot = Depot(guest("V1"), guest("T1", "ccs2"))
    assert depot.attend(stay("V9", "AC1")) == {"AC1": None, "AC2": "V1", "DC1": "T1"}


def test_one_that_the_plan_does_not_know_waits_where_all_places_are_wanted() -> None:
    depot = Depot(guest("V1"))
    places = depot.attend(stay("V8", "AC1", 1), stay("V9", "AC2", 1))
    assert set(places.values()) == {None}
    assert "V1" in depot.yard


def test_who_is_done_makes_room_for_who_is_due() -> None:
    depot = Depot(guest("V1"), guest("V2"))
    depot.attend(stay("V1", "AC1"), stay("V2", "AC2"))
    depot.clock.jump(3600)
    places = depot.attend(stay("V2", "AC1", 1), stay("V2", "AC2", 0))
    assert places["AC2"] == "V2"
    depot.yard.arrive(depot.yard.take_out("V2"))
    places = depot.attend(stay("V2", "AC1", 1))
    assert places["AC1"] == "V2"
    assert "V1" in depot.yard


def test_who_still_charges_is_left_alone_and_the_next_one_waits() -> None:
    depot = Depot(guest("V1"), guest("V2"))
    depot.attend(stay("V1", "AC1"))
    depot.yard.arrive(depot.yard.take_out("V2"))
    places = depot.attend(stay("V1", "AC1"), stay("V2", "AC1", 0.0))
    assert places["AC1"] == "V1"
    assert "V2" in depot.yard.parked


def test_a_place_that_another_comes_to_first_is_not_taken_early() -> None:
    depot = Depot(guest("V2"))
    places = depot.attend(stay("V1", "AC1", 1, 2), stay("V2", "AC1", 3, 4))
    assert places["AC1"] is None


def test_a_vehicle_of_a_real_day_keeps_to_its_station_and_waits_for_it() -> None:
    depot = Depot(guest("V1", station="AC2"), guest("V2", station="AC2"))
    assert depot.attend()["AC2"] == "V1"
    assert list(depot.yard.parked) == ["V2"]
    depot.yard.take_out("V1")
    assert depot.attend()["AC2"] == "V2"


def test_who_leaves_is_unplugged_with_what_it_has_charged() -> None:
    depot = Depot(guest("V1"))
    depot.attend(stay("V1", "AC1"))
    depot.clock.jump(3600)
    vehicle = depot.yard.take_out("V1")
    assert vehicle.energy_kwh == pytest.approx(21.0)
    assert "V1" not in depot.yard
    with pytest.raises(KeyError):
        depot.yard.take_out("V1")
