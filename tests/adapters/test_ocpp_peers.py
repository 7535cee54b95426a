"""Peers that are slow, endless or silent in their own ways, beside a station that is not."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any

import pytest

from daemon.adapters.ocpp import server as server_module
from daemon.adapters.ocpp import session
from daemon.core.events import StationConnected, StationLost
from tests.adapters.test_ocpp_server import (
    PATIENCE_S,
    V201,
    Depot,
    Serve,
    ask,
    closing,
    depot,
    serve,
    station,
)

__all__ = ["depot", "serve"]

UPGRADE = (
    "GET /ocpp/CP02 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)


async def ends(reader: asyncio.StreamReader) -> bytes:
    """What the server still says until it hangs up."""
    async with asyncio.timeout(PATIENCE_S):
        return await reader.read()


@pytest.mark.fault(36)
async def test_handshakes_that_never_end_are_given_up_and_harm_nobody(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "OPEN_TIMEOUT_S", 0.2)
    server = await serve(answers=True)
    slow = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(50)]
    for i, (_, writer) in enumerate(slow):
        writer.write(UPGRADE[: 20 + i].encode())
    async with station(server) as client:
        assert (await ask(client, '[2,"h","Heartbeat",{}]'))[:2] == [3, "h"]
        for reader, _ in slow:
            assert not (await ends(reader)).startswith(b"HTTP/1.1 101")
    for _, writer in slow:
        writer.close()


@pytest.mark.fault(36)
async def test_a_head_that_never_ends_is_refused_before_it_fills_the_memory(serve: Serve) -> None:
    server = await serve()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(UPGRADE.encode() + b"X: " + b"x" * 100_000)
    assert b"101" not in await ends(reader)
    writer.close()


@pytest.mark.fault(36)
async def test_a_compressed_bomb_is_closed_with_1009(serve: Serve, depot: Depot) -> None:
    server = await serve()
    async with station(server, "CP01", V201) as client:
        await depot.next()
        packed = zlib.compressobj(9, zlib.DEFLATED, -15)
        bomb = packed.compress(bytes(60_000_000)) + packed.flush(zlib.Z_SYNC_FLUSH)
        assert len(bomb) < 64 * 1024
        # FIN, RSV1 (compressed), text; masked by zeros.
        frame = b"\xc1\xfe" + (len(bomb) - 4).to_bytes(2, "big") + bytes(4) + bomb[:-4]
        client.transport.write(frame)
        assert await closing(client) == 1009


@pytest.mark.fault(36)
async def test_fragments_without_end_are_closed_with_1009(serve: Serve, depot: Depot) -> None:
    server = await serve()
    async with station(server) as client:
        await depot.next()

        async def endless() -> Any:
            while True:
                yield "x" * 1000

        sending = asyncio.create_task(client.send(endless()))
        assert await closing(client) == 1009
        await asyncio.gather(sending, return_exceptions=True)


@pytest.mark.fault(49)
async def test_a_station_that_talks_and_never_answers_a_ping_is_kept(
    serve: Serve, depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "PING_EVERY_S", 0.02)
    monkeypatch.setattr(session, "SILENT_S", 0.1)
    server = await serve(answers=True)
    async with station(server, ping_interval=None) as client:
        heard = without_pings(client.protocol.recv_frame)
        monkeypatch.setattr(client.protocol, "recv_frame", heard)
        assert isinstance(await depot.next(), StationConnected)
        for i in range(3):
            await asyncio.sleep(3 * session.SILENT_S)
            assert (await ask(client, f'[2,"{i}","Heartbeat",{{}}]'))[1] == str(i)
        assert server._sessions["CP01"]._pongs == 0
        told = [depot.events.get_nowait() for _ in range(depot.events.qsize())]
    assert not any(isinstance(event, StationLost) for event in told)


def without_pings(receive: Any) -> Any:
    """A peer for which pings do not exist."""

    def receive_all_but_pings(frame: Any) -> None:
        if frame.opcode.name != "PING":
            receive(frame)

    return receive_all_but_pings


@pytest.mark.fault(36, 47)
async def test_who_floods_us_with_pings_is_cut_off_and_others_are_served(
    serve: Serve, depot: Depot
) -> None:
    server = await serve(answers=True)
    async with station(server) as client, station(server, "CP02") as flooding:
        # FIN, ping; 125 bytes, masked by zeros.
        pings = (b"\x89\xfd" + bytes(4) + bytes(125)) * 100
        closed = asyncio.create_task(flooding.wait_closed())
        async with asyncio.timeout(PATIENCE_S):
            while not closed.done():
                flooding.transport.write(pings)
                assert (await ask(client, '[2,"h","Heartbeat",{}]'))[:2] == [3, "h"]


async def test_pings_that_piled_up_in_a_stall_are_all_answered(serve: Serve) -> None:
    server = await serve(answers=True)
    async with station(server, ping_interval=None) as client:
        for _ in range(60):
            await (await client.ping())
        assert (await ask(client, '[2,"h","Heartbeat",{}]'))[:2] == [3, "h"]
