"""The plan that does nothing: what is left when every algorithm has failed its audit."""

from __future__ import annotations

import numpy as np

from planner.drafts.assemble import assemble
from planner.drafts.choices import choices
from planner.drafts.draft import Draft
from planner.drafts.timeline import timeline
from planner.plan import Plan
from planner.snapshot import Snapshot


def nothing(snapshot: Snapshot, seed: int) -> Plan:
    """No charging; no route is driven but those whose vehicles are given."""
    line = timeline(snapshot)
    chosen = choices(snapshot, line)
    drives = {v: list(d) if chosen.given else [] for v, d in chosen.drives.items()}
    battery_kw = None if snapshot.site.battery is None else np.zeros(line.steps)
    return assemble(
        snapshot,
        line,
        chosen,
        Draft(drives=drives, visits=[], battery_kw=battery_kw),
        algorithm="nothing",
        seed=seed,
        status="fallback",
        unserved_reason=lambda route: chosen.hopeless.get(route, "no algorithm found a plan"),
        stay_reason=lambda _: "",
    )
