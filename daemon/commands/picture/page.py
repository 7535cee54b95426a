"""The page: header, figures, charts on one time axis, tables."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from daemon.commands.picture.chart import panel
from daemon.commands.picture.energy import Course, courses, energy_chart
from daemon.commands.picture.figures import connector_table, figures, vehicle_table
from daemon.commands.picture.gantt import connector_gantt, vehicle_gantt
from daemon.commands.picture.heat import heat_map
from daemon.commands.picture.markup import Child, Markup, document, styled, tag
from daemon.commands.picture.power import binding_chart, power_chart
from daemon.commands.picture.reasons import attention, stay_table
from daemon.commands.picture.scale import TimeScale, clock, day
from planner.plan import Plan
from planner.snapshot import Snapshot


def page(snapshot: Snapshot, plan: Plan) -> str:
    """The whole HTML file; the same text for the same snapshot and plan."""
    scale = TimeScale(snapshot.taken_at, snapshot.end)
    found = courses(snapshot, plan)
    sections = [*_charts(snapshot, plan, found, scale), *_tables(snapshot, plan, found, scale)]
    top = tag("header", None, _masthead(snapshot, plan), figures(snapshot, plan, found, scale))
    body = (["\n", section] for section in sections)
    return document(_head(snapshot, plan), ["\n", top, tag("main", None, body), "\n"])


def _charts(
    snapshot: Snapshot, plan: Plan, found: list[Course], scale: TimeScale
) -> Iterator[Markup]:
    """Each where there is something to draw."""
    rows = bool(snapshot.vehicles or plan.stays or plan.unserved)
    sockets = bool(snapshot.connectors or plan.stays)
    yield panel("attention", "Attention", attention(snapshot, plan, scale))
    if rows:
        yield panel("plan", "Plan by vehicle", vehicle_gantt(snapshot, plan, scale))
    yield panel("site-power", "Site power, limit and price", power_chart(snapshot, plan, scale))
    if plan.binding:
        yield panel("limits", "Limits that hold the plan back", binding_chart(plan, scale))
    if sockets:
        yield panel("by-connector", "Plan by connector", connector_gantt(snapshot, plan, scale))
    if found:
        yield panel("energies", "Energy by vehicle", energy_chart(found, scale))
    if sockets:
        yield panel("heat-map", "Power by connector and time", heat_map(snapshot, plan, scale))


def _tables(
    snapshot: Snapshot, plan: Plan, found: list[Course], scale: TimeScale
) -> Iterator[Markup]:
    stays = stay_table(plan, scale) if plan.stays else _calm("Nobody charges.")
    vehicles = vehicle_table(snapshot, plan, found) if found else _calm("There are none.")
    there = bool(snapshot.connectors)
    sockets = connector_table(snapshot, plan, scale) if there else _calm("There are none.")
    yield panel("stays", "Charging stays and their reasons", stays)
    yield panel("vehicle-figures", "Vehicles", vehicles)
    yield panel("connector-figures", "Connectors", sockets)


def _calm(said: str) -> Markup:
    return tag("p", {"class": "calm"}, said)


def _masthead(snapshot: Snapshot, plan: Plan) -> list[Child]:
    proved = {"optimal": "optimal, proved", "feasible": "feasible", "fallback": "fallback"}
    good = "good" if plan.status == "optimal" else "bad" if plan.status == "fallback" else ""
    start, end = snapshot.taken_at, snapshot.end
    about = (
        f"Plan {plan.revision} by {plan.algorithm}, {snapshot.mode} mode, seed {plan.seed}: "
        f"{day(start)} {start.year}, {clock(start)} to {day(end)}, {clock(end)}, "
        f"steps of {snapshot.horizon.step_minutes:g} min. All times are UTC."
    )
    return [
        tag("div", {"class": "masthead"}, tag("h1", None, snapshot.site.id),
            tag("p", {"class": f"pill {good}".strip()}, proved[plan.status])),
        tag("p", {"id": "about", "class": "calm"}, about),
    ]  # fmt: skip


def _head(snapshot: Snapshot, plan: Plan) -> list[Child]:
    css = _stylesheet()
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'"
    parts = [
        tag("meta", {"charset": "utf-8"}),
        tag("meta", {"http-equiv": "Content-Security-Policy", "content": policy}),
        tag("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        tag("meta", {"name": "color-scheme", "content": "light dark"}),
        tag("title", None, f"{snapshot.site.id}, plan {plan.revision} · depotd"),
        styled(css),
    ]
    return [["\n", part] for part in parts]


@cache
def _stylesheet() -> str:
    """The live page's, for the same look, and what only this page has."""
    package = files("daemon")
    shared = package.joinpath("adapters", "http", "assets", "style.css")
    own = package.joinpath("commands", "picture", "picture.css")
    return shared.read_text(encoding="utf-8") + own.read_text(encoding="utf-8")
