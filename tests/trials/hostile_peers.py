"""Peers that mean harm, each back as soon as it is thrown out: handshakes that never end, bombs of
compressed text, messages that are too long, and fragments without end.

They want what others need: the daemon's connections, memory and time.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.end_to_end.running import Daemon, RawStation

FRAGMENT = "x" * 1000
# More than a station may say in one message.
OVERSIZED = "x" * 100_000
BYTE_EVERY_S = 0.5
UPGRADE = "GET {path}/SLOW HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n" + "X: x\r\n" * 100


def bomb() -> bytes:
    """One frame below 64 KiB whose text of 60 MB is zeros: FIN, compressed, masked by zeros."""
    packing = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = (packing.compress(bytes(60_000_000)) + packing.flush(zlib.Z_SYNC_FLUSH))[:-4]
    assert len(packed) < 2**16
    return b"\xc1\xfe" + len(packed).to_bytes(2, "big") + bytes(4) + packed


class HostilePeers:
    """`ended` counts how each kind was thrown out: by the code that closed it, or as `hung up`."""

    def __init__(self, daemon: Daemon, each: int) -> None:
        """`each`: so many peers of each kind at the same time."""
        self.ended: Counter[str] = Counter()
        self._daemon = daemon
        self._each = each
        self._bomb = bomb()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as peers:
            for number in range(self._each):
                peers.create_task(self._slow())
                peers.create_task(self._station("bomb", f"BOMB{number}"))
                peers.create_task(self._station("oversized", f"LONG{number}"))
                peers.create_task(self._station("fragments", f"PIECES{number}"))

    async def _slow(self) -> None:
        """A handshake of which a byte comes now and then."""
        address = urlsplit(self._daemon.ocpp)
        head = UPGRADE.format(path=address.path).encode()
        while True:
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            hung_up = asyncio.create_task(reader.read())
            try:
                for byte in head:
                    writer.write(bytes((byte,)))
                    if (await asyncio.wait({hung_up}, timeout=BYTE_EVERY_S))[0]:
                        break
                with suppress(OSError):
                    assert b"101" not in await hung_up
            finally:
                hung_up.cancel()
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
            self.ended["handshake: hung up"] += 1

    async def _station(self, kind: str, id: str) -> None:
        # Compression is the daemon's duty in 2.0.1 alone (part 4, 3.5).
        version = "ocpp2.0.1" if kind == "bomb" else "ocpp1.6"
        while True:
            try:
                async with RawStation.connected(self._daemon, id, version) as station:
                    await self._harm(kind, station.link)
                    await station.link.wait_closed()
                    self.ended[f"{kind}: {station.link.close_code}"] += 1
            except (OSError, InvalidHandshake) as error:
                self.ended[f"{kind}: {type(error).__name__}"] += 1

    async def _harm(self, kind: str, link: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            if kind == "bomb":
                link.transport.write(self._bomb)
            elif kind == "oversized":
                await link.send(OVERSIZED)
            else:
                await link.send(_endless())


async def _endless() -> AsyncIterator[str]:
    while True:
        yield FRAGMENT
        await asyncio.sleep(0)
