"""What connectors and circuits can give to vehicles in a block of steps: laws 5, 6 and 7, summed.

Connectors of one circuit, plugs and power are one outlet, vehicles of the same plugs and power one
load. What a load draws at an outlet takes the hours of its connectors: at most as many as there are
connectors, and at least the energy over the power that both allow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from planner.drafts.timeline import Floats, Timeline
from planner.linear.ranges import Ranges
from planner.linear.rows import Rows, Term
from planner.snapshot import Snapshot, Vehicle

_MOST: Final = 200
"""Pairs of a load and an outlet, each a column of every block; with more of them powers are no
longer told apart."""

Load = tuple[frozenset[str], float]
"""Plugs, and the highest power in kW."""


@dataclass(frozen=True, slots=True)
class _Outlet:
    """So many connectors, of at most `max_kw` each and `all_kw` together."""

    circuit: str | None
    plugs: frozenset[str]
    max_kw: float
    all_kw: float
    number: int


def load_of(members: Iterable[Vehicle]) -> Load:
    """What vehicles, taken for one kind, plug in with at best."""
    members = list(members)
    plugs = frozenset(p for v in members for p in v.plugs)
    return plugs, max(v.max_charge_kw for v in members)


class Outlets:
    """`loads` are those that `give` is to be asked for."""

    def __init__(self, snapshot: Snapshot, line: Timeline, loads: Iterable[Load]) -> None:
        self._line = line
        self._outlets = _outlets(snapshot, by_power=True)
        self._by_power = len(self._outlets) * len(set(loads)) <= _MOST
        if not self._by_power:
            self._outlets = _outlets(snapshot, by_power=False)
        self._circuits = _circuits(snapshot, line)

    def give(
        self, drawn: Mapping[Load, Sequence[Term]], steps: slice, columns: Ranges, rows: Rows
    ) -> None:
        """Rows for the energy drawn in `steps`, in kWh, by load the terms whose sum it is."""
        hours = self._line.step_h * (steps.stop - steps.start)
        held: list[list[Term]] = [[] for _ in self._outlets]
        for (plugs, most_kw), terms in self._joined(drawn).items():
            own: list[Term] = []
            for outlet, times in zip(self._outlets, held, strict=True):
                kw = min(outlet.max_kw, most_kw)
                if plugs & outlet.plugs and kw > 0:
                    column = columns.add(outlet.all_kw * hours)
                    own.append((column, -1.0))
                    times.append((column, 1 / kw))
            rows.add([*terms, *own], upper=0.0)
        for outlet, times in zip(self._outlets, held, strict=True):
            rows.add(times, upper=outlet.number * hours)
            if not self._by_power:
                rows.add([(c, 1.0) for c, _ in times], upper=outlet.all_kw * hours)
        for below, room_kw in self._circuits:
            inside = [
                (c, 1.0)
                for outlet, times in zip(self._outlets, held, strict=True)
                if outlet.circuit in below
                for c, _ in times
            ]
            rows.add(inside, upper=self._line.step_h * float(room_kw[steps].sum()))

    def _joined(self, drawn: Mapping[Load, Sequence[Term]]) -> Mapping[Load, Sequence[Term]]:
        if self._by_power:
            return drawn
        found: dict[frozenset[str], tuple[float, list[Term]]] = {}
        for (plugs, kw), terms in drawn.items():
            most_kw, before = found.get(plugs, (0.0, []))
            found[plugs] = max(most_kw, kw), [*before, *terms]
        return {(plugs, kw): terms for plugs, (kw, terms) in found.items()}


def _outlets(snapshot: Snapshot, *, by_power: bool) -> list[_Outlet]:
    alike: dict[tuple[str | None, frozenset[str], float], list[float]] = {}
    for c in snapshot.connectors:
        if c.controllable:
            key = c.circuit, frozenset(c.plugs), c.max_kw if by_power else 0.0
            alike.setdefault(key, []).append(c.max_kw)
    return [
        _Outlet(circuit, plugs, max(kws), sum(kws), len(kws))
        for (circuit, plugs, _), kws in alike.items()
    ]


def _circuits(snapshot: Snapshot, line: Timeline) -> list[tuple[set[str | None], Floats]]:
    """Each circuit with those below it, and what their controllable connectors may draw in kW."""
    children: dict[str | None, list[str]] = {}
    for circuit in snapshot.circuits:
        children.setdefault(circuit.parent, []).append(circuit.id)

    def below(name: str) -> set[str | None]:
        return {name}.union(*(below(child) for child in children.get(name, [])))

    limits = {x.name: x for x in line.limits}
    found = []
    for circuit in snapshot.circuits:
        limit = limits[f"circuit {circuit.id}"]
        found.append((below(circuit.id), np.maximum(limit.room_kw + limit.fallback_kw, 0.0)))
    return found
