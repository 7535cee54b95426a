"""Several plans that are as good in what matters first, and yet different: a choice for people.

The first is what `solve` gives. Each other one comes from the same depot less one thing the plans
so far rely on: a route may not be driven by the vehicle that drives it there, or a connector is
not used. What is lawful in such a depot is so in the whole one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cmp_to_key
from random import Random
from typing import Final

from planner.algorithms.at_hand import KWH, UNSERVED, better
from planner.check import audit
from planner.drafts.timeline import timeline
from planner.linear.clock import Deadline, clamp_time
from planner.params import Params
from planner.plan import Plan, Unserved
from planner.snapshot import Route, Snapshot
from planner.solve import MAX_BUDGET_S, solve

DIFFERENT_KWH: Final = 0.1
"""Plans differ when some vehicle gets this much more or less at some connector in some step."""

_FIRST_SHARE: Final = 0.5
"""Of the budget, for the first plan; the others share the rest."""


def solutions(
    snapshot: Snapshot, params: Params, budget_s: float, seed: int, count: int
) -> list[Plan]:
    """Up to `count` audited plans, best first, any two different in allocations or stays.

    All serve as many routes as the first and are no further short; fewer than `count` are found
    where the depot or the budget allows no more. Raises ValueError as `solve` does.
    """
    deadline = Deadline.after(clamp_time(budget_s, MAX_BUDGET_S))
    first = solve(snapshot, params, deadline.left_s * (_FIRST_SHARE if count > 1 else 1.0), seed)
    found = [first]
    narrowed = list(_narrowed(snapshot, first)) if count > 1 else []
    Random(seed).shuffle(narrowed)
    tries = [(smaller, again) for again in _again(params) for smaller in narrowed]
    for i, (smaller, again) in enumerate(tries):
        if len(found) == count or deadline.left_s <= 0:
            break
        share_s = deadline.left_s / min(len(tries) - i, 2 * (count - len(found)))
        plan = _as_of(first, solve(smaller, again, share_s, seed))
        good = _as_good(plan, first) and not audit(snapshot, plan)
        if good and all(differ(snapshot, plan, other) for other in found):
            found.append(plan)
    return sorted(found, key=cmp_to_key(_order))


def _again(params: Params) -> list[Params]:
    """What is quick first, so that time is left for what it does not find."""
    quick = ("lp",) if params.algorithm == "joint" else ()
    return [replace(params, algorithm=name) for name in (*quick, params.algorithm)]


def differ(snapshot: Snapshot, a: Plan, b: Plan) -> bool:
    """Whether routes have other vehicles, or vehicles charge otherwise, beyond rounding."""
    if set(a.allocations) != set(b.allocations):
        return True
    one, other = _energies(snapshot, a), _energies(snapshot, b)
    keys = one.keys() | other.keys()
    return any(abs(one.get(k, 0.0) - other.get(k, 0.0)) > DIFFERENT_KWH for k in keys)


def _energies(snapshot: Snapshot, plan: Plan) -> dict[tuple[str, str, int, int], float]:
    """kWh by vehicle, connector and step."""
    line = timeline(snapshot)
    found: dict[tuple[str, str, int, int], float] = {}
    for stay in plan.stays:
        for period in stay.periods:
            for a, b, step in line.cut(line.seconds(period.start), line.seconds(period.end)):
                key = stay.vehicle, *stay.key, step
                found[key] = found.get(key, 0.0) + period.kw * (b - a) / 3600
    return found


def _narrowed(snapshot: Snapshot, plan: Plan) -> Iterator[Snapshot]:
    if snapshot.mode != "charging":
        for allocation in plan.allocations:
            routes = tuple(
                _without(r, allocation.vehicle, snapshot) if r.id == allocation.route else r
                for r in snapshot.routes
            )
            yield replace(snapshot, routes=routes)
    for key in sorted({stay.key for stay in plan.stays}):
        connectors = tuple(
            replace(c, controllable=False, load_kw=0.0) if c.key == key else c
            for c in snapshot.connectors
        )
        yield replace(snapshot, connectors=connectors)


def _without(route: Route, vehicle: str, snapshot: Snapshot) -> Route:
    """A route that `vehicle` cannot drive: its consumption there is unknown (law 2)."""
    known = {v.id: route.energy_for(v.id) for v in snapshot.vehicles if v.id != vehicle}
    energy_kwh: dict[str, float | None] = {n: kwh for n, kwh in known.items() if kwh is not None}
    return replace(route, energy_kwh=energy_kwh)


def _as_of(first: Plan, plan: Plan) -> Plan:
    """What the smaller depot made of it is told of the whole one: no bound holds there, and a route
    that only this plan leaves out is left out by choice."""
    drivers = {a.route: a.vehicle for a in first.allocations}
    unserved = tuple(
        Unserved(route=u.route, reason=f"left out here; {drivers[u.route]} could drive it instead")
        if u.route in drivers
        else u
        for u in plan.unserved
    )
    status = "feasible" if plan.status == "optimal" else plan.status
    return replace(plan, status=status, bound=None, unserved=unserved)


def _as_good(plan: Plan, first: Plan) -> bool:
    """In the tiers above money."""
    one, other = plan.objective, first.objective
    fewer = one.unserved <= other.unserved + UNSERVED
    return fewer and one.shortfall_kwh <= other.shortfall_kwh + KWH


def _order(a: Plan, b: Plan) -> int:
    return int(better(b.objective, a.objective)) - int(better(a.objective, b.objective))
