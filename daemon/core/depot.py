"""What we believe: the one mutable object, written by the one task that applies events."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Final

from daemon.core.clocks import OwnClock
from daemon.core.curves import combine
from daemon.core.fleet import VehicleBelief
from daemon.core.keeps import Kind
from daemon.core.records import AlertRecord, Json, TransactionRecord
from daemon.core.site import SiteSpec
from daemon.core.site_meter import SiteMeter
from daemon.core.station import Evse, Station
from daemon.core.trigger import Trigger
from planner.plan import Plan
from planner.series import Point, Series
from planner.snapshot import Route, Snapshot

KEPT_ALERTS = 100
KEPT_REPLIES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitOverride:
    """An operator's own limit, in force until `until` (None: until it is cleared)."""

    import_limit_kw: float
    until: datetime | None

    def series(self, ceiling: Series) -> Series:
        lowered = Series.constant(self.import_limit_kw)
        if self.until is None:
            return lowered
        after = Point(at=self.until, value=ceiling.points[-1].value)
        return Series(points=(*lowered.points, after))


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """The plan that is followed, and the snapshot it was made on."""

    snapshot: Snapshot
    plan: Plan
    made_at: datetime


@dataclass(slots=True, kw_only=True)
class Depot:
    """`dirty` says that what was sent may no longer be what is wanted, `look_s` when it will be by
    itself; `revision` is the newest snapshot's, `planning` the one being planned on, `candidate`
    the best plan for it yet. `known_until` holds the end of each of `series` that has one.
    `incomplete`: the keys that nobody has told of a vehicle that is therefore not planned.
    `told_lacking`: what plans left undone and was told, since the last that lacked nothing.
    `unarmed`: why nothing may charge. `over_since_s`: the limits that what cannot be lowered
    exceeds, and since when. `kinds`: what was learned of each kind of station. `store_trouble` is
    why nothing can be kept, None while it can; `memory_lost` is why this run knows nothing of the
    ones before, until that is told. `since_s`: when this run began to look; `away_told`: whether it
    has told which stations have not come back since."""

    site: SiteSpec
    trigger: Trigger
    stations: dict[str, Station] = field(default_factory=dict)
    transactions: dict[str, TransactionRecord] = field(default_factory=dict)
    vehicles: dict[str, VehicleBelief] = field(default_factory=dict)
    routes: dict[str, Route] = field(default_factory=dict)
    series: dict[str, Series] = field(default_factory=dict)
    known_until: dict[str, datetime] = field(default_factory=dict)
    incomplete: dict[str, tuple[str, ...]] = field(default_factory=dict)
    told_lacking: set[str] = field(default_factory=set)
    override: LimitOverride | None = None
    pins: dict[str, str] = field(default_factory=dict)
    replies: OrderedDict[str, Json] = field(default_factory=OrderedDict)
    alerts: deque[AlertRecord] = field(default_factory=lambda: deque(maxlen=KEPT_ALERTS))
    applied: Applied | None = None
    revision: int = 0
    planning: Snapshot | None = None
    candidate: Plan | None = None
    generation: int = 0
    last_number: int = 0
    dirty: bool = False
    look_s: float | None = None
    since_s: float | None = None
    away_told: bool = False
    unarmed: str | None = None
    kinds: dict[str, Kind] = field(default_factory=dict)
    meter: SiteMeter = field(default_factory=SiteMeter)
    clock: OwnClock = field(default_factory=OwnClock)
    over_since_s: dict[str, float] = field(default_factory=dict)
    store_trouble: str | None = None
    memory_lost: str | None = None
    peak_kw: float = 0.0

    def evses(self) -> list[tuple[Station, Evse]]:
        return [(s, evse) for s in self.stations.values() for evse in s.evses.values()]

    def vehicle_at(self, evse: Evse) -> str | None:
        """The known vehicle of the transaction at `evse`."""
        if evse.transaction is None:
            return None
        vehicle = self.transactions[evse.transaction].vehicle
        belief = self.vehicles.get(vehicle) if vehicle is not None else None
        return vehicle if belief is not None and belief.vehicle is not None else None

    def most_kw_at(self, evse: Evse) -> float:
        """The most that the vehicle at `evse` can take; nothing is known of a stranger."""
        vehicle = self.vehicle_at(evse)
        known = self.vehicles[vehicle].vehicle if vehicle is not None else None
        return known.max_charge_kw if known is not None else math.inf

    def vehicle_of_token(self, id_token: str | None) -> str | None:
        """The vehicle that a token tells: by the settings, or a token that is a vehicle's id."""
        if id_token is None:
            return None
        for spec in self.site.vehicles:
            if id_token in spec.id_tokens:
                return spec.id
        return id_token if id_token in self.vehicles else None

    def limit_kw(self) -> tuple[Series, str]:
        """The site's import limit over time, the lowest of all that were told, and whose it is."""
        told = self.series.get("import_limit_kw")
        return _limit_kw(self.site.import_limit_kw, told, self.override)

    def tell_series(self, key: str, series: Series, until: datetime | None) -> None:
        self.known_until.pop(key, None)
        if until is not None:
            self.known_until[key] = until
        if until is not None and key == "pv_kw":
            # Nobody has said that the sun shines from then on.
            series = Series(points=(*series.points, Point(at=until, value=0.0)))
        self.series[key] = series

    def forget_series(self, key: str) -> None:
        self.series.pop(key, None)
        self.known_until.pop(key, None)

    def site_series(self, key: str) -> Series:
        """What was told by MQTT, else what the settings declare."""
        declared: Series = getattr(self.site, key)
        return self.series.get(key, declared)

    def base_load_kw(self) -> Series:
        return self.site_series("base_load_kw")

    def pv_kw(self) -> Series:
        """Sunshine that may be counted on: as it was told, as long as the site's meter would show a
        cloud. Told alone it is a hope, and no room below a fuse."""
        shows_sun = self.meter.shows_sun(self.site.phases)
        return self.site_series("pv_kw") if shows_sun else _NO_SUN


_NO_SUN: Final = Series.constant(0.0)


@lru_cache(maxsize=16)
def _limit_kw(
    import_limit_kw: float, told: Series | None, override: LimitOverride | None
) -> tuple[Series, str]:
    """Asked for several times a round; to check a series takes longer than to look it up."""
    ceiling = Series.constant(import_limit_kw)
    limit, source = ceiling, "settings"
    if told is not None:
        limit, source = combine(min, ceiling, told), "MQTT"
    if override is not None:
        limit, source = combine(min, limit, override.series(ceiling)), "operator"
    return limit, source
