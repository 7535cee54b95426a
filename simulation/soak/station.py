"""A lean virtual station with its own truth: what it holds, when it forgets, what it really does.

It computes its limit by the standard's rules (`simulation.profiles`) on its own clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from random import Random

from protocol.ocpp.model import ProfilePurpose
from simulation.profiles import ProfileStore
from simulation.soak.cable import Cable
from simulation.soak.loop import VirtualClock
from simulation.soak.make import WORDS, Keeping, Make
from simulation.soak.orders import Orders
from simulation.soak.outlet import VOLTAGE_V, Begins, Car, Outlet, Session
from simulation.soak.talk import Message, Talk, as_it_is
from simulation.soak.transactions import Transactions
from simulation.soak.words import Call, Payload, read

# A clock that is off by less is left alone: what it is set by tells whole seconds.
CLOCK_S = 1.5
# From the card to the cable; of those who show the card first some are too slow with the cable.
FETCHES_S, SLOW_SHARE = (2.0, 30.0), 0.1


class Station:
    """`rng` is its own. `skew_s`: how far its clock is ahead of the true one; while `stubborn` it
    takes no time from the daemon."""

    def __init__(
        self,
        make: Make,
        outlets: list[Outlet],
        *,
        rng: Random,
        clock: VirtualClock,
        open_cable: Callable[[Talk], Cable | None],
        tell: Callable[[str, str], None],
    ) -> None:
        self.make = make
        self.outlets = {outlet.number: outlet for outlet in outlets}
        self.skew_s = rng.uniform(-1.0, 0.0)
        self.stubborn = False
        self.powered = True
        self.store = ProfileStore(voltage_v=VOLTAGE_V)
        self.rng = rng
        self._clock = clock
        self._tell = tell
        self.loop = asyncio.get_running_loop()
        self.words = WORDS[make.version]
        self._booted = False
        self._interval_s = 60.0
        self._timer: asyncio.TimerHandle | None = None
        self._beat: asyncio.TimerHandle | None = None
        self.orders = Orders(self)
        self.transactions = Transactions(self)
        self.talk = Talk(
            make.id,
            rng,
            open_cable=open_cable,
            on_up=self._link_up,
            on_down=self._link_down,
            on_order=self.orders.take,
        )

    def now(self) -> datetime:
        """By its own clock."""
        return self._clock.truth() + timedelta(seconds=self.skew_s)

    # What vehicles do.

    def plug_in(self, outlet: Outlet, car: Car, connector: int = 1) -> None:
        """Where transactions begin before that, its driver shows a card and fetches the cable;
        some are too slow with it, and begin anew."""
        if outlet.begins is Begins.PLUGGED or not self.powered:
            self._plug(outlet, car, connector)
            return
        session = self.transactions.begin(outlet, car)
        plug_s = self.rng.uniform(*FETCHES_S)
        if self.rng.random() < SLOW_SHARE:
            self.loop.call_later(plug_s / 2, self.stop, outlet, session, "Timeout")
        self.loop.call_later(plug_s, self._plug, outlet, car, connector)

    def _plug(self, outlet: Outlet, car: Car, connector: int) -> None:
        outlet.car, outlet.plugged = car, connector
        if not self.powered:
            return
        self.say_status(outlet)
        if outlet.session is None:
            self.transactions.begin(outlet, car)
        else:
            self.transactions.tell_meter(outlet)
            self.refresh()

    def unplug(self, outlet: Outlet) -> None:
        self.transactions.end(outlet, "EVDisconnected")
        outlet.car = None
        self.say_status(outlet)

    def wait(self, outlet: Outlet, connector: int | None) -> None:
        """Another vehicle is plugged in beside the one that charges, and charges when that has
        gone; None: nobody waits any more."""
        outlet.waiting = connector
        self.say_status(outlet)

    def stop(self, outlet: Outlet, session: Session, reason: str = "Remote") -> None:
        """Its transaction ends, by order say; the vehicle stays, and is not charged."""
        if outlet.session is session:
            self.transactions.end(outlet, reason)

    # What the world does to it.

    def switch_off(self, *, politely: bool) -> None:
        """No power: nothing is drawn, nothing is said, what is in memory only is lost."""
        self.powered = self._booted = False
        self.orders.forget()
        self._forget(reboot=True)
        for outlet in self.outlets.values():
            outlet.switch_off()
        self._cancel_timers()
        self.talk.leave(politely=politely)

    def switch_on(self, *, session_ends: bool, told: bool) -> None:
        """What was charging goes on, as the same transaction or as a new one; with `told` False
        the end of the old one is never told."""
        self.powered = True
        for outlet in self.outlets.values():
            if outlet.session is not None and session_ends:
                if told:
                    self.transactions.end(outlet, "PowerLoss")
                else:
                    self.transactions.drop(outlet)
            if outlet.car is not None and outlet.session is None:
                self.transactions.begin(outlet, outlet.car)
        self.refresh()
        self.loop.call_later(self.rng.uniform(1.0, 10.0), self._connect)

    def forget(self) -> None:
        """Loses, all by itself, what its kind can lose."""
        self._forget(reboot=False)
        if self.make.keeping is Keeping.A:
            self._clear_transactions()
        self.refresh()

    def set_clock(self, skew_s: float) -> None:
        self.skew_s = skew_s
        self.refresh()

    def tell_again(self) -> None:
        """Repeats under a new message id what was told and answered long ago."""
        for outlet in self.outlets.values():
            if outlet.session is not None:
                self.transactions.say_begin(outlet, outlet.session)

    def refresh(self) -> None:
        """Offers what the profiles allow from here on, and wakes when that changes by itself."""
        if not self.powered:
            return
        at = self.now()
        running = [o.session.running for o in self.outlets.values() if o.session is not None]
        in_use = max(len(running), 1)
        station_kw = self.store.station_limit_kw(at, phases=3) / in_use
        for outlet in self.outlets.values():
            limit_kw = 0.0
            if outlet.session is not None:
                limit_kw = min(station_kw, self._limit_kw(outlet, at), outlet.max_kw)
            outlet.offer(limit_kw)
        change = self.store.next_change(at, running)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if change is not None:
            wait_s = (change - at).total_seconds()
            self._timer = self.loop.call_later(max(wait_s, 0.001), self.refresh)

    def say_status(self, outlet: Outlet) -> None:
        """Tells it of each of its connectors."""
        for connector in outlet.connectors:
            if self.talk.online:
                self.talk.say(Message(partial(self._status, outlet, connector)))
            elif self.make.keeps_statuses:
                self.talk.say(as_it_is(self._status(outlet, connector)))

    # Its own doing.

    def _limit_kw(self, outlet: Outlet, at: datetime) -> float:
        running = None if outlet.session is None else outlet.session.running
        phases = outlet.in_use or 3
        return self.store.evse_limit_kw(outlet.number, at, running=running, phases=phases)

    def _connect(self) -> None:
        if self.powered:
            self.talk.connect()

    def _forget(self, *, reboot: bool) -> None:
        if self.make.keeping is Keeping.C:
            self.store.clear()
        elif reboot or self.make.keeping is Keeping.B:
            self._clear_transactions()

    def _clear_transactions(self) -> None:
        self.store.clear(purpose=ProfilePurpose.TX)

    def _link_up(self) -> None:
        self._tell(self.make.id, "link up")
        if self.make.boots or not self._booted:
            make = partial(self.words.boot, "Virtual", self.make.model)
            boot = Message(make, answered=self._welcomed)
            self.talk.say(boot, first=True)
        for outlet in self.outlets.values():
            self.say_status(outlet)
        self._plan_beat()

    def _welcomed(self, payload: Payload) -> None:
        self._booted = True
        self._interval_s = float(payload.get("interval") or 60)
        self._told_time(payload)

    def _told_time(self, payload: Payload) -> None:
        told = read(payload.get("currentTime"))
        if told is None or self.stubborn:
            return
        skew_s = (told - self._clock.truth()).total_seconds()
        if abs(skew_s - self.skew_s) > CLOCK_S:
            self.set_clock(skew_s)

    def _link_down(self) -> None:
        self._tell(self.make.id, "link down")
        self.orders.forget()
        if self._beat is not None:
            self._beat.cancel()
        self._forget(reboot=False)
        self.refresh()

    def _plan_beat(self) -> None:
        if self._beat is not None:
            self._beat.cancel()
        self._beat = self.loop.call_later(self._interval_s, self._heartbeat)

    def _heartbeat(self) -> None:
        self.talk.say(Message(_heartbeat, answered=self._told_time))
        self._plan_beat()

    def _cancel_timers(self) -> None:
        for timer in (self._timer, self._beat):
            if timer is not None:
                timer.cancel()
        self._timer = self._beat = None

    def _status(self, outlet: Outlet, connector: int) -> Call:
        return self.words.status(outlet, connector, self.now())


def _heartbeat() -> Call:
    return "Heartbeat", {}
