"""One station's open socket: a `Connection` with tasks around it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from structlog.typing import FilteringBoundLogger
from websockets.exceptions import ConnectionClosed

from daemon.adapters.ocpp.pace import Pace
from daemon.core.events import CommandAnswered, Event, StationCalled, StationConnected, StationLost
from protocol.ocpp.commands import Command, CommandResult, Lost, Refused
from protocol.ocpp.connection import (
    Close,
    CommandDone,
    Connection,
    Incoming,
    LateAnswer,
    Output,
    SendText,
    Strike,
)
from protocol.ocpp.errors import LocalError
from protocol.ocpp.events import ErrorReply, Reply

_ResultT = TypeVar("_ResultT")
Emit = Callable[[Event], Awaitable[None]]

# A peer that acknowledges but never reads blocks a send for ever.
SEND_S = 5.0
PING_EVERY_S = 15.0
# Without a word or a pong: gone, and found so within a minute. Some stations never answer a ping;
# those may be quiet for longer, as the heartbeat is all that is heard of an idle one.
SILENT_S = 45.0
NEVER_PONGED_SILENT_S = 900.0
PINGS_WITHOUT_PONG = 3

ALIVE_S = 5.0

POLICY_VIOLATION, INTERNAL_ERROR = 1008, 1011
MAX_CLOSE_REASON_BYTES = 123


class Transport(Protocol):
    def abort(self) -> None: ...


class Socket(Protocol):
    """As much of a WebSocket as a session uses; all of it raises ConnectionClosed when it is gone.
    `ping` returns once the ping is sent; what it returns is done when the pong has come."""

    @property
    def transport(self) -> Transport: ...

    async def recv(self) -> str | bytes: ...

    async def send(self, message: str) -> None: ...

    async def ping(self) -> Awaitable[float]: ...

    async def close(self, code: int = ..., reason: str = ...) -> None: ...


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a session ends; `code` is None where the socket is gone already."""

    code: int | None
    reason: str


class Session:
    """From StationConnected to StationLost. `send`, `reply` and `end` never block."""

    def __init__(
        self,
        socket: Socket,
        connection: Connection,
        *,
        station: str,
        number: int,
        pace: Pace,
        emit: Emit,
        log: FilteringBoundLogger,
    ) -> None:
        self.station = station
        self.number = number
        self._socket = socket
        self._connection = connection
        self._pace = pace
        self._emit = emit
        self._log = log.bind(station=station, session=number)
        self._loop = asyncio.get_running_loop()
        self._ending: asyncio.Future[Ending] = self._loop.create_future()
        self._outbox: asyncio.Queue[int | tuple[str, Reply]] = asyncio.Queue()
        # Every command taken by `send` and not yet told of, by generation.
        self._untold: dict[int, Command] = {}
        self._generation = -1
        self._heard_s = self._loop.time()
        self._pongs = 0
        self._pings = 0

    def send(self, generation: int, command: Command) -> bool:
        """Whether it was taken; if so exactly one CommandAnswered follows."""
        if self._ending.done():
            return False
        self._untold[generation] = command
        self._outbox.put_nowait(generation)
        return True

    def reply(self, call_id: str, reply: Reply) -> None:
        """Without effect once the session ends: the station asks again."""
        self._outbox.put_nowait((call_id, reply))

    def end(self, code: int | None, reason: str) -> None:
        """The first reason given is the one that counts."""
        if not self._ending.done():
            self._ending.set_result(Ending(code, reason))

    async def is_alive(self) -> bool:
        """Whether the peer answers a ping, or says anything, within 5 s."""
        heard_s = self._heard_s
        ping = await self._in_time(self._socket.ping())
        if ping is None:
            return False
        pong = asyncio.ensure_future(ping)
        await asyncio.wait({pong}, timeout=ALIVE_S)
        answered = pong.done() and not pong.cancelled() and pong.exception() is None
        return answered or self._heard_s > heard_s

    async def run(self) -> Ending:
        """Until the session has ended and its socket is closed; `farewell` is next."""
        await self._emit(
            StationConnected(
                station=self.station, session=self.number, version=self._connection.version
            )
        )
        tasks = [asyncio.create_task(part()) for part in (self._read, self._write, self._watch)]
        for task in tasks:
            task.add_done_callback(self._part_done)
        try:
            ending = await self._ending
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if ending.code is not None:
            reason = ending.reason.encode()[:MAX_CLOSE_REASON_BYTES].decode(errors="ignore")
            await self._socket.close(ending.code, reason)
        return ending

    async def farewell(self, ending: Ending) -> None:
        """Tells of the commands that were under way, and that the station is gone."""
        self._connection.lost()
        for generation in list(self._untold):
            await self._tell(generation, Lost())
        await self._emit(
            StationLost(station=self.station, session=self.number, reason=ending.reason)
        )

    def _part_done(self, task: asyncio.Task[None]) -> None:
        """A bug met by one station's frames ends that station's session and no other."""
        if task.cancelled() or (error := task.exception()) is None:
            return
        self._log.error("session_failed", exc_info=error)
        self.end(INTERNAL_ERROR, "internal error")

    async def _read(self) -> None:
        while not self._ending.done():
            try:
                frame = await self._socket.recv()
            except ConnectionClosed as closed:
                self.end(None, f"the socket was closed: {closed}")
                return
            self._heard_s = self._loop.time()
            wait_s = self._pace.message(self._heard_s)
            if wait_s is None:
                self.end(POLICY_VIOLATION, "too many messages")
                return
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            await self._handle(self._connection.receive(frame, self._loop.time()))

    async def _write(self) -> None:
        while True:
            try:
                async with asyncio.timeout_at(self._connection.deadline_s()):
                    item = await self._outbox.get()
            except TimeoutError:
                await self._handle(self._connection.poll(self._loop.time()))
                continue
            if isinstance(item, int):
                await self._call(item)
            else:
                await self._answer(*item)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(PING_EVERY_S)
            patience_s = SILENT_S if self._pongs else NEVER_PONGED_SILENT_S
            if self._loop.time() - self._heard_s > patience_s:
                self._socket.transport.abort()
                self.end(None, f"nothing was heard for {patience_s:g} s")
                return
            if self._pongs or self._pings < PINGS_WITHOUT_PONG:
                await self._ping()

    async def _handle(self, outputs: list[Output]) -> None:
        for output in outputs:
            match output:
                case Incoming(call_id=call_id, event=event):
                    await self._emit(
                        StationCalled(
                            station=self.station,
                            session=self.number,
                            call_id=call_id,
                            event=event,
                        )
                    )
                case CommandDone(result=result):
                    await self._tell(self._generation, result)
                case LateAnswer(command=command):
                    self._log.info("late_answer_dropped", command=type(command).__name__)
                case SendText(text=text):
                    await self._transmit(text)
                case Strike(reason=reason):
                    self._log.warning("station_strike", reason=reason)
                    if self._pace.strike(self._loop.time()):
                        self.end(POLICY_VIOLATION, "too many messages that break the protocol")
                case Close(code=code, reason=reason):
                    self.end(code, reason)

    async def _call(self, generation: int) -> None:
        command = self._untold[generation]
        try:
            text = self._connection.send(command, self._loop.time())
        except LocalError as error:
            self._log.error("command_not_sent", command=repr(command), error=str(error))
            await self._tell(generation, Refused(code="InternalError", description=str(error)))
            return
        self._generation = generation
        await self._transmit(text)

    async def _answer(self, call_id: str, reply: Reply) -> None:
        """A station that asked is answered, if only with our failure: it keeps its copy then."""
        try:
            text = self._connection.reply(call_id, reply)
        except LocalError as error:
            self._log.error("reply_not_sent", reply=repr(reply), error=str(error))
            if isinstance(reply, ErrorReply):
                return
            self.reply(call_id, ErrorReply(description="the answer could not be written"))
            return
        await self._transmit(text)

    async def _tell(self, generation: int, result: CommandResult) -> None:
        await self._emit(
            CommandAnswered(
                station=self.station,
                session=self.number,
                generation=generation,
                command=self._untold[generation],
                result=result,
            )
        )
        del self._untold[generation]

    async def _transmit(self, text: str) -> None:
        await self._in_time(self._socket.send(text))

    async def _ping(self) -> None:
        self._pings += 1
        pong = await self._in_time(self._socket.ping())
        if pong is not None:
            asyncio.ensure_future(pong).add_done_callback(self._ponged)

    def _ponged(self, pong: asyncio.Future[float]) -> None:
        if not pong.cancelled() and pong.exception() is None:
            self._pongs += 1
            self._heard_s = self._loop.time()

    async def _in_time(self, sending: Awaitable[_ResultT]) -> _ResultT | None:
        """None where the socket is closed, or was aborted because the peer does not read."""
        try:
            async with asyncio.timeout(SEND_S):
                return await sending
        except ConnectionClosed as closed:
            self.end(None, f"the socket was closed: {closed}")
        except TimeoutError:
            self._socket.transport.abort()
            self.end(None, f"it did not read for {SEND_S:g} s")
        return None
