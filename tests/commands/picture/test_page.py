from __future__ import annotations

import re
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.commands.picture import page
from planner.algorithms.greedy import greedy
from planner.params import Params
from planner.plan import Binding, Bound, Cost, Objective, Plan, Shortfall, Unserved
from planner.series import Series
from planner.snapshot import Allocation, Mode, Snapshot
from tests.commands.picture.reading import Element, read
from tests.planner.depots import after, random_depot
from tests.planner.plans import charging_depot, idle_plan, sunny, sunny_plan, yard, yard_plan
from tests.planner.strategies import snapshots, yard_plans

HOSTILE = [
    "<script>alert(1)</script>",
    "</title></style><img src=x onerror=alert(1)>",
    "\"><svg onload='alert(1)'>",
    "&lt;b&gt;&amp;",
    "\x00\x1b[2J\ufffe\u202e",
    "a" * 128,
]


def drawn(snapshot: Snapshot, plan: Plan) -> Element:
    return read(page(snapshot, plan))


def number(element: Element, key: str) -> float:
    return float(element.attributes[key])


def told(elements: list[Element]) -> list[str]:
    """What a pointer over each of them is told."""
    return [e.all("title")[0].text for e in elements]


def hours(chart: Element) -> dict[str, float]:
    """Where each hour of the axis stands."""
    return {e.text: number(e, "x") for e in chart.all("text", "tick") if ":" in e.text}


def figures(root: Element) -> dict[str, str]:
    found = root.by_id("figures").all("div", "figure")
    return {e.one("dt").text: e.one("dd").words for e in found}


def test_every_stay_has_a_bar_in_both_charts_and_a_row_with_its_reason() -> None:
    plan = yard_plan()
    plan = replace(plan, stays=tuple(replace(s, why=f"why {i}") for i, s in enumerate(plan.stays)))

    root = drawn(yard(), plan)

    for name in ("gantt-vehicles", "gantt-connectors"):
        chart = root.one("svg", name)
        assert len(chart.all("g", "stay")) == len(plan.stays)
        charging = sum(p.kw > 0 for s in plan.stays for p in s.periods)
        assert len(chart.all("rect", "charge")) == charging
    reasons = root.by_id("stays").words
    assert all(f"why {i}" in reasons for i in range(len(plan.stays)))


def test_bars_stand_at_their_time_on_the_axis() -> None:
    chart = drawn(yard(), yard_plan()).one("svg", "gantt-vehicles")
    axis = hours(chart)
    hour = axis["18:00"] - axis["17:00"]

    bars = chart.all("g", "route")
    drives = {t[:8]: e.all("rect")[0] for t, e in zip(told(bars), bars, strict=True)}

    assert set(drives) == {"Route R1", "Route R2"}
    assert number(drives["Route R1"], "x") == pytest.approx(axis["18:00"], abs=0.2)
    assert number(drives["Route R1"], "width") == pytest.approx(hour, abs=0.2)


def test_a_darker_shade_means_more_power() -> None:
    chart = drawn(yard(), yard_plan()).one("svg", "gantt-connectors")
    bars = chart.all("rect", "charge")
    shades = {t.rpartition("\n")[2]: e.classes[1] for t, e in zip(told(bars), bars, strict=True)}
    assert shades["20.0 kW, 16:00 to 17:00"] == "kw5"
    assert shades["10.0 kW, 19:00 to 20:00"] == "kw3"


def test_an_unserved_route_is_told_with_its_reason() -> None:
    root = drawn(yard(), yard_plan())
    assert "Nobody drives R3" in root.by_id("attention").words
    assert "the only truck is out of service" in root.by_id("attention").words
    (bar,) = root.one("svg", "gantt-vehicles").all("g", "unserved")
    assert "the only truck is out of service" in bar.one("title").text


def test_the_header_has_status_tiers_bound_and_gap() -> None:
    plan = replace(
        yard_plan(),
        status="optimal",
        objective=Objective(unserved=2, shortfall_kwh=3.25, money=41.18, taste=7.5),
        cost=Cost(energy=37.18, peak=3.0, wear=1.0),
        bound=Bound(money=40.9, gap=0.0068),
    )

    root = drawn(yard(), plan)

    assert root.one("h1").text == "yard"
    assert root.one("p", "pill").text == "optimal, proved"
    assert "Plan 7 by hand, integrated mode, seed 0" in root.by_id("about").words
    assert "All times are UTC" in root.by_id("about").words
    shown = [e.words for e in root.by_id("figures").all("dd")]
    assert shown[0].startswith("2 priorities")
    assert shown[1].startswith("3.2 kWh")
    assert "41.18 EUR energy 37.18, peak 3.00, wear 1.00" in shown[2]
    assert "at least 40.90, gap 0.68%" in shown[2]
    assert shown[3].startswith("7.5")


def test_the_figures_are_the_plans() -> None:
    shown = figures(drawn(yard(), yard_plan()))
    # V1 takes 20 + 10 + 10 kWh at an efficiency of 0.9, V2 16.5 kWh.
    assert shown["Energy"].startswith("56.5 kWh from the connectors 52.5 kWh into the vehicles")
    # V1 ends with 36 of its 40 kWh: 4 more were wanted.
    assert shown["Planned energy"].startswith("92.9% of the 56.5 kWh wanted")
    assert shown["Peak"].startswith("38.5 kW of 60.0 kW at 16:30")
    # 56.5 kWh of 3 connectors times 22 kW times 6 h; CP3 is not controllable.
    assert shown["Workload"].startswith("14% of what the connectors could give")


def test_the_table_of_vehicles_has_each_ones_figures() -> None:
    table = drawn(yard(), yard_plan()).by_id("vehicle-figures").one("tbody")
    rows = {e.one("th").text: [c.words for c in e.all("td")] for e in table.all("tr")}
    assert list(rows) == ["V1", "V2", "V3"]
    assert rows["V1"][:5] == ["van", "CP1/1, CP1/2", "R1, R2", "40.0", "30.0 → 36.0"]
    assert rows["V3"][0] == "truck, out of service"


def test_energy_shows_what_each_departure_needs_and_finds() -> None:
    chart = drawn(yard(), yard_plan()).one("svg", "energy-lines")
    needs = told(chart.all("g", "departure-need"))
    # 30 kWh and 18 more of CP1/1 before R1, 20 less and 9 more before R2, reserve 8.
    assert "R1 leaves 18:00: 28.0 needed, has 48.0 kWh" in needs
    assert "R2 leaves 20:30: 18.0 needed, has 37.0 kWh" in needs
    assert "target at the end: 40.0 needed, has 36.0 kWh" in needs
    assert len(chart.all("path", "lacks")) == 1


def test_a_shortfall_at_a_departure_is_marked() -> None:
    snapshot = charging_depot()
    plan = idle_plan(snapshot)
    assert [s.route for s in plan.shortfalls if s.route] == ["R1", "R2"]

    root = drawn(snapshot, plan)

    chart = root.one("svg", "gantt-vehicles")
    assert len(chart.all("path", "short")) == 2
    assert len(chart.all("path", "pin")) == 1, "only R1 is pinned"
    assert "V1 lacks" in root.by_id("attention").words
    assert len(root.one("svg", "energy-lines").all("path", "lacks")) >= 2


def test_sun_battery_and_export_have_their_lines() -> None:
    root = drawn(sunny(), sunny_plan())
    chart = root.one("svg", "power")
    for style in ("import", "limit", "pv", "battery", "price", "export-price"):
        assert chart.all("path", style), style
    assert "export limit 10.0 kW" in [e.text for e in chart.all("text", "limit-label")]
    legend = root.by_id("site-power").one("ul").words
    assert "sun" in legend
    assert "battery" in legend


def test_without_sun_battery_and_export_there_is_nothing_of_them() -> None:
    root = drawn(yard(), yard_plan())
    chart = root.one("svg", "power")
    assert not any(chart.all("path", s) for s in ("pv", "battery", "export-price"))
    assert not any("sun" in e.words for e in root.by_id("site-power").all("li"))


def test_a_limit_far_above_all_else_is_told_and_does_not_flatten_the_rest() -> None:
    snapshot = yard()
    wide = replace(snapshot.site, import_limit_kw=Series.constant(4000))
    chart = drawn(replace(snapshot, site=wide), yard_plan()).one("svg", "power")
    assert [e.text for e in chart.all("text", "limit-label")] == ["limit 4000 kW, above this chart"]
    levels = [e.text for e in chart.all("text", "tick") if e.text.isdecimal()]
    assert max(float(level) for level in levels) < 100


def test_limits_that_bind_have_a_row_each_and_times_that_touch_are_one() -> None:
    times = [("left", 30, 60), ("left", 0, 30), ("yard", 0, 30), ("left", 90, 120)]
    binding = tuple(
        Binding(limit=f"circuit {name}", start=after(a), end=after(b)) for name, a, b in times
    )
    chart = drawn(yard(), replace(yard_plan(), binding=binding)).one("svg", "binding")
    assert told(chart.all("g", "binding")) == [
        "circuit left, 16:00 to 17:00",
        "circuit left, 17:30 to 18:00",
        "circuit yard, 16:00 to 16:30",
    ]


def test_the_heat_map_holds_the_energy_of_the_plan() -> None:
    plan = yard_plan()
    chart = drawn(yard(), plan).one("svg", "heat")
    axis = hours(chart)
    hour = axis["18:00"] - axis["17:00"]
    kwh = 0.0
    for cell in chart.all("rect", "cell"):
        power = re.search(r"([0-9.]+) kW$", cell.one("title").text)
        assert power is not None
        kwh += float(power[1]) * number(cell, "width") / hour
    assert kwh == pytest.approx(sum(s.energy_kwh for s in plan.stays), rel=0.01)


def test_a_plan_of_nothing_is_drawn() -> None:
    snapshot = Snapshot(
        revision=0, taken_at=after(0), mode="integrated", horizon=yard().horizon,
        site=replace(yard().site, import_limit_kw=Series.constant(0)),
    )  # fmt: skip
    plan = Plan(revision=0, status="fallback", algorithm="none", objective=Objective(), cost=Cost())
    root = drawn(snapshot, plan)
    assert "Every route is driven" in root.by_id("attention").words
    assert root.by_id("stays").words.endswith("Nobody charges.")
    assert figures(root)["Planned energy"] == "– nothing was wanted"
    assert not root.all("svg", "gantt-vehicles")
    assert root.by_id("vehicle-figures").words == "Vehicles There are none."


def test_many_complaints_are_all_there_and_most_are_folded() -> None:
    unserved = tuple(Unserved(route=f"R{i}", reason=f"reason {i}.") for i in range(100, 130))
    plan = replace(yard_plan(), unserved=unserved, shortfalls=())
    part = drawn(yard(), plan).by_id("attention")
    assert len(part.all("li")) == 30
    assert part.one("summary").text == "22 more"
    assert len(part.one("details").all("li")) == 22


def test_what_a_plan_rests_on_is_told_after_what_it_leaves_undone() -> None:
    notes = ("the window is 11 h long: prices are known until 03:00", "R1 is an estimate")
    part = drawn(yard(), replace(yard_plan(), notes=notes)).by_id("attention")
    assert [e.words for e in part.all("li")][-2:] == [f"Note {note}" for note in notes]
    calm = replace(yard_plan(), unserved=(), shortfalls=(), notes=notes[:1])
    part = drawn(yard(), calm).by_id("attention")
    assert (
        part.words == f"Attention Every route is driven, and no energy is missing. Note {notes[0]}"
    )


def assert_self_contained(text: str) -> None:
    root = read(text)
    names = {e.name for e in root.walk()}
    assert not names & {"script", "img", "link", "iframe", "object", "use", "image", "a", "form"}
    keys = {key for e in root.walk() for key in e.attributes}
    assert not {k for k in keys if k.startswith("on")} | (keys & {"style", "src", "href"})
    style = root.one("style").text
    assert not re.search(r"url\(|@import|[a-z]+://", style)
    (policy,) = (e for e in root.all("meta") if "http-equiv" in e.attributes)
    assert policy.attributes["content"].startswith("default-src 'none'; style-src 'sha256-")


def assert_accessible(root: Element) -> None:
    for chart in root.all("svg"):
        if chart.attributes.get("aria-hidden") == "true":
            continue
        title, description = (root.by_id(i) for i in chart.attributes["aria-labelledby"].split())
        assert title.words
        assert description.words
    assert all(e.attributes.get("scope") in ("row", "col") for e in root.all("th"))
    assert all(e.one("caption").words for e in root.all("table"))


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_text_from_outside_becomes_an_element(hostile: str) -> None:
    base, plan = yard(), yard_plan()
    evil = [f"{hostile[:120]}{i}" for i in range(3)]
    names = {v.id: e for v, e in zip(base.vehicles, evil, strict=True)}
    routes = {r.id: f"{hostile[:120]}{r.id}" for r in base.routes}
    snapshot = replace(
        base,
        site=replace(base.site, id=hostile[:128], currency=hostile[:16]),
        vehicles=tuple(replace(v, id=names[v.id], type=hostile[:128]) for v in base.vehicles),
        routes=tuple(replace(r, id=routes[r.id]) for r in base.routes),
    )
    spoiled = replace(
        plan,
        algorithm=hostile,
        allocations=tuple(
            Allocation(route=routes[a.route], vehicle=names[a.vehicle]) for a in plan.allocations
        ),
        unserved=tuple(replace(u, route=routes[u.route], reason=hostile) for u in plan.unserved),
        stays=tuple(replace(s, vehicle=names[s.vehicle], why=hostile) for s in plan.stays),
        shortfalls=(Shortfall(vehicle=evil[0], at=after(120), route=routes["R1"], kwh=1),),
        binding=(Binding(limit=hostile, start=after(0), end=after(30)),),
    )
    plain = {e.name for e in drawn(base, plan).walk()}

    text = page(snapshot, spoiled)

    text.encode("utf-8")
    assert_self_contained(text)
    root = read(text)
    assert {e.name for e in root.walk()} <= plain
    seen = hostile.translate({0: "\ufffd", 0x1B: "\ufffd", 0xFFFE: "\ufffd"})
    for part in ("attention", "stays", "vehicle-figures"):
        assert seen.strip() in " ".join(e.text for e in root.by_id(part).walk()), part


MODES: list[Mode] = ["integrated", "allocation", "charging"]


@given(
    st.integers(0, 10**6),
    st.integers(1, 30),
    st.integers(0, 30),
    st.integers(1, 12),
    st.sampled_from(MODES),
    st.sampled_from([(0.5, 5.0), (6, 1.0), (12, 15.0), (72, 30.0)]),
    st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_any_depots_plan_is_drawn_whole(
    seed: int,
    vehicles: int,
    routes: int,
    connectors: int,
    mode: Mode,
    window: tuple[float, float],
    rich: bool,
) -> None:
    snapshot = random_depot(
        Random(seed),
        vehicles=vehicles,
        routes=routes,
        connectors=connectors,
        hours=window[0],
        step_minutes=window[1],
        mode=mode,
        tight=0.3,
        battery=rich,
        pv=rich,
        fixed_loads=rich,
    )
    plan = greedy(snapshot, Params(), 1.0, 0)

    text = page(snapshot, plan)

    assert_self_contained(text)
    root = read(text)
    assert_accessible(root)
    for name in ("gantt-vehicles", "gantt-connectors"):
        bars = told(root.one("svg", name).all("g", "stay"))
        for stay in plan.stays:
            begins = f"{stay.vehicle} at {stay.station}/{stay.connector}, "
            assert any(t.startswith(begins) for t in bars)
        assert len(bars) == len(plan.stays)
    assert len(root.by_id("stays").all("tr")) == (len(plan.stays) + 1 if plan.stays else 0)
    shown = {t.split(",")[0] for t in told(root.all("g", "route"))}
    assert shown == {f"Route {a.route}" for a in plan.allocations}
    assert page(snapshot, plan) == text


@given(snapshots(), yard_plans())
@settings(max_examples=60, deadline=None)
def test_a_plan_that_does_not_fit_its_snapshot_is_still_a_page(
    snapshot: Snapshot, plan: Plan
) -> None:
    text = page(snapshot, plan)
    assert_self_contained(text)
    assert_accessible(read(text))
    text.encode("utf-8")
