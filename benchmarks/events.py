"""What happens after a plan: the next snapshot, with the plan as its `previous`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

from planner.plan import Plan
from planner.snapshot import Previous, Snapshot


def following(snapshot: Snapshot, plan: Plan) -> Snapshot:
    """The same depot, planned again with what the plan decided before."""
    return replace(
        snapshot,
        revision=snapshot.revision + 1,
        previous=Previous(allocations=plan.allocations, stays=plan.stays),
    )


def late(snapshot: Snapshot, vehicle: str, minutes: float) -> Snapshot:
    """The vehicle comes back later; raises KeyError for one that is not there."""
    delay = timedelta(minutes=minutes)
    fleet = {v.id: v for v in snapshot.vehicles}
    delayed = replace(fleet[vehicle], available_from=fleet[vehicle].available_from + delay)
    return replace(
        snapshot, vehicles=tuple(delayed if v.id == vehicle else v for v in snapshot.vehicles)
    )


def expected(snapshot: Snapshot, plan: Plan, seed: int) -> str:
    """A vehicle that is still out and has a route in the plan: one whose delay matters.

    Raises ValueError where there is none.
    """
    busy = {a.vehicle for a in plan.allocations}
    out = [v.id for v in snapshot.vehicles if v.available_from > snapshot.taken_at]
    able = sorted(busy & set(out))
    if not able:
        raise ValueError("no vehicle is still out and has a route")
    return Random(seed).choice(able)
