"""Rules of the guard, each broken from outside, in the code as it is."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from unittest.mock import patch

from daemon.core import answers, budget, dispatch, profiles
from daemon.core.budget import Booking, Budget
from daemon.core.depot import Depot
from daemon.core.diff import Change, Wish
from daemon.core.effects import Effect
from daemon.core.events import CommandAnswered, SiteMetered
from daemon.core.instant import Now
from daemon.core.lane import Lane
from daemon.core.profiles import Electrics
from daemon.core.site_meter import Held
from daemon.core.station import Evse, Station
from protocol.ocpp.commands import Answered
from protocol.ocpp.connection import Connection, Output
from protocol.ocpp.model import ConnectorStatus


@contextmanager
def everywhere(honest: Callable[..., object], broken: Callable[..., object]) -> Iterator[None]:
    """Takes the place of a function of the core in every module that knows it by its name."""
    name = honest.__name__
    with ExitStack() as patches:
        for module in [m for n, m in sys.modules.items() if n.startswith("daemon.core.")]:
            if getattr(module, name, None) is honest:
                patches.enter_context(patch.object(module, name, broken))
        yield


@contextmanager
def bookings(change: Callable[[Station, Evse, Booking], Booking]) -> Iterator[None]:
    """Bookings as `change` would have them, wherever they are asked for."""
    honest = budget.booking

    def booking(station: Station, evse: Evse, now_s: float, settle_s: float) -> Booking:
        return change(station, evse, honest(station, evse, now_s, settle_s))

    with everywhere(honest, booking):
        yield


def raise_at_once(
    room: Budget, wish: Wish, kw: float, now_s: float, told: object, *, pending: bool
) -> Change:
    return Change(station=wish.station, evse=wish.evse, kw=kw)


def shows_nothing(depot: Depot, event: SiteMetered, now: Now) -> Held:
    """A sample of the site's meter as if nothing was drawn but charging."""
    none = (0.0, 0.0, 0.0, 0.0)
    return Held(at_s=now.monotonic_s, base_kw=none, most_kw=none, rest_kw=none)


@contextmanager
def settles_at_once() -> Iterator[None]:
    honest = answers._confirm

    def confirm(depot: object, station: Station, evse: Evse, *rest: object) -> None:
        honest(depot, station, evse, *rest)  # type: ignore[arg-type]  # as it was called
        evse.settling, evse.leaving = (), None

    with patch.object(answers, "_confirm", confirm):
        yield


def believed() -> AbstractContextManager[object]:
    return patch.object(answers, "leave", lambda evse, told, settled_s: None)


@contextmanager
def refusals_accepted() -> Iterator[None]:
    """Whatever is answered is taken for Accepted, and that for the proof."""
    honest = answers._profile_answered

    def answered(
        depot: Depot, station: Station, evse: Evse, event: CommandAnswered, now: Now
    ) -> Iterator[Effect]:
        taken = replace(event, result=Answered(status="Accepted"))
        return honest(depot, station, evse, taken, now)

    with patch.object(answers, "_profile_answered", answered), believed():
        yield


@contextmanager
def no_generation() -> Iterator[None]:
    """Whatever answer comes is the answer to the order under way, at stations whose meter shows
    nothing in time: else it shows this too."""
    pairs = Connection._answered

    def answered(self: Connection, call_id: str, payload: object) -> list[Output]:
        outstanding = self._outstanding
        return pairs(self, call_id if outstanding is None else outstanding.call_id, payload)

    def any_answer(self: Lane, generation: int) -> object:
        if self.outstanding is None:
            return None
        subject, self.outstanding = self.outstanding[1], None
        return subject

    with (
        patch.object(Connection, "_answered", answered),
        patch.object(Lane, "answered", any_answer),
        believed(),
        patch.object(dispatch, "ask_meter", lambda station, evse: None),
    ):
        yield


def speaks_for_its_evse(self: Evse, connector_id: int, status: ConnectorStatus) -> None:
    self.connectors, self.spoken, self.status = {connector_id: status}, {connector_id}, status


def forget_offline(station: Station, evse: Evse, booked: Booking) -> Booking:
    return booked if station.online else Booking(0.0, 0.0)


@contextmanager
def no_floor() -> Iterator[None]:
    """What a station falls back to is not booked, only what it was lent."""
    honest, grants = budget.booking, budget.granted

    def without(station: Station, evse: Evse, ask: Callable[[], Booking]) -> Booking:
        floor_kw, evse.floor_kw = evse.floor_kw, 0.0
        try:
            return ask()
        finally:
            evse.floor_kw = floor_kw

    def booking(station: Station, evse: Evse, now_s: float, settle_s: float) -> Booking:
        return without(station, evse, lambda: honest(station, evse, now_s, settle_s))

    def granted(station: Station, evse: Evse, kw: float) -> Booking:
        return without(station, evse, lambda: grants(station, evse, kw))

    with everywhere(honest, booking), everywhere(grants, granted):
        yield


def up(self: Electrics, kw: float) -> float:
    """To the next whole ampere or 100 W upwards."""
    step = 1.0 if self.kw_per_unit > 0.001 else 100.0
    return math.ceil(kw / self.kw_per_unit / step) * step


@contextmanager
def endless_leases() -> Iterator[None]:
    """Profiles without an end, booked as if they had one."""
    honest = profiles.lend

    def lend(*args: object, **named: object) -> object:
        return honest(*args, **{**named, "lease_s": None})  # type: ignore[arg-type]  # as called

    with patch("daemon.core.dispatch.lend", lend):
        yield


def at_its_wish(budget_: Budget, wishes: object, told: object) -> list[float]:
    return [kw for _, _, kw in wishes]  # type: ignore[attr-defined]  # of `fit`
