"""What rules on the energy to spare at a departure share: each lack of it has its price."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from planner.constraints.energy import paid
from planner.drafts.choices import Drive
from planner.drafts.draft import Draft, charges_of, trace
from planner.drafts.timeline import Timeline
from planner.linear.columns import Columns
from planner.linear.rows import Rows
from planner.linear.scope import point_before
from planner.snapshot import Snapshot

Points = Sequence[tuple[float, float]]
"""(kWh that are lacking, penalty) from (0, 0) on, bending upwards, straight between. The last lack
is that of a vehicle with nothing to spare: what is missing of the need itself costs no more."""


def add_spare(
    columns: Columns, rows: Rows, rule: str, points_of: Callable[[Drive], Points]
) -> None:
    """The penalty lies above the line through each piece of its curve."""
    scope, drive, short = columns.scope, columns["drive"], columns["short"]
    for vehicle, drives in scope.chosen.drives.items():
        for d in drives:
            points = points_of(d)
            if points[-1][0] <= 0:
                continue
            k = point_before(scope.points[vehicle], d.depart_s)
            there = paid(columns, vehicle, k, d.depart_s)
            if (vehicle, d.route) in short:
                there.append((short[vehicle, d.route], 1.0))
            column = columns.add("soft", (rule, vehicle, d.route), 0.0, points[-1][1])
            wanted_kwh = d.need_kwh + points[-1][0]
            for (lack, penalty), (more, higher) in pairwise(points):
                slope = (higher - penalty) / (more - lack)
                of_drive = penalty + slope * (wanted_kwh - lack)
                energy = [(c, slope * x) for c, x in there]
                rows.add([(column, 1.0), *energy, (drive[vehicle, d.route], -of_drive)], lower=0.0)


def spare_cost(
    snapshot: Snapshot, line: Timeline, draft: Draft, points_of: Callable[[Drive], Points]
) -> float:
    charges, total = charges_of(draft.visits), 0.0
    for vehicle in snapshot.vehicles:
        drives = draft.drives.get(vehicle.id, ())
        departures = trace(vehicle, drives, charges.get(vehicle.id, ()), line).departures
        for d, energy_kwh in departures:
            points = points_of(d)
            total += _penalty(points, points[-1][0] - max(energy_kwh - d.need_kwh, 0.0))
    return total


def _penalty(points: Points, lack_kwh: float) -> float:
    for (lack, penalty), (more, higher) in pairwise(points):
        if lack_kwh <= more:
            share = (lack_kwh - lack) / (more - lack) if more > lack else 0.0
            return max(0.0, penalty + share * (higher - penalty))
    return points[-1][1]
