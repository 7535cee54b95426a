"""What a station holds while it hears nothing: its maximum and fallbacks, and what it is asked."""

from __future__ import annotations

from daemon.core.depot import Depot
from daemon.core.profiles import Electrics, standing
from daemon.core.site import EvseSpec
from daemon.core.station import Evse, Station
from protocol.ocpp.commands import (
    GetCompositeSchedule,
    GetVariables,
    SetChargingProfile,
    SetVariable,
    TriggerMessage,
)
from protocol.ocpp.model import (
    MAX_PERIODS,
    MAX_STACK_LEVEL,
    RATE_UNITS,
    SAMPLE_INTERVAL_S,
    ProfilePurpose,
    RateUnit,
)

STATION_MAX_ID = 1
FALLBACK_ID = 100
# How a profile may be written: amperes or watts, with a start or without.
RUNGS = 4
# Who refuses may be busy with a reset, say, and is booked at more meanwhile, which all others pay
# for: it is soon asked again, and then ever less, as each try keeps its lane for a call's deadline.
FIRST_RETRY_S, LAST_RETRY_S = 60.0, 600.0


def submit_standing(depot: Depot, station: Station) -> None:
    """The maximum and the fallbacks come before anything else; then it is asked what it holds,
    what it takes, and how it is."""
    if any(evse.spec.max_kw > 0 for evse in station.evses.values()):
        submit_maximum(depot, station)
    for evse in station.evses.values():
        submit_fallback(depot, station, evse)
    names = (RATE_UNITS, MAX_PERIODS, MAX_STACK_LEVEL)
    station.lane.submit("variables", GetVariables(names=names))
    interval = SetVariable(name=SAMPLE_INTERVAL_S, value=str(depot.site.sample_s))
    station.lane.submit("sample interval", interval)
    for number, evse in station.evses.items():
        ask = TriggerMessage(message="StatusNotification", evse_id=number)
        station.lane.submit(("status", number), ask)
        evse.readbacks = evse.unheard = 0
        evse.fallback_due_s = None
        read_back(depot, station, evse)


def submit_new(depot: Depot, station: Station, known: set[int]) -> None:
    """What a station speaks of for the first time must not charge before it has a fallback."""
    new = [evse for number, evse in station.evses.items() if number not in known]
    if new and station.ready:
        submit_maximum(depot, station)
    for evse in new if station.ready else ():
        submit_fallback(depot, station, evse)
        read_back(depot, station, evse)


def submit_fallback(depot: Depot, station: Station, evse: Evse) -> None:
    profile = standing(
        ProfilePurpose.TX_DEFAULT,
        evse.told_fallback_kw,
        electrics=electrics_of(depot, station, evse.spec),
        profile_id=FALLBACK_ID + evse.spec.connector,
        relative=station.capabilities.relative,
    )
    command = SetChargingProfile(evse_id=evse.spec.connector, profile=profile)
    station.lane.submit(("fallback", evse.spec.connector), command)


def retry_fallback(depot: Depot, station: Station, evse: Evse) -> None:
    """Tells a fallback again that was not taken; one that was outranked is read back as well."""
    evse.fallback_due_s = None
    if not station.ready:
        return  # it is told at its next beginning
    submit_fallback(depot, station, evse)
    if evse.readbacks > 0:
        read_back(depot, station, evse)


def retry_pause_s(again: int) -> float:
    """How long to leave a station alone before it is asked again for the nth time, from 0 on."""
    return min(FIRST_RETRY_S * 2.0 ** min(again, 10), LAST_RETRY_S)


def submit_maximum(depot: Depot, station: Station) -> None:
    """The station as a whole: the sum of its connectors, on the phases of the widest one."""
    specs = [evse.spec for evse in station.evses.values()]
    total = EvseSpec(
        connector=1,
        min_kw=0.0,
        max_kw=sum(spec.max_kw for spec in specs),
        phases=max(spec.phases for spec in specs),
    )
    profile = standing(
        ProfilePurpose.STATION_MAX,
        total.max_kw,
        electrics=electrics_of(depot, station, total),
        profile_id=STATION_MAX_ID,
    )
    station.lane.submit("maximum", SetChargingProfile(evse_id=0, profile=profile))


def read_back(depot: Depot, station: Station, evse: Evse) -> None:
    """Asks what an EVSE will follow until well after any lease is over."""
    command = GetCompositeSchedule(
        evse_id=evse.spec.connector,
        duration_s=round(2 * depot.site.lease_s) + 60,
        unit=station.capabilities.unit,
    )
    station.lane.submit(("read back", evse.spec.connector), command)


def ask_meter(station: Station, evse: Evse) -> None:
    """A cut has had its time: the meter is to show it, and not only at its next turn."""
    if station.ready and evse.transaction is not None and station.capabilities.triggers:
        ask = TriggerMessage(message="MeterValues", evse_id=evse.spec.connector)
        station.lane.submit(("meter", evse.spec.connector), ask)


def electrics_of(depot: Depot, station: Station, spec: EvseSpec) -> Electrics:
    unit = station.capabilities.unit
    return Electrics(spec=spec, unit=unit, voltage_v=depot.site.voltage_v)


def try_next_rung(station: Station) -> bool:
    """One station in the field takes watts only, another refuses what starts at an instant: each
    way of writing a profile is tried once, until one was accepted."""
    told = station.capabilities
    if told.proven or told.tried + 1 >= RUNGS:
        return False
    told.tried += 1
    told.unit = RateUnit.AMPERES if told.unit is RateUnit.WATTS else RateUnit.WATTS
    told.relative = told.tried >= 2
    return True
