"""A virtual charging station in either version: it charges, tells, and is told."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from random import Random
from urllib.parse import quote

from ocpp.exceptions import OCPPError

from daemon.adapters.clock import Clock
from protocol.ocpp.events import (
    AuthorizeReply,
    AuthorizeRequested,
    Heartbeat,
    Reply,
    StationBooted,
    StationEvent,
    TransactionReply,
    TransactionStarted,
)
from protocol.ocpp.model import (
    SAMPLE_INTERVAL_S,
    ProfilePurpose,
    RateUnit,
    SchedulePeriod,
    VariableName,
    Version,
)
from simulation.charger import Charger
from simulation.conversation import Conversation, Outbox, woken
from simulation.evse import Evse
from simulation.profiles import Held
from simulation.spec import Behaviour, Record, StationSpec
from simulation.station16 import Wire16
from simulation.station201 import Wire201
from simulation.transactions import Transactions
from simulation.vehicle import Vehicle
from simulation.wire import PROFILE_ACTIONS, Connect, Link, Wire, connect_websocket

_IDLE_S = 3600.0


class VirtualStation:
    """`url` is the central system's, without the station's id. The time is the clock's.

    `rng` gives transaction ids and the jitter of reconnects. `online` is set while it has a link,
    `told` once it has been sent a default for its transactions."""

    def __init__(
        self,
        spec: StationSpec,
        *,
        url: str,
        clock: Clock,
        rng: Random,
        connect: Connect = connect_websocket,
    ) -> None:
        self.spec = spec
        self.record = Record()
        self.charger = Charger(spec, clock)
        self.online = asyncio.Event()
        self.told = asyncio.Event()
        self.variables = spec.variables()
        self._assigned_ids: dict[str, int] = {}
        self._clock = clock
        self._booted = False
        self._outbox = Outbox()
        self._transactions = Transactions(self.charger, self._outbox, online=self.online, rng=rng)
        address = f"{url.rstrip('/')}/{quote(spec.id, safe='')}"
        self._conversation = Conversation(
            self,
            self._outbox,
            clock=clock,
            rng=rng,
            open_link=lambda: connect(address, spec.version.value, spec.password),
            make_wire=self._make_wire,
            drop_every_s=spec.drop_every_s,
        )

    @property
    def evses(self) -> dict[int, Evse]:
        return self.charger.evses

    @property
    def unsent(self) -> int:
        """How many messages wait to be told."""
        return len(self._outbox)

    async def run(self) -> None:
        """Charges and talks until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._charge())
            tasks.create_task(self._conversation.run())

    # What the world does to it.

    def plug_in(self, evse_id: int, vehicle: Vehicle, id_token: str | None = None) -> None:
        """Starts a transaction once `id_token` is authorized, or at once while offline; without a
        token the station waits to be told. Raises ValueError where a vehicle stands already."""
        evse = self.evses[evse_id]
        if evse.vehicle is not None:
            raise ValueError(f"{self.spec.id}/{evse_id} is taken by {evse.vehicle.id}")
        self._transactions.plug_in(evse, vehicle, id_token)

    def unplug(self, evse_id: int) -> Vehicle:
        """Ends the transaction and hands the vehicle back. Raises ValueError if there is none."""
        evse = self.evses[evse_id]
        if evse.vehicle is None:
            raise ValueError(f"{self.spec.id}/{evse_id} has no vehicle")
        vehicle = evse.vehicle
        self._transactions.unplug(evse)
        return vehicle

    async def disconnect(self, away_s: float = 0.0) -> None:
        """Loses the link for at least so long; charging goes on by the profiles it holds."""
        await self._conversation.close(away_s)

    # What the central system asks of it; the wires call these.

    def swallows(self, action: str) -> bool:
        """Whether a call is to stay without an answer."""
        silent = self.spec.behaviour is Behaviour.SILENT and action in PROFILE_ACTIONS
        return self._unanswered(silent)

    def drops(self, action: str) -> bool:
        """Whether a call is to be met with a closed link."""
        drops = self.spec.behaviour is Behaviour.DROP and action == "SetChargingProfile"
        return self._unanswered(drops)

    def set_profile(self, held: Held) -> str | None:
        """Returns why a profile is rejected, or None where it is accepted."""
        self.record.profiles_received += 1
        if held.profile.purpose is ProfilePurpose.TX_DEFAULT:
            self.told.set()
        rejects = self.spec.behaviour is Behaviour.REJECT
        reason = "NotEnabled" if rejects else self.charger.install(held)
        if reason is None:
            self.record.profiles_accepted += 1
            self._transactions.tell_states()
        else:
            self.record.rejections[reason] += 1
        return reason

    def clear_profiles(
        self,
        *,
        profile_id: int | None,
        evse_id: int | None,
        purpose: ProfilePurpose | None,
        stack_level: int | None,
    ) -> bool:
        """Whether any matched every given criterion."""
        self.charger.advance()
        removed = self.charger.accepted.clear(
            profile_id=profile_id, evse_id=evse_id, purpose=purpose, stack_level=stack_level
        )
        self.charger.settle()
        self._transactions.tell_states()
        return removed > 0

    def composite(
        self, evse_id: int, duration_s: int, unit: RateUnit | None
    ) -> tuple[datetime, RateUnit, tuple[SchedulePeriod, ...]] | None:
        """(start, unit, periods) of what it says it will follow, or None where it cannot say."""
        return self.charger.composite(evse_id, duration_s, unit)

    def set_variable(self, name: VariableName, value: str) -> str:
        """Accepted, Rejected for a bad value or one that is fixed, or UnknownVariable."""
        if name not in self.variables:
            return "UnknownVariable"
        if name != SAMPLE_INTERVAL_S or not value.isdecimal():
            return "Rejected"
        self.variables[name] = value
        self._transactions.sample_interval_s = int(value)
        self._transactions.changed.set()
        return "Accepted"

    def trigger(self, message: str, evse_id: int | None) -> bool:
        """Tells what is asked for (2.0.1 MessageTrigger); False where it cannot."""
        at = self.charger.advance()
        evses = [e for e in self.evses.values() if evse_id in (None, 0, e.spec.id)]
        match message:
            case "BootNotification":
                self._outbox.put(self._boot_message("Triggered"))
            case "Heartbeat":
                self._outbox.put(Heartbeat())
            case "StatusNotification":
                for evse in evses:
                    self._transactions.tell_status(evse)
            case "MeterValues":
                for evse in evses:
                    self._transactions.tell_meter(evse)
            case "TransactionEvent":
                for evse in evses:
                    self._transactions.tell_update(evse, evse.samples(at, "Trigger"))
            case _:
                return False
        return True

    def remote_start(self, evse_id: int | None, id_token: str) -> str | None:
        """The new transaction's id, or None where no vehicle waits."""
        for evse in self.evses.values():
            waits = evse.vehicle is not None and evse.transaction is None
            if waits and evse_id in (None, evse.spec.id):
                evse.id_token = id_token
                return self._transactions.start(evse, id_token)
        return None

    def remote_stop(self, transaction_id: str) -> bool:
        evse = self._transactions.find(transaction_id)
        if evse is None:
            return False
        self._transactions.stop(evse, "Remote")
        self._transactions.tell_status(evse)
        return True

    async def reset(self) -> None:
        """Ends all transactions and boots again; TxProfiles are gone, the others stay."""
        for evse in self.evses.values():
            self._transactions.stop(evse, "ImmediateReset")
        self._booted = False
        await self._conversation.close()

    # What the conversation asks of it.

    def boots(self) -> StationBooted | None:
        if self._booted and not self.spec.boots_again:
            return None
        return self._boot_message("PowerUp")

    def link_up(self) -> None:
        self.record.links += 1
        self.online.set()
        for evse in self.evses.values():
            self._transactions.tell_status(evse)
            if not self._booted:
                self._transactions.authorize(evse)
        self._booted = True

    def link_down(self, reason: str) -> None:
        self.online.clear()
        self.record.last_loss = reason
        for evse in self.evses.values():
            if evse.awaits_authorization:
                self._transactions.authorize(evse)

    def answered(self, event: StationEvent, reply: Reply) -> None:
        match event, reply:
            case AuthorizeRequested(id_token=token), AuthorizeReply(accepted=accepted):
                self._transactions.authorized(token, accepted)
            case TransactionStarted(transaction_id=str() as own_id), TransactionReply(
                accepted=False
            ):
                evse = self._transactions.find(own_id)
                if evse is not None:
                    self._transactions.stop(evse, "DeAuthorized")
                    self._transactions.tell_status(evse)
            case _:
                pass

    def given_up(self, event: StationEvent, error: OCPPError) -> None:
        self.record.faults.append(f"{type(event).__name__} refused: {error!r}")
        if isinstance(event, AuthorizeRequested):
            self._transactions.authorized(event.id_token, accepted=False)

    # Its own doing.

    async def _charge(self) -> None:
        """Wakes where something is due: a sample, a change in a profile, or what it was told."""
        changed = self._transactions.changed
        while True:
            at = self.charger.advance()
            self._transactions.tell_due(at)
            due = self._transactions.next_due()
            pause_s = _IDLE_S if due is None else (due - at) / timedelta(seconds=1)
            changed.clear()
            await woken(changed, self._clock.sleep(pause_s))

    def _unanswered(self, unanswered: bool) -> bool:
        if unanswered:
            self.record.profiles_unanswered += 1
            self.told.set()
        return unanswered

    def _boot_message(self, reason: str) -> StationBooted:
        return StationBooted(
            vendor=self.spec.vendor,
            model=self.spec.model,
            serial_number=self.spec.id[:25],
            firmware_version="1.0",
            reason=reason,
        )

    def _make_wire(self, link: Link) -> Wire:
        if self.spec.version is Version.V16:
            return Wire16(self, link, self._assigned_ids)
        return Wire201(self, link)
