from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any, Literal

import pytest

from benchmarks import events, families
from planner.algorithms.at_hand import better
from planner.algorithms.greedy import greedy
from planner.algorithms.joint import joint
from planner.check import audit
from planner.codec import dump_plan, dump_snapshot, load_snapshot
from planner.drafts.choices import choices
from planner.drafts.timeline import timeline
from planner.params import Params
from planner.plan import Plan
from planner.search.changes import swapped, turned_back
from planner.search.construct import constructed
from planner.search.instance import Instance
from planner.search.search import Search
from planner.search.state import State
from planner.series import Series
from planner.snapshot import Mode, Previous, Snapshot, Vehicle
from planner.soft import ChargerPreference, Soft
from planner.stay import Stay
from tests.planner.depots import random_depot

KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "tight": {"tight": 0.3},
    "scarce": {"connectors": 2, "vehicles": 6, "routes": 8},
    "fixed": {"fixed_loads": True},
    "long": {"hours": 24, "step_minutes": 30},
}


def depot(kind: str, seed: int, mode: Mode = "integrated") -> Snapshot:
    return random_depot(Random(f"kept {kind} {seed}"), mode=mode, **KINDS[kind])


def planned(snapshot: Snapshot, steps: int = 20) -> Plan:
    return joint(snapshot, Params(iterations=steps), 1.0, 0)


def following(snapshot: Snapshot, plan: Plan) -> Snapshot:
    previous = Previous(allocations=plan.allocations, stays=plan.stays)
    return replace(snapshot, revision=snapshot.revision + 1, previous=previous)


def instance_of(snapshot: Snapshot) -> Instance:
    line = timeline(snapshot)
    return Instance(snapshot, line, choices(snapshot, line))


def charging(plan: Plan) -> list[Stay]:
    """The stays without their words; an energy is the same sum in whatever order it was made."""
    return [replace(s, why="", energy_kwh=round(s.energy_kwh, 9)) for s in plan.stays]


def unplugged(snapshot: Snapshot) -> tuple[Vehicle, ...]:
    """A vehicle that was to leave the connector at which it stands may stay there after all."""
    return tuple(replace(v, plugged=None) for v in snapshot.vehicles)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["integrated", "charging"])
def test_nothing_has_changed_so_nothing_changes(kind: str, mode: Mode) -> None:
    for seed in range(2):
        snapshot, where = depot(kind, seed, mode), f"{kind} {mode} seed {seed}"
        snapshot = replace(snapshot, vehicles=unplugged(snapshot))
        before = planned(snapshot)
        again = greedy(following(snapshot, before), Params(), 1.0, 0)
        assert not better(before.objective, again.objective), where
        if not better(again.objective, before.objective):
            assert again.allocations == before.allocations, where
            assert charging(again) == charging(before), where


@pytest.mark.parametrize("kind", ["plain", "tight", "scarce"])
def test_a_plan_is_as_good_again_without_any_steps(kind: str) -> None:
    options = {**KINDS[kind], "battery": True, "pv": True}
    for seed in range(2):
        snapshot = random_depot(Random(f"again {kind} {seed}"), **options)
        before = planned(snapshot)
        again = planned(following(snapshot, before), steps=0)
        assert not better(before.objective, again.objective), f"{kind} seed {seed}"


def late(snapshot: Snapshot, rng: Random) -> Snapshot:
    late = rng.randrange(len(snapshot.vehicles))
    delay = timedelta(minutes=rng.choice((7, 20, 90)))
    fleet = [
        replace(v, available_from=v.available_from + delay, plugged=None) if i == late else v
        for i, v in enumerate(snapshot.vehicles)
    ]
    return replace(snapshot, vehicles=tuple(fleet))


def later(snapshot: Snapshot, rng: Random) -> Snapshot:
    """Some minutes have passed, which moves the steps, and no battery holds what was expected."""
    fleet = [
        replace(v, energy_kwh=min(v.battery_kwh, max(0.0, v.energy_kwh + rng.gauss(0, 0.5))))
        for v in snapshot.vehicles
    ]
    taken_at = snapshot.taken_at + timedelta(seconds=rng.randrange(1, 3000))
    return replace(snapshot, taken_at=taken_at, vehicles=tuple(fleet))


def out_of_service(snapshot: Snapshot, rng: Random) -> Snapshot:
    fleet = list(snapshot.vehicles)
    i = rng.randrange(len(fleet))
    fleet[i] = replace(fleet[i], in_service=False)
    return replace(snapshot, vehicles=tuple(fleet))


def uncontrollable(snapshot: Snapshot, rng: Random) -> Snapshot:
    there = list(snapshot.connectors)
    i = rng.randrange(len(there))
    there[i] = replace(there[i], controllable=False)
    return replace(snapshot, connectors=tuple(there))


def limited(snapshot: Snapshot, rng: Random) -> Snapshot:
    most = max(p.value for p in snapshot.site.import_limit_kw.points)
    lower = Series.constant(rng.uniform(0.3, 0.9) * most)
    return replace(snapshot, site=replace(snapshot.site, import_limit_kw=lower))


EVENTS: list[Callable[[Snapshot, Random], Snapshot]] = [
    late, later, out_of_service, uncontrollable, limited,
]  # fmt: skip


@pytest.mark.parametrize("kind", ["plain", "scarce", "long"])
@pytest.mark.parametrize("event", EVENTS)
def test_after_any_event_the_plan_breaks_no_law(
    kind: str, event: Callable[[Snapshot, Random], Snapshot]
) -> None:
    for seed in range(2):
        rng = Random(f"event {seed}")
        snapshot, where = depot(kind, seed), f"{kind} {event.__name__} seed {seed}"
        after = following(event(snapshot, rng), planned(snapshot, steps=5))
        assert audit(after, greedy(after, Params(), 1.0, 0)) == [], where
        assert audit(after, planned(after, steps=5)) == [], where


@pytest.mark.parametrize("routes", ["first", "longest"])
def test_charging_where_a_connector_is_to_be_left_alone_from_now_on_is_planned_anew(
    routes: Literal["first", "longest"],
) -> None:
    wish = ChargerPreference(costs={"CP01": 1}, routes=routes, hard=True)
    modes: tuple[Mode, ...] = "integrated", "charging"
    broke = 0
    for seed, mode in enumerate(modes):
        snapshot = depot("plain", seed, mode)
        before = planned(snapshot, steps=5)
        rules = replace(snapshot.rules, soft=Soft(charger_preference=wish))
        after = following(replace(snapshot, rules=rules), before)
        broke += bool(audit(after, greedy(following(snapshot, before), Params(), 1.0, 0)))
        assert audit(after, greedy(after, Params(), 1.0, 0)) == [], f"seed {seed}"
        assert audit(after, planned(after, steps=5)) == [], f"seed {seed}"
    assert broke == len(modes)


def test_one_late_vehicle_leaves_the_others_as_they_were() -> None:
    snapshot = random_depot(Random(8), vehicles=8, routes=10, connectors=8, tight=0.9)
    before = planned(snapshot)
    name = before.allocations[0].vehicle
    delay = timedelta(minutes=20)
    fleet = [
        replace(v, available_from=v.available_from + delay, plugged=None) if v.id == name else v
        for v in snapshot.vehicles
    ]
    after = following(replace(snapshot, vehicles=tuple(fleet)), before)
    again = greedy(after, Params(), 1.0, 0)
    assert audit(after, again) == []
    others = [s for s in charging(before) if s.vehicle != name]
    assert others
    assert [s for s in charging(again) if s.vehicle != name] == others


def test_a_route_that_made_way_for_one_that_had_lost_its_vehicle_finds_another() -> None:
    """Energy is scarce here, and 20 minutes cost a vehicle its route. That one finds a place at the
    cost of another route, which is looked after too."""
    snapshot = families.depot("more-routes-than-energy", 12, 20, 4)
    plan = planned(snapshot, 200)
    late = events.following(events.late(snapshot, "V003", 20.0), plan)
    again = planned(late, 0)
    assert not plan.unserved
    assert not again.unserved
    assert not audit(late, again)
    assert {a.route: a.vehicle for a in again.allocations} != {
        a.route: a.vehicle for a in plan.allocations
    }


def test_planned_again_twice_it_is_the_same_to_the_byte() -> None:
    snapshot = depot("scarce", 2)
    after = following(late(snapshot, Random(1)), planned(snapshot))
    read = load_snapshot(dump_snapshot(after))
    assert dump_plan(planned(after)) == dump_plan(planned(read))


def test_what_the_depot_does_not_know_counts_for_nothing_and_is_told() -> None:
    snapshot = depot("plain", 1)
    after = following(snapshot, planned(snapshot))
    assert after.previous is not None
    known = after.previous.stays
    assert known
    ghosts = (
        replace(known[0], vehicle="ghost"),
        replace(known[0], station="nowhere", connector=7),
    )
    haunted = replace(after, previous=replace(after.previous, stays=(*known, *ghosts)))
    plan = greedy(haunted, Params(), 1.0, 0)
    assert audit(haunted, plan) == []
    assert charging(plan) == charging(greedy(after, Params(), 1.0, 0))
    told = "\n".join(plan.notes)
    assert "the stays before of ghost count for nothing: it is no vehicle of the depot" in told
    assert "the stays before at nowhere/7 count for nothing" in told


def test_no_vehicle_changes_where_no_money_is_to_be_had() -> None:
    """At one price for every hour each plan of the same energy costs the same."""
    snapshot = random_depot(Random(21), vehicles=6, routes=8, connectors=6, tight=0.9)
    flat = replace(snapshot.site, import_price_per_kwh=Series.constant(0.2), peak_price_per_kw=0.0)
    snapshot = replace(snapshot, site=flat)
    before = planned(snapshot)
    again = planned(following(snapshot, before), steps=100)
    saved = before.objective.money - again.objective.money
    driven = {a.route: a.vehicle for a in before.allocations}
    changes = sum(driven.get(a.route, a.vehicle) != a.vehicle for a in again.allocations)
    assert 0.01 * changes <= saved + 0.01


def test_a_changed_route_goes_back_with_those_in_its_way() -> None:
    tried = 0
    for seed in range(6):
        snapshot = random_depot(Random(f"back {seed}"), vehicles=6, routes=9, connectors=6)
        other = constructed(instance_of(snapshot))
        search = Search(other, seed)
        for _ in range(40):
            search.step()
        instance = instance_of(following(snapshot, greedy(snapshot, Params(), 1.0, 0)))
        state = State.of(instance, other.draft())
        for drive in swapped(state):
            tried += 1
            before = {d.route for own in state.drives for d in own}
            moved = turned_back(state, drive)
            drives = [moved.get(v, own) for v, own in enumerate(state.drives)]
            assert {d.route for own in drives for d in own} == before, f"seed {seed}"
            assert all(map(instance.lawful, drives)), f"seed {seed}"
            if moved:
                back = next(d for own in drives for d in own if d.route == drive.route)
                assert back.vehicle == instance.remembered[drive.route]
    assert tried > 0
