"""The room below each limit: what the fuse takes, less what draws besides charging."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from daemon.core import phases
from daemon.core.budget import IMBALANCE, SITE, Budget
from daemon.core.depot import Depot
from daemon.core.instant import Now
from daemon.core.phases import Draw
from planner.series import Series


def budget_of(depot: Depot, now: Now) -> Budget:
    """Room for all chargers. Soon: the lowest limit and the highest base load while what is lent
    now may be drawn. Later: the lowest and highest of all that was told, and no sun. What only the
    site's meter can show, sun and a base load that feeds in, counts while it does."""
    site = depot.site
    end = now.utc + timedelta(seconds=window_s(depot))
    limit, base = depot.limit_kw()[0], depot.base_load_kw()
    measured = _measured(depot, max(0.0, base.highest(now.utc, end)))
    limit_kw = limit.lowest(now.utc, end)
    net_kw = _highest_net_kw(base, depot.pv_kw(), now.utc, end)
    if not depot.meter.shows_sun(site.phases):
        net_kw = max(0.0, net_kw)
    admitted_kw = _admitted_kw(depot)
    net_kw += admitted_kw
    soon = _less(phases.of_limit(limit_kw, site.phases), net_kw, measured)
    least_kw = min(limit_kw, *(p.value for p in limit.points if p.at > now.utc), limit_kw)
    most_kw = max([0.0, base.at(now.utc), *(p.value for p in base.points if p.at > now.utc)])
    most_kw = max(most_kw + admitted_kw, net_kw)
    later = _less(phases.of_limit(least_kw, site.phases), most_kw, measured)
    budget = Budget(
        soon={SITE: soon},
        later={SITE: later},
        parents={circuit.id: circuit.parent for circuit in site.circuits},
    )
    for circuit in site.circuits:
        kw = circuit.limit_kw.lowest(now.utc, end)
        budget.soon[circuit.id] = phases.of_limit(kw, site.phases)
        coming = (p.value for p in circuit.limit_kw.points if p.at > now.utc)
        budget.later[circuit.id] = phases.of_limit(min(kw, *coming, kw), site.phases)
    if site.phases == 3 and site.imbalance_limit_a is not None:
        kw = site.imbalance_limit_a * site.voltage_v / 1000
        budget.soon[IMBALANCE] = budget.later[IMBALANCE] = (phases.UNLIMITED, kw, kw, kw)
    return budget


def _measured(depot: Depot, declared_kw: float) -> Draw:
    """The base load as it was measured. Below what is declared without sun it counts only as far as
    it is sure: what a charger is booked for and does not draw hides as much, and a forecast above
    the sun would lend that to others."""
    each_kw = declared_kw / 3
    base, most = depot.meter.base_kw, depot.meter.most_base_kw
    declared = (declared_kw, each_kw, each_kw, each_kw)
    a, b, c, d = (max(x, min(y, z)) for x, y, z in zip(base, most, declared, strict=True))
    return (a, b, c, d)


def _admitted_kw(depot: Depot) -> float:
    """What stations may draw of whose connectors neither the settings nor they have told yet."""
    stations = depot.stations.values()
    return sum(one.spec.fallback_kw for one in stations if not one.evses)


def window_s(depot: Depot) -> float:
    """For how long what is lent now may be drawn."""
    return depot.site.lease_s + depot.site.slack_s


def next_change_s(depot: Depot, now: Now) -> float | None:
    """The monotonic second of the next change of a limit (seen so early that nothing lent outlasts
    it), of the base load, or of what is planned."""
    early = timedelta(seconds=window_s(depot))
    coming = [evse.target.next_change(now.utc) for _, evse in depot.evses() if evse.target]
    for series in _limits(depot):
        coming.append(series.next_change(now.utc))
        if (seen_early := series.next_change(now.utc + early)) is not None:
            coming.append(seen_early - early)
    at = min([at for at in coming if at is not None], default=None)
    return None if at is None else now.monotonic_s + (at - now.utc).total_seconds()


def _limits(depot: Depot) -> Iterator[Series]:
    yield depot.limit_kw()[0]
    yield depot.base_load_kw()
    yield depot.pv_kw()
    yield from (circuit.limit_kw for circuit in depot.site.circuits)


def _highest_net_kw(base: Series, pv: Series, start: datetime, end: datetime) -> float:
    """Base load less sunshine, at its worst in `[start, end)`."""
    instants = {start, *(p.at for s in (base, pv) for p in s.points if start < p.at < end)}
    return max(base.at(t) - pv.at(t) for t in instants)


def _less(limit: Draw, base_kw: float, measured: Draw) -> Draw:
    """A limit less the base load, as it is declared or as it was measured, whichever is more."""
    each_kw = base_kw / 3
    whole, first, second, third = limit
    a, b, c, d = measured
    return (
        whole - max(base_kw, a),
        first - max(each_kw, b),
        second - max(each_kw, c),
        third - max(each_kw, d),
    )
