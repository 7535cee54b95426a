"""A depot at five in the morning, as the HTTP adapter sees it; every shape filled."""

from __future__ import annotations

import asyncio
import json
import math
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import structlog

from daemon.adapters.http.server import HttpServer
from daemon.adapters.http.view import (
    AlertState,
    Changes,
    ConnectorState,
    HistoryPoint,
    PluggedState,
    Probe,
    RouteState,
    State,
    StationState,
    Transaction,
    VehicleState,
    View,
)
from daemon.adapters.metrics import Metrics

NOW = datetime(2026, 11, 21, 4, 52, tzinfo=UTC)
TAKEN_AT = datetime(2026, 11, 21, 4, 45, tzinfo=UTC)
STEP = timedelta(minutes=15)


def instant(hours: float) -> str:
    """`hours` after the snapshot was taken."""
    return (TAKEN_AT + timedelta(hours=hours)).isoformat().replace("+00:00", "Z")


def stay(
    vehicle: str, station: str, start: float, end: float, *powers: float, why: str = ""
) -> dict[str, Any]:
    """A stay whose periods share its time evenly."""
    each = (end - start) / len(powers)
    periods = [
        {"from": instant(start + i * each), "to": instant(start + (i + 1) * each), "kw": kw}
        for i, kw in enumerate(powers)
    ]
    return {
        "vehicle": vehicle,
        "station": station,
        "connector": 1,
        "from": instant(start),
        "to": instant(end),
        "energy_kwh": round(sum(powers) * each, 3),
        "periods": periods,
        "why": why,
    }


STAYS = [
    stay("V01", "CP01", 0, 2, 11, 22),
    stay("V01", "CP01", 7, 14, 0, 0, 11, 11, why="waits for the cheap hours from 15:15"),
    stay("V02", "CP02", 0, 1.25, 22),
    stay("V02", "CP02", 8.5, 16, 5, 5, 11),
    stay("V03", "CP03", 0, 3, 43, 50, 20),
    stay("V05", "CP05", 1, 5, 0, 4.4, why="the feeder is full until 07:45"),
    stay("V06", "CP04", 0, 4, 11, 11, 6),
]
ROUTES = {
    "R1": ("V01", 2.5, 6.5),
    "R2": ("V02", 1.75, 8),
    "R3": ("V03", 3.5, 9),
    "R4": ("V05", 5.5, 12),
    "R5": ("V06", 4.5, 8.5),
    "R6": ("V06", 10, 13),
    "R7": (None, 3, 11),
}
UNSERVED = {"R7": "no vehicle has the energy before 08:45"}


def _plan() -> dict[str, Any]:
    steps = [TAKEN_AT + i * STEP for i in range(72)]
    site = [
        {
            "from": (at).isoformat().replace("+00:00", "Z"),
            "to": (at + STEP).isoformat().replace("+00:00", "Z"),
            "import_kw": round(24 + sum(_power(s, at) for s in STAYS), 1),
        }
        for at in steps
    ]
    return {
        "format": "depotd.plan/1",
        "revision": 4711,
        "status": "feasible",
        "algorithm": "joint",
        "seed": 0,
        "allocations": [{"route": r, "vehicle": v} for r, (v, _, _) in ROUTES.items() if v],
        "unserved": [{"route": r, "reason": why} for r, why in UNSERVED.items()],
        "stays": STAYS,
        "battery": [],
        "site": site,
        "shortfalls": [{"vehicle": "V02", "at": instant(18), "route": None, "kwh": 3.2}],
        "objective": {"unserved": 1, "shortfall_kwh": 3.2, "money": 41.18, "taste": 2.0},
        "cost": {"energy": 37.18, "peak": 4.0, "wear": 0.0},
        "bound": {"money": 40.9, "gap": 0.007},
        "binding": [],
    }


def _power(charge: Mapping[str, Any], at: datetime) -> float:
    for period in charge["periods"]:
        if datetime.fromisoformat(period["from"]) <= at < datetime.fromisoformat(period["to"]):
            return float(period["kw"])
    return 0.0


def _vehicle(
    name: str, energy: float, battery: float, at: str | None, *, in_service: bool = True
) -> VehicleState:
    routes = [(depart, r) for r, (v, depart, _) in ROUTES.items() if v == name]
    depart, route = min(routes, default=(None, None))
    return VehicleState(
        id=name,
        type="truck" if battery > 100 else "van",
        energy_kwh=energy,
        battery_kwh=battery,
        target_kwh=battery * 0.8,
        plugged=None if at is None else PluggedState(station=at, connector=1),
        next_route=route,
        next_departure=None if depart is None else instant(depart),
        in_service=in_service,
    )


def _connector(status: str, **known: Any) -> ConnectorState:
    default = ConnectorState(
        connector=1,
        status=status,
        vehicle=None,
        limit_kw=0.0,
        planned_kw=0.0,
        power_kw=0.0,
        energy_kwh=None,
        fixed=None,
    )
    return cast(ConnectorState, {**default, **known})


def _station(name: str, connector: ConnectorState, **known: Any) -> StationState:
    default = StationState(
        id=name,
        version="ocpp1.6",
        online=True,
        vendor="Alder",
        model="AC 22",
        capability_class="A",
        connectors=[connector],
    )
    return cast(StationState, {**default, **known})


def _stations() -> list[StationState]:
    def charging(vehicle: str, kw: float, kwh: float, **known: Any) -> ConnectorState:
        return _connector(
            "Occupied",
            vehicle=vehicle,
            planned_kw=kw,
            limit_kw=kw,
            power_kw=kw * 0.98,
            energy_kwh=kwh,
            **known,
        )

    fast = {"version": "ocpp2.0.1", "vendor": "Birch", "model": "DC 50"}
    stations = [
        _station("CP01", charging("V01", 11, 18.4)),
        _station("CP02", charging("V02", 22, 31.0)),
        _station("CP03", charging("V03", 43, 57.2), **fast),
        _station("CP04", charging("V06", 11, 9.1, fixed="does not obey: draws 11 kW")),
        _station("CP05", _connector("Available")),
        _station("CP06", _connector("Unavailable", limit_kw=None, power_kw=None), online=False),
    ]
    stations[2]["connectors"].append({**_connector("Available"), "connector": 2})
    return stations


def sample_state() -> State:
    """A new copy each time: a test may spoil it."""
    alerts = [
        AlertState(
            at=instant(-1.5),
            kind="disobeys",
            severity="warning",
            station="CP04",
            text="draws 11.0 kW, was told 6.0 kW",
        )
    ]
    return State(
        revision=4711,
        site={
            "id": "north",
            "timezone": "Europe/Berlin",
            "currency": "EUR",
            "now": NOW.isoformat().replace("+00:00", "Z"),
            "import_limit_kw": 150.0,
            "limit_source": "settings, site.import_limit_kw",
            "base_load_kw": 24.0,
            "charging_kw": 85.3,
            "import_kw": 109.3,
            "peak_kw": 131.0,
        },
        stations=_stations(),
        vehicles=[
            _vehicle("V01", 49.5, 80, "CP01"),
            _vehicle("V02", 52.0, 80, "CP02"),
            _vehicle("V03", 96.0, 160, "CP03"),
            _vehicle("V04", 15.0, 60, None, in_service=False),
            _vehicle("V05", 61.3, 80, None),
            _vehicle("V06", 30.2, 75, "CP04"),
        ],
        routes=[
            RouteState(
                **{
                    "id": r,
                    "depart": instant(depart),
                    "return": instant(back),
                    "vehicle": v,
                    "unserved": UNSERVED.get(r),
                }
            )
            for r, (v, depart, back) in ROUTES.items()
        ],
        plan={
            "revision": 4711,
            "status": "feasible",
            "algorithm": "joint",
            "made_at": instant(1 / 30),
        },
        planner={"state": "idle", "revision": None, "since": None, "reason": None},
        limits=[
            {"name": "site north", "limit_kw": 150.0, "power_kw": 109.3, "booked_kw": 133.0},
            {"name": "circuit yard", "limit_kw": 80.0, "power_kw": 42.9, "booked_kw": 66.0},
        ],
        alerts=alerts,
    )


def sample_snapshot() -> dict[str, Any]:
    """As much of the snapshot as a picture of the plan wants: it is no planner's input."""
    return {
        "format": "depotd.snapshot/1",
        "revision": 4711,
        "taken_at": instant(0),
        "site": {
            "id": "north",
            "import_limit_kw": [
                {"from": instant(-12), "value": 150},
                {"from": instant(6), "value": 110},
                {"from": instant(9), "value": 150},
            ],
        },
        "routes": [
            {"id": r, "depart": instant(depart), "return": instant(back)}
            for r, (_, depart, back) in ROUTES.items()
        ],
    }


class SampleView:
    """A `View` of that morning whose parts a test may replace."""

    def __init__(self) -> None:
        self.current = sample_state()
        self.current_plan: dict[str, Any] | None = _plan()
        self.is_ready = True
        self.changes = Changes()

    def state(self) -> State:
        return self.current

    def stations(self) -> Sequence[StationState]:
        return self.current["stations"]

    def vehicles(self) -> Sequence[VehicleState]:
        return self.current["vehicles"]

    def plan(self) -> Mapping[str, object] | None:
        return self.current_plan

    def snapshot(self) -> Mapping[str, object] | None:
        return sample_snapshot() if self.current_plan else None

    def site_history(self) -> Sequence[HistoryPoint]:
        return [
            (
                instant((i - 240) / 60),
                round(92 + 24 * math.sin(i / 22 + 4) + 2 * math.sin(i / 3), 1),
                150,
            )
            for i in range(247)
        ]

    async def transactions(self, limit: int) -> Sequence[Transaction]:
        return [
            Transaction(
                id=f"tx-{i}",
                station="CP01",
                connector=1,
                vehicle="V01",
                id_token="04A1B2",
                started_at=instant(-8),
                stopped_at=None,
                meter_start_wh=120_400.0,
                meter_stop_wh=None,
                energy_kwh=18.4,
            )
            for i in range(min(limit, 3))
        ]

    def healthy(self) -> Probe:
        return True, {"loop_lag_s": 0.001}

    def ready(self) -> Probe:
        return self.is_ready, {"limits": "known" if self.is_ready else "not yet known"}

    async def changed(self, seen: int) -> int:
        return await self.changes.after(seen)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@asynccontextmanager
async def serving(view: View, **options: Any) -> AsyncIterator[HttpServer]:
    """A server on a free loopback port, running as it does in the daemon."""
    given: dict[str, Any] = {"host": "127.0.0.1", "login": None, "metrics": Metrics(), **options}
    server = HttpServer(view=view, port=0, log=structlog.get_logger(), **given)
    await server.start()
    running = asyncio.create_task(server.run())
    try:
        yield server
    finally:
        await server.stop()
        await running


@contextmanager
def served_in_background(view: View) -> Iterator[int]:
    """The port of a server that many tests may share, each from a loop of its own."""
    started: Future[int] = Future()
    stop = threading.Event()

    async def serve() -> None:
        async with serving(view) as server:
            started.set_result(server.port)
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        yield started.result()
    finally:
        stop.set()
        thread.join()


async def exchange(port: int, head: str, body: bytes = b"") -> Answer:
    """Sends `head` as it stands and reads until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(head.encode("latin-1") + b"\r\n\r\n" + body)
        raw = await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()
    start, _, rest = raw.partition(b"\r\n\r\n")
    status, *lines = start.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    return Answer(int(status.split()[1]), headers, rest)


async def get(port: int, path: str, **headers: str) -> Answer:
    """GET with `Host` and further headers, underscores for dashes."""
    given = {"host": f"127.0.0.1:{port}", **headers, "connection": "close"}
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in given.items()]
    return await exchange(port, "\r\n".join([f"GET {path} HTTP/1.1", *lines]))
