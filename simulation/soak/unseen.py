"""What the guard can learn of from the site's meter alone, and how long that may take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulation.soak.ledger import PHASES, SITE, TOLERANCE_KW, on_phase
from simulation.soak.outlet import Powers
from simulation.soak.scenario import ORDERED

if TYPE_CHECKING:
    from simulation.soak.world import World

# Until the next sample, and until stations and vehicles have followed the cut that it brings.
PROMISE_S = 13.0
# What a site draws besides charging is its meter less the chargers', which tell whole watt-hours:
# over half a minute 0.12 kW to and fro for each of them.
READ_KW = 0.05


@dataclass(slots=True)
class Part:
    """A power drawn unseen, as a whole or on a phase. `_fresh` are the steps by which it grew, and
    until when each of them is; the last to come is the first to go."""

    kw: float = 0.0
    _fresh: list[tuple[float, float]] = field(default_factory=list)

    def change(self, kw: float, until_s: float) -> None:
        more_kw, self.kw = kw - self.kw, kw
        while more_kw < 0 and self._fresh:
            last_until_s, last_kw = self._fresh.pop()
            more_kw += last_kw
            until_s = last_until_s
        if more_kw > 0:
            self._fresh.append((until_s, more_kw))

    def fresh_kw(self, now_s: float) -> float:
        return sum(kw for until_s, kw in self._fresh if until_s > now_s)


@dataclass(slots=True)
class Source:
    """Who draws it, below which circuit; its parts are the whole and each phase."""

    circuit: str | None = None
    parts: tuple[Part, ...] = field(default_factory=lambda: tuple(Part() for _ in (0, *PHASES)))


class Unseen:
    """A load that nobody declared, a station that draws more than it says or that no setting names
    and that has not come back yet. What of it has come is excused until the meter has shown it and
    the cut is followed, and where something else has gone wrong as well, until every lease has run
    out; what has been there for longer is known. What no meter shows - the phases where it tells
    none, every circuit, a site without one - is excused for good."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._sources: dict[object, Source] = {}

    @property
    def kw(self) -> float:
        return sum(source.parts[0].kw for source in self._sources.values())

    def put(self, who: object, kw: float, phases: Powers, circuit: str | None = None) -> None:
        """From now on `who` draws so much unseen."""
        if kw < TOLERANCE_KW and who not in self._sources:
            return
        source = self._sources.setdefault(who, Source())
        source.circuit = circuit
        until_s = self._world.loop.time() + self._patience_s()
        for part, part_kw in zip(source.parts, (kw, *phases), strict=True):
            part.change(part_kw, until_s)
        if kw < TOLERANCE_KW:
            del self._sources[who]
        else:
            self._world.loop.call_at(until_s, self._tell)
        self._tell()

    def _tell(self) -> None:
        """How much each limit is excused by."""
        site, ledger, now_s = self._world.scenario.site, self._world.ledger, self._world.loop.time()
        sources = list(self._sources.values())
        for part in (0, *PHASES):
            shown = site.metered and (part == 0 or self._world.scenario.meters_phases)
            all_kw = sum(source.parts[part].kw for source in sources)
            fresh_kw = sum(source.parts[part].fresh_kw(now_s) for source in sources)
            excused_kw = min(all_kw, fresh_kw + READ_KW) if shown else all_kw
            for limit in (SITE, ORDERED):
                ledger.excuse(on_phase(limit, part), excused_kw)
            for circuit in site.circuits:
                below = (source for source in sources if source.circuit == circuit.id)
                circuit_kw = sum(source.parts[part].kw for source in below)
                ledger.excuse(on_phase(circuit.id, part), circuit_kw)

    def _patience_s(self) -> float:
        return self._world.grace_s if self._world.blame.is_anybody_hurt() else PROMISE_S
