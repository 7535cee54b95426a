"""One OCPP conversation, without I/O: text in, outputs out; commands in, text out.

The manner is h11's: whoever owns the socket feeds `receive` and `poll`, and writes what they say.
`now_s` is a monotonic clock's, in seconds; only differences count.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from protocol.ocpp import framing, schemas
from protocol.ocpp.commands import Command, CommandResult, Lost, Refused, TimedOut
from protocol.ocpp.dialect import Dialect
from protocol.ocpp.errors import FrameTooLargeError, LocalError, RemoteError
from protocol.ocpp.events import ErrorReply, Reply, StationEvent
from protocol.ocpp.framing import Limits
from protocol.ocpp.model import Version
from protocol.ocpp.v16.dialect import DIALECT as V16
from protocol.ocpp.v201.dialect import DIALECT as V201

_DIALECTS = {dialect.version: dialect for dialect in (V16, V201)}
_OVERDUE_REMEMBERED = 16
# A station that asks for what we lack breaks no rule.
_BLAMELESS = frozenset({"NotImplemented", "NotSupported"})

UNSUPPORTED_DATA, TOO_BIG = 1003, 1009


@dataclass(frozen=True, slots=True)
class Incoming:
    """A call that wants `Connection.reply` exactly once."""

    call_id: str
    event: StationEvent


@dataclass(frozen=True, slots=True)
class CommandDone:
    """How a sent command ended; exactly one for each."""

    command: Command
    result: CommandResult


@dataclass(frozen=True, slots=True)
class LateAnswer:
    """An answer after TimedOut: dropped, and no fault of anybody."""

    command: Command


@dataclass(frozen=True, slots=True)
class SendText:
    text: str


@dataclass(frozen=True, slots=True)
class Strike:
    """The station broke the protocol once; the reason echoes nothing at length."""

    reason: str


@dataclass(frozen=True, slots=True)
class Close:
    """`code` is a WebSocket close code; nothing that follows matters."""

    code: int
    reason: str


Output = Incoming | CommandDone | LateAnswer | SendText | Strike | Close


@dataclass(frozen=True, slots=True)
class _Outstanding:
    call_id: str
    action: str
    command: Command
    deadline_s: float


class Connection:
    """Pairs calls and answers of one socket; a new socket gets a new Connection.

    `new_id` gives ids for our calls: texts of at most 36 characters, never the same twice.
    """

    def __init__(
        self,
        version: Version,
        *,
        new_id: Callable[[], str],
        limits: Limits | None = None,
        call_timeout_s: float = 30.0,
    ) -> None:
        self.version = version
        self._dialect: Dialect = _DIALECTS[version]
        self._schemas = schemas.load(version)
        self._new_id = new_id
        self._limits = limits or Limits()
        self._call_timeout_s = call_timeout_s
        self._outstanding: _Outstanding | None = None
        self._overdue: deque[_Outstanding] = deque(maxlen=_OVERDUE_REMEMBERED)
        # By id of the station's call: the hash of its text, and its action or our answer.
        self._waiting: dict[str, tuple[int, str]] = {}
        self._answers: OrderedDict[str, tuple[int, str]] = OrderedDict()

    @property
    def busy(self) -> bool:
        """Whether a command is under way; `send` would raise."""
        return self._outstanding is not None

    def deadline_s(self) -> float | None:
        """When `poll` is due; None while nothing is under way."""
        return None if self._outstanding is None else self._outstanding.deadline_s

    def receive(self, frame: str | bytes, now_s: float) -> list[Output]:
        """What follows from one WebSocket message; never raises for anything a station sends."""
        if isinstance(frame, bytes):
            return [Close(UNSUPPORTED_DATA, "OCPP-J messages are text")]
        outputs = self.poll(now_s)
        try:
            match framing.parse(frame, self._limits):
                case framing.Call() as call:
                    return outputs + self._called(call, hash(frame))
                case framing.CallResult() as result:
                    return outputs + self._answered(result.call_id, result.payload)
                case framing.CallError(call_id=call_id, code=code, description=description):
                    refused = Refused(code=code, description=description)
                    return outputs + self._ended(call_id, refused)
        except FrameTooLargeError as error:
            return [*outputs, Close(TOO_BIG, str(error))]
        except RemoteError as error:
            return outputs + self._objections(error, error.call_id)

    def reply(self, call_id: str, reply: Reply) -> str:
        """The text that answers an Incoming; LocalError if it waits for no answer, or not for this.

        After an ErrorReply the same call may come again and is new, as nothing was done.
        """
        if call_id not in self._waiting:
            raise LocalError(f"no call {call_id!r} waits for a reply")
        fingerprint, action = self._waiting[call_id]
        if isinstance(reply, ErrorReply):
            text = self._call_error(call_id, reply.code, reply.description)
            if text is None:
                raise LocalError(f"{reply.code} is no error code of {self.version}")
            del self._waiting[call_id]
            return text
        payload = self._dialect.reply(action, reply)
        self._check_ours(self._schemas.results[action], f"reply to {action}", payload)
        text = framing.call_result(call_id, payload)
        del self._waiting[call_id]
        self._answers[call_id] = (fingerprint, text)
        while len(self._answers) > self._limits.remembered_calls:
            self._answers.popitem(last=False)
        return text

    def send(self, command: Command, now_s: float) -> str:
        """The text of the CALL; LocalError while another is under way, or if it may not be sent."""
        if self._outstanding is not None:
            raise LocalError(f"{self._outstanding.action} is still under way")
        action, payload = self._dialect.command(command)
        self._check_ours(self._schemas.calls[action], action, payload)
        call_id = self._new_id()
        if not 0 < len(call_id) <= framing.MAX_ID_LENGTH:
            raise LocalError(f"a message id wants 1 to {framing.MAX_ID_LENGTH} characters")
        text = framing.call(call_id, action, payload)
        self._outstanding = _Outstanding(call_id, action, command, now_s + self._call_timeout_s)
        return text

    def poll(self, now_s: float) -> list[Output]:
        """Ends the command under way with TimedOut once its deadline has passed."""
        outstanding = self._outstanding
        if outstanding is None or now_s < outstanding.deadline_s:
            return []
        self._outstanding = None
        self._overdue.append(outstanding)
        return [CommandDone(outstanding.command, TimedOut())]

    def lost(self) -> list[Output]:
        """The socket is gone: ends the command under way, forgets the calls that wait."""
        self._waiting.clear()
        outstanding, self._outstanding = self._outstanding, None
        return [] if outstanding is None else [CommandDone(outstanding.command, Lost())]

    def _called(self, call: framing.Call, fingerprint: int) -> list[Output]:
        earlier = self._answers.get(call.call_id) or self._waiting.get(call.call_id)
        if earlier is not None:
            return self._called_again(call.call_id, fingerprint, earlier)
        try:
            event = self._decode(call)
        except RemoteError as error:
            return self._objections(error, call.call_id)
        if len(self._waiting) >= self._limits.waiting_calls:
            full = f"{len(self._waiting)} calls wait for their answers"
            return self._objections(RemoteError("GenericError", full), call.call_id)
        self._waiting[call.call_id] = (fingerprint, call.action)
        return [Incoming(call.call_id, event)]

    def _called_again(
        self, call_id: str, fingerprint: int, earlier: tuple[int, str]
    ) -> list[Output]:
        """The same call: its answer again, or later; another call: refused, as one answer would be
        taken for the other's."""
        if earlier[0] != fingerprint:
            taken = "the message id belongs to another call of this connection"
            return self._objections(RemoteError("GenericError", taken), call_id)
        return [] if call_id in self._waiting else [SendText(earlier[1])]

    def _decode(self, call: framing.Call) -> StationEvent:
        decode = self._dialect.calls.get(call.action)
        if decode is None:
            known = call.action in self._schemas.calls
            code = "NotSupported" if known else "NotImplemented"
            raise RemoteError(code, "this central system does not answer this action")
        schemas.check(self._schemas.calls[call.action], call.payload)
        return decode(call.payload)

    def _answered(self, call_id: str, payload: Any) -> list[Output]:
        outstanding = self._outstanding
        if outstanding is None or outstanding.call_id != call_id:
            return self._unasked(call_id)
        self._outstanding = None
        try:
            schemas.check(self._schemas.results[outstanding.action], payload)
            result: CommandResult = self._dialect.answered(outstanding.command, payload)
        except RemoteError as error:
            wrong = f"{outstanding.action}: {error.description}"[: framing.MAX_DESCRIPTION_LENGTH]
            refused = Refused(code="FormatViolation", description=wrong)
            return [CommandDone(outstanding.command, refused), Strike(wrong)]
        return [CommandDone(outstanding.command, result)]

    def _ended(self, call_id: str, result: CommandResult) -> list[Output]:
        outstanding = self._outstanding
        if outstanding is None or outstanding.call_id != call_id:
            return self._unasked(call_id)
        self._outstanding = None
        return [CommandDone(outstanding.command, result)]

    def _unasked(self, call_id: str) -> list[Output]:
        for overdue in self._overdue:
            if overdue.call_id == call_id:
                self._overdue.remove(overdue)
                return [LateAnswer(overdue.command)]
        return [Strike("an answer to nothing that was asked")]

    def _objections(self, error: RemoteError, call_id: str | None) -> list[Output]:
        """The CALLERROR that is due, if one is, and a Strike, if it is deserved."""
        outputs: list[Output] = []
        if call_id is not None:
            text = self._call_error(call_id, error.code, error.description)
            if text is not None:
                outputs.append(SendText(text))
        if error.code not in _BLAMELESS:
            outputs.append(Strike(str(error)[: framing.MAX_DESCRIPTION_LENGTH]))
        return outputs

    def _call_error(self, call_id: str, code: str, description: str) -> str | None:
        written = self._dialect.error_codes.get(code)
        return None if written is None else framing.call_error(call_id, written, description)

    def _check_ours(self, validator: Any, what: str, payload: object) -> None:
        try:
            schemas.check(validator, payload)
        except RemoteError as error:
            raise LocalError(f"{what} breaks its schema: {error}") from error
