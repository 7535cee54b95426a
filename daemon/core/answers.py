"""What the answers to a transaction's profile mean."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from daemon.core import phases
from daemon.core.alerts import alert
from daemon.core.budget import booking
from daemon.core.depot import Depot
from daemon.core.effects import Effect, Note
from daemon.core.events import CommandAnswered, OrderWithheld
from daemon.core.instant import Now
from daemon.core.keeping import save_evse, save_station
from daemon.core.lease import Lease
from daemon.core.proof import FOLLOWED_S, leave
from daemon.core.standing import retry_pause_s, try_next_rung
from daemon.core.standing_answers import note_read_back, on_standing_answered
from daemon.core.station import LIARS, REFUSES, SILENT, TRIES, Evse, Station
from protocol.ocpp.commands import Answered, Refused

# A station that refuses may be busy with a reset, say: it is asked again after a pause.
PAUSES_S = (2.0, 10.0)


def on_withheld(depot: Depot, event: OrderWithheld, now: Now) -> Iterator[Effect]:
    """What never left binds nobody. It is ordered again as the store allows."""
    station = depot.stations[event.station]
    evse = station.evse_ordered(station.lane.answered(event.generation))
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
    note_read_back(station, subject, event)
    evse = station.evse_ordered(subject)
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
    if evse.fixed in LIARS:
        evse.retry_s = now.monotonic_s + retry_pause_s(evse.told_again)
        evse.told_again += 1
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
    elif evse.fixed not in LIARS:  # who is one has its own pauses, and stays booked as such
        evse.failures += 1
        yield from _step_down(depot, station, evse, event, now, refused=refused)
    yield save_evse(station, evse)


def _confirm(depot: Depot, station: Station, evse: Evse, lease: Lease, now: Now) -> None:
    """What it leaves stays booked until it has settled, and has shown that it has left it."""
    before_kw = max((held.kw for held in evse.leases()), default=evse.floor_kw)
    if before_kw != lease.kw:
        evse.followed_at = None
    if max(before_kw, evse.floor_kw) > max(lease.kw, evse.floor_kw):
        evse.settling = (*evse.settling, (now.monotonic_s + depot.site.settle_s, before_kw))
        if evse.told_power and phases.told_kw(evse, evse.power_kw) > lease.kw:
            evse.followed_at = now.utc + timedelta(seconds=FOLLOWED_S)
            evse.meter_due_s = now.monotonic_s + FOLLOWED_S
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
