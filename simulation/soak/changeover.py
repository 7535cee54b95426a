"""A daemon that comes back with other settings: from when on these count."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import TYPE_CHECKING

from simulation.soak.ledger import PHASES, SITE, Place
from simulation.soak.scenario import ORDERED, Scenario

if TYPE_CHECKING:
    from simulation.soak.world import World

# How long after its lease a station that nobody can reach is at its fallback: its vehicle follows
# within 10 s, and the rest is for clocks.
SETTLED_S = 20.0


class Changeover:
    """What was lent by the old settings goes on to its end. Until then a limit counts as the higher
    of the old and the new one, a circuit below which connectors have come as what those below it
    had been lent, and the base load is the lower of both. A station that left the settings is
    known to nobody until it has come back, and may then still draw for as long what it was
    lent."""

    def __init__(self, world: World) -> None:
        self.number = 0
        self._world = world
        self._lent_until_s = 0.0
        self._unheard: dict[str, None] = {}

    @property
    def grace_s(self) -> float:
        """After so long every station follows what it was last told, or has fallen back."""
        lease_s = self._world.scenario.site.lease_s
        return max(lease_s + SETTLED_S, self._lent_until_s - self._world.loop.time())

    def begin(self, scenario: Scenario) -> None:
        """As the daemon starts."""
        world, old = self._world, self._world.scenario
        self.number += 1
        now_s = world.loop.time()
        self._lent_until_s = max(self._lent_until_s, now_s + old.site.lease_s + SETTLED_S)
        limits_kw = self._meanwhile_kw(scenario)
        world.take_settings(scenario)
        self._count(limits_kw)
        world.grid.base_load(min(old.base_kw, scenario.base_kw))
        named = {station.id for station in scenario.site.stations}
        for station in (*old.site.stations, *old.strangers):
            if station.id in named:
                self._unheard.pop(station.id, None)
            elif station in old.site.stations:
                self._unheard[station.id] = None
        world.look_again()
        world.loop.call_at(self._lent_until_s, self._end, self.number)

    def is_unheard(self, station: str) -> bool:
        return station in self._unheard

    def heard(self, station: str) -> None:
        """It comes back, whoever it is: from now on it is told."""
        if station in self._unheard:
            self._world.loop.call_later(self.grace_s, self._known, station)

    def _known(self, station: str) -> None:
        self._unheard.pop(station, None)
        self._world.look_again()

    def _end(self, number: int) -> None:
        if number == self.number:
            self._count(self._world.scenario.limits_kw())
            self._world.grid.base_load(self._world.scenario.base_kw)

    def _meanwhile_kw(self, scenario: Scenario) -> dict[str, float]:
        """Before the change is done in the ledger."""
        world, after = self._world, scenario.lines()
        before = world.scenario.lines()
        limits_kw = {}
        for name, kw in scenario.limits_kw().items():
            below = _below(after, name)
            old_kw = world.ledger.lines[name].limit_kw
            if below - _below(before, name):
                old_kw = self._lent_kw(below, scenario)
            limits_kw[name] = max(kw, old_kw)
        return limits_kw

    def _lent_kw(self, below: Set[Place], scenario: Scenario) -> float:
        """The limit that has room, on each phase too, for what these may draw by what they were
        lent, or told to fall back to."""
        return max(
            self._booked_kw(below, scenario, part) * (3 if part else 1) for part in (0, *PHASES)
        )

    def _booked_kw(self, below: Set[Place], scenario: Scenario, phase: int) -> float:
        """As a whole (0) or on a phase of the site, by the daemon that has ended."""
        world = self._world
        sum_kw = 0.0
        for name in sorted({station for station, _ in below}):
            outlets = world.stations[name].outlets.values()
            booked_kw = sum(world.blame.booked_kw((name, o.number), phase) or 0.0 for o in outlets)
            keeps_kw = scenario.keeps_kw[name] / (3 if phase else 1)
            sum_kw += max(booked_kw, keeps_kw)
        return sum_kw

    def _count(self, limits_kw: Mapping[str, float]) -> None:
        """What an operator has ordered is kept within the settings' limit."""
        ledger = self._world.ledger
        for name, kw in limits_kw.items():
            if name != ORDERED:
                ledger.limit(name, kw)
        ordered_kw = min(self._world.grid.counted_kw, limits_kw[SITE])
        ledger.limit(ORDERED, ordered_kw)


def _below(lines: Mapping[Place, tuple[str, ...]], limit: str) -> set[Place]:
    return {place for place, limits in lines.items() if limit in limits}
