"""Server-sent events: the state, whenever it has changed, to a bounded number of readers.

Nothing is queued for a reader: one that is slow gets the newest state when it is ready for it. The
format is that of the HTML standard, section 9.2 (server-sent events).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from daemon.adapters.http.view import View

_FAREWELL_S = 0.5
_START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"x-accel-buffering", b"no"),
    ],
}


class Streams:
    """All open streams of one server. `encode` gives the state as JSON on one line; it is called
    once for each version, however many readers there are."""

    def __init__(
        self,
        view: View,
        encode: Callable[[], bytes],
        *,
        max_clients: int = 16,
        heartbeat_s: float = 15.0,
        interval_s: float = 1.0,
        send_deadline_s: float = 10.0,
    ) -> None:
        self._view = view
        self._encode = encode
        self._max_clients = max_clients
        self._heartbeat_s = heartbeat_s
        self._interval_s = interval_s
        self._send_deadline_s = send_deadline_s
        self._closing = asyncio.Event()
        self._latest = (-1, b"")
        self.clients = 0

    def close(self) -> None:
        """Ends every stream, and those still to come at once."""
        self._closing.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.clients >= self._max_clients:
            busy = JSONResponse({"detail": "too many event streams are open"}, 503)
            await busy(scope, receive, send)
            return
        self.clients += 1
        try:
            await send(_START)
            await self._serve(receive, send)
        finally:
            self.clients -= 1

    async def _serve(self, receive: Receive, send: Send) -> None:
        ended = [
            asyncio.ensure_future(self._closing.wait()),
            asyncio.ensure_future(_disconnect(receive)),
        ]
        pump = asyncio.ensure_future(self._pump(send))
        try:
            await asyncio.wait([pump, *ended], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (pump, *ended):
                task.cancel()
            outcome = (await asyncio.gather(pump, *ended, return_exceptions=True))[0]
        if isinstance(outcome, Exception):
            raise outcome
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pump(self, send: Send) -> None:
        seen = -1
        while True:
            chunk = b": still here\n\n"
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._heartbeat_s):
                    seen = await self._view.changed(seen)
                    chunk = self._event(seen)
            # A peer that acknowledges but never reads would hold its place for ever.
            async with asyncio.timeout(self._send_deadline_s):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await asyncio.sleep(self._interval_s)

    def _event(self, version: int) -> bytes:
        if self._latest[0] != version:
            head = f"event: state\nid: {version}\ndata: ".encode()
            self._latest = (version, head + self._encode() + b"\n\n")
        return self._latest[1]


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
