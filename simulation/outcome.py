"""What came of a run, from the world's own truth: the site's power, and each station's doings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from planner.series import Series
from simulation.station import VirtualStation

# Limits are sent in tenths of an ampere, 0.07 kW on three phases: less than that is not "above".
TOLERANCE_KW: Final = 0.1
# A profile takes effect at once here; what lasts longer than this is no rounding of instants.
TOLERANCE_S: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePower:
    """The highest import with its instant and the limit then; `over_s` is the time above the limit
    and `excess_kw` the most by which it was."""

    highest_kw: float
    highest_at: datetime
    limit_kw: float
    over_s: float
    excess_kw: float

    @property
    def within_limit(self) -> bool:
        return self.over_s == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StationOutcome:
    """Energies in kWh; `obeyed` is what the meter showed, `flagged` what the daemon noticed;
    `rejections` by the station's reason."""

    station: str
    version: str
    planned_kwh: float
    sent: int
    accepted: int
    obeyed: bool
    flagged: bool
    metered_kwh: float
    peak_kw: float
    over_s: float
    rejections: Mapping[str, int]

    @property
    def honest(self) -> bool:
        return self.obeyed or self.flagged


def site_power(
    stations: Iterable[VirtualStation],
    *,
    base_load: Series,
    limit: Series,
    start: datetime,
    end: datetime,
) -> SitePower:
    """Exact over `[start, end)`: every instant at which a station's draw, the base load or the
    limit changes is looked at. Raises ValueError for an empty span."""
    if end <= start:
        raise ValueError("the run ended before it began")
    highest_kw, highest_at, limit_then = -1.0, start, limit.at(start)
    over_s, excess_kw = 0.0, 0.0
    for at, until, charging_kw in _pieces(stations, [base_load, limit], start, end):
        import_kw, limit_kw = charging_kw + base_load.at(at), limit.at(at)
        if import_kw > highest_kw:
            highest_kw, highest_at, limit_then = import_kw, at, limit_kw
        if import_kw > limit_kw + TOLERANCE_KW:
            over_s += (until - at) / timedelta(seconds=1)
            excess_kw = max(excess_kw, import_kw - limit_kw)
    return SitePower(
        highest_kw=highest_kw,
        highest_at=highest_at,
        limit_kw=limit_then,
        over_s=over_s,
        excess_kw=excess_kw,
    )


def station_outcome(
    station: VirtualStation, planned_kwh: float, alerts: Iterable[Mapping[str, object]]
) -> StationOutcome:
    """Obeyed: took what it was sent, answered, and stayed below what it had accepted."""
    record, evses = station.record, list(station.evses.values())
    over_s = sum(evse.over_limit_s for evse in evses)
    taken = record.profiles_accepted > 0 or record.profiles_received == 0
    return StationOutcome(
        station=station.spec.id,
        version=station.spec.version.value.removeprefix("ocpp"),
        planned_kwh=planned_kwh,
        sent=record.profiles_received + record.profiles_unanswered,
        accepted=record.profiles_accepted,
        obeyed=taken and record.profiles_unanswered == 0 and over_s <= TOLERANCE_S,
        flagged=any(alert.get("station") == station.spec.id for alert in alerts),
        metered_kwh=sum(evse.energy_kwh for evse in evses),
        peak_kw=max(evse.peak_kw for evse in evses),
        over_s=over_s,
        rejections=dict(record.rejections),
    )


def _pieces(
    stations: Iterable[VirtualStation], series: Iterable[Series], start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime, float]]:
    """(from, to, sum of the stations' kW): constant pieces of `[start, end)`, in order."""
    changes: list[tuple[datetime, float]] = []
    for station in stations:
        for evse in station.evses.values():
            before_kw = 0.0
            for at, kw in evse.trace:
                changes.append((max(at, start), kw - before_kw))
                before_kw = kw
    changes += [(point.at, 0.0) for one in series for point in one.points if point.at > start]
    changes += [(start, 0.0), (end, 0.0)]
    changes.sort(key=lambda change: change[0])
    total_kw = 0.0
    for (at, step_kw), (until, _) in pairwise(changes):
        total_kw += step_kw
        if at < until and at < end:
            yield at, min(until, end), total_kw
