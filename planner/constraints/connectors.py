"""Law 5: a visit has one connector, held without a break by one vehicle at a time.

`armed` says that a hold may begin: it falls to 0 when one does and is raised to 1 by a return, so
that each visit has at most one. A plugged vehicle whose connector is the only one of its group
holds it from the start on or not at all; one that stands at an uncontrollable connector holds
nothing before it has left.
"""

from __future__ import annotations

from planner.linear.columns import Columns
from planner.linear.rows import Rows, Term
from planner.snapshot import Snapshot


def applies(snapshot: Snapshot) -> bool:
    return True


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    scope = columns.scope
    for name in sorted(scope.holders):
        _one_a_visit(columns, rows, name)
        _only_held(columns, rows, name)
    _one_at_a_time(columns, rows)


def _one_a_visit(columns: Columns, rows: Rows, name: str) -> None:
    scope, hold, begin, armed = (
        columns.scope,
        columns["hold"],
        columns["begin"],
        columns["armed"],
    )
    drive = columns["drive"]
    own, last = scope.own_group(name), list[Term]()
    for k in range(len(scope.parts[name])):
        begins: list[Term] = []
        returned = [(drive[name, d.route], -1.0) for d in scope.returning(name, k)]
        for g in scope.groups_held(name):
            if (name, g, k) not in begin:
                continue
            start = begin[name, g, k]
            before = [(hold[name, g, k - 1], 1.0)] if (name, g, k - 1) in hold else []
            rows.add([(start, 1.0), (hold[name, g, k], -1.0), *before], lower=0.0)
            begins.append((start, 1.0))
            if g == own and k > 0 and len(scope.groups[g].sockets) == 1:
                earlier = [(drive[name, d.route], -1.0) for d in scope.returned(name, k)]
                rows.add([(start, 1.0), *earlier], upper=0.0)
        held = [(hold[name, g, k], 1.0) for g in scope.groups_held(name) if (name, g, k) in hold]
        if scope.fixed and len(held) > 1:
            rows.add(held, upper=1.0)
        rows.add([*begins, (armed[name, k], -1.0)], upper=0.0)
        left = [(armed[name, k - 1], -1.0), *last] if k else []
        upper = 0.0 if k or scope.is_stuck(name) else 1.0
        rows.add([(armed[name, k], 1.0), *left, *returned], upper=upper)
        last = begins


def _only_held(columns: Columns, rows: Rows, name: str) -> None:
    """Power only where held, and no more energy than the curve lets that connector's minimum be."""
    scope, hold, kw, energy = columns.scope, columns["hold"], columns["kw"], columns["energy"]
    vehicle = scope.chosen.vehicles[name]
    for k, part in enumerate(scope.parts[name]):
        for g in scope.where[name][k]:
            most_kw = scope.most_kw(name, g, part.step)
            rows.add([(kw[name, g, k], 1.0), (hold[name, g, k], -most_kw)], upper=0.0)
            cap_kwh = scope.cap_kwh[name, g]
            if columns.most_kwh[name][k + 1] > cap_kwh + 1e-9:
                over = vehicle.battery_kwh - cap_kwh
                rows.add(
                    [(energy[name, k + 1], 1.0), (hold[name, g, k], over)],
                    upper=vehicle.battery_kwh,
                )


def _one_at_a_time(columns: Columns, rows: Rows) -> None:
    """At any time a scarce group has no more holders than connectors."""
    scope, hold = columns.scope, columns["hold"]
    for g in sorted(scope.scarce):
        keys = [key for key in hold if key[1] == g]
        for cells in scope.together([(name, k) for name, _, k in keys]):
            if len(cells) > len(scope.groups[g].sockets):
                rows.add(
                    [(hold[name, g, k], 1.0) for name, k in cells],
                    upper=float(len(scope.groups[g].sockets)),
                )
