"""What a station did while it could not hear us, and the class that follows for all of its kind."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta

from daemon.core.alerts import alert
from daemon.core.depot import Depot
from daemon.core.effects import Effect
from daemon.core.instant import Now
from daemon.core.keeping import save_kind
from daemon.core.keeps import SLACK_KWH, Keeps, Kind, shown
from daemon.core.phases import drawn_kw
from daemon.core.station import Evse, Silence, Station

# Nobody takes so many times what a connector is made for: then its samples are dated wrongly, such
# as by the receipt of what was held back.
IMPOSSIBLE = 3.0
# What has no end is taken to last a day: no silence that is judged is longer.
LONGEST_S = 86_400.0


def begin_silence(evse: Evse, now: Now) -> Silence:
    """What an EVSE may go on drawing now that the link is gone, and until when. Where several
    orders may hold, the most and the longest of them: it is judged in its favour."""
    leases = evse.leases()
    left_s = max((lease.until_s - now.monotonic_s for lease in leases), default=0.0)
    left_s = min(max(left_s, 0.0), LONGEST_S)
    return Silence(
        since=now.utc,
        kw=max((lease.kw for lease in leases), default=evse.floor_kw),
        lent_until=now.utc + timedelta(seconds=left_s),
        share=drawn_kw(evse, 1.0),
    )


def judge_silence(
    depot: Depot,
    station: Station,
    evse: Evse,
    start: datetime,
    end: datetime,
    metered_kwh: float,
    now: Now,
) -> Iterator[Effect]:
    """Holds a metered interval that touches a silence against what was lent before it."""
    silence = evse.silence
    if silence is None or end <= silence.since:
        return
    if silence.until is not None and start >= silence.until:
        evse.silence = None
        return
    if metered_kwh > IMPOSSIBLE * evse.spec.max_kw * _hours(start, end) + SLACK_KWH:
        return
    heard_again = silence.until or end
    late = timedelta(seconds=depot.site.slack_s)
    silent = _hours(max(start, silence.since), min(end, heard_again))
    lent = _hours(max(start, silence.since), min(end, heard_again, silence.lent_until))
    lingers = _hours(max(start, silence.since), min(end, heard_again, silence.lent_until + late))
    fallback_kw = evse.told_fallback_kw
    static_kw = max(silence.kw, fallback_kw)
    # Before the silence it followed what it was told then; after it, anything.
    heard_kwh = max(evse.peak_kw, static_kw) * _hours(start, min(silence.since, end))
    heard_kwh += evse.spec.max_kw * _hours(max(heard_again, start), end)
    seen = shown(
        metered_kwh,
        late_kwh=static_kw * (lingers - lent),
        lease_kwh=heard_kwh + static_kw * lent + fallback_kw * (silent - lent),
        static_kwh=heard_kwh + static_kw * silent,
        nothing_kwh=heard_kwh + _could_kw(depot, evse) / silence.share * silent,
        share=silence.share,
    )
    before = depot.kinds.get(station.kind, Kind())
    after = before.after(seen)
    if after == before:
        return
    depot.kinds[station.kind] = after
    yield save_kind(station.kind, after)
    if after.keeps is not before.keeps:
        yield from _tell(depot, station, before.keeps, after.keeps, now)
        for other in depot.stations.values():
            other.keeps = class_of(depot, other)
        depot.dirty = True
        depot.trigger.ask("class learned", now.monotonic_s)


def class_of(depot: Depot, station: Station) -> Keeps | None:
    """The class that an operator has pinned, else what was learned of the station's kind."""
    if station.spec.pinned is not None or not station.model:
        return station.spec.pinned
    return depot.kinds.get(station.kind, Kind()).keeps


def _could_kw(depot: Depot, evse: Evse) -> float:
    """What would have been drawn without any limit; nothing is known of a stranger's appetite."""
    most_kw = depot.most_kw_at(evse)
    return min(evse.spec.max_kw, most_kw) if most_kw < math.inf else 0.0


def _tell(
    depot: Depot, station: Station, before: Keeps | None, after: Keeps | None, now: Now
) -> Iterator[Effect]:
    lowered = after is Keeps.NOTHING or before is Keeps.LEASES
    text = (
        f"stations of the kind {station.kind} are of class {after}, as {station.id} has shown in "
        f"silence; before they were {before or 'unknown'}"
    )
    severity = "critical" if lowered else "info"
    yield from alert(depot, now, "class_learned", text, station=station.id, severity=severity)


def _hours(start: datetime, end: datetime) -> float:
    return max((end - start) / timedelta(hours=1), 0.0)
