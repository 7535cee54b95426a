"""The truth about power: what is really drawn below every limit, integrated exactly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

SITE = "site"
# Half of 10 W, the finest step that a station can be told; below it two sums of the same powers
# may differ.
TOLERANCE_KW = 0.005

Place = tuple[str, int]
"""(station, connector)"""


@dataclass(slots=True, kw_only=True)
class Line:
    """One limit, and what is drawn below it. `over_s`: seconds above it, `worst_kw` by how much at
    most; `drawn_kwh` and `allowed_kwh` count only while there is demand for all that is allowed,
    the latter with no more than what the limits below it could carry."""

    name: str
    limit_kw: float
    members: dict[Place, float] = field(default_factory=dict)
    wishes: dict[Place, float] = field(default_factory=dict)
    base_kw: float = 0.0
    over_s: float = 0.0
    worst_kw: float = 0.0
    drawn_kwh: float = 0.0
    allowed_kwh: float = 0.0
    is_over: bool = False

    @property
    def draw_kw(self) -> float:
        return self.base_kw + sum(self.members.values())

    @property
    def wanted_kw(self) -> float:
        return self.base_kw + sum(self.wishes.values())

    def integrate(self, seconds: float, carried_kw: float) -> None:
        """`carried_kw` is what could be drawn below it within all other limits."""
        draw_kw = self.draw_kw
        if draw_kw > self.limit_kw + TOLERANCE_KW:
            self.over_s += seconds
            self.worst_kw = max(self.worst_kw, draw_kw - self.limit_kw)
        if self.wanted_kw >= self.limit_kw:
            self.drawn_kwh += draw_kw * seconds / 3600
            self.allowed_kwh += min(self.limit_kw, carried_kw) * seconds / 3600


class Ledger:
    """Powers are constant between two calls, so nothing is lost between them. `on_breach(line)` is
    called at the instant at which a limit is first exceeded."""

    def __init__(
        self,
        limits_kw: Mapping[str, float],
        parents: Mapping[Place, tuple[str, ...]],
        *,
        on_breach: Callable[[Line], None],
    ) -> None:
        self.lines = {name: Line(name=name, limit_kw=kw) for name, kw in limits_kw.items()}
        self._parents = parents
        self._on_breach = on_breach
        self._loop = asyncio.get_running_loop()
        self._at_s = self._loop.time()
        for place, names in parents.items():
            for name in names:
                self.lines[name].members[place] = self.lines[name].wishes[place] = 0.0

    def draw(self, place: Place, kw: float, wanted_kw: float) -> None:
        """What is drawn at `place` from now on, and what would be without any limit."""
        self.advance()
        for name in self._parents[place]:
            line = self.lines[name]
            line.members[place], line.wishes[place] = kw, wanted_kw
            self._watch(line)

    def base_load(self, kw: float) -> None:
        """Of the whole site, and no circuit."""
        self.advance()
        for line in self.lines.values():
            if line.name.startswith(SITE):
                line.base_kw = kw
                self._watch(line)

    def limit(self, name: str, kw: float) -> None:
        self.advance()
        self.lines[name].limit_kw = kw
        self._watch(self.lines[name])

    def advance(self) -> None:
        """Counts up to now."""
        now_s = self._loop.time()
        if now_s > self._at_s:
            carried_kw = self._carried_kw()
            for line in self.lines.values():
                whole = line.name.startswith(SITE)
                most_kw = line.base_kw + carried_kw if whole else line.limit_kw
                line.integrate(now_s - self._at_s, most_kw)
            self._at_s = now_s

    def _carried_kw(self) -> float:
        """What vehicles want, as far as the circuits below the site carry it."""
        circuits = [line for line in self.lines.values() if not line.name.startswith(SITE)]
        below = {place for line in circuits for place in line.members}
        loose_kw = sum(kw for place, kw in self.lines[SITE].wishes.items() if place not in below)
        return loose_kw + sum(min(line.limit_kw, line.wanted_kw) for line in circuits)

    def _watch(self, line: Line) -> None:
        """Powers that change at one instant make one change: it is looked at when that is over."""
        over = line.draw_kw > line.limit_kw + TOLERANCE_KW
        if over and not line.is_over:
            self._loop.call_soon(self._look, line)
        elif not over:
            line.is_over = False

    def _look(self, line: Line) -> None:
        if not line.is_over and line.draw_kw > line.limit_kw + TOLERANCE_KW:
            line.is_over = True
            self._on_breach(line)
