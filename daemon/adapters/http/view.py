"""What HTTP may see of the depot: read-only, and the exact shape of every JSON it hands out.

Instants are RFC 3339 text in UTC with `Z`; powers kW, energies kWh; None is `null`: not known.
Positive power flows from the grid, and into a vehicle.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from typing_extensions import TypedDict

Severity = Literal["info", "warning", "critical"]
HistoryPoint = tuple[str, float | None, float]
"""Instant, import at the site's meter in kW (None: not metered), limit in kW."""


class ConnectorState(TypedDict):
    """`limit_kw` is what the station accepted last, `planned_kw` what the plan wants now,
    `power_kw` what is metered, `energy_kwh` what the running transaction has metered so far.
    `fixed` says why the connector is booked as a fixed load, None where the plan steers it."""

    connector: int
    status: str
    vehicle: str | None
    limit_kw: float | None
    planned_kw: float | None
    power_kw: float | None
    energy_kwh: float | None
    fixed: str | None


class StationState(TypedDict):
    """`version` is the subprotocol of the last connection, None before the first.

    `capability_class` is that of its kind, None while nothing is proven: "A" honours the end of a
    lease, "B" keeps what it was told last, "C" keeps nothing and is booked at its maximum."""

    id: str
    version: str | None
    online: bool
    vendor: str | None
    model: str | None
    capability_class: Literal["A", "B", "C"] | None
    connectors: list[ConnectorState]


class PluggedState(TypedDict):
    station: str
    connector: int


class VehicleState(TypedDict):
    """The next route is the one the plan gave it; both None where it has none."""

    id: str
    type: str
    energy_kwh: float | None
    battery_kwh: float | None
    target_kwh: float | None
    plugged: PluggedState | None
    next_route: str | None
    next_departure: str | None
    in_service: bool


RouteState = TypedDict(
    "RouteState",
    {
        "id": str,
        "depart": str,
        "return": str,
        "vehicle": str | None,
        "unserved": str | None,
    },
)
"""`vehicle` is the plan's choice; `unserved` the plan's reason why nobody drives it."""


class SiteState(TypedDict):
    """`limit_source` says in words where the limit of this instant comes from; `import_kw` is the
    import now, `charging_kw` the part of it that all vehicles draw, `peak_kw` the highest import of
    the billing period. `timezone` is an IANA name, for display only."""

    id: str
    timezone: str
    currency: str
    now: str
    import_limit_kw: float
    limit_source: str
    base_load_kw: float | None
    charging_kw: float
    import_kw: float | None
    peak_kw: float | None


class LimitState(TypedDict):
    """One limit in force now: the site's or a circuit's. `booked_kw` is the worst case that all
    chargers below it could draw, `power_kw` what they are metered at."""

    name: str
    limit_kw: float
    power_kw: float | None
    booked_kw: float


class PlanSummary(TypedDict):
    revision: int
    status: str
    algorithm: str
    made_at: str


class PlannerState(TypedDict):
    """`revision` is the one being planned, `since` when it started; None while idle."""

    state: Literal["idle", "waiting", "planning", "failed"]
    revision: int | None
    since: str | None
    reason: str | None


class AlertState(TypedDict):
    at: str
    kind: str
    severity: str
    station: str | None
    text: str


class State(TypedDict):
    """Everything the dashboard shows but the plan itself and the history. `revision` is that of the
    newest snapshot, `plan` what is applied, `alerts` the newest first."""

    revision: int
    site: SiteState
    stations: list[StationState]
    vehicles: list[VehicleState]
    routes: list[RouteState]
    plan: PlanSummary | None
    planner: PlannerState
    limits: list[LimitState]
    alerts: list[AlertState]


class Transaction(TypedDict):
    id: str
    station: str
    connector: int
    vehicle: str | None
    id_token: str | None
    started_at: str
    stopped_at: str | None
    meter_start_wh: float | None
    meter_stop_wh: float | None
    energy_kwh: float | None


Probe = tuple[bool, Mapping[str, object]]
"""Whether it is so, and what was looked at, for a human."""


class View(Protocol):
    """Called on the event loop; nothing here blocks. Each answer is a copy or never changes."""

    def state(self) -> State: ...
    def stations(self) -> Sequence[StationState]: ...
    def vehicles(self) -> Sequence[VehicleState]: ...

    def plan(self) -> Mapping[str, object] | None:
        """The applied plan in its JSON form (`depotd.plan/1`)."""
        ...

    def snapshot(self) -> Mapping[str, object] | None:
        """What that plan was made on (`depotd.snapshot/1`)."""
        ...

    def site_history(self) -> Sequence[HistoryPoint]:
        """The last hours in order of time, bounded, at most about one point a minute."""
        ...

    async def transactions(self, limit: int) -> Sequence[Transaction]:
        """At most `limit`, the newest first."""
        ...

    def healthy(self) -> Probe: ...
    def ready(self) -> Probe: ...

    async def changed(self, seen: int) -> int:
        """The version of the state, once it is above `seen` (-1: at once). See `Changes`."""
        ...


class Changes:
    """A version counter to wait on: one integer, however many changes and however slow a reader."""

    def __init__(self) -> None:
        self._version = 0
        self._event = asyncio.Event()

    def bump(self) -> None:
        self._version += 1
        self._event.set()
        self._event = asyncio.Event()

    async def after(self, seen: int) -> int:
        while self._version <= seen:
            await self._event.wait()
        return self._version
