"""Hypothesis strategies for valid snapshots, odd ones included: names in any script, empty fleets,
series of one point, routes of other days."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from planner.plan import Cost, Objective, Period, Plan, Shortfall, Stay, Unserved
from planner.series import Point, Series
from planner.snapshot import (
    Allocation,
    Battery,
    Circuit,
    Connector,
    Horizon,
    Plugged,
    Previous,
    Route,
    Rules,
    Site,
    Snapshot,
    Vehicle,
)
from planner.soft import (
    ChargerPreference,
    EnergyFeasibility,
    EnergyMargin,
    IncompatibleRoutes,
    MinimumSoonness,
    PreferredTurnaround,
    ReserveVehicles,
    RouteSequenceBuffer,
    ShiftHours,
    Soft,
    Swaps,
    Triad,
)
from tests.planner.depots import T0

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
powers = st.floats(0, 1000)
energies = st.floats(0, 500)
shares = st.floats(0.01, 1)
instants = st.integers(-3_000, 3_000).map(lambda m: T0 + timedelta(minutes=m, microseconds=m % 7))


def series(values: st.SearchStrategy[float] = powers) -> st.SearchStrategy[Series]:
    def at(times: list[datetime], drawn: list[float]) -> Series:
        pairs = zip(sorted(times), drawn, strict=False)
        return Series(points=tuple(Point(at=a, value=v) for a, v in pairs))

    several = st.builds(
        at,
        st.lists(instants, min_size=1, max_size=4, unique=True),
        st.lists(values, min_size=4, max_size=4),
    )
    return st.one_of(values.map(Series.constant), several)


def at_most(limit: float) -> st.SearchStrategy[float]:
    return st.floats(0, limit)


@st.composite
def batteries(draw: st.DrawFn) -> Battery:
    capacity = draw(energies)
    return Battery(
        capacity_kwh=capacity,
        energy_kwh=draw(at_most(capacity)),
        min_kwh=draw(at_most(capacity)),
        max_charge_kw=draw(powers),
        max_discharge_kw=draw(powers),
        charge_efficiency=draw(shares),
        discharge_efficiency=draw(shares),
        wear_per_kwh=draw(st.floats(0, 1)),
    )


@st.composite
def vehicles(draw: st.DrawFn, name: str, plugged: Plugged | None) -> Vehicle:
    battery = draw(st.floats(1, 500))
    curve = sorted(draw(st.lists(st.floats(0, 1), max_size=3, unique=True)))
    return Vehicle(
        id=name,
        type=draw(st.sampled_from(("van", "truck", "bus"))),
        battery_kwh=battery,
        energy_kwh=draw(at_most(battery)),
        reserve_kwh=draw(at_most(battery)),
        target_kwh=draw(at_most(battery)),
        max_charge_kw=draw(powers),
        efficiency=draw(shares),
        charge_curve=tuple((x, draw(st.floats(0, 1))) for x in curve),
        plugs=("type2",),
        available_from=draw(instants),
        in_service=draw(st.booleans()),
        plugged=plugged,
    )


@st.composite
def routes(draw: st.DrawFn, name: str) -> Route:
    depart = draw(instants)
    by_name: st.SearchStrategy[Any] = st.dictionaries(names, energies, max_size=3)
    return Route(
        id=name,
        depart=depart,
        return_=depart + timedelta(minutes=draw(st.integers(1, 900))),
        distance_km=draw(powers),
        energy_kwh=draw(st.one_of(energies, by_name)),
        priority=draw(st.floats(0.1, 10)),
        vehicle_types=tuple(draw(st.lists(st.sampled_from(("van", "truck")), max_size=2))),
        vehicle=draw(st.none() | names),
    )


@st.composite
def rules(draw: st.DrawFn) -> Rules:
    return Rules(
        safety_factor=draw(st.floats(0, 2)),
        turnaround_minutes=draw(st.floats(0, 120)),
        departure_buffer_minutes=draw(st.floats(0, 120)),
        max_routes_per_vehicle=draw(st.integers(0, 9)),
        max_shift_hours=draw(st.none() | st.floats(0.5, 20)),
        rest_hours=draw(st.none() | st.floats(0, 20)),
        incompatible_routes=tuple(draw(st.lists(st.tuples(names, names), max_size=2))),
        soft=draw(soft()),
    )


def soft() -> st.SearchStrategy[Soft]:
    """Each rule off or on, with numbers of its own."""
    prices, flags, hours = st.floats(0, 10), st.booleans(), st.floats(0, 20)
    pairs = st.lists(st.tuples(names, names), min_size=1, max_size=2).map(tuple)
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "energy_feasibility": st.builds(
            EnergyFeasibility, safety_margin_kwh=st.floats(0.1, 20), penalty=prices, hard=flags
        ),
        "energy_margin": st.builds(EnergyMargin, hard=flags),
        "preferred_turnaround": st.builds(PreferredTurnaround, hard=flags),
        "route_sequence_buffer": st.builds(
            RouteSequenceBuffer, minutes=st.floats(0, 60), penalty=prices, hard=flags
        ),
        "shift_hours": st.builds(
            ShiftHours,
            hours=st.floats(1.5, 20),
            kind=st.sampled_from(("first_to_last", "cumulative")),
            penalty=prices,
            hard=flags,
        ),
        "charger_preference": st.builds(
            ChargerPreference,
            costs=st.dictionaries(names, prices, max_size=2),
            window=st.sampled_from((None, ("22:00", "06:00"), ("06:00", "06:00"))),
            timezone=st.sampled_from((None, "UTC", "Europe/Berlin")),
            routes=st.sampled_from(("first", "all", "longest")),
            hard=flags,
        ),
        "triad": st.builds(
            Triad,
            window=st.sampled_from((("16:00", "19:00"), ("23:00", "01:00"))),
            months=st.sampled_from(((11, 12, 1, 2), (6,))),
            timezone=st.sampled_from((None, "Europe/London")),
            penalty=prices,
            hard=flags,
        ),
        "minimum_soonness": st.builds(MinimumSoonness, hours=hours, penalty=prices, hard=flags),
        "swaps": st.builds(Swaps, penalty=prices, lookback_hours=hours, hard=flags),
        "incompatible_routes": st.builds(
            IncompatibleRoutes, pairs=pairs, penalty=prices, hard=flags
        ),
        "reserve_vehicles": st.builds(
            ReserveVehicles,
            count=st.integers(0, 3),
            vehicles=st.sampled_from(((), ("V1",))),
            hard=flags,
        ),
    }
    return st.fixed_dictionaries({}, optional=kinds).map(lambda named: Soft(**named))


@st.composite
def sites(draw: st.DrawFn) -> Site:
    return Site(
        id=draw(names),
        currency="EUR",
        import_limit_kw=draw(series()),
        export_limit_kw=draw(series()),
        base_load_kw=draw(series(st.floats(-50, 50))),
        pv_kw=draw(series()),
        import_price_per_kwh=draw(series(st.floats(-1, 1))),
        export_price_per_kwh=draw(series(st.floats(-1, 1))),
        peak_price_per_kw=draw(powers),
        peak_so_far_kw=draw(powers),
        battery=draw(st.none() | batteries()),
    )


def unique_names() -> st.SearchStrategy[list[str]]:
    return st.lists(names, max_size=3, unique=True)


@st.composite
def circuits(draw: st.DrawFn) -> tuple[Circuit, ...]:
    """A tree: each hangs below one before it, or below the site."""
    made: list[Circuit] = []
    for name in draw(unique_names()):
        parent = draw(st.sampled_from([None, *(c.id for c in made)]))
        made.append(Circuit(id=name, limit_kw=draw(series()), parent=parent))
    return tuple(made)


@st.composite
def remembered_stays(draw: st.DrawFn) -> Stay:
    """Of a plan in force, be its vehicle and connector there or not."""
    edges = sorted(draw(st.lists(instants, min_size=2, max_size=4, unique=True)))
    periods = (Period(start=a, end=b, kw=draw(powers)) for a, b in pairwise(edges))
    return Stay(
        vehicle=draw(names),
        station=draw(names),
        connector=draw(st.integers(1, 4)),
        start=edges[0],
        end=edges[-1],
        energy_kwh=draw(powers),
        periods=tuple(periods),
    )


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    step, steps = draw(st.sampled_from((0.5, 1, 5, 7.5, 15, 30, 60))), draw(st.integers(1, 40))
    tree = draw(circuits())
    sockets = tuple(
        Connector(
            station=station,
            connector=draw(st.integers(1, 4)),
            circuit=draw(st.sampled_from([None, *(c.id for c in tree)])),
            min_kw=(low := draw(powers)),
            max_kw=low + draw(powers),
            plugs=("type2",),
            controllable=draw(st.booleans()),
            load_kw=draw(powers),
            fallback_kw=draw(st.sampled_from([0.0, low])),
        )
        for station in draw(unique_names())
    )
    places: list[Plugged] = [Plugged(station=c.station, connector=c.connector) for c in sockets]
    fleet = []
    for name in draw(unique_names()):
        standing = draw(st.booleans())
        place = places.pop() if places and standing else None
        fleet.append(draw(vehicles(name, place)))
    before = tuple(Allocation(route=route, vehicle=draw(names)) for route in draw(unique_names()))
    at = st.none() | instants
    stays = tuple(draw(st.lists(remembered_stays(), max_size=2)))
    return Snapshot(
        revision=draw(st.integers(0, 2**53 - 1)),
        taken_at=draw(instants),
        mode=draw(st.sampled_from(("integrated", "allocation", "charging"))),
        horizon=Horizon(hours=step * steps / 60, step_minutes=step),
        site=draw(sites()),
        circuits=tree,
        connectors=sockets,
        vehicles=tuple(fleet),
        routes=tuple(draw(routes(name)) for name in draw(unique_names())),
        rules=draw(rules()),
        previous=draw(
            st.none()
            | st.builds(Previous, allocations=st.just(before), at=at, stays=st.just(stays))
        ),
    )


@st.composite
def yard_plans(draw: st.DrawFn) -> Plan:
    """Any plan at all for the depot of `plans.yard`: what can be written down, sense or not."""
    minutes = st.integers(-60, 420).map(lambda m: T0 + timedelta(minutes=m))
    vehicle = st.sampled_from(("V1", "V2", "V3", "V9"))
    route = st.sampled_from(("R0", "R1", "R2", "R3", "R8", "R9"))
    kilowatts = st.sampled_from((-5.0, 0.0, 3.0, 11.0, 22.0, 1e9))
    periods = st.lists(st.builds(Period, start=minutes, end=minutes, kw=kilowatts), max_size=3)
    stays = st.builds(
        Stay,
        vehicle=vehicle,
        station=st.sampled_from(("CP1", "CP2", "CP3", "CP4")),
        connector=st.integers(1, 2),
        start=minutes,
        end=minutes,
        energy_kwh=st.floats(-10, 100),
        periods=periods.map(tuple),
        why=st.just(""),
    )
    return Plan(
        revision=7,
        status=draw(st.sampled_from(("optimal", "feasible", "fallback"))),
        algorithm="none",
        allocations=tuple(
            draw(st.lists(st.builds(Allocation, route=route, vehicle=vehicle), max_size=4))
        ),
        unserved=tuple(
            draw(st.lists(st.builds(Unserved, route=route, reason=st.just("")), max_size=4))
        ),
        stays=tuple(draw(st.lists(stays, max_size=4))),
        battery=tuple(draw(periods)),
        shortfalls=tuple(
            draw(
                st.lists(
                    st.builds(
                        Shortfall,
                        vehicle=vehicle,
                        at=minutes,
                        route=st.none() | route,
                        kwh=st.floats(0, 50),
                    ),
                    max_size=3,
                )
            )
        ),
        objective=Objective(),
        cost=Cost(),
    )
