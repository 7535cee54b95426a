"""What leaves by MQTT: retained state, of which only the newest matters, and the outbox, of which
each row waits until the broker has acknowledged it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

from structlog.typing import FilteringBoundLogger

from daemon.adapters.mqtt_boxes import Outbox, OutboxRow, kept
from daemon.adapters.mqtt_client import MqttClient, correlated
from daemon.core.events import Event, Noticed
from daemon.core.records import Json
from protocol.mqtt import topics

TRIES: Final = 5
"""A broker that is started anew, or loses its network, may end the connection over any message."""
MOST_GIVEN_UP: Final = 1000
NAMED: Final = 200
"""Characters of a topic that an alert repeats."""


class MqttSender:
    """`publish` may be called at any time; `send_outbox` and `send_states` run beside each other on
    one connection, and again on the next.

    What a broker ends the connection over would be the first to leave with the next one, for ever:
    a topic of 201 levels that somebody wants an answer on, a plan larger than the broker takes. So
    one message leaves at a time, and one that was the last of five connections is given up.
    """

    def __init__(
        self,
        *,
        site: str,
        outbox: Outbox,
        emit: Callable[[Event], Awaitable[None]],
        log: FilteringBoundLogger,
    ) -> None:
        self._site = site
        self._outbox = outbox
        self._emit = emit
        self._log = log
        self._states: dict[str, bytes] = {}
        self._states_changed = asyncio.Event()
        self._alone = asyncio.Lock()
        self._lost_over: Counter[tuple[str, int]] = Counter()

    def publish(self, topic: str, payload: Json) -> None:
        """Retained state below the site's prefix; the newest of a topic replaces one that still
        waits, None removes it at the broker. Raises ValueError for what JSON cannot hold."""
        text = "" if payload is None else json.dumps(payload, allow_nan=False)
        self._states[topic] = text.encode()
        self._states_changed.set()

    async def send_outbox(self, client: MqttClient) -> None:
        while True:
            self._outbox.outbox_changed.clear()
            while rows := await kept(asyncio.to_thread(self._outbox.outbox)):
                for row in rows:
                    await self._send_row(client, row)
                    await kept(self._outbox.outbox_sent(row.id))
            await self._outbox.outbox_changed.wait()

    async def _send_row(self, client: MqttClient, row: OutboxRow) -> None:
        topic = topics.absolute(self._site, row.topic)
        await self._send(client, topic, row.payload.encode())
        if row.response_topic is None or client.version != "5":
            return
        if not topics.is_publishable(row.response_topic):
            self._log.error("mqtt_response_topic_unusable", topic=row.response_topic)
            return
        properties = correlated(row.correlation_data)
        payload = row.payload.encode()
        await self._send(client, row.response_topic, payload, properties=properties)

    async def send_states(self, client: MqttClient) -> None:
        while True:
            self._states_changed.clear()
            while self._states:
                path = next(iter(self._states))
                payload = self._states.pop(path)
                topic = topics.absolute(self._site, path)
                try:
                    await self._send(client, topic, payload, retain=True)
                except BaseException:
                    self._states.setdefault(path, payload)
                    raise
            await self._states_changed.wait()

    async def _send(self, client: MqttClient, topic: str, payload: bytes, **options: Any) -> None:
        """Raises MqttError. What is merely not answered is not counted: a broker is slow at times,
        or its disk is full."""
        message = (topic, hash(payload))
        async with self._alone:
            if self._lost_over[message] >= TRIES:
                await self._give_up(message, len(payload))
                return
            try:
                await client.publish(topic, payload, qos=1, **options)
            except BaseException:
                if client.lost:
                    self._lost_over[message] += 1
                raise
            del self._lost_over[message]

    async def _give_up(self, message: tuple[str, int], size: int) -> None:
        """Told once: state is published again at every connection."""
        if self._lost_over[message] > TRIES:
            return
        if len(self._lost_over) > MOST_GIVEN_UP:
            self._lost_over.clear()
        self._lost_over[message] = TRIES + 1
        topic = message[0]
        self._log.error("mqtt_message_given_up", topic=topic, bytes=size)
        if topic != topics.absolute(self._site, topics.ALERTS):
            text = f"the broker ends the connection over {size} bytes on {topic[:NAMED]}"
            await self._emit(Noticed(kind="message_not_told", severity="warning", text=text))
