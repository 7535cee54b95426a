"""How long the daemon takes to see that a station is gone: one whose link is dead without a word,
and one that goes on asking and reads no answer, from the last byte on that its kernel has room for.

Real sockets and the daemon's own deadlines, in real time, all stations at once. A link dies in a
relay between station and daemon that holds both ends and passes nothing on.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import random
import socket
import struct
import tempfile
import termios
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.end_to_end.running import Daemon, RawStation, running

DEAD, NOT_READING = "dead link", "not reading"
WANTED_S = {DEAD: 60.0, NOT_READING: 10.0}
# By then at least one ping has been answered: who never answers any is borne with for longer.
AFTER_S = (16.0, 40.0)
LONGEST_S = 120.0
LOOK_EVERY_S = 0.5
# Its buffers and ours are full after a second or two.
ASKED_PER_S = 200.0

Gone = Callable[[str], Awaitable[None]]
"""Waits until the station is seen to be gone."""


@dataclass
class Result:
    """How long each was believed to be there after it was not, by kind."""

    found_s: dict[str, list[float]] = field(default_factory=lambda: {DEAD: [], NOT_READING: []})


async def run(folder: Path, stations: int, seed: int) -> Result:
    """So many of each kind."""
    rng, result = random.Random(seed), Result()
    # Who sends too much is closed for that.
    settings = {"OCPP__MESSAGES_PER_S": "1000000", "OCPP__STRIKES_PER_MINUTE": "1000000000"}
    async with running(folder, **settings) as daemon:

        async def gone(id: str) -> None:
            await _gone(daemon, id)

        async with asyncio.TaskGroup() as tasks:
            for n in range(stations):
                after_s = rng.uniform(*AFTER_S)
                tasks.create_task(_dies(daemon, f"DEAD{n}", after_s, gone, result))
                tasks.create_task(_reads_nothing(daemon, f"MUTE{n}", after_s, gone, result))
    return result


async def _dies(daemon: Daemon, id: str, after_s: float, gone: Gone, result: Result) -> None:
    async with _relay(daemon) as (url, dead):
        address = f"{url}/{id}"
        async with connect(address, subprotocols=[Subprotocol("ocpp1.6")]) as link:
            listening = asyncio.create_task(RawStation(link).listen(LONGEST_S + after_s))
            await asyncio.sleep(after_s)
            dead.set()
            began_s = time.perf_counter()
            await gone(id)
            result.found_s[DEAD].append(time.perf_counter() - began_s)
            listening.cancel()
            link.transport.abort()


async def _reads_nothing(
    daemon: Daemon, id: str, after_s: float, gone: Gone, result: Result
) -> None:
    protocols = [Subprotocol("ocpp1.6")]
    address = f"{daemon.ocpp}/{id}"
    raw = _small_socket(daemon)
    async with connect(address, subprotocols=protocols, sock=raw) as link:
        await RawStation(link).listen(after_s)
        link.transport.pause_reading()
        asking = asyncio.create_task(_ask(link, raw.dup()))
        await gone(id)
        found_s = time.perf_counter()
        result.found_s[NOT_READING].append(found_s - await asking)
        link.transport.abort()


def _small_socket(daemon: Daemon) -> socket.socket:
    """That holds little of what it is sent until it is read."""
    at = urlsplit(daemon.ocpp)
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    small.connect((at.hostname, at.port))
    small.setblocking(False)
    return small


async def _ask(link: ClientConnection, raw: socket.socket) -> float:
    """Until the link is closed; returns when its kernel took the last byte of an answer."""
    held, since_s = 0, time.perf_counter()
    with raw, suppress(ConnectionClosed):
        for number in count():
            await link.send(json.dumps([2, f"{number:036}", "Heartbeat", {}]))
            (now_held,) = struct.unpack("i", fcntl.ioctl(raw, termios.FIONREAD, bytes(4)))
            if now_held != held:
                held, since_s = now_held, time.perf_counter()
            await asyncio.sleep(1 / ASKED_PER_S)
    return since_s


async def _gone(daemon: Daemon, id: str) -> None:
    async with asyncio.timeout(LONGEST_S):
        while True:
            state = await daemon.get("/api/v1/state")
            if not any(s["id"] == id and s["online"] for s in state["stations"]):
                return
            await asyncio.sleep(LOOK_EVERY_S)


@asynccontextmanager
async def _relay(daemon: Daemon) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """An address that leads to the daemon until its event is set; both ends stay open."""
    dead, to = asyncio.Event(), urlsplit(daemon.ocpp)
    passing: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_daemon, to_daemon = await asyncio.open_connection(to.hostname, to.port)
        for source, sink in ((reader, to_daemon), (from_daemon, writer)):
            passing.add(asyncio.create_task(_pass_on(source, sink, dead)))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"ws://127.0.0.1:{port}{to.path}", dead
    finally:
        server.close()
        for task in passing:
            task.cancel()
        await asyncio.gather(*passing, return_exceptions=True)


async def _pass_on(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, dead: asyncio.Event
) -> None:
    try:
        while data := await source.read(65536):
            if not dead.is_set():
                sink.write(data)
                await sink.drain()
    finally:
        sink.transport.abort()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stations", type=int, default=3, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(run(Path(folder), args.stations, args.seed))
    for kind, found_s in result.found_s.items():
        print(
            f"seed {args.seed}: {len(found_s)} stations, {kind}: found after {min(found_s):.1f} to "
            f"{max(found_s):.1f} s, wanted {WANTED_S[kind]:g}"
        )
    late = any(max(found_s) > WANTED_S[kind] for kind, found_s in result.found_s.items())
    return 1 if late else 0


if __name__ == "__main__":
    raise SystemExit(main())
