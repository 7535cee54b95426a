"""What is done while those who cannot be lowered may exceed a limit."""

from __future__ import annotations

from collections.abc import Iterator

from daemon.core.alerts import alert
from daemon.core.budget import Budget, booking, granted
from daemon.core.depot import Depot
from daemon.core.diff import Wish
from daemon.core.effects import Effect
from daemon.core.instant import Now
from daemon.core.standing import stop_transaction
from daemon.core.station import DISOBEYS, REFUSES, SILENT, TRIES

# Stations come back within this after a start of ours; before, nobody is called to the depot.
GRACE_S = 120.0
# While a limit cannot hold without it, who refuses or is silent is asked so often.
URGENT_S = 10.0
# Who still cannot be lowered after so long, and would go on for good, is stopped.
STOP_AFTER_S = 60.0


def watch_overload(depot: Depot, wishes: list[Wish], room: Budget, now: Now) -> Iterator[Effect]:
    """Tells once when what cannot be lowered exceeds a limit, and once when it fits: the bookings
    of those that cannot be told, and the floors of those that can."""
    if depot.since_s is None:
        depot.since_s = now.monotonic_s
    least = room.copy()
    for wish in wishes:
        sure = wish.booked if wish.evse.failures >= TRIES else granted(wish.station, wish.evse, 0.0)
        least.take(wish.evse, sure)
    over = least.overload_kw()
    all_heard = all(station.online or not station.was_heard for station in depot.stations.values())
    if over and depot.over_s is None:
        if not all_heard and now.monotonic_s < depot.since_s + GRACE_S:
            return
        depot.over_s = now.monotonic_s
        where = ", ".join(f"{name} by {kw:.1f} kW" for name, kw in sorted(over.items()))
        text = f"what cannot be lowered may exceed its limit: {where}"
        yield from alert(depot, now, "limit_cannot_hold", text, severity="critical")
    elif not over and depot.over_s is not None:
        depot.over_s = None
        yield from alert(depot, now, "limit_holds", "all bookings fit again", severity="info")
    if depot.over_s is not None:
        _press(depot, depot.over_s, now)


def _press(depot: Depot, since_s: float, now: Now) -> None:
    """While a limit cannot hold, who does not follow is asked again soon; at last its transaction
    is stopped, where no lease ends what it draws and no site's meter shows that all fits."""
    meter, limit_kw = depot.meter, depot.limit_kw()[0].at(now.utc)
    shown = depot.site.metered and not meter.is_blind and (meter.import_kw or 0.0) <= limit_kw
    for station, evse in depot.evses():
        if evse.fixed in {REFUSES, SILENT} and evse.retry_s is not None:
            evse.retry_s = min(evse.retry_s, now.monotonic_s + URGENT_S)
        goes_on = evse.failures >= TRIES or evse.fixed == DISOBEYS
        lasts = now.monotonic_s >= since_s + STOP_AFTER_S and not station.keeps_leases
        booked = booking(station, evse, now.monotonic_s, depot.site.slack_s)
        draws = station.ready and evse.transaction is not None and booked.soon_kw > evse.floor_kw
        asked = now.monotonic_s < evse.stop_asked_s + URGENT_S
        if goes_on and lasts and draws and not shown and not asked:
            evse.stop_asked_s = now.monotonic_s
            stop_transaction(depot, station, evse)
