"""Law 9: the site's battery, and law 7's export limit, which it alone could break."""

from __future__ import annotations

import numpy as np

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
    line, powers = columns.scope.line, columns.powers
    for t in range(line.steps):
        use_kw = float(line.fixed_import_kw[t] + line.export_limit_kw[t])
        if use_kw >= columns.upper[columns["discharge"][t]]:
            continue
        mine = np.flatnonzero(powers.step == t)
        starts_s, ends_s = powers.start_s[mine], powers.end_s[mine]
        edges = {t * line.step_s, *starts_s.tolist(), *ends_s.tolist()}
        flow = [(columns["charge"][t], 1.0), (columns["discharge"][t], -1.0)]
        for at_s in sorted(edges - {(t + 1) * line.step_s}):
            row = rows.add(flow, lower=-max(use_kw, 0.0))
            here = (starts_s <= at_s) & (at_s < ends_s)
            rows.extend(row, powers.column[mine[here]], 1.0)
