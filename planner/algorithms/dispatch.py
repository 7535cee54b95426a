"""Charging decided from one moment to the next, as a charge controller without foresight does it.

Time runs forward in pieces over which nobody comes or goes. In each the vehicles that wait take
free connectors in the policy's order and keep them until they have what they want or leave; then
the policy shares the power that the limits leave. No law is broken, whatever the policy.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from planner.algorithms.at_hand import AtHand
from planner.algorithms.demand import wanted_kwh
from planner.algorithms.policy import Offer, Policy, Request, Share
from planner.drafts.choices import Drive
from planner.drafts.curve import curve, fading_kwh, highest_kw, kw_at
from planner.drafts.draft import (
    SHORTEST_S,
    Charge,
    Draft,
    Visit,
    may_use,
    open_visits,
    plugged_at,
    sockets_with_plugs,
)
from planner.drafts.preference import barred
from planner.drafts.timeline import Socket, Timeline
from planner.snapshot import Connector, Vehicle

_EPS = 1e-6
Drives = Mapping[str, Sequence[Drive]]


def dispatch(hand: AtHand, drives: Drives, policy: Policy) -> Draft:
    """The charging of `drives` under `policy`; what they lack is not judged here."""
    return _Depot(hand, drives, policy).run()


class _Depot:
    def __init__(self, hand: AtHand, drives: Drives, policy: Policy) -> None:
        self._line, self._policy, self._drives = hand.line, policy, drives
        self._connectors = {c.key: c for c in hand.snapshot.connectors}
        self._above = {
            s: [i for i, limit in enumerate(hand.line.limits) if s in limit.sockets]
            for s in self._connectors
        }
        self._battery = hand.snapshot.site.battery is not None
        plugs = sockets_with_plugs(hand.snapshot)
        self._requests: list[Request] = []
        for name, vehicle in hand.chosen.vehicles.items():
            own = drives.get(name, ())
            visits = open_visits(vehicle, own, hand.snapshot, hand.line)
            sockets = [may_use(visit, vehicle, plugs) for visit in visits]
            self._requests += _requests(vehicle, own, visits, sockets, hand.line, self._connectors)
        # Whoever is plugged in holds its connector from the start on, or nobody knows of it.
        self._holder: dict[Socket, Request] = {}
        for request in self._requests:
            vehicle = request.vehicle
            socket = plugged_at(vehicle)
            if socket in request.sockets and request.visit.first and socket is not None:
                lacks = request.want_kwh > vehicle.energy_kwh + _EPS
                able = self._connectors[socket].min_kw <= vehicle.max_charge_kw
                if lacks and able and socket not in self._holder:
                    self._hold(request, socket)

    def run(self) -> Draft:
        energies = {r.vehicle.id: r.vehicle.energy_kwh for r in self._requests}
        returns = sorted(
            (d.return_s, name, d.energy_kwh)
            for name, drives in self._drives.items()
            for d in drives
            if name in energies
        )
        by_start = sorted(self._requests, key=lambda r: (r.visit.start_s, r.vehicle.id))
        here: list[Request] = []
        for start_s, end_s in self._pieces():
            while returns and returns[0][0] <= start_s + _EPS:
                _, name, kwh = returns.pop(0)
                energies[name] = max(0.0, energies[name] - kwh)
            while by_start and by_start[0].visit.start_s <= start_s + _EPS:
                here.append(by_start.pop(0))
            here = [r for r in here if r.visit.end_s > start_s + _EPS]
            for request in here:
                request.energy_kwh = energies[request.vehicle.id]
                if request.start_kwh is None:
                    request.start_kwh = request.energy_kwh
            self._release(start_s)
            if end_s - start_s >= SHORTEST_S:
                self._piece(here, start_s, end_s)
            for request in here:
                energies[request.vehicle.id] = request.energy_kwh
        visits = [r.visit for r in self._requests]
        battery_kw = np.zeros(self._line.steps) if self._battery else None
        drives = {name: list(own) for name, own in self._drives.items()}
        return Draft(drives=drives, visits=visits, battery_kw=battery_kw)

    def _pieces(self) -> list[tuple[float, float]]:
        edges = {i * self._line.step_s for i in range(self._line.steps + 1)}
        for request in self._requests:
            edges |= {request.visit.start_s, request.visit.end_s}
        return list(itertools.pairwise(sorted(s for s in edges if 0 <= s <= self._line.end_s)))

    def _release(self, now_s: float) -> None:
        """A connector is free again when its vehicle has what it wants, or leaves."""
        for socket, request in list(self._holder.items()):
            done = request.start_kwh is not None and request.missing_kwh <= _EPS
            if done or request.visit.end_s <= now_s + _EPS:
                del self._holder[socket]

    def _piece(self, here: Sequence[Request], start_s: float, end_s: float) -> None:
        step, hours = self._line.step_at(start_s), (end_s - start_s) / 3600
        room_kw = [float(limit.room_kw[step]) for limit in self._line.limits]
        waiting = [r for r in here if r.missing_kwh > _EPS]
        waiting.sort(key=lambda r: (self._policy.order(r, start_s), r.vehicle.id))
        offers: list[Offer] = []
        for request in waiting:
            offer = self._offer(request, room_kw, step, hours)
            if offer is not None:
                offers.append(offer)
        share = Share(room_kw)
        self._policy.share(offers, share, start_s, hours)
        for offer in offers:
            if share.has_kw(offer) > 0:
                _charge(offer.request, share.has_kw(offer), start_s, end_s)

    def _offer(
        self, request: Request, room_kw: Sequence[float], step: int, hours: float
    ) -> Offer | None:
        """At the connector it has, or at the strongest of the free ones."""
        if request.visit.socket is not None:
            socket = request.visit.socket
            holds = self._holder.get(socket) is request and request.may_use(socket, step)
            return self._at(request, socket, hours) if holds else None
        free = [s for s in request.sockets if s not in self._holder and request.may_use(s, step)]
        found = [(s, self._at(request, s, hours)) for s in free]
        best: tuple[Any, Socket, Offer] | None = None
        for socket, offer in found:
            if offer is None or Share(list(room_kw)).most_kw(offer) < offer.low_kw:
                continue
            key = (-offer.high_kw, self._connectors[socket].max_kw, socket)
            if best is None or key < best[0]:
                best = key, socket, offer
        if best is None:
            return None
        self._hold(request, best[1])
        return best[2]

    def _hold(self, request: Request, socket: Socket) -> None:
        """From where the charge curve is below the least power it can give no more."""
        self._holder[socket] = request
        request.visit.socket = socket
        least_kw = self._policy.least_kw(self._connectors[socket], request.vehicle)
        full_kwh = fading_kwh(request.pieces, least_kw)
        request.want_kwh = min(request.want_kwh, max(request.energy_kwh, full_kwh))

    def _at(self, request: Request, socket: Socket, hours: float) -> Offer | None:
        place, vehicle = self._connectors[socket], request.vehicle
        least_kw = self._policy.least_kw(place, vehicle)
        nominal_kw = min(place.max_kw, vehicle.max_charge_kw)
        per_kw = vehicle.efficiency * hours
        full_kwh = max(request.energy_kwh, fading_kwh(request.pieces, least_kw))
        need_kw = (min(request.want_kwh, full_kwh) - request.energy_kwh) / per_kw
        most_kw = min(nominal_kw, highest_kw(request.pieces, request.energy_kwh, per_kw))
        if need_kw <= _EPS or (most_kw < least_kw and need_kw >= least_kw):
            return None
        # Less than the least over the piece is the least for a while.
        high_kw = max(least_kw, min(most_kw, need_kw))
        if high_kw <= _EPS or high_kw > nominal_kw + _EPS:
            return None
        return Offer(
            request=request,
            low_kw=least_kw,
            high_kw=high_kw,
            fallback_kw=place.fallback_kw,
            limits=self._above[socket],
        )


def _requests(
    vehicle: Vehicle,
    drives: Sequence[Drive],
    visits: Sequence[Visit],
    sockets: Sequence[Sequence[Socket]],
    line: Timeline,
    connectors: Mapping[Socket, Connector],
) -> list[Request]:
    powers = {
        s: min(connectors[s].max_kw, vehicle.max_charge_kw) for usable in sockets for s in usable
    }
    wants = wanted_kwh(vehicle, drives, visits, max(powers.values(), default=0.0), line)
    return [
        Request(
            vehicle=vehicle,
            visit=visit,
            sockets=usable,
            want_kwh=want,
            power_kw=max((powers[s] for s in usable), default=0.0),
            pieces=curve(vehicle),
            energy_kwh=vehicle.energy_kwh,
            barred=barred(line, drives, visit.start_s),
        )
        for visit, want, usable in zip(visits, wants, sockets, strict=True)
    ]


def _charge(request: Request, kw: float, start_s: float, end_s: float) -> None:
    """`kw` over the piece, or until the vehicle has what it wants."""
    hours = (end_s - start_s) / 3600
    need_h = request.missing_kwh / kw
    if need_h < hours - 1e-9:
        end_s = start_s + 3600 * need_h
    reached = request.energy_kwh + request.vehicle.efficiency * kw * (end_s - start_s) / 3600
    if end_s - start_s < 1e-3 or kw > kw_at(request.pieces, reached) + _EPS:
        return
    request.visit.charges.append(Charge(start_s, end_s, kw))
    request.energy_kwh = min(reached, request.vehicle.battery_kwh)
