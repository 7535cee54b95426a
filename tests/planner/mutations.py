"""Changes to the hand-built plans, each of which breaks one law."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from planner.plan import Bound, Plan, Shortfall, Stay, Unserved
from planner.series import Series
from planner.snapshot import Allocation, Plugged, Previous, Snapshot
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
from tests.planner.depots import after
from tests.planner.plans import period, stay


def with_site(snapshot: Snapshot, **values: Any) -> Snapshot:
    return replace(snapshot, site=replace(snapshot.site, **values))


def with_rules(**values: Any) -> Callable[[Snapshot], Snapshot]:
    return lambda s: replace(s, rules=replace(s.rules, **values))


def with_soft(**named: Any) -> Callable[[Snapshot], Snapshot]:
    return with_rules(soft=Soft(**named))


def given_before(at_h: float, **named: str) -> Callable[[Snapshot], Snapshot]:
    """A plan of `at_h` hours after the start with these vehicles by route."""
    pairs = tuple(Allocation(route=r, vehicle=v) for r, v in named.items())
    return lambda s: replace(s, previous=Previous(allocations=pairs, at=after(60 * at_h)))


def with_vehicle(index: int, **values: Any) -> Callable[[Snapshot], Snapshot]:
    def change(s: Snapshot) -> Snapshot:
        changed = replace(s.vehicles[index], **values)
        return replace(s, vehicles=(*s.vehicles[:index], changed, *s.vehicles[index + 1 :]))

    return change


def with_route(name: str, **values: Any) -> Callable[[Snapshot], Snapshot]:
    return lambda s: replace(
        s, routes=tuple(replace(r, **values) if r.id == name else r for r in s.routes)
    )


def with_circuit(name: str, limit: float) -> Callable[[Snapshot], Snapshot]:
    return lambda s: replace(
        s,
        circuits=tuple(
            replace(c, limit_kw=Series.constant(limit)) if c.id == name else c for c in s.circuits
        ),
    )


def with_battery(**values: Any) -> Callable[[Snapshot], Snapshot]:
    def change(s: Snapshot) -> Snapshot:
        assert s.site.battery is not None
        return with_site(s, battery=replace(s.site.battery, **values))

    return change


def with_plan(**values: Any) -> Callable[[Plan], Plan]:
    return lambda p: replace(p, **values)


def with_stay(index: int, made: Stay) -> Callable[[Plan], Plan]:
    return lambda p: replace(p, stays=(*p.stays[:index], made, *p.stays[index + 1 :]))


def more_stays(*made: Stay) -> Callable[[Plan], Plan]:
    return lambda p: replace(p, stays=(*p.stays, *made))


def allocate(route: str, vehicle: str) -> Callable[[Plan], Plan]:
    return lambda p: replace(
        p,
        allocations=(*p.allocations, Allocation(route=route, vehicle=vehicle)),
        unserved=tuple(u for u in p.unserved if u.route != route),
    )


def with_part(part: str, **values: Any) -> Callable[[Plan], Plan]:
    return lambda p: replace(p, **{part: replace(getattr(p, part), **values)})


def same(x: Any) -> Any:
    return x


@dataclass(frozen=True)
class Mutation:
    """The snapshot may change, the plan may change in deeds, then in what it reports."""

    name: str
    law: int
    text: str
    snapshot: Callable[[Snapshot], Snapshot] = same
    deed: Callable[[Plan], Plan] = same
    report: Callable[[Plan], Plan] = same


YARD = (
    Mutation("another revision", 1, "answers revision", report=with_plan(revision=8)),
    Mutation("a ghost drives", 2, "no vehicle ghost", deed=allocate("R3", "ghost")),
    Mutation("a route is unheard of", 2, "no such route", deed=allocate("R7", "V2")),
    Mutation("two drive one route", 2, "more than once", deed=allocate("R1", "V2")),
    Mutation("out of service", 2, "out of service", deed=allocate("R3", "V3")),
    Mutation("wrong type", 2, "type van", with_route("R1", vehicle_types=("truck",))),
    Mutation("pinned to another", 2, "pinned to V2", with_route("R1", vehicle="V2")),
    Mutation("energy unknown", 2, "not known", with_route("R1", energy_kwh={"V2": 20.0})),
    Mutation("turnaround", 2, "turnaround after R1", with_rules(turnaround_minutes=91)),
    Mutation(
        "not back yet",
        2,
        "is available",
        with_vehicle(0, available_from=after(121)),
        lambda p: replace(p, stays=p.stays[1:]),
    ),
    Mutation("too many routes", 2, "more than 1 routes", with_rules(max_routes_per_vehicle=1)),
    Mutation("incompatible", 2, "incompatible", with_rules(incompatible_routes=(("R2", "R1"),))),
    Mutation("long shift", 2, "longer than 3 h", with_rules(max_shift_hours=3)),
    Mutation("short rest", 2, "longer", with_rules(max_shift_hours=3, rest_hours=1.6)),
    Mutation(
        "a shift longer than the operator's",
        2,
        "longer than 4 h",
        with_soft(shift_hours=ShiftHours(hours=4, hard=True)),
    ),
    Mutation(
        "more hours on routes than the operator's",
        2,
        "longer than 2.5 h",
        with_soft(shift_hours=ShiftHours(hours=2.5, kind="cumulative", hard=True)),
    ),
    Mutation(
        "into the sequence buffer",
        2,
        "turnaround and buffer after R1",
        with_soft(route_sequence_buffer=RouteSequenceBuffer(minutes=61, hard=True)),
    ),
    Mutation(
        "at short notice",
        2,
        "within 2.1 h",
        with_soft(minimum_soonness=MinimumSoonness(hours=2.1, hard=True)),
    ),
    Mutation(
        "a vehicle in reserve drives",
        2,
        "kept in reserve",
        with_soft(reserve_vehicles=ReserveVehicles(vehicles=("V1",), hard=True)),
    ),
    Mutation(
        "too few in reserve",
        2,
        "1 drive nothing, 2 are",
        with_soft(reserve_vehicles=ReserveVehicles(hard=True)),
    ),
    Mutation(
        "sooner than preferred",
        2,
        "preferred turnaround after R1",
        with_soft(preferred_turnaround=PreferredTurnaround(minutes=(75, 91), hard=True)),
    ),
    Mutation(
        "a pair the operator excludes",
        2,
        "R2 and R1, which are incompatible",
        with_soft(incompatible_routes=IncompatibleRoutes(pairs=(("R2", "R1"),), hard=True)),
    ),
    Mutation(
        "swapped",
        2,
        "it was V2's before",
        lambda s: given_before(-24, R1="V2")(with_soft(swaps=Swaps(hard=True))(s)),
    ),
    Mutation(
        "energy margin",
        3,
        "without the energy",
        with_soft(energy_margin=EnergyMargin(margins=(1.1,), penalties=(1,), hard=True)),
    ),
    Mutation(
        "a connector that is to be left alone",
        5,
        "left alone at that time",
        with_soft(charger_preference=ChargerPreference(costs={"CP1/1": 1}, hard=True)),
    ),
    Mutation(
        "a connector that is to be left alone from the night on until a quarter past four",
        5,
        "left alone at that time",
        with_soft(
            charger_preference=ChargerPreference(
                costs={"CP1": 1}, window=("22:00", "17:15"), timezone="Europe/Berlin", hard=True
            )
        ),
    ),
    Mutation(
        "a connector that is to be left alone before the first route",
        5,
        "left alone at that time",
        with_soft(
            charger_preference=ChargerPreference(
                costs={"CP1/1": 1}, window=("16:30", "17:30"), routes="first", hard=True
            )
        ),
    ),
    Mutation(
        "a connector that is to be left alone by who drives nothing",
        5,
        "left alone at that time",
        with_soft(
            charger_preference=ChargerPreference(costs={"CP2": 1}, routes="first", hard=True)
        ),
    ),
    Mutation(
        "a connector that is to be left alone before the first of two routes as long",
        5,
        "left alone at that time",
        with_soft(
            charger_preference=ChargerPreference(costs={"CP1/1": 1}, routes="longest", hard=True)
        ),
    ),
    Mutation(
        "a connector that is to be left alone before the longest route",
        5,
        "left alone at that time",
        lambda s: with_route("R1", return_=after(179))(
            with_soft(
                charger_preference=ChargerPreference(
                    costs={"CP1/2": 1}, window=("19:30", "20:10"), routes="longest", hard=True
                )
            )(s)
        ),
    ),
    Mutation(
        "in the triad",
        5,
        "the triad is to be left alone",
        with_soft(triad=Triad(window=("17:30", "18:00"), hard=True)),
    ),
    Mutation(
        "safety margin",
        3,
        "without the energy",
        with_soft(energy_feasibility=EnergyFeasibility(safety_margin_kwh=19.1, hard=True)),
    ),
    Mutation("departs short", 3, "without the energy", with_vehicle(0, energy_kwh=9.9)),
    Mutation("safety factor", 3, "without the energy", with_rules(safety_factor=2.1)),
    Mutation("overfull", 3, "more than its battery", with_vehicle(1, energy_kwh=44)),
    Mutation("a route forgotten", 4, "neither", report=with_plan(unserved=())),
    Mutation(
        "both driven and not",
        4,
        "allocated and unserved",
        report=lambda p: replace(p, unserved=(*p.unserved, Unserved(route="R1", reason="x"))),
    ),
    Mutation(
        "unserved twice",
        4,
        "unserved more than once",
        report=lambda p: replace(p, unserved=p.unserved * 2),
    ),
    Mutation(
        "unserved is unheard of",
        4,
        "no such route",
        report=lambda p: replace(p, unserved=(*p.unserved, Unserved(route="R7", reason="x"))),
    ),
    Mutation(
        "a shortfall excuses",
        4,
        "in this mode",
        report=lambda p: replace(
            p, shortfalls=(*p.shortfalls, Shortfall(vehicle="V1", at=after(120), route="R1", kwh=1))
        ),
    ),
    Mutation(
        "into the buffer",
        5,
        "departure buffer",
        deed=with_stay(0, stay("V1", "CP1", 1, 0, 106, (0, 60, 20))),
    ),
    Mutation(
        "on the road",
        5,
        "is at the depot",
        deed=with_stay(1, stay("V1", "CP1", 2, 179, 255, (180, 240, 10))),
    ),
    Mutation(
        "before it is there",
        5,
        "is at the depot",
        deed=with_stay(3, stay("V2", "CP2", 1, 29, 360, (45, 135, 11))),
    ),
    Mutation(
        "after the end",
        5,
        "or the horizon",
        deed=with_stay(3, stay("V2", "CP2", 1, 30, 361, (45, 135, 11))),
    ),
    Mutation("no common plug", 5, "no plug", with_vehicle(1, plugs=("ccs1",))),
    Mutation(
        "no such connector",
        5,
        "no connector CP9/1",
        deed=with_stay(3, stay("V2", "CP9", 1, 30, 360)),
    ),
    Mutation("no such vehicle", 5, "no such vehicle", deed=more_stays(stay("V9", "CP1", 2, 0, 60))),
    Mutation(
        "uncontrollable connector",
        5,
        "cannot be controlled",
        deed=with_stay(3, stay("V2", "CP3", 1, 30, 60)),
    ),
    Mutation(
        "direct current",
        5,
        "connector CP2/1 is for direct current",
        with_soft(
            energy_feasibility=EnergyFeasibility(dc_allowed=False, dc_plugs=("ccs2", "type2"))
        ),
    ),
    Mutation(
        "stands at an uncontrollable one",
        5,
        "stands at connector CP3/1",
        with_vehicle(1, plugged=Plugged(station="CP3", connector=1)),
    ),
    Mutation(
        "two at one connector",
        5,
        "hold it at once",
        deed=with_stay(3, stay("V2", "CP1", 2, 200, 300)),
    ),
    Mutation(
        "held while nothing flows",
        5,
        "hold it at once",
        deed=with_stay(3, stay("V2", "CP1", 1, 60, 104)),
    ),
    Mutation(
        "held from the start",
        5,
        "hold it at once",
        deed=lambda p: replace(
            p,
            stays=(
                stay("V1", "CP1", 1, 60, 105, (60, 105, 20)),
                *p.stays[1:3],
                stay("V2", "CP1", 1, 30, 50),
            ),
        ),
    ),
    Mutation(
        "moved within a visit",
        5,
        "began at connector CP1/1",
        deed=lambda p: replace(
            p,
            stays=(
                stay("V1", "CP1", 1, 0, 60, (0, 60, 20)),
                stay("V1", "CP1", 2, 60, 100),
                *p.stays[1:],
            ),
        ),
    ),
    Mutation(
        "at two places at once",
        5,
        "before the last one ends",
        deed=more_stays(stay("V2", "CP2", 1, 340, 360)),
    ),
    Mutation(
        "ends before it begins", 5, "ends before", deed=more_stays(stay("V2", "CP2", 1, 360, 355))
    ),
    Mutation(
        "a period outlasts its stay",
        5,
        "after its stay",
        deed=with_stay(1, stay("V1", "CP1", 2, 180, 239, (180, 240, 10))),
    ),
    Mutation(
        "periods overlap",
        5,
        "last period ends",
        deed=with_stay(1, stay("V1", "CP1", 2, 180, 240, (180, 220, 5), (210, 240, 5))),
    ),
    Mutation(
        "a period runs backwards",
        5,
        "a period ends before it begins",
        deed=with_stay(1, stay("V1", "CP1", 2, 180, 255, (180, 240, 10), (250, 245, 0))),
    ),
    Mutation(
        "before the horizon",
        5,
        "is at the depot",
        deed=with_stay(0, stay("V1", "CP1", 1, -5, 105, (0, 60, 20))),
    ),
    Mutation(
        "below the minimum",
        6,
        "neither 0",
        deed=with_stay(1, stay("V1", "CP1", 2, 180, 255, (180, 240, 3.9))),
    ),
    Mutation(
        "negative power",
        6,
        "negative",
        deed=with_stay(1, stay("V1", "CP1", 2, 180, 255, (180, 240, -1))),
    ),
    Mutation("above the vehicle's power", 6, "vehicle's 10.9", with_vehicle(1, max_charge_kw=10.9)),
    Mutation(
        "above the connector's power",
        6,
        "connector's 22",
        with_vehicle(0, max_charge_kw=50),
        with_stay(0, stay("V1", "CP1", 1, 0, 105, (0, 60, 22.1))),
    ),
    # 30 + 18 kWh of 50 are 0.96: 22 kW x 0.36, at the end of the second step.
    Mutation("above the charge curve", 6, "charge curve", with_vehicle(0, battery_kwh=50)),
    Mutation("circuit", 7, "above the limit", with_circuit("left", 22.9)),
    Mutation("circuit above it", 7, "above the limit", with_circuit("yard", 33.9)),
    Mutation(
        "site", 7, "above the limit", lambda s: with_site(s, import_limit_kw=Series.constant(43.9))
    ),
    Mutation(
        "a lower limit within a step",
        7,
        "above the limit",
        lambda s: with_site(
            s,
            import_limit_kw=Series(
                points=(
                    replace(s.site.import_limit_kw.points[0], value=60),
                    replace(s.site.import_limit_kw.points[0], at=after(119), value=20),
                    replace(s.site.import_limit_kw.points[0], at=after(121), value=60),
                )
            ),
        ),
    ),
    Mutation("target kept quiet", 8, "are missing", report=with_plan(shortfalls=())),
    Mutation(
        "target understated",
        8,
        "reports 3",
        report=lambda p: replace(p, shortfalls=(replace(p.shortfalls[0], kwh=3),)),
    ),
    Mutation(
        "target at another time",
        8,
        "another time",
        report=lambda p: replace(p, shortfalls=(replace(p.shortfalls[0], at=after(300)),)),
    ),
    Mutation(
        "target reported twice",
        8,
        "twice",
        report=lambda p: replace(p, shortfalls=p.shortfalls * 2),
    ),
    Mutation(
        "one out of service owes",
        8,
        "are missing",
        report=lambda p: replace(
            p, shortfalls=(*p.shortfalls, Shortfall(vehicle="V3", at=after(360), kwh=30))
        ),
    ),
    Mutation("a battery there is not", 9, "has none", deed=with_plan(battery=(period(0, 60, 1),))),
    Mutation("unserved misstated", 10, "it is 2", report=with_part("objective", unserved=1)),
    Mutation("shortfall misstated", 10, "it is 4", report=with_part("objective", shortfall_kwh=3)),
    Mutation("money misstated", 10, "it is 42.4", report=with_part("objective", money=42)),
    Mutation("energy misstated", 10, "it is 25.4", report=with_part("cost", energy=25)),
    Mutation("peak misstated", 10, "it is 17", report=with_part("cost", peak=0)),
    Mutation("wear misstated", 10, "it is 0", report=with_part("cost", wear=1)),
    Mutation("optimal without proof", 10, "tells its bound", report=with_plan(status="optimal")),
    Mutation(
        "optimal with a gap",
        10,
        "at most 0.001",
        report=with_plan(status="optimal", bound=Bound(money=42, gap=0.4 / 42.4)),
    ),
    Mutation(
        "a bound above the money", 10, "lower bound", report=with_plan(bound=Bound(money=43, gap=0))
    ),
    Mutation(
        "a gap understated",
        10,
        "the gap is",
        report=with_plan(status="optimal", bound=Bound(money=40, gap=0.001)),
    ),
    Mutation(
        "stay's energy misstated",
        11,
        "it reports 21",
        report=lambda p: replace(p, stays=(replace(p.stays[0], energy_kwh=21), *p.stays[1:])),
    ),
    Mutation(
        "import misstated",
        11,
        "the import is 33",
        report=lambda p: replace(p, site=(replace(p.site[0], import_kw=30), *p.site[1:])),
    ),
    Mutation(
        "a gap in the site's power",
        11,
        "does not begin",
        report=lambda p: replace(p, site=p.site[:3] + p.site[4:]),
    ),
    Mutation(
        "the site's power runs backwards",
        11,
        "ends before it begins",
        report=lambda p: replace(
            p, site=(replace(p.site[0], start=p.site[0].end, end=p.site[0].start), *p.site[1:])
        ),
    ),
    Mutation(
        "the site's power goes on after the end",
        11,
        "to its end",
        report=lambda p: replace(
            p, site=(*p.site, replace(p.site[-1], start=after(360), end=after(390)))
        ),
    ),
    Mutation(
        "the site's power ends early",
        11,
        "to its end",
        report=lambda p: replace(p, site=p.site[:-1]),
    ),
    Mutation("no site power at all", 11, "to its end", report=with_plan(site=())),
)

SUNNY = (
    Mutation(
        "the battery alone exports too much",
        7,
        "above the limit",
        with_battery(energy_kwh=20, min_kwh=0, max_discharge_kw=16),
        with_plan(battery=(period(0, 60, -15.1), period(60, 180, 15.1 / 0.81 / 2))),
    ),
    Mutation("charges too hard", 9, "charges above", with_battery(max_charge_kw=4.9)),
    Mutation("discharges too hard", 9, "discharges above", with_battery(max_discharge_kw=4)),
    Mutation("overfull", 9, "capacity", with_battery(capacity_kwh=14.4)),
    Mutation(
        "too empty",
        9,
        "less than it may",
        with_battery(min_kwh=8),
        with_plan(battery=(period(0, 60, -2), period(60, 120, 3))),
    ),
    Mutation(
        "begins below its minimum and sinks",
        9,
        "less than it may",
        with_battery(energy_kwh=3),
        with_plan(battery=(period(0, 60, -1), period(60, 120, 3))),
    ),
    Mutation("ends lower", 9, "began with", deed=with_plan(battery=(period(180, 240, -4),))),
    Mutation(
        "battery periods overlap",
        9,
        "last one ends",
        deed=with_plan(battery=(period(60, 120, 5), period(119, 121, 0))),
    ),
    Mutation(
        "the battery runs backwards",
        9,
        "ends before it begins",
        deed=with_plan(battery=(period(60, 120, 5), period(150, 140, 0), period(180, 240, -4.05))),
    ),
    Mutation(
        "the battery before the horizon",
        9,
        "begins before",
        deed=with_plan(battery=(period(-30, 0, 0),)),
    ),
    Mutation(
        "battery after the end",
        9,
        "after the horizon",
        deed=with_plan(battery=(period(180, 241, 0),)),
    ),
    Mutation(
        "pv thrown away",
        11,
        "the import is -10",
        report=lambda p: replace(p, site=(p.site[0], replace(p.site[1], import_kw=0), *p.site[2:])),
    ),
)

GIVEN = (
    Mutation("given to another", 4, "is given to V1", report=lambda p: replace(
        p, allocations=(Allocation(route="R1", vehicle="V2"), *p.allocations[1:]))),
    Mutation("left out", 4, "leaves it unserved", report=lambda p: replace(
        p, allocations=p.allocations[1:],
        unserved=(*p.unserved, Unserved(route="R1", reason="x")))),
    Mutation("a ghost's route driven", 4, "no vehicle that can drive", report=allocate("R3", "V2")),
    Mutation("shortfall kept quiet", 4, "17 kWh are missing", report=lambda p: replace(
        p, shortfalls=p.shortfalls[1:])),
    Mutation("shortfall at another time", 4, "another time", report=lambda p: replace(
        p, shortfalls=(replace(p.shortfalls[0], at=after(60)), *p.shortfalls[1:]))),
    Mutation("shortfall told twice", 4, "twice", report=lambda p: replace(
        p, shortfalls=(p.shortfalls[0], *p.shortfalls))),
    Mutation("shortfall misstated", 4, "reports 11", report=lambda p: replace(
        p, shortfalls=(p.shortfalls[0], replace(p.shortfalls[1], kwh=11), p.shortfalls[2]))),
)  # fmt: skip
