"""Declares the columns of a scope, with the bounds that need no row."""

from __future__ import annotations

import math
from itertools import chain

import numpy as np

from planner.drafts.timeline import Floats
from planner.linear.columns import Columns
from planner.linear.levels import levels, most_kwh
from planner.linear.scope import Scope, blocks


def declare(scope: Scope) -> Columns:
    columns = Columns(scope)
    for name in scope.chosen.vehicles:
        _routes(columns, name)
        _energy(columns, name)
        _power(columns, name)
        if name in scope.holders:
            _holds(columns, name)
    _site(columns)
    _battery(columns)
    return columns


def _routes(columns: Columns, name: str) -> None:
    """Given routes are driven; what they lack is a shortfall in `charging` mode only."""
    scope = columns.scope
    vehicle, drives = scope.chosen.vehicles[name], scope.chosen.drives[name]
    for d in drives:
        low = 1.0 if scope.fixed else 0.0
        columns.add("drive", (name, d.route), low, 1.0, integral=not scope.fixed)
        if scope.chosen.given:
            columns.add("short", (name, d.route), 0.0, d.need_kwh)
    returns_s = [d.return_s for d in drives] if scope.fixed and drives else []
    here_s = max(returns_s, default=scope.line.seconds(vehicle.available_from))
    if vehicle.target_kwh > 0 and here_s <= scope.line.end_s:
        columns.add("short", (name, None), 0.0, vehicle.target_kwh)


def _energy(columns: Columns, name: str) -> None:
    scope = columns.scope
    start_kwh, most = scope.chosen.vehicles[name].energy_kwh, most_kwh(scope, name)
    columns.most_kwh[name], columns.levels[name] = most, levels(scope, name, most)
    columns.add("energy", (name, 0), start_kwh, start_kwh)
    for k in columns.levels[name][1:]:
        columns.add("energy", (name, k), 0.0, most[k])
    if not scope.chosen.given:
        return
    left_kwh, after = start_kwh, _last_need(scope, name)
    for k in columns.levels[name]:
        drop_kwh = scope.drops_kwh(name).get(k, 0.0)
        left_kwh -= drop_kwh
        if drop_kwh > 0 and left_kwh < 0:
            columns.add("lift", (name, k), 0.0, drop_kwh)
            if scope.points[name][k] <= after:
                columns.add("empty", (name, k), 0.0, 1.0, integral=True)


def _last_need(scope: Scope, name: str) -> float:
    """Until when the vehicle's energy matters, in seconds."""
    drives = scope.chosen.drives[name]
    target = scope.chosen.vehicles[name].target_kwh > 0
    return scope.line.end_s if target else max((d.depart_s for d in drives), default=-math.inf)


def _power(columns: Columns, name: str) -> None:
    scope = columns.scope
    where = scope.where[name]
    group = np.fromiter(chain.from_iterable(where), np.int64)
    if not len(group):
        return
    part = np.repeat(np.arange(len(where)), list(map(len, where)))
    most_kw, step = np.zeros(len(part)), scope.parts[name].step[part]
    for g in scope.groups_held(name):
        most_kw = np.where(group == g, scope.most_by_step_kw(name, g)[step], most_kw)
    columns.extend(name, group, part, most_kw)
    kept_kw = {g: scope.groups[g].fallback_kw for g in scope.groups_held(name)}
    if not (scope.stepped or scope.steady or any(kept_kw.values())):
        return
    powers = list(zip(group.tolist(), part.tolist(), most_kw.tolist(), strict=True))
    for g, k, most in powers:
        if (name, g, k) in scope.stepped or (name, g, k) in scope.steady:
            columns.add("on", (name, g, k), 0.0, 1.0, integral=True)
            columns.add("burst", (name, g, k), 0.0, most)
    for g, k, most in powers:
        if fallback_kw := kept_kw[g]:
            columns.add("beyond", (name, g, k), 0.0, max(0.0, most - fallback_kw))


def _holds(columns: Columns, name: str) -> None:
    scope = columns.scope
    buffer_s = scope.snapshot.rules.departure_buffer_minutes * 60
    for k, part in enumerate(scope.parts[name]):
        columns.add("armed", (name, k), 0.0, 1.0)
        if scope.fixed and any(blocks(d, part, buffer_s) for d in scope.chosen.drives[name]):
            continue
        for g in scope.groups_held(name):
            columns.add("hold", (name, g, k), 0.0, 1.0, integral=True)
            columns.add("begin", (name, g, k), 0.0, 1.0)


def _site(columns: Columns) -> None:
    """No more is bought than all that could draw at once, whatever the limit."""
    scope, line = columns.scope, columns.scope.line
    site = scope.snapshot.site
    fixed_kw = line.fixed_import_kw
    limit_kw = np.maximum(np.maximum(line.import_limit_kw, fixed_kw), 0.0) + 1.0
    drawn_kw = np.maximum(fixed_kw, 0.0) + _most_charging_kw(columns) + 1.0
    most_kw = np.minimum(limit_kw, drawn_kw).tolist()
    floor_kw, pv_kw = np.minimum(line.floor_kw, fixed_kw).tolist(), line.pv_kw.tolist()
    for t in range(line.steps):
        columns.add("buy", t, 0.0, most_kw[t])
        if floor_kw[t] < 0:
            columns.add("sell", t, 0.0, -floor_kw[t])
            if line.export_price[t] > line.import_price[t]:
                columns.add("selling", t, 0.0, 1.0, integral=True)
        if pv_kw[t] > 0:
            columns.add("curtail", t, 0.0, pv_kw[t])
            if line.import_price[t] < 0:
                columns.add("curtailing", t, 0.0, 1.0, integral=True)
    if site.peak_price_per_kw > 0:
        highest_kw = max((columns.upper[c] for c in columns["buy"].values()), default=0.0)
        columns.add("peak", 0, 0.0, highest_kw)


def _most_charging_kw(columns: Columns) -> Floats:
    """The sum of all powers in each step, and of the battery's."""
    line, battery = columns.scope.line, columns.scope.snapshot.site.battery
    powers = columns.powers
    found = np.full(line.steps, 0.0 if battery is None else battery.max_charge_kw)
    np.add.at(found, powers.step, np.array(columns.upper)[powers.column])
    return found


def _battery(columns: Columns) -> None:
    """A binary keeps it from charging and discharging at once where wasting energy would pay."""
    scope, line = columns.scope, columns.scope.line
    battery = scope.snapshot.site.battery
    if battery is None:
        return
    low_kwh = min(battery.min_kwh, battery.energy_kwh)
    high_kwh = max(battery.capacity_kwh, battery.energy_kwh)
    for t in range(line.steps + 1):
        low = battery.energy_kwh if t in (0, line.steps) else low_kwh
        columns.add("stored", t, low, battery.energy_kwh if t == 0 else high_kwh)
    for t in range(line.steps):
        broken = line.limits[0].room_kw[t] < 0
        columns.add("charge", t, 0.0, 0.0 if broken else battery.max_charge_kw)
        columns.add("discharge", t, 0.0, battery.max_discharge_kw)
        if line.import_price[t] < 0 or line.export_price[t] < 0:
            columns.add("charging", t, 0.0, 1.0, integral=True)
