"""What is planned on: the window that is known, vehicles when they are there, estimates marked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.core.events import PlanReady
from daemon.core.keeping import restore
from daemon.core.records import Fact, Memory
from daemon.core.snapshot import take
from planner.check import audit
from planner.params import Params
from planner.series import format_instant
from planner.snapshot import Horizon, Snapshot
from planner.solve import solve
from protocol.mqtt.messages import RouteMessage, SeriesMessage
from tests.core.bench import START, Bench, site
from tests.core.test_messages import order, route_values, tell, vehicle
from tests.core.test_planning import plan_of


def known_until(bench: Bench, hours: float, key: str = "import_price_per_kwh") -> None:
    """Prices or a forecast that end so many hours after the start."""
    points = [
        {"from": format_instant(START), "value": 0.3},
        {"from": format_instant(START + timedelta(hours=hours)), "value": None},
    ]
    tell(bench, SeriesMessage(topic=f"site/{key}", key=key, value=points))


def taken(bench: Bench) -> Snapshot:
    return take(bench.depot, 1, bench.now)


def test_the_window_ends_where_prices_and_forecasts_do_and_the_plan_says_so() -> None:
    bench = Bench.of(site(1))
    assert taken(bench).horizon == Horizon(hours=18, step_minutes=15)
    known_until(bench, 30)
    assert taken(bench).horizon == Horizon(hours=18, step_minutes=15)
    known_until(bench, 11.1, key="base_load_kw")
    snapshot = taken(bench)
    assert (snapshot.horizon.hours, snapshot.steps) == (11, 44)
    plan = solve(snapshot, Params(algorithm="greedy"), 5.0, 0)
    assert plan.notes == (
        "the window is 11 h long: base_load_kw is known until 2026-11-21T03:06:00Z",
    )
    assert audit(snapshot, plan) == []


def test_a_window_is_not_cut_below_four_hours_the_last_value_stands_in() -> None:
    bench = Bench.of(site(1))
    known_until(bench, 1)
    for hours_on in (0, 5):
        bench.wait(3600 * hours_on)
        horizon = taken(bench).horizon
        assert horizon.hours == 4
        assert horizon.limited_by == (
            "import_price_per_kwh is known until 2026-11-20T17:00:00Z, "
            "then its last value stands in"
        )
    assert taken(bench).site.import_price_per_kwh.at(bench.utc) == 0.3


def followed(bench: Bench) -> list[str]:
    """The alerts that come with plans until nothing asks for another."""
    before = len(bench.depot.alerts)
    order(bench, "replan", f"c{bench.depot.revision}")
    bench.wait(60)
    while bench.depot.planning is not None:
        plan = plan_of(bench.depot.planning)
        for final in (False, True):
            bench.apply(PlanReady(revision=plan.revision, plan=plan, final=final))
        bench.wait(60)
    return [f"{a.severity}: {a.text}" for a in list(bench.depot.alerts)[before:]]


def test_a_window_that_is_cut_is_told_once_and_again_when_it_is_whole() -> None:
    bench = Bench.of(site(1))
    known_until(bench, 11)
    until = "import_price_per_kwh is known until 2026-11-21T03:00:00Z"
    assert followed(bench) == [f"info: the window is 10.75 h long: {until}"]
    assert followed(bench) == []
    bench.wait(3600 * 8)
    guess = f"the window is 4 h long: {until}, then its last value stands in"
    assert followed(bench) == [f"warning: {guess}"]
    known_until(bench, 48)
    assert followed(bench) == ["info: the window is 18 h long again"]


def test_newer_prices_without_an_end_and_none_at_all_open_the_window_again() -> None:
    bench = Bench.of(site(1))
    for value in (0.2, None):
        known_until(bench, 6)
        assert taken(bench).horizon.hours == 6
        key = "import_price_per_kwh"
        tell(bench, SeriesMessage(topic=f"site/{key}", key=key, value=value))
        assert taken(bench).horizon.hours == 18


def test_where_prices_end_is_known_after_a_restart() -> None:
    bench = Bench.of(site(1))
    known_until(bench, 6)
    facts = tuple(r for r in bench.saved if isinstance(r, Fact))
    again = restore(site(1), Memory(facts=facts))
    assert take(again, 1, bench.now).horizon.hours == 6


@pytest.mark.parametrize(
    ("key", "points", "told"),
    [
        ("import_limit_kw", (0, 1), "wants a limit at every time"),
        ("import_price_per_kwh", (1, 1), "[1].from: wants an instant after the one before it"),
        ("import_price_per_kwh", (None, 0), "wants a number"),
    ],
)
def test_an_end_that_makes_no_sense_is_refused(
    key: str, points: tuple[float | None, float], told: str
) -> None:
    bench = Bench.of(site(1))
    first, end = points
    value = [
        {"from": format_instant(START + timedelta(hours=first or 0)), "value": 1.0},
        {"from": format_instant(START + timedelta(hours=end)), "value": None},
    ]
    if first is None:
        value = value[1:]
    tell(bench, SeriesMessage(topic=f"site/{key}", key=key, value=value))
    assert told in bench.depot.alerts[-1].text
    assert bench.depot.series == {}
    assert taken(bench).horizon.hours == 18


@pytest.mark.parametrize("hours", [4, 24])
@pytest.mark.parametrize("minutes", [1, 5, 15, 30])
def test_steps_of_1_to_30_minutes_and_windows_of_4_to_24_hours_are_planned(
    minutes: float, hours: float
) -> None:
    bench = Bench.of(site(2, horizon=Horizon(hours=hours, step_minutes=minutes)))
    leaves = format_instant(START + timedelta(hours=3))
    tell(bench, RouteMessage(topic="fleet/routes/R1", id="R1", values=route_values(depart=leaves)))
    bench.connect("CP01")
    bench.plug_in("CP01", "V01")
    snapshot = taken(bench)
    plan = solve(snapshot, Params(algorithm="lp"), 20.0, 0)
    assert audit(snapshot, plan) == []
    assert len(plan.site) == snapshot.steps == hours * 60 / minutes
    assert [a.route for a in plan.allocations] == ["R1"]


def test_a_vehicle_is_there_from_its_estimated_arrival_and_one_out_of_service_never() -> None:
    bench = Bench.of(site(2))
    arrival = START + timedelta(hours=5)
    tell(bench, vehicle("V01", {"available_from": format_instant(arrival)}))
    tell(bench, vehicle("V02", {"in_service": False}))
    for name, depart_h in (("early", 4.9), ("late", 5.0)):
        depart = format_instant(START + timedelta(hours=depart_h))
        values = route_values(depart=depart, energy_kwh=5.0)
        tell(bench, RouteMessage(topic=f"fleet/routes/{name}", id=name, values=values))
    for name in ("CP01", "CP02"):
        bench.connect(name)
    snapshot = taken(bench)
    plan = solve(snapshot, Params(algorithm="lp"), 5.0, 0)
    assert [(a.route, a.vehicle) for a in plan.allocations] == [("late", "V01")]
    (unserved,) = plan.unserved
    assert unserved.reason.startswith("no allowed vehicle is back by 20:54 UTC")
    assert all(s.vehicle == "V01" and s.start >= arrival for s in plan.stays)


def test_a_route_that_does_not_know_a_vehicles_energy_gets_an_estimate() -> None:
    bench = Bench.of(site(2))
    values = route_values(energy_kwh={"V01": 20.0, "*": None}, distance_km=80)
    tell(bench, RouteMessage(topic="fleet/routes/R1", id="R1", values=values))
    (route,) = taken(bench).routes
    assert route.energy_kwh == {"V01": 20.0, "V02": 20.0}
    assert route.estimated == {"V02": "type"}
    assert bench.depot.routes["R1"].energy_kwh == {"V01": 20.0, "*": None}


def test_a_fallback_is_told_beside_the_limit_and_not_taken_off_it() -> None:
    stations = tuple(replace(s, fallback_kw=4.2) for s in site(2).stations)
    bench = Bench.of(replace(site(2), stations=stations))
    bench.connect("CP01")
    snapshot = taken(bench)
    assert snapshot.site.import_limit_kw.at(START) == 30
    told = {c.station: (c.controllable, c.fallback_kw, c.load_kw) for c in snapshot.connectors}
    assert told == {"CP01": (True, 4.2, 0), "CP02": (False, 0, 4.2)}


def test_the_plan_before_is_remembered_with_its_time() -> None:
    bench = Bench.of(site(1))
    bench.follow({})
    made_at = bench.utc
    bench.wait(3600)
    previous = taken(bench).previous
    assert previous is not None
    assert previous.at == made_at


def test_planning_sets_out_from_the_stays_of_the_plan_in_force() -> None:
    bench = Bench.of(site(2))
    bench.follow({("V01", "CP01"): [11.0] * 4, ("V02", "CP02"): [0.0, 7.0]})
    bench.wait(3600)
    previous = taken(bench).previous
    assert previous is not None
    assert [(s.vehicle, s.station) for s in previous.stays] == [("V01", "CP01"), ("V02", "CP02")]
    assert previous.stays[0].periods[0].kw == 11.0
    assert {s.why for s in previous.stays} == {""}
