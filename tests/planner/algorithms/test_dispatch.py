"""Who is charged when by the algorithms that decide from moment to moment.

Two vans at the depot from 16:00, 22 kW for both together: the one that came first leaves last.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from planner.algorithms import ALGORITHMS
from planner.check import audit
from planner.drafts.timeline import timeline
from planner.params import Params
from planner.plan import Plan
from planner.series import Series
from planner.snapshot import Connector, Horizon, Route, Rules, Site, Snapshot, Vehicle
from tests.planner.depots import T0, after


def van(name: str, *, since: float = 0, target_kwh: float = 0.0, kw: float = 22.0) -> Vehicle:
    return Vehicle(
        id=name,
        type="van",
        battery_kwh=80,
        energy_kwh=10,
        target_kwh=target_kwh,
        max_charge_kw=kw,
        plugs=("type2",),
        available_from=after(since),
    )


def trip(vehicle: str, depart: float, energy_kwh: float) -> Route:
    return Route(
        id=f"of {vehicle}",
        depart=after(depart),
        return_=after(depart + 1000),
        energy_kwh=energy_kwh,
        vehicle_types=("van",),
        vehicle=vehicle,
    )


def depot(**values: Any) -> Snapshot:
    """Eight hours in quarter hours; charging only."""
    made = Snapshot(
        revision=1,
        taken_at=T0,
        mode="charging",
        horizon=Horizon(hours=8, step_minutes=15),
        site=Site(id="yard", currency="EUR", import_limit_kw=Series.constant(22)),
        connectors=tuple(
            Connector(station=f"CP{i}", connector=1, min_kw=4.2, max_kw=22, plugs=("type2",))
            for i in (1, 2)
        ),
        vehicles=(van("early"), van("late", since=15)),
        routes=(trip("early", 300, 54), trip("late", 120, 32)),
        rules=Rules(departure_buffer_minutes=0),
    )
    return replace(made, **values)


def plan_of(name: str, snapshot: Snapshot) -> Plan:
    plan = ALGORITHMS[name](snapshot, Params(), 5.0, 0)
    assert audit(snapshot, plan) == []
    return plan


def powers(snapshot: Snapshot, plan: Plan, vehicle: str) -> list[float]:
    """Mean kW in each step."""
    line = timeline(snapshot)
    found = [0.0] * line.steps
    for stay in plan.stays:
        for period in stay.periods if stay.vehicle == vehicle else ():
            for a, b, step in line.cut(line.seconds(period.start), line.seconds(period.end)):
                found[step] += period.kw * (b - a) / line.step_s
    return found


def test_uncontrolled_serves_who_came_first_and_leaves_the_other_short() -> None:
    snapshot = depot()
    plan = plan_of("uncontrolled", snapshot)
    assert powers(snapshot, plan, "early")[:8] == [22.0] * 8
    assert powers(snapshot, plan, "late")[:8] == [0.0] * 8
    assert [s.vehicle for s in plan.shortfalls] == ["late"]
    assert plan.shortfalls[0].kwh == pytest.approx(22.0, abs=1e-3)


@pytest.mark.parametrize("name", ["edf", "llf"])
def test_who_leaves_first_or_can_wait_least_is_served_first_and_nobody_is_short(name: str) -> None:
    snapshot = depot()
    plan = plan_of(name, snapshot)
    assert powers(snapshot, plan, "early")[0] == 22.0
    assert powers(snapshot, plan, "late")[1] == 22.0
    assert plan.shortfalls == ()


def test_least_laxity_looks_at_what_is_missing_where_earliest_deadline_does_not() -> None:
    """`soon` leaves first but wants next to nothing; `much` leaves later and needs every hour."""
    snapshot = depot(
        vehicles=(van("soon"), van("much")),
        routes=(trip("soon", 240, 21), trip("much", 255, 80)),
    )
    assert powers(snapshot, plan_of("edf", snapshot), "soon")[0] == 22.0
    assert powers(snapshot, plan_of("llf", snapshot), "much")[0] == 22.0


def test_a_vehicle_stops_at_what_is_wanted_not_at_a_full_battery() -> None:
    snapshot = depot(routes=(), vehicles=(van("one", target_kwh=30),))
    for name in ("uncontrolled", "edf", "llf", "fair"):
        plan = plan_of(name, snapshot)
        assert sum(s.energy_kwh for s in plan.stays) == pytest.approx(20.0), name


def test_fair_gives_two_alike_the_same_and_uses_all_the_power() -> None:
    snapshot = depot(
        vehicles=(van("one"), van("two")), routes=(trip("one", 300, 50), trip("two", 300, 50))
    )
    plan = plan_of("fair", snapshot)
    one, two = powers(snapshot, plan, "one"), powers(snapshot, plan, "two")
    assert one == pytest.approx(two)
    assert one[:14] == pytest.approx([11.0] * 14)
    assert plan.shortfalls == ()


def test_fair_gives_the_urgent_one_more_and_the_other_something() -> None:
    snapshot = depot(
        vehicles=(van("calm"), van("urgent")),
        routes=(trip("calm", 450, 50), trip("urgent", 180, 50)),
    )
    plan = plan_of("fair", snapshot)
    assert powers(snapshot, plan, "urgent")[0] > powers(snapshot, plan, "calm")[0] >= 4.2
    assert plan.shortfalls == ()


def test_the_exponent_says_how_much_more_the_urgent_one_gets() -> None:
    snapshot = depot(
        vehicles=(van("calm"), van("urgent")),
        routes=(trip("calm", 450, 50), trip("urgent", 240, 50)),
    )
    more_kw = []
    for exponent in (0.0, 1.0, 3.0):
        plan = ALGORITHMS["fair"](snapshot, Params(fairness_exponent=exponent), 5.0, 0)
        assert audit(snapshot, plan) == []
        urgent, calm = (powers(snapshot, plan, name)[0] for name in ("urgent", "calm"))
        more_kw.append(urgent - calm)
    assert more_kw[0] == pytest.approx(0)
    assert more_kw[0] < more_kw[1] - 1 < more_kw[2] - 2


def test_a_route_that_the_charging_cannot_supply_is_not_driven_instead_of_failing_its_audit() -> (
    None
):
    snapshot = depot(mode="integrated")
    plan = plan_of("uncontrolled", snapshot)
    assert [u.route for u in plan.unserved] == ["of late"]
    assert plan.unserved[0].reason


def test_on_off_charges_at_nominal_power_or_not_at_all() -> None:
    snapshot = depot(vehicles=(van("early"), van("late", since=15, kw=11)))
    plan = plan_of("on_off", snapshot)
    kws = {(s.vehicle, round(p.kw, 4)) for s in plan.stays for p in s.periods if p.kw > 0}
    assert kws == {("early", 22.0), ("late", 11.0)}
    for stay in plan.stays:
        for a, b in pairwise(stay.periods):
            assert a.end <= b.start


def test_on_off_charges_nothing_where_nominal_power_never_fits() -> None:
    snapshot = depot(site=replace(depot().site, import_limit_kw=Series.constant(10)))
    assert plan_of("on_off", snapshot).stays == ()
    assert plan_of("edf", snapshot).stays != ()


def test_max_min_shares_what_cannot_be_enough_where_a_sum_would_not_care() -> None:
    """Three hours of 22 kW for 44 and 88 kWh asked for: half of each."""
    small, large = van("small", target_kwh=0), replace(van("large"), battery_kwh=160)
    snapshot = depot(
        vehicles=(small, large), routes=(trip("small", 180, 54), trip("large", 180, 98))
    )
    plan = plan_of("max_min", snapshot)
    charged = {s.vehicle: s.energy_kwh for s in plan.stays}
    assert charged["small"] == pytest.approx(22.0, abs=0.01)
    assert charged["large"] == pytest.approx(44.0, abs=0.01)


def test_sequential_loses_a_route_to_a_limit_that_its_allocation_does_not_see() -> None:
    """To charge `empty` for R1 and `full` for R2 takes 40 kWh, the other way round 50. But under
    10 kW `empty` cannot have its 20 kWh within the hour; only who sees both takes the other way."""
    soon, later = trip("empty", 60, 30), trip("full", 450, 60)
    snapshot = depot(
        mode="integrated",
        vehicles=(van("empty"), replace(van("full"), energy_kwh=40)),
        routes=(replace(soon, id="R1", vehicle=None), replace(later, id="R2", vehicle=None)),
        site=Site(
            id="yard",
            currency="EUR",
            import_limit_kw=Series.constant(10),
            import_price_per_kwh=Series.constant(0.2),
        ),
    )
    assert plan_of("joint", snapshot).unserved == ()
    assert [u.route for u in plan_of("sequential", snapshot).unserved] == ["R1"]
