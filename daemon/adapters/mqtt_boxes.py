"""What the MQTT link asks of the store, and a message on its way into it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import aiomqtt

T = TypeVar("T")


class StoreFailedError(Exception):
    """The store could not keep or give what the link needs; the connection is not kept either."""


async def kept(work: Awaitable[T]) -> T:
    """Raises StoreFailedError for whatever the store raises."""
    try:
        return await work
    except Exception as error:
        raise StoreFailedError(f"the store failed: {error}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A message as the broker handed it over."""

    topic: str
    payload: bytes
    retained: bool
    response_topic: str | None
    correlation_data: bytes | None

    @classmethod
    def of(cls, message: aiomqtt.Message) -> Arrival:
        return cls(
            topic=str(message.topic),
            payload=bytes(message.payload),
            retained=bool(message.retain),
            response_topic=getattr(message.properties, "ResponseTopic", None),
            correlation_data=getattr(message.properties, "CorrelationData", None),
        )

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.payload).digest()


class InboxRow(Protocol):
    """A message that was committed and not yet acted on."""

    @property
    def id(self) -> int: ...
    @property
    def topic(self) -> str: ...
    @property
    def payload(self) -> bytes: ...
    @property
    def retained(self) -> bool: ...
    @property
    def response_topic(self) -> str | None: ...
    @property
    def correlation_data(self) -> bytes | None: ...


class Inbox(Protocol):
    async def receive(
        self,
        topic: str,
        payload: bytes,
        *,
        retained: bool,
        response_topic: str | None = None,
        correlation_data: bytes | None = None,
    ) -> int:
        """Returns the message's id when the disk has it; raising means that it was not kept."""
        ...

    def inbox(self) -> Sequence[InboxRow]:
        """What a former run left, the oldest first; called in a worker thread."""
        ...


class OutboxRow(Protocol):
    @property
    def id(self) -> int: ...
    @property
    def topic(self) -> str: ...
    @property
    def payload(self) -> str: ...
    @property
    def response_topic(self) -> str | None: ...
    @property
    def correlation_data(self) -> bytes | None: ...


class Outbox(Protocol):
    @property
    def outbox_changed(self) -> asyncio.Event: ...

    def outbox(self) -> Sequence[OutboxRow]:
        """What the broker has not acknowledged yet, the oldest first, or the first part of it;
        called in a worker thread."""
        ...

    async def outbox_sent(self, outbox_id: int) -> None: ...
