"""What the depot looks like from outside: the core's beliefs in the shapes that HTTP hands out."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from daemon.adapters.http.view import (
    AlertState,
    Changes,
    ConnectorState,
    HistoryPoint,
    LimitState,
    PlannerState,
    PlanSummary,
    PluggedState,
    Probe,
    RouteState,
    SiteState,
    State,
    StationState,
    Transaction,
    VehicleState,
)
from daemon.adapters.store import Reader
from daemon.core.budget import SITE, booking
from daemon.core.depot import Depot
from daemon.core.dispatch import wanted_kw
from daemon.core.instant import Now
from daemon.core.phases import draw
from daemon.core.records import TransactionRecord
from daemon.core.rooms import budget_of
from daemon.core.station import Evse, Station
from planner.codec import dump_plan, dump_snapshot
from planner.series import format_instant
from planner.snapshot import Route

# A day of points a minute apart: what the page draws, and a bound.
HISTORY_POINTS = 24 * 60
HISTORY_EVERY = timedelta(minutes=1)
STALE_S = 120.0


class DepotView:
    """Reads the depot between events, on the loop that writes it; answers are copies."""

    def __init__(
        self,
        depot: Depot,
        *,
        timezone: str,
        read_clock: Callable[[], Now],
        store: Reader,
        progress_s: Callable[[], float],
    ) -> None:
        self._depot = depot
        self._timezone = timezone
        self._read_clock = read_clock
        self._store = store
        self._progress_s = progress_s
        self._changes = Changes()
        self._history: deque[HistoryPoint] = deque(maxlen=HISTORY_POINTS)
        self._history_at = read_clock().utc - HISTORY_EVERY

    def bump(self) -> None:
        """Something has changed: whoever waits is told, and the history goes on."""
        now = self._read_clock().utc
        if now - self._history_at >= HISTORY_EVERY:
            self._history_at = now
            site = self._site()
            self._history.append((site["now"], site["import_kw"], site["import_limit_kw"]))
        self._changes.bump()

    def state(self) -> State:
        depot = self._depot
        return State(
            revision=depot.revision,
            site=self._site(),
            stations=self.stations(),
            vehicles=self.vehicles(),
            routes=[self._route(route) for route in depot.routes.values()],
            plan=self._plan_summary(),
            planner=self._planner(),
            limits=self._limits(),
            alerts=[
                AlertState(
                    at=format_instant(alert.at),
                    kind=alert.kind,
                    severity=alert.severity,
                    station=alert.station,
                    text=alert.text,
                )
                for alert in reversed(depot.alerts)
            ],
        )

    def stations(self) -> list[StationState]:
        return [
            StationState(
                id=station.id,
                version=station.version.value if station.version is not None else None,
                online=station.online,
                vendor=station.vendor or None,
                model=station.model or None,
                capability_class=station.keeps.value if station.keeps is not None else None,
                connectors=[self._connector(station, evse) for evse in station.evses.values()],
            )
            for station in self._depot.stations.values()
        ]

    def vehicles(self) -> list[VehicleState]:
        return [self._vehicle(id) for id in self._depot.vehicles]

    def plan(self) -> Mapping[str, object] | None:
        applied = self._depot.applied
        return None if applied is None else json.loads(dump_plan(applied.plan))

    def snapshot(self) -> Mapping[str, object] | None:
        applied = self._depot.applied
        return None if applied is None else json.loads(dump_snapshot(applied.snapshot))

    def site_history(self) -> Sequence[HistoryPoint]:
        return list(self._history)

    async def transactions(self, limit: int) -> Sequence[Transaction]:
        records = await asyncio.to_thread(self._store.transactions, limit)
        return [transaction_json(record) for record in records]

    def healthy(self) -> Probe:
        """Whether the controller makes progress: it ticks at least once a period."""
        age_s = self._read_clock().monotonic_s - self._progress_s()
        longest_s = self._depot.site.period_s + STALE_S
        return age_s < longest_s, {"last_progress_s": round(age_s, 1)}

    def ready(self) -> Probe:
        """Whether limits are known and enforced, which they are from the first event on."""
        return self._progress_s() > 0, {"revision": self._depot.revision}

    async def changed(self, seen: int) -> int:
        return await self._changes.after(seen)

    def _site(self) -> SiteState:
        depot, now = self._depot, self._read_clock().utc
        limit, source = depot.limit_kw()
        charging_kw = sum(evse.power_kw for _, evse in depot.evses())
        base_kw = depot.site_series("base_load_kw").at(now)
        import_kw = charging_kw + base_kw - depot.site_series("pv_kw").at(now)
        if depot.meter.import_kw is not None and not depot.meter.is_blind:
            import_kw = depot.meter.import_kw
        return SiteState(
            id=depot.site.id,
            timezone=self._timezone,
            currency=depot.site.currency,
            now=format_instant(now.replace(microsecond=0)),
            import_limit_kw=limit.at(now),
            limit_source=source,
            base_load_kw=base_kw,
            charging_kw=charging_kw,
            import_kw=import_kw,
            peak_kw=None,
        )

    def _connector(self, station: Station, evse: Evse) -> ConnectorState:
        now = self._read_clock()
        record = self._depot.transactions.get(evse.transaction or "")
        energy_kwh = None
        if record is not None and record.meter_start_wh is not None and evse.reading is not None:
            energy_kwh = (evse.reading.energy_wh - record.meter_start_wh) / 1000
        steered = evse.transaction is not None
        return ConnectorState(
            connector=evse.spec.connector,
            status=(evse.charging_state or evse.status).value if steered else evse.status.value,
            vehicle=record.vehicle if record is not None else None,
            limit_kw=evse.follows_kw(now.monotonic_s),
            planned_kw=wanted_kw(self._depot, station, evse, now.utc) if steered else None,
            power_kw=evse.power_kw,
            energy_kwh=energy_kwh,
            fixed=evse.fixed or (None if station.online else "offline"),
        )

    def _vehicle(self, vehicle: str) -> VehicleState:
        belief = self._depot.vehicles[vehicle]
        known = belief.vehicle
        next_route = self._next_route(vehicle)
        return VehicleState(
            id=vehicle,
            type=known.type if known is not None else str(belief.values.get("type", "")),
            energy_kwh=belief.energy_kwh if known is not None else None,
            battery_kwh=known.battery_kwh if known is not None else None,
            target_kwh=known.target_kwh if known is not None else None,
            plugged=PluggedState(station=belief.plugged[0], connector=belief.plugged[1])
            if belief.plugged is not None
            else None,
            next_route=next_route.id if next_route is not None else None,
            next_departure=format_instant(next_route.depart) if next_route is not None else None,
            in_service=bool(belief.values.get("in_service", True)),
        )

    def _next_route(self, vehicle: str) -> Route | None:
        applied, now = self._depot.applied, self._read_clock().utc
        if applied is None:
            return None
        given = {a.route for a in applied.plan.allocations if a.vehicle == vehicle}
        coming = [r for r in self._depot.routes.values() if r.id in given and r.depart >= now]
        return min(coming, key=lambda route: route.depart, default=None)

    def _route(self, route: Route) -> RouteState:
        applied = self._depot.applied
        vehicle = unserved = None
        if applied is not None:
            given = {a.route: a.vehicle for a in applied.plan.allocations}
            missed = {u.route: u.reason for u in applied.plan.unserved}
            vehicle, unserved = given.get(route.id), missed.get(route.id)
        return {
            "id": route.id,
            "depart": format_instant(route.depart),
            "return": format_instant(route.return_),
            "vehicle": vehicle,
            "unserved": unserved,
        }

    def _plan_summary(self) -> PlanSummary | None:
        applied = self._depot.applied
        if applied is None:
            return None
        return PlanSummary(
            revision=applied.plan.revision,
            status=applied.plan.status,
            algorithm=applied.plan.algorithm,
            made_at=format_instant(applied.made_at),
        )

    def _planner(self) -> PlannerState:
        planning = self._depot.planning
        if planning is not None:
            since = format_instant(planning.taken_at)
            return PlannerState(
                state="planning", revision=planning.revision, since=since, reason=None
            )
        waiting = bool(self._depot.trigger.reasons)
        reason = ", ".join(self._depot.trigger.reasons) or None
        return PlannerState(
            state="waiting" if waiting else "idle", revision=None, since=None, reason=reason
        )

    def _limits(self) -> list[LimitState]:
        depot, now = self._depot, self._read_clock()
        room = budget_of(depot, now)
        names = list(room.soon)
        powers, booked = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
        for station, evse in depot.evses():
            kw = booking(station, evse, now.monotonic_s, depot.site.slack_s).soon_kw
            booked_kw = draw(evse, kw)[0]
            for name in room.above(evse.spec.circuit):
                powers[name] += evse.power_kw
                booked[name] += booked_kw
        return [
            LimitState(
                name=name if name == SITE else f"circuit {name}",
                limit_kw=room.soon[name][0],
                power_kw=powers[name],
                booked_kw=booked[name],
            )
            for name in names
        ]


def transaction_json(record: TransactionRecord) -> Transaction:
    return Transaction(
        id=record.id,
        station=record.station,
        connector=record.connector,
        vehicle=record.vehicle,
        id_token=record.id_token,
        started_at=format_instant(record.started_at),
        stopped_at=format_instant(record.stopped_at) if record.stopped_at is not None else None,
        meter_start_wh=record.meter_start_wh,
        meter_stop_wh=record.meter_stop_wh,
        energy_kwh=record.energy_kwh,
    )
