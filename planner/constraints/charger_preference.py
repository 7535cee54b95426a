"""`rules.soft.charger_preference`: connectors that are better left alone, at some time of the day.

Charging `share` of a vehicle's battery at a connector costs `share` times the connector's cost.
Where it is hard the connectors have a limit of their own, of nothing at that time (`timeline`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from planner.drafts.choices import Drive
from planner.drafts.draft import Charge, Draft
from planner.drafts.timeline import Timeline
from planner.linear.columns import Columns
from planner.linear.rows import Rows, Term
from planner.linear.scope import Part
from planner.snapshot import Snapshot
from planner.soft import ChargerPreference

Span = tuple[float, float]
"""From and to, in seconds after the horizon's start."""


def applies(snapshot: Snapshot) -> bool:
    rule = snapshot.rules.soft.charger_preference
    return rule is not None and not rule.hard


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    """Each part that costs anything has a column, held up by what is charged in it, unless routes
    are driven that make it another visit than the rule is about."""
    rule, scope = _rule(snapshot), columns.scope
    window = _seconds(rule, scope.line)
    for (vehicle, k), groups in scope.where.items():
        part, charged, most = scope.parts[vehicle][k], list[Term](), 0.0
        hours = _within((part.start_s, part.end_s), window) / 3600
        battery_kwh = scope.chosen.vehicles[vehicle].battery_kwh
        for g in groups:
            weight = rule.cost_of(*scope.groups[g].sockets[0]) * hours / battery_kwh
            if weight > 0:
                charged.append((columns["kw"][vehicle, g, k], -weight))
                most = max(most, weight * scope.most_kw(vehicle, g, part.step))
        if not charged:
            continue
        column = columns.add("soft", ("charger_preference", vehicle, k), 0.0, most)
        for out, inside in _otherwise(rule, part, scope.chosen.drives[vehicle]):
            loose = [(columns["drive"][vehicle, d.route], most) for d in out]
            loose += [(columns["drive"][vehicle, d.route], -most) for d in inside]
            rows.add([(column, 1.0), *charged, *loose], lower=-most * len(inside))


def _otherwise(
    rule: ChargerPreference, part: Part, drives: Sequence[Drive]
) -> Iterator[tuple[list[Drive], list[Drive]]]:
    """When charging in `part` counts: none of the first drives and all of the second are driven."""
    if rule.routes == "all":
        yield [], []
    elif rule.routes == "first":
        yield [d for d in drives if d.depart_s <= part.start_s + 1e-6], []
    else:
        for d in drives:
            if d.depart_s > part.start_s + 1e-6:
                between = [x for x in drives if part.start_s + 1e-6 < x.depart_s and _departs(x, d)]
                longer = [x for x in drives if _rank(x) < _rank(d) and x not in between]
                yield [*between, *longer], [d]


def cost(snapshot: Snapshot, line: Timeline, draft: Draft) -> float:
    rule, total = _rule(snapshot), 0.0
    window = _seconds(rule, line)
    batteries = {v.id: v.battery_kwh for v in snapshot.vehicles}
    for visit in draft.visits:
        weight = 0.0 if visit.socket is None else rule.cost_of(*visit.socket)
        if weight > 0:
            drives = draft.drives.get(visit.vehicle, ())
            charged = [c for c in visit.charges if _counts(rule, c, drives)]
            kwh = sum(c.kw * _within((c.start_s, c.end_s), window) / 3600 for c in charged)
            total += weight * kwh / batteries[visit.vehicle]
    return total


def _counts(rule: ChargerPreference, charge: Charge, drives: Sequence[Drive]) -> bool:
    if rule.routes == "all":
        return True
    before = [d for d in drives if d.depart_s <= charge.start_s + 1e-6]
    if rule.routes == "first":
        return not before
    after = [d for d in drives if d not in before]
    return bool(after) and min(after, key=_order) == min(drives, key=_rank)


def _departs(a: Drive, b: Drive) -> bool:
    return _order(a) < _order(b)


def _order(drive: Drive) -> tuple[float, str]:
    return drive.depart_s, drive.route


def _rank(drive: Drive) -> tuple[float, float, str]:
    """The longest route first."""
    return drive.depart_s - drive.return_s, drive.depart_s, drive.route


def _seconds(rule: ChargerPreference, line: Timeline) -> list[Span]:
    found = rule.spans(line.taken_at, line.instant(line.end_s))
    return [(line.seconds(a), line.seconds(b)) for a, b in found]


def _within(span: Span, window: Sequence[Span]) -> float:
    """The seconds of `span` that lie in the window."""
    return sum(max(0.0, min(span[1], b) - max(span[0], a)) for a, b in window)


def _rule(snapshot: Snapshot) -> ChargerPreference:
    rule = snapshot.rules.soft.charger_preference
    assert rule is not None
    return rule
