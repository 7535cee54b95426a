"""Law 9: the site's battery, and law 7's export limit, which it alone could break."""

from __future__ import annotations

from planner.linear.columns import Columns
from planner.linear.rows import Rows
from planner.snapshot import Snapshot


def applies(snapshot: Snapshot) -> bool:
    return snapshot.site.battery is not None


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    battery = snapshot.site.battery
    assert battery is not None
    hours = columns.scope.line.step_h
    charge, discharge, stored = columns["charge"], columns["discharge"], columns["stored"]
    for t in range(columns.scope.line.steps):
        rows.add(
            [
                (stored[t + 1], 1.0),
                (stored[t], -1.0),
                (charge[t], -hours * battery.charge_efficiency),
                (discharge[t], hours / battery.discharge_efficiency),
            ],
            lower=0.0,
            upper=0.0,
        )
        if t in columns["charging"]:
            charging = columns["charging"][t]
            most = columns.upper[charge[t]], columns.upper[discharge[t]]
            rows.add([(charge[t], 1.0), (charging, -most[0])], upper=0.0)
            rows.add([(discharge[t], 1.0), (charging, most[1])], upper=most[1])
    _export(columns, rows)


def _export(columns: Columns, rows: Rows) -> None:
    """What the battery gives is used or sold at every instant; pv could be curtailed, this not."""
    scope, line = columns.scope, columns.scope.line
    by_step: dict[int, list[tuple[str, int, int]]] = {}
    for name, g, k in columns["kw"]:
        by_step.setdefault(scope.parts[name][k].step, []).append((name, g, k))
    for t in range(line.steps):
        use_kw = float(line.fixed_import_kw[t] + line.export_limit_kw[t])
        if use_kw >= columns.upper[columns["discharge"][t]]:
            continue
        places = by_step.get(t, [])
        start_s, end_s = t * line.step_s, (t + 1) * line.step_s
        edges = {start_s, end_s}
        for name, _, k in places:
            edges |= {scope.parts[name][k].start_s, scope.parts[name][k].end_s}
        for at_s in sorted(edges - {end_s}):
            here = [
                (columns["kw"][p], 1.0)
                for p in places
                if scope.parts[p[0]][p[2]].start_s <= at_s < scope.parts[p[0]][p[2]].end_s
            ]
            flow = [(columns["charge"][t], 1.0), (columns["discharge"][t], -1.0)]
            rows.add([*here, *flow], lower=-max(use_kw, 0.0))
