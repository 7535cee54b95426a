"""Law 8: a vehicle that is at the depot at the horizon's end owes its target there."""

from __future__ import annotations

from planner.constraints.energy import paid
from planner.linear.columns import Columns
from planner.linear.rows import Rows
from planner.snapshot import Snapshot


def applies(snapshot: Snapshot) -> bool:
    return any(v.target_kwh > 0 for v in snapshot.vehicles)


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    scope, short, drive = columns.scope, columns["short"], columns["drive"]
    for name, vehicle in scope.chosen.vehicles.items():
        if (name, None) not in short:
            continue
        away = [d for d in scope.chosen.drives[name] if d.return_s > scope.line.end_s]
        terms = [*paid(columns, name, len(scope.parts[name])), (short[name, None], 1.0)]
        terms += [(drive[name, d.route], vehicle.target_kwh) for d in away]
        rows.add(terms, lower=vehicle.target_kwh)
