"""Law 6: power is 0 or at least the connector's minimum.

A mean below the minimum is drawn as a burst at the minimum for a while, so a binary is needed only
in the parts (`stepped`) where such bursts together would exceed a limit.
"""

from __future__ import annotations

from planner.linear.columns import Columns
from planner.linear.rows import Rows
from planner.snapshot import Snapshot


def applies(snapshot: Snapshot) -> bool:
    return any(c.min_kw > 0 for c in snapshot.connectors)


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    scope, kw, on, burst = columns.scope, columns["kw"], columns["on"], columns["burst"]
    for name, g, k in on:
        part = scope.parts[name][k]
        place = (name, g, k)
        most_kw, min_kw = scope.most_kw(name, g, part.step), scope.groups[g].min_kw
        rows.add([(kw[place], 1.0), (on[place], -most_kw)], upper=0.0)
        rows.add([(burst[place], 1.0), (kw[place], -1.0)], lower=0.0)
        rows.add([(burst[place], 1.0), (on[place], -min_kw)], lower=0.0)
        if place in scope.steady:
            rows.add([(kw[place], 1.0), (on[place], -min_kw)], lower=0.0)
