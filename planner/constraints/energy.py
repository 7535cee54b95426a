"""Law 3: energy moves by what is charged and drops when a route returns, never below zero.

In `charging` mode (law 4) a route may take more than there is: `lift` is what is then missing, and
only a vehicle that comes home empty (`empty`) has any.
"""

from __future__ import annotations

from planner.linear.columns import Columns
from planner.linear.rows import Rows, Term
from planner.snapshot import Snapshot


def applies(snapshot: Snapshot) -> bool:
    return True


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    scope, energy, kw = columns.scope, columns["energy"], columns["kw"]
    for name, vehicle in scope.chosen.vehicles.items():
        for k, part in enumerate(scope.parts[name]):
            before = paid(columns, name, k)
            terms: list[Term] = [(energy[name, k + 1], 1.0), *((c, -x) for c, x in before)]
            for g in scope.where.get((name, k), ()):
                terms.append((kw[name, g, k], -vehicle.efficiency * part.hours))
            rows.add(terms, lower=0.0, upper=0.0)
        for k in range(len(scope.points[name])):
            after = paid(columns, name, k)
            if len(after) > 1:
                rows.add(after, lower=0.0)
            if (name, k) in columns["empty"]:
                empty, lift = columns["empty"][name, k], columns["lift"][name, k]
                drop_kwh = sum(d.energy_kwh for d in scope.returning(name, k))
                rows.add([(lift, 1.0), (empty, -drop_kwh)], upper=0.0)
                rows.add([*after, (empty, vehicle.battery_kwh)], upper=vehicle.battery_kwh)


def paid(columns: Columns, name: str, k: int, until_s: float = float("inf")) -> list[Term]:
    """The energy at point `k` after the routes that return there, by `until_s`, are paid."""
    scope, drive = columns.scope, columns["drive"]
    returning = scope.returning(name, k)
    back = [d for d in returning if d.return_s <= until_s]
    terms: list[Term] = [(columns["energy"][name, k], 1.0)]
    terms += [(drive[name, d.route], -d.energy_kwh) for d in back]
    if (name, k) in columns["lift"] and len(back) == len(returning):
        terms.append((columns["lift"][name, k], 1.0))
    return terms
