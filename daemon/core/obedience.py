"""Accepted is a promise; metered energy over time is the proof."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta

from daemon.core.alerts import alert
from daemon.core.depot import Depot
from daemon.core.device_clock import set_right
from daemon.core.effects import Effect
from daemon.core.instant import Now
from daemon.core.keeping import save_evse
from daemon.core.phases import drawn_kw, fuller, show
from daemon.core.proof import FOLLOWED_S, METER_KW
from daemon.core.standing import retry_pause_s
from daemon.core.station import DISOBEYS, LIARS, STUCK, Evse, Station

# Class 1 meters err by 1 %, stations regulate within 5 %; a register of whole Wh over a short
# sample adds more.
RELATIVE = 1.10
ABSOLUTE_KWH = 0.02
ABSOLUTE_KW = 0.3
SAMPLES_TO_FLAG = 3
SAMPLES_TO_CLEAR = 5
# One sample above what was told is doubt enough to book the maximum until the next ones.
DOUBT_S = 90.0
# Beyond so many times its rating it is the meter that errs, and not the charger.
PLAUSIBLE = 3.0
# So soon the meter is asked again: a station is found out within 15 s of its answer.
AGAIN_S = 1.0


def judge(
    depot: Depot,
    station: Station,
    evse: Evse,
    start: datetime,
    end: datetime,
    metered_kwh: float,
    now: Now,
) -> Iterator[Effect]:
    """Holds one metered interval against what the station said it would follow, be that its
    fallback or nothing at all.

    Intervals that touch a change of profile prove nothing: the vehicle was still following it.
    What is metered counts as if all phases that are booked were as full as the fullest one.
    """
    if not _has_settled(depot, station, evse, start, now):
        evse.unjudged = None
        return
    if evse.unjudged is not None:
        start, metered_kwh = evse.unjudged[0], evse.unjudged[1] + metered_kwh
    allowed_kw = _allowed_kw(depot, evse, now)
    hours = (end - start) / timedelta(hours=1)
    most_kwh = (allowed_kw * RELATIVE + ABSOLUTE_KW) * hours + ABSOLUTE_KWH
    if evse.spec.max_kw * hours < most_kwh and hours * 3600 < depot.site.sample_s / 2:
        evse.unjudged = (start, metered_kwh)  # too short for a register of whole Wh
        return
    evse.unjudged = None
    metered_kwh *= fuller(evse)
    above = metered_kwh > most_kwh
    yield from _count(depot, station, evse, metered_kwh / hours, allowed_kw, now, above=above)


def judge_power(
    depot: Depot, station: Station, evse: Evse, at: datetime, power_kw: float, now: Now
) -> Iterator[Effect]:
    """A power above what was told is evidence long before the register shows it. One below is none
    that a station obeys for good, and no evidence at all where 0 is all that it ever tells; else it
    shows that a cut was followed."""
    if not _has_settled(depot, station, evse, at, now):
        _watch_cut(depot, station, evse, at, power_kw, now)
        return
    allowed_kw, power_kw = _allowed_kw(depot, evse, now), power_kw * fuller(evse)
    if power_kw > allowed_kw * RELATIVE + ABSOLUTE_KW:
        yield from _count(depot, station, evse, power_kw, allowed_kw, now, above=True)
    elif evse.told_power and evse.leaving is not None:
        evse.leaving.metered_kw = _told_kw(evse, power_kw)


def _watch_cut(
    depot: Depot, station: Station, evse: Evse, at: datetime, power_kw: float, now: Now
) -> None:
    """One that drew more than it was cut to, and as its vehicle has had its time draws no more than
    that, has followed: nothing has to settle any longer."""
    if evse.followed_at is None or set_right(station, at, now) < evse.followed_at:
        return
    told_kw = max((lease.kw for lease in evse.leases()), default=evse.floor_kw)
    metered_kw = _told_kw(evse, power_kw * fuller(evse))
    if metered_kw > told_kw + METER_KW:
        return
    cut_s = now.monotonic_s - FOLLOWED_S + depot.site.settle_s
    evse.settling = tuple(item for item in evse.settling if item[0] > cut_s)
    evse.followed_at = None
    if evse.leaving is not None:
        evse.leaving.settled_s = evse.leaving.ask_s = now.monotonic_s
        evse.leaving.metered_kw = metered_kw
    depot.dirty = True


def _has_settled(depot: Depot, station: Station, evse: Evse, at: datetime, now: Now) -> bool:
    settled = timedelta(seconds=depot.site.settle_s)
    return evse.changed_at is None or set_right(station, at, now) >= evse.changed_at + settled


def _allowed_kw(depot: Depot, evse: Evse, now: Now) -> float:
    """The most of what it may be following; with nothing told, or when that is over by its clock or
    ours, what it falls back to."""
    told_kw = max((lease.kw for lease in evse.leases()), default=evse.floor_kw)
    over_s = now.monotonic_s + depot.site.skew_s
    if any(lease.is_over(over_s) for lease in evse.leases()):
        told_kw = max(told_kw, evse.floor_kw)
    return drawn_kw(evse, told_kw)


def _count(
    depot: Depot,
    station: Station,
    evse: Evse,
    metered_kw: float,
    allowed_kw: float,
    now: Now,
    *,
    above: bool,
) -> Iterator[Effect]:
    floor_kw = drawn_kw(evse, evse.floor_kw)
    stuck = metered_kw <= floor_kw * RELATIVE + ABSOLUTE_KW
    whole_kw, vehicle_kw = metered_kw / fuller(evse), depot.most_kw_at(evse)
    if evse.phases_used is None and show(evse, whole_kw, allowed_kw, vehicle_kw):
        depot.dirty = True
    if evse.leaving is not None:
        evse.leaving.metered_kw = math.inf if above else _told_kw(evse, metered_kw)
    if above:
        if evse.disobedient_samples == 0 and evse.fixed != DISOBEYS:
            evse.disobeyed_kw = 0.0
        is_known = stuck and evse.fixed == STUCK
        evse.disobedient_samples = 0 if is_known else evse.disobedient_samples + 1
        evse.obedient_samples = 0
        yield from _note_excess(station, evse, metered_kw)
        if not stuck:
            most_kw = max(evse.spec.max_kw, evse.disobeyed_kw)
            evse.settling = (*evse.settling, (now.monotonic_s + DOUBT_S, most_kw))
            evse.meter_due_s = now.monotonic_s + AGAIN_S
            depot.dirty = True
    else:
        evse.obedient_samples += 1
        evse.disobedient_samples = 0
    if evse.fixed == DISOBEYS:
        evse.meter_due_s = None
    # Who is a fixed load already and draws more than that is one of its maximum.
    is_news = evse.fixed is None or not (stuck or evse.fixed == DISOBEYS)
    if is_news and evse.disobedient_samples >= SAMPLES_TO_FLAG:
        yield from _flag(depot, station, evse, metered_kw, allowed_kw, now, stuck=stuck)
    elif evse.fixed in LIARS and evse.obedient_samples >= SAMPLES_TO_CLEAR:
        yield from _clear(depot, station, evse, now)


def _flag(
    depot: Depot,
    station: Station,
    evse: Evse,
    metered_kw: float,
    allowed_kw: float,
    now: Now,
    *,
    stuck: bool,
) -> Iterator[Effect]:
    evse.fixed = STUCK if stuck else DISOBEYS
    evse.told_again, evse.retry_s = 1, now.monotonic_s + retry_pause_s(0)
    evse.disobedient_samples = 0
    depot.trigger.ask("station disobeys", now.monotonic_s)
    yield save_evse(station, evse)
    by = " by its fullest phase" if fuller(evse) > RELATIVE else ""
    yield from alert(
        depot,
        now,
        "station_disobeys",
        f"station {station.id} connector {evse.spec.connector} {evse.fixed}: "
        f"{metered_kw:.1f} kW metered{by}, {allowed_kw:.1f} kW allowed; it is booked at its "
        f"{evse.floor_kw if stuck else evse.most_kw:g} kW and planned around",
        station=station.id,
        severity="critical",
    )


def _clear(depot: Depot, station: Station, evse: Evse, now: Now) -> Iterator[Effect]:
    evse.fixed = evse.retry_s = None
    evse.settling = ()
    depot.dirty = True
    depot.trigger.ask("station obeys again", now.monotonic_s)
    yield save_evse(station, evse)
    text = f"station {station.id} connector {evse.spec.connector} obeys again"
    yield from alert(depot, now, "station_obeys", text, station=station.id, severity="info")


def _note_excess(station: Station, evse: Evse, metered_kw: float) -> Iterator[Effect]:
    """Who was seen to draw more than its rating is booked at that: settings may be wrong, and of
    who no setting names nothing is known."""
    rated_kw = drawn_kw(evse, evse.spec.max_kw)
    if not rated_kw * RELATIVE + ABSOLUTE_KW < metered_kw <= rated_kw * PLAUSIBLE:
        return
    told_kw = _told_kw(evse, metered_kw)
    if told_kw > evse.disobeyed_kw:
        evse.disobeyed_kw = told_kw
        yield save_evse(station, evse)


def _told_kw(evse: Evse, metered_kw: float) -> float:
    """What it would have to be told to draw so much, on the phases that are booked for it."""
    return metered_kw / drawn_kw(evse, 1.0)
