"""The world around the daemon: vehicles come, plug in, leave as the plan says and come back."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from daemon.adapters.clock import Clock
from planner.codec import load_plan
from planner.plan import Plan
from planner.series import format_instant
from protocol.mqtt import topics
from simulation.conversation import woken
from simulation.fleet_link import FleetLink
from simulation.scenario import Guest, Json, Scenario, Trip
from simulation.station import VirtualStation
from simulation.vehicle import Vehicle
from simulation.yard import Yard

# Plugging in takes somebody in the yard about a minute.
_YARD_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """What became of a trip: `vehicle` None was planned with nobody, `here` False where the one
    planned was not at the depot. `short_kwh`: what it lacked of the energy told for the trip,
    `hopeless_kwh` of which it could not have taken in the time it was here."""

    trip: str
    at: datetime
    vehicle: str | None
    here: bool
    energy_kwh: float = 0.0
    short_kwh: float = 0.0
    hopeless_kwh: float = 0.0


class World:
    """Speaks to the daemon as a fleet system does, by MQTT, and to nothing else of it."""

    def __init__(
        self,
        scenario: Scenario,
        stations: Mapping[str, VirtualStation],
        *,
        link: FleetLink,
        clock: Clock,
    ) -> None:
        self.scenario = scenario
        self.plan: Plan | None = None
        self.plans = 0
        self.planned_kwh: defaultdict[str, float] = defaultdict(float)
        self.reasons: dict[str, str] = {}
        self.unserved: dict[str, str] = {}
        self.alerts: list[Mapping[str, Json]] = []
        self.departures: list[Departure] = []
        self._guests = {guest.id: guest for guest in scenario.guests}
        self._yard = Yard(stations, self._guests)
        self._arrived: dict[str, tuple[datetime, float]] = {}
        self._allocated: dict[str, str] = {}
        self._link = link
        self._clock = clock
        self._news = asyncio.Event()
        self._counted_to = scenario.start

    async def announce(self) -> None:
        """Tells the site's series, the routes and the vehicles that are expected."""
        for key, value in self.scenario.series.items():
            await self._link.tell(topics.site_series(key), value)
        for guest in self.scenario.guests:
            if guest.announced:
                await self._tell_vehicle(guest, {**guest.message})
        for trip in self.scenario.trips:
            if trip.vehicle is None or self._guests[trip.vehicle].announced:
                await self._link.tell(topics.route(trip.id), trip.message)

    async def run(self) -> None:
        """Until cancelled; the daemon and the stations must be there."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._attend())
            for guest in self.scenario.guests:
                tasks.create_task(self._come(guest))
            for trip in self.scenario.trips:
                tasks.create_task(self._go(trip))

    def count_planned(self) -> None:
        """Adds up, by station, what the plans in force wanted metered until now."""
        now = self._clock.utc()
        for stay in () if self.plan is None else self.plan.stays:
            for period in stay.periods:
                start, end = max(period.start, self._counted_to), min(period.end, now)
                hours = max((end - start) / timedelta(hours=1), 0.0)
                self.planned_kwh[stay.station] += period.kw * hours
        self._counted_to = now

    def follow(self, plan: Plan) -> None:
        """The plan in force from now on."""
        self.count_planned()
        self.plan = plan
        self.plans += 1
        for allocation in plan.allocations:
            self._allocated[allocation.route] = allocation.vehicle
            self.unserved.pop(allocation.route, None)
        for route in plan.unserved:
            self._allocated.pop(route.route, None)
            self.unserved[route.route] = route.reason
        self.reasons |= {stay.vehicle: stay.why for stay in plan.stays if stay.why}
        self._news.set()

    async def _listen(self) -> None:
        async for path, told in self._link.heard():
            if path == topics.PLAN:
                self.follow(load_plan(json.dumps(told)))
            else:
                self.alerts.append(told)

    async def _attend(self) -> None:
        while True:
            self._yard.attend(self.plan, self._clock.utc())
            self._news.clear()
            await woken(self._news, self._clock.sleep(_YARD_S))

    async def _come(self, guest: Guest) -> None:
        await self._until(guest.arrives)
        now = format_instant(self._clock.utc())
        told = {**guest.message, "energy_kwh": guest.energy_kwh, "available_from": now}
        await self._tell_vehicle(guest, told)
        if not guest.announced:
            for trip in self.scenario.trips:
                if trip.vehicle == guest.id:
                    await self._link.tell(topics.route(trip.id), trip.message)
        self._arrive(guest.vehicle())

    async def _go(self, trip: Trip) -> None:
        await self._until(trip.depart)
        vehicle_id = trip.vehicle or self._allocated.get(trip.id)
        if vehicle_id is None or vehicle_id not in self._yard:
            self.departures.append(
                Departure(trip=trip.id, at=trip.depart, vehicle=vehicle_id, here=False)
            )
            return
        guest = self._guests[vehicle_id]
        vehicle = self._yard.take_out(vehicle_id)
        told_kwh = float(trip.message["energy_kwh"])
        needed_kwh = told_kwh + guest.message.get("reserve_kwh", 0.0)
        self.departures.append(self._departure(trip, vehicle, needed_kwh))
        self._news.set()
        if not trip.returns:
            await self._link.forget(topics.vehicle(vehicle_id))
            await self._link.forget(topics.route(trip.id))
            return
        expected_kwh = max(0.0, vehicle.energy_kwh - told_kwh)
        back = format_instant(trip.return_)
        await self._tell_vehicle(guest, {"energy_kwh": expected_kwh, "available_from": back})
        await self._until(trip.return_ + trip.late)
        vehicle.drive(trip.used_kwh)
        now = format_instant(self._clock.utc())
        told = {"energy_kwh": vehicle.energy_kwh, "available_from": now}
        await self._tell_vehicle(guest, told)
        await self._link.forget(topics.route(trip.id))
        self._arrive(vehicle)

    def _arrive(self, vehicle: Vehicle) -> None:
        self._arrived[vehicle.id] = self._clock.utc(), vehicle.energy_kwh
        self._yard.arrive(vehicle)
        self._news.set()

    def _departure(self, trip: Trip, vehicle: Vehicle, needed_kwh: float) -> Departure:
        now, (since, energy_kwh) = self._clock.utc(), self._arrived[vehicle.id]
        hours = (now - since) / timedelta(hours=1)
        best_kwh = energy_kwh + vehicle.efficiency * vehicle.max_charge_kw * hours
        return Departure(
            trip=trip.id,
            at=now,
            vehicle=vehicle.id,
            here=True,
            energy_kwh=vehicle.energy_kwh,
            short_kwh=max(0.0, needed_kwh - vehicle.energy_kwh),
            hopeless_kwh=max(0.0, needed_kwh - best_kwh),
        )

    async def _tell_vehicle(self, guest: Guest, values: Mapping[str, Json]) -> None:
        at = format_instant(self._clock.utc())
        await self._link.tell(topics.vehicle(guest.id), {**values, "at": at})

    async def _until(self, at: datetime) -> None:
        while (wait_s := (at - self._clock.utc()).total_seconds()) > 0:
            await self._clock.sleep(wait_s)
