"""A station as we believe it to be, down to what each EVSE may be following."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from daemon.core.curves import combine
from daemon.core.fallback import evse_fallback_kw
from daemon.core.lane import Lane
from daemon.core.site import EvseSpec, StationSpec
from planner.series import Series
from protocol.ocpp.model import ChargingState, ConnectorStatus, RateUnit, Version


@dataclass(slots=True, kw_only=True)
class Capabilities:
    """What a station takes. The defaults are the least that field stations took; what it reads
    out, and what it refuses, replaces them."""

    unit: RateUnit
    unit_tried: bool = False
    max_periods: int = 6
    max_stack_level: int = 1


@dataclass(slots=True, kw_only=True)
class Reading:
    """The newest register of an EVSE: Wh, and the instant it was taken."""

    energy_wh: float
    at: datetime


@dataclass(slots=True, kw_only=True)
class Evse:
    """`confirmed` is what the station promised to follow, `unconfirmed` what it may follow as well
    because an answer is missing, `settling` what it has promised to leave but may still draw (until
    a monotonic instant), `asked` the order under way with its generation, `wish` the one that
    waits in the lane, `target` what the plan wants; `floor_kw` is what it draws
    with no transaction profile at all."""

    spec: EvseSpec
    fallback_kw: float
    floor_kw: float
    confirmed: Series
    unconfirmed: tuple[Series, ...] = ()
    settling: tuple[tuple[float, Series], ...] = ()
    asked: tuple[int, Series] | None = None
    target: Series | None = None
    wish: Series | None = None
    status: ConnectorStatus = ConnectorStatus.AVAILABLE
    charging_state: ChargingState | None = None
    transaction: str | None = None
    fixed: str | None = None
    retry_s: float | None = None
    failures: int = 0
    override: str | None = None
    reading: Reading | None = None
    power_kw: float = 0.0
    changed_at: datetime | None = None
    off_plan_kwh: float = 0.0
    disobedient_samples: int = 0
    obedient_samples: int = 0

    def held(self) -> Series:
        """The most it may be following now: every profile it may have, the highest at each time."""
        return combine(max, self.confirmed, *self.unconfirmed)

    def booking(self) -> Series:
        """The most it may draw: what it holds, or the floor should it lose its profile."""
        if self.fixed == DISOBEYS:
            return Series.constant(self.spec.max_kw)
        settling = (series for _, series in self.settling)
        return combine(max, self.held(), Series.constant(self.floor_kw), *settling)


DISOBEYS = "draws more than it was told"


@dataclass(slots=True, kw_only=True)
class Station:
    spec: StationSpec
    capabilities: Capabilities
    evses: dict[int, Evse] = field(default_factory=dict)
    lane: Lane = field(default_factory=Lane)
    session: int | None = None
    version: Version | None = None
    booted: bool = False
    ready: bool = False
    setup_due_s: float | None = None
    online_since_s: float | None = None
    backlog_until_s: float | None = None
    vendor: str = ""
    model: str = ""
    firmware: str = ""
    last_seen: datetime | None = None

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def online(self) -> bool:
        return self.session is not None

    def commandable(self, evse: Evse) -> bool:
        """Whether a transaction profile can be expected to reach this EVSE and be followed. While a
        station tells its past, the transaction it speaks of may be over already."""
        telling_past = self.backlog_until_s is not None
        return (
            self.ready and not telling_past and evse.transaction is not None and evse.fixed is None
        )


def new_evse(station: StationSpec, spec: EvseSpec) -> Evse:
    fallback_kw = evse_fallback_kw(station, spec)
    return Evse(
        spec=spec,
        fallback_kw=fallback_kw,
        floor_kw=fallback_kw,
        confirmed=Series.constant(fallback_kw),
    )


def new_station(spec: StationSpec) -> Station:
    direct = bool(spec.evses) and all(evse.phases == 0 for evse in spec.evses)
    unit = RateUnit.WATTS if direct else RateUnit.AMPERES
    station = Station(spec=spec, capabilities=Capabilities(unit=unit))
    for evse in spec.evses:
        station.evses[evse.connector] = new_evse(spec, evse)
    return station
