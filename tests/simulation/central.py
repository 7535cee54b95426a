"""A central system on a real socket that takes down what stations say and answers as a test
wishes; raw OCPP-J, so that it shares no code with the stations."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from protocol.ocpp.model import Version

Payload = dict[str, Any]
_PATIENCE_S = 60.0


class CallFailed(Exception):
    """A CALLERROR; the first argument is its code."""


class Central:
    """One station's opposite. `answers` may replace the answer to an action; one that returns None
    leaves the call without an answer."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.url = ""
        self.told: list[tuple[str, Payload]] = []
        self.answers: dict[str, Callable[[Payload], Payload | None]] = {}
        self._news = asyncio.Condition()
        self._pending: dict[str, asyncio.Future[Payload]] = {}
        self._ids = count(1)
        self._transactions = count(1001)
        self._socket: ServerConnection | None = None
        self._read = 0

    async def handle(self, socket: ServerConnection) -> None:
        self._socket = socket
        try:
            async for text in socket:
                await self._receive(socket, json.loads(text))
        except ConnectionClosed:
            pass
        for future in self._pending.values():
            if not future.done():
                future.set_exception(ConnectionError("closed"))

    async def next(self, action: str, **wanted: object) -> Payload:
        """The next call of this action, after those already asked for, whose payload holds these
        values."""
        async with asyncio.timeout(_PATIENCE_S), self._news:
            while True:
                while self._read < len(self.told):
                    said, payload = self.told[self._read]
                    self._read += 1
                    if said == action and wanted.items() <= payload.items():
                        return payload
                await self._news.wait()

    async def call(self, action: str, **payload: object) -> Payload:
        assert self._socket is not None
        call_id = f"c{next(self._ids)}"
        future: asyncio.Future[Payload] = asyncio.get_running_loop().create_future()
        self._pending[call_id] = future
        await self._socket.send(json.dumps([2, call_id, action, payload]))
        async with asyncio.timeout(_PATIENCE_S):
            return await future

    async def send(self, action: str, **payload: object) -> None:
        """A call whose answer nobody waits for."""
        assert self._socket is not None
        await self._socket.send(json.dumps([2, f"c{next(self._ids)}", action, payload]))

    def actions(self) -> list[str]:
        return [action for action, _ in self.told]

    def all(self, action: str) -> list[Payload]:
        return [payload for said, payload in self.told if said == action]

    async def _receive(self, socket: ServerConnection, frame: list[Any]) -> None:
        if frame[0] != 2:
            future = self._pending.pop(frame[1], None)
            if future is not None and frame[0] == 3:
                future.set_result(frame[2])
            elif future is not None:
                future.set_exception(CallFailed(frame[2]))
            return
        _, call_id, action, payload = frame
        answer = self.answers.get(action, self._answer(action))(payload)
        async with self._news:
            self.told.append((action, payload))
            self._news.notify_all()
        if answer is not None and "error" in answer:
            await socket.send(json.dumps([4, call_id, answer["error"], "", {}]))
        elif answer is not None:
            await socket.send(json.dumps([3, call_id, answer]))

    def _answer(self, action: str) -> Callable[[Payload], Payload | None]:
        accepted = {"status": "Accepted"}
        old = self.version is Version.V16
        match action:
            case "BootNotification":
                now = "2026-11-20T16:00:00Z"
                return lambda _: {"currentTime": now, "interval": 300, "status": "Accepted"}
            case "Heartbeat":
                return lambda _: {"currentTime": "2026-11-20T16:00:00Z"}
            case "Authorize":
                return lambda _: {"idTagInfo" if old else "idTokenInfo": accepted}
            case "StartTransaction":
                number = next(self._transactions)
                return lambda _: {"transactionId": number, "idTagInfo": accepted}
        return lambda _: {}


@asynccontextmanager
async def central_system(version: Version) -> AsyncIterator[Central]:
    central = Central(version)
    protocols = [Subprotocol(version.value)]
    async with serve(central.handle, "127.0.0.1", 0, subprotocols=protocols) as server:
        port = server.sockets[0].getsockname()[1]
        central.url = f"ws://127.0.0.1:{port}/ocpp"
        yield central
