"""From what is wanted to what is sent: one round of orders."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from daemon.core import phases
from daemon.core.budget import Booking, Budget, booking, is_unbound
from daemon.core.depot import Depot
from daemon.core.diff import Change, Wish, diff, is_raise, renewal_s, told_again_kw
from daemon.core.effects import Effect, Send
from daemon.core.instant import Now
from daemon.core.keeping import save_evse
from daemon.core.last_resort import stop_who_disobeys
from daemon.core.lease import FOREVER, Lease
from daemon.core.overload import URGENT_S, watch_overload
from daemon.core.profiles import lend
from daemon.core.proof import Leaving, remains
from daemon.core.rooms import budget_of, next_change_s
from daemon.core.standing import (
    ask_meter,
    electrics_of,
    read_back,
    retry_fallback,
    submit_fallback,
)
from daemon.core.station import FRESH_SAMPLES, REFUSES, SILENT, Evse, Station
from daemon.core.word import ordered
from protocol.ocpp.commands import SetChargingProfile

TX_ID = 1000
# Who has no departure in sight comes after all who have.
LAST = datetime.max.replace(tzinfo=UTC)


def dispatch(depot: Depot, now: Now) -> Iterator[Effect]:
    """Everything that may be ordered now. Without the solver and without the store: what the plan
    wants is cut here to what the limits allow."""
    _settle(depot, now)
    if depot.dirty or (depot.look_s is not None and now.monotonic_s >= depot.look_s):
        depot.dirty = False
        for station, evse in depot.evses():
            station.lane.withdraw(("tx", evse.spec.connector))
        wishes, room = _wishes_and_room(depot, now)
        yield from watch_overload(depot, wishes, room, now)
        yield from _raise_fallbacks(depot, wishes, room)

        def told(station: Station, evse: Evse, kw: float) -> float:
            return electrics_of(depot, station, evse.spec).told_kw(kw)

        def raised_to(station: Station, evse: Evse) -> float:
            return _raised_to_kw(depot, station, evse, now.monotonic_s)

        changes = diff(room, wishes, now.monotonic_s, told, raised_to)
        for change in [*changes, *_told_again(depot, now)]:
            _order(depot, change, now)
        depot.look_s = _look_s(depot, wishes, now)
    yield from stop_who_disobeys(depot, now)
    for station in depot.stations.values():
        if station.lane.waiting:
            yield from _send(depot, station, now)


def _wishes_and_room(depot: Depot, now: Now) -> tuple[list[Wish], Budget]:
    """The EVSEs that can be told something, the most urgent departure first, and the room that the
    bookings of all others leave."""
    room, wishes = budget_of(depot, now), []
    urgency = _urgency_of(depot)
    for station, evse in depot.evses():
        booked = booking(station, evse, now.monotonic_s, depot.site.slack_s)
        room.take(evse, Booking(_hidden_kw(depot, station, evse, booked), 0.0))
        if station.commandable(evse):
            kw = wanted_kw(depot, station, evse, now.utc)
            wish = Wish(station=station, evse=evse, kw=kw, booked=booked)
            wishes.append((urgency(evse), wish))
        else:
            room.take(evse, booked)

    def order(item: tuple[tuple[bool, datetime], Wish]) -> tuple[object, ...]:
        claim, wish = item
        return (claim, phases.unevenness(wish.evse), wish.key)

    return [wish for _, wish in sorted(wishes, key=order)], room


def _raise_fallbacks(depot: Depot, wishes: list[Wish], room: Budget) -> Iterator[Effect]:
    """A higher fallback than that of earlier settings is a raise: it is booked at once, and told
    when all bookings below its limits fit."""
    waiting = [item for item in depot.evses() if item[1].lower_fallback_kw is not None]
    if not waiting or depot.store_trouble is not None:
        return
    left = room.copy()
    for wish in wishes:
        left.take(wish.evse, wish.booked)
    over = left.overload_kw().keys()
    for station, evse in waiting:
        if station.ready and over.isdisjoint(room.above(evse.spec.circuit)):
            evse.lower_fallback_kw = None
            submit_fallback(depot, station, evse)
            yield save_evse(station, evse)


def _hidden_kw(depot: Depot, station: Station, evse: Evse, booked: Booking) -> float:
    """What an EVSE is booked for no more and was taken to draw in the site's newest sample without
    having shown it: as much base load as it hid shows in the next one."""
    assumed_kw = depot.meter.assumed_kw.get((station.id, evse.spec.connector), 0.0)
    return max(0.0, assumed_kw - booked.soon_kw)


def wanted_kw(depot: Depot, station: Station, evse: Evse, now: datetime) -> float:
    """What the site's state forces on all comes first, then an operator's word, then the plan's;
    with none, the fallback. Who is booked at the maximum whatever is told may as well use it."""
    if depot.unarmed or depot.meter.forces_zero:
        return 0.0
    if evse.override == "pause":
        return 0.0
    if depot.meter.forces_fallback:
        return evse.fallback_kw
    if evse.override == "charge_now" or is_unbound(station, evse):
        return evse.spec.max_kw
    if evse.target is None:
        return evse.fallback_kw
    return phases.hoped_kw(evse, evse.target.at(now))


def _raised_to_kw(depot: Depot, station: Station, evse: Evse, now_s: float) -> float:
    """The most that it may be raised to. What is lent while the store is behind, the next start
    would not know of; of a name that two stations claim nobody knows which of them follows; and
    with a blind meter the fallback alone is sure, as it is booked in any case."""
    claimed = station.claimed_until_s is not None and now_s < station.claimed_until_s
    if depot.store_trouble is not None or claimed:
        return 0.0
    return math.inf if depot.meter.allows_raises else evse.fallback_kw


def _urgency_of(depot: Depot) -> Callable[[Evse], tuple[bool, datetime]]:
    departures: dict[str, datetime] = {}
    if depot.applied is not None:
        departs = {route.id: route.depart for route in depot.applied.snapshot.routes}
        for given in depot.applied.plan.allocations:
            at = departs.get(given.route, LAST)
            departures[given.vehicle] = min(at, departures.get(given.vehicle, LAST))

    def urgency(evse: Evse) -> tuple[bool, datetime]:
        vehicle = depot.vehicle_at(evse)
        departure = departures.get(vehicle, LAST) if vehicle is not None else LAST
        return evse.override != "charge_now", departure

    return urgency


def _told_again(depot: Depot, now: Now) -> Iterator[Change]:
    for station, evse in depot.evses():
        kw = told_again_kw(station, evse, now.monotonic_s)
        if kw is not None:
            yield Change(station=station, evse=evse, kw=kw)


def _order(depot: Depot, change: Change, now: Now) -> None:
    station, evse = change.station, change.evse
    if evse.asked is not None or (evse.retry_s is not None and now.monotonic_s < evse.retry_s):
        return
    assert evse.transaction is not None
    lease_s = depot.site.lease_s if station.takes_leases else None
    profile = lend(
        change.kw,
        evse.told_fallback_kw,
        lease_s=lease_s,
        now=now.utc,
        electrics=electrics_of(depot, station, evse.spec),
        capabilities=station.capabilities,
        profile_id=TX_ID + evse.spec.connector,
        transaction_id=depot.transactions[evse.transaction].station_transaction_id,
    )
    evse.wish = Lease(
        kw=change.kw,
        given_s=now.monotonic_s,
        until_s=FOREVER if lease_s is None else now.monotonic_s + lease_s,
    )
    command = SetChargingProfile(evse_id=evse.spec.connector, profile=profile)
    held_kw = evse.held_kw(now.monotonic_s, keeps_leases=station.keeps_leases)
    is_cut = change.kw < max(held_kw, evse.follows_kw(now.monotonic_s))
    station.lane.submit(("tx", evse.spec.connector), command, urgent=is_cut)


def _send(depot: Depot, station: Station, now: Now) -> Iterator[Effect]:
    """What the lane lets go; an order is booked before it leaves."""
    if station.session is None:
        return
    command = station.lane.next(depot.generation + 1)
    if command is None:
        return
    depot.generation += 1
    subject = station.lane.outstanding[1] if station.lane.outstanding is not None else None
    evse, raises = station.evse_ordered(subject), False
    if evse is not None and evse.wish is not None:
        raises = is_raise(evse, evse.wish.kw, now.monotonic_s)
        evse.asked = (depot.generation, evse.wish)
        ordered(evse, now.monotonic_s)
        yield save_evse(station, evse)
    yield Send(
        station=station.id,
        session=station.session,
        generation=depot.generation,
        command=command,
        raises=raises,
    )


def _settle(depot: Depot, now: Now) -> None:
    for station, evse in depot.evses():
        if evse.settling:
            still = tuple(item for item in evse.settling if item[0] > now.monotonic_s)
            if len(still) != len(evse.settling):
                evse.settling = still
                depot.dirty = True
                ask_meter(station, evse)
        if evse.meter_due_s is not None and now.monotonic_s >= evse.meter_due_s:
            evse.meter_due_s = None
            ask_meter(station, evse)
        if evse.leaving is not None:
            _watch_leaving(depot, station, evse, evse.leaving, now)
        if evse.fallback_due_s is not None and now.monotonic_s >= evse.fallback_due_s:
            retry_fallback(depot, station, evse)
        if evse.retry_s is not None and now.monotonic_s >= evse.retry_s:
            evse.retry_s = None
            if evse.fixed in {REFUSES, SILENT}:
                evse.fixed = None
            depot.dirty = True


def _watch_leaving(depot: Depot, station: Station, evse: Evse, leaving: Leaving, now: Now) -> None:
    """Asks to be shown what was promised, again and again until it is."""
    site, now_s = depot.site, now.monotonic_s
    unheard_s = FRESH_SAMPLES * site.sample_s
    lease = remains(station, evse, leaving, now_s, slack_s=site.slack_s, unheard_s=unheard_s)
    if lease != leaving.lease:
        evse.leaving = None if lease is None else replace(leaving, lease=lease)
        depot.dirty = True
    elif now_s >= leaving.ask_s:
        leaving.asked(now_s)
        depot.dirty = True
        ask_meter(station, evse)
        if station.ready and station.capabilities.reads_back:
            read_back(depot, station, evse)


def _look_s(depot: Depot, wishes: list[Wish], now: Now) -> float | None:
    """When the round has to be made again though nothing happens: a lease falls due or runs out, a
    limit or what is wanted changes."""
    due: list[float | None] = [next_change_s(depot, now)]
    if depot.over_since_s:
        due.append(now.monotonic_s + URGENT_S)
    for wish in wishes:
        if wish.evse.asked is None and wish.evse.retry_s is None:
            due.append(renewal_s(wish.station, wish.evse))
    due += [station.claimed_until_s for station in depot.stations.values()]
    slack_s, now_s = depot.site.slack_s, now.monotonic_s
    for station, evse in depot.evses():
        if (leases := evse.booked_leases()) and station.keeps_leases:
            due += [lease.past_s(slack_s) for lease in leases]
    return min([at for at in due if at is not None and at > now_s], default=None)
