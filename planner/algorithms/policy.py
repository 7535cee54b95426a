"""What a policy of charging without foresight is asked, and what it is handed to decide by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from planner.drafts.curve import Piece
from planner.drafts.draft import Visit
from planner.drafts.timeline import Barred, Socket
from planner.snapshot import Connector, Vehicle

_EPS = 1e-6


@dataclass(slots=True, kw_only=True)
class Request:
    """A visit that wants energy. `power_kw` is its highest power anywhere it may charge;
    `start_kwh` what the vehicle had as the visit began, None before. `barred`: what a rule bars to
    it."""

    vehicle: Vehicle
    visit: Visit
    sockets: Sequence[Socket]
    want_kwh: float
    power_kw: float
    pieces: Sequence[Piece]
    energy_kwh: float = 0.0
    start_kwh: float | None = None
    barred: Barred | None = None

    @property
    def missing_kwh(self) -> float:
        """At the connector."""
        return max(0.0, self.want_kwh - self.energy_kwh) / self.vehicle.efficiency

    def may_use(self, socket: Socket, step: int) -> bool:
        return self.barred is None or not self.barred.holds(socket, step)

    def laxity_s(self, now_s: float) -> float:
        """How long it could still wait and be done in time at full power."""
        hours = self.missing_kwh / self.power_kw if self.power_kw > 0 else float("inf")
        return self.visit.end_s - now_s - 3600 * hours


@dataclass(slots=True, kw_only=True)
class Offer:
    """What a request may take in one piece: nothing, or `low_kw` to `high_kw`; up to `fallback_kw`
    it takes nothing of the limits, of which that is kept for its connector anyway."""

    request: Request
    low_kw: float
    high_kw: float
    fallback_kw: float
    limits: Sequence[int]


class Share:
    """The power left under each limit in one piece, and who has how much of it."""

    def __init__(self, left_kw: list[float]) -> None:
        self.left_kw = left_kw
        self.taken_kw: dict[int, float] = {}

    def room_kw(self, offer: Offer) -> float:
        return max(0.0, min(self.left_kw[i] for i in offer.limits))

    def most_kw(self, offer: Offer) -> float:
        """For one that has nothing yet; nothing where the fallbacks alone break a limit."""
        broken = min(self.left_kw[i] for i in offer.limits) < -_EPS
        return 0.0 if broken else self.room_kw(offer) + offer.fallback_kw

    def has_kw(self, offer: Offer) -> float:
        return self.taken_kw.get(id(offer), 0.0)

    def take(self, offer: Offer, kw: float) -> None:
        """Gives `offer` `kw` in all, no more than there is; below its lowest power nothing."""
        self._book(offer, self.taken_kw.pop(id(offer), 0.0), -1)
        kw = min(kw, offer.high_kw, self.most_kw(offer))
        if kw > _EPS and kw >= offer.low_kw - _EPS:
            kw = max(kw, offer.low_kw)
            self.taken_kw[id(offer)] = kw
            self._book(offer, kw, 1)

    def _book(self, offer: Offer, kw: float, sign: int) -> None:
        beyond_kw = max(0.0, kw - offer.fallback_kw)
        for i in offer.limits:
            self.left_kw[i] -= sign * beyond_kw


class Policy(Protocol):
    def order(self, request: Request, now_s: float) -> Any:
        """A key: who sorts first is first at connectors and at power."""

    def least_kw(self, connector: Connector, vehicle: Vehicle) -> float:
        """The lowest power above 0."""

    def share(self, offers: Sequence[Offer], share: Share, now_s: float, hours: float) -> None:
        """Calls `share.take` for whoever is to have power; `offers` are in order."""


class InOrder:
    """Each takes all it can, one after the other."""

    def least_kw(self, connector: Connector, vehicle: Vehicle) -> float:
        return connector.min_kw

    def share(self, offers: Sequence[Offer], share: Share, now_s: float, hours: float) -> None:
        for offer in offers:
            share.take(offer, offer.high_kw)
