"""What goes wrong, by name: the catalogue, and the dice that say when.

Each kind has randomness of its own, so that a run without one kind has the others' dice unmoved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from simulation.soak import at_site, at_stations
from simulation.soak.at_stations import Do
from simulation.soak.meter import Ill
from simulation.soak.orders import Mood
from simulation.soak.traffic import COMMISSIONED_S

if TYPE_CHECKING:
    from simulation.soak.world import World

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`per_station_h` and `per_site_h`: how often, per hour, at rate 1."""

    do: Do
    text: str
    per_station_h: float = 0.0
    per_site_h: float = 0.0


MINUTES = (30.0, 600.0)

FAULTS: Mapping[str, Fault] = {
    "delay": Fault(
        do=at_stations.on_link("delay_s", 0.5, 28.0, MINUTES),
        text="a link is slow by up to 28 s each way: answers come when nobody waits any more",
        per_station_h=0.1,
    ),
    "loss": Fault(
        do=at_stations.on_link("loss", 0.05, 0.5, MINUTES),
        text="up to half of the messages of a link are lost, calls and answers alike",
        per_station_h=0.1,
    ),
    "reorder": Fault(
        do=at_stations.on_link("overtake", 0.1, 0.5, MINUTES),
        text="messages of a link overtake each other",
        per_station_h=0.1,
    ),
    "cut": Fault(do=at_stations.cut, text="a link is cut, both ends are told", per_station_h=0.2),
    "half-open": Fault(
        do=at_stations.half_open, text="a link is dead, nobody is told", per_station_h=0.1
    ),
    "non-reader": Fault(
        do=at_stations.non_reader,
        text="a station stops reading for up to 2 min",
        per_station_h=0.05,
    ),
    "second-socket": Fault(
        do=at_stations.second_socket,
        text="a station comes back while its old link lives",
        per_station_h=0.1,
    ),
    "offline": Fault(
        do=at_stations.offline,
        text="a station is away for up to 30 min and goes on charging; it replays what it missed",
        per_station_h=0.1,
    ),
    "backlog": Fault(
        do=at_stations.backlog,
        text="a station is away for up to 10 min while vehicles change; what it missed to tell, it "
        "tells up to 5 min after it is back, when it has told of others",
        per_station_h=0.05,
    ),
    "reboot": Fault(
        do=at_stations.reboot,
        text="a station reboots; the transaction ends or not, told or not",
        per_station_h=0.15,
    ),
    "vanish": Fault(
        do=at_stations.vanish, text="a station loses power for up to 30 min", per_station_h=0.03
    ),
    "lost-profile": Fault(
        do=at_stations.lost_profile,
        text="a station forgets what its class can forget",
        per_station_h=0.1,
    ),
    "rejects": Fault(
        do=at_stations.in_mood(Mood.REJECTS, MINUTES),
        text="profiles are Rejected",
        per_station_h=0.08,
    ),
    "errors": Fault(
        do=at_stations.in_mood(Mood.ERRS, MINUTES),
        text="profiles get a CALLERROR",
        per_station_h=0.08,
    ),
    "unheard": Fault(
        do=at_stations.in_mood(Mood.UNHEARD, MINUTES),
        text="profiles are neither taken nor answered",
        per_station_h=0.08,
    ),
    "mute": Fault(
        do=at_stations.in_mood(Mood.MUTE, MINUTES),
        text="profiles are taken and not answered",
        per_station_h=0.08,
    ),
    "late": Fault(
        do=at_stations.in_mood(Mood.LATE, MINUTES),
        text="profiles are taken, and answered after the deadline",
        per_station_h=0.08,
    ),
    "hangs-up": Fault(
        do=at_stations.in_mood(Mood.HANGS_UP, MINUTES),
        text="a profile is met with a closed link",
        per_station_h=0.05,
    ),
    "frozen": Fault(
        do=at_stations.in_mood(Mood.FROZEN, (20.0, 120.0)),
        text="a station does nothing for up to 2 min, then everything in order",
        per_station_h=0.1,
    ),
    "ignores": Fault(
        do=at_stations.in_mood(Mood.IGNORES, MINUTES),
        text="profiles are Accepted and ignored",
        per_station_h=0.05,
    ),
    "station-clock": Fault(
        do=at_stations.clock,
        text="a station's clock is 8 s to 2 h off, for minutes",
        per_station_h=0.05,
    ),
    "replay": Fault(
        do=at_stations.replay, text="a start that was answered is told again", per_station_h=0.1
    ),
    "one-phase": Fault(
        do=at_stations.one_phase,
        text="a vehicle charges on one phase of three, for up to 30 min",
        per_station_h=0.1,
    ),
    "liar": Fault(
        do=at_stations.liar,
        text="a station draws up to 1.8 times what it may and meters what it may (with a meter of "
        "the site)",
        per_station_h=0.05,
    ),
    "limit": Fault(
        do=at_site.order, text="an operator lowers the limit for a while", per_site_h=1.0
    ),
    "surge": Fault(
        do=at_site.surge,
        text="a load of up to a fifth of the limit that nobody declared (with a meter of the site)",
        per_site_h=0.5,
    ),
    "cloud": Fault(
        do=at_site.cloud,
        text="the sun is gone at once, all of it or half (where there is any)",
        per_site_h=1.0,
    ),
    "meter-silent": Fault(
        do=at_site.meter(Ill.SILENT), text="the site's meter says nothing", per_site_h=0.2
    ),
    "meter-frozen": Fault(
        do=at_site.meter(Ill.FROZEN), text="the site's meter shows the same", per_site_h=0.2
    ),
    "meter-stale": Fault(
        do=at_site.meter(Ill.STALE), text="the site's meter repeats an old sample", per_site_h=0.2
    ),
    "meter-nan": Fault(
        do=at_site.meter(Ill.NAN), text="the site's meter tells no number", per_site_h=0.2
    ),
    "meter-leaps": Fault(
        do=at_site.meter(Ill.LEAPS), text="the site's meter leaps to and fro", per_site_h=0.2
    ),
    "meter-absurd": Fault(
        do=at_site.meter(Ill.ABSURD), text="the site's meter tells what none draws", per_site_h=0.2
    ),
    "kill": Fault(
        do=at_site.kill(reset=True, down_s=(2.0, 60.0)),
        text="kill -9 of the daemon",
        per_site_h=0.5,
    ),
    "power-cut": Fault(
        do=at_site.kill(reset=False, down_s=(30.0, 900.0)),
        text="the daemon's machine loses power; stations are not told",
        per_site_h=0.2,
    ),
    "settings": Fault(
        do=at_site.settings,
        text="the daemon is killed and comes back with other settings: limits, circuits, ratings, "
        "fallbacks, leases, classes, wiring, base load, one station less or more",
        per_site_h=0.3,
    ),
    "second-daemon": Fault(
        do=at_site.second(lost=False),
        text="a second daemon is started on the same store",
        per_site_h=0.2,
    ),
    "store-lost": Fault(
        do=at_site.second(lost=True),
        text="the daemon loses its store's lock, and a second one takes it and the site",
        per_site_h=0.1,
    ),
    "daemon-clock": Fault(
        do=at_site.daemon_clock,
        text="the daemon's UTC steps by 7 s to 1 h, and back",
        per_site_h=0.1,
    ),
    "store-full": Fault(
        do=at_site.store_full, text="the store refuses for up to 5 min", per_site_h=0.5
    ),
    "store-slow": Fault(
        do=at_site.store_slow, text="a commit takes up to 5 s, for up to 2 min", per_site_h=0.5
    ),
    "planner-fails": Fault(
        do=at_site.planner("fails", 1), text="the planner is killed at its deadline", per_site_h=0.3
    ),
    "planner-late": Fault(
        do=at_site.planner("late_s", 60.0), text="plans come a minute late", per_site_h=0.3
    ),
    "planner-wild": Fault(
        do=at_site.planner("wild", 1), text="plans exceed every limit", per_site_h=0.5
    ),
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
