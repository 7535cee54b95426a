"""The site's power along time, recomputed: what laws 7, 9, 10 and 11 are judged on.

Between two instants at which anything changes, with the step's worst values (law 1: highest base
load, lowest pv, lowest limits) and every power at the site's side:

    fixed     = base_load + load_kw of all uncontrollable connectors
    net       = fixed + charging + battery - pv
    floor     = -export_limit, or 0 where the export price (the step's mean) is negative
    import_kw = max(net, min(floor, net + pv))

pv is curtailed by `import_kw - net`: what exceeds the export limit, or at a negative price the
whole surplus, and never more than there is. Curtailing *wholly* is read so, and not as switching pv
off: pv that the depot itself uses is no export. What then still lies below `-export_limit` is the
battery's doing and breaks law 7. A step's import is the mean of `import_kw` over the step; it is
priced by its sign, and it is what makes the peak.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from planner.check.facts import HOUR, Facts
from planner.plan import Stay
from planner.series import Series


class Profile:
    """A sum of constant powers, each over `[start, end)`."""

    def __init__(self) -> None:
        self._changes: dict[datetime, float] = {}

    def add(self, start: datetime, end: datetime, kw: float) -> None:
        if start < end and kw != 0:
            changes = self._changes
            changes[start] = changes.get(start, 0.0) + kw
            changes[end] = changes.get(end, 0.0) - kw

    def instants(self) -> Iterable[datetime]:
        return self._changes.keys()

    def levels(self, instants: Sequence[datetime]) -> list[float]:
        """The power from each of `instants` on; these hold all of the profile's own."""
        level, levels = 0.0, []
        for at in instants:
            level += self._changes.get(at, 0.0)
            levels.append(level)
        return levels


class Flow(NamedTuple):
    """Constant powers over `[start, end)`, within step number `step`. `beyond_kw` is what of the
    charging lies above its connectors' fallbacks."""

    start: datetime
    end: datetime
    step: int
    fixed_kw: float
    pv_kw: float
    charging_kw: float
    beyond_kw: float
    battery_kw: float
    import_kw: float

    @property
    def net_kw(self) -> float:
        return self.fixed_kw + self.charging_kw + self.battery_kw - self.pv_kw

    @property
    def hours(self) -> float:
        return (self.end - self.start) / HOUR


@dataclass(frozen=True, slots=True)
class Supply:
    """`flows` cover the horizon in order; the other sequences hold one value a step."""

    flows: Sequence[Flow]
    import_limit_kw: Sequence[float]
    export_limit_kw: Sequence[float]
    import_price: Sequence[float]
    export_price: Sequence[float]

    def step_imports(self) -> list[float]:
        """Mean import by step, kW."""
        kwh = [0.0] * len(self.import_price)
        hours = [0.0] * len(self.import_price)
        for flow in self.flows:
            kwh[flow.step] += flow.import_kw * flow.hours
            hours[flow.step] += flow.hours
        return [e / h for e, h in zip(kwh, hours, strict=True)]


def supply(facts: Facts) -> Supply:
    site, grid = facts.snapshot.site, facts.grid
    export_limit = site.export_limit_kw.by_step(grid, Series.lowest)
    export_price = site.export_price_per_kwh.by_step(grid, Series.mean)
    base = site.base_load_kw.by_step(grid, Series.highest)
    pv = site.pv_kw.by_step(grid, Series.lowest)
    uncontrolled = sum(c.load_kw for c in facts.snapshot.connectors if not c.controllable)
    charging = charging_profile(facts, facts.plan.stays)
    keeps = any(c.controllable and c.kept_kw for c in facts.snapshot.connectors)
    beyond = beyond_profile(facts, facts.plan.stays) if keeps else charging
    battery = Profile()
    for period in facts.plan.battery:
        for start, end in facts.split(period.start, period.end, grid):
            battery.add(start, end, period.kw)
    flows = []
    for start, end, step, (charged, above, stored) in pieces(grid, charging, beyond, battery):
        fixed = base[step] + uncontrolled
        floor = 0.0 if export_price[step] < 0 else -export_limit[step]
        unaided = fixed + charged + stored
        used = max(unaided - pv[step], min(floor, unaided))
        flows.append(Flow(start, end, step, fixed, pv[step], charged, above, stored, used))
    return Supply(
        flows=flows,
        import_limit_kw=site.import_limit_kw.by_step(grid, Series.lowest),
        export_limit_kw=export_limit,
        import_price=site.import_price_per_kwh.by_step(grid, Series.mean),
        export_price=export_price,
    )


def charging_profile(facts: Facts, stays: Iterable[Stay]) -> Profile:
    profile, (begin, *_, end) = Profile(), facts.grid
    for stay in stays:
        for period in stay.periods:
            profile.add(max(period.start, begin), min(period.end, end), period.kw)
    return profile


def beyond_profile(facts: Facts, stays: Iterable[Stay]) -> Profile:
    """What each period takes of the limits beside what is kept there for the connector."""
    profile, (begin, *_, end) = Profile(), facts.grid
    for stay in stays:
        place = facts.connectors.get(stay.key)
        kept_kw = place.kept_kw if place is not None and place.controllable else 0.0
        for period in stay.periods:
            beyond_kw = max(0.0, period.kw - kept_kw)
            profile.add(max(period.start, begin), min(period.end, end), beyond_kw)
    return profile


def pieces(
    grid: Sequence[datetime], *profiles: Profile
) -> Iterator[tuple[datetime, datetime, int, tuple[float, ...]]]:
    """`(start, end, step, level of each profile)` between all instants of change."""
    instants = sorted({*grid, *(at for p in profiles for at in p.instants())})
    levels = zip(*(p.levels(instants) for p in profiles), strict=True)
    step = 0
    for start, end, level in zip(instants, instants[1:], levels, strict=False):
        while start >= grid[step + 1]:
            step += 1
        yield start, end, step, level
