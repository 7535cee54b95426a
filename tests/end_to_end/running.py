"""The daemon as users run it: a process of its own, talked to over its own sockets."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

# On a machine that many share, the imports alone may take minutes; it costs only who fails.
START_S = 300.0


@dataclass
class Daemon:
    """`depotd run` with its state in `directory`; every port is chosen by the system."""

    directory: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    process: asyncio.subprocess.Process | None = None
    ocpp: str = ""
    http: str = ""

    async def start(self) -> None:
        process = await self.spawn()
        async with asyncio.timeout(START_S):
            while (started := self._last_start()) is None:
                assert process.returncode is None, self.log()
                await asyncio.sleep(0.05)
        self.ocpp, self.http = started["ocpp"], started["http"]

    async def spawn(self) -> asyncio.subprocess.Process:
        """Returns when there is a process, with nothing of the daemon in it yet."""
        environment = dict(os.environ) | {
            "DEPOTD_STORE__DIRECTORY": str(self.directory),
            "DEPOTD_MQTT__URL": "off",
            "DEPOTD_OCPP__PORT": "0",
            "DEPOTD_HTTP__PORT": "0",
            **self.settings,
        }
        log = (self.directory / "log").open("ab")
        with log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "daemon.cli",
                "run",
                env=environment,
                stdout=log,
                stderr=log,
            )
        return self.process

    def _last_start(self) -> dict[str, str] | None:
        assert self.process is not None
        for line in reversed(self.log().splitlines()):
            entry = json.loads(line) if line.startswith("{") else {}
            if entry.get("event") == "started" and entry.get("pid") == self.process.pid:
                return dict(entry)
        return None

    def log(self) -> str:
        return (self.directory / "log").read_text(errors="replace")

    async def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        return await self.process.wait()

    async def get(self, path: str) -> Any:
        return json.loads(await self.text(path))

    async def text(self, path: str) -> str:
        return await asyncio.to_thread(self._text, path)

    def _text(self, path: str) -> str:
        address = urlsplit(self.http)
        assert address.hostname is not None
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()


@asynccontextmanager
async def running(directory: Path, **settings: str) -> AsyncIterator[Daemon]:
    """A started daemon; `settings` are DEPOTD_ variables without the prefix."""
    daemon = Daemon(directory, {f"DEPOTD_{key}": value for key, value in settings.items()})
    await daemon.start()
    try:
        yield daemon
    finally:
        await daemon.stop()


def known_vehicle(id: str, id_token: str) -> dict[str, object]:
    """Settings of a vehicle that is here, nearly empty, and told in full."""
    return {
        "id": id,
        "id_tokens": [id_token],
        "type": "van",
        "battery_kwh": 200.0,
        "energy_kwh": 20.0,
        "target_kwh": 200.0,
        "max_charge_kw": 22.0,
        "plugs": ["type2"],
        "available_from": "2026-01-01T00:00:00Z",
    }


@dataclass
class RawStation:
    """A 1.6 station that speaks raw text, so that a test says every byte; it accepts every call."""

    link: ClientConnection
    calls: list[list[Any]] = field(default_factory=list)
    number: int = 0

    @classmethod
    @asynccontextmanager
    async def connected(
        cls, daemon: Daemon, id: str, version: str = "ocpp1.6"
    ) -> AsyncIterator[RawStation]:
        address = f"{daemon.ocpp}/{id}"
        async with connect(address, subprotocols=[Subprotocol(version)]) as link:
            yield cls(link)

    async def call(self, action: str, payload: Mapping[str, object], id: str = "") -> Any:
        """Sends a CALL and returns the payload of its answer, answering meanwhile what is asked."""
        self.number += 1
        id = id or f"{action}-{self.number}"
        await self.link.send(json.dumps([2, id, action, payload]))
        return await self.answer_to(id)

    async def answer_to(self, id: str) -> Any:
        async with asyncio.timeout(60):
            while True:
                frame = json.loads(await self.link.recv())
                if frame[0] == 2:
                    self.calls.append(frame)
                    await self.link.send(json.dumps([3, frame[1], ANSWERS.get(frame[2], ACCEPTED)]))
                elif frame[1] == id:
                    return frame[2:] if frame[0] == 4 else frame[2]

    async def listen(self, seconds: float) -> None:
        """Answers what is asked for a while."""
        try:
            async with asyncio.timeout(seconds):
                await self.answer_to("none")
        except TimeoutError:
            return


ACCEPTED = {"status": "Accepted"}
ANSWERS: dict[str, dict[str, object]] = {"GetConfiguration": {"configurationKey": []}}
