"""Real brokers to test against, and clients that stand for the fleet."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import aiomqtt
import structlog
from structlog.typing import FilteringBoundLogger

from daemon.adapters.broker import EmbeddedBroker
from daemon.adapters.mqtt_client import CancellableClient, MqttVersion
from daemon.adapters.mqtt_probe import accepts

NO_DELAY = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)


class Broker(Protocol):
    port: int
    version: MqttVersion

    async def start(self) -> None: ...
    async def kill(self) -> None: ...
    async def stop(self) -> None: ...


def log_to(entries: list[dict[str, object]]) -> FilteringBoundLogger:
    """A logger that keeps each line as a dictionary in `entries`."""

    def keep(_logger: object, method: str, event: structlog.typing.EventDict) -> str:
        entries.append({"level": method, **event})
        raise structlog.DropEvent

    log: FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(),
        processors=[keep],
        wrapper_class=structlog.make_filtering_bound_logger(0),
    )
    return log


async def until(condition: Callable[[], bool]) -> None:
    """Looks again and again: for what happens in another process."""
    while True:
        if condition():
            return
        await asyncio.sleep(0.01)


class Embedded:
    """The embedded broker, as the daemon starts it."""

    version: MqttVersion = "3.1.1"

    def __init__(self, folder: Path) -> None:
        self._broker = EmbeddedBroker(port=0, state_dir=folder, log=log_to([]))
        self.port = 0

    async def start(self) -> None:
        await self._broker.start()
        self.port = self._broker.port

    async def kill(self) -> None:
        assert self._broker.pid is not None
        os.kill(self._broker.pid, signal.SIGKILL)
        await self._broker.stop()

    async def stop(self) -> None:
        await self._broker.stop()


class Mosquitto:
    """mosquitto with the settings that keep what it has over a kill."""

    version: MqttVersion = "5"

    def __init__(self, program: Path, folder: Path, *extra: str) -> None:
        self._program = program
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._settings = folder / "mosquitto.conf"
        self._settings.write_text(
            "\n".join(
                (
                    f"listener {self.port} 127.0.0.1",
                    "allow_anonymous true",
                    "set_tcp_nodelay true",
                    "persistence true",
                    f"persistence_location {folder}/",
                    "autosave_on_changes true",
                    "autosave_interval 1",
                    *((f"user {os.environ.get('USER', 'root')}",) if os.geteuid() == 0 else ()),
                    *extra,
                    "",
                )
            )
        )
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            self._program,
            "-c",
            str(self._settings),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not await accepts("127.0.0.1", self.port, None, None):
            assert self._process.returncode is None, "mosquitto ended while it was starting"
            await asyncio.sleep(0.02)

    async def kill(self) -> None:
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        await self._end(signal.SIGTERM)

    async def _end(self, by: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(by)
            await process.wait()


@dataclass(frozen=True, slots=True)
class Heard:
    topic: str
    payload: bytes
    retained: bool
    correlation_data: bytes | None


class FleetClient:
    """Somebody else at the broker: publishes, and hears the topics it has subscribed to."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.mqtt = client

    async def publish(self, topic: str, payload: bytes | str, *, retain: bool = False) -> None:
        await self.mqtt.publish(topic, payload, qos=1, retain=retain)

    async def hears(self, topic: str) -> None:
        await self.mqtt.subscribe(topic, qos=1)

    async def next(self) -> Heard:
        message = await anext(aiter(self.mqtt.messages))
        return Heard(
            str(message.topic),
            bytes(message.payload),
            bool(message.retain),
            getattr(message.properties, "CorrelationData", None),
        )

    async def until(self, topic: str, payload: bytes | None = None) -> Heard:
        """The next message on `topic` (with `payload`), passing over all others."""
        while True:
            heard = await self.next()
            if heard.topic == topic and payload in (None, heard.payload):
                return heard


@contextlib.asynccontextmanager
async def fleet_client(broker: Broker, identifier: str = "fleet") -> AsyncIterator[FleetClient]:
    new = broker.version == "5"
    async with CancellableClient(
        "127.0.0.1",
        broker.port,
        identifier=identifier,
        protocol=aiomqtt.ProtocolVersion.V5 if new else aiomqtt.ProtocolVersion.V311,
        clean_session=None if new else True,
        socket_options=NO_DELAY,
    ) as client:
        yield FleetClient(client)
