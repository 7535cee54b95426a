"""A station's transactions: begun, sampled and ended at the EVSEs, and put down to be told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from protocol.ocpp.events import (
    AuthorizeRequested,
    MeterValuesReported,
    StatusNotified,
    TransactionEnded,
    TransactionStarted,
    TransactionUpdated,
)
from protocol.ocpp.model import ConnectorStatus, MeterSample
from simulation.charger import Charger
from simulation.conversation import Outbox
from simulation.evse import Evse, Transaction
from simulation.vehicle import Vehicle


class Transactions:
    """`changed` is set whenever something may be due earlier than thought. A sample interval of 0
    means no samples, as in both versions."""

    def __init__(
        self, charger: Charger, outbox: Outbox, *, online: asyncio.Event, rng: Random
    ) -> None:
        self.sample_interval_s = charger.spec.sample_interval_s
        self.changed = asyncio.Event()
        self._charger = charger
        self._outbox = outbox
        self._online = online
        self._rng = rng

    def plug_in(self, evse: Evse, vehicle: Vehicle, id_token: str | None) -> None:
        self._charger.advance()
        evse.vehicle, evse.id_token = vehicle, id_token
        self.tell_status(evse)
        self.authorize(evse)

    def unplug(self, evse: Evse) -> None:
        self.stop(evse, "EVDisconnected")
        evse.vehicle, evse.id_token, evse.awaits_authorization = None, None, False
        self.tell_status(evse)

    def authorize(self, evse: Evse) -> None:
        """Asks for the token; a station without a link starts on its own."""
        if evse.vehicle is None or evse.id_token is None or evse.transaction is not None:
            return
        evse.awaits_authorization = self._online.is_set()
        if evse.awaits_authorization:
            self._outbox.put(AuthorizeRequested(id_token=evse.id_token))
        else:
            self.start(evse, evse.id_token)

    def authorized(self, id_token: str, accepted: bool) -> None:
        for evse in self._charger.evses.values():
            if evse.awaits_authorization and evse.id_token == id_token:
                evse.awaits_authorization = False
                if accepted:
                    self.start(evse, id_token)

    def start(self, evse: Evse, id_token: str) -> str:
        """Returns the station's own id of the new transaction."""
        at = self._charger.advance()
        transaction = Transaction(
            id=str(UUID(int=self._rng.getrandbits(128), version=4)),
            id_token=id_token,
            started_at=at,
            next_sample_at=at + timedelta(seconds=self.sample_interval_s),
        )
        evse.transaction, evse.awaits_authorization = transaction, False
        self._charger.settle()
        transaction.state = evse.state
        self._outbox.put(
            TransactionStarted(
                evse_id=evse.spec.id,
                transaction_id=transaction.id,
                id_token=id_token,
                at=at,
                meter_start_wh=evse.reading_wh,
                offline=not self._online.is_set(),
                seq_no=transaction.next_seq_no(),
                charging_state=transaction.state,
                samples=evse.samples(at, "Transaction.Begin"),
            )
        )
        self.tell_status(evse)
        self.changed.set()
        return transaction.id

    def stop(self, evse: Evse, reason: str) -> None:
        """`reason` in 2.0.1 words; nothing happens where no transaction runs."""
        at = self._charger.advance()
        transaction = evse.transaction
        if transaction is None:
            return
        self._outbox.put(
            TransactionEnded(
                transaction_id=transaction.id,
                at=at,
                meter_stop_wh=evse.reading_wh,
                evse_id=evse.spec.id,
                id_token=transaction.id_token,
                reason=reason,
                offline=not self._online.is_set(),
                seq_no=transaction.next_seq_no(),
                samples=evse.samples(at, "Transaction.End"),
            )
        )
        evse.transaction = None
        self._charger.accepted.end_transaction(evse.spec.id)
        self._charger.settle()
        self.changed.set()

    def find(self, transaction_id: str) -> Evse | None:
        return next((e for e, t in self._running() if t.id == transaction_id), None)

    def next_due(self) -> datetime | None:
        """When the next sample is due, or a limit changes by itself."""
        dues = [t.next_sample_at for _, t in self._running() if self.sample_interval_s]
        change = self._charger.next_change()
        return min(dues if change is None else [*dues, change], default=None)

    def tell_due(self, at: datetime) -> None:
        """One sample where at least one is due (those missed by a late wake-up are left out), and
        each charging state that is another than last told."""
        interval = timedelta(seconds=self.sample_interval_s)
        for evse, transaction in self._running():
            if interval and at >= transaction.next_sample_at:
                missed = (at - transaction.next_sample_at) // interval
                transaction.next_sample_at += (missed + 1) * interval
                self.tell_update(evse, evse.samples(at, "Sample.Periodic"))
        self.tell_states()

    def tell_states(self) -> None:
        for evse, transaction in self._running():
            if evse.state is not transaction.state:
                transaction.state = evse.state
                self.tell_status(evse)
                self.tell_update(evse, ())
        self.changed.set()

    def tell_status(self, evse: Evse) -> None:
        occupied = evse.vehicle is not None
        status = ConnectorStatus.OCCUPIED if occupied else ConnectorStatus.AVAILABLE
        self._outbox.put(
            StatusNotified(
                evse_id=evse.spec.id,
                status=status,
                at=self._charger.at,
                charging_state=evse.state,
            )
        )

    def tell_update(self, evse: Evse, samples: tuple[MeterSample, ...]) -> None:
        """Nothing where no transaction runs."""
        transaction = evse.transaction
        if transaction is not None:
            self._outbox.put(
                TransactionUpdated(
                    transaction_id=transaction.id,
                    at=self._charger.at,
                    evse_id=evse.spec.id,
                    offline=not self._online.is_set(),
                    seq_no=transaction.next_seq_no(),
                    charging_state=transaction.state,
                    samples=samples,
                )
            )

    def tell_meter(self, evse: Evse) -> None:
        """What TriggerMessage asks for; it belongs to no transaction event."""
        self._outbox.put(
            MeterValuesReported(
                evse_id=evse.spec.id,
                transaction_id=None if evse.transaction is None else evse.transaction.id,
                samples=evse.samples(self._charger.at, "Trigger"),
            )
        )

    def _running(self) -> Iterator[tuple[Evse, Transaction]]:
        for evse in self._charger.evses.values():
            if evse.transaction is not None:
                yield evse, evse.transaction
