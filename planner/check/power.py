"""Law 7: the limits of circuits and site, at every instant.

Of each limit a connector takes the higher of its power and its fallback: the fallbacks of all are
kept like fixed loads, and a power counts with what lies above its connector's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from planner.check.breach import POWER_KW, TIME, Breach
from planner.check.facts import Facts
from planner.check.flows import Supply, beyond_profile, pieces
from planner.series import Series


class Load(NamedTuple):
    """Over `[start, end)`: `room_kw` is what the fixed loads leave of a limit, `planned_kw` what
    the plan puts there on balance, `added_kw` what it puts there before anything that relieves."""

    start: datetime
    end: datetime
    room_kw: float
    planned_kw: float
    added_kw: float


def check_circuits(facts: Facts) -> Iterator[Breach]:
    """Each circuit carries its own connectors and those of the circuits below it."""
    snapshot = facts.snapshot
    parents = {c.id: c.parent for c in snapshot.circuits}
    members: dict[str, set[tuple[str, int]]] = {name: set() for name in parents}
    for connector in snapshot.connectors:
        above = connector.circuit
        while above is not None:
            members[above].add(connector.key)
            above = parents[above]
    for circuit in snapshot.circuits:
        own = members[circuit.id]
        limits = circuit.limit_kw.by_step(facts.grid, Series.lowest)
        fixed = sum(c.kept_kw for c in snapshot.connectors if c.key in own)
        profile = beyond_profile(facts, (s for s in facts.plan.stays if s.key in own))
        loads = [
            Load(start, end, limits[step] - fixed, kw, kw)
            for start, end, step, (kw,) in pieces(facts.grid, profile)
        ]
        yield from _check_limit(facts, f"circuit {circuit.id}", loads)


def check_site(facts: Facts, supply: Supply) -> Iterator[Breach]:
    imports, exports = [], []
    fallbacks = sum(c.kept_kw for c in facts.snapshot.connectors if c.controllable)
    for f in supply.flows:
        room = supply.import_limit_kw[f.step] - f.fixed_kw - fallbacks + f.pv_kw
        added = f.beyond_kw + max(f.battery_kw, 0)
        imports.append(Load(f.start, f.end, room, f.beyond_kw + f.battery_kw, added))
        # pv can always be curtailed: only what the battery pushes out may exceed the export limit.
        room = supply.export_limit_kw[f.step] + f.fixed_kw
        planned = f.charging_kw + f.battery_kw
        exports.append(Load(f.start, f.end, room, -planned, max(-f.battery_kw, 0)))
    yield from _check_limit(facts, "site import", imports)
    yield from _check_limit(facts, "site export", exports)


def _check_limit(facts: Facts, name: str, loads: Sequence[Load]) -> Iterator[Breach]:
    """Where fixed loads alone break the limit the plan adds nothing (a relief is welcome, and does
    not make room for charging) and says so by a `binding` entry that begins with the name."""
    if all(x.room_kw >= -POWER_KW and x.planned_kw - x.room_kw <= POWER_KW for x in loads):
        return
    hopeless = [(x, -x.room_kw) for x in loads]
    for start, end, excess in _spells(hopeless):
        if not _is_said(facts, name, start, end):
            text = "fixed loads alone break the limit, and no entry in binding says so"
            yield _breach(name, start, excess, text)
    added = [(x, x.added_kw if x.room_kw < -POWER_KW else 0.0) for x in loads]
    for start, _, excess in _spells(added):
        text = "fixed loads alone break the limit, and the plan adds to them"
        yield _breach(name, start, excess, text)
    over = [(x, x.planned_kw - x.room_kw if x.room_kw >= -POWER_KW else 0.0) for x in loads]
    for start, _, excess in _spells(over):
        yield _breach(name, start, excess, "the power is above the limit")


def _spells(rows: Iterable[tuple[Load, float]]) -> Iterator[tuple[datetime, datetime, float]]:
    """The times in which an excess lasts without a break, each with its worst, kW."""
    spell: tuple[datetime, datetime, float] | None = None
    for load, excess in rows:
        if excess <= POWER_KW:
            continue
        if spell is not None and spell[1] == load.start:
            spell = (spell[0], load.end, max(spell[2], excess))
            continue
        if spell is not None:
            yield spell
        spell = (load.start, load.end, excess)
    if spell is not None:
        yield spell


def _is_said(facts: Facts, name: str, start: datetime, end: datetime) -> bool:
    """Whether entries of `binding` for this limit cover the whole time."""
    mine = re.compile(rf"{re.escape(name)}(?![-.\w])")
    for entry in sorted(facts.plan.binding, key=lambda b: b.start):
        if mine.match(entry.limit) and entry.start <= start + TIME:
            start = max(start, entry.end)
    return start >= end - TIME


def _breach(where: str, at: datetime, excess: float, text: str) -> Breach:
    return Breach(law=7, where=where, at=at, amount=excess, unit="kW", text=text)
