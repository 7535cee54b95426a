"""What stations answer about what they hold while they hear nothing, and what they follow."""

from __future__ import annotations

from collections.abc import Iterator

from daemon.core.alerts import alert
from daemon.core.depot import Depot
from daemon.core.effects import Effect, Note
from daemon.core.events import CommandAnswered
from daemon.core.instant import Now
from daemon.core.keeping import save_evse, save_station
from daemon.core.keeps import Keeps
from daemon.core.profiles import Electrics
from daemon.core.standing import (
    electrics_of,
    read_back,
    retry_pause_s,
    submit_fallback,
    submit_maximum,
    try_next_rung,
)
from daemon.core.station import Evse, Station
from protocol.ocpp.commands import Answered, ClearChargingProfile, Refused, TimedOut
from protocol.ocpp.model import (
    MAX_PERIODS,
    MAX_STACK_LEVEL,
    RATE_UNITS,
    CompositeSchedule,
    ProfilePurpose,
    RateUnit,
    VariableName,
)

# An answer that is lost says nothing: it is asked for again this often.
TRIES = 3
# A fallback that something else outranks is cleared of that and told again this often.
READBACKS = 2
# What is read back is rounded by the station: 0.1 A on three phases are 0.07 kW.
READ_KW = 0.1
# So many questions in a row for what it follows that one who answers all else leaves unanswered are
# no accident of its link: where half of all answers come too late, 0.1 % of such rows are one.
UNREAD = 5
UNTOLD = "does not say what it falls back to"


def on_standing_answered(
    depot: Depot, station: Station, subject: object, event: CommandAnswered, now: Now
) -> Iterator[Effect]:
    """How anything but a transaction's profile was answered."""
    result = event.result
    accepted = isinstance(result, Answered) and result.accepted
    match subject:
        case "variables" if isinstance(result, Answered):
            yield from _learn(depot, station, result)
        case ("fallback", int(number)):
            yield from _fallback_answered(depot, station, station.evses[number], event, now)
        case ("read back", int(number)) if isinstance(result, Answered | Refused):
            schedule = result.schedule if isinstance(result, Answered) else None
            tells = schedule is not None and bool(schedule.periods)
            evse = station.evses[number]
            # An empty schedule of who has nobody to charge says nothing of the others.
            if tells or schedule is None or evse.transaction is not None:
                station.capabilities.reads_back = tells
            if schedule is not None and tells:
                _read_cut(depot, station, evse, schedule, now)
                yield from _read(depot, station, evse, schedule, now)
            elif evse.readbacks > 0:
                yield from _falls_nowhere(depot, station, evse, UNTOLD, now)
        case ("read back", int(number)) if station.evses[number].readbacks > 0:
            yield from _falls_nowhere(depot, station, station.evses[number], UNTOLD, now)
        case ("meter", _) if not accepted:
            station.capabilities.triggers = not isinstance(result, Answered | Refused)
        case _ if not accepted:
            yield Note(
                name="command_refused",
                level="warning",
                fields={"station": station.id, "what": str(subject), "result": str(result)},
            )


def note_read_back(station: Station, subject: object, event: CommandAnswered) -> None:
    """A station that leaves but this question unanswered cannot be read back: its cuts would never
    be proven. One that is slow, or cannot be heard, leaves others unanswered as well."""
    told, unheard = station.capabilities, isinstance(event.result, TimedOut)
    if isinstance(subject, tuple) and subject[0] == "read back":
        told.unread = told.unread + 1 if unheard else 0
        told.reads_back = told.reads_back and told.unread < UNREAD
    elif unheard:
        told.unread = 0


def _fallback_answered(
    depot: Depot, station: Station, evse: Evse, event: CommandAnswered, now: Now
) -> Iterator[Effect]:
    """Only an accepted fallback bounds what an EVSE draws without us; else it is its maximum."""
    accepted = isinstance(event.result, Answered) and event.result.accepted
    if not accepted and isinstance(event.result, Answered | Refused) and try_next_rung(station):
        submit_maximum(depot, station)
        for other in station.evses.values():
            submit_fallback(depot, station, other)
        yield save_station(station)
        return
    if accepted:
        evse.unheard = 0
        station.capabilities.proven = True
        if evse.readbacks == 0:  # else it was outranked before, and has to be read back
            yield from _falls_back(depot, station, evse, now)
        return
    if isinstance(event.result, TimedOut) and evse.unheard < TRIES:
        evse.unheard += 1
        submit_fallback(depot, station, evse)
        return
    text = f"took no fallback ({event.result})"
    yield from _falls_nowhere(depot, station, evse, text, now)


def _falls_back(depot: Depot, station: Station, evse: Evse, now: Now) -> Iterator[Effect]:
    yield from _set_floor(depot, station, evse, evse.fallback_kw, now)
    if evse.fallback_retries > 0:
        evse.fallback_retries = 0
        text = f"station {station.id} connector {evse.spec.connector} has taken its fallback"
        yield from alert(depot, now, "fallback_taken", text, station=station.id, severity="info")


def _falls_nowhere(
    depot: Depot, station: Station, evse: Evse, why: str, now: Now
) -> Iterator[Effect]:
    """Booked at its maximum until it takes its fallback, which it is told again after a pause. The
    operator is told once."""
    if evse.fallback_retries == 0:
        text = (
            f"station {station.id} connector {evse.spec.connector} {why}; it is booked at its "
            f"{evse.spec.max_kw:g} kW and told again"
        )
        yield from alert(depot, now, "no_fallback", text, station=station.id)
    evse.lower_fallback_kw = None
    evse.fallback_due_s = now.monotonic_s + retry_pause_s(evse.fallback_retries)
    evse.fallback_retries += 1
    yield from _set_floor(depot, station, evse, evse.spec.max_kw, now)


def _set_floor(
    depot: Depot, station: Station, evse: Evse, floor_kw: float, now: Now
) -> Iterator[Effect]:
    if floor_kw < evse.floor_kw and not evse.is_free:
        # Who charges with no more than a fallback follows the new one as any other cut.
        evse.settling = (*evse.settling, (now.monotonic_s + depot.site.settle_s, evse.floor_kw))
    if evse.floor_kw != floor_kw:
        evse.floor_kw = floor_kw
        depot.trigger.ask("fallback changed", now.monotonic_s)
    yield save_evse(station, evse)


def _read_cut(
    depot: Depot, station: Station, evse: Evse, schedule: CompositeSchedule, now: Now
) -> None:
    """Whether what it will follow from this instant on is no more than what it has accepted."""
    if evse.leaving is not None:
        electrics = _electrics_of_schedule(depot, station, evse, schedule)
        most_kw = max((lease.kw for lease in evse.leases()), default=0.0)
        follows_kw = electrics.read_kw(schedule.periods[0])
        left = follows_kw <= max(most_kw, evse.floor_kw) + READ_KW
        evse.leaving.read(now.monotonic_s, depot.site.settle_s, left=left)


def _electrics_of_schedule(
    depot: Depot, station: Station, evse: Evse, schedule: CompositeSchedule
) -> Electrics:
    told = electrics_of(depot, station, evse.spec)
    return Electrics(spec=evse.spec, unit=schedule.unit or told.unit, voltage_v=told.voltage_v)


def _read(
    depot: Depot, station: Station, evse: Evse, schedule: CompositeSchedule, now: Now
) -> Iterator[Effect]:
    """The last of what it says it will follow is what it falls back to. Where that is too much,
    something of old outranks the fallback: it is cleared once, and the fallback told again."""
    electrics = _electrics_of_schedule(depot, station, evse, schedule)
    falls_to_kw = electrics.read_kw(schedule.periods[-1])
    if falls_to_kw <= evse.fallback_kw + READ_KW:
        # A power told for good shows as well what it falls back to, though it took no fallback.
        if evse.readbacks > 0 and evse.unheard == 0 and evse.fallback_due_s is None:
            evse.readbacks = 0
            yield from _falls_back(depot, station, evse, now)
        return
    lent_kw = max((lease.kw for lease in evse.leases()), default=0.0)
    if falls_to_kw <= lent_kw + READ_KW and not _shows_an_end(station, electrics, schedule):
        return  # a lease without an end, which says nothing of what lies below it
    evse.readbacks += 1
    yield Note(
        name="fallback_outranked",
        level="warning",
        fields={"station": station.id, "connector": evse.spec.connector, "kw": falls_to_kw},
    )
    if evse.readbacks < READBACKS:
        clear = ClearChargingProfile(purpose=ProfilePurpose.TX_DEFAULT)
        station.lane.submit("clear", clear)
        for other in station.evses.values():
            # Cleared of all that it would fall to, until it takes its fallback again.
            yield from _set_floor(depot, station, other, other.spec.max_kw, now)
            # One that waits already would be told before the clear.
            station.lane.withdraw(("fallback", other.spec.connector))
            submit_fallback(depot, station, other)
        read_back(depot, station, evse)
        return
    text = f"says it falls back to {falls_to_kw:.1f} kW, though it was told {evse.fallback_kw:g} kW"
    yield from _falls_nowhere(depot, station, evse, text, now)


def _shows_an_end(station: Station, electrics: Electrics, schedule: CompositeSchedule) -> bool:
    """Whether it says that it leaves for less what it is lent, as one that keeps leases does."""
    first_kw, last_kw = (electrics.read_kw(schedule.periods[i]) for i in (0, -1))
    ends = station.takes_leases and station.keeps is not Keeps.FALLBACK
    return ends and last_kw < first_kw - READ_KW


def _learn(depot: Depot, station: Station, answer: Answered) -> Iterator[Effect]:
    values: dict[VariableName, str] = dict(answer.variables)
    capabilities = station.capabilities
    if (periods := values.get(MAX_PERIODS, "")).isdecimal():
        capabilities.max_periods = max(int(periods), 1)
    if (level := values.get(MAX_STACK_LEVEL, "")).isdecimal():
        capabilities.max_stack_level = int(level)
    units = {unit.strip() for unit in values.get(RATE_UNITS, "").split(",")} & {"W", "A"}
    if units and capabilities.unit.value not in units and not capabilities.proven:
        capabilities.unit = RateUnit(units.pop())
        submit_maximum(depot, station)
        for evse in station.evses.values():
            submit_fallback(depot, station, evse)
    yield save_station(station)
