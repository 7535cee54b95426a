"""What is done to stations, their vehicles and their links, each at one that chance names."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from simulation.soak.orders import Mood
from simulation.soak.station import Station

if TYPE_CHECKING:
    from simulation.soak.world import World

Do = Callable[["World", Random], str | None]
"""Does it and returns to whom (None: could not be done now)."""


def some_station(world: World, rng: Random) -> Station:
    return world.stations[rng.choice(list(world.stations))]


def in_mood(mood: Mood, seconds: tuple[float, float]) -> Do:
    """A station takes orders badly for a while."""

    def do(world: World, rng: Random) -> str | None:
        station = some_station(world, rng)
        if station.orders.mood is not Mood.OBEYS or not station.powered:
            return None
        station.orders.mood = mood
        world.loop.call_later(rng.uniform(*seconds), station.orders.thaw)
        return station.make.id

    return do


def on_link(what: str, low: float, high: float, seconds: tuple[float, float]) -> Do:
    """A cable gets worse for a while: `what` is one of its attributes."""

    def do(world: World, rng: Random) -> str | None:
        station = some_station(world, rng)
        cable = station.talk.cable
        if cable is None:
            return None
        setattr(cable, what, rng.uniform(low, high))
        world.loop.call_later(rng.uniform(*seconds), setattr, cable, what, 0.0)
        return station.make.id

    return do


def cut(world: World, rng: Random) -> str | None:
    station = some_station(world, rng)
    if station.talk.cable is None:
        return None
    station.talk.cable.cut()
    return station.make.id


def half_open(world: World, rng: Random) -> str | None:
    """Nothing gets through and nobody is told; the station finds out when its calls stay
    unanswered, the daemon by itself."""
    station = some_station(world, rng)
    if station.talk.cable is None:
        return None
    station.talk.cable.half_open = True
    return station.make.id


def non_reader(world: World, rng: Random) -> str | None:
    station = some_station(world, rng)
    cable = station.talk.cable
    if cable is None:
        return None
    cable.stall(True)
    world.loop.call_later(rng.uniform(2, 120), cable.stall, False)
    return station.make.id


def second_socket(world: World, rng: Random) -> str | None:
    """It comes back on a new socket while the old one seems to live."""
    station = some_station(world, rng)
    if station.talk.cable is None:
        return None
    station.talk.leave(politely=False)
    station.talk.connect()
    return station.make.id


def reboot(world: World, rng: Random) -> str | None:
    station = some_station(world, rng)
    if not station.powered:
        return None
    station.switch_off(politely=rng.random() < 0.5)
    on = partial(station.switch_on, session_ends=rng.random() < 0.6, told=rng.random() < 0.7)
    world.loop.call_later(rng.uniform(5, 60), on)
    return station.make.id


def vanish(world: World, rng: Random) -> str | None:
    """No power for a long time."""
    station = some_station(world, rng)
    if not station.powered:
        return None
    station.switch_off(politely=False)
    on = partial(station.switch_on, session_ends=rng.random() < 0.5, told=True)
    world.loop.call_later(rng.uniform(120, 1800), on)
    return station.make.id


def offline(world: World, rng: Random) -> str | None:
    """It goes on charging for a long time with no link; what it has to tell comes all at once."""
    station = some_station(world, rng)
    if station.talk.cable is None:
        return None
    station.talk.leave(politely=rng.random() < 0.5, back_s=rng.uniform(60, 1800))
    return station.make.id


def backlog(world: World, rng: Random) -> str | None:
    """It is away for a while, in which vehicles come and go, and tells of that when it is back and
    has told of others."""
    station = some_station(world, rng)
    if station.talk.cable is None:
        return None
    away_s, later_s = rng.uniform(30, 600), rng.uniform(1, 300)
    station.talk.hold_back(later_s)
    station.talk.leave(politely=rng.random() < 0.5, back_s=away_s)
    for outlet in station.outlets.values():
        for latest_s in (away_s, away_s + later_s):
            change = partial(world.traffic.change, station, outlet)
            world.loop.call_later(rng.uniform(0, latest_s), change)
    return station.make.id


def lost_profile(world: World, rng: Random) -> str | None:
    station = some_station(world, rng)
    if not station.powered:
        return None
    station.forget()
    return station.make.id


def clock(world: World, rng: Random) -> str | None:
    """A station's clock is minutes off, and it does not take ours."""
    station = some_station(world, rng)
    if station.stubborn:
        return None
    station.stubborn = True
    station.set_clock(rng.choice([-1, 1]) * rng.choice([8.0, 30.0, 120.0, 600.0, 7200.0]))

    def heal() -> None:
        station.stubborn = False

    world.loop.call_later(rng.uniform(120, 1200), heal)
    return station.make.id


def replay(world: World, rng: Random) -> str | None:
    station = some_station(world, rng)
    station.tell_again()
    return station.make.id


def one_phase(world: World, rng: Random) -> str | None:
    """A vehicle loses two of its three phases, a fuse in its charger, say."""
    station = some_station(world, rng)
    outlet = rng.choice(list(station.outlets.values()))
    car = outlet.car
    if car is None or outlet.in_use != 3:
        return None
    outlet.lose_phases(car)
    station.refresh()

    def heal() -> None:
        car.phases = 3
        station.refresh()

    world.loop.call_later(rng.uniform(120, 1800), heal)
    return station.make.id


def liar(world: World, rng: Random) -> str | None:
    """Where the site has a meter that is well, and what cannot be lowered leaves room for it."""
    station = some_station(world, rng)
    times = rng.uniform(1.2, 1.8)
    unseen_kw = sum(outlet.max_kw * (1 - 1 / times) for outlet in station.outlets.values())
    if not world.can_bear_unseen(unseen_kw):
        return None
    for outlet in station.outlets.values():
        outlet.overdraw(times)

    def heal() -> None:
        for outlet in station.outlets.values():
            outlet.overdraw(1.0)

    world.liars_until_s = world.loop.time() + rng.uniform(60, 900)
    world.loop.call_at(world.liars_until_s, heal)
    return station.make.id
