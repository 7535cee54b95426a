from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog

from daemon.adapters.http.server import HttpServer
from daemon.adapters.http.stream import Streams
from daemon.adapters.metrics import Metrics
from tests.adapters.http_sample import SampleView, get, serving


@asynccontextmanager
async def listening(port: int) -> AsyncIterator[asyncio.StreamReader]:
    """A reader behind the head of an open event stream."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert b"text/event-stream" in head
        yield reader
    finally:
        writer.close()
        await writer.wait_closed()


async def next_event(reader: asyncio.StreamReader) -> dict[str, str]:
    """The members of the next event; those of a comment are its text under an empty name."""
    size = int(await reader.readline(), 16)
    chunk = (await reader.readexactly(size + 2)).decode().strip()
    return dict(line.split(": ", 1) for line in chunk.split("\n"))


def new_server(port: int = 0) -> HttpServer:
    return HttpServer(
        view=SampleView(),
        metrics=Metrics(),
        host="127.0.0.1",
        port=port,
        login=None,
        log=structlog.get_logger(),
    )


async def test_the_state_comes_at_once_and_after_each_change() -> None:
    view = SampleView()
    async with serving(view) as server, listening(server.port) as reader:
        first = await next_event(reader)
        assert (first["event"], first["id"]) == ("state", "0")
        assert json.loads(first["data"]) == json.loads(json.dumps(view.current))
        view.current["site"]["import_kw"] = 77.0
        view.changes.bump()
        second = await next_event(reader)
    assert second["id"] == "1"
    assert json.loads(second["data"])["site"]["import_kw"] == 77.0


async def test_a_slow_reader_gets_the_newest_state_and_none_of_those_between() -> None:
    view = SampleView()
    async with serving(view) as server, listening(server.port) as reader:
        await next_event(reader)
        for i in range(50):
            view.current["revision"] = i
            view.changes.bump()
        event = await next_event(reader)
    assert (event["id"], json.loads(event["data"])["revision"]) == ("50", 49)


async def test_stop_ends_open_streams_and_the_running_task() -> None:
    server = new_server()
    await server.start()
    running = asyncio.create_task(server.run())
    async with listening(server.port) as one, listening(server.port) as two:
        await next_event(one)
        await server.stop()
        assert (await one.read()).endswith(b"0\r\n\r\n")
        assert (await two.read()).endswith(b"0\r\n\r\n")
    await running
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", server.port)


async def test_a_cancelled_server_closes_its_streams_too() -> None:
    server = new_server()
    await server.start()
    running = asyncio.create_task(server.run())
    async with listening(server.port) as reader:
        await next_event(reader)
        running.cancel()
        assert (await reader.read()).endswith(b"0\r\n\r\n")
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_started_server_stops_without_having_run() -> None:
    server = new_server()
    await server.start()
    await server.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", server.port)


async def test_a_port_in_use_is_named() -> None:
    async with serving(SampleView()) as server:
        second = new_server(server.port)
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1 port {server.port}"):
            await second.start()


async def test_signals_stay_with_the_daemon() -> None:
    before = signal.getsignal(signal.SIGTERM)
    async with serving(SampleView()) as server:
        await get(server.port, "/readyz")
        assert signal.getsignal(signal.SIGTERM) is before


class Peer:
    """The other end of one ASGI request: what it was sent, and when it leaves."""

    def __init__(self, *, reads: bool = True) -> None:
        self.sent: asyncio.Queue[Any] = asyncio.Queue()
        self.leaves = asyncio.Event()
        self._reads = reads

    async def receive(self) -> dict[str, object]:
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.put_nowait(message)
        if not self._reads and message.get("more_body"):
            await asyncio.Event().wait()


def streams(view: SampleView, **options: Any) -> Streams:
    return Streams(view, lambda: b"{}", **{"interval_s": 0.0, **options})


async def test_a_quiet_stream_shows_that_it_is_alive() -> None:
    peer = Peer()
    task = asyncio.ensure_future(
        streams(SampleView(), heartbeat_s=0.01)({}, peer.receive, peer.send)
    )
    bodies = [(await peer.sent.get()).get("body") for _ in range(4)]
    assert bodies[1:] == [
        b"event: state\nid: 0\ndata: {}\n\n",
        b": still here\n\n",
        b": still here\n\n",
    ]
    peer.leaves.set()
    await task


async def test_streams_are_bounded_and_a_place_is_given_back() -> None:
    all_streams = streams(SampleView(), max_clients=1)
    first, second, third = Peer(), Peer(), Peer()
    task = asyncio.ensure_future(all_streams({"type": "http"}, first.receive, first.send))
    assert (await first.sent.get())["status"] == 200
    await all_streams({"type": "http"}, second.receive, second.send)
    assert (await second.sent.get())["status"] == 503
    first.leaves.set()
    await task
    task = asyncio.ensure_future(all_streams({"type": "http"}, third.receive, third.send))
    assert (await third.sent.get())["status"] == 200
    all_streams.close()
    await task
    assert all_streams.clients == 0


async def test_a_peer_that_never_reads_loses_its_place() -> None:
    peer = Peer(reads=False)
    all_streams = streams(SampleView(), send_deadline_s=0.01)
    with pytest.raises(TimeoutError):
        await all_streams({}, peer.receive, peer.send)
    assert all_streams.clients == 0


async def test_stop_does_not_wait_for_a_peer_that_never_reads() -> None:
    view = SampleView()
    view.current["alerts"] = [
        {"at": "", "kind": "", "severity": "", "station": None, "text": "x" * 4_000_000}
    ]
    async with serving(view) as server:
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(peer, ("127.0.0.1", server.port))
        await loop.sock_sendall(peer, b"GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert await loop.sock_recv(peer, 12) == b"HTTP/1.1 200"
    peer.close()
