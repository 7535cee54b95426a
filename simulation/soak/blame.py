"""Who broke a limit: what was drawn and what was booked, and what had been done to whom."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from daemon.core.budget import booking
from daemon.core.phases import draw
from daemon.core.station import Evse
from simulation.soak.ledger import TOLERANCE_KW, Line, Place

if TYPE_CHECKING:
    from simulation.soak.world import World

# How long a fault stays a suspect.
SUSPECT_S = 900.0
LINES = 40
SITE_WIDE = "site"
# What keeps nobody from following a cut.
HARMLESS = frozenset(
    {
        "surge",
        "cloud",
        "liar",
        "limit",
        "second-daemon",
        "one-phase",
        "replay",
        "planner-fails",
        "planner-late",
        "planner-wild",
    }
)


@dataclass(slots=True, kw_only=True)
class Breach:
    """A limit exceeded from `at_s` on. `culprits` drew more than was booked for them; with none,
    more was booked than there is. `over_s` is the limit's count when it began."""

    limit: str
    at_s: float
    draw_kw: float
    limit_kw: float
    booked_kw: float
    culprits: tuple[str, ...]
    suspects: tuple[str, ...]
    before: tuple[str, ...]
    over_s: float
    seconds: float = 0.0


class Blame:
    """`noted` tells of faults as they are done; `underbooked` counts by suspect how often a
    connector was seen to draw more than was booked for it, whether or not a limit broke."""

    def __init__(self, world: World) -> None:
        self.breaches: list[Breach] = []
        self.underbooked: dict[str, int] = {}
        self.first = asyncio.Event()
        self._world = world
        self._done: dict[str, list[tuple[float, str]]] = {}
        self._beyond: dict[Place, bool] = {}

    def noted(self, fault: str, who: str) -> None:
        self._done.setdefault(who, []).append((self._world.loop.time(), fault))

    def is_anybody_hurt(self) -> bool:
        """Whether something was done lately that may keep a station from following a cut."""
        since_s = self._world.loop.time() - SUSPECT_S
        return any(
            at_s >= since_s and fault not in HARMLESS
            for done in self._done.values()
            for at_s, fault in done
        )

    def look(self, place: Place, kw: float) -> None:
        """At each change of a power."""
        booked_kw = self.booked_kw(place)
        beyond = booked_kw is not None and kw > booked_kw + TOLERANCE_KW
        if beyond and not self._beyond.get(place):
            self._world.journal.write(place[0], f"draws {kw:.2f} kW, {booked_kw:.2f} kW booked")
            key = ", ".join(self._suspects([place[0]])) or "nothing done"
            self.underbooked[key] = self.underbooked.get(key, 0) + 1
        self._beyond[place] = beyond

    def breached(self, line: Line) -> None:
        world = self._world
        self.first.set()
        drawn_kw = {p: world.stations[p[0]].outlets[p[1]].kw for p in line.members}
        beyond = {
            place: kw
            for place, kw in drawn_kw.items()
            if (booked_kw := self.booked_kw(place)) is not None and kw > booked_kw + TOLERANCE_KW
        }
        stations = sorted({station for station, _ in beyond})
        told = stations or sorted(world.stations)
        booked_kw = line.base_kw - line.sun_kw
        booked_kw += sum(self.booked_kw(place, line.phase) or 0.0 for place in line.members)
        self.breaches.append(
            Breach(
                limit=line.name,
                at_s=world.loop.time(),
                draw_kw=line.net_kw,
                limit_kw=line.limit_kw,
                booked_kw=booked_kw,
                culprits=tuple(self._described(place, kw) for place, kw in sorted(beyond.items())),
                suspects=self._suspects(stations),
                before=tuple(
                    world.journal.last(frozenset({"daemon", "grid", "fault", *told}), LINES)
                ),
                over_s=line.over_s,
            )
        )

    def close(self) -> None:
        """Tells each breach how long it lasted."""
        totals = {name: line.over_s for name, line in self._world.ledger.lines.items()}
        for breach in reversed(self.breaches):
            breach.seconds = totals[breach.limit] - breach.over_s
            totals[breach.limit] = breach.over_s

    def booked_kw(self, place: Place, phase: int = 0) -> float | None:
        """What the daemon, or the one that died last, books at this instant, as a whole (0) or on a
        phase of the site; None before the first. Nothing is booked for what it has not heard of."""
        beliefs, now = self._world.beliefs, self._world.clock.read()
        if beliefs is None:
            return None
        station, evse = beliefs.stations.get(place[0]), self._evse(place)
        if station is None or evse is None:
            return 0.0
        soon_kw = booking(station, evse, now.monotonic_s, beliefs.site.settle_s).soon_kw
        return draw(evse, soon_kw)[phase]

    def _described(self, place: Place, kw: float) -> str:
        station = self._world.stations[place[0]]
        outlet = station.outlets[place[1]]
        evse = self._evse(place)
        fixed = "" if evse is None or evse.fixed is None else f", {evse.fixed}"
        known = "any" if evse is None or not evse.phases_used else sorted(evse.phases_used)
        return (
            f"{place[0]}/{place[1]} draws {kw:.2f} kW, {self.booked_kw(place) or 0:.2f} kW booked "
            f"(class {station.make.keeping}, {station.make.version}, {station.orders.mood}, clock "
            f"{station.skew_s:+.1f} s, {'online' if station.talk.online else 'offline'}{fixed}; "
            f"{outlet.in_use} phases in use, believed {known})"
        )

    def _suspects(self, stations: list[str]) -> tuple[str, ...]:
        since_s = self._world.loop.time() - SUSPECT_S
        found = {
            fault
            for who in (*stations, SITE_WIDE)
            for at_s, fault in self._done.get(who, [])
            if at_s >= since_s
        }
        return tuple(sorted(found))

    def _evse(self, place: Place) -> Evse | None:
        beliefs = self._world.beliefs
        station = None if beliefs is None else beliefs.stations.get(place[0])
        return None if station is None else station.evses.get(place[1])
