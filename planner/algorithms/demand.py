"""What each visit is asked to charge, for the algorithms that look no further ahead than that."""

from __future__ import annotations

from collections.abc import Sequence

from planner.drafts.choices import Drive
from planner.drafts.draft import Visit, at_depot_at_end
from planner.drafts.timeline import Timeline
from planner.snapshot import Vehicle

MARGIN_KWH = 1e-4
"""Asked for above the need at a departure, so that rounding never leaves it short."""


def wanted_kwh(
    vehicle: Vehicle,
    drives: Sequence[Drive],
    visits: Sequence[Visit],
    power_kw: float,
    line: Timeline,
) -> list[float]:
    """The energy wanted at the end of each visit: the need of the departure that follows, and of
    later ones what `power_kw` in the visits between could not add. The last visit also wants the
    target where the vehicle is at the depot at the horizon's end."""
    ends = [(visit.end_s, 0, i) for i, visit in enumerate(visits)]
    departs = [(drive.depart_s, 1, i) for i, drive in enumerate(drives)]
    returns = [(d.return_s, 2, i) for i, d in enumerate(drives) if d.return_s <= line.end_s]
    want = vehicle.target_kwh if at_depot_at_end(vehicle, drives, line) else 0.0
    wants = [0.0] * len(visits)
    for _, kind, i in sorted((*ends, *departs, *returns), reverse=True):
        if kind == 0:
            wants[i] = min(want, vehicle.battery_kwh)
            hours = (visits[i].end_s - visits[i].start_s) / 3600
            want = max(0.0, want - vehicle.efficiency * power_kw * hours)
        elif kind == 1:
            want = max(want, drives[i].need_kwh + MARGIN_KWH)
        elif want > 0:
            want += drives[i].energy_kwh
    return wants
