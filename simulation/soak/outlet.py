"""One EVSE and who stands there: what is offered, and what the vehicle makes of it."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from random import Random

from simulation.profiles import Running

VOLTAGE_V = 230.0

Powers = tuple[float, float, float]
"""kW on each phase of the site."""


class Begins(StrEnum):
    """At what a transaction begins (2.0.1 TxStartPoint): as the vehicle is plugged in, or before,
    as its driver is authorized, at an EVSE or at none yet."""

    PLUGGED = "plugged"
    AT_EVSE = "authorized at an EVSE"
    NOWHERE = "authorized"


@dataclass(slots=True, kw_only=True)
class Car:
    """`follows_s`: how long it takes to draw less, and more, once told by its pilot line. IEC
    61851-1 allows 5 s for less; together with a station that needs a moment to pass it on it stays
    below the 10 s that settling takes."""

    id: str
    token: str
    battery_kwh: float
    energy_kwh: float
    max_kw: float
    phases: int
    follows_s: tuple[float, float]

    @property
    def full(self) -> bool:
        return self.energy_kwh >= self.battery_kwh


@dataclass(slots=True, kw_only=True)
class Session:
    """A transaction: `id` is what the station calls it, `named` what the daemon did (1.6)."""

    id: str
    token: str
    started_at: datetime
    start_wh: int
    named: str | None = None
    seq_no: int = 0

    @property
    def running(self) -> Running:
        return Running(transaction_id=self.named or self.id, started_at=self.started_at)


class Outlet:
    """What is drawn and wanted is constant between the instants at which `on_power` is called, so
    that the register runs exactly. `asks`: the share of what it could take that the vehicle asks
    for by itself; `overdraws`: how many times what it may it really offers, while `metered_kw` is
    what it may. `connectors` it has, and the vehicle is `plugged` into one of them; at `waiting`
    another one waits for its turn. `blocks` and `begins` as in `Make`."""

    def __init__(
        self,
        number: int,
        *,
        max_kw: float,
        min_kw: float,
        phases: int,
        on_power: Callable[[Outlet], None],
        rotation: tuple[int, int, int] = (1, 2, 3),
        tells_phases: bool = False,
        connectors: int = 1,
        blocks: bool = False,
        begins: Begins = Begins.PLUGGED,
    ) -> None:
        self.number = number
        self.connectors = range(1, connectors + 1)
        self.blocks = blocks
        self.begins = begins
        self.plugged = 1
        self.waiting: int | None = None
        self.max_kw = max_kw
        self.min_kw = min_kw
        self.phases = phases
        self.tells_phases = tells_phases
        self.car: Car | None = None
        self.session: Session | None = None
        self.kw = self.metered_kw = 0.0
        self.asks = 1.0
        self.overdraws = 1.0
        self.offered_kw = 0.0
        self.register_wh = 0.0
        self._on_power = on_power
        self._wanted_kw = 0.0
        self._rotation = rotation
        self._loop = asyncio.get_running_loop()
        self._at_s = self._loop.time()
        self._coming: deque[tuple[float, float, float]] = deque()

    @property
    def in_use(self) -> int:
        """Phases; direct current has none to count (0)."""
        return min(self.phases, self.car.phases) if self.car is not None else self.phases

    def is_taken(self, connector: int) -> bool:
        return connector == self.waiting or (self.car is not None and connector == self.plugged)

    def metered_currents_a(self) -> list[float]:
        """By the EVSE's own phases; a vehicle with fewer stands on the first of them."""
        each_a = self.metered_kw * 1000 / VOLTAGE_V / max(self.in_use, 1)
        return [each_a if number < self.in_use else 0.0 for number in range(self.phases)]

    def on_phases(self, kw: float) -> Powers:
        """What `kw` drawn here are on each phase of the site."""
        wired = self._rotation[: self.in_use or 3]
        first, second, third = (kw / len(wired) if n in wired else 0.0 for n in (1, 2, 3))
        return (first, second, third)

    @property
    def reading_wh(self) -> int:
        return math.floor(self.register_wh + 1e-6)

    @property
    def wanted_kw(self) -> float:
        """What would be drawn if nothing limited it."""
        if self.session is None or self.car is None or self.car.full:
            return 0.0
        share = self.in_use / self.phases if self.phases else 1.0
        return min(self.max_kw * share, self.car.max_kw) * self.asks

    def offer(self, limit_kw: float) -> None:
        """A new limit from here on; the vehicle follows in its own time. Between 0 and the minimum
        there is nothing (IEC 61851-1: 0 or at least 6 A)."""
        share = self.in_use / self.phases if self.phases else 1.0
        self.offered_kw = limit_kw if limit_kw >= self.min_kw * share - 1e-9 else 0.0
        self._follow()

    def ask(self, share: float) -> None:
        """The vehicle itself wants less, or more again."""
        self.asks = share
        self._follow()

    def lose_phases(self, car: Car) -> None:
        """All but one of its vehicle's are dead at once; that one goes on as it did and would."""
        share = 1 / self.in_use
        car.phases = 1
        self._coming = deque((at_s, kw * share, shown * share) for at_s, kw, shown in self._coming)
        self._set(self.kw * share, self.metered_kw * share)

    def overdraw(self, times: float) -> None:
        """Offers so many times what it may, and meters as if it did not."""
        self.overdraws = times
        self._follow()

    def switch_off(self) -> None:
        """The contactor opens: what the vehicle would do has no meaning any more."""
        self._coming.clear()
        self.offered_kw = self._wanted_kw = 0.0
        self._set(0.0, 0.0)

    def advance(self) -> None:
        """Counts the energy up to now; a battery that is full by now takes no more."""
        now_s = self._loop.time()
        hours = (now_s - self._at_s) / 3600
        self._at_s = now_s
        if self.kw and hours:
            self.register_wh += self.metered_kw * hours * 1000
            if self.car is not None:
                self.car.energy_kwh += self.kw * hours * 0.93
                if self.car.full:
                    self._set(0.0, 0.0)

    def _follow(self) -> None:
        if self.wanted_kw != self._wanted_kw:
            self._wanted_kw = self.wanted_kw
            self._on_power(self)
        shown_kw = min(self.offered_kw, self.wanted_kw)
        wanted_kw = min(shown_kw * self.overdraws, self.wanted_kw)
        last = self._coming[-1][1:] if self._coming else (self.kw, self.metered_kw)
        if (wanted_kw, shown_kw) == last or self.car is None:
            return
        less = wanted_kw < last[0]
        at_s = self._loop.time() + self.car.follows_s[0 if less else 1]
        if self._coming:
            at_s = max(at_s, self._coming[-1][0])
        self._coming.append((at_s, wanted_kw, shown_kw))
        self._loop.call_at(at_s, self._change)

    def _change(self) -> None:
        now_s = self._loop.time()
        while self._coming and self._coming[0][0] <= now_s:
            self._set(*self._coming.popleft()[1:])

    def _set(self, kw: float, metered_kw: float) -> None:
        self.advance()
        idle = self.car is None or self.car.full
        self.kw, self.metered_kw = (0.0, 0.0) if idle else (kw, metered_kw)
        self._on_power(self)


def new_car(rng: Random, vehicle: str, token: str) -> Car:
    """Empty enough to want power for hours. Those with fewer phases than three are made for 32 A on
    one or for 16 A on two."""
    battery_kwh = rng.choice([60.0, 80.0, 100.0])
    phases = rng.choice([1, 2, 3, 3, 3, 3, 3, 3, 3, 3])
    return Car(
        id=vehicle,
        token=token,
        battery_kwh=battery_kwh,
        energy_kwh=battery_kwh * rng.uniform(0.05, 0.4),
        max_kw=rng.choice([22.0, 22.0, 50.0, 150.0]) if phases == 3 else 7.4,
        phases=phases,
        follows_s=(rng.uniform(0.5, 5.0), rng.uniform(0.5, 5.0)),
    )
