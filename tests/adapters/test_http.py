from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from pydantic import TypeAdapter
from typing_extensions import is_typeddict

from daemon.adapters.http import server as http_server
from daemon.adapters.http import view as shapes
from daemon.adapters.http.page import load_assets
from daemon.adapters.metrics import Metrics
from planner.plan import Plan
from tests.adapters.http_sample import SampleView, exchange, get, served_in_background, serving


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A server that none of its tests changes."""
    with served_in_background(SampleView()) as port:
        yield port


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/api/v1/state", shapes.State),
        ("/api/v1/stations", list[shapes.StationState]),
        ("/api/v1/vehicles", list[shapes.VehicleState]),
        ("/api/v1/history", list[shapes.HistoryPoint]),
        ("/api/v1/transactions", list[shapes.Transaction]),
        ("/api/v1/plan", Plan),
    ],
)
async def test_each_path_answers_in_its_documented_shape(port: int, path: str, shape: Any) -> None:
    answer = await get(port, path)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    TypeAdapter(shape).validate_json(answer.body, strict=True, extra="forbid")


async def test_a_transaction_has_the_members_of_the_contract_and_no_others(port: int) -> None:
    answer = await get(port, "/api/v1/transactions?limit=2")
    assert [list(transaction) for transaction in answer.json()] == 2 * [
        [
            *("id", "station", "connector", "vehicle", "id_token", "started_at", "stopped_at"),
            *("meter_start_wh", "meter_stop_wh", "energy_kwh"),
        ]
    ]


async def test_a_limit_outside_its_range_is_refused_by_name(port: int) -> None:
    for limit in ("0", "1001", "many"):
        answer = await get(port, f"/api/v1/transactions?limit={limit}")
        assert answer.status == 422
        assert answer.json()["detail"][0]["loc"] == ["query", "limit"]


async def test_before_the_first_plan_there_is_none() -> None:
    view = SampleView()
    view.current_plan = None
    async with serving(view) as server:
        for path in ("/api/v1/plan", "/api/v1/snapshot"):
            answer = await get(server.port, path)
            assert (answer.status, answer.json()) == (404, {"detail": "there is no plan yet"})


async def test_a_state_that_json_cannot_hold_is_an_error_not_a_lie(
    caplog: pytest.LogCaptureFixture,
) -> None:
    view = SampleView()
    view.current["site"]["import_limit_kw"] = float("nan")
    async with serving(view) as server:
        answer = await get(server.port, "/api/v1/state")
    assert answer.status == 500
    assert b"NaN" not in answer.body
    assert "Out of range float values" in caplog.text


async def test_probes_tell_ready_by_their_status() -> None:
    view = SampleView()
    async with serving(view) as server:
        assert (await get(server.port, "/healthz")).json() == {"ok": True, "loop_lag_s": 0.001}
        assert (await get(server.port, "/readyz")).status == 200
        view.is_ready = False
        answer = await get(server.port, "/readyz")
    assert answer.status == 503
    assert answer.json() == {"ok": False, "limits": "not yet known"}


async def test_metrics_are_prometheus_text() -> None:
    metrics = Metrics()
    metrics.note("plan_applied", "info")
    async with serving(SampleView(), metrics=metrics) as server:
        answer = await get(server.port, "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert b'depotd_notes_total{level="info",name="plan_applied"} 1.0' in answer.body


async def test_the_description_names_every_path_and_shape(port: int) -> None:
    api = (await get(port, "/openapi.json")).json()
    assert {
        *("/api/v1/state", "/api/v1/stations", "/api/v1/vehicles", "/api/v1/plan"),
        *("/api/v1/transactions", "/events", "/healthz", "/readyz", "/metrics"),
    } <= set(api["paths"])
    named = {name for name in vars(shapes) if is_typeddict(getattr(shapes, name))}
    assert named <= set(api["components"]["schemas"])


async def test_pages_and_their_files_name_nothing_outside(port: int) -> None:
    for path in ("/", "/docs"):
        answer = await get(port, path)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        links = re.findall(r'(?:src|href)="([^"]+)"', answer.body.decode())
        assert [link for link in links if not link.startswith("/")] == []
        for link in links:
            assert (await get(port, link)).status == 200, link


def test_page_files_hold_no_inline_code_and_no_outside_address() -> None:
    for name, asset in load_assets().items():
        text = asset.body.decode()
        addresses = re.findall(r"https?://[^\s\"'`]+", text)
        assert set(addresses) <= {"http://www.w3.org/2000/svg"}, name
        assert re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", text) is None
        assert re.search(r"<script>|<style|\son\w+=|\sstyle=", text) is None, name


async def test_an_unchanged_file_is_not_sent_twice(port: int) -> None:
    first = await get(port, "/assets/main.js")
    again = await get(port, "/assets/main.js", if_none_match=first.headers["etag"])
    assert first.headers["content-type"] == "text/javascript; charset=utf-8"
    assert (again.status, again.body) == (304, b"")


async def test_what_is_not_there_is_not_found(port: int) -> None:
    for path in ("/nothing", "/assets/../view.py", "/assets/%2e%2e%2fview.py", "/assets/no.js"):
        assert (await get(port, path)).status == 404, path


@pytest.mark.fault(20, 69)
async def test_nothing_can_be_changed_here(port: int) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        head = f"{method} /api/v1/state HTTP/1.1\r\nhost: localhost\r\nconnection: close"
        answer = await exchange(port, f"{head}\r\ncontent-length: 2", b"{}")
        assert answer.status == 405, method


@pytest.mark.fault(65)
async def test_hostile_text_stays_text_in_json() -> None:
    view = SampleView()
    hostile = "</script><img src=x onerror=alert(1)>\u2028\x00\ud800"
    view.current["stations"][0]["vendor"] = hostile
    async with serving(view) as server:
        answer = await get(server.port, "/api/v1/stations")
    assert answer.body.isascii()
    assert json.loads(answer.body)[0]["vendor"] == hostile


@pytest.mark.fault(36)
async def test_connections_on_which_nothing_is_asked_make_room_for_who_asks() -> None:
    idle: list[asyncio.StreamWriter] = []
    async with serving(SampleView()) as server:
        for _ in range(3):
            for _ in range(60):
                _, writer = await asyncio.open_connection("127.0.0.1", server.port)
                writer.write(b"GET /healthz HTTP/1.1\r\n")
                idle.append(writer)
            assert (await get(server.port, "/api/v1/state")).status == 200
        for writer in idle:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


@pytest.mark.fault(36)
async def test_the_address_that_holds_most_connections_makes_room_first() -> None:
    async with serving(SampleView()) as server:
        address = ("127.0.0.1", server.port)
        reader, kept = await asyncio.open_connection(*address, local_addr=("127.0.0.2", 0))
        many = [await asyncio.open_connection(*address) for _ in range(150)]
        kept.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        for writer in (kept, *(writer for _, writer in many)):
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


@pytest.mark.fault(36)
async def test_who_sends_a_byte_of_a_request_now_and_then_is_cut_off_and_harms_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(http_server, "REQUEST_S", 0.2)
    async with serving(SampleView()) as server:
        slow = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(90)]
        body = f"POST / HTTP/1.1\r\nHost: localhost:{server.port}\r\nContent-Length: 9\r\n\r\n"
        slow[0][1].write(body.encode())
        async with asyncio.TaskGroup() as tasks:
            dripping = tasks.create_task(_drip([writer for _, writer in slow]))
            assert (await get(server.port, "/api/v1/state")).status == 200
            for reader, _ in slow:
                with suppress(ConnectionError):
                    await reader.read()
            dripping.cancel()
        assert (await get(server.port, "/api/v1/state")).status == 200
        for _, writer in slow:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
    assert "sent no whole request in 0.2 s" in caplog.text


async def _drip(writers: list[asyncio.StreamWriter]) -> None:
    while True:
        for writer in writers:
            writer.write(b"G")
        await asyncio.sleep(0.05)
