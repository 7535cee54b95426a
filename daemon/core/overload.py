"""What is done while those who cannot be lowered may exceed a limit."""

from __future__ import annotations

from collections.abc import Iterator

from daemon.core.alerts import alert
from daemon.core.budget import Budget, granted
from daemon.core.depot import Depot
from daemon.core.diff import Wish
from daemon.core.effects import Effect
from daemon.core.instant import Now
from daemon.core.station import REFUSES, SILENT

# Stations come back within this after a start of ours; before, nobody is called to the depot.
GRACE_S = 120.0
# While a limit cannot hold without it, who refuses or is silent is asked so often.
URGENT_S = 10.0


def watch_overload(depot: Depot, wishes: list[Wish], room: Budget, now: Now) -> Iterator[Effect]:
    """Tells when what cannot be lowered exceeds one more limit, and when all fits: the bookings
    of those that cannot be told, and the floors of those that can."""
    if depot.since_s is None:
        depot.since_s = now.monotonic_s
    least = room.copy()
    for wish in wishes:
        # Who did not take the last order is not counted on.
        sure = wish.booked if wish.evse.failures else granted(wish.station, wish.evse, 0.0)
        least.take(wish.evse, sure)
    over = least.overload_kw()
    all_heard = all(station.online or not station.was_heard for station in depot.stations.values())
    before = depot.over_since_s
    if not all_heard and now.monotonic_s < depot.since_s + GRACE_S:
        over = {name: kw for name, kw in over.items() if name in before}
    depot.over_since_s = {name: before.get(name, now.monotonic_s) for name in over}
    if over.keys() - before.keys():
        where = ", ".join(f"{name} by {kw:.1f} kW" for name, kw in sorted(over.items()))
        text = f"what cannot be lowered may exceed its limit: {where}"
        yield from alert(depot, now, "limit_cannot_hold", text, severity="critical")
    elif before and not over:
        yield from alert(depot, now, "limit_holds", "all bookings fit again", severity="info")
    if over:
        _press(depot, room, now)


def _press(depot: Depot, room: Budget, now: Now) -> None:
    """Below a limit that cannot hold, who refuses or is silent is asked again soon."""
    for _, evse in depot.evses():
        if evse.fixed not in {REFUSES, SILENT} or evse.retry_s is None:
            continue
        if not depot.over_since_s.keys().isdisjoint(room.above(evse.spec.circuit)):
            evse.retry_s = min(evse.retry_s, now.monotonic_s + URGENT_S)
