"""What the guard can learn of from the site's meter alone, and how long that may take."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from simulation.soak.ledger import PHASES, READ_KW, SITE, TOLERANCE_KW, on_phase
from simulation.soak.outlet import Powers
from simulation.soak.scenario import ORDERED

if TYPE_CHECKING:
    from daemon.core.depot import Depot as Beliefs
    from simulation.soak.world import World

# Until the next sample, and until stations and vehicles have followed the cut that it brings.
PROMISE_S = 13.0

Parts = tuple[float, float, float, float]
"""kW as a whole, and on each phase."""


class Unseen:
    """A load that nobody declared, a station that draws more than it says or that no setting names
    and that has not come back yet. An overload that they make is excused until the meter has shown
    it and the cut is followed; where something else has gone wrong as well, until every lease that
    was lent before they grew has run out. What the guard has once believed to be there is excused
    no more, until it or what is declared grows, or the guard begins anew. What no meter shows -
    the phases where it tells none, every circuit, a site without one - is excused for good."""

    def __init__(self, world: World) -> None:
        self.kw = 0.0
        self._world = world
        self._parts: dict[object, tuple[Parts, str | None]] = {}
        self._grew_s = 0.0
        self._known: tuple[Beliefs, float] | None = None

    def put(self, source: object, kw: float, phases: Powers, circuit: str | None = None) -> None:
        """From now on; `source` is whoever draws it."""
        if kw < TOLERANCE_KW and source not in self._parts:
            return
        before_kw = self._parts[source][0][0] if source in self._parts else 0.0
        if kw > before_kw + TOLERANCE_KW:
            self._grew_s = self._world.loop.time()
            self._known = None
        self._parts[source] = ((kw, *phases), circuit)
        whole = self._sum(list(self._parts.values()))
        self.kw = whole[0]
        scenario = self._world.scenario
        as_a_whole = self.patience_s if scenario.site.metered else _for_good
        by_phase = as_a_whole if scenario.meters_phases else _for_good
        for limit in (SITE, ORDERED):
            self._tell(limit, whole, by_phase, as_a_whole)
        for site_circuit in scenario.site.circuits:
            below = [item for item in self._parts.values() if item[1] == site_circuit.id]
            self._tell(site_circuit.id, self._sum(below), _for_good, _for_good)

    def _tell(
        self,
        limit: str,
        parts: Parts,
        by_phase: Callable[[], float],
        as_a_whole: Callable[[], float],
    ) -> None:
        ledger = self._world.ledger
        ledger.unseen(limit, parts[0], as_a_whole)
        for phase, kw in zip(PHASES, parts[1:], strict=True):
            ledger.unseen(on_phase(limit, phase), kw, by_phase)

    def _sum(self, items: list[tuple[Parts, str | None]]) -> Parts:
        a, b, c, d = (sum(x) for x in zip((0.0,) * 4, *(parts for parts, _ in items), strict=True))
        return (a, b, c, d)

    def look(self) -> None:
        """Whether the guard believes that so much is drawn beside all that is declared."""
        world = self._world
        beliefs = None if world.daemon is None else world.beliefs
        drawn_kw = world.ledger.lines[SITE].base_kw
        # A declared load that is less hides as much: the guard cannot know which of them is gone.
        gone = not self.kw or drawn_kw < world.scenario.base_kw - TOLERANCE_KW
        if self._known is not None and (self._known[0] is not beliefs or gone):
            self._known = None
        if beliefs is not None and self._known is None and self._is_believed(beliefs):
            self._known = (beliefs, world.loop.time())

    def _is_believed(self, beliefs: Beliefs) -> bool:
        scenario, believed = self._world.scenario, beliefs.meter.base_kw
        each_kw = scenario.base_kw / 3
        unseen = self._sum(list(self._parts.values()))
        drawn = [x + y for x, y in zip((scenario.base_kw, *[each_kw] * 3), unseen, strict=True)]
        shown = 4 if scenario.meters_phases else 1
        return all(x + READ_KW >= y for x, y in zip(believed[:shown], drawn[:shown], strict=True))

    def patience_s(self) -> float:
        """For how long an overload that begins now is excused, where a meter shows it."""
        world = self._world
        if self._known is not None and world.loop.time() >= self._known[1] + PROMISE_S:
            return 0.0
        if not world.blame.is_anybody_hurt():
            return PROMISE_S
        return max(PROMISE_S, self._grew_s + world.grace_s - world.loop.time())


def _for_good() -> float:
    return math.inf
