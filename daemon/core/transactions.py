"""Transactions: opened once however often they are told, adopted when met half-way, closed once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from daemon.core.admission import admit_evse, token_accepted
from daemon.core.closing import (
    began_after,
    close_estimated,
    forget,
    forget_excess,
    transaction_id,
)
from daemon.core.depot import Depot
from daemon.core.device_clock import ask, believed
from daemon.core.effects import Effect, Note, Save
from daemon.core.instant import Now
from daemon.core.keeping import save_evse, tell_vehicle
from daemon.core.lease import FOREVER, Lease
from daemon.core.meters import keep_samples, take_samples
from daemon.core.records import CLOSED_KEPT, UNKNOWN_CONNECTOR, Fact, TransactionRecord
from daemon.core.starts import already_told, is_another, set_aside
from daemon.core.station import Evse, Reading, Station
from protocol.ocpp.events import (
    Reply,
    TransactionReply,
    TransactionStarted,
    TransactionUpdated,
)

NUMBERS_FROM = datetime(2020, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def on_started(
    depot: Depot, station: Station, event: TransactionStarted, now: Now
) -> Iterator[Effect | Reply]:
    known = already_told(depot, station, event)
    if known is not None and is_another(known, event.at):
        yield from set_aside(depot, station, known, now)
        known = None
    if known is None:
        number = event.transaction_id or str(_next_number(depot, station, now))
        if event.transaction_id is None:
            yield Save(record=Fact(kind="number", key="transaction", value=depot.last_number))
        evse = _begins_at(station, event)
        if evse is None or _is_overtaken(depot, evse, event.at):
            yield from _remember(depot, station, evse, number, event, now)
        else:
            yield from close_estimated(depot, station, evse, now, "another transaction began")
            yield from _open(depot, station, evse, number, event, now)
    else:
        number = known.station_transaction_id
        yield Note(name="transaction_told_again", fields={"transaction": known.id})
    accepted = None if event.id_token is None else token_accepted(depot, event.id_token)
    yield TransactionReply(transaction_id=number, accepted=accepted)


def on_updated(
    depot: Depot, station: Station, event: TransactionUpdated, now: Now
) -> Iterator[Effect | Reply]:
    evse = _evse_of(depot, station, event.transaction_id, event.evse_id)
    if evse is None:
        yield Note(
            name="transaction_unknown",
            level="warning",
            fields={"station": station.id, "transaction": event.transaction_id},
        )
    else:
        yield from adopt(depot, station, evse, event.transaction_id, event.at, now)
    if evse is not None and evse.transaction == transaction_id(station, event.transaction_id):
        yield from _identify(depot, evse, event.id_token, now)
        if event.charging_state is not None:
            evse.charging_state = event.charging_state
        yield from take_samples(depot, station, evse, event.samples, now)
    elif evse is not None:
        # Of a transaction that is over: another may run there by now, whose meter this is not.
        number = transaction_id(station, event.transaction_id)
        connector = evse.spec.connector
        yield from keep_samples(station.id, connector, number, event.samples, now)
    accepted = None if event.id_token is None else token_accepted(depot, event.id_token)
    yield TransactionReply(accepted=accepted)


def adopt(
    depot: Depot,
    station: Station,
    evse: Evse,
    station_transaction_id: str,
    at: datetime | None,
    now: Now,
) -> Iterator[Effect]:
    """A transaction met half-way (a station that kept charging while we were away) is taken over
    as it is; what it drew before is not known. One whose end was only guessed goes on, as does one
    that no EVSE holds: its station had left the settings. What is told of it late, when another has
    begun here since, only makes a record."""
    record = depot.transactions.get(transaction_id(station, station_transaction_id))
    is_here = record is not None and record.connector == evse.spec.connector
    goes_on = record is not None and (record.estimated or record.stopped_at is None)
    if record is not None and is_here and goes_on and evse.transaction is None:
        record = replace(
            record, stopped_at=None, meter_stop_wh=None, energy_kwh=None, estimated=False
        )
        depot.transactions[record.id] = record
        evse.transaction = record.id
        depot.dirty = True
        yield Save(record=record)
        yield from _doubt_all(depot, station, evse, now)
    if record is not None and (record.stopped_at or record.connector != UNKNOWN_CONNECTOR):
        return
    began = TransactionStarted(
        evse_id=evse.spec.connector,
        transaction_id=station_transaction_id,
        id_token=None if record is None else record.id_token,
        at=at if record is None else record.device_started_at,
        meter_start_wh=None if record is None else record.meter_start_wh,
    )
    if _is_overtaken(depot, evse, at):
        yield from _remember(depot, station, evse, station_transaction_id, began, now)
        return
    yield from close_estimated(depot, station, evse, now, "another transaction was met")
    yield from _open(depot, station, evse, station_transaction_id, began, now)
    if record is None:
        yield Note(
            name="transaction_adopted",
            level="warning",
            fields={"station": station.id, "transaction": station_transaction_id},
        )
        yield from _doubt_all(depot, station, evse, now)


def _is_overtaken(depot: Depot, evse: Evse, at: datetime | None) -> bool:
    """Whether what was told of an instant is told late: what runs here began after it."""
    return evse.transaction is not None and began_after(depot, evse.transaction, at)


def _doubt_all(depot: Depot, station: Station, evse: Evse, now: Now) -> Iterator[Effect]:
    """It may hold any profile that it was ever told, until it has taken a new one."""
    evse.doubt(Lease(kw=evse.spec.max_kw, given_s=now.monotonic_s, until_s=FOREVER))
    yield save_evse(station, evse)


def _begins_at(station: Station, event: TransactionStarted) -> Evse | None:
    """2.0.1 E01: one that begins as somebody is authorized has no EVSE until the cable is there."""
    if event.evse_id != UNKNOWN_CONNECTOR:
        return admit_evse(station, event.evse_id)
    return next(iter(station.evses.values())) if len(station.evses) == 1 else None


def _remember(
    depot: Depot,
    station: Station,
    evse: Evse | None,
    number: str,
    event: TransactionStarted,
    now: Now,
) -> Iterator[Effect]:
    """One that runs at no EVSE: nobody knows yet at which, or another has begun there since. The
    end of that one is only guessed until it is told."""
    record = _record(station, evse, number, event, now)
    if evse is not None and evse.transaction is not None:
        stopped_at = depot.transactions[evse.transaction].started_at
        record = replace(record, stopped_at=stopped_at, estimated=True)
    vehicle = depot.vehicle_of_token(event.id_token)
    depot.transactions[record.id] = record = replace(record, vehicle=vehicle)
    forget_excess(depot)
    yield Save(record=record)
    yield from keep_samples(station.id, record.connector, record.id, event.samples, now)


def _record(
    station: Station, evse: Evse | None, number: str, event: TransactionStarted, now: Now
) -> TransactionRecord:
    return TransactionRecord(
        id=transaction_id(station, number),
        station=station.id,
        connector=UNKNOWN_CONNECTOR if evse is None else evse.spec.connector,
        station_transaction_id=number,
        vehicle=None,
        id_token=event.id_token,
        started_at=believed(event.at, now),
        stopped_at=None,
        meter_start_wh=event.meter_start_wh,
        meter_stop_wh=None,
        energy_kwh=None,
        device_started_at=event.at,
    )


def _open(
    depot: Depot, station: Station, evse: Evse, number: str, event: TransactionStarted, now: Now
) -> Iterator[Effect]:
    vehicle = depot.vehicle_of_token(event.id_token) or _reported_at(depot, station, evse)
    record = replace(_record(station, evse, number, event, now), vehicle=vehicle)
    started_at = record.started_at
    if event.at is not None and started_at != event.at:
        yield Note(
            name="transaction_time_wrong", level="warning", fields={"transaction": record.id}
        )
    _forget_old(depot, now)
    depot.transactions[record.id] = record
    forget(evse)
    evse.transaction = record.id
    forget_excess(depot)
    evse.charging_state = event.charging_state
    evse.reading = None
    if event.meter_start_wh is not None:
        evse.reading = Reading(energy_wh=event.meter_start_wh, at=started_at)
    yield Save(record=record)
    yield save_evse(station, evse)
    yield from _identify(depot, evse, event.id_token, now)
    yield from take_samples(depot, station, evse, event.samples, now)
    depot.dirty = True
    ask(depot, station, "plug-in", event.at, now)


def identify_strangers(depot: Depot, now: Now) -> Iterator[Effect]:
    """Looks again at who charges unknown: the fleet's message may come after the plug."""
    for station, evse in depot.evses():
        if evse.transaction is None or depot.transactions[evse.transaction].vehicle is not None:
            continue
        record = depot.transactions[evse.transaction]
        reported = _reported_at(depot, station, evse)
        if reported is not None:
            depot.transactions[record.id] = replace(record, vehicle=reported)
            yield Save(record=depot.transactions[record.id])
        yield from _identify(depot, evse, record.id_token, now)


def _identify(depot: Depot, evse: Evse, id_token: str | None, now: Now) -> Iterator[Effect]:
    """Notes which vehicle it is, once a token or the fleet's word tells it."""
    if evse.transaction is None:
        return
    record = depot.transactions[evse.transaction]
    vehicle = record.vehicle or depot.vehicle_of_token(id_token)
    if vehicle is None:
        return
    if vehicle != record.vehicle or (id_token and record.id_token is None):
        record = replace(record, vehicle=vehicle, id_token=record.id_token or id_token)
        depot.transactions[record.id] = record
        yield Save(record=record)
        depot.trigger.ask("vehicle identified", now.monotonic_s)
    belief = depot.vehicles.get(vehicle)
    if belief is not None and belief.plugged != (record.station, record.connector):
        belief.plugged = (record.station, record.connector)
        yield from tell_vehicle(vehicle, belief)


def _reported_at(depot: Depot, station: Station, evse: Evse) -> str | None:
    """The vehicle that the fleet says stands here."""
    here = (station.id, evse.spec.connector)
    return next((id for id, belief in depot.vehicles.items() if belief.plugged == here), None)


def _evse_of(
    depot: Depot, station: Station, station_transaction_id: str, evse_id: int | None
) -> Evse | None:
    record = depot.transactions.get(transaction_id(station, station_transaction_id))
    if record is not None and record.connector != UNKNOWN_CONNECTOR:
        return admit_evse(station, record.connector)
    if evse_id:
        return admit_evse(station, evse_id)
    if record is not None:
        return None
    return next(iter(station.evses.values())) if len(station.evses) == 1 else None


def _forget_old(depot: Depot, now: Now) -> None:
    """What no station tells again any more is the store's alone."""
    for id, record in list(depot.transactions.items()):
        if record.stopped_at is not None and record.stopped_at < now.utc - CLOSED_KEPT:
            del depot.transactions[id]


def _next_number(depot: Depot, station: Station, now: Now) -> int:
    """A number never given before, also by a daemon whose store is lost: seconds since 2020 go on
    whatever was forgotten, and no depot starts a transaction a second for years."""
    number = max(depot.last_number + 1, (now.utc - NUMBERS_FROM) // SECOND)
    while transaction_id(station, str(number)) in depot.transactions:
        number += 1  # the station's own, or adopted
    depot.last_number = number
    return number
