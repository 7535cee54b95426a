"""From a solution of a linear model to a draft: drives, visits with connectors, powers, battery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from planner.drafts.choices import Drive
from planner.drafts.draft import Charge, Draft, Visit, open_visits, plugged_at
from planner.drafts.timeline import Floats, Socket
from planner.linear.columns import Columns

_LEAST_KWH = 1e-5
"""A charge of less is rounding."""

Power = tuple[float, float, int, float]
"""A part's start and end, the group it is charged at, and the mean power over it in kW."""


def extract(columns: Columns, x: Floats) -> Draft | None:
    """None where visits cannot be given connectors: the model counts a group's holders and does
    not see that a plugged vehicle's own connector may have been used before it comes back to it."""
    scope = columns.scope
    drives: dict[str, list[Drive]] = {}
    visits: list[Visit] = []
    powers, placed = _powers(columns, x), dict[str, list[Visit]]()
    for visit in scope.placed or ():
        placed.setdefault(visit.vehicle, []).append(visit)
    for name, vehicle in scope.chosen.vehicles.items():
        driven = [d for d in scope.chosen.drives[name] if x[columns["drive"][name, d.route]] > 0.5]
        drives[name] = driven
        own_powers = powers.get(name, [])
        if scope.placed is not None:
            own = placed.get(name, [])
        else:
            own = open_visits(vehicle, driven, scope.snapshot, scope.line)
        for visit in own:
            inside = [p for p in own_powers if visit.start_s <= p[0] + 1e-6 < visit.end_s + 1e-6]
            if inside:
                min_kw = scope.groups[inside[0][2]].min_kw
                visits.append(replace(visit, charges=_charges(inside, min_kw)))
    if scope.placed is None and not _place(columns, x, visits):
        return None
    return Draft(drives=drives, visits=visits, battery_kw=battery_kw(columns, x))


def _powers(columns: Columns, x: Floats) -> dict[str, list[Power]]:
    """Each vehicle's, in order of time."""
    powers = columns.powers
    kw = np.minimum(x[powers.column], np.array(columns.upper)[powers.column])
    used = np.flatnonzero(kw * powers.hours > _LEAST_KWH)
    arrays = powers.start_s, powers.end_s, powers.group, np.round(kw, 6)
    rows = list(zip(*(values[used].tolist() for values in arrays), strict=True))
    found: dict[str, list[Power]] = {}
    for name, span in powers.spans.items():
        first, end = np.searchsorted(used, (span.start, span.stop)).tolist()
        found[name] = rows[first:end]
    return found


def _charges(powers: Sequence[Power], min_kw: float) -> list[Charge]:
    """A mean below the minimum becomes the minimum for a while, beside the neighbour if any."""
    if min_kw <= 0:
        return [Charge(start_s, end_s, kw) for start_s, end_s, _, kw in powers]
    charges: list[Charge] = []
    for i, (start_s, end_s, _, kw) in enumerate(powers):
        if kw >= min_kw - 1e-6:
            charges.append(Charge(start_s, end_s, max(kw, min_kw)))
            continue
        length_s = round((end_s - start_s) * kw / min_kw, 3)
        follows = i > 0 and powers[i - 1][1] == start_s
        leads = i + 1 < len(powers) and powers[i + 1][0] == end_s
        if leads and not follows:
            charges.append(Charge(end_s - length_s, end_s, min_kw))
        else:
            charges.append(Charge(start_s, start_s + length_s, min_kw))
    return charges


def _place(columns: Columns, x: Floats, visits: list[Visit]) -> bool:
    """Gives each visit a connector of its group, in order of time; False where that fails.

    A plugged vehicle that charges at its own connector holds it from the start on, so it takes its
    own only if nobody has been there; the others leave such connectors free as long as they can.
    """
    scope = columns.scope
    free_s: dict[Socket, float] = {s: 0.0 for g in scope.groups for s in g.sockets}
    own = {id(v): plugged_at(scope.chosen.vehicles[v.vehicle]) if v.first else None for v in visits}
    keeps = {id(v) for v in visits if own[id(v)] is not None and _keeps_own(columns, x, v)}
    claimed = {own[id(v)] for v in visits}
    for visit in sorted(
        visits, key=lambda v: (id(v) not in keeps, v.charges[0].start_s, v.vehicle)
    ):
        mine, start_s = own[id(visit)], visit.charges[0].start_s
        if id(visit) in keeps:
            usable = [mine] if mine is not None else []
        else:
            usable = [
                s
                for s in scope.groups[_group(columns, x, visit)].sockets
                if (free_s[s] == 0.0 if s == mine else free_s[s] <= start_s + 1e-6)
            ]
        if not usable:
            return False
        visit.socket = max(usable, key=lambda s: (s == mine, s not in claimed, free_s[s], s))
        free_s[visit.socket] = visit.charges[-1].end_s
    return True


def _group(columns: Columns, x: Floats, visit: Visit) -> int:
    scope, name = columns.scope, visit.vehicle
    first_s = visit.charges[0].start_s
    for k, part in enumerate(scope.parts[name]):
        if part.start_s - 1e-6 <= first_s < part.end_s:
            groups = scope.where[name][k]
            return max(groups, key=lambda g: x[columns["kw"][name, g, k]])
    raise ValueError(f"{name} charges at {first_s} s, outside its parts")


def _keeps_own(columns: Columns, x: Floats, visit: Visit) -> bool:
    """Whether the visit's connector is held from the start on where the vehicle is plugged."""
    scope, name = columns.scope, visit.vehicle
    own = scope.own_group(name)
    if own is None or _group(columns, x, visit) != own:
        return False
    return name not in scope.holders or bool(x[columns["hold"][name, own, 0]] > 0.5)


def battery_kw(columns: Columns, x: Floats) -> Floats | None:
    """Charging and discharging at once is what they come to together; no more than fits."""
    battery, line = columns.scope.snapshot.site.battery, columns.scope.line
    if battery is None:
        return None
    kw = np.array([x[columns["charge"][t]] - x[columns["discharge"][t]] for t in range(line.steps)])
    kw = np.round(kw, 6)
    kw[np.abs(kw) < 1e-5] = 0.0
    energy_kwh = battery.energy_kwh
    for t in range(line.steps):
        room_kw = (battery.capacity_kwh - energy_kwh) / battery.charge_efficiency / line.step_h
        kw[t] = min(kw[t], max(room_kw, 0.0))
        gain = battery.charge_efficiency if kw[t] > 0 else 1 / battery.discharge_efficiency
        energy_kwh += kw[t] * gain * line.step_h
    return kw
