"""Between a virtual station and the `ocpp` package: typed, without the package's log, and with the
link as an argument."""

from __future__ import annotations

import asyncio
import base64
import functools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from uuid import uuid4

from ocpp.charge_point import ChargePoint
from ocpp.exceptions import OCPPError, PropertyConstraintViolationError
from ocpp.routing import after, on
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from daemon.adapters.cancelling import heed_cancellation
from protocol.ocpp.events import Reply, StationEvent
from protocol.ocpp.model import (
    ChargingProfile,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    SchedulePeriod,
)
from simulation.profiles import Held

if TYPE_CHECKING:
    from simulation.station import VirtualStation

# The package logs every frame at INFO, passwords included; this logger is never heard.
QUIET = logging.getLogger(f"{__name__}.quiet")
QUIET.disabled = True

PROFILE_ACTIONS = frozenset({"SetChargingProfile", "ClearChargingProfile", "GetCompositeSchedule"})

Handler = TypeVar("Handler", bound=Callable[..., Any])


class Link(Protocol):
    """A text pipe: a WebSocket, or a pair of queues in a test."""

    async def recv(self) -> Any: ...

    async def send(self, message: str) -> None: ...

    async def close(self) -> None: ...


Connect = Callable[[str, str, str | None], AbstractAsyncContextManager[Link]]
"""(URL with the station's id, subprotocol, password or None) -> an open link."""


class Wire(Protocol):
    """One conversation in one version."""

    async def start(self) -> None:
        """Receives and answers until the link is gone."""
        ...

    async def tell(self, event: StationEvent) -> Reply:
        """Raises OCPPError for a CALLERROR, TimeoutError without an answer."""
        ...


@asynccontextmanager
async def connect_websocket(
    url: str, subprotocol: str, password: str | None
) -> AsyncIterator[Link]:
    """A real socket, closed as normal whatever ends it; no proxy is asked, no compression
    offered."""
    headers = {}
    if password is not None:
        user = url.rsplit("/", 1)[-1]
        secret = base64.b64encode(f"{user}:{password}".encode()).decode("ascii")
        headers["Authorization"] = f"Basic {secret}"
    link = await connect(
        url,
        subprotocols=[Subprotocol(subprotocol)],
        additional_headers=headers,
        proxy=None,
        compression=None,
    )
    try:
        yield link
    finally:
        await link.close()


def handles(action: str) -> Callable[[Handler], Handler]:
    """The package's `@on` for a method of a wire. It answers an unforeseen exception with
    InternalError and drops it; here it is kept in the station's `faults` as well."""

    def decorate(handler: Handler) -> Handler:
        @functools.wraps(handler)
        def kept(self: Any, **payload: Any) -> Any:
            try:
                return handler(self, **payload)
            except OCPPError:
                raise
            except Exception as error:
                self.station.record.faults.append(f"{action}: {error!r}")
                raise

        registered: Handler = on(action)(kept)
        return registered

    return decorate


def once_answered(
    action: str,
) -> Callable[[Callable[..., Awaitable[None]]], Callable[..., Awaitable[None]]]:
    """The package's `@after`: runs when the answer is on its way."""

    def decorate(hook: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        registered: Callable[..., Awaitable[None]] = after(action)(hook)
        return registered

    return decorate


def timestamp(at: datetime | None) -> str:
    """RFC 3339 with `Z` and milliseconds."""
    assert at is not None, "a virtual station dates all it tells"
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def instant(text: str | None) -> datetime | None:
    """Raises PropertyConstraintViolationError for what is no RFC 3339 timestamp."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise PropertyConstraintViolationError(details={"cause": str(error)}) from error
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


class StationSide(ChargePoint):
    """What both versions' wires share; mixed in before the package's ChargePoint of a version."""

    def __init__(self, station: VirtualStation, link: Link) -> None:
        super().__init__(station.spec.id, link, logger=QUIET)
        self.station = station
        self._asked = ""
        self._answered = asyncio.Event()

    async def ask(self, payload: object) -> Any:
        """The answer's dataclass. Raises OCPPError for a CALLERROR, TimeoutError without one."""
        self._asked = str(uuid4())
        self._answered.clear()
        try:
            answer = await self.call(payload, suppress=False, unique_id=self._asked)
        finally:
            self._asked = ""
            self._answered.set()
        heed_cancellation()  # the package waits by asyncio.wait_for
        return answer

    async def route_message(self, raw_msg: str) -> None:
        """The package reads on before an answer has been acted on; a station does not: the profile
        that follows the answer to StartTransaction finds the transaction's id."""
        await super().route_message(raw_msg)
        if self._asked and self._asked in raw_msg[:64]:
            await self._answered.wait()

    async def _handle_call(self, msg: Any) -> Any:
        """The package answers every call; two behaviours do not."""
        if self.station.swallows(msg.action):
            return None
        if self.station.drops(msg.action):
            return await self._connection.close()
        return await super()._handle_call(msg)


_EVERY = {"Daily": timedelta(days=1), "Weekly": timedelta(weeks=1)}


def held(
    evse_id: int,
    profile: Mapping[str, Any],
    schedule: Mapping[str, Any],
    *,
    profile_id: int,
    purpose: ProfilePurpose,
    transaction_id: str | None,
    received_at: datetime,
) -> Held:
    """A profile from the package's snake_case payload; what the versions name apart is given."""
    return Held(
        evse_id=evse_id,
        received_at=received_at,
        every=_EVERY.get(profile.get("recurrency_kind", "")),
        profile=ChargingProfile(
            profile_id=profile_id,
            stack_level=profile["stack_level"],
            purpose=purpose,
            kind=ProfileKind(profile["charging_profile_kind"]),
            unit=RateUnit(schedule["charging_rate_unit"]),
            periods=tuple(
                SchedulePeriod(
                    start_s=p["start_period"],
                    limit=float(p["limit"]),
                    number_phases=p.get("number_phases"),
                )
                for p in schedule["charging_schedule_period"]
            ),
            start=instant(schedule.get("start_schedule")),
            duration_s=schedule.get("duration"),
            transaction_id=transaction_id,
            valid_from=instant(profile.get("valid_from")),
            valid_to=instant(profile.get("valid_to")),
        ),
    )
