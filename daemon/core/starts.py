"""Starts that are told again, and ids that are used again: one record for each transaction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from daemon.core.alerts import alert
from daemon.core.closing import transaction_id
from daemon.core.depot import Depot
from daemon.core.effects import Effect, Save
from daemon.core.instant import Now
from daemon.core.records import TransactionRecord
from daemon.core.station import Station
from planner.series import format_instant
from protocol.ocpp.events import TransactionStarted


def already_told(
    depot: Depot, station: Station, event: TransactionStarted
) -> TransactionRecord | None:
    """The record of this very start. 1.6 knows no id before our answer, so there its business key
    tells: station, connector, token, meter and instant."""
    if event.transaction_id is not None:
        return depot.transactions.get(transaction_id(station, event.transaction_id))
    for record in depot.transactions.values():
        if (
            record.station == station.id
            and record.connector == event.evse_id
            and record.id_token == event.id_token
            and record.meter_start_wh == event.meter_start_wh
            # A clock that cannot be read tells no two starts apart: the register does, as long as
            # the first has not been stopped.
            and record.device_started_at == event.at
            and (event.at is not None or record.stopped_at is None)
        ):
            return record
    return None


def is_another(known: TransactionRecord, at: datetime | None) -> bool:
    """Whether a start is of another transaction than the one of that id that is over: what is told
    again bears the instant that it bore before."""
    if known.stopped_at is None or at is None or at == known.device_started_at:
        return False
    return at > known.stopped_at


def set_aside(
    depot: Depot, station: Station, known: TransactionRecord, now: Now
) -> Iterator[Effect]:
    """2.0.1 wants ids unique for ever (E01); a station that counts may begin anew after a reset."""
    began = format_instant(known.started_at)
    aside = replace(known, id=f"{known.id}/{began}")
    del depot.transactions[known.id]
    depot.transactions[aside.id] = aside
    yield Save(record=aside)
    text = (
        f"station {station.id} calls a transaction {known.station_transaction_id}, as it did one "
        f"that began at {began}: that is kept as {aside.id}"
    )
    yield from alert(depot, now, "transaction_id_again", text, station=station.id)
