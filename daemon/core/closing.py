"""How transactions end: as told, as guessed from what came after, and those never heard of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice

from daemon.core import phases
from daemon.core.admission import admit_evse, token_accepted
from daemon.core.depot import Depot
from daemon.core.device_clock import ask, believed, is_past
from daemon.core.effects import Effect, Note, Save
from daemon.core.instant import Now
from daemon.core.keeping import save_evse, tell_vehicle
from daemon.core.meters import keep_samples, take_samples
from daemon.core.records import UNKNOWN_CONNECTOR, TransactionRecord
from daemon.core.station import DISOBEYS, Evse, Station
from planner.series import format_instant
from protocol.ocpp.events import Reply, TransactionEnded, TransactionReply
from protocol.ocpp.model import Measurand, MeterSample
from protocol.ocpp.values import register_wh

# What a 1.6 station calls a transaction that it could not tell us of: many may bear it.
OFFLINE_ID = "-1"
# What may be told again: a week of five hundred stations with five a day. A station that tells of
# ever new ones, 20 a second, would fill the memory within days.
MOST_KNOWN = 20_000


def transaction_id(station: Station, station_transaction_id: str) -> str:
    return f"{station.id}/{station_transaction_id}"


def on_ended(
    depot: Depot, station: Station, event: TransactionEnded, now: Now
) -> Iterator[Effect | Reply]:
    """Whatever it names, the station is answered, or it would tell it for ever."""
    record = depot.transactions.get(transaction_id(station, event.transaction_id))
    if record is None or event.transaction_id == OFFLINE_ID:
        yield from _keep_orphan(depot, station, event, now)
    elif record.stopped_at is None:
        if record.connector == UNKNOWN_CONNECTOR:
            number = transaction_id(station, event.transaction_id)
            yield from keep_samples(station.id, event.evse_id or 0, number, event.samples, now)
        else:
            evse = admit_evse(station, record.connector)
            yield from take_samples(depot, station, evse, _last_samples(event), now)
        yield from close(
            depot,
            station,
            depot.transactions[record.id],
            now,
            stopped_at=believed(event.at, now),
            device_stopped_at=event.at,
            meter_stop_wh=event.meter_stop_wh,
            reason=event.reason,
        )
    elif record.estimated:
        yield from _correct(depot, record, event, now)
    accepted = None if event.id_token is None else token_accepted(depot, event.id_token)
    yield TransactionReply(accepted=accepted)


def began_after(depot: Depot, transaction: str, at: datetime | None) -> bool:
    """Whether a transaction began after an instant that its station tells, by the station's clock
    alone; where that was wrong as it began, also by what is known of how wrong it is: it may have
    been set right since."""
    record = depot.transactions[transaction]
    began_at = record.device_started_at
    if at is None or began_at is None or at >= began_at:
        return False
    if began_at == record.started_at:
        return True
    skew_s = depot.stations[record.station].clock.skew_s or 0.0
    # The difference, as an instant of the year 1 has none before it.
    return (at - record.started_at).total_seconds() < skew_s


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
        device_stopped_at=None,
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
    device_stopped_at: datetime | None,
    meter_stop_wh: float | None,
    reason: str | None,
    estimated: bool = False,
) -> Iterator[Effect]:
    closed = replace(
        record,
        stopped_at=max(stopped_at, record.started_at),
        device_stopped_at=device_stopped_at,
        meter_stop_wh=meter_stop_wh,
        energy_kwh=_energy_kwh(record.meter_start_wh, meter_stop_wh),
        stop_reason=reason,
        estimated=estimated,
    )
    depot.transactions[record.id] = closed
    yield Save(record=closed)
    evse = station.evses.get(record.connector)
    if evse is not None and evse.transaction == record.id:
        forget(evse)
        evse.transaction = None
        yield save_evse(station, evse)
        depot.dirty = True
    belief = depot.vehicles.get(record.vehicle or "")
    if belief is not None and belief.plugged == (station.id, record.connector):
        belief.plugged = None
        yield from tell_vehicle(record.vehicle or "", belief)
    ask(depot, station, "unplug", device_stopped_at, now)


def forget(evse: Evse) -> None:
    """What belonged to the transaction."""
    evse.forget_profile()
    evse.target = evse.targeted = None
    evse.failures, evse.retry_s = 0, None
    evse.fixed = evse.fixed if evse.fixed == DISOBEYS else None
    evse.override = evse.override if evse.override == "pause" else None
    evse.power_kw = 0.0
    evse.silence = evse.unjudged = None
    phases.forget(evse)


def _correct(
    depot: Depot, record: TransactionRecord, event: TransactionEnded, now: Now
) -> Iterator[Effect]:
    """The end that had to be guessed is told after all; what runs there now is another's."""
    corrected = replace(
        record,
        stopped_at=max(believed(event.at, now), record.started_at),
        device_stopped_at=event.at,
        meter_stop_wh=event.meter_stop_wh,
        energy_kwh=_energy_kwh(record.meter_start_wh, event.meter_stop_wh),
        stop_reason=event.reason,
        estimated=False,
    )
    depot.transactions[record.id] = corrected
    yield Save(record=corrected)
    yield Note(name="transaction_corrected", fields={"transaction": record.id})


def _keep_orphan(
    depot: Depot, station: Station, event: TransactionEnded, now: Now
) -> Iterator[Effect]:
    """An end without a beginning: the start was told to nobody, to a store that is lost, or is
    another station's. It is kept under this station's name and moves nobody."""
    is_past(station, event.at, now)
    id = transaction_id(station, event.transaction_id)
    if event.transaction_id == OFFLINE_ID:
        told_at = format_instant(event.at) if event.at is not None else "unknown"
        id = f"{id}/{told_at}/{event.meter_stop_wh}"
    if id in depot.transactions:
        return
    yield Note(
        name="transaction_unknown",
        level="warning",
        fields={"station": station.id, "transaction": event.transaction_id[:64]},
    )
    connector = event.evse_id or (
        next(iter(station.evses)) if len(station.evses) == 1 else UNKNOWN_CONNECTOR
    )
    begun = [s for s in event.samples if s.context == "Transaction.Begin"]
    begun_at = begun[0].at if begun else event.at
    meter_start_wh = register_wh(tuple(begun), context="Transaction.Begin")
    stopped_at = believed(event.at, now)
    record = TransactionRecord(
        id=id,
        station=station.id,
        connector=connector,
        station_transaction_id=event.transaction_id,
        vehicle=depot.vehicle_of_token(event.id_token),
        id_token=event.id_token,
        started_at=min(believed(begun_at, now), stopped_at),
        stopped_at=stopped_at,
        meter_start_wh=meter_start_wh,
        meter_stop_wh=event.meter_stop_wh,
        energy_kwh=_energy_kwh(meter_start_wh, event.meter_stop_wh),
        stop_reason=event.reason,
        device_started_at=begun_at if begun else None,
        device_stopped_at=event.at,
    )
    depot.transactions[id] = record
    forget_excess(depot)
    yield Save(record=record)
    yield from keep_samples(station.id, connector, id, event.samples, now)


def forget_excess(depot: Depot) -> None:
    """The oldest that run nowhere are the store's alone; what is told of them again is kept under
    their ids as if it were new."""
    excess = len(depot.transactions) - MOST_KNOWN
    if excess > 0:
        running = {evse.transaction for _, evse in depot.evses()}
        idle = (id for id in depot.transactions if id not in running)
        for id in list(islice(idle, excess)):
            del depot.transactions[id]


def _last_samples(event: TransactionEnded) -> tuple[MeterSample, ...]:
    """1.6 tells the last register beside the samples; some stations tell no other."""
    if event.samples or event.meter_stop_wh is None:
        return event.samples
    register = Measurand.ENERGY_IMPORT_REGISTER
    return (MeterSample(measurand=register, value=event.meter_stop_wh, at=event.at),)


def _energy_kwh(start_wh: float | None, stop_wh: float | None) -> float | None:
    """None for registers that run backwards or further than any charger in a year."""
    if start_wh is None or stop_wh is None or start_wh < 0 or not 0 <= stop_wh - start_wh < 1e7:
        return None
    return (stop_wh - start_wh) / 1000
