"""Transactions: opened once however often they are told, adopted when met half-way, closed once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from daemon.core.admission import admit_evse, token_accepted
from daemon.core.depot import Depot
from daemon.core.effects import Effect, Note, Save
from daemon.core.instant import Now
from daemon.core.keeping import save_evse, tell_vehicle
from daemon.core.meters import take_samples
from daemon.core.records import Fact, TransactionRecord
from daemon.core.station import DISOBEYS, Evse, Reading, Station
from protocol.ocpp.events import (
    Reply,
    TransactionEnded,
    TransactionReply,
    TransactionStarted,
    TransactionUpdated,
)
from protocol.ocpp.model import Measurand, MeterSample


def transaction_id(station: Station, station_transaction_id: str) -> str:
    return f"{station.id}/{station_transaction_id}"


def on_started(
    depot: Depot, station: Station, event: TransactionStarted, now: Now
) -> Iterator[Effect | Reply]:
    known = _already_told(depot, station, event)
    if known is None:
        number = event.transaction_id or str(_next_number(depot))
        if event.transaction_id is None:
            yield Save(record=Fact(kind="number", key="transaction", value=depot.last_number))
        evse = admit_evse(station, event.evse_id)
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
    accepted = None if event.id_token is None else token_accepted(depot, event.id_token)
    yield TransactionReply(accepted=accepted)


def on_ended(
    depot: Depot, station: Station, event: TransactionEnded, now: Now
) -> Iterator[Effect | Reply]:
    record = depot.transactions.get(transaction_id(station, event.transaction_id))
    if record is None:
        yield Note(
            name="transaction_unknown",
            level="warning",
            fields={"station": station.id, "transaction": event.transaction_id},
        )
    elif record.stopped_at is None:
        evse = admit_evse(station, record.connector)
        yield from take_samples(depot, station, evse, _last_samples(event), now)
        yield from close(
            depot,
            station,
            depot.transactions[record.id],
            now,
            stopped_at=event.at or now.utc,
            meter_stop_wh=event.meter_stop_wh,
            reason=event.reason,
        )
    accepted = None if event.id_token is None else token_accepted(depot, event.id_token)
    yield TransactionReply(accepted=accepted)


def _last_samples(event: TransactionEnded) -> tuple[MeterSample, ...]:
    """1.6 tells the last register beside the samples; some stations tell no other."""
    if event.samples or event.meter_stop_wh is None:
        return event.samples
    register = Measurand.ENERGY_IMPORT_REGISTER
    return (MeterSample(measurand=register, value=event.meter_stop_wh, at=event.at),)


def adopt(
    depot: Depot,
    station: Station,
    evse: Evse,
    station_transaction_id: str,
    at: datetime | None,
    now: Now,
) -> Iterator[Effect]:
    """A transaction met half-way (a station that kept charging while we were away) is taken over
    as it is; what it drew before is not known. One whose end was only guessed goes on."""
    record = depot.transactions.get(transaction_id(station, station_transaction_id))
    if record is not None and record.estimated and evse.transaction is None:
        record = replace(
            record, stopped_at=None, meter_stop_wh=None, energy_kwh=None, estimated=False
        )
        depot.transactions[record.id] = record
        evse.transaction = record.id
        depot.dirty = True
        yield Save(record=record)
        yield save_evse(station, evse)
    if record is not None:
        return
    yield from close_estimated(depot, station, evse, now, "another transaction was met")
    began = TransactionStarted(
        evse_id=evse.spec.connector,
        transaction_id=station_transaction_id,
        id_token=None,
        at=at,
        meter_start_wh=None,
    )
    yield Note(
        name="transaction_adopted",
        level="warning",
        fields={"station": station.id, "transaction": station_transaction_id},
    )
    yield from _open(depot, station, evse, station_transaction_id, began, now)


def close_estimated(
    depot: Depot, station: Station, evse: Evse, now: Now, reason: str
) -> Iterator[Effect]:
    """Closes what runs at an EVSE although the station never told its end."""
    if evse.transaction is None:
        return
    record = depot.transactions[evse.transaction]
    last_wh = evse.reading.energy_wh if evse.reading is not None else None
    yield Note(name="transaction_estimated", level="warning", fields={"transaction": record.id})
    yield from close(
        depot,
        station,
        record,
        now,
        stopped_at=evse.reading.at if evse.reading is not None else now.utc,
        meter_stop_wh=last_wh,
        reason=reason,
        estimated=True,
    )


def close(
    depot: Depot,
    station: Station,
    record: TransactionRecord,
    now: Now,
    *,
    stopped_at: datetime,
    meter_stop_wh: float | None,
    reason: str | None,
    estimated: bool = False,
) -> Iterator[Effect]:
    closed = replace(
        record,
        stopped_at=max(stopped_at, record.started_at),
        meter_stop_wh=meter_stop_wh,
        energy_kwh=_energy_kwh(record.meter_start_wh, meter_stop_wh),
        stop_reason=reason,
        estimated=estimated,
    )
    depot.transactions[record.id] = closed
    yield Save(record=closed)
    evse = station.evses[record.connector]
    if evse.transaction == record.id:
        _forget(evse)
        evse.transaction = None
        yield save_evse(station, evse)
        depot.dirty = True
    belief = depot.vehicles.get(record.vehicle or "")
    if belief is not None and belief.plugged == (station.id, record.connector):
        belief.plugged = None
        yield from tell_vehicle(record.vehicle or "", belief)
    depot.trigger.ask("unplug", now.monotonic_s)


def _open(
    depot: Depot, station: Station, evse: Evse, number: str, event: TransactionStarted, now: Now
) -> Iterator[Effect]:
    started_at = event.at or now.utc
    vehicle = depot.vehicle_of_token(event.id_token) or _reported_at(depot, station, evse)
    record = TransactionRecord(
        id=transaction_id(station, number),
        station=station.id,
        connector=evse.spec.connector,
        station_transaction_id=number,
        vehicle=vehicle,
        id_token=event.id_token,
        started_at=started_at,
        stopped_at=None,
        meter_start_wh=event.meter_start_wh,
        meter_stop_wh=None,
        energy_kwh=None,
    )
    depot.transactions[record.id] = record
    _forget(evse)
    evse.transaction = record.id
    evse.charging_state = event.charging_state
    evse.reading = None
    if event.meter_start_wh is not None:
        evse.reading = Reading(energy_wh=event.meter_start_wh, at=started_at)
    yield Save(record=record)
    yield save_evse(station, evse)
    yield from _identify(depot, evse, event.id_token, now)
    yield from take_samples(depot, station, evse, event.samples, now)
    depot.dirty = True
    depot.trigger.ask("plug-in", now.monotonic_s)


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


def _forget(evse: Evse) -> None:
    """What belonged to the transaction."""
    evse.forget_profile()
    evse.target = evse.targeted = None
    evse.failures = 0
    evse.fixed = evse.fixed if evse.fixed == DISOBEYS else None
    evse.override = evse.override if evse.override == "pause" else None
    evse.power_kw = 0.0
    evse.silence = evse.unjudged = None
    evse.phases_used, evse.phase_seen, evse.phase_samples = None, frozenset(), 0


def _already_told(
    depot: Depot, station: Station, event: TransactionStarted
) -> TransactionRecord | None:
    """The record of this very start. 1.6 knows no id before our answer, so there its business key
    tells: station, connector, token, meter and instant."""
    if event.transaction_id is not None:
        return depot.transactions.get(transaction_id(station, event.transaction_id))
    if event.at is None:
        return None
    for record in depot.transactions.values():
        if (
            record.station == station.id
            and record.connector == event.evse_id
            and record.id_token == event.id_token
            and record.meter_start_wh == event.meter_start_wh
            and record.started_at == event.at
        ):
            return record
    return None


def _reported_at(depot: Depot, station: Station, evse: Evse) -> str | None:
    """The vehicle that the fleet says stands here."""
    here = (station.id, evse.spec.connector)
    return next((id for id, belief in depot.vehicles.items() if belief.plugged == here), None)


def _evse_of(
    depot: Depot, station: Station, station_transaction_id: str, evse_id: int | None
) -> Evse | None:
    record = depot.transactions.get(transaction_id(station, station_transaction_id))
    if record is not None:
        return admit_evse(station, record.connector)
    if evse_id:
        return admit_evse(station, evse_id)
    return next(iter(station.evses.values())) if len(station.evses) == 1 else None


def _next_number(depot: Depot) -> int:
    depot.last_number += 1
    return depot.last_number


def _energy_kwh(start_wh: float | None, stop_wh: float | None) -> float | None:
    if start_wh is None or stop_wh is None or not 0 <= stop_wh - start_wh < 1e7:
        return None
    return (stop_wh - start_wh) / 1000
