"""Law 2: each route has at most one vehicle, and each vehicle at most its number of routes."""

from __future__ import annotations

from planner.linear.columns import Columns
from planner.linear.rows import Rows
from planner.snapshot import Snapshot


def applies(snapshot: Snapshot) -> bool:
    return snapshot.mode != "charging"


def add(columns: Columns, rows: Rows, snapshot: Snapshot) -> None:
    by_route: dict[str, list[int]] = {}
    by_vehicle: dict[str, list[int]] = {}
    for (vehicle, route), column in columns["drive"].items():
        by_route.setdefault(route, []).append(column)
        by_vehicle.setdefault(vehicle, []).append(column)
    for found in by_route.values():
        rows.add([(c, 1.0) for c in found], upper=1.0)
    most = snapshot.rules.max_routes_per_vehicle
    for found in by_vehicle.values():
        if len(found) > most:
            rows.add([(c, 1.0) for c in found], upper=float(most))
