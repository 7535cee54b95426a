"""The snapshot's horizon as arrays over its steps, and the limits that charging must share.

Times are seconds after `taken_at`; arrays have one value a step (law 1 of the contract).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.series import Series
from planner.snapshot import Connector, Snapshot
from planner.soft import ChargerPreference

Floats = NDArray[np.float64]
Socket = tuple[str, int]

SECOND = timedelta(seconds=1)

BARRED_KW = -1e-5
"""The room of a limit below which nothing is planned, not even what is kept for a fallback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What the connectors of a circuit, or of the site, may draw together beside the fixed loads
    and above their fallbacks, whose sum is `fallback_kw`. A rule that leaves connectors alone for a
    time is a limit too.

    `room_kw` is negative where the fixed loads and fallbacks alone exceed the limit; for the site
    it counts base load and pv, and the battery comes on top.
    """

    name: str
    room_kw: Floats
    fallback_kw: float
    sockets: frozenset[Socket]


@dataclass(frozen=True, slots=True, kw_only=True)
class Barred:
    """`sockets` give nothing in `steps`, one truth value each, to the visits that `rule` is about:
    what a vehicle drives tells which these are (`preference.barred`), so it is no limit."""

    rule: ChargerPreference
    sockets: frozenset[Socket]
    steps: NDArray[np.bool_]

    def holds(self, socket: Socket | None, step: int) -> bool:
        return socket in self.sockets and bool(self.steps[step])


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """`fixed_kw` is what the uncontrollable connectors draw all the horizon; `fallback_kw` has the
    controllable ones that keep one. `barred` is None without a hard rule of that kind."""

    taken_at: datetime
    step_s: float
    steps: int
    import_limit_kw: Floats
    export_limit_kw: Floats
    base_load_kw: Floats
    pv_kw: Floats
    import_price: Floats
    export_price: Floats
    fixed_kw: float
    fallback_kw: Mapping[Socket, float]
    limits: tuple[Limit, ...]
    barred: Barred | None

    @property
    def step_h(self) -> float:
        return self.step_s / 3600

    @property
    def end_s(self) -> float:
        return self.steps * self.step_s

    @property
    def floor_kw(self) -> Floats:
        """The lowest import to which pv is used: the rest is curtailed (law 7)."""
        return np.where(self.export_price < 0, 0.0, -self.export_limit_kw)

    @property
    def fixed_import_kw(self) -> Floats:
        """The site's import before pv, charging and battery."""
        return self.base_load_kw + self.fixed_kw

    def beyond_kw(self, socket: Socket | None, kw: float) -> float:
        """What of `kw` at a connector lies above its fallback: what it takes of `room_kw`."""
        kept_kw = self.fallback_kw.get(socket, 0.0) if socket is not None else 0.0
        return max(0.0, kw - kept_kw)

    def seconds(self, instant: datetime) -> float:
        return (instant - self.taken_at) / SECOND

    def instant(self, seconds: float) -> datetime:
        return self.taken_at + timedelta(seconds=seconds)

    def step_at(self, seconds: float) -> int:
        """The step that contains `seconds`; a boundary belongs to the step it begins."""
        return int((seconds + 1e-6) // self.step_s)

    def steps_at(self, seconds: ArrayLike) -> NDArray[np.int64]:
        """`step_at` of each."""
        return ((np.asarray(seconds) + 1e-6) // self.step_s).astype(np.int64)

    def cut(self, start_s: float, end_s: float) -> list[tuple[float, float, int]]:
        """`[start_s, end_s)` within the horizon as pieces `(from, to, step)` of single steps."""
        edges = self.edges(start_s, end_s)
        return [(a, b, self.step_at(a)) for a, b in itertools.pairwise(edges)]

    def edges(self, start_s: float, end_s: float) -> list[float]:
        """The ends of `[start_s, end_s)` within the horizon, and the bounds of steps between."""
        start_s, end_s = max(start_s, 0.0), min(end_s, self.end_s)
        if end_s - start_s <= 1e-6:
            return []
        inner = range(self.step_at(start_s) + 1, math.ceil((end_s - 1e-6) / self.step_s))
        return [start_s, *[i * self.step_s for i in inner], end_s]


def timeline(snapshot: Snapshot) -> Timeline:
    site, step = snapshot.site, snapshot.step
    grid = [snapshot.taken_at + i * step for i in range(snapshot.steps + 1)]

    def lowest(series: Series) -> Floats:
        return np.array(series.by_step(grid, Series.lowest))

    def mean(series: Series) -> Floats:
        return np.array(series.by_step(grid, Series.mean))

    base_load_kw = np.array(site.base_load_kw.by_step(grid, Series.highest))
    import_limit_kw, pv_kw = lowest(site.import_limit_kw), lowest(site.pv_kw)
    fixed_kw = sum(c.load_kw for c in snapshot.connectors if not c.controllable)
    kept_kw = sum(c.kept_kw for c in snapshot.connectors)
    whole = Limit(
        name="site",
        room_kw=import_limit_kw - base_load_kw + pv_kw - kept_kw,
        fallback_kw=kept_kw - fixed_kw,
        sockets=frozenset(c.key for c in snapshot.connectors),
    )
    return Timeline(
        taken_at=snapshot.taken_at,
        step_s=step / SECOND,
        steps=snapshot.steps,
        import_limit_kw=import_limit_kw,
        export_limit_kw=lowest(site.export_limit_kw),
        base_load_kw=base_load_kw,
        pv_kw=pv_kw,
        import_price=mean(site.import_price_per_kwh),
        export_price=mean(site.export_price_per_kwh),
        fixed_kw=fixed_kw,
        fallback_kw={c.key: c.kept_kw for c in snapshot.connectors if c.controllable},
        limits=(
            whole,
            *_circuit_limits(snapshot, lowest),
            *_left_alone(snapshot, grid),
        ),
        barred=_barred(snapshot, grid),
    )


def _circuit_limits(snapshot: Snapshot, lowest: Callable[[Series], Floats]) -> Iterable[Limit]:
    parent = {c.id: c.parent for c in snapshot.circuits}
    for circuit in snapshot.circuits:
        below = [c for c in snapshot.connectors if circuit.id in _chain(c.circuit, parent)]
        kept_kw = sum(c.kept_kw for c in below)
        yield Limit(
            name=f"circuit {circuit.id}",
            room_kw=lowest(circuit.limit_kw) - kept_kw,
            fallback_kw=sum(c.kept_kw for c in below if c.controllable),
            sockets=frozenset(c.key for c in below),
        )


def _left_alone(snapshot: Snapshot, grid: Sequence[datetime]) -> Iterable[Limit]:
    """Hard rules of the time of the day: nothing at some connectors in steps that it touches, else
    any power."""
    soft, begin, end = snapshot.rules.soft, snapshot.taken_at, snapshot.end
    wish, triad = soft.charger_preference, soft.triad
    usable = [c for c in snapshot.connectors if c.controllable]
    if wish is not None and wish.hard and wish.routes == "all":
        steps = _touched(wish.spans(begin, end), grid)
        yield _no_power("the charger preference", _avoided(wish, usable), steps)
    if triad is not None and triad.hard:
        yield _no_power("the triad hours", usable, _touched(triad.spans(begin, end), grid))


def _barred(snapshot: Snapshot, grid: Sequence[datetime]) -> Barred | None:
    wish = snapshot.rules.soft.charger_preference
    if wish is None or not wish.hard or wish.routes == "all":
        return None
    return Barred(
        rule=wish,
        sockets=frozenset(c.key for c in _avoided(wish, snapshot.connectors)),
        steps=_touched(wish.spans(snapshot.taken_at, snapshot.end), grid),
    )


def _avoided(wish: ChargerPreference, connectors: Iterable[Connector]) -> list[Connector]:
    return [c for c in connectors if wish.cost_of(*c.key) > 0]


def _touched(
    times: Sequence[tuple[datetime, datetime]], grid: Sequence[datetime]
) -> NDArray[np.bool_]:
    """The steps that any of `times` touches."""
    steps = itertools.pairwise(grid)
    return np.array([any(a < end and start < b for start, end in times) for a, b in steps])


def _no_power(name: str, connectors: Sequence[Connector], steps: NDArray[np.bool_]) -> Limit:
    any_kw = 1.0 + sum(c.max_kw for c in connectors)
    return Limit(
        name=name,
        room_kw=np.where(steps, BARRED_KW, any_kw),
        fallback_kw=0.0,
        sockets=frozenset(c.key for c in connectors),
    )


def _chain(circuit: str | None, parent: dict[str, str | None]) -> set[str]:
    """The circuit and all above it."""
    chain: set[str] = set()
    while circuit is not None and circuit not in chain:
        chain.add(circuit)
        circuit = parent.get(circuit)
    return chain
