"""Who stands where, and who plugs in next: the depot's staff, who read the plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from planner.plan import Plan, Stay
from simulation.evse import Evse
from simulation.scenario import Guest
from simulation.station import VirtualStation
from simulation.vehicle import Vehicle

Place = tuple[str, int]
"""(station, EVSE)"""


class Yard:
    """`parked` vehicles are at the depot and unplugged."""

    def __init__(self, stations: Mapping[str, VirtualStation], guests: Mapping[str, Guest]) -> None:
        self.parked: dict[str, Vehicle] = {}
        self._stations = stations
        self._guests = guests

    def __contains__(self, vehicle: object) -> bool:
        return vehicle in self.parked or any(vehicle == v for _, v in self._occupied())

    def arrive(self, vehicle: Vehicle) -> None:
        self.parked[vehicle.id] = vehicle

    def take_out(self, vehicle_id: str) -> Vehicle:
        """Unplugs where need be and hands the vehicle over. Raises KeyError if it is not here."""
        for place, here in self._occupied():
            if here == vehicle_id:
                return self._station(place).unplug(place[1])
        return self.parked.pop(vehicle_id)

    def attend(self, plan: Plan | None, now: datetime) -> None:
        """Plugs in whom the plan wants plugged in now, moving away who is done there; a vehicle
        that the plan does not know takes a place that nobody else is waiting for."""
        stays = sorted(
            (s for s in (() if plan is None else plan.stays) if s.end > now), key=lambda s: s.start
        )
        for vehicle_id in list(self.parked):
            place = self._place_for(vehicle_id, stays, now)
            if place is not None:
                self._plug_in(vehicle_id, place)

    def _place_for(self, vehicle_id: str, stays: list[Stay], now: datetime) -> Place | None:
        guest = self._guests[vehicle_id]
        if guest.station is not None:
            return next((p for p in self._free() if p[0] == guest.station), None)
        own = next((s for s in stays if s.vehicle == vehicle_id), None)
        if own is None:
            wanted = {s.key for s in stays}
            return next((p for p in self._free(guest) if p not in wanted), None)
        earlier = any(s.key == own.key and s.start < own.start for s in stays)
        if own.key in self._free(guest):
            return None if earlier and own.start > now else own.key
        if own.start <= now and self._make_room(own.key, stays):
            return own.key
        return None

    def _make_room(self, place: Place, stays: list[Stay]) -> bool:
        """Whether who stands there is done and could be moved away."""
        occupant = dict(self._occupied()).get(place)
        if occupant is None or any(s.vehicle == occupant and s.key == place for s in stays):
            return False
        self.parked[occupant] = self._station(place).unplug(place[1])
        return True

    def _plug_in(self, vehicle_id: str, place: Place) -> None:
        vehicle = self.parked.pop(vehicle_id)
        self._station(place).plug_in(place[1], vehicle, self._guests[vehicle_id].id_token)

    def _station(self, place: Place) -> VirtualStation:
        return self._stations[place[0]]

    def _evses(self) -> Iterator[tuple[Place, Evse]]:
        for station in self._stations.values():
            for evse in station.evses.values():
                yield (station.spec.id, evse.spec.id), evse

    def _free(self, guest: Guest | None = None) -> list[Place]:
        """Free places, those with a plug for `guest` where given."""
        return [
            place
            for place, evse in self._evses()
            if evse.vehicle is None and (guest is None or guest.plugs & set(evse.spec.plugs))
        ]

    def _occupied(self) -> Iterator[tuple[Place, str]]:
        for place, evse in self._evses():
            if evse.vehicle is not None:
                yield place, evse.vehicle.id
