"""When orders are not obeyed and a limit is exceeded: the transaction is ended."""

from __future__ import annotations

from collections.abc import Iterator

from daemon.core.alerts import alert
from daemon.core.depot import Depot
from daemon.core.effects import Effect
from daemon.core.instant import Now
from daemon.core.station import DISOBEYS, STUCK
from protocol.ocpp.commands import RequestStopTransaction


def stop_who_disobeys(depot: Depot, now: Now) -> Iterator[Effect]:
    """Asks once for the end of each transaction whose EVSE was metered to draw more than it was
    told, and only while it costs a limit: the site's meter shows an overload that outlasted cuts,
    or what cannot be lowered does not fit. The vehicle stays where it is; somebody has to look."""
    if not (depot.meter.forces_zero or depot.overloaded):
        return
    for station, evse in depot.evses():
        running = evse.transaction
        if evse.fixed not in {DISOBEYS, STUCK} or running is None or not station.online:
            continue
        if evse.stop_asked == running:
            continue
        evse.stop_asked = running
        transaction_id = depot.transactions[running].station_transaction_id
        command = RequestStopTransaction(transaction_id=transaction_id)
        station.lane.submit(("stop", evse.spec.connector), command)
        text = (
            f"station {station.id} connector {evse.spec.connector} {evse.fixed} while a limit is "
            "exceeded: its transaction is ended; if it draws on, switch it off by hand"
        )
        yield from alert(
            depot, now, "transaction_ended", text, station=station.id, severity="critical"
        )
