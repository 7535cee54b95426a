"""When a plan is asked for, and what becomes of the answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

from pydantic import TypeAdapter

from daemon.core.alerts import alert
from daemon.core.clocks import EARLIEST
from daemon.core.depot import Applied, Depot
from daemon.core.effects import Effect, Note, Publish, Save, StartPlanning
from daemon.core.events import PlanFailed, PlanReady
from daemon.core.instant import Now
from daemon.core.lacking import tell_lacking
from daemon.core.records import PlanRecord, SnapshotRecord
from daemon.core.snapshot import take
from daemon.core.station import Evse
from planner.codec import dump_plan, dump_snapshot
from planner.params import Params
from planner.plan import Plan, Stay
from planner.series import Point, Series
from planner.snapshot import Snapshot
from protocol.mqtt import topics

PARAMS: TypeAdapter[Params] = TypeAdapter(Params)
# An alert names so many vehicles.
NAMED = 10


def start_if_due(depot: Depot, now: Now) -> Iterator[Effect]:
    """One planning at a time; what happens meanwhile is gathered for the next."""
    due_s = depot.trigger.due_s()
    if depot.planning is not None or due_s is None or now.monotonic_s < due_s:
        return
    if now.utc < EARLIEST:
        return  # told once at the start; the reasons wait until the clock is right
    reasons = depot.trigger.take(now.monotonic_s)
    yield from _tell_incomplete(depot, now)
    revision = depot.revision + 1
    try:
        snapshot = take(depot, revision, now)
    except ValueError as error:
        text = f"no snapshot can be taken, the last plan stands: {error}"
        yield from alert(depot, now, "snapshot_invalid", text, severity="critical")
        return
    depot.revision = revision
    depot.planning, depot.candidate = snapshot, None
    yield Save(
        record=SnapshotRecord(
            revision=revision,
            taken_at=snapshot.taken_at,
            snapshot_json=dump_snapshot(snapshot),
            params_json=PARAMS.dump_json(depot.site.params).decode(),
            budget_s=depot.site.deadline_s,
            seed=depot.site.seed,
            trigger=reasons,
        )
    )
    yield Note(name="planning_started", fields={"revision": revision, "trigger": reasons})
    yield StartPlanning(
        snapshot=snapshot,
        params=depot.site.params,
        budget_s=depot.site.deadline_s,
        seed=depot.site.seed,
        trigger=reasons,
    )


def _tell_incomplete(depot: Depot, now: Now) -> Iterator[Effect]:
    """Vehicles that no plan can hold, once each and again when other keys are missing."""
    before, depot.incomplete = depot.incomplete, _incomplete(depot)
    new = {v: keys for v, keys in depot.incomplete.items() if before.get(v) != keys}
    if not new:
        return
    named = [f"{v} ({', '.join(keys)})" for v, keys in list(new.items())[:NAMED]]
    more = f" and {len(new) - NAMED} more" if len(new) > NAMED else ""
    text = (
        "not planned, as neither the settings nor fleet/vehicles/ID over MQTT tell the keys in "
        f"parentheses: {', '.join(named)}{more}"
    )
    yield from alert(depot, now, "vehicle_incomplete", text)


def _incomplete(depot: Depot) -> dict[str, tuple[str, ...]]:
    return {id: belief.missing for id, belief in depot.vehicles.items() if belief.vehicle is None}


def on_ready(depot: Depot, event: PlanReady, now: Now) -> Iterator[Effect]:
    """A plan for anything but the newest snapshot is dropped whole. A first quick one is followed
    at once only where a vehicle waits for it: each plan that is replaced costs profiles."""
    snapshot = depot.planning
    if snapshot is None or event.revision != snapshot.revision:
        yield Note(name="plan_outdated", fields={"revision": event.revision})
        return
    depot.candidate = event.plan
    if event.final or depot.applied is None or _waiting(depot):
        yield from _follow(depot, snapshot, event.plan, now)
    if event.final:
        yield from _end_planning(depot, event.revision, event.steps_down)


def on_failed(depot: Depot, event: PlanFailed, now: Now) -> Iterator[Effect]:
    """The best plan that came before the failure is followed: it was audited like any other. With
    none, the last revision's stands."""
    snapshot, candidate = depot.planning, depot.candidate
    if snapshot is None or event.revision != snapshot.revision:
        return
    if candidate is not None:
        yield from _follow(depot, snapshot, candidate, now)
        yield from _end_planning(depot, event.revision, (event.reason,))
        return
    depot.planning = None
    depot.trigger.failures += 1
    depot.trigger.ask("planner failed", now.monotonic_s)
    text = f"planning of revision {event.revision} failed, the last plan stands: {event.reason}"
    yield from alert(depot, now, "planner_failed", text)


def _follow(depot: Depot, snapshot: Snapshot, plan: Plan, now: Now) -> Iterator[Effect]:
    before = depot.applied.snapshot.horizon.limited_by if depot.applied is not None else None
    yield from _tell_window(depot, before, snapshot, now)
    depot.applied = Applied(snapshot=snapshot, plan=plan, made_at=now.utc)
    for _, evse in depot.evses():
        evse.off_plan_kwh = 0.0
    set_targets(depot)
    text = dump_plan(plan)
    yield Save(
        record=PlanRecord(
            revision=plan.revision,
            made_at=now.utc,
            plan_json=text,
            status=plan.status,
            applied=True,
        )
    )
    yield Note(name="plan_applied", fields=_summary(plan))
    yield from tell_lacking(depot, plan, now)
    yield publish_plan(text)


def _tell_window(
    depot: Depot, before: str | None, snapshot: Snapshot, now: Now
) -> Iterator[Effect]:
    """Once when what the window ends at changes, not with each plan in between."""
    horizon = snapshot.horizon
    if horizon.limited_by == before:
        return
    if horizon.limited_by is None:
        text = f"the window is {horizon.hours:g} h long again"
        yield from alert(depot, now, "window_whole", text, severity="info")
        return
    # Beyond what is known the plan rests on a guess.
    guesses = any(until < snapshot.end for until in depot.known_until.values())
    text = f"the window is {horizon.hours:g} h long: {horizon.limited_by}"
    severity = "warning" if guesses else "info"
    yield from alert(depot, now, "window_shortened", text, severity=severity)


def _end_planning(depot: Depot, revision: int, steps_down: tuple[str, ...]) -> Iterator[Effect]:
    depot.planning = depot.candidate = None
    depot.trigger.failures = 0
    for step in steps_down:
        yield Note(
            name="planner_stepped_down",
            level="warning",
            fields={"revision": revision, "what": step},
        )


def set_targets(depot: Depot) -> None:
    """Hands each EVSE its part of the plan; a stay whose vehicle is not there is dropped, and a
    vehicle that the plan has not seen there has no target yet."""
    if depot.applied is None:
        return
    plan, snapshot = depot.applied.plan, depot.applied.snapshot
    start, end = snapshot.taken_at, snapshot.end
    for station, evse in depot.evses():
        vehicle = depot.vehicle_at(evse)
        if evse.targeted is not None and evse.targeted[0] is plan and evse.targeted[1] == vehicle:
            continue
        evse.targeted = (plan, vehicle)
        if vehicle is None:
            evse.target = None
            continue
        here = (station.id, evse.spec.connector)
        stays = [stay for stay in plan.stays if stay.key == here and stay.vehicle == vehicle]
        was_seen = stays or _saw(snapshot, vehicle, here)
        evse.target = _target(stays, start, end, evse) if was_seen else None
    depot.dirty = True


def _saw(snapshot: Snapshot, vehicle: str, here: tuple[str, int]) -> bool:
    plugged = (v.plugged for v in snapshot.vehicles if v.id == vehicle)
    return any(connector is not None and connector.key == here for connector in plugged)


def _target(stays: list[Stay], start: datetime, end: datetime, evse: Evse) -> Series:
    """The power of the stays, 0 between them, and the fallback when the plan has run out."""
    values = {start: 0.0, end: evse.fallback_kw}
    for stay in stays:
        for period in stay.periods:
            values[period.start] = period.kw
            values.setdefault(period.end, 0.0)
    points = tuple(Point(at=at, value=max(kw, 0.0)) for at, kw in sorted(values.items()))
    return Series(points=points)


def _waiting(depot: Depot) -> bool:
    """Whether a known vehicle stands plugged in with no plan for it yet."""
    return any(
        evse.target is None and depot.vehicle_at(evse) is not None for _, evse in depot.evses()
    )


def publish_plan(plan_json: str) -> Publish:
    return Publish(topic=topics.PLAN, payload=json.loads(plan_json))


def _summary(plan: Plan) -> dict[str, object]:
    return {
        "revision": plan.revision,
        "status": plan.status,
        "algorithm": plan.algorithm,
        "allocated": len(plan.allocations),
        "unserved": len(plan.unserved),
        "shortfall_kwh": round(plan.objective.shortfall_kwh, 3),
        "money": round(plan.objective.money, 2),
    }
