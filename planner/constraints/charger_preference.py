"""`rules.soft.charger_preference`: connectors that are better left alone, at some time of the day.

Charging `share` of a vehicle's battery at a connector costs `share` times the connector's cost.
Where it is hard and about all charging the connectors have a limit of their own, of nothing at that
time (`timeline`). Where it is hard and about some visits (`drafts.preference`), it is rows while
routes are open; once they are known a scope has no such powers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from planner.drafts.choices import Drive
from planner.drafts.draft import Draft
from planner.drafts.preference import counts, order, rank
from planner.drafts.timeline import Timeline
from planner.linear.columns import Columns
from planner.linear.rows import Rows, Term
from planner.linear.scope import Part, Scope
from planner.snapshot import Snapshot
from planner.soft import ChargerPreference

Span = tuple[float, float]
"""From and to, in seconds after the horizon's start."""


def applies(snapshot: Snapshot) -> bool:
    rule = snapshot.rules.soft.charger_preference
    return rule is not None and not (rule.hard and rule.routes == "all")


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    """Each part that costs anything has a column, held up by what is charged in it, unless routes
    are driven that make it another visit than the rule is about. Where that is hard there is no
    such column, and where the routes are known no such power either."""
    rule, scope = _rule(snapshot), columns.scope
    if rule.hard and scope.fixed:
        return
    window = _seconds(rule, scope.line)
    places = [(v, k, groups) for v, own in scope.where.items() for k, groups in enumerate(own)]
    for vehicle, k, groups in places:
        part, charged, most = scope.parts[vehicle][k], list[Term](), 0.0
        for g in groups:
            weight = _weight(rule, scope, vehicle, g, part, window)
            if weight > 0:
                charged.append((columns["kw"][vehicle, g, k], -weight))
                most = max(most, weight * scope.most_kw(vehicle, g, part.step))
        if not charged:
            continue
        penalty = list[Term]()
        if not rule.hard:
            key = "charger_preference", vehicle, k
            penalty.append((columns.add("soft", key, 0.0, most), 1.0))
        for out, inside in _otherwise(rule, part, scope.chosen.drives[vehicle]):
            loose = [(columns["drive"][vehicle, d.route], most) for d in out]
            loose += [(columns["drive"][vehicle, d.route], -most) for d in inside]
            rows.add([*penalty, *charged, *loose], lower=-most * len(inside))


def _weight(
    rule: ChargerPreference,
    scope: Scope,
    vehicle: str,
    group: int,
    part: Part,
    window: Sequence[Span],
) -> float:
    """What a kW at a group over a part costs; anything where a hard rule bars it."""
    if scope.line.barred is not None:
        return float(scope.groups[group].barred and scope.line.barred.steps[part.step])
    hours = _within((part.start_s, part.end_s), window) / 3600
    battery_kwh = scope.chosen.vehicles[vehicle].battery_kwh
    return rule.cost_of(*scope.groups[group].sockets[0]) * hours / battery_kwh


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
                longer = [x for x in drives if rank(x) < rank(d) and x not in between]
                yield [*between, *longer], [d]


def cost(snapshot: Snapshot, line: Timeline, draft: Draft) -> float:
    rule, total = _rule(snapshot), 0.0
    if rule.hard:
        return 0.0
    window = _seconds(rule, line)
    batteries = {v.id: v.battery_kwh for v in snapshot.vehicles}
    for visit in draft.visits:
        weight = 0.0 if visit.socket is None else rule.cost_of(*visit.socket)
        if weight > 0:
            drives = draft.drives.get(visit.vehicle, ())
            charged = [c for c in visit.charges if counts(rule, c.start_s, drives)]
            kwh = sum(c.kw * _within((c.start_s, c.end_s), window) / 3600 for c in charged)
            total += weight * kwh / batteries[visit.vehicle]
    return total


def _departs(a: Drive, b: Drive) -> bool:
    return order(a) < order(b)


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
