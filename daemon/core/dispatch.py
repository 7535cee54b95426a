"""From what is wanted to what is sent: one round of orders, and what their answers mean."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from daemon.core.alerts import alert
from daemon.core.budget import left, less, overload_kw
from daemon.core.depot import Depot
from daemon.core.diff import Change, Wish, diff
from daemon.core.effects import Effect, Note, Send
from daemon.core.events import CommandAnswered
from daemon.core.instant import Now
from daemon.core.keeping import save_evse, save_station
from daemon.core.links import REFUSES, SILENT, electrics_of, submit_fallback, submit_maximum
from daemon.core.profiles import Shaped, shape
from daemon.core.station import Evse, Station
from planner.series import Point, Series
from protocol.ocpp.commands import Answered, GetVariables, Refused, SetChargingProfile
from protocol.ocpp.model import MAX_PERIODS, MAX_STACK_LEVEL, RATE_UNITS, RateUnit, VariableName

TX_ID = 1000
TRIES = 3
RETRY_S = 600.0
# A station that refuses may be busy with a reset, say: it is asked again after a pause.
PAUSES_S = (2.0, 10.0)
OVERRIDE_BLOCK = timedelta(hours=6)
# Who has no departure in sight comes after all who have.
LAST = datetime.max.replace(tzinfo=UTC)


def dispatch(depot: Depot, now: Now) -> Iterator[Effect]:
    """Everything that may be ordered now. Without the solver and without the store: what the plan
    wants is cut here to what the limits allow."""
    _settle(depot, now)
    if depot.dirty:
        depot.dirty = False
        for station, evse in depot.evses():
            station.lane.withdraw(("tx", evse.spec.connector))
        yield from _watch_overload(depot, now)
        changes = diff(
            depot.budget(),
            depot.stations.values(),
            _wishes(depot, now),
            now.utc,
            lambda station, evse, power: _shape(depot, station, evse, power, now).allows,
        )
        for change in changes:
            _order(depot, change, now)
    for station in depot.stations.values():
        yield from _send(depot, station)


def _wishes(depot: Depot, now: Now) -> list[Wish]:
    """The EVSEs that can be told something, the most urgent departure first."""
    wishes = []
    for station, evse in depot.evses():
        if station.commandable(evse):
            wishes.append(
                (
                    _urgency(depot, evse),
                    Wish(station=station, evse=evse, power=wanted(evse, now.utc)),
                )
            )
    return [wish for _, wish in sorted(wishes, key=lambda item: (item[0], item[1].key))]


def wanted(evse: Evse, now: datetime) -> Series:
    """An operator's word first, then the plan's; with neither, the fallback."""
    if evse.override == "pause":
        return _for_a_while(0.0, evse, now)
    if evse.override == "charge_now":
        return _for_a_while(evse.spec.max_kw, evse, now)
    return evse.target if evse.target is not None else Series.constant(evse.fallback_kw)


def _for_a_while(kw: float, evse: Evse, now: datetime) -> Series:
    """An override too ends in the fallback, should nobody be there to take it back. The end moves
    on in whole blocks, so that it costs a profile but once in a block."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    end = midnight + OVERRIDE_BLOCK * ((now - midnight) // OVERRIDE_BLOCK + 2)
    return Series(points=(Point(at=midnight, value=kw), Point(at=end, value=evse.fallback_kw)))


def _urgency(depot: Depot, evse: Evse) -> tuple[bool, datetime]:
    vehicle = depot.vehicle_at(evse)
    departures = [LAST]
    if depot.applied is not None and vehicle is not None:
        routes = {a.route for a in depot.applied.plan.allocations if a.vehicle == vehicle}
        departures += [r.depart for r in depot.applied.snapshot.routes if r.id in routes]
    return evse.override != "charge_now", min(departures)


def _shape(depot: Depot, station: Station, evse: Evse, power: Series, now: Now) -> Shaped:
    assert evse.transaction is not None
    return shape(
        power,
        now=now.utc,
        electrics=electrics_of(depot, station, evse.spec),
        capabilities=station.capabilities,
        profile_id=TX_ID + evse.spec.connector,
        transaction_id=depot.transactions[evse.transaction].station_transaction_id,
    )


def _order(depot: Depot, change: Change, now: Now) -> None:
    station, evse = change.station, change.evse
    if evse.asked is not None or (evse.retry_s is not None and now.monotonic_s < evse.retry_s):
        return
    shaped = _shape(depot, station, evse, change.power, now)
    evse.wish = shaped.allows
    command = SetChargingProfile(evse_id=evse.spec.connector, profile=shaped.profile)
    station.lane.submit(("tx", evse.spec.connector), command)


def _send(depot: Depot, station: Station) -> Iterator[Effect]:
    """What the lane lets go; an order is booked before it leaves."""
    if station.session is None:
        return
    command = station.lane.next(depot.generation + 1)
    if command is None:
        return
    depot.generation += 1
    subject = station.lane.outstanding[1] if station.lane.outstanding is not None else None
    evse = _tx_evse(station, subject)
    if evse is not None and evse.wish is not None:
        evse.asked = (depot.generation, evse.wish)
        evse.unconfirmed = (*evse.unconfirmed, evse.wish)
        yield save_evse(station, evse)
    yield Send(
        station=station.id,
        session=station.session,
        generation=depot.generation,
        command=command,
    )


def on_answered(depot: Depot, event: CommandAnswered, now: Now) -> Iterator[Effect]:
    """An answer to anything but the order under way is too late to mean anything: what it was
    about stays booked until a newer order is confirmed."""
    station = depot.stations[event.station]
    subject = station.lane.answered(event.generation)
    if subject is None or event.session != station.session:
        yield Note(name="answer_too_late", fields={"station": station.id})
        return
    depot.dirty = True
    accepted = isinstance(event.result, Answered) and event.result.accepted
    if isinstance(event.result, Answered) and isinstance(event.command, GetVariables):
        yield from _learn(depot, station, event.result, now)
        return
    evse = _tx_evse(station, subject)
    if evse is not None:
        yield from _profile_answered(depot, station, evse, event, now, accepted=accepted)
    elif isinstance(subject, tuple) and subject[0] == "fallback":
        yield from _fallback_answered(depot, station, station.evses[subject[1]], event, now)
    elif not accepted:
        yield Note(
            name="command_refused",
            level="warning",
            fields={"station": station.id, "what": str(subject), "result": str(event.result)},
        )


def _profile_answered(
    depot: Depot, station: Station, evse: Evse, event: CommandAnswered, now: Now, *, accepted: bool
) -> Iterator[Effect]:
    asked, evse.asked = evse.asked, None
    if asked is None or asked[0] != event.generation or evse.transaction is None:
        return  # the transaction ended meanwhile, and its profile with it
    if accepted:
        before = evse.held()
        evse.settling = (*evse.settling, (now.monotonic_s + depot.site.settle_s, before))
        evse.confirmed, evse.unconfirmed = asked[1], ()
        evse.changed_at, evse.failures = now.utc, 0
        # A later refusal is about a transaction that is over, say, and not about the unit.
        station.capabilities.unit_tried = True
    else:
        refused = isinstance(event.result, Answered | Refused)
        yield Note(
            name="profile_not_accepted",
            level="warning",
            fields={
                "station": station.id,
                "connector": evse.spec.connector,
                "result": str(event.result),
            },
        )
        if refused:
            evse.unconfirmed = tuple(one for one in evse.unconfirmed if one is not asked[1])
        if refused and _try_other_unit(station):
            yield save_station(station)
        else:
            evse.failures += 1
            yield from _step_down(depot, station, evse, event, now, refused=refused)
    yield save_evse(station, evse)


def _step_down(
    depot: Depot, station: Station, evse: Evse, event: CommandAnswered, now: Now, *, refused: bool
) -> Iterator[Effect]:
    if evse.failures < TRIES:
        evse.retry_s = now.monotonic_s + PAUSES_S[evse.failures - 1]
        return
    evse.fixed = REFUSES if refused else SILENT
    evse.retry_s = now.monotonic_s + RETRY_S
    depot.trigger.ask("station cannot be told", now.monotonic_s)
    text = (
        f"station {station.id} connector {evse.spec.connector} {evse.fixed} ({event.result}); "
        f"it is a fixed load of at most {max(p.value for p in evse.booking().points):.1f} kW"
    )
    yield from alert(depot, now, "station_not_controllable", text, station=station.id)


def _try_other_unit(station: Station) -> bool:
    """One station in the field takes watts only and refuses amperes: each is tried once."""
    capabilities = station.capabilities
    if capabilities.unit_tried:
        return False
    capabilities.unit_tried = True
    other = RateUnit.AMPERES if capabilities.unit is RateUnit.WATTS else RateUnit.WATTS
    capabilities.unit = other
    return True


def _fallback_answered(
    depot: Depot, station: Station, evse: Evse, event: CommandAnswered, now: Now
) -> Iterator[Effect]:
    """Only an accepted fallback bounds what an EVSE draws without us; else it is its maximum."""
    accepted = isinstance(event.result, Answered) and event.result.accepted
    if not accepted and isinstance(event.result, Answered | Refused) and _try_other_unit(station):
        submit_maximum(depot, station, now)
        for other in station.evses.values():
            submit_fallback(depot, station, other, now)
        yield save_station(station)
        return
    if accepted:
        station.capabilities.unit_tried = True
    before = evse.floor_kw
    evse.floor_kw = evse.fallback_kw if accepted else evse.spec.max_kw
    if evse.transaction is None:
        evse.confirmed = Series.constant(evse.floor_kw)
    if evse.floor_kw != before:
        depot.trigger.ask("fallback changed", now.monotonic_s)
    if not accepted:
        text = (
            f"station {station.id} connector {evse.spec.connector} took no fallback "
            f"({event.result}); it is booked at its {evse.spec.max_kw:g} kW"
        )
        yield from alert(depot, now, "no_fallback", text, station=station.id)
    yield save_evse(station, evse)


def _learn(depot: Depot, station: Station, answer: Answered, now: Now) -> Iterator[Effect]:
    values: dict[VariableName, str] = dict(answer.variables)
    capabilities = station.capabilities
    if (periods := values.get(MAX_PERIODS, "")).isdigit():
        capabilities.max_periods = max(int(periods), 1)
    if (level := values.get(MAX_STACK_LEVEL, "")).isdigit():
        capabilities.max_stack_level = int(level)
    units = {unit.strip() for unit in values.get(RATE_UNITS, "").split(",")} & {"W", "A"}
    if units and capabilities.unit.value not in units and not capabilities.unit_tried:
        capabilities.unit = RateUnit(units.pop())
        submit_maximum(depot, station, now)
        for evse in station.evses.values():
            submit_fallback(depot, station, evse, now)
    yield save_station(station)


def _settle(depot: Depot, now: Now) -> None:
    for _, evse in depot.evses():
        still = tuple(item for item in evse.settling if item[0] > now.monotonic_s)
        if len(still) != len(evse.settling):
            evse.settling = still
            depot.dirty = True
        if evse.retry_s is not None and now.monotonic_s >= evse.retry_s:
            evse.retry_s = None
            if evse.fixed in {REFUSES, SILENT}:
                evse.fixed, evse.failures = None, TRIES - 1
            depot.dirty = True


def _watch_overload(depot: Depot, now: Now) -> Iterator[Effect]:
    """Tells once when what cannot be lowered exceeds a limit, and once when it fits: the bookings
    of those that cannot be told, and the floors of those that can."""
    wishes = _wishes(depot, now)
    room = left(depot.budget(), depot.stations.values(), without=[wish.key for wish in wishes])
    for wish in wishes:
        room = less(room, wish.evse, Series.constant(wish.evse.floor_kw))
    fixed = overload_kw(room, now.utc)
    if fixed and not depot.overloaded:
        where = ", ".join(f"{name} by {kw:.1f} kW" for name, kw in sorted(fixed.items()))
        text = f"what cannot be lowered may exceed its limit: {where}"
        yield from alert(depot, now, "limit_cannot_hold", text, severity="critical")
    elif not fixed and depot.overloaded:
        yield from alert(depot, now, "limit_holds", "all bookings fit again", severity="info")
    depot.overloaded = bool(fixed)


def _tx_evse(station: Station, subject: object) -> Evse | None:
    if isinstance(subject, tuple) and subject[0] == "tx":
        return station.evses.get(subject[1])
    return None
