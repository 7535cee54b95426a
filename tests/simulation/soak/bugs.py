"""Rules of the guard, each broken on purpose, and the short run that shows it.

`python -m tests.simulation.soak.bugs` prints the table of docs/reliability.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from unittest.mock import patch

from daemon.adapters.store.errors import StoreInUse
from daemon.core import (
    admission,
    budget,
    closing,
    diff,
    keeping,
    links,
    phases,
    site_metering,
)
from daemon.core.budget import Budget
from daemon.core.depot import Depot
from daemon.core.lease import Lease
from daemon.core.profiles import Electrics
from daemon.core.site import EvseSpec
from daemon.core.site_meter import SiteMeter
from daemon.core.station import Evse
from planner.series import Series
from simulation.soak.run import run
from simulation.soak.scenario import Setup
from tests.simulation.soak.broken_rules import (
    at_its_wish,
    believed,
    bookings,
    endless_leases,
    everywhere,
    forget_offline,
    no_floor,
    no_generation,
    raise_at_once,
    refusals_accepted,
    settles_at_once,
    shows_nothing,
    speaks_for_its_evse,
    up,
)

Broken = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """`rule` is what the guard no longer does; `setup` shows it."""

    name: str
    rule: str
    broken: Broken
    setup: Setup


def setup(*faults: str, seed: int = 3, hours: float = 1.0, rate: float = 10.0) -> Setup:
    return Setup(
        seed=seed,
        hours=hours,
        stations=8,
        # Plans that want everything at once leave no room unused in which a bug could hide.
        faults=frozenset((*faults, "planner-wild")),
        rate=rate,
        pinned=True,
        to_breach=True,
    )


BUGS: tuple[Bug, ...] = (
    Bug(
        name="raise before the cut",
        rule="an increase waits until reductions are confirmed and have settled",
        broken=lambda: patch.object(diff, "_raise", raise_at_once),
        setup=setup(),
    ),
    Bug(
        name="no settling",
        rule="what a station leaves stays booked for 10 s, while its vehicle follows",
        broken=settles_at_once,
        setup=setup(),
    ),
    Bug(
        name="liars believed",
        rule="what a station leaves stays booked until its meter and what it reads back show it",
        broken=believed,
        setup=setup("ignores", seed=6, rate=60.0),
    ),
    Bug(
        name="refusals taken for acceptance",
        rule="a station that refuses stays booked at what it had",
        broken=refusals_accepted,
        setup=setup("errors", "rejects", seed=2, rate=20.0),
    ),
    Bug(
        name="no generation",
        rule="a late answer to an older order confirms nothing",
        broken=no_generation,
        setup=setup("delay", "late", "limit", rate=30.0, seed=2),
    ),
    Bug(
        name="no fallback booked",
        rule="each connector is booked at its fallback at least",
        broken=no_floor,
        setup=setup("cut", "reboot", "lost-profile", seed=2),
    ),
    Bug(
        name="unconfirmed not booked",
        rule="an order without an answer may have been taken",
        broken=lambda: patch.object(Evse, "doubt", lambda self, lease: None),
        setup=setup("mute", "late", "loss", "cut"),
    ),
    Bug(
        name="offline forgotten",
        rule="a station that is offline stays booked",
        broken=lambda: bookings(forget_offline),
        setup=setup("cut", "offline", "half-open", seed=2),
    ),
    Bug(
        name="rounded up",
        rule="whatever is sent is rounded down",
        broken=lambda: patch.object(Electrics, "_step_down", up),
        setup=setup(),
    ),
    Bug(
        name="leases without an end",
        rule="what is lent ends in the fallback by the station's own clock",
        broken=endless_leases,
        setup=setup("offline", "half-open", "cut", "kill"),
    ),
    Bug(
        name="lease over too early",
        rule="a lease counts until the slowest clock and vehicle are past it",
        broken=lambda: patch.object(Lease, "past_s", lambda self, settle_s: self.given_s + 20),
        setup=setup("mute", "offline", "half-open", seed=2),
    ),
    Bug(
        name="forgets at a restart",
        rule="what was lent outlives the daemon",
        broken=lambda: patch.dict(keeping._RESTORE, {"evse": lambda depot, fact: None}),
        setup=setup("kill", seed=2, rate=20.0),
    ),
    Bug(
        name="orders forgotten at a restart",
        rule="a limit that an operator ordered outlives the daemon",
        broken=lambda: patch.dict(keeping._RESTORE, {"limit": lambda depot, fact: None}),
        setup=setup("kill", "limit", seed=1, rate=30.0),
    ),
    Bug(
        name="amperes of one phase",
        rule="amperes are told per phase",
        broken=lambda: patch.object(
            Electrics,
            "kw_per_unit",
            property(lambda self: 0.001 if self.unit == "W" else self.voltage_v / 1000),
        ),
        setup=setup(),
    ),
    Bug(
        name="phases by the meter alone",
        rule="a vehicle is booked on fewer phases only where it is not made for more",
        broken=lambda: patch.object(phases, "_suffice", lambda *_: True),
        setup=setup("one-phase", seed=55, rate=12.0),
    ),
    Bug(
        name="no base load",
        rule="what the site draws besides is taken off its limit",
        broken=lambda: patch.object(Depot, "base_load_kw", lambda self: Series.constant(0.0)),
        setup=setup(seed=2),
    ),
    Bug(
        name="sun without a meter",
        rule="sun is room only where a meter of the site would show that it is gone",
        broken=lambda: patch.object(SiteMeter, "shows_sun", lambda self, site_phases: True),
        setup=setup("cloud", seed=40, rate=20.0),
    ),
    Bug(
        name="two daemons",
        rule="a daemon whose store another one has taken ends",
        broken=lambda: patch.object(StoreInUse, "ours", True),
        setup=setup("cut", "store-lost", seed=2, rate=60.0),
    ),
    Bug(
        name="no site meter",
        rule="what the site's meter shows beyond all bookings is taken off the room",
        broken=lambda: patch.object(site_metering, "_held", shows_nothing),
        setup=setup("surge", seed=14, rate=30.0),
    ),
    Bug(
        name="liars' meters believed",
        rule="a station's meter that shows too little leaves less for all",
        broken=lambda: patch.object(site_metering, "_held", shows_nothing),
        setup=setup("liar", seed=3, rate=30.0),
    ),
    Bug(
        name="a load forgotten behind a booking",
        rule="a load that the site's meter has shown is there until it shows that it is not",
        broken=lambda: patch.object(
            SiteMeter, "believed_kw", lambda self, highest, newest: highest
        ),
        setup=replace(
            setup("surge", "offline", "vanish", "reboot", seed=204, rate=4.0),
            stations=6,
            pinned=False,
            algorithm="steady",
        ),
    ),
    Bug(
        name="one connector speaks for its EVSE",
        rule="a connector that is free says nothing of a transaction at its neighbour",
        broken=lambda: patch.object(Evse, "tell_status", speaks_for_its_evse),
        setup=setup("cut", seed=6),
    ),
    Bug(
        name="unnamed EVSEs below no circuit",
        rule="an EVSE that no setting names stands below the circuit of its station's others",
        broken=lambda: patch.object(
            admission, "unnamed", lambda station, connector: EvseSpec(connector=connector)
        ),
        setup=setup(seed=1),
    ),
    Bug(
        name="the past taken for the present",
        rule="what a station tells of before a transaction does not end it",
        broken=lambda: everywhere(closing.began_after, lambda depot, transaction, at: False),
        setup=setup("backlog", seed=1, rate=30.0),
    ),
    Bug(
        name="circuits forgotten",
        rule="every circuit above a connector has its own limit",
        broken=lambda: patch.object(Budget, "above", lambda self, circuit: iter(["site"])),
        setup=setup(hours=2.0),
    ),
    Bug(
        name="the plan is trusted",
        rule="what a plan wants is cut to what the limits leave",
        broken=lambda: patch.multiple(diff, fit=at_its_wish, _raise=raise_at_once),
        setup=setup("planner-wild"),
    ),
    Bug(
        name="no fallback told",
        rule="every station is told its fallback before anything else",
        broken=lambda: patch.object(links, "submit_standing", lambda depot, station: None),
        setup=setup("cut", "reboot", "offline"),
    ),
    Bug(
        name="class C like any other",
        rule="who keeps nothing is booked at its maximum",
        broken=lambda: everywhere(budget.is_unbound, lambda station, evse: False),
        setup=replace(setup("cut", "reboot", "offline", seed=2), kinds="ABC"),
    ),
)


def table() -> Iterator[str]:
    """In Markdown: the rule, and seconds over all limits with it broken and with it kept."""
    yield "| Broken rule | Faults | Site-hours | Seconds over | kW over | With the rule |"
    yield "| --- | --- | ---: | ---: | ---: | ---: |"
    for bug in BUGS:
        kept = run(bug.setup)
        with bug.broken():
            broken = run(bug.setup)
        faults = ", ".join(sorted(bug.setup.faults)) or "none"
        worst_kw = max(line.worst_kw for line in broken.lines)
        yield (
            f"| {bug.name}: {bug.rule} | {faults} | {bug.setup.hours:g} | "
            f"{broken.over_s:.1f} | {worst_kw:.1f} | {kept.over_s:.1f} |"
        )


if __name__ == "__main__":
    for row in table():
        print(row, flush=True)
