"""From a draft to a plan: energies, shortfalls, the site's import, money, and what binds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, pairwise

import numpy as np

from planner.constraints import SOFT, swaps
from planner.drafts.choices import Choices, remembered
from planner.drafts.draft import Draft, Trace, Visit, at_depot_at_end, charges_of, plugged_at, trace
from planner.drafts.notes import notes
from planner.drafts.timeline import BARRED_KW, Floats, Limit, Timeline
from planner.objectives.taste import LATE
from planner.plan import (
    Binding,
    Bound,
    Cost,
    Objective,
    Period,
    Plan,
    Shortfall,
    SiteStep,
    Status,
    Stay,
    Unserved,
)
from planner.snapshot import Allocation, Route, Snapshot

MISSING_KWH = 1e-3
"""Less than a watt-hour is rounding, not a shortfall."""

Reason = Callable[[str], str]


def assemble(
    snapshot: Snapshot,
    line: Timeline,
    chosen: Choices,
    draft: Draft,
    *,
    algorithm: str,
    seed: int,
    status: Status,
    bound_money: float | None = None,
    traces: Mapping[str, Trace] | None = None,
    loads_kw: Sequence[Floats] | None = None,
    unserved_reason: Reason,
    stay_reason: Callable[[Visit], str],
) -> Plan:
    """The plan that `draft` means. `bound_money` is clipped to the plan's own money; `traces` are
    what `follow` finds, and `loads_kw` what `load_kw` does for each limit, if that is known."""
    driven = {d.route: v for v, drives in draft.drives.items() for d in drives}
    traces = follow(chosen, draft, line) if traces is None else traces
    shortfalls = _shortfalls(chosen, draft, traces, line)
    import_kw = site_import(draft, line)
    cost = cost_of(snapshot, line, draft, import_kw)
    missing = [r for r in chosen.routes if r.id not in driven]
    reached = _objective(snapshot, line, draft, missing, shortfalls, cost)
    return Plan(
        revision=snapshot.revision,
        status=status,
        algorithm=algorithm,
        seed=seed,
        allocations=tuple(
            Allocation(route=r.id, vehicle=driven[r.id]) for r in chosen.routes if r.id in driven
        ),
        unserved=tuple(Unserved(route=r.id, reason=unserved_reason(r.id)) for r in missing),
        stays=_stays(snapshot, line, chosen, draft, stay_reason),
        battery=_battery(line, draft),
        site=_site(line, import_kw),
        shortfalls=tuple(shortfalls),
        objective=reached,
        cost=cost,
        bound=None if bound_money is None else bound_of(reached.money, bound_money),
        binding=tuple(_bindings(line, loads_of(line, draft) if loads_kw is None else loads_kw)),
        notes=tuple(notes(snapshot, driven)),
    )


def objective_of(snapshot: Snapshot, line: Timeline, chosen: Choices, draft: Draft) -> Objective:
    """That of the plan which `assemble` makes, in a quarter of the time."""
    driven = {d.route for drives in draft.drives.values() for d in drives}
    missing = [r for r in chosen.routes if r.id not in driven]
    shortfalls = _shortfalls(chosen, draft, follow(chosen, draft, line), line)
    cost = cost_of(snapshot, line, draft, site_import(draft, line))
    return _objective(snapshot, line, draft, missing, shortfalls, cost)


def _objective(
    snapshot: Snapshot,
    line: Timeline,
    draft: Draft,
    missing: Iterable[Route],
    shortfalls: Iterable[Shortfall],
    cost: Cost,
) -> Objective:
    return Objective(
        unserved=sum(r.priority for r in missing),
        shortfall_kwh=sum(s.kwh for s in shortfalls),
        money=cost.energy + cost.peak + cost.wear,
        taste=taste(snapshot, line, draft),
    )


def follow(chosen: Choices, draft: Draft, line: Timeline) -> dict[str, Trace]:
    charges = charges_of(draft.visits)
    return {
        v: trace(vehicle, draft.drives.get(v, ()), charges.get(v, ()), line)
        for v, vehicle in chosen.vehicles.items()
    }


def taste(snapshot: Snapshot, line: Timeline, draft: Draft) -> float:
    """Changes against the previous plan, how late the charging is (`LATE` for every kWh and hour
    after the horizon's start), and what the soft rules that are on make of the draft."""
    before = remembered(snapshot)
    driven = {d.route: v for v, drives in draft.drives.items() for d in drives}
    changes = sum(before[r] != v for r, v in driven.items() if r in before)
    start_s, end_s, kw = _charges(draft.visits)
    late = float((kw * (end_s - start_s) / 3600) @ (start_s + end_s)) / 7200
    rules = sum(r.cost(snapshot, line, draft) for r in SOFT if r.applies(snapshot))
    return swaps.price(snapshot) * changes + LATE * late + rules


def _shortfalls(
    chosen: Choices, draft: Draft, traces: Mapping[str, Trace], line: Timeline
) -> Iterable[Shortfall]:
    found: list[Shortfall] = []
    for name, vehicle in chosen.vehicles.items():
        for drive, energy_kwh in traces[name].departures:
            if drive.need_kwh - energy_kwh > MISSING_KWH:
                found.append(
                    Shortfall(
                        vehicle=name,
                        at=line.instant(drive.depart_s),
                        route=drive.route,
                        kwh=round(drive.need_kwh - energy_kwh, 6),
                    )
                )
        missing = vehicle.target_kwh - traces[name].end_kwh
        if missing > MISSING_KWH and at_depot_at_end(vehicle, draft.drives.get(name, ()), line):
            found.append(
                Shortfall(vehicle=name, at=line.instant(line.end_s), kwh=round(missing, 6))
            )
    return sorted(found, key=lambda s: (s.at, s.vehicle, s.route or ""))


def site_import(draft: Draft, line: Timeline) -> Floats:
    """The mean import of each step; pv is curtailed instant by instant (law 7)."""
    start_s, end_s, kw = _charges(draft.visits)
    own, every = line.steps_at(start_s), np.arange(line.steps)
    battery_kw = np.zeros(line.steps) if draft.battery_kw is None else draft.battery_kw
    steady_kw = line.fixed_import_kw + battery_kw
    if not line.pv_kw.any():
        charged_kws = np.bincount(own, kw * (end_s - start_s), minlength=line.steps)
        return steady_kw + charged_kws / line.step_s
    step = np.concatenate((every, own, own))
    at_s = np.concatenate((every * line.step_s, start_s, end_s))
    change = np.concatenate((np.zeros(line.steps), kw, -kw))
    order = np.lexsort((change, at_s, step))
    step, at_s, change = step[order], at_s[order], change[order]
    drawn_kw, first = np.cumsum(change), np.searchsorted(step, every)
    drawn_kw -= (drawn_kw - change)[first][step]
    then_s = np.append(at_s[1:], 0.0)
    then_s[np.append(first[1:], len(step)) - 1] = (every + 1) * line.step_s
    load_kw = steady_kw[step] + drawn_kw
    used_kw = np.maximum(load_kw - line.pv_kw[step], np.minimum(load_kw, line.floor_kw[step]))
    return np.bincount(step, (then_s - at_s) * used_kw, minlength=line.steps) / line.step_s


def _charges(visits: Iterable[Visit]) -> tuple[Floats, Floats, Floats]:
    """Start, end and kW of every charge."""
    charges = chain.from_iterable(visit.charges for visit in visits)
    numbers = np.fromiter(chain.from_iterable(charges), np.float64)
    start_s, end_s, kw = numbers.reshape(-1, 3).T
    return start_s, end_s, kw


def cost_of(snapshot: Snapshot, line: Timeline, draft: Draft, import_kw: Floats) -> Cost:
    """Tier 3 in its parts; `import_kw` as `site_import` has it."""
    bought, sold = np.maximum(import_kw, 0), np.maximum(-import_kw, 0)
    energy = line.step_h * float(bought @ line.import_price - sold @ line.export_price)
    site = snapshot.site
    peak_kw = max(0.0, float(import_kw.max(initial=0.0)) - site.peak_so_far_kw)
    wear = 0.0
    if site.battery is not None and draft.battery_kw is not None:
        drawn_kwh = line.step_h * float(np.maximum(-draft.battery_kw, 0).sum())
        wear = site.battery.wear_per_kwh * drawn_kwh
    return Cost(energy=energy, peak=peak_kw * site.peak_price_per_kw, wear=wear)


def bound_of(money: float, bound_money: float) -> Bound:
    """Clipped to `money`; a difference within a millionth is rounding."""
    low = money if bound_money > money - 1e-6 * max(1.0, abs(money)) else bound_money
    return Bound(money=low, gap=(money - low) / max(abs(money), 1e-6))


def _stays(
    snapshot: Snapshot,
    line: Timeline,
    chosen: Choices,
    draft: Draft,
    reason: Callable[[Visit], str],
) -> tuple[Stay, ...]:
    stays = []
    for visit in draft.visits:
        if visit.socket is None or not visit.charges:
            continue
        plugged = plugged_at(chosen.vehicles[visit.vehicle]) == visit.socket
        start_s = visit.start_s if plugged and visit.first else visit.charges[0].start_s
        stays.append(
            Stay(
                vehicle=visit.vehicle,
                station=visit.socket[0],
                connector=visit.socket[1],
                start=line.instant(start_s),
                end=line.instant(visit.charges[-1].end_s),
                energy_kwh=sum(kw * (until_s - at_s) / 3600 for at_s, until_s, kw in visit.charges),
                periods=_periods(line, visit),
                why=reason(visit),
            )
        )
    return tuple(sorted(stays, key=lambda s: (s.start, s.vehicle)))


def _periods(line: Timeline, visit: Visit) -> tuple[Period, ...]:
    """Charges of one power in a row are one period."""
    found: list[Period] = []
    begin_s, until_s, power_kw = visit.charges[0]
    for start_s, end_s, kw in (*visit.charges[1:], (math.nan, 0.0, 0.0)):
        if start_s != until_s or kw != power_kw:
            start, end = line.instant(begin_s), line.instant(until_s)
            found.append(Period(start=start, end=end, kw=power_kw))
            begin_s, power_kw = start_s, kw
        until_s = end_s
    return tuple(found)


def _battery(line: Timeline, draft: Draft) -> tuple[Period, ...]:
    if draft.battery_kw is None:
        return ()
    return tuple(
        Period(start=line.instant(a), end=line.instant(b), kw=kw)
        for a, b, kw in _merged(line, draft.battery_kw)
    )


def _site(line: Timeline, import_kw: Floats) -> tuple[SiteStep, ...]:
    grid = [line.instant(i * line.step_s) for i in range(line.steps + 1)]
    steps = zip(grid, grid[1:], import_kw.tolist(), strict=False)
    return tuple(SiteStep(start=start, end=end, import_kw=kw) for start, end, kw in steps)


def _merged(line: Timeline, values: Floats) -> list[tuple[float, float, float]]:
    """Steps of one value in a row as `(from, to, value)`."""
    edges = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    return [(a * line.step_s, b * line.step_s, float(values[a])) for a, b in pairwise(edges)]


def load_kw(limit: Limit, draft: Draft, line: Timeline) -> Floats:
    """The highest sum of what the limit's connectors draw above their fallbacks in each step, and
    the battery's power."""
    here = [v for v in draft.visits if v.socket in limit.sockets]
    start_s, end_s, kw = _charges(here)
    if any(line.fallback_kw.values()):
        kept = [line.beyond_kw(v.socket, c.kw) for v in here for c in v.charges]
        kw = np.array(kept, dtype=np.float64)
    at_s, change = np.concatenate((start_s, end_s)), np.concatenate((kw, -kw))
    order = np.lexsort((change, at_s))
    rising = change[order] > 0
    highest = np.zeros(line.steps)
    steps = line.steps_at(at_s[order][rising])
    np.maximum.at(highest, steps, np.cumsum(change[order])[rising])
    if limit.name == SITE and draft.battery_kw is not None:
        highest = highest + draft.battery_kw
    return highest


SITE = "site"


def loads_of(line: Timeline, draft: Draft) -> list[Floats]:
    """`load_kw` of each limit."""
    return [load_kw(limit, draft, line) for limit in line.limits]


def full_steps(limit: Limit, kw: Floats) -> Floats:
    """1 where charging, with `load_kw` of `kw`, takes all that the limit leaves, else 0."""
    return np.where((kw > 1e-6) & (kw >= limit.room_kw - 0.01), 1.0, 0.0)


def _bindings(line: Timeline, loads_kw: Sequence[Floats]) -> Iterable[Binding]:
    for limit, kw in zip(line.limits, loads_kw, strict=True):
        name = "site import limit" if limit.name == SITE else limit.name
        for a, b, full in _merged(line, full_steps(limit, kw)):
            if full:
                yield Binding(limit=name, start=line.instant(a), end=line.instant(b))
        yield from _broken(line, name, limit.room_kw)
    yield from _broken(line, "site export limit", line.export_limit_kw + line.fixed_import_kw)


def _broken(line: Timeline, name: str, room_kw: Floats) -> Iterable[Binding]:
    """Where the fixed loads leave less than nothing (law 7)."""
    for a, b, broken in _merged(line, np.where(room_kw < 2 * BARRED_KW, 1.0, 0.0)):
        if broken:
            excess = -float(room_kw[line.step_at(a) : line.step_at(b - 1e-3) + 1].min())
            text = f"{name}: the fixed loads alone exceed it by {excess:.1f} kW, nothing is added"
            yield Binding(limit=text, start=line.instant(a), end=line.instant(b))
