"""The truth about power: what is really drawn below every limit, integrated exactly."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from simulation.soak.carried import carried_kw
from simulation.soak.outlet import Powers

SITE = "site"
# Half of 10 W, the finest step that a station can be told; below it two sums of the same powers
# may differ.
TOLERANCE_KW = 0.005
# What a site draws besides charging is its meter less the chargers', which tell whole watt-hours:
# over half a minute 0.12 kW to and fro for each of them.
READ_KW = 0.05

PHASES = (1, 2, 3)

Place = tuple[str, int]
"""(station, connector)"""


def on_phase(limit: str, phase: int) -> str:
    """The name of the line that a limit has on one phase."""
    return f"{limit} L{phase}"


@dataclass(slots=True, kw_only=True)
class Line:
    """One limit, and what is drawn below it. `over_s`: seconds above it, `worst_kw` by how much at
    most; `drawn_kwh` and `allowed_kwh` count only while there is demand for all that is allowed,
    the latter with no more than what vehicles on their phases could take within the limits below it
    (`carried.py`). `phase` 0 is the whole.

    `sun_kw` is what shines below it, `sun_room_kw` as much of that as a guard may count on.
    `unseen_kw` is what the guard cannot know of before the site's meter shows it: an overload is
    excused by so much (`excused_kw`) for a while from its beginning at `since_s`, and
    by what its measure is worth after that."""

    name: str
    limit_kw: float
    phase: int = 0
    members: dict[Place, float] = field(default_factory=dict)
    wishes: dict[Place, float] = field(default_factory=dict)
    base_kw: float = 0.0
    sun_kw: float = 0.0
    sun_room_kw: float = 0.0
    unseen_kw: float = 0.0
    since_s: float | None = None
    excused_until_s: float = 0.0
    excused_kw: float = 0.0
    draw_kw: float = 0.0
    wanted_kw: float = 0.0
    over_s: float = 0.0
    worst_kw: float = 0.0
    drawn_kwh: float = 0.0
    allowed_kwh: float = 0.0
    is_over: bool = False

    @property
    def net_kw(self) -> float:
        """What comes over the wire: what is drawn below it less the sun there."""
        return self.draw_kw - self.sun_kw

    @property
    def above_kw(self) -> float:
        """By how much more is drawn than may be."""
        return self.draw_kw - self.sun_kw - self.limit_kw - self.excused_kw

    @property
    def could_kw(self) -> float:
        """What a guard can let be drawn below it."""
        return self.limit_kw + self.sun_room_kw

    def sum_up(self) -> None:
        """After each change of what is drawn or wanted."""
        self.draw_kw = self.base_kw + sum(self.members.values())
        self.wanted_kw = self.base_kw + sum(self.wishes.values())

    @property
    def is_in_demand(self) -> bool:
        return self.phase == 0 and self.wanted_kw >= self.could_kw

    def integrate(self, seconds: float, carried_kw: float | None) -> None:
        """`carried_kw` is what could be drawn below it, with its base load; None while there is no
        demand for all that is allowed, or nobody who could lend it."""
        if self.above_kw > TOLERANCE_KW:
            self.over_s += seconds
            self.worst_kw = max(self.worst_kw, self.above_kw)
        if carried_kw is not None:
            self.drawn_kwh += self.draw_kw * seconds / 3600
            self.allowed_kwh += min(self.could_kw, carried_kw) * seconds / 3600


class Ledger:
    """Powers are constant between two calls, so nothing is lost between them. Each limit has a line
    as a whole and one for each phase, on which a third of it holds. `on_breach(line)` is called at
    the instant at which a limit is first exceeded."""

    def __init__(
        self,
        limits_kw: Mapping[str, float],
        parents: Mapping[Place, tuple[str, ...]],
        *,
        on_breach: Callable[[Line], None],
    ) -> None:
        self.lines: dict[str, Line] = {}
        for limit, kw in limits_kw.items():
            self.lines[limit] = Line(name=limit, limit_kw=kw)
            for phase in PHASES:
                name = on_phase(limit, phase)
                self.lines[name] = Line(name=name, limit_kw=kw / 3, phase=phase)
        self._parents = dict(parents)
        self._circuits = [name for name in limits_kw if not name.startswith(SITE)]
        self._carried_kw: dict[str, float] = {}
        self._has_machine = True
        self._patience: dict[str, Callable[[], float]] = {}
        self._on_breach = on_breach
        self._loop = asyncio.get_running_loop()
        self._at_s = self._loop.time()
        for place, limits in parents.items():
            for line in (line for limit in limits for line in self._of(limit)):
                line.members[place] = line.wishes[place] = 0.0

    def draw(self, place: Place, drawn_kw: Powers, wanted_kw: Powers) -> None:
        """What is drawn at `place` on each phase from now on, and what would be without any
        limit."""
        self.advance()
        for limit in self._parents[place]:
            self._put(self.lines[limit], place, sum(drawn_kw), sum(wanted_kw))
            for phase, kw, wish_kw in zip(PHASES, drawn_kw, wanted_kw, strict=True):
                self._put(self.lines[on_phase(limit, phase)], place, kw, wish_kw)

    def _put(self, line: Line, place: Place, kw: float, wanted_kw: float) -> None:
        if line.wishes[place] != wanted_kw:
            self._carried_kw.clear()
        line.members[place], line.wishes[place] = kw, wanted_kw
        self._watch(line)

    def base_load(self, kw: float, *, sun_kw: float = 0.0, room_kw: float = 0.0) -> None:
        """Of the whole site, the same on each phase, and of no circuit. `sun_kw` shines there, of
        which `room_kw` can be known."""
        self.advance()
        self._carried_kw.clear()
        for line in self.lines.values():
            if line.name.startswith(SITE):
                parts = 3 if line.phase else 1
                line.base_kw = kw / parts
                line.sun_kw, line.sun_room_kw = sun_kw / parts, room_kw / parts
                self._watch(line)

    def limit(self, name: str, kw: float) -> None:
        self.advance()
        self._carried_kw.clear()
        for limit, part_kw in ((name, kw), *((on_phase(name, n), kw / 3) for n in PHASES)):
            self.lines[limit].limit_kw = part_kw
            self._watch(self.lines[limit])

    def unseen(self, name: str, kw: float, patience: Callable[[], float]) -> None:
        """So much of what is drawn below a limit is known to nobody but the site's meter, and is
        excused for `patience()` seconds; whoever draws more of it begins anew."""
        self.advance()
        line = self.lines[name]
        if kw > line.unseen_kw + TOLERANCE_KW:
            line.since_s = None
        line.unseen_kw, self._patience[name] = kw, patience
        self._watch(line)

    def nearest(self, place: Place) -> str:
        """The lowest of the limits that a connector stands under."""
        return self._parents[place][0]

    def regroup(self, parents: Mapping[Place, tuple[str, ...]]) -> None:
        """From now on connectors stand below other circuits; below the site they all stand on."""
        self.advance()
        self._carried_kw.clear()
        site = self._of(SITE)
        for circuit in self._circuits:
            below = [place for place, limits in parents.items() if circuit in limits]
            for line, whole in zip(self._of(circuit), site, strict=True):
                line.members = {place: whole.members[place] for place in below}
                line.wishes = {place: whole.wishes[place] for place in below}
                self._watch(line)
        self._parents = dict(parents)

    def advance(self) -> None:
        """Counts up to now."""
        now_s = self._loop.time()
        if now_s > self._at_s:
            for line in self.lines.values():
                carried_kw = None
                if line.is_in_demand and self._has_machine:
                    carried_kw = line.base_kw + self.carried_kw(line.name)
                line.integrate(now_s - self._at_s, carried_kw)
            self._at_s = now_s

    def machine(self, has_power: bool) -> None:
        """Whether there is a machine on which anything could decide who draws how much."""
        self.advance()
        self._has_machine = has_power

    def carried_kw(self, limit: str) -> float:
        """What vehicles could take within `limit` and, where that is the site's, its circuits."""
        if limit not in self._carried_kw:
            below = self._circuits if limit.startswith(SITE) else []
            lines = [line for name in (limit, *below) for line in self._of(name)]
            self._carried_kw[limit] = carried_kw(lines)
        return self._carried_kw[limit]

    def _of(self, limit: str) -> list[Line]:
        """The lines of a limit: as a whole, and on each phase."""
        return [self.lines[limit], *(self.lines[on_phase(limit, phase)] for phase in PHASES)]

    def _watch(self, line: Line) -> None:
        """Powers that change at one instant make one change: it is looked at when that is over."""
        line.sum_up()
        self._excuse(line)
        over = line.above_kw > TOLERANCE_KW
        if over and not line.is_over:
            self._loop.call_soon(self._look, line)
        elif not over:
            line.is_over = False

    def _excuse(self, line: Line) -> None:
        now_s = self._loop.time()
        if line.net_kw <= line.limit_kw + TOLERANCE_KW:
            line.since_s = None
        elif line.since_s is None:
            patience = self._patience.get(line.name)
            line.since_s, patience_s = now_s, 0.0 if patience is None else patience()
            line.excused_until_s = now_s + patience_s
            if line.unseen_kw and patience_s < math.inf:
                self._loop.call_at(line.excused_until_s, self._again, line)
        excused = line.since_s is not None and now_s < line.excused_until_s
        line.excused_kw = line.unseen_kw if excused else min(line.unseen_kw, READ_KW)

    def _again(self, line: Line) -> None:
        self.advance()
        self._watch(line)

    def _look(self, line: Line) -> None:
        if not line.is_over and line.above_kw > TOLERANCE_KW:
            line.is_over = True
            self._on_breach(line)
