"""Laws 7 and 10: the site's mean import of each step, bought or sold, with pv curtailed only as the
export limit demands (wholly what would be sold at a negative price)."""

from __future__ import annotations

from planner.linear.columns import Columns
from planner.linear.rows import Rows, Term
from planner.snapshot import Snapshot


def applies(snapshot: Snapshot) -> bool:
    return True


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    scope, line = columns.scope, columns.scope.line
    used: list[list[Term]] = [[] for _ in range(line.steps)]
    for (name, _, k), column in columns["kw"].items():
        part = scope.parts[name][k]
        used[part.step].append((column, -part.hours / line.step_h))
    for t in range(line.steps):
        net: list[Term] = [(columns["buy"][t], 1.0), (columns["sell"][t], -1.0)]
        terms = [*net, *used[t]]
        if t in columns["charge"]:
            terms += [(columns["charge"][t], -1.0), (columns["discharge"][t], 1.0)]
        if t in columns["curtail"]:
            terms.append((columns["curtail"][t], -1.0))
        fixed_kw = float(line.fixed_import_kw[t] - line.pv_kw[t])
        rows.add(terms, lower=fixed_kw, upper=fixed_kw)
        rows.add(net, lower=float(min(line.floor_kw[t], line.fixed_import_kw[t])))
        _one_way(columns, rows, t)
        if 0 in columns["peak"]:
            peak = [(columns["peak"][0], 1.0), *((c, -x) for c, x in net)]
            rows.add(peak, lower=-snapshot.site.peak_so_far_kw)


def _one_way(columns: Columns, rows: Rows, t: int) -> None:
    """Never bought and sold at once, and pv curtailed only at the floor, where a price tempts."""
    buy, sell = columns["buy"][t], columns["sell"][t]
    if t in columns["selling"]:
        selling = columns["selling"][t]
        rows.add([(sell, 1.0), (selling, -columns.upper[sell])], upper=0.0)
        rows.add([(buy, 1.0), (selling, columns.upper[buy])], upper=columns.upper[buy])
    if t in columns["curtailing"]:
        curtailing, curtail = columns["curtailing"][t], columns["curtail"][t]
        rows.add([(curtail, 1.0), (curtailing, -columns.upper[curtail])], upper=0.0)
        most_kw = columns.upper[buy]
        rows.add(
            [(buy, 1.0), (sell, -1.0), (curtailing, most_kw)],
            upper=most_kw + float(columns.scope.line.floor_kw[t]),
        )
