"""Vehicles come, charge, change their minds and go; the fleet's messages tell of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from daemon.core.events import MessageReceived
from protocol.mqtt.messages import VehicleMessage
from simulation.soak.outlet import Car, Outlet, new_car
from simulation.soak.station import Station

if TYPE_CHECKING:
    from simulation.soak.world import World

# Before this every station has been told its fallback, and none is hurt: what one draws that was
# never told anything is the installer's to limit.
COMMISSIONED_S = 120.0
STAY_S, AWAY_S = 5400.0, 400.0
UNKNOWN_SHARE = 0.08
# A vehicle's own doing: its battery is cold or hot, its cabin is heated, a driver looks in.
STEADY_S, WHIM_S = 3600.0, 300.0
# Somebody plugs in beside a vehicle that charges: how often, how long it waits for its turn before
# it gives up, and how soon it charges when it has come.
BESIDE_S, PATIENCE_S, NEXT_S = 1800.0, 900.0, 5.0


class Traffic:
    def __init__(self, world: World) -> None:
        self._world = world
        self._rng = world.chance("traffic")
        self._messages = 0
        self._present: dict[str, Car] = {}
        self._stays: dict[Outlet, asyncio.TimerHandle] = {}
        self._queue = world.chance("queue")
        self._waits: dict[Outlet, asyncio.TimerHandle] = {}
        for station in world.stations.values():
            for outlet in station.outlets.values():
                first_s = COMMISSIONED_S + self._rng.expovariate(1 / 60)
                world.loop.call_later(first_s, self._arrive, station, outlet)
                world.loop.call_later(self._rng.expovariate(1 / STEADY_S), self._whim, outlet)
                if len(outlet.connectors) > 1:
                    self._expect_next(station, outlet)

    def tell_all(self) -> None:
        """A new daemon hears all that the broker retains."""
        for car in self._present.values():
            self._tell(car)

    def _arrive(self, station: Station, outlet: Outlet) -> None:
        vehicle = f"V-{station.make.id}-{outlet.number}"
        known = self._rng.random() >= UNKNOWN_SHARE
        car = new_car(self._rng, vehicle, f"TAG-{vehicle}" if known else "VISITOR")
        if known:
            self._present[vehicle] = car
            self._tell(car)
        station.plug_in(outlet, car, self._connector(outlet))
        stay_s = 120 + self._rng.expovariate(1 / STAY_S)
        self._stays[outlet] = self._world.loop.call_later(stay_s, self._leave, station, outlet)

    def change(self, station: Station, outlet: Outlet) -> None:
        """Who stands there leaves at once, and the next one comes."""
        stay = self._stays.get(outlet)
        if stay is not None and outlet.car is not None:
            stay.cancel()
            self._leave(station, outlet, soon=True)

    def _leave(self, station: Station, outlet: Outlet, *, soon: bool = False) -> None:
        del self._stays[outlet]
        assert outlet.car is not None, "who leaves was there"
        self._present.pop(outlet.car.id, None)
        station.unplug(outlet)
        away_s = 10 + self._rng.expovariate(1 / AWAY_S)
        if soon or outlet.waiting is not None:
            away_s = NEXT_S
        self._world.loop.call_later(away_s, self._arrive, station, outlet)

    def _connector(self, outlet: Outlet) -> int:
        """Who waits is next, where it stands; else any connector is as good."""
        wait = self._waits.pop(outlet, None)
        if wait is None:
            return self._queue.choice(outlet.connectors)
        wait.cancel()
        connector, outlet.waiting = outlet.waiting, None
        assert connector is not None, "who waits does so at a connector"
        return connector

    def _expect_next(self, station: Station, outlet: Outlet) -> None:
        pause_s = self._queue.expovariate(1 / BESIDE_S)
        self._world.loop.call_later(pause_s, self._come_beside, station, outlet)

    def _come_beside(self, station: Station, outlet: Outlet) -> None:
        """Charges when its turn comes, unless it gives up before."""
        if outlet.car is not None and outlet.waiting is None:
            free = [n for n in outlet.connectors if n != outlet.plugged]
            station.wait(outlet, self._queue.choice(free))
            wait_s = self._queue.expovariate(1 / PATIENCE_S)
            self._waits[outlet] = self._world.loop.call_later(
                wait_s, self._give_up, station, outlet
            )
        self._expect_next(station, outlet)

    def _give_up(self, station: Station, outlet: Outlet) -> None:
        del self._waits[outlet]
        station.wait(outlet, None)

    def _whim(self, outlet: Outlet) -> None:
        steady = outlet.asks < 1.0
        outlet.ask(1.0 if steady else self._rng.choice([0.0, 0.3, 0.6]))
        pause_s = self._rng.expovariate(1 / (STEADY_S if steady else WHIM_S))
        self._world.loop.call_later(pause_s, self._whim, outlet)

    def _tell(self, car: Car) -> None:
        daemon = self._world.daemon
        if daemon is None:
            return
        self._messages += 1
        message = VehicleMessage(
            topic=f"fleet/vehicles/{car.id}",
            id=car.id,
            values={
                "battery_kwh": car.battery_kwh,
                "energy_kwh": min(car.energy_kwh, car.battery_kwh),
                "target_kwh": car.battery_kwh,
                "max_charge_kw": car.max_kw,
            },
            at=self._world.clock.utc(),
        )
        daemon.hear(MessageReceived(inbox_id=10**9 + self._messages, message=message))
