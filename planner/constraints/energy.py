"""Law 3: a vehicle's energy moves by what it charges and drops by each route when it returns.

In `charging` mode a vehicle drives all the same and comes home empty where there is too little.
"""

from __future__ import annotations

import itertools

import numpy as np

from planner.linear.columns import Columns
from planner.linear.rows import Rows, Term
from planner.snapshot import Snapshot


def applies(snapshot: Snapshot) -> bool:
    return True


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    scope = columns.scope
    for name, vehicle in scope.chosen.vehicles.items():
        _moves(columns, rows, name)
        for k in columns.levels[name]:
            after = paid(columns, name, k)
            if len(after) > 1:
                rows.add(after, lower=0.0)
            if (name, k) in columns["empty"]:
                empty, lift = columns["empty"][name, k], columns["lift"][name, k]
                rows.add([(lift, 1.0), (empty, -scope.drops_kwh(name).get(k, 0.0))], upper=0.0)
                rows.add([*after, (empty, vehicle.battery_kwh)], upper=vehicle.battery_kwh)
            if (name, k) in columns["lift"]:
                _no_more_than_missing(columns, rows, name, k)


def _no_more_than_missing(columns: Columns, rows: Rows, name: str, k: int) -> None:
    """What a route takes more than there is was missing at its departure already. The binaries say
    so too; their relaxation would let a vehicle come home with energy from nowhere."""
    scope, back = columns.scope, columns.scope.returning(name, k)
    if len(back) != 1 or (name, back[0].route) not in columns["short"]:
        return
    drive = back[0]
    others = [d for d in scope.chosen.drives[name] if d is not drive]
    if all(d.return_s <= drive.depart_s or drive.return_s <= d.depart_s for d in others):
        terms = [(columns["lift"][name, k], 1.0), (columns["short"][name, drive.route], -1.0)]
        rows.add(terms, upper=max(0.0, drive.energy_kwh - drive.need_kwh))


def _moves(columns: Columns, rows: Rows, name: str) -> None:
    """From one level to the next what is charged in the parts between is added."""
    levels, energy = columns.levels[name], columns["energy"]
    first = len(rows.lower)
    for k, then in itertools.pairwise(levels):
        terms: list[Term] = [(c, -x) for c, x in paid(columns, name, k)]
        rows.add([(energy[name, then], 1.0), *terms], lower=0.0, upper=0.0)
    powers = columns.powers
    own = powers.of(name)
    row = first + np.searchsorted(levels, powers.part[own], side="right") - 1
    gained = -columns.scope.chosen.vehicles[name].efficiency * powers.hours[own]
    rows.extend(row, powers.column[own], gained)


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
