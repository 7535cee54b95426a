"""Who stands where and drives what: a row for each vehicle, and a row for each connector."""

from __future__ import annotations

from daemon.commands.picture.chart import (
    AXIS,
    HEAD,
    charging_entry,
    chart,
    entry,
    hour_lines,
    legend,
    swatch,
)
from daemon.commands.picture.markup import Markup, tag
from daemon.commands.picture.rows import Bar, Row, draw_rows, row_height
from daemon.commands.picture.scale import TimeScale, clock, highest_kw, natural, number
from planner.plan import Plan, Stay
from planner.snapshot import Route, Snapshot, Vehicle


def vehicle_gantt(snapshot: Snapshot, plan: Plan, scale: TimeScale) -> list[Markup]:
    """The chart and its legend."""
    rows = vehicle_rows(snapshot, plan, scale)
    said = (
        f"{len(plan.stays)} charging stays, {len(plan.allocations)} routes served, "
        f"{len(plan.unserved)} not served."
    )
    entries = [
        entry("plugged, waiting", swatch("stay-block")),
        charging_entry(plan),
        entry("on a route, from its departure", swatch("route-block")),
        entry("not there yet", swatch("away-block")),
    ]
    if any(r.vehicle is not None for r in snapshot.routes):
        mark = tag("path", {"class": "pin", "d": "M5 6l4 -4l4 4l-4 4z"})
        entries.append(entry("pinned to its vehicle", mark))
    if plan.unserved:
        entries.append(entry("route nobody drives", swatch("unserved-block")))
    if any(s.route is not None for s in plan.shortfalls):
        mark = tag("path", {"class": "short", "d": "M4 11h10l-5 -9z"})
        entries.append(entry("leaves short of energy", mark))
    return [_chart("vehicles", "Plan by vehicle", said, rows, plan, scale), legend(*entries)]


def connector_gantt(snapshot: Snapshot, plan: Plan, scale: TimeScale) -> list[Markup]:
    rows = connector_rows(snapshot, plan, scale)
    said = f"{len(rows)} connectors, {len(plan.stays)} charging stays."
    entries = [entry("plugged, waiting", swatch("stay-block")), charging_entry(plan)]
    if not all(c.controllable for c in snapshot.connectors):
        entries.append(entry("a load nobody steers", swatch("fixed-block")))
    return [_chart("connectors", "Plan by connector", said, rows, plan, scale), legend(*entries)]


def _chart(
    name: str, title: str, said: str, rows: list[Row], plan: Plan, scale: TimeScale
) -> Markup:
    bottom = HEAD + len(rows) * row_height(len(rows)) + 2
    inside = [hour_lines(scale, HEAD, bottom), draw_rows(rows, scale, HEAD, highest_kw(plan))]
    return chart(f"gantt-{name}", title, said, bottom + AXIS, inside)


def vehicle_rows(snapshot: Snapshot, plan: Plan, scale: TimeScale) -> list[Row]:
    """Vehicles by name, then a row for each route that nobody drives."""
    rows = {v.id: _vehicle_row(v, scale) for v in snapshot.vehicles}
    for stay in plan.stays:
        row = rows.setdefault(stay.vehicle, Row(name=stay.vehicle, style="out"))
        row.bars.append(_stay_bar(stay, scale, f"{stay.station}/{stay.connector}"))
    routes = {r.id: r for r in snapshot.routes}
    short = {(s.vehicle, s.route): s.kwh for s in plan.shortfalls}
    for drive in plan.allocations:
        if drive.route in routes:
            row = rows.setdefault(drive.vehicle, Row(name=drive.vehicle, style="out"))
            lack = short.get((drive.vehicle, drive.route), 0.0)
            row.bars.append(_route_bar(routes[drive.route], drive.vehicle, lack, scale))
    found = sorted(rows.values(), key=lambda r: natural(r.name))
    for left in sorted(plan.unserved, key=lambda u: natural(u.route)):
        if left.route in routes:
            route = routes[left.route]
            spoken = f"Route {route.id}, {_times(route, scale)}, not served: {left.reason}"
            texts = (f"nobody drives it: {left.reason}" if left.reason else "nobody drives it",)
            bar = Bar(
                kind="unserved", start=route.depart, end=route.return_, spoken=spoken, texts=texts
            )
            found.append(Row(name=route.id, note="not served", style="bad", bars=[bar]))
    return found


def connector_rows(snapshot: Snapshot, plan: Plan, scale: TimeScale) -> list[Row]:
    rows = {c.key: Row(name=f"{c.station}/{c.connector}") for c in snapshot.connectors}
    for connector in snapshot.connectors:
        row = rows[connector.key]
        row.note = f"{number(connector.min_kw)} to {number(connector.max_kw)} kW" + (
            f", circuit {connector.circuit}" if connector.circuit is not None else ""
        )
        if not connector.controllable:
            said = f"{number(connector.load_kw)} kW, not controllable"
            row.bars.append(
                Bar(kind="fixed", start=scale.start, end=scale.end, spoken=said, texts=(said,))
            )
    for stay in plan.stays:
        row = rows.setdefault(stay.key, Row(name=f"{stay.station}/{stay.connector}", style="out"))
        row.bars.append(_stay_bar(stay, scale, stay.vehicle))
    return sorted(rows.values(), key=lambda r: natural(r.name))


def _vehicle_row(vehicle: Vehicle, scale: TimeScale) -> Row:
    row = Row(name=vehicle.id, note=vehicle.type)
    if not vehicle.in_service:
        row.style, row.note = "out", f"{vehicle.type}, out of service"
    elif vehicle.available_from > scale.start:
        back = scale.moment(vehicle.available_from)
        row.bars.append(
            Bar(
                kind="away",
                start=scale.start,
                end=vehicle.available_from,
                spoken=f"{vehicle.id} is at the depot from {back}",
                texts=(f"back {clock(vehicle.available_from)}", clock(vehicle.available_from)),
            )
        )
    return row


def _stay_bar(stay: Stay, scale: TimeScale, label: str) -> Bar:
    place, energy = f"{stay.station}/{stay.connector}", f"{number(stay.energy_kwh)} kWh"
    spoken = f"{stay.vehicle} at {place}, {scale.span(stay.start, stay.end)}, {energy}"
    return Bar(
        kind="stay",
        start=stay.start,
        end=stay.end,
        spoken=f"{spoken}: {stay.why}" if stay.why else spoken,
        texts=(f"{label} · {energy}", label, energy),
        stay=stay,
    )


def _route_bar(route: Route, vehicle: str, lack_kwh: float, scale: TimeScale) -> Bar:
    pinned = route.vehicle is not None
    leaves = f"{route.id} {clock(route.depart)}"
    spoken = f"Route {route.id}, {_times(route, scale)}, {vehicle}"
    if pinned:
        spoken += ", pinned"
    if lack_kwh > 0:
        spoken += f", {number(lack_kwh)} kWh short"
    texts = (f"{leaves}, {number(lack_kwh)} kWh short" if lack_kwh > 0 else "", leaves, route.id)
    return Bar(
        kind="route",
        start=route.depart,
        end=route.return_,
        spoken=spoken,
        texts=texts,
        pinned=pinned,
        short=lack_kwh > 0,
    )


def _times(route: Route, scale: TimeScale) -> str:
    return f"leaves {scale.moment(route.depart)}, back {scale.moment(route.return_)}"
