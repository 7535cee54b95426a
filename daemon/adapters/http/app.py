"""The application: every path of the contract, over a `View`."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request, Response

from daemon.adapters.http.page import Asset, load_assets
from daemon.adapters.http.stream import Streams
from daemon.adapters.http.view import (
    HistoryPoint,
    Probe,
    State,
    StationState,
    Transaction,
    VehicleState,
    View,
)
from daemon.adapters.metrics import Metrics
from planner.plan import Plan
from planner.snapshot import Snapshot


def encode(value: object) -> bytes:
    """JSON on one line. Raises ValueError for NaN and infinities: no JSON reader takes them."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def _answer(value: object, status: int = 200) -> Response:
    return Response(encode(value), status, media_type="application/json")


def _shape(model: Any, text: str) -> dict[int | str, dict[str, Any]]:
    # The view's answers are already typed; a second look at every value would only cost time.
    return {200: {"model": model, "description": text}}


def create_app(*, view: View, metrics: Metrics) -> tuple[FastAPI, Streams]:
    """The application without its guard, and its event streams to be closed before it stops."""
    app = FastAPI(
        title="depotd",
        version="1",
        description="What the depot is doing: read-only JSON. Powers kW, energies kWh, times UTC.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    streams = Streams(view, lambda: encode(view.state()))
    _add_api(app, view)
    _add_streams(app, streams)
    _add_probes(app, view, metrics)
    _add_page(app, load_assets())
    return app, streams


def _add_api(app: FastAPI, view: View) -> None:
    @app.get("/api/v1/state", responses=_shape(State, "Everything that is shown"), tags=["depot"])
    async def state() -> Response:
        """Site, stations, vehicles, routes, plan summary, limits and alerts, now."""
        return _answer(view.state())

    @app.get("/api/v1/stations", responses=_shape(list[StationState], "Stations"), tags=["depot"])
    async def stations() -> Response:
        """All charging stations with their connectors."""
        return _answer(view.stations())

    @app.get("/api/v1/vehicles", responses=_shape(list[VehicleState], "Vehicles"), tags=["depot"])
    async def vehicles() -> Response:
        """All vehicles: energy, where they are plugged, when they leave next."""
        return _answer(view.vehicles())

    @app.get("/api/v1/plan", responses=_shape(Plan, "The applied plan"), tags=["plan"])
    async def plan() -> Response:
        """The applied plan, format `depotd.plan/1`; 404 before the first one."""
        return _answer(_present(view.plan(), "there is no plan yet"))

    @app.get("/api/v1/snapshot", responses=_shape(Snapshot, "The snapshot"), tags=["plan"])
    async def snapshot() -> Response:
        """What the applied plan was made on, format `depotd.snapshot/1`; 404 before the first."""
        return _answer(_present(view.snapshot(), "there is no plan yet"))

    @app.get("/api/v1/history", responses=_shape(list[HistoryPoint], "History"), tags=["depot"])
    async def history() -> Response:
        """The last hours as [time, import kW or null, limit kW], the oldest first."""
        return _answer(view.site_history())

    @app.get(
        "/api/v1/transactions", responses=_shape(list[Transaction], "Sessions"), tags=["depot"]
    )
    async def transactions(limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
        """The latest charging transactions, the newest first."""
        return _answer(await view.transactions(limit))


def _present(value: object | None, why: str) -> object:
    if value is None:
        raise HTTPException(404, why)
    return value


class _Stream(Response):
    """Hands a request over to the streams; only they know when it is answered."""

    def __init__(self, streams: Streams) -> None:
        super().__init__()
        self._streams = streams

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._streams(scope, receive, send)


def _add_streams(app: FastAPI, streams: Streams) -> None:
    @app.get(
        "/events",
        tags=["depot"],
        responses={200: {"content": {"text/event-stream": {}}, "description": "Event `state`"}},
    )
    async def events() -> Response:
        """Server-sent events: `state` with what /api/v1/state gives, at most one a second."""
        return _Stream(streams)


def _add_probes(app: FastAPI, view: View, metrics: Metrics) -> None:
    def probe(answer: Probe) -> Response:
        ok, details = answer
        return _answer({"ok": ok, **details}, 200 if ok else 503)

    @app.get("/healthz", tags=["operation"])
    async def healthz() -> Response:
        """200 while the daemon makes progress, else 503."""
        return probe(view.healthy())

    @app.get("/readyz", tags=["operation"])
    async def readyz() -> Response:
        """200 once limits are known and stations are served, else 503."""
        return probe(view.ready())

    @app.get("/metrics", tags=["operation"])
    async def metrics_text() -> Response:
        """Prometheus text."""
        return Response(metrics.text(), media_type=metrics.content_type)


def _add_page(app: FastAPI, assets: dict[str, Asset]) -> None:
    def serve(request: Request, name: str) -> Response:
        asset = assets.get(name)
        if asset is None:
            raise HTTPException(404, "no such file")
        headers = {"ETag": asset.etag, "Cache-Control": "no-cache"}
        if request.headers.get("if-none-match") == asset.etag:
            return Response(status_code=304, headers=headers)
        return Response(asset.body, headers=headers, media_type=asset.media_type)

    @app.get("/", include_in_schema=False)
    async def dashboard(request: Request) -> Response:
        return serve(request, "index.html")

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> Response:
        return serve(request, "docs.html")

    @app.get("/assets/{name}", include_in_schema=False)
    async def asset(request: Request, name: str) -> Response:
        return serve(request, name)
