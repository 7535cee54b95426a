"""When it is planned, on what, and what a restart knows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.core.apply import next_due_s
from daemon.core.effects import Note, StartPlanning
from daemon.core.events import PlanFailed, PlanReady
from daemon.core.keeping import restore
from daemon.core.trigger import Trigger
from planner.plan import Cost, Objective, Plan
from planner.snapshot import Allocation, Snapshot
from protocol.mqtt.messages import RouteMessage
from protocol.ocpp.events import MeterValuesReported, TransactionStarted
from protocol.ocpp.model import Measurand, MeterSample, Version
from tests.core.bench import START, Bench, site
from tests.core.test_messages import order, route_values, tell


def planning(bench: Bench, seconds: float = 60.0) -> Snapshot:
    (request,) = [e for e in bench.wait(seconds) if isinstance(e, StartPlanning)]
    return request.snapshot


def plan_of(snapshot: Snapshot, **changes: object) -> Plan:
    plan = Plan(
        revision=snapshot.revision,
        status="feasible",
        algorithm="bench",
        objective=Objective(),
        cost=Cost(),
    )
    return replace(plan, **changes)  # type: ignore[arg-type]  # keywords of Plan, by name


@pytest.mark.fault(28)
def test_a_storm_of_reasons_asks_for_one_plan_after_quiet_and_at_the_latest_after_the_ceiling() -> (
    None
):
    trigger = Trigger(quiet_s=2.0, quiet_max_s=10.0, period_s=900.0)
    assert trigger.due_s() is None
    for tenth in range(1000):
        trigger.ask("plug-in", tenth / 10)
    assert trigger.due_s() == 10.0
    assert trigger.take(10.0) == "plug-in"
    assert trigger.due_s() == 910.0


@pytest.mark.fault(28)
def test_one_planning_at_a_time_and_what_happens_meanwhile_is_gathered() -> None:
    bench = Bench.of(site(1))
    bench.connect("CP01")
    first = planning(bench)
    order(bench, "replan")
    assert not [e for e in bench.wait(60) if isinstance(e, StartPlanning)]
    effects = bench.apply(PlanReady(revision=first.revision, plan=plan_of(first), final=True))
    (request,) = [e for e in effects if isinstance(e, StartPlanning)]
    assert request.snapshot.revision == first.revision + 1
    assert request.trigger == "operator"


@pytest.mark.fault(29)
def test_a_plan_for_an_older_snapshot_is_dropped_whole() -> None:
    bench = Bench.of(site(1))
    bench.connect("CP01")
    snapshot = planning(bench)
    old = plan_of(snapshot, revision=snapshot.revision - 1)
    bench.apply(PlanReady(revision=old.revision, plan=old, final=True))
    assert bench.depot.applied is None


@pytest.mark.fault(22, 23)
def test_a_failed_planning_leaves_the_last_plan_standing_and_is_tried_again() -> None:
    bench = Bench.of(site(1))
    bench.connect("CP01")
    first = planning(bench)
    bench.apply(PlanReady(revision=first.revision, plan=plan_of(first), final=True))
    order(bench, "replan")
    second = planning(bench)
    bench.apply(PlanFailed(revision=second.revision, reason="killed"))
    assert bench.depot.applied is not None
    assert bench.depot.applied.plan.revision == first.revision
    assert planning(bench).revision == second.revision + 1


@pytest.mark.fault(22)
def test_a_planner_killed_at_its_deadline_still_gives_the_best_plan_it_had_told() -> None:
    bench = Bench.of(site(1))
    bench.connect("CP01")
    first = planning(bench)
    bench.apply(PlanReady(revision=first.revision, plan=plan_of(first), final=True))
    order(bench, "replan")
    second = planning(bench)
    told = plan_of(second, algorithm="greedy")
    bench.apply(PlanReady(revision=second.revision, plan=told, final=False))
    assert bench.depot.applied is not None
    assert bench.depot.applied.plan.revision == first.revision
    effects = bench.apply(PlanFailed(revision=second.revision, reason="killed"))
    assert bench.depot.applied.plan == told
    (note,) = [e for e in effects if isinstance(e, Note) and e.name == "planner_stepped_down"]
    assert note.fields == {"revision": second.revision, "what": "killed"}


def test_a_snapshot_holds_what_cannot_be_steered_as_fixed_load() -> None:
    bench = Bench.of(site(2))
    bench.connect("CP01")
    bench.plug_in("CP01", "V01")
    bench.connect("CP02")
    bench.call(
        "CP02",
        TransactionStarted(
            evse_id=1, transaction_id="T2", id_token="VISITOR", at=START, meter_start_wh=0.0
        ),
    )
    snapshot = planning(bench)
    by_station = {c.station: c for c in snapshot.connectors}
    assert by_station["CP01"].controllable
    assert not by_station["CP02"].controllable
    assert snapshot.vehicles[0].plugged is not None


def test_a_vehicle_that_left_for_its_route_is_expected_back_with_less_energy() -> None:
    bench = Bench.of(site(1))
    depart = START + timedelta(minutes=20)
    tell(
        bench,
        RouteMessage(
            topic="fleet/routes/R1",
            id="R1",
            values=route_values(depart=depart.isoformat().replace("+00:00", "Z")),
        ),
    )
    snapshot = planning(bench)
    given = plan_of(snapshot, allocations=(Allocation(route="R1", vehicle="V01"),))
    bench.apply(PlanReady(revision=snapshot.revision, plan=given, final=True))
    later = planning(bench, 1800.0)
    (vehicle,) = later.vehicles
    assert vehicle.energy_kwh == 30.0 - 25.0
    assert vehicle.available_from == START + timedelta(hours=14, minutes=45)
    assert later.previous is not None


def test_a_restart_knows_everything_that_was_kept() -> None:
    bench = Bench.of(site(2))
    bench.connect("CP01", Version.V16)
    bench.plug_in("CP01", "V01")
    bench.answer_all("CP01")
    bench.follow({("V01", "CP01"): [11.0] * 8})
    bench.answer_all("CP01")
    order(bench, "set_limit", import_limit_kw=12)
    tell(bench, RouteMessage(topic="fleet/routes/R1", id="R1", values=route_values()))
    again = restore(bench.depot.site, bench.memory())
    before, after = bench.depot.stations["CP01"].evses[1], again.stations["CP01"].evses[1]
    assert after.transaction == before.transaction
    assert [x.kw for x in after.leases()] == [x.kw for x in before.leases()] != []
    assert after.reading == before.reading
    assert again.vehicles["V01"].plugged == ("CP01", 1)
    assert again.routes == bench.depot.routes
    assert again.override == bench.depot.override
    assert again.replies == bench.depot.replies


def test_meter_values_that_leave_the_plan_ask_for_a_new_one() -> None:
    bench = Bench.of(site(1))
    bench.connect("CP01", Version.V16)
    bench.plug_in("CP01", "V01")
    bench.follow({("V01", "CP01"): [11.0] * 8})
    bench.answer_all("CP01")
    bench.depot.trigger.take(bench.monotonic_s)

    def metered_for(minutes: int, kw: float) -> list[str]:
        for _ in range(minutes):
            bench.wait(60)
            reading = bench.depot.stations["CP01"].evses[1].reading
            assert reading is not None
            sample = MeterSample(
                measurand=Measurand.ENERGY_IMPORT_REGISTER,
                value=reading.energy_wh + kw * 1000 / 60,
                at=bench.utc,
            )
            bench.call(
                "CP01",
                MeterValuesReported(evse_id=1, transaction_id="T1", samples=(sample,)),
            )
        return bench.depot.trigger.reasons

    assert metered_for(5, 11.0) == []
    assert metered_for(10, 4.0) == []
    assert metered_for(12, 4.0) == ["meter values leave the plan"]


def test_something_is_always_due_while_a_reason_waits() -> None:
    bench = Bench.of(site(1))
    order(bench, "replan")
    due_s = next_due_s(bench.depot, bench.now)
    assert due_s is not None
    assert due_s <= bench.monotonic_s + bench.depot.site.quiet_s
