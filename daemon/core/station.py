"""A station as we believe it to be, down to what each EVSE may be following."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from daemon.core.clocks import StationClock
from daemon.core.fallback import evse_fallback_kw
from daemon.core.keeps import Keeps
from daemon.core.lane import Lane
from daemon.core.lease import Lease, either
from daemon.core.proof import Leaving
from daemon.core.site import EvseSpec, StationSpec
from planner.plan import Plan
from planner.series import Series
from protocol.ocpp.model import ChargingState, ConnectorStatus, RateUnit, Version

if TYPE_CHECKING:
    from daemon.core.word import Word

# Why an EVSE is a fixed load.
REFUSES = "refuses charging profiles"
SILENT = "does not answer charging profiles"
DISOBEYS = "draws more than it was told"
STUCK = "draws its fallback, though it was told less"
# Why it is booked as it was metered, and not as it was told.
LIARS = frozenset({DISOBEYS, STUCK})
# So many orders in a row that were not accepted make a fixed load of an EVSE.
TRIES = 3
# A reading is as good as this many samples are long.
FRESH_SAMPLES = 2.5


@dataclass(slots=True, kw_only=True)
class Capabilities:
    """What a station takes. The defaults are the least that field stations took; what it reads
    out, and what it refuses, replaces them. `relative`: it refuses schedules with a start;
    `triggers`: it tells its meter when asked; `reads_back`: it tells what it will follow, and
    `unread` is how often in a row it was asked that and gave no answer, but answered all else.

    `proven` once it has accepted a profile as it is written now: a later refusal is about
    something else."""

    unit: RateUnit
    relative: bool = False
    proven: bool = False
    tried: int = 0
    max_periods: int = 6
    max_stack_level: int = 1
    triggers: bool = True
    reads_back: bool = False
    unread: int = 0

    @property
    def tells_ends(self) -> bool:
        """Whether an end can be written: as a schedule of two periods with a start."""
        return not self.relative and self.max_periods >= 2


@dataclass(slots=True, kw_only=True)
class Reading:
    """The newest register of an EVSE: Wh, and the instant it was taken. `factor` turns what it
    shows into Wh: one station in the field changes to kWh inside a transaction."""

    energy_wh: float
    at: datetime
    factor: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A link that broke while a transaction ran: what was held then, until when it was lent, and
    what of each kW that it is told its vehicle takes, by the phases it was seen on."""

    since: datetime
    kw: float
    lent_until: datetime
    until: datetime | None = None
    share: float = 1.0


@dataclass(slots=True, kw_only=True)
class Evse:
    """`confirmed` is what the station promised to follow, `unconfirmed` what it may follow as well
    because an answer is missing, `asked` the order under way with its generation, `settling` what
    it may still draw for a while (until a monotonic second, in kW), `leaving` what it has promised
    to leave and not yet shown to have left, `wish` the order that waits in the lane, `target` what
    the plan `targeted` wants for a vehicle; `floor_kw` is what it draws with no transaction profile
    at all; `lower_fallback_kw` is what it falls back to as earlier settings said, and is told as
    long as there is no room for `fallback_kw`; `peak_kw` is the most that it followed since the
    newest `reading`; `word` is what it surely draws since its meter was last heard; from
    `followed_at` on its meter can show that it has followed a cut; `sampled_s` is when its meter
    was last heard, `meter_due_s` when it is asked next, and `told_power` whether it ever told a
    power (some always tell 0); `connectors` is what each of its connectors has told, and `status`
    what follows for all; `stop_asked` is the transaction that was to end as it would not obey; a
    fallback that it did not take is told again at `fallback_due_s`, for the `fallback_retries`th
    time; `disobeyed_kw` is the most that it took above its rating, as it would be told, when it was
    last metered to disobey; `told_again` is how often it was told again since it was flagged for
    it; `phase_shown_kw` is the most that a phase was seen with since its vehicle may be another
    one, `fullest` what share of all current the fullest one carried in the last two samples (0: not
    told), and `phases_shown` on how many that takes all that it is told, 0 before any is seen to.
    `spoken` are those of `connectors` that have told since the link began. `capabilities` are its
    station's."""

    spec: EvseSpec
    capabilities: Capabilities
    fallback_kw: float
    floor_kw: float
    lower_fallback_kw: float | None = None
    confirmed: Lease | None = None
    unconfirmed: Lease | None = None
    asked: tuple[int, Lease] | None = None
    settling: tuple[tuple[float, float], ...] = ()
    leaving: Leaving | None = None
    wish: Lease | None = None
    target: Series | None = None
    targeted: tuple[Plan, str | None] | None = None
    status: ConnectorStatus = ConnectorStatus.AVAILABLE
    connectors: dict[int, ConnectorStatus] = field(default_factory=dict)
    spoken: set[int] = field(default_factory=set)
    charging_state: ChargingState | None = None
    transaction: str | None = None
    fixed: str | None = None
    disobeyed_kw: float = 0.0
    told_again: int = 0
    retry_s: float | None = None
    failures: int = 0
    override: str | None = None
    reading: Reading | None = None
    told_register: bool = False
    told_power: bool = False
    sampled_s: float = -math.inf
    meter_due_s: float | None = None
    power_kw: float = 0.0
    changed_at: datetime | None = None
    word: Word | None = None
    followed_at: datetime | None = None
    peak_kw: float = 0.0
    silence: Silence | None = None
    readbacks: int = 0
    unheard: int = 0
    fallback_due_s: float | None = None
    fallback_retries: int = 0
    phases_used: frozenset[int] | None = None
    phase_seen: frozenset[int] = frozenset()
    phase_shown_kw: float = 0.0
    phase_samples: int = 0
    fullest: tuple[float, float] = (0.0, 0.0)
    phases_shown: int = 0
    off_plan_kwh: float = 0.0
    unjudged: tuple[datetime, float] | None = None
    disobedient_samples: int = 0
    stop_asked: str | None = None
    obedient_samples: int = 0

    @property
    def told_fallback_kw(self) -> float:
        """What it is told to fall back to."""
        lower_kw = self.lower_fallback_kw
        return self.fallback_kw if lower_kw is None else lower_kw

    @property
    def sure_floor_kw(self) -> float:
        """What it draws with no transaction profile, without what is booked for a fallback that it
        was not told yet."""
        lower_kw = self.lower_fallback_kw
        return self.floor_kw if lower_kw is None or self.floor_kw > self.fallback_kw else lower_kw

    @property
    def most_kw(self) -> float:
        """The most that it may draw, whatever it was told: its rating, which one that disobeys may
        have been seen to exceed."""
        return max(self.spec.max_kw, self.disobeyed_kw if self.fixed == DISOBEYS else 0.0)

    def tell_status(self, connector_id: int, status: ConnectorStatus) -> None:
        """One of its connectors has told its status: that another one is free means nothing while
        one is taken."""
        self.connectors[connector_id] = status
        self.spoken.add(connector_id)
        taken = ConnectorStatus.OCCUPIED in self.connectors.values()
        self.status = ConnectorStatus.OCCUPIED if taken else status

    @property
    def is_free(self) -> bool:
        """Whether every connector that it ever spoke of has said on this link that it is free: the
        word of one that a vehicle came to may be lost, or yet to come."""
        told = self.connectors.values()
        is_heard = bool(told) and self.spoken.issuperset(self.connectors)
        return is_heard and all(status is ConnectorStatus.AVAILABLE for status in told)

    def leases(self) -> list[Lease]:
        """All it may be following."""
        leases = [] if self.confirmed is None else [self.confirmed]
        if self.unconfirmed is not None:
            leases.append(self.unconfirmed)
        if self.asked is not None:
            leases.append(self.asked[1])
        return leases

    def booked_leases(self) -> list[Lease]:
        """All it may be following, and what it has not shown to have left."""
        leases = self.leases()
        if self.leaving is not None:
            leases.append(self.leaving.lease)
        return leases

    def held_kw(self, now_s: float, *, keeps_leases: bool) -> float:
        """The most it may be following."""
        held = [x.kw for x in self.leases() if not (keeps_leases and x.is_over(now_s))]
        return max(held, default=self.floor_kw)

    def follows_kw(self, now_s: float) -> float:
        """What it has promised to follow."""
        if self.confirmed is None or self.confirmed.is_over(now_s):
            return self.floor_kw
        return self.confirmed.kw

    def least_kw(self, now_s: float) -> float:
        """The least it may be following. Without a lease that is what it was to fall back to, also
        where it never said so and is booked at more."""
        live = [lease.kw for lease in self.leases() if not lease.is_over(now_s)]
        if self.confirmed is None or self.confirmed.is_over(now_s):
            live += [self.floor_kw, self.fallback_kw]
        return min(live)

    def doubt(self, lease: Lease) -> None:
        """It may follow `lease` or not: it stays booked until a newer order is confirmed."""
        self.unconfirmed = either(lease, self.unconfirmed)

    def forget_profile(self) -> None:
        """A transaction's profile ends with it (1.6 section 3.13.1, 2.0.1 K01.FR.09)."""
        self.confirmed = self.unconfirmed = self.asked = self.leaving = None


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
    claimed_until_s: float | None = None
    vendor: str = ""
    model: str = ""
    firmware: str = ""
    last_seen: datetime | None = None
    keeps: Keeps | None = None
    clock: StationClock = field(default_factory=StationClock)

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def online(self) -> bool:
        return self.session is not None

    @property
    def was_heard(self) -> bool:
        """Whether it ever connected; before that the settings' word is all there is."""
        return self.version is not None

    @property
    def kind(self) -> str:
        """What capability classes are learned of."""
        return "/".join((self.vendor, self.model, self.firmware))

    @property
    def takes_leases(self) -> bool:
        """Whether it can be told an end: it keeps time as we do."""
        return not self.clock.is_wrong and self.capabilities.tells_ends

    @property
    def keeps_leases(self) -> bool:
        """Whether a lease may be booked as over when its time is."""
        # A clock that is known to be right is not wrong either.
        return self.keeps is Keeps.LEASES and self.clock.is_right and self.capabilities.tells_ends

    def commandable(self, evse: Evse) -> bool:
        """Whether a transaction profile can be expected to reach this EVSE and be followed. While a
        station tells its past, the transaction it speaks of may be over already."""
        return self.tellable(evse) and evse.fixed is None

    def tellable(self, evse: Evse) -> bool:
        """The same, whether it will be followed or not."""
        return self.ready and self.backlog_until_s is None and evse.transaction is not None

    def evse_ordered(self, subject: object) -> Evse | None:
        """Whose transaction a command of the lane gives a profile, if it does that."""
        match subject:
            case ("tx", int(number)):
                return self.evses.get(number)
        return None


def unnamed(station: StationSpec, connector: int) -> EvseSpec:
    """What is taken of a connector that no setting names: the default ratings (three phases, 22 kW,
    the most common ones in depots), below the circuit of the station's others."""
    circuit = next((named.circuit for named in station.evses), None)
    return EvseSpec(connector=connector, circuit=circuit)


def new_evse(station: StationSpec, spec: EvseSpec, capabilities: Capabilities) -> Evse:
    fallback_kw = evse_fallback_kw(station, spec)
    return Evse(spec=spec, capabilities=capabilities, fallback_kw=fallback_kw, floor_kw=fallback_kw)


def new_station(spec: StationSpec, skew_s: float = 5.0) -> Station:
    direct = bool(spec.evses) and all(evse.phases == 0 for evse in spec.evses)
    unit = RateUnit.WATTS if direct else RateUnit.AMPERES
    station = Station(spec=spec, capabilities=Capabilities(unit=unit), keeps=spec.pinned)
    station.clock.tolerance_s = skew_s
    for evse in spec.evses:
        station.evses[evse.connector] = new_evse(spec, evse, station.capabilities)
    return station
