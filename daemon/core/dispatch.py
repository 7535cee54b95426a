"""From what is wanted to what is sent: one round of orders, and what their answers mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from daemon.core import phases
from daemon.core.alerts import alert
from daemon.core.budget import Budget, booking, is_unbound
from daemon.core.depot import Depot
from daemon.core.diff import Change, Wish, diff, is_raise, renewal_s
from daemon.core.effects import Effect, Note, Send
from daemon.core.events import CommandAnswered, OrderWithheld
from daemon.core.instant import Now
from daemon.core.keeping import save_evse, save_station
from daemon.core.last_resort import stop_who_disobeys
from daemon.core.lease import FOREVER, Lease
from daemon.core.overload import URGENT_S, watch_overload
from daemon.core.profiles import lend
from daemon.core.proof import Leaving, leave, remains
from daemon.core.rooms import budget_of, next_change_s
from daemon.core.standing import (
    ask_meter,
    electrics_of,
    on_standing_answered,
    read_back,
    retry_fallback,
    retry_pause_s,
    try_next_rung,
)
from daemon.core.station import FRESH_SAMPLES, REFUSES, SILENT, TRIES, Evse, Station
from protocol.ocpp.commands import Answered, Refused, SetChargingProfile

TX_ID = 1000
# A station that refuses may be busy with a reset, say: it is asked again after a pause.
PAUSES_S = (2.0, 10.0)
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

        def told(station: Station, evse: Evse, kw: float) -> float:
            return electrics_of(depot, station, evse.spec).told_kw(kw)

        def raised_to(station: Station, evse: Evse) -> float:
            return _raised_to_kw(depot, station, evse, now.monotonic_s)

        changes = diff(room, wishes, now.monotonic_s, told, raised_to)
        for change in changes:
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
    return phases.told_kw(evse, evse.target.at(now))


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


def _order(depot: Depot, change: Change, now: Now) -> None:
    station, evse = change.station, change.evse
    if evse.asked is not None or (evse.retry_s is not None and now.monotonic_s < evse.retry_s):
        return
    assert evse.transaction is not None
    lease_s = depot.site.lease_s if station.takes_leases else None
    profile = lend(
        change.kw,
        evse.fallback_kw,
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
    evse, raises = _tx_evse(station, subject), False
    if evse is not None and evse.wish is not None:
        raises = is_raise(evse, evse.wish.kw, now.monotonic_s)
        evse.asked = (depot.generation, evse.wish)
        yield save_evse(station, evse)
    yield Send(
        station=station.id,
        session=station.session,
        generation=depot.generation,
        command=command,
        raises=raises,
    )


def on_withheld(depot: Depot, event: OrderWithheld, now: Now) -> Iterator[Effect]:
    """What never left binds nobody. It is ordered again as the store allows."""
    station = depot.stations[event.station]
    evse = _tx_evse(station, station.lane.answered(event.generation))
    if evse is None:
        return  # the link broke meanwhile
    evse.asked = None
    depot.dirty = True
    if depot.store_trouble is None:
        # It kept all but this: not told again and again in one instant.
        evse.retry_s = now.monotonic_s + PAUSES_S[0]
    yield Note(name="raise_withheld", level="warning", fields={"station": station.id})
    yield save_evse(station, evse)


def on_answered(depot: Depot, event: CommandAnswered, now: Now) -> Iterator[Effect]:
    """An answer to anything but the order under way is too late to mean anything: what it was
    about stays booked until a newer order is confirmed."""
    station = depot.stations[event.station]
    subject = station.lane.answered(event.generation)
    if subject is None or event.session != station.session:
        yield Note(name="answer_too_late", fields={"station": station.id})
        return
    depot.dirty = True
    evse = _tx_evse(station, subject)
    if evse is not None:
        yield from _profile_answered(depot, station, evse, event, now)
    else:
        yield from on_standing_answered(depot, station, subject, event, now)


def _profile_answered(
    depot: Depot, station: Station, evse: Evse, event: CommandAnswered, now: Now
) -> Iterator[Effect]:
    asked, evse.asked = evse.asked, None
    if asked is None or asked[0] != event.generation or evse.transaction is None:
        return  # the transaction ended meanwhile, and its profile with it
    if isinstance(event.result, Answered) and event.result.accepted:
        _confirm(depot, station, evse, asked[1], now)
        yield save_evse(station, evse)
        return
    yield Note(
        name="profile_not_accepted",
        level="warning",
        fields={
            "station": station.id,
            "connector": evse.spec.connector,
            "result": str(event.result),
        },
    )
    refused = isinstance(event.result, Answered | Refused)
    if not refused:
        evse.doubt(asked[1])
    if refused and try_next_rung(station):
        yield save_station(station)
    else:
        evse.failures += 1
        yield from _step_down(depot, station, evse, event, now, refused=refused)
    yield save_evse(station, evse)


def _confirm(depot: Depot, station: Station, evse: Evse, lease: Lease, now: Now) -> None:
    """What it leaves stays booked until it has settled, and has shown that it has left it."""
    before_kw = max((held.kw for held in evse.leases()), default=evse.floor_kw)
    if max(before_kw, evse.floor_kw) > max(lease.kw, evse.floor_kw):
        evse.settling = (*evse.settling, (now.monotonic_s + depot.site.settle_s, before_kw))
    if before_kw != lease.kw:
        evse.changed_at = now.utc
    leave(evse, lease, now.monotonic_s + depot.site.settle_s)
    evse.peak_kw = max(evse.peak_kw, before_kw, lease.kw)
    if evse.failures >= TRIES:
        depot.trigger.ask("station can be told again", now.monotonic_s)
    evse.confirmed, evse.unconfirmed, evse.failures = lease, None, 0
    # A later refusal is about a transaction that is over, say, and not about how it is written.
    station.capabilities.proven = True


def _step_down(
    depot: Depot, station: Station, evse: Evse, event: CommandAnswered, now: Now, *, refused: bool
) -> Iterator[Effect]:
    if evse.failures < TRIES:
        evse.retry_s = now.monotonic_s + PAUSES_S[evse.failures - 1]
        return
    evse.fixed = REFUSES if refused else SILENT
    again = evse.failures - TRIES
    evse.retry_s = now.monotonic_s + retry_pause_s(again)
    if again > 0:
        return  # told when it began
    depot.trigger.ask("station cannot be told", now.monotonic_s)
    booked = booking(station, evse, now.monotonic_s, depot.site.slack_s)
    text = (
        f"station {station.id} connector {evse.spec.connector} {evse.fixed} ({event.result}); "
        f"it is a fixed load of at most {phases.draw(evse, booked.soon_kw)[0]:.1f} kW"
    )
    yield from alert(depot, now, "station_not_controllable", text, station=station.id)


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
            retry_fallback(depot, station, evse, now)
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


def _tx_evse(station: Station, subject: object) -> Evse | None:
    if isinstance(subject, tuple) and subject[0] == "tx":
        return station.evses.get(subject[1])
    return None
