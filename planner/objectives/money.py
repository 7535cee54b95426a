"""Tier 3: the price of the import less the export, of the peak, and of the battery's wear."""

from __future__ import annotations

from planner.linear.columns import Columns
from planner.linear.rows import Term
from planner.snapshot import Snapshot


def terms(columns: Columns, snapshot: Snapshot) -> list[Term]:
    line, site = columns.scope.line, snapshot.site
    found: list[Term] = []
    for t, c in columns["buy"].items():
        found.append((c, line.step_h * float(line.import_price[t])))
    for t, c in columns["sell"].items():
        found.append((c, -line.step_h * float(line.export_price[t])))
    for c in columns["peak"].values():
        found.append((c, site.peak_price_per_kw))
    if site.battery is not None:
        wear = site.battery.wear_per_kwh * line.step_h
        found += [(c, wear) for c in columns["discharge"].values()]
    return found
