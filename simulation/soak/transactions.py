"""A lean station's transactions: how they begin and end, and what is told of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from protocol.ocpp.model import Version
from simulation.soak.outlet import Car, Outlet, Session
from simulation.soak.talk import Message, as_it_is
from simulation.soak.words import Call, Payload

if TYPE_CHECKING:
    from simulation.soak.station import Station


class Transactions:
    """Of one station, one at each EVSE; `sample_s` from one of its meter values to the next."""

    def __init__(self, station: Station) -> None:
        self.sample_s = 60
        self._station = station

    def begin(self, outlet: Outlet, car: Car) -> Session:
        station = self._station
        session = Session(
            id=f"{station.make.id}-{station.rng.getrandbits(48):x}",
            token=car.token,
            started_at=station.now(),
            start_wh=outlet.reading_wh,
        )
        outlet.session = session
        self.say_begin(outlet, session)
        station.refresh()
        station.loop.call_later(self.sample_s, self._sample, outlet, session)
        return session

    def say_begin(self, outlet: Outlet, session: Session) -> None:
        """As it was, be it long ago."""
        station = self._station

        def named(answer: Payload) -> None:
            session.named = station.words.named(answer) or session.named

        offline = not station.talk.online
        message = as_it_is(station.words.begin(outlet, session, session.started_at, offline))
        message.answered = named
        station.talk.say(message)

    def end(self, outlet: Outlet, reason: str) -> None:
        session = outlet.session
        if session is None:
            return
        outlet.advance()
        self._say(self._station.words.end(outlet, session, self._station.now(), reason), session)
        self.drop(outlet)

    def drop(self, outlet: Outlet) -> None:
        """Its end is not told. TxProfiles live no longer than their transaction."""
        outlet.session = None
        self._station.store.end_transaction(outlet.number)
        outlet.switch_off()
        self._station.refresh()

    def tell_meter(self, outlet: Outlet) -> None:
        station, session = self._station, outlet.session
        if session is None or outlet.car is None or not station.powered:
            return
        outlet.advance()
        offline = not station.talk.online
        self._say(station.words.sample(outlet, session, station.now(), offline), session)

    def _sample(self, outlet: Outlet, session: Session) -> None:
        if outlet.session is not session:
            return
        self._station.loop.call_later(max(self.sample_s, 1), self._sample, outlet, session)
        self.tell_meter(outlet)

    def _say(self, call: Call, session: Session) -> None:
        if self._station.make.version is Version.V16:
            self._station.talk.say(Message(partial(_named, call, session), durable=True))
        else:
            self._station.talk.say(as_it_is(call))


def _named(call: Call, session: Session) -> Call:
    """1.6 knows its transaction's id only once it was told, which may be after this was written."""
    action, payload = call
    if session.named is not None:
        payload["transactionId"] = int(session.named)
    return action, payload
