"""Laws 7 and 10: the site's mean import of each step, bought or sold, with pv curtailed only as the
export limit demands (wholly what would be sold at a negative price)."""

from __future__ import annotations

import numpy as np

from planner.linear.columns import Columns
from planner.linear.rows import Rows, Term
from planner.snapshot import Snapshot

_FLOWS = {"buy": 1.0, "sell": -1.0, "charge": -1.0, "discharge": 1.0, "curtail": -1.0}
"""By block of columns, what comes from the grid and what the site's side makes of it."""


def applies(snapshot: Snapshot) -> bool:
    return True


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    """The rows of the steps are named `balance`; what is sold is bounded by its column."""
    line, powers = columns.scope.line, columns.powers
    fixed_kw = (line.fixed_import_kw - line.pv_kw).tolist()
    first = rows.empty(fixed_kw, fixed_kw, name="balance")
    for block, sign in _FLOWS.items():
        rows.extend(first + np.array(list(columns[block]), np.int64), columns.numbers(block), sign)
    rows.extend(first + powers.step, powers.column, -powers.hours / line.step_h)
    for t in range(line.steps):
        _one_way(columns, rows, t)
        if 0 in columns["peak"]:
            peak = [(columns["peak"][0], 1.0), *((c, -x) for c, x in _net(columns, t))]
            rows.add(peak, lower=-snapshot.site.peak_so_far_kw)


def _net(columns: Columns, t: int) -> list[Term]:
    buy, sell = columns["buy"], columns["sell"]
    return [(buy[t], 1.0), (sell[t], -1.0)] if t in sell else [(buy[t], 1.0)]


def _one_way(columns: Columns, rows: Rows, t: int) -> None:
    """Never bought and sold at once, and pv curtailed only at the floor, where a price tempts."""
    buy, line = columns["buy"][t], columns.scope.line
    if t in columns["selling"]:
        selling, sell = columns["selling"][t], columns["sell"][t]
        rows.add([(sell, 1.0), (selling, -columns.upper[sell])], upper=0.0)
        rows.add([(buy, 1.0), (selling, columns.upper[buy])], upper=columns.upper[buy])
    if t in columns["curtailing"]:
        curtailing, curtail = columns["curtailing"][t], columns["curtail"][t]
        rows.add([(curtail, 1.0), (curtailing, -columns.upper[curtail])], upper=0.0)
        most_kw = columns.upper[buy]
        loose_kw = most_kw - float(line.floor_kw[t])
        rows.add([*_net(columns, t), (curtailing, loose_kw)], upper=most_kw)
