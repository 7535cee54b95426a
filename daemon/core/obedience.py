"""Accepted is a promise; metered energy over time is the proof."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from daemon.core.alerts import alert
from daemon.core.curves import combine
from daemon.core.depot import Depot
from daemon.core.effects import Effect
from daemon.core.instant import Now
from daemon.core.keeping import save_evse
from daemon.core.station import DISOBEYS, Evse, Station
from planner.series import Series

# Class 1 meters err by 1 %, stations regulate within 5 %; a register of whole Wh over a short
# sample adds more.
RELATIVE = 1.10
ABSOLUTE_KWH = 0.02
ABSOLUTE_KW = 0.3
SAMPLES_TO_FLAG = 3
SAMPLES_TO_CLEAR = 5


def judge(
    depot: Depot,
    station: Station,
    evse: Evse,
    start: datetime,
    end: datetime,
    metered_kwh: float,
    now: Now,
) -> Iterator[Effect]:
    """Holds one metered interval against what the station said it would follow.

    Intervals that touch a change of profile prove nothing: the vehicle was still following it.
    """
    settled = timedelta(seconds=depot.site.settle_s)
    if evse.changed_at is not None and start < evse.changed_at + settled:
        return
    allowed_kw = combine(max, evse.held(), Series.constant(evse.floor_kw)).mean(start, end)
    hours = (end - start) / timedelta(hours=1)
    if metered_kwh > (allowed_kw * RELATIVE + ABSOLUTE_KW) * hours + ABSOLUTE_KWH:
        evse.disobedient_samples += 1
        evse.obedient_samples = 0
    else:
        evse.obedient_samples += 1
        evse.disobedient_samples = 0
    if evse.fixed is None and evse.disobedient_samples >= SAMPLES_TO_FLAG:
        evse.fixed = DISOBEYS
        depot.dirty = True
        depot.trigger.ask("station disobeys", now.monotonic_s)
        yield save_evse(station, evse)
        yield from alert(
            depot,
            now,
            "station_disobeys",
            f"station {station.id} connector {evse.spec.connector} {DISOBEYS}: "
            f"{metered_kwh / hours:.1f} kW metered, {allowed_kw:.1f} kW allowed; "
            f"it is booked at its {evse.spec.max_kw:g} kW and planned around",
            station=station.id,
            severity="critical",
        )
    elif evse.fixed == DISOBEYS and evse.obedient_samples >= SAMPLES_TO_CLEAR:
        evse.fixed = None
        depot.dirty = True
        depot.trigger.ask("station obeys again", now.monotonic_s)
        yield save_evse(station, evse)
        text = f"station {station.id} connector {evse.spec.connector} obeys again"
        yield from alert(depot, now, "station_obeys", text, station=station.id, severity="info")
