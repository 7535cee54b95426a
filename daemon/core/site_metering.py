"""What follows from a sample of the site's own meter, and from none."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from daemon.core.alerts import alert
from daemon.core.blindness import watch, watch_leaps, watch_standstill
from daemon.core.budget import promised
from daemon.core.depot import Depot
from daemon.core.effects import Effect, Note
from daemon.core.events import SiteMetered
from daemon.core.instant import Now
from daemon.core.phases import Draw, flow, is_guessed, told_kw
from daemon.core.site_meter import Counted, Held, SiteMeter, highest_of
from daemon.core.standing import ask_meter
from daemon.core.station import FRESH_SAMPLES, Evse, Station

# The base load counts with its highest measurement of this time: what was cut is not given back
# to the next lull.
HOLD_S = 30.0
# For how long samples are kept that chargers may yet speak of, at most.
KEPT_S = 1200.0
# A cut has reached vehicles after some seconds; an overload that lasts is met with more than cuts.
FALLBACK_AFTER_S = 15.0
ZERO_AFTER_S = 30.0
CALM_S = 60.0
# What a base load may change by before bookings are looked at again.
NEWS_KW = 0.05
# A meter of class 1, and noise that is no overload.
TOLERANCE = 0.01
# A reading outside this many times the limit is none.
PLAUSIBLE = 4.0
ASK_AGAIN_S = 10.0
# A charger that draws so much more or less by its own will is asked what it draws, and believed.
LEAP_KW = 1.0
NOTHING: Draw = (0.0, 0.0, 0.0, 0.0)
# What nobody declared, before somebody is told.
RESIDUAL_SHARE, RESIDUAL_KW, RESIDUAL_S = 0.05, 2.0, 60.0


def on_metered(depot: Depot, event: SiteMetered, now: Now) -> Iterator[Effect]:
    """One sample: corrects what is left for chargers in this very round."""
    meter = depot.meter
    if not depot.site.metered:
        yield Note(name="site_meter_unwanted", level="warning")
        return
    if not _is_plausible(depot, event, now):
        yield Note(name="site_meter_refused", level="warning", fields={"kw": event.import_kw})
        return
    watch_standstill(depot, event, now)
    watch_leaps(depot, event, now)
    meter.heard_s, meter.at = now.monotonic_s, event.at
    meter.import_kw, meter.phases_a = event.import_kw, event.phases_a
    yield from watch(depot, now)
    if meter.stands_still or (meter.given_up and meter.is_blind):
        return
    meter.given_up = False
    held = _held(depot, event, now)
    if held.base_kw[0] > meter.base_kw[0] + LEAP_KW:
        _ask_who_takes_less(depot, now)
    _believe(depot, held, now)
    # Not against the last sample: a load that grows by little from one to the next grows all day.
    measured = (*meter.base_kw, *meter.most_base_kw)
    if any(abs(x - y) > NEWS_KW for x, y in zip(meter.acted_kw, measured, strict=True)):
        meter.acted_kw = measured
        depot.dirty = True
    yield from _watch_excess(depot, event, now)
    yield from _watch_residual(depot, now)


def _believe(depot: Depot, held: Held, now: Now) -> None:
    """What follows from one more sample for the base load."""
    meter, base_kw = depot.meter, held.base_kw
    meter.hold(held)
    kept_s = max(HOLD_S, min(FRESH_SAMPLES * depot.site.sample_s, KEPT_S))
    while meter.bases[0].at_s <= now.monotonic_s - kept_s:
        meter.bases.popleft()
    recent = [one for one in meter.bases if one.at_s > now.monotonic_s - HOLD_S]
    meter.most_base_kw = highest_of(one.most_kw for one in recent)
    highest = highest_of(one.base_kw for one in recent)
    meter.base_kw = meter.believed_kw(highest, base_kw)
    if meter.base_kw[0] > highest[0] + LEAP_KW and now.monotonic_s >= meter.asked_s + ASK_AGAIN_S:
        meter.asked_s = now.monotonic_s
        _ask_all(depot)
    meter.bases[-1].believed_kw = meter.base_kw


def _ask_who_takes_less(depot: Depot, now: Now) -> None:
    """What looks like base load may be a vehicle that takes more than its charger told last. While
    the site draws too much all are asked: one that takes less than it told is no relief."""
    site = depot.site
    limit_kw = depot.limit_kw()[0].at(now.utc)
    is_over = depot.meter.exceeds(limit_kw, site.phases, site.voltage_v)
    for station, evse in depot.evses():
        kw = promised(station, evse, now.monotonic_s, site.slack_s).soon_kw
        if (is_over and evse.told_power) or told_kw(evse, evse.power_kw) < kw - LEAP_KW:
            ask_meter(station, evse)


def _ask_all(depot: Depot) -> None:
    """What was seen is seen no more: what chargers draw tells whether it is gone."""
    for station, evse in depot.evses():
        if evse.told_power:  # what a register shows of some seconds is mostly its rounding
            ask_meter(station, evse)


def explain(depot: Depot, station: Station, evse: Evse, before_kw: float, before_s: float) -> None:
    """A charger has spoken, as it did at `before_s`. Where its vehicle takes more by its own will,
    so much of what was held as base load in between was held against an old word."""
    key, takes_kw = (station.id, evse.spec.connector), told_kw(evse, evse.power_kw)
    if evse.power_kw <= before_kw + LEAP_KW:
        return
    charged = {
        held.at_s: flow(evse, min(held.counted[key].promised_kw, takes_kw) - held.counted[key].kw)
        for held in depot.meter.bases
        if held.at_s > before_s and key in held.counted
    }
    depot.meter.forget(charged)


def _is_plausible(depot: Depot, event: SiteMetered, now: Now) -> bool:
    """A sample that is old, repeated, or more than the site could carry is none."""
    most_kw = PLAUSIBLE * max(depot.site.import_limit_kw, 10.0)
    most_a = most_kw * 1000 / depot.site.voltage_v
    if not abs(event.import_kw) <= most_kw:
        return False
    if not all(abs(amperes) <= most_a for amperes in event.phases_a or ()):
        return False
    if event.at is None:
        return True
    too_old = now.utc - event.at > timedelta(seconds=depot.site.meter_stale_s)
    return not too_old and _is_newer(
        depot.meter, event.at, depot.site.meter_stale_s, now.monotonic_s
    )


def _is_newer(meter: SiteMeter, at: datetime, stale_s: float, now_s: float) -> bool:
    """Whether a sample is of after the last. A clock that ran ahead, the meter's or ours, is one
    that was set right: the samples that seem older count once they went on, each newer than the
    one before, for as long as the meter may be silent. What was queued comes at once."""
    if meter.at is None or at > meter.at:
        meter.behind = None
        return True
    since_s, newest = meter.behind or (now_s, at)
    if meter.behind is not None and at <= newest:
        return False
    meter.behind = (since_s, at)
    if now_s < since_s + stale_s:
        return False
    meter.behind = None
    return True


def _held(depot: Depot, event: SiteMetered, now: Now) -> Held:
    """What the site draws besides charging: the meter less all chargers; and the most that it may
    be: less only what they have shown to draw. What a charger is booked for and does not draw
    hides as much base load, which is noted: it shows in the next sample after that is freed."""
    site, draws, counted = depot.site, {}, {}
    limit_kw = depot.limit_kw()[0].at(now.utc) + NEWS_KW
    if not depot.meter.exceeds(limit_kw, site.phases, site.voltage_v):
        depot.meter.exceeded_s = math.inf
    elif depot.meter.exceeded_s == math.inf:
        depot.meter.exceeded_s = now.monotonic_s
    times = _Times(
        fresh_from=now.utc - timedelta(seconds=FRESH_SAMPLES * site.sample_s),
        held_from=now.utc - timedelta(seconds=HOLD_S),
        settle=timedelta(seconds=site.settle_s),
        over_s=depot.meter.exceeded_s,
    )
    for station, evse in depot.evses():
        # Nobody charges where a station that we hear has no transaction.
        if evse.transaction is not None or not station.online:
            kw = promised(station, evse, now.monotonic_s, site.slack_s).soon_kw
            key = (station.id, evse.spec.connector)
            draws[key] = _drawn(station, evse, kw, times)
            if draws[key].told_kw < kw - LEAP_KW:
                counted[key] = Counted(kw=draws[key].told_kw, promised_kw=kw)
    assumed_kw = {key: draw.assumed_kw for key, draw in draws.items() if draw.assumed_kw}
    if assumed_kw != depot.meter.assumed_kw:
        depot.meter.assumed_kw, depot.dirty = assumed_kw, True
    return Held(
        at_s=now.monotonic_s,
        base_kw=_less(depot, event, [draw.kw for draw in draws.values()]),
        most_kw=_less(depot, event, [draw.shown_kw for draw in draws.values()]),
        rest_kw=_less(depot, event, []),
        counted=counted,
    )


def _less(depot: Depot, event: SiteMetered, charging: list[Draw]) -> Draw:
    """A meter that tells the sum alone says nothing of phases: what is left of it is spread evenly,
    as what is declared is."""
    a, b, c, d = (sum(part) for part in zip((0.0,) * 4, *charging, strict=True))
    base_kw = event.import_kw - a
    if event.phases_a is None:
        return (base_kw, base_kw / 3, base_kw / 3, base_kw / 3)
    kw = [amperes * depot.site.voltage_v / 1000 for amperes in event.phases_a]
    return (base_kw, kw[0] - b, kw[1] - c, kw[2] - d)


class _Drawn(NamedTuple):
    """What an EVSE is taken to draw, that as it is told, and what of it it has shown to; the rest,
    or the phases that it is drawn on, hang on its promise of `assumed_kw`, as it was told."""

    kw: Draw
    told_kw: float
    shown_kw: Draw = NOTHING
    assumed_kw: float = 0.0


class _Times(NamedTuple):
    """What tells old from new, the same for every EVSE that one sample is compared with. `over_s`:
    since when the site draws too much, infinite where it does not."""

    fresh_from: datetime
    held_from: datetime
    settle: timedelta
    over_s: float


def _drawn(station: Station, evse: Evse, kw: float, times: _Times) -> _Drawn:
    """Of one that has promised to stay below `kw`: by its own meter where that has spoken since its
    last order had settled, or has told a power since the site draws too much, else all of it. Its
    meter's word may be a mean that is older than a cut:
    what is above its promise is no charging that anybody makes room for, and counts as base load,
    so that base load and bookings together never come to less than the site's meter shows."""
    most, changed_at = flow(evse, kw), evse.changed_at
    if not station.online:
        return _Drawn(most, kw, NOTHING, kw)
    shows = evse.reading is not None and evse.reading.at >= times.fresh_from
    if evse.reading is not None and changed_at is not None:
        # What one was raised to and does not draw is no relief when it is cut for an overload.
        counts_at_once = evse.told_power and evse.sampled_s >= times.over_s
        shows &= counts_at_once or evse.reading.at >= changed_at + times.settle
    shown_kw = min(kw, told_kw(evse, evse.power_kw))
    drawn = flow(evse, shown_kw) if shows else most
    if changed_at is None:
        return _Drawn(most, kw, drawn if shows else NOTHING, kw)
    if shows:
        return _Drawn(drawn, shown_kw, drawn, kw if is_guessed(evse) else 0.0)
    # An order that is younger than what is held of the time before it has hidden nothing yet.
    return _Drawn(most, kw, most if changed_at > times.held_from else NOTHING, kw)


def _watch_excess(depot: Depot, event: SiteMetered, now: Now) -> Iterator[Effect]:
    """An overload that outlasts the first cuts: all fall back, and then to nothing."""
    meter = depot.meter
    limit_kw = depot.limit_kw()[0].at(now.utc)
    over = meter.exceeds(limit_kw * (1 + TOLERANCE), depot.site.phases, depot.site.voltage_v)
    if over:
        meter.calm_s = None
        meter.over_s = meter.over_s if meter.over_s is not None else now.monotonic_s
    elif meter.over_s is not None:
        meter.calm_s = meter.calm_s if meter.calm_s is not None else now.monotonic_s
        if now.monotonic_s >= meter.calm_s + CALM_S or meter.stage == 0:
            meter.over_s = meter.calm_s = None
    lasted_s = 0.0 if meter.over_s is None else now.monotonic_s - meter.over_s
    stage = (lasted_s >= FALLBACK_AFTER_S) + (lasted_s >= ZERO_AFTER_S) if over else meter.stage
    stage = 0 if meter.over_s is None else max(stage, meter.stage)
    if stage != meter.stage:
        depot.dirty = True
        meter.stage = stage
        what = ("the plan holds again", "all chargers fall back", "all chargers are stopped")[stage]
        text = f"the site draws {event.import_kw:.1f} kW, its limit is {limit_kw:g} kW: {what}"
        severity = "critical" if stage else "info"
        yield from alert(depot, now, "site_overload", text, severity=severity)


def _watch_residual(depot: Depot, now: Now) -> Iterator[Effect]:
    """Somebody draws what nobody declared: a load, or a charger whose meter shows too little."""
    meter = depot.meter
    declared_kw = max(point.value for point in depot.base_load_kw().points)
    slack_kw = max(RESIDUAL_KW, RESIDUAL_SHARE * depot.site.import_limit_kw)
    if meter.base_kw[0] <= declared_kw + slack_kw:
        meter.residual_s, meter.residual_told = None, False
        return
    meter.residual_s = meter.residual_s if meter.residual_s is not None else now.monotonic_s
    if not meter.residual_told and now.monotonic_s >= meter.residual_s + RESIDUAL_S:
        meter.residual_told = True
        text = (
            f"the site draws {meter.base_kw[0]:.1f} kW that no charger has metered, declared are "
            f"{declared_kw:g} kW: a load is missing in the settings or a charger's meter is wrong; "
            "chargers get so much less"
        )
        yield from alert(depot, now, "residual", text)
