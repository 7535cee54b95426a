"""The HTTP server as one task among the daemon's others."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator

import uvicorn
from structlog.typing import FilteringBoundLogger
from uvicorn.protocols.http.h11_impl import H11Protocol

from daemon.adapters.addresses import is_loopback
from daemon.adapters.descriptors import ACCEPT_AT_ONCE, let_queue
from daemon.adapters.http.app import create_app
from daemon.adapters.http.guard import Guard, Login
from daemon.adapters.http.view import View
from daemon.adapters.metrics import Metrics
from daemon.core.events import Event, Noticed

__all__ = ["HttpServer", "Login"]

_MAX_CONNECTIONS = 100
_MAX_HEAD_BYTES = 16 * 1024
_GRACE_S = 1
# A browser's request comes in a packet or two; who takes longer holds one of few places.
REQUEST_S = 10.0


class _Server(uvicorn.Server):
    """uvicorn, but signals stay with the daemon: it would take SIGTERM and tell nobody else."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _PromptOnly(H11Protocol):
    """uvicorn's, which ends a connection that is idle between two requests, but none that sends a
    byte of a request now and then; and which answers nobody once all places are taken, though
    nothing is asked there."""

    _late: asyncio.TimerHandle | None = None
    _since_s = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._await_request()
        if len(self.connections) >= _MAX_CONNECTIONS:
            self._make_room()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._late is not None:
            self._late.cancel()
        super().connection_lost(exc)

    def _await_request(self) -> None:
        if self._late is not None:
            self._late.cancel()
        self._since_s = self.loop.time()
        self._late = self.loop.call_later(REQUEST_S, self._end_unless_answering)

    def _end_unless_answering(self) -> None:
        if self._is_waiting:
            self.logger.warning("%s sent no whole request in %g s", self.client, REQUEST_S)
            self.transport.abort()

    @property
    def _is_waiting(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _make_room(self) -> None:
        """Ends the connection that has waited longest for a request, of the address that holds
        most; where all are being answered there is none, and the newest gets 503."""
        mine = (other for other in self.connections if isinstance(other, _PromptOnly))
        waiting = [other for other in mine if other is not self and other._is_waiting]
        held = Counter(_host_of(other) for other in waiting)
        if not waiting:
            return
        longest = min(waiting, key=lambda other: (-held[_host_of(other)], other._since_s))
        self.logger.warning("%s asked nothing and made room", longest.client)
        self.connections.discard(longest)
        longest.transport.abort()


def _host_of(connection: H11Protocol) -> str:
    return connection.client[0] if connection.client is not None else ""


class HttpServer:
    """`await start()`, then `run()` as a task; `stop()` ends it within two seconds.

    `host` is an address or name to listen on, `port` 0 lets the system choose. `hosts` are the
    names beyond the host itself under which a browser may ask. `emit` is told when somebody guesses
    the login. Raises ValueError for an address
    that others can reach when there is no `login`.
    """

    def __init__(
        self,
        *,
        view: View,
        metrics: Metrics,
        host: str,
        port: int,
        login: Login | None,
        log: FilteringBoundLogger,
        hosts: Collection[str] = (),
        emit: Callable[[Event], Awaitable[None]] | None = None,
    ) -> None:
        if login is None and not is_loopback(host):
            raise ValueError(
                f"http.host: {host!r} can be reached by others, so http.user and http.password "
                "are wanted; only a loopback address (127.0.0.1, ::1, localhost) needs no login"
            )
        self._host = host.strip("[]")
        self._wanted_port = port
        self._metrics = metrics
        self._emit = emit
        self._telling: set[asyncio.Task[None]] = set()
        self._log = log
        app, self._streams = create_app(view=view, metrics=metrics)
        config = uvicorn.Config(
            Guard(
                app,
                host=host,
                hosts=hosts,
                login=login,
                refused=self._refused,
                guessed=self._guessed,
            ),
            http=_PromptOnly,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            h11_max_incomplete_event_size=_MAX_HEAD_BYTES,
            backlog=ACCEPT_AT_ONCE,
            limit_concurrency=_MAX_CONNECTIONS,
            timeout_graceful_shutdown=_GRACE_S,
        )
        self._server = _Server(config)
        self._socket: socket.socket | None = None
        self._port: int | None = None
        self._running = False
        self._stopped = asyncio.Event()

    @property
    def port(self) -> int:
        """The port that is listened on, once started."""
        if self._port is None:
            raise RuntimeError("the HTTP server has not been started")
        return self._port

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the page."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104 compares, does not bind
        return f"http://[{host}]:{self.port}/" if ":" in host else f"http://{host}:{self.port}/"

    async def start(self) -> None:
        """Listens and answers from here on. Raises OSError where the address cannot be had."""
        self._socket = await _bind(self._host, self._wanted_port)
        self._port = self._socket.getsockname()[1]
        self._server.config.load()
        self._server.lifespan = self._server.config.lifespan_class(self._server.config)
        await self._server.startup(sockets=[self._socket])
        let_queue([self._socket], _MAX_CONNECTIONS)
        self._log.info("http_listening", url=self.url)

    async def run(self) -> None:
        """Serves until `stop()` or until it is cancelled."""
        self._running = True
        try:
            await self._server.main_loop()
        finally:
            await self._shut()

    async def stop(self) -> None:
        self._streams.close()
        self._server.should_exit = True
        if self._running:
            await self._stopped.wait()
        elif self._socket is not None:
            await self._shut()

    async def _shut(self) -> None:
        self._streams.close()
        await self._server.shutdown(sockets=[self._socket] if self._socket else None)
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()
        self._stopped.set()

    def _guessed(self, text: str) -> None:
        if self._emit is None:
            return
        event = Noticed(kind="login_guessed", severity="warning", text=f"http: {text}")
        task = asyncio.ensure_future(self._emit(event))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    def _refused(self, reason: str, peer: str) -> None:
        self._metrics.http_refused(reason)
        self._log.warning("http_refused", reason=reason, peer=peer)


async def _bind(host: str, port: int) -> socket.socket:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setblocking(False)
        bound.bind(address)
    except OSError as error:
        bound.close()
        why = f"http: cannot listen on {host} port {port}: {error.strerror}"
        raise OSError(error.errno, why) from error
    return bound
