"""A reason names a law and an amount: with that much more the route is driven, with less it is not.

Greedy plans all of these; it inserts one route after the other and moves nothing for it, which is
what its reasons are about.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random

import pytest

from planner.algorithms.greedy import greedy, greedy_draft
from planner.algorithms.words import Words
from planner.check import audit
from planner.drafts.assemble import load_kw
from planner.drafts.choices import choices
from planner.drafts.draft import Charge, Draft, Visit
from planner.drafts.timeline import Timeline, timeline
from planner.params import Params
from planner.plan import Plan
from planner.series import Series
from planner.snapshot import Circuit, Horizon, Route, Rules, Snapshot
from planner.soft import ChargerPreference, Soft
from tests.planner.depots import after, random_depot
from tests.planner.small import connector, depot, route, vehicle

Relax = Callable[[Snapshot, float], Snapshot]


def planned(snapshot: Snapshot) -> Plan:
    plan = greedy(snapshot, Params(), 1.0, 0)
    assert audit(snapshot, plan) == []
    return plan


def reason(plan: Plan, name: str = "R2") -> str | None:
    return next((u.reason for u in plan.unserved if u.route == name), None)


def pinned(name: str, by: str, depart: float, back: float, kwh: float) -> Route:
    return replace(route(name, depart, back, kwh), vehicle=by)


def less_energy(s: Snapshot, kwh: float) -> Snapshot:
    r2 = s.routes[-1]
    assert isinstance(r2.energy_kwh, float)
    return replace(s, routes=(*s.routes[:-1], replace(r2, energy_kwh=r2.energy_kwh - kwh)))


def later(s: Snapshot, minutes: float) -> Snapshot:
    r2, by = s.routes[-1], timedelta(minutes=minutes)
    moved = replace(r2, depart=r2.depart + by, return_=r2.return_ + by)
    return replace(s, routes=(*s.routes[:-1], moved))


def higher_site_limit(s: Snapshot, kw: float) -> Snapshot:
    limit = Series.constant(s.site.import_limit_kw.points[0].value + kw)
    return replace(s, site=replace(s.site, import_limit_kw=limit))


def higher_circuit(s: Snapshot, kw: float) -> Snapshot:
    limit = Series.constant(s.circuits[0].limit_kw.points[0].value + kw)
    return replace(s, circuits=(replace(s.circuits[0], limit_kw=limit), *s.circuits[1:]))


def longer_shift(s: Snapshot, hours: float) -> Snapshot:
    return replace(s, rules=replace(s.rules, max_shift_hours=hours))


def sooner_back(s: Snapshot, minutes: float) -> Snapshot:
    last = s.vehicles[-1]
    back = last.available_from - timedelta(minutes=minutes)
    return replace(s, vehicles=(*s.vehicles[:-1], replace(last, available_from=back)))


def on_a_feeder(limit_kw: float) -> Snapshot:
    """Two vans that leave at 18:00 with 45 and 40 kWh, behind one feeder."""
    return depot(
        circuits=(Circuit(id="feeder", limit_kw=Series.constant(limit_kw)),),
        connectors=tuple(replace(connector(i), circuit="feeder") for i in (1, 2)),
        vehicles=(vehicle("V1", 10), vehicle("V2", 10)),
        routes=(replace(pinned("R1", "V1", 2, 11, 40), priority=2), pinned("R2", "V2", 2, 11, 35)),
    )


@dataclass(frozen=True)
class Case:
    """`pattern` finds the amount in the reason; `less` is what does not suffice beside it."""

    snapshot: Snapshot
    pattern: str
    relax: Relax
    less: float


FULL = vehicle("V1", 70)
LIMITED = replace(
    depot(vehicles=(vehicle("V1", 10),), routes=(route("R2", 2, 11, 26.5),)),
    site=replace(depot().site, import_limit_kw=Series.constant(10)),
)
CASES = {
    "energy": Case(
        depot(vehicles=(vehicle("V1", 10),), routes=(route("R2", 1, 5, 60.0),)),
        r"no allowed vehicle has 65 kWh before 17:00 UTC: at most 26 kWh in V1, (38.5) kWh more",
        less_energy,
        0.1,
    ),
    "the battery's size": Case(
        depot(vehicles=(FULL,), routes=(route("R2", 8, 10, 86.0),)),
        r"at most 80 kWh in V1, its battery holds 80 kWh, (11.0) kWh more needed",
        less_energy,
        0.1,
    ),
    "energy for the route after it": Case(
        depot(
            vehicles=(vehicle("V1", 40),),
            routes=(replace(route("R1", 3, 5, 50), priority=3), route("R2", 0.5, 2, 20.0)),
        ),
        r"has 55 kWh before 19:00 UTC for R1, which it drives after it: .*, (\d+\.\d) kWh more",
        less_energy,
        0.1,
    ),
    "the limit, even alone": Case(
        LIMITED, r"(\d+\.\d) kW more at the site's import limit before 18:00 UTC, even alone",
        higher_site_limit, 0.1,
    ),
    "the limit, which fixed loads exceed": Case(
        replace(LIMITED, site=replace(LIMITED.site, base_load_kw=Series.constant(60))),
        r"V1 would need (\d+\.\d) kW more at the site's import limit before 18:00 UTC, even alone",
        higher_site_limit, 0.1,
    ),
    "the circuit beside others": Case(
        on_a_feeder(30),
        r"V2 would need (\d+\.\d) kW more at circuit feeder before 18:00 UTC, beside what others",
        higher_circuit, 0.1,
    ),
    "another route": Case(
        depot(vehicles=(FULL,), routes=(route("R1", 1, 5, 10), route("R2", 4.5, 8, 9))),
        r"no allowed vehicle is free: V1 drives R1 until 21:00 UTC, (60) minutes too much",
        later, 1,
    ),
    "the turnaround": Case(
        depot(vehicles=(FULL,), routes=(route("R1", 1, 5, 10), route("R2", 5.1, 8, 9))),
        r"V1 drives R1 until 21:00 UTC, (24) minutes of the turnaround are missing",
        later, 1,
    ),
    "the shift": Case(
        depot(
            vehicles=(FULL,), routes=(route("R1", 1, 3, 10), route("R2", 4, 6, 9)),
            rules=Rules(turnaround_minutes=30, max_shift_hours=4),
        ),
        r"no allowed vehicle is free: V1 would have a shift of (5.0) h of 4 h allowed",
        longer_shift, 0.1,
    ),
    "a connector that is left alone before the first route": Case(
        depot(
            connectors=(connector(1), connector(2, 7)),
            vehicles=(vehicle("V1", 10),), routes=(route("R2", 2, 11, 26.5),),
            rules=Rules(soft=Soft(charger_preference=ChargerPreference(
                costs={"CP1": 1}, window=("16:00", "17:30"), routes="first", hard=True
            ))),
        ),
        r"V1 would have at most 22.2 of 31.5 kWh before 18:00 UTC, (9.3) kWh more only from "
        "connectors that the charger preference leaves alone then",
        less_energy, 0.1,
    ),
    "the return": Case(
        depot(
            vehicles=(replace(vehicle("V1", 70), available_from=after(90)),),
            routes=(route("R2", 1, 3, 10),),
        ),
        r"no allowed vehicle is back by 17:00 UTC: V1, (30) minutes too late",
        sooner_back, 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_law_named_is_the_one_that_binds_and_the_amount_is_what_it_takes(case: Case) -> None:
    said = reason(planned(case.snapshot))
    assert said is not None
    found = re.search(case.pattern, said)
    assert found is not None, said
    amount = float(found[1])
    assert reason(planned(case.relax(case.snapshot, amount))) is None
    assert reason(planned(case.relax(case.snapshot, amount - case.less))) is not None


def test_a_connector_that_is_missing_is_asked_for_and_one_more_is_enough() -> None:
    snapshot = replace(on_a_feeder(44), connectors=(connector(1),))
    said = reason(planned(snapshot))
    assert said is not None
    assert said.startswith("no connector with type2 is free for long enough before 18:00 UTC: V2 ")
    assert said.endswith(" of 40.0 kWh, one connector more is needed")
    assert reason(planned(replace(snapshot, connectors=(connector(1), connector(2))))) is None


def test_a_connector_and_power_that_are_missing_are_both_asked_for() -> None:
    snapshot = on_a_feeder(30)
    one = replace(snapshot, connectors=snapshot.connectors[:1])
    said = reason(planned(one))
    assert said is not None
    assert re.match(r"no connector is free for long enough, and V2 would need \d+\.\d kW", said)
    assert reason(planned(higher_circuit(one, 30))) is not None
    assert reason(planned(higher_circuit(snapshot, 30))) is None


def test_more_routes_than_are_allowed_names_the_number() -> None:
    routes = (route("R1", 1, 3, 10), route("R2", 5, 7, 9))
    rules = Rules(turnaround_minutes=30, max_routes_per_vehicle=1)
    snapshot = depot(vehicles=(FULL,), routes=routes, rules=rules)
    said = "no allowed vehicle is free: V1 drives 1 route, the most allowed"
    assert reason(planned(snapshot)) == said
    two = replace(rules, max_routes_per_vehicle=2)
    assert reason(planned(replace(snapshot, rules=two))) is None


# What a stay says.


def why(plan: Plan, name: str) -> str:
    return next(s.why for s in plan.stays if s.vehicle == name)


def test_a_stay_behind_a_full_circuit_names_it_and_what_it_leaves() -> None:
    said = why(planned(on_a_feeder(40)), "V2")
    assert (
        said == "limited by circuit feeder to 18.0 kW until 17:30 UTC; departs at 18:00 UTC on R2"
    )


def test_a_stay_that_ends_with_too_little_names_the_limit_that_held_its_last_power_back() -> None:
    snapshot = replace(
        depot(vehicles=(replace(vehicle("V1", 10), target_kwh=70),)),
        horizon=Horizon(hours=1, step_minutes=60),
    )
    limited = replace(snapshot, site=replace(snapshot.site, import_limit_kw=Series.constant(15)))
    assert why(planned(snapshot), "V1").startswith("charges at once: has 32 of 70 kWh")
    assert re.match(
        r"limited by the site's import limit to 1\d\.\d kW until 17:00 UTC; has 2\d of 70 kWh",
        why(planned(limited), "V1"),
    )


def test_a_stay_that_waits_for_a_connector_names_who_holds_it() -> None:
    snapshot = depot(
        connectors=(connector(1),),
        vehicles=(vehicle("V1", 10), vehicle("V2", 10)),
        routes=(pinned("R1", "V1", 2, 11, 30), pinned("R2", "V2", 5, 11, 30)),
    )
    said = why(planned(snapshot), "V2")
    assert re.match(r"waits for a connector until 17:\d\d UTC, when V1 leaves CP1/1; departs", said)


def test_a_stay_that_waits_for_the_price_names_both_prices() -> None:
    snapshot = depot(vehicles=(vehicle("V1", 10),), routes=(route("R1", 11, 11.9, 50),))
    assert why(planned(snapshot), "V1").startswith(
        "waits for the cheap hours from 22:00 UTC, 0.1 not 0.3 EUR/kWh; "
    )


def test_a_stay_that_begins_some_time_after_the_price_has_fallen_says_when_it_fell() -> None:
    snapshot = depot(vehicles=(vehicle("V1", 10, target=40),))
    line = timeline(snapshot)
    chosen = choices(snapshot, line)
    # Dear until 22:00, six hours after the start.
    visit = Visit(
        vehicle="V1",
        first=True,
        start_s=0.0,
        end_s=line.end_s,
        socket=("CP1", 1),
        charges=[Charge(1800.0 * i, 1800.0 * (i + 1), 20.0) for i in (15, 16, 17)],
    )
    words = Words(snapshot, line, chosen, Draft(drives={"V1": []}, visits=[visit]))
    assert words.stay(visit) == (
        "waits for cheaper hours from 22:00 UTC, then has time, begins at 23:30 UTC; "
        "has 40 of 40 kWh wanted at the end"
    )


@pytest.mark.parametrize("seed", range(12))
def test_what_a_stay_says_is_true_of_its_plan(seed: int) -> None:
    snapshot = random_depot(Random(seed), vehicles=6, routes=6, connectors=3, tight=0.3)
    line = timeline(snapshot)
    chosen = choices(snapshot, line)
    draft = greedy_draft(snapshot, line, chosen)
    words = Words(snapshot, line, chosen, draft)
    for visit in draft.visits:
        if visit.charges:
            judge(words.stay(visit), visit, draft, line)


def judge(said: str, visit: Visit, draft: Draft, line: Timeline) -> None:
    first = visit.charges[0]
    if said.startswith("charges at once"):
        assert first.start_s <= visit.start_s + line.step_s / 2
    if found := re.match(r"waits for the cheap hours from \S+ UTC, (\S+) not (\S+) ", said):
        waited = range(line.step_at(visit.start_s), line.step_at(first.start_s))
        dearest = max(line.import_price[line.step_at(c.start_s)] for c in visit.charges)
        assert float(found[1]) == pytest.approx(dearest)
        assert dearest < float(found[2]) <= min(line.import_price[s] for s in waited) + 1e-9
    if found := re.match(r"waits for cheaper hours from (\d\d):(\d\d) UTC", said):
        since = line.taken_at.replace(hour=int(found[1]), minute=int(found[2]))
        since += timedelta(days=since < line.taken_at)
        fell = line.step_at(line.seconds(since))
        assert line.import_price[fell - 1] > line.import_price[fell]
        assert line.seconds(since) <= first.start_s + line.step_s
    if found := re.match(r"limited by (.*) to (\S+) kW until", said):
        name = "site" if found[1] == "the site's import limit" else found[1]
        limit = next(x for x in line.limits if x.name == name)
        left_kw = limit.room_kw - load_kw(limit, draft, line)
        full = [c for c in visit.charges if left_kw[line.step_at(c.start_s)] <= 0.01]
        assert float(found[2]) in [round(c.kw, 1) for c in full]
    if found := re.match(r"waits for a connector until .*, when (\S+) leaves (\S+)/(\d+);", said):
        before = [v for v in draft.visits if v.vehicle == found[1] and v.socket == visit.socket]
        assert visit.socket == (found[2], int(found[3]))
        assert any(0 <= first.start_s - v.charges[-1].end_s < line.step_s for v in before)
