"""What goes wrong, by name: the catalogue, and the dice that say when.

Each kind has randomness of its own, so that a run without one kind has the others' dice unmoved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from simulation.soak.blame import SITE_WIDE
from simulation.soak.orders import Mood
from simulation.soak.station import Station
from simulation.soak.traffic import COMMISSIONED_S

if TYPE_CHECKING:
    from simulation.soak.world import World

Do = Callable[["World", Random], str | None]
"""Does it and returns to whom (None: could not be done now)."""

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`per_station_h` and `per_site_h`: how often, per hour, at rate 1."""

    do: Do
    text: str
    per_station_h: float = 0.0
    per_site_h: float = 0.0


def _any(world: World, rng: Random) -> Station:
    return world.stations[rng.choice(list(world.stations))]


def _in_mood(mood: Mood, seconds: tuple[float, float]) -> Do:
    """A station takes orders badly for a while."""

    def do(world: World, rng: Random) -> str | None:
        station = _any(world, rng)
        if station.orders.mood is not Mood.OBEYS or not station.powered:
            return None
        station.orders.mood = mood
        world.loop.call_later(rng.uniform(*seconds), station.orders.thaw)
        return station.make.id

    return do


def _on_link(what: str, low: float, high: float, seconds: tuple[float, float]) -> Do:
    """A cable gets worse for a while: `what` is one of its attributes."""

    def do(world: World, rng: Random) -> str | None:
        station = _any(world, rng)
        cable = station.talk.cable
        if cable is None:
            return None
        setattr(cable, what, rng.uniform(low, high))
        world.loop.call_later(rng.uniform(*seconds), setattr, cable, what, 0.0)
        return station.make.id

    return do


def _cut(world: World, rng: Random) -> str | None:
    station = _any(world, rng)
    if station.talk.cable is None:
        return None
    station.talk.cable.cut()
    return station.make.id


def _half_open(world: World, rng: Random) -> str | None:
    """Nothing gets through and nobody is told; the station finds out when its calls stay
    unanswered, the daemon by itself."""
    station = _any(world, rng)
    if station.talk.cable is None:
        return None
    station.talk.cable.half_open = True
    return station.make.id


def _non_reader(world: World, rng: Random) -> str | None:
    station = _any(world, rng)
    cable = station.talk.cable
    if cable is None:
        return None
    cable.stall(True)
    world.loop.call_later(rng.uniform(2, 120), cable.stall, False)
    return station.make.id


def _second_socket(world: World, rng: Random) -> str | None:
    """It comes back on a new socket while the old one seems to live."""
    station = _any(world, rng)
    if station.talk.cable is None:
        return None
    station.talk.leave(politely=False)
    station.talk.connect()
    return station.make.id


def _reboot(world: World, rng: Random) -> str | None:
    station = _any(world, rng)
    if not station.powered:
        return None
    station.switch_off(politely=rng.random() < 0.5)
    on = partial(station.switch_on, session_ends=rng.random() < 0.6, told=rng.random() < 0.7)
    world.loop.call_later(rng.uniform(5, 60), on)
    return station.make.id


def _vanish(world: World, rng: Random) -> str | None:
    """No power for a long time."""
    station = _any(world, rng)
    if not station.powered:
        return None
    station.switch_off(politely=False)
    on = partial(station.switch_on, session_ends=rng.random() < 0.5, told=True)
    world.loop.call_later(rng.uniform(120, 1800), on)
    return station.make.id


def _offline(world: World, rng: Random) -> str | None:
    """It goes on charging for a long time with no link; what it has to tell comes all at once."""
    station = _any(world, rng)
    if station.talk.cable is None:
        return None
    station.talk.leave(politely=rng.random() < 0.5, back_s=rng.uniform(60, 1800))
    return station.make.id


def _lost_profile(world: World, rng: Random) -> str | None:
    station = _any(world, rng)
    if not station.powered:
        return None
    station.forget()
    return station.make.id


def _clock(world: World, rng: Random) -> str | None:
    """A station's clock is minutes off, and it does not take ours."""
    station = _any(world, rng)
    if station.stubborn:
        return None
    station.stubborn = True
    station.set_clock(rng.choice([-1, 1]) * rng.choice([8.0, 30.0, 120.0, 600.0, 7200.0]))

    def heal() -> None:
        station.stubborn = False

    world.loop.call_later(rng.uniform(120, 1200), heal)
    return station.make.id


def _replay(world: World, rng: Random) -> str | None:
    station = _any(world, rng)
    station.tell_again()
    return station.make.id


def _order(world: World, rng: Random) -> str | None:
    return SITE_WIDE if world.grid.order(rng.random(), rng.uniform(200, 1200)) else None


def _kill(*, reset: bool, down_s: tuple[float, float]) -> Do:
    def do(world: World, rng: Random) -> str | None:
        if world.daemon is None:
            return None

        async def life() -> None:
            await world.kill_daemon(reset=reset)
            await asyncio.sleep(rng.uniform(*down_s))
            world.start_daemon()

        world.background(life())
        return SITE_WIDE

    return do


def _daemon_clock(world: World, rng: Random) -> str | None:
    """UTC steps, and back after a while, as a clock does that is set by hand and then by NTP."""
    if world.clock.offset_s:
        return None
    world.clock.offset_s = rng.choice([-3600.0, 3600.0, -30.0, 30.0, -7.0, 7.0])
    world.grid.forget()

    def back() -> None:
        world.clock.offset_s = 0.0

    world.loop.call_later(rng.uniform(60, 900), back)
    return SITE_WIDE


def _store_full(world: World, rng: Random) -> str | None:
    world.store.refuses = True
    world.loop.call_later(rng.uniform(5, 300), setattr, world.store, "refuses", False)
    return SITE_WIDE


def _store_slow(world: World, rng: Random) -> str | None:
    world.store.slow_s = rng.uniform(0.2, 5.0)
    world.loop.call_later(rng.uniform(5, 120), setattr, world.store, "slow_s", 0.0)
    return SITE_WIDE


def _planner(what: str, value: float) -> Do:
    def do(world: World, rng: Random) -> str | None:
        setattr(world.planner, what, value)
        world.loop.call_later(rng.uniform(60, 600), setattr, world.planner, what, 0)
        return SITE_WIDE

    return do


MINUTES = (30.0, 600.0)

FAULTS: Mapping[str, Fault] = {
    "delay": Fault(
        do=_on_link("delay_s", 0.5, 28.0, MINUTES),
        text="a link is slow by up to 28 s each way: answers come when nobody waits any more",
        per_station_h=0.1,
    ),
    "loss": Fault(
        do=_on_link("loss", 0.05, 0.5, MINUTES),
        text="up to half of the messages of a link are lost, calls and answers alike",
        per_station_h=0.1,
    ),
    "reorder": Fault(
        do=_on_link("overtake", 0.1, 0.5, MINUTES),
        text="messages of a link overtake each other",
        per_station_h=0.1,
    ),
    "cut": Fault(do=_cut, text="a link is cut, both ends are told", per_station_h=0.2),
    "half-open": Fault(do=_half_open, text="a link is dead, nobody is told", per_station_h=0.1),
    "non-reader": Fault(
        do=_non_reader, text="a station stops reading for up to 2 min", per_station_h=0.05
    ),
    "second-socket": Fault(
        do=_second_socket, text="a station comes back while its old link lives", per_station_h=0.1
    ),
    "offline": Fault(
        do=_offline,
        text="a station is away for up to 30 min and goes on charging; it replays what it missed",
        per_station_h=0.1,
    ),
    "reboot": Fault(
        do=_reboot,
        text="a station reboots; the transaction ends or not, told or not",
        per_station_h=0.15,
    ),
    "vanish": Fault(do=_vanish, text="a station loses power for up to 30 min", per_station_h=0.03),
    "lost-profile": Fault(
        do=_lost_profile, text="a station forgets what its class can forget", per_station_h=0.1
    ),
    "rejects": Fault(
        do=_in_mood(Mood.REJECTS, MINUTES), text="profiles are Rejected", per_station_h=0.08
    ),
    "errors": Fault(
        do=_in_mood(Mood.ERRS, MINUTES), text="profiles get a CALLERROR", per_station_h=0.08
    ),
    "unheard": Fault(
        do=_in_mood(Mood.UNHEARD, MINUTES),
        text="profiles are neither taken nor answered",
        per_station_h=0.08,
    ),
    "mute": Fault(
        do=_in_mood(Mood.MUTE, MINUTES),
        text="profiles are taken and not answered",
        per_station_h=0.08,
    ),
    "late": Fault(
        do=_in_mood(Mood.LATE, MINUTES),
        text="profiles are taken, and answered after the deadline",
        per_station_h=0.08,
    ),
    "hangs-up": Fault(
        do=_in_mood(Mood.HANGS_UP, MINUTES),
        text="a profile is met with a closed link",
        per_station_h=0.05,
    ),
    "frozen": Fault(
        do=_in_mood(Mood.FROZEN, (20.0, 120.0)),
        text="a station does nothing for up to 2 min, then everything in order",
        per_station_h=0.1,
    ),
    "ignores": Fault(
        do=_in_mood(Mood.IGNORES, MINUTES),
        text="profiles are Accepted and ignored",
        per_station_h=0.05,
    ),
    "station-clock": Fault(
        do=_clock, text="a station's clock is 8 s to 2 h off, for minutes", per_station_h=0.05
    ),
    "replay": Fault(do=_replay, text="a start that was answered is told again", per_station_h=0.1),
    "limit": Fault(do=_order, text="an operator lowers the limit for a while", per_site_h=1.0),
    "kill": Fault(
        do=_kill(reset=True, down_s=(2.0, 60.0)), text="kill -9 of the daemon", per_site_h=0.5
    ),
    "power-cut": Fault(
        do=_kill(reset=False, down_s=(30.0, 900.0)),
        text="the daemon's machine loses power; stations are not told",
        per_site_h=0.2,
    ),
    "daemon-clock": Fault(
        do=_daemon_clock, text="the daemon's UTC steps by 7 s to 1 h, and back", per_site_h=0.1
    ),
    "store-full": Fault(do=_store_full, text="the store refuses for up to 5 min", per_site_h=0.5),
    "store-slow": Fault(
        do=_store_slow, text="a commit takes up to 5 s, for up to 2 min", per_site_h=0.5
    ),
    "planner-fails": Fault(
        do=_planner("fails", 1), text="the planner is killed at its deadline", per_site_h=0.3
    ),
    "planner-late": Fault(
        do=_planner("late_s", 60.0), text="plans come a minute late", per_site_h=0.3
    ),
    "planner-wild": Fault(do=_planner("wild", 1), text="plans exceed every limit", per_site_h=0.5),
}


def unleash(world: World) -> None:
    """Starts the dice of every kind that the setup names."""
    for name in sorted(world.setup.faults):
        fault = FAULTS[name]
        per_hour = fault.per_site_h + fault.per_station_h * len(world.stations)
        rng = world.chance(f"fault/{name}")
        rate = per_hour * world.setup.rate / HOUR_S
        first_s = COMMISSIONED_S + rng.expovariate(rate)
        world.loop.call_later(first_s, _strike, world, name, rng, rate)


def _strike(world: World, name: str, rng: Random, rate: float) -> None:
    who = FAULTS[name].do(world, rng)
    if who is not None:
        world.faults[name] += 1
        world.blame.noted(name, who)
        world.journal.write("fault", f"{name} at {who}")
    world.loop.call_later(rng.expovariate(rate), _strike, world, name, rng, rate)
