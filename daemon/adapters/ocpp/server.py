"""The central system's WebSocket server: one session a station, the newest socket wins."""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import count

from structlog.typing import FilteringBoundLogger
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.typing import Subprotocol

from daemon.adapters.descriptors import ACCEPT_AT_ONCE, let_queue
from daemon.adapters.ocpp.control_frames import PacedConnection
from daemon.adapters.ocpp.handshake import Gate, Handshake, newest, station_of
from daemon.adapters.ocpp.kernel import watch_peer
from daemon.adapters.ocpp.pace import OnceAMinute, Pace, Replacements
from daemon.adapters.ocpp.session import Emit, Session, Socket
from daemon.core.events import CommandAnswered, Noticed, StationClaimed
from protocol.ocpp import schemas
from protocol.ocpp.commands import Command, Lost
from protocol.ocpp.connection import Connection
from protocol.ocpp.events import Reply
from protocol.ocpp.framing import Limits
from protocol.ocpp.model import Version

# 1,000 simultaneous connects: p99 1,050 ms with the default of 100, 272 ms with this.
BACKLOG = 1024
# A send waits for a peer beyond that; a charging profile has about 1 KiB.
WRITE_LIMIT_BYTES = 4 * 1024
OPEN_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 2.0

PROTOCOL_ERROR, GOING_AWAY, POLICY_VIOLATION = 1002, 1001, 1008


class OcppServer:
    """Listens on `ws[s]://host:port/ocpp/{station}` and turns sockets into events.

    Timers here run on the loop's own time: they are about real sockets, whatever the domain's clock
    does. `emit` may make its caller wait; `send`, `reply` and `disconnect` never wait for a socket
    nor for `emit`, so that the consumer of the events may call them.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        security_profile: int,
        passwords: Mapping[str, str],
        known_stations: frozenset[str],
        accept_unknown: bool,
        emit: Emit,
        messages_per_s: float,
        strikes_per_minute: int,
        log: FilteringBoundLogger,
        tls: ssl.SSLContext | None = None,
        call_timeout_s: float = 30.0,
        slowed_at_most_s: float = 60.0,
        limits: Limits | None = None,
        run_id: str | None = None,
    ) -> None:
        """`run_id` begins the ids of our calls; by default no other run has the same."""
        self._host = host
        self._port = port
        self._emit = emit
        # By station, not by connection: who comes back has used what it has used. The gate bounds
        # how many stations there are.
        self._paces = defaultdict[str, Pace](
            lambda: Pace(
                messages_per_s=messages_per_s,
                strikes_per_minute=strikes_per_minute,
                slowed_at_most_s=slowed_at_most_s,
            )
        )
        self._handshake = Handshake(
            Gate(
                security_profile=security_profile,
                known_stations=known_stations,
                accept_unknown=accept_unknown,
                passwords=passwords,
            ),
            paces=self._paces,
            tell=self._tell_later,
            log=log,
        )
        self._call_timeout_s = call_timeout_s
        self._limits = limits or Limits()
        self._log = log
        self._tls = tls
        self._server: Server | None = None
        self._sessions: dict[str, Session] = {}
        self._numbers = count(1)
        # A station may answer on a new socket what was asked on one of an earlier run.
        self._run_id = secrets.token_hex(4) if run_id is None else run_id
        self._telling: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._replacements = Replacements()
        self._claims = OnceAMinute()

    @property
    def port(self) -> int:
        """The port that is listened on; where 0 asked for any, known once started."""
        return self._port

    @property
    def url(self) -> str:
        """Where stations connect, without their id."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'wss' if self._tls else 'ws'}://{host}:{self.port}/ocpp"

    async def start(self) -> None:
        """Listens; OSError where that is not possible."""
        for version in Version:
            schemas.load(version)
        self._server = await serve(
            self._serve_station,
            self._host,
            self._port,
            ssl=self._tls,
            process_request=self._handshake,
            select_subprotocol=_select_subprotocol,
            create_connection=PacedConnection,
            server_header=None,
            max_size=self._limits.frame_bytes,
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
            ping_interval=None,
            write_limit=WRITE_LIMIT_BYTES,
            backlog=ACCEPT_AT_ONCE,
        )
        let_queue(self._server.sockets, BACKLOG)
        self._port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        """Closes every socket with 1001 and returns when all are closed; a station's loss is no
        event then, as it is we who go."""
        if self._server is None or self._stopping:
            return
        self._stopping = True
        for session in self._sessions.values():
            session.end(GOING_AWAY, "the central system stops")
        self._server.close()
        await self._server.wait_closed()
        for task in self._telling:
            task.cancel()
        await asyncio.gather(*self._telling, return_exceptions=True)

    async def send(self, station: str, session: int, generation: int, command: Command) -> None:
        """Exactly one CommandAnswered follows; at once and Lost where that session is over."""
        current = self._current(station, session)
        if current is None or not current.send(generation, command):
            lost = CommandAnswered(
                station=station,
                session=session,
                generation=generation,
                command=command,
                result=Lost(),
            )
            self._tell_later(lost)

    async def reply(self, station: str, session: int, call_id: str, reply: Reply) -> None:
        """Answers a StationCalled; nobody waits for it where that session is over."""
        current = self._current(station, session)
        if current is not None:
            current.reply(call_id, reply)

    async def disconnect(self, station: str, session: int, reason: str) -> None:
        """Closes with 1008; nothing to do where that session is over."""
        current = self._current(station, session)
        if current is not None:
            current.end(POLICY_VIOLATION, reason)

    def _current(self, station: str, number: int) -> Session | None:
        session = self._sessions.get(station)
        return session if session is not None and session.number == number else None

    def _tell_later(self, event: CommandAnswered | Noticed) -> None:
        async def tell() -> None:
            await self._emit(event)

        task = asyncio.create_task(tell())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _serve_station(self, socket_: ServerConnection) -> None:
        assert socket_.request is not None
        station = station_of(socket_.request.path)
        assert station is not None
        if socket_.subprotocol is None:
            self._log.warning("station_refused", station=station, reason="no OCPP subprotocol")
            wanted = ", ".join(version.value for version in Version)
            await socket_.close(PROTOCOL_ERROR, f"wants a subprotocol of {wanted}")
            return
        watch_peer(socket_)
        await self.converse(socket_, station, Version(socket_.subprotocol))

    async def converse(self, socket_: Socket, station: str, version: Version) -> None:
        """A station's session on an open socket, whatever carries it, until it has ended and been
        told; the newest of a station takes the place of the one before."""
        session = self._new_session(socket_, station, version)
        if not await self._may_replace(station):
            await socket_.close(POLICY_VIOLATION, "another connection of this station is alive")
            return
        replaced = self._sessions.get(station)
        self._sessions[station] = session
        if replaced is not None:
            replaced.end(POLICY_VIOLATION, "replaced by a newer connection")
        try:
            ending = await session.run()
        finally:
            # Not by id: a newer session may stand there by now.
            if self._sessions.get(station) is session:
                del self._sessions[station]
        if not self._stopping:
            await session.farewell(ending)

    async def _may_replace(self, station: str) -> bool:
        """The newest socket wins, but two that take the place of each other again and again are two
        stations under one name: then the one that is there stays, as long as it is alive."""
        there, now_s = self._sessions.get(station), asyncio.get_running_loop().time()
        if there is None or not self._replacements.too_many(station, now_s):
            return True
        if not await there.is_alive():
            return True
        self._log.warning("station_twice", station=station)
        if self._claims.is_due(station, now_s):
            await self._emit(StationClaimed(station=station))
        return False

    def _new_session(self, socket_: Socket, station: str, version: Version) -> Session:
        number = next(self._numbers)
        calls = count(1)
        connection = Connection(
            version,
            new_id=lambda: f"{self._run_id}-{number}-{next(calls)}",
            limits=self._limits,
            call_timeout_s=self._call_timeout_s,
        )
        return Session(
            socket_,
            connection,
            station=station,
            number=number,
            pace=self._paces[station],
            emit=self._emit,
            log=self._log,
        )


def _select_subprotocol(
    socket_: ServerConnection, offered: Sequence[Subprotocol]
) -> Subprotocol | None:
    version = newest(offered)
    return None if version is None else Subprotocol(version.value)
