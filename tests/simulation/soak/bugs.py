"""Rules of the guard, each broken on purpose, and the short run that shows it.

`python -m tests.simulation.soak.bugs` prints the table of docs/reliability.md.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from unittest.mock import patch

from daemon.adapters.store.errors import StoreInUse
from daemon.core import (
    admission,
    answers,
    budget,
    closing,
    diff,
    dispatch,
    keeping,
    links,
    phases,
    profiles,
    site_metering,
)
from daemon.core.budget import Booking, Budget
from daemon.core.depot import Depot
from daemon.core.diff import Change, Wish
from daemon.core.lane import Lane
from daemon.core.lease import Lease
from daemon.core.profiles import Electrics
from daemon.core.site import EvseSpec
from daemon.core.site_meter import SiteMeter
from daemon.core.station import Evse, Station
from planner.series import Series
from protocol.ocpp.connection import Connection, Output
from protocol.ocpp.model import ConnectorStatus
from simulation.soak.run import run
from simulation.soak.scenario import Setup

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


@contextmanager
def _everywhere(honest: Callable[..., object], broken: Callable[..., object]) -> Iterator[None]:
    """Takes the place of a function of the core in every module that knows it by its name."""
    name = honest.__name__
    with ExitStack() as patches:
        for module in [m for n, m in sys.modules.items() if n.startswith("daemon.core.")]:
            if getattr(module, name, None) is honest:
                patches.enter_context(patch.object(module, name, broken))
        yield


@contextmanager
def _bookings(change: Callable[[Station, Evse, Booking], Booking]) -> Iterator[None]:
    """Bookings as `change` would have them, wherever they are asked for."""
    honest = budget.booking

    def booking(station: Station, evse: Evse, now_s: float, settle_s: float) -> Booking:
        return change(station, evse, honest(station, evse, now_s, settle_s))

    with _everywhere(honest, booking):
        yield


def _raise_at_once(
    room: Budget, wish: Wish, kw: float, now_s: float, told: object, *, pending: bool
) -> Change:
    return Change(station=wish.station, evse=wish.evse, kw=kw)


@contextmanager
def _settles_at_once() -> Iterator[None]:
    honest = answers._confirm

    def confirm(depot: object, station: Station, evse: Evse, *rest: object) -> None:
        honest(depot, station, evse, *rest)  # type: ignore[arg-type]  # as it was called
        evse.settling, evse.leaving = (), None

    with patch.object(answers, "_confirm", confirm):
        yield


def _believed() -> AbstractContextManager[object]:
    return patch.object(answers, "leave", lambda evse, told, settled_s: None)


@contextmanager
def _no_generation() -> Iterator[None]:
    """Whatever answer comes is the answer to the order under way, at stations whose meter shows
    nothing in time: else it shows this too."""
    pairs = Connection._answered

    def answered(self: Connection, call_id: str, payload: object) -> list[Output]:
        outstanding = self._outstanding
        return pairs(self, call_id if outstanding is None else outstanding.call_id, payload)

    def any_answer(self: Lane, generation: int) -> object:
        if self.outstanding is None:
            return None
        subject, self.outstanding = self.outstanding[1], None
        return subject

    with (
        patch.object(Connection, "_answered", answered),
        patch.object(Lane, "answered", any_answer),
        _believed(),
        patch.object(dispatch, "ask_meter", lambda station, evse: None),
    ):
        yield


def _speaks_for_its_evse(self: Evse, connector_id: int, status: ConnectorStatus) -> None:
    self.connectors, self.status = {connector_id: status}, status


def _forget_offline(station: Station, evse: Evse, booked: Booking) -> Booking:
    return booked if station.online else Booking(0.0, 0.0)


@contextmanager
def _no_floor() -> Iterator[None]:
    """What a station falls back to is not booked, only what it was lent."""
    honest, grants = budget.booking, budget.granted

    def without(station: Station, evse: Evse, ask: Callable[[], Booking]) -> Booking:
        floor_kw, evse.floor_kw = evse.floor_kw, 0.0
        try:
            return ask()
        finally:
            evse.floor_kw = floor_kw

    def booking(station: Station, evse: Evse, now_s: float, settle_s: float) -> Booking:
        return without(station, evse, lambda: honest(station, evse, now_s, settle_s))

    def granted(station: Station, evse: Evse, kw: float) -> Booking:
        return without(station, evse, lambda: grants(station, evse, kw))

    with _everywhere(honest, booking), _everywhere(grants, granted):
        yield


def _up(self: Electrics, kw: float) -> float:
    """To the next whole ampere or 100 W upwards."""
    step = 1.0 if self.kw_per_unit > 0.001 else 100.0
    return math.ceil(kw / self.kw_per_unit / step) * step


@contextmanager
def _endless_leases() -> Iterator[None]:
    """Profiles without an end, booked as if they had one."""
    honest = profiles.lend

    def lend(*args: object, **named: object) -> object:
        return honest(*args, **{**named, "lease_s": None})  # type: ignore[arg-type]  # as called

    with patch("daemon.core.dispatch.lend", lend):
        yield


def _at_its_wish(budget_: Budget, wishes: object, told: object) -> list[float]:
    return [kw for _, _, kw in wishes]  # type: ignore[attr-defined]  # of `fit`


BUGS: tuple[Bug, ...] = (
    Bug(
        name="raise before the cut",
        rule="an increase waits until reductions are confirmed and have settled",
        broken=lambda: patch.object(diff, "_raise", _raise_at_once),
        setup=setup(),
    ),
    Bug(
        name="no settling",
        rule="what a station leaves stays booked for 10 s, while its vehicle follows",
        broken=_settles_at_once,
        setup=setup(),
    ),
    Bug(
        name="liars believed",
        rule="what a station leaves stays booked until its meter and what it reads back show it",
        broken=_believed,
        setup=setup("ignores", seed=6, rate=60.0),
    ),
    Bug(
        name="no generation",
        rule="a late answer to an older order confirms nothing",
        broken=_no_generation,
        setup=setup("delay", "late", "limit", rate=30.0, seed=2),
    ),
    Bug(
        name="no fallback booked",
        rule="each connector is booked at its fallback at least",
        broken=_no_floor,
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
        broken=lambda: _bookings(_forget_offline),
        setup=setup("cut", "offline", "half-open"),
    ),
    Bug(
        name="rounded up",
        rule="whatever is sent is rounded down",
        broken=lambda: patch.object(Electrics, "_step_down", _up),
        setup=setup(),
    ),
    Bug(
        name="leases without an end",
        rule="what is lent ends in the fallback by the station's own clock",
        broken=_endless_leases,
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
        broken=lambda: patch.object(
            site_metering, "_base", lambda depot, event, now: ((0.0,) * 4, (0.0,) * 4)
        ),
        setup=setup("surge", seed=14, rate=30.0),
    ),
    Bug(
        name="liars' meters believed",
        rule="a station's meter that shows too little leaves less for all",
        broken=lambda: patch.object(
            site_metering, "_base", lambda depot, event, now: ((0.0,) * 4, (0.0,) * 4)
        ),
        setup=setup("liar", seed=3, rate=30.0),
    ),
    Bug(
        name="one connector speaks for its EVSE",
        rule="a connector that is free says nothing of a transaction at its neighbour",
        broken=lambda: patch.object(Evse, "tell_status", _speaks_for_its_evse),
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
        broken=lambda: _everywhere(closing.began_after, lambda depot, transaction, at: False),
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
        broken=lambda: patch.multiple(diff, fit=_at_its_wish, _raise=_raise_at_once),
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
        broken=lambda: _everywhere(budget.is_unbound, lambda station, evse: False),
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
