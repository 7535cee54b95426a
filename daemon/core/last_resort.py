"""When orders are not obeyed and a limit is exceeded: the transaction is ended."""

from __future__ import annotations

from collections.abc import Iterator

from daemon.core.alerts import alert
from daemon.core.budget import SITE, booking, limits_above
from daemon.core.depot import Depot
from daemon.core.effects import Effect
from daemon.core.instant import Now
from daemon.core.station import LIARS, REFUSES, Evse, Station
from protocol.ocpp.commands import RequestStopTransaction

# What settles, and a meter's next samples, often make it fit again; who refuses or is silent is
# asked again meanwhile, so often.
PATIENCE_S, REFUSALS = 40.0, 2


def stop_who_disobeys(depot: Depot, now: Now) -> Iterator[Effect]:
    """Asks once for the end of each transaction whose EVSE was metered to draw more than it was
    told, or goes on refusing to be told less; and only while it costs a limit above it: the site's
    meter shows an overload that outlasted cuts, or what cannot be lowered has not fitted for a
    while, as far as that meter tells. The vehicle stays where it is; somebody has to look."""
    broken = _broken_limits(depot, now)
    if not broken:
        return
    parents = {circuit.id: circuit.parent for circuit in depot.site.circuits}
    for station, evse in depot.evses():
        running = evse.transaction
        disobeys = evse.fixed in LIARS or _goes_on_refusing(station, evse, depot, now)
        if not disobeys or running is None or not station.online:
            continue
        if evse.stop_asked == running:
            continue
        if broken.isdisjoint(limits_above(parents, evse.spec.circuit)):
            continue
        evse.stop_asked = running
        transaction_id = depot.transactions[running].station_transaction_id
        command = RequestStopTransaction(transaction_id=transaction_id)
        station.lane.submit(("stop", evse.spec.connector), command, urgent=True)
        text = (
            f"station {station.id} connector {evse.spec.connector} {evse.fixed or REFUSES} while a "
            "limit is exceeded: its transaction is ended; if it draws on, switch it off by hand"
        )
        yield from alert(
            depot, now, "transaction_ended", text, station=station.id, severity="critical"
        )


def _broken_limits(depot: Depot, now: Now) -> set[str]:
    """A circuit has no meter but its chargers', so it is judged by what is booked."""
    since_s = depot.over_since_s
    broken = {name for name, at_s in since_s.items() if now.monotonic_s >= at_s + PATIENCE_S}
    if depot.meter.forces_zero:
        broken.add(SITE)
    elif SITE in broken and _site_fits(depot, now):
        broken.remove(SITE)
    return broken


def _goes_on_refusing(station: Station, evse: Evse, depot: Depot, now: Now) -> bool:
    """Whether what it refuses to leave has no end by itself."""
    if evse.failures < REFUSALS or station.keeps_leases:
        return False
    booked = booking(station, evse, now.monotonic_s, depot.site.slack_s)
    return booked.soon_kw > evse.floor_kw


def _site_fits(depot: Depot, now: Now) -> bool:
    """Whether the site's meter shows that bookings which exceed its limit are not drawn."""
    meter, site = depot.meter, depot.site
    if not site.metered or meter.is_blind or meter.import_kw is None:
        return False
    return not meter.exceeds(depot.limit_kw()[0].at(now.utc), site.phases, site.voltage_v)
