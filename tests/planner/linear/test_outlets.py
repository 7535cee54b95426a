"""The bound knows which connectors and circuits a vehicle's energy must come from."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from planner.algorithms.at_hand import AtHand
from planner.linear import outlets
from planner.linear.bound import money_bound
from planner.linear.clock import Deadline
from planner.plan import Objective
from planner.series import Point, Series
from planner.snapshot import Circuit, Site, Snapshot
from tests.planner.depots import T0, after
from tests.planner.exhaustive import exhaustive
from tests.planner.small import connector, depot, route, vehicle
from tests.planner.tiny import tiny_depot

SEEDS = range(2)


def bound(snapshot: Snapshot) -> float:
    """For plans that serve all and lack nothing."""
    hand = AtHand.greedy(snapshot)
    at = Objective(money=100.0)
    return money_bound(snapshot, hand.line, hand.chosen, at, Deadline.after(20.0))


def cheap_late() -> Site:
    """Six hours at 0.30, six at 0.10."""
    prices = (Point(at=T0, value=0.3), Point(at=after(360), value=0.1))
    price = Series(points=prices)
    limit = Series.constant(100)
    return Site(id="yard", currency="EUR", import_limit_kw=limit, import_price_per_kwh=price)


def test_a_circuit_with_all_fitting_connectors_makes_energy_dear() -> None:
    """60 kWh are wanted; six cheap hours give 30 kWh below the one circuit where the plug fits."""
    van = vehicle("V1", 10, target=70)
    weak = replace(connector(1), circuit="weak")
    other = replace(connector(2), plugs=("ccs2",))
    weakly = Circuit(id="weak", limit_kw=Series.constant(5))
    snapshot = depot(
        site=cheap_late(), circuits=(weakly,), connectors=(weak, other), vehicles=(van,), routes=()
    )
    assert bound(snapshot) == pytest.approx(30 * 0.1 + 30 * 0.3, abs=0.01)


def test_a_circuit_above_others_limits_them_together() -> None:
    vans = (vehicle("V1", 10, target=70), vehicle("V2", 10, target=70))
    circuits = (
        Circuit(id="a", limit_kw=Series.constant(22), parent="above"),
        Circuit(id="b", limit_kw=Series.constant(22), parent="above"),
        Circuit(id="above", limit_kw=Series.constant(10)),
    )
    places = tuple(replace(connector(i), circuit=name) for i, name in ((1, "a"), (2, "b")))
    snapshot = depot(
        site=cheap_late(), circuits=circuits, connectors=places, vehicles=vans, routes=()
    )
    assert bound(snapshot) == pytest.approx(60 * 0.1 + 60 * 0.3, abs=0.01)


def test_a_slow_vehicle_takes_a_fast_connectors_time() -> None:
    """At 11 kW two vehicles of 60 kWh take 10.9 h of a connector of 22 kW, of which six are cheap;
    its energy alone, 132 kWh in these, would be enough."""
    vans = [vehicle(name, 10, target=70) for name in ("V1", "V2")]
    slow = tuple(replace(v, max_charge_kw=11.0) for v in vans)
    snapshot = depot(site=cheap_late(), connectors=(connector(1),), vehicles=slow, routes=())
    assert bound(snapshot) == pytest.approx(66 * 0.1 + 54 * 0.3, abs=0.01)


def test_half_a_route_for_each_of_two_vehicles_is_no_route() -> None:
    """Either has enough for half of it; one that drives it all must buy 20 kWh."""
    vans = (vehicle("V1", 25), vehicle("V2", 25))
    snapshot = depot(site=cheap_late(), vehicles=vans, routes=(route("R1", 10, 11, 40),))
    assert bound(snapshot) == pytest.approx(20 * 0.1, abs=0.01)


@pytest.mark.parametrize("seed", SEEDS)
def test_with_powers_not_told_apart_it_is_lower_and_still_not_above_the_optimum(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = tiny_depot(Random(seed), pv=seed % 2 == 0)
    best = exhaustive(snapshot)
    at = Objective(unserved=best.unserved, shortfall_kwh=best.shortfall_kwh, money=best.money)
    hand = AtHand.greedy(snapshot)
    given = snapshot, hand.line, hand.chosen, at

    def low() -> float:
        return money_bound(*given, Deadline.after(20.0))

    fine = low()
    monkeypatch.setattr(outlets, "_MOST", 0)
    assert low() <= best.money + 1e-4
    assert low() <= fine + 1e-4
