"""Law 6: power at most the charge curve at the energy reached at the part's end.

Where the curve bends downwards its pieces are linear cuts. Where it bends upwards somewhere, a
binary says in which of its downward-bending runs the part ends.
"""

from __future__ import annotations

from collections.abc import Sequence

from planner.drafts.curve import Piece, concave_runs, flat_kwh
from planner.drafts.curve import curve as pieces_of
from planner.linear.columns import Columns
from planner.linear.rows import Rows, Term
from planner.snapshot import Snapshot


def applies(snapshot: Snapshot) -> bool:
    return any(v.charge_curve for v in snapshot.vehicles)


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    scope, kw, energy = columns.scope, columns["kw"], columns["energy"]
    for name, vehicle in scope.chosen.vehicles.items():
        if not vehicle.charge_curve:
            continue
        pieces = pieces_of(vehicle)
        runs, flat = concave_runs(pieces), dict[float, float]()
        for then in columns.levels[name]:
            k = then - 1
            groups = scope.where[name][k] if k >= 0 else ()
            if not groups:
                continue
            power: list[Term] = [(kw[name, g, k], 1.0) for g in groups]
            step = int(scope.parts[name].step[k])
            most_kw = max(scope.most_kw(name, g, step) for g in groups)
            reached, high_kwh = energy[name, then], columns.most_kwh[name][then]
            if most_kw not in flat:
                flat[most_kw] = flat_kwh(pieces, most_kw)
            if high_kwh <= flat[most_kw] + 1e-9:
                continue
            reachable = [run for run in runs if run[0].low_kwh < high_kwh - 1e-6]
            if len(reachable) == 1:
                _cut(rows, power, reached, reachable[0], most_kw, high_kwh)
            else:
                _regions(columns, rows, (name, k), power, most_kw, reachable)


def _cut(
    rows: Rows,
    power: Sequence[Term],
    reached: int,
    run: Sequence[Piece],
    most_kw: float,
    high_kwh: float,
) -> None:
    for piece in run:
        if min(piece.kw(0.0), piece.kw(high_kwh)) < most_kw - 1e-9:
            rows.add([*power, (reached, -piece.slope)], upper=piece.kw_at_zero)


def _regions(
    columns: Columns,
    rows: Rows,
    cell: tuple[str, int],
    power: Sequence[Term],
    most_kw: float,
    runs: Sequence[Sequence[Piece]],
) -> None:
    """One region holds; outside its own region a cut is loosened by all that it could forbid."""
    name, k = cell
    reached, high_kwh = columns["energy"][name, k + 1], columns.most_kwh[name][k + 1]
    regions = [
        columns.add("region", (name, k, i), 0.0, 1.0, integral=True) for i in range(len(runs))
    ]
    rows.add([(c, 1.0) for c in regions], lower=1.0, upper=1.0)
    tops = [(c, -min(run[-1].high_kwh, high_kwh)) for c, run in zip(regions, runs, strict=True)]
    rows.add([(reached, 1.0), *tops], upper=0.0)
    lows = [(c, -run[0].low_kwh) for c, run in zip(regions, runs, strict=True)]
    rows.add([(reached, 1.0), *lows], lower=0.0)
    for region, run in zip(regions, runs, strict=True):
        for piece in run:
            loose = max(most_kw - min(piece.kw(0.0), piece.kw(high_kwh)), 0.0)
            rows.add(
                [*power, (reached, -piece.slope), (region, loose)],
                upper=piece.kw_at_zero + loose,
            )
