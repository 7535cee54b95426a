"""The daemon's link to the fleet: messages in, replies, alerts and retained state out.

In: a message is committed to the inbox, told to the controller, and only then acknowledged; so it
is lost by no crash, ours or the broker's, and may be told twice. Out: what must arrive waits in the
outbox until the broker has acknowledged it; of retained state only the newest matters.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Awaitable, Callable
from typing import Final

import aiomqtt
from structlog.typing import FilteringBoundLogger

from daemon.adapters.cancelling import apart
from daemon.adapters.mqtt_boxes import Arrival, Inbox, Outbox, StoreFailedError, kept
from daemon.adapters.mqtt_client import (
    DEADLINE_S,
    FAREWELL_S,
    OFFLINE,
    ONLINE,
    BrokerAddress,
    MqttClient,
    MqttVersion,
)
from daemon.adapters.mqtt_sender import MqttSender
from daemon.core.events import (
    BrokerConnected,
    Event,
    MessageReceived,
    MessageRefused,
    SiteMetered,
)
from protocol.mqtt import topics
from protocol.mqtt.decode import MAX_PAYLOAD_BYTES, MessageError, decode
from protocol.mqtt.messages import Message, MeterMessage

FIRST_RETRY_S: Final = 0.5
LAST_RETRY_S: Final = 30.0
STEADY_S: Final = 10.0
"""A connection that held this long was a good one: the next retry is a first one again."""

MOST_REMEMBERED: Final = 10_000
"""Topics of which it is known what was heard last: three times what a plan can hold."""


class MqttLink:
    """`run` keeps the site connected; `publish` may be called at any time.

    `url` is `mqtt[s]://...`; credentials stand in it or beside it. MQTT 5 brings response topics
    and marks retained commands; "3.1.1" is for brokers without, the embedded one among them: there
    a command sent with the retain flag is seen as such only when it is delivered to a new
    subscription. Raises ValueError for a URL or a site that cannot be used.
    """

    def __init__(
        self,
        *,
        url: str,
        site: str,
        inbox: Inbox,
        outbox: Outbox,
        emit: Callable[[Event], Awaitable[None]],
        rng: random.Random,
        log: FilteringBoundLogger,
        protocol_version: MqttVersion = "5",
        user: str | None = None,
        password: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        topics.prefix(site)
        self._address = BrokerAddress.parse(
            url, user=user, password=password, tls=tls, version=protocol_version
        )
        self._site = site
        self._inbox = inbox
        self._emit = emit
        self._rng = rng
        self._log = log.bind(broker=f"{self._address.host}:{self._address.port}")
        self._sender = MqttSender(site=site, outbox=outbox, emit=emit, log=self._log)
        self.publish = self._sender.publish
        self._last_heard: dict[str, bytes] = {}
        self.connected = False

    async def run(self) -> None:
        """Until cancelled, which says "offline" first. Never ends because the broker is away."""
        for row in await asyncio.to_thread(self._inbox.inbox):
            arrival = Arrival(
                topic=row.topic,
                payload=row.payload,
                retained=row.retained,
                response_topic=row.response_topic,
                correlation_data=row.correlation_data,
            )
            self._remember(arrival)
            await self._emit(self._event(row.id, arrival))
        failures = 0
        while True:
            began_s = _loop_s()
            reason = ""
            try:
                await apart(self._session())
            except* (aiomqtt.MqttError, StoreFailedError) as lost:
                reason = _reason(lost.exceptions[0])
            if _loop_s() - began_s >= STEADY_S:
                failures = 0
            pause_s = self._pause_s(failures)
            failures += 1
            self._log.warning("mqtt_lost", reason=reason, retry_s=round(pause_s, 1))
            await asyncio.sleep(pause_s)

    def _pause_s(self, failures: int) -> float:
        """Doubling, and spread so that a depot's clients do not come back all at once."""
        longest_s = min(LAST_RETRY_S, FIRST_RETRY_S * 2.0 ** min(failures, 10))
        return longest_s * self._rng.uniform(0.5, 1.0)

    async def _session(self) -> None:
        """One connection, from CONNECT to its loss: always ends by an exception."""
        client = MqttClient(self._address, self._site, self._log)
        try:
            await client.connect()
            await client.listen(self._site)
            await self._say(client, ONLINE)
            self.connected = True
            self._log.info("mqtt_connected", protocol_version=self._address.version)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._until_lost(client, self._sender.send_outbox))
                tasks.create_task(self._until_lost(client, self._sender.send_states))
                await self._receive(client)
        except asyncio.CancelledError:
            if self.connected and not client.lost:
                await self._say_goodbye(client)
            raise
        finally:
            self.connected = False
            await client.leave()

    async def _until_lost(
        self, client: MqttClient, send: Callable[[MqttClient], Awaitable[None]]
    ) -> None:
        """A sender that fails ends the connection, and by that the receiver: cancelled between the
        commit of a message and its telling, the receiver would forget it until the next start."""
        try:
            await send(client)
        except (aiomqtt.MqttError, StoreFailedError) as error:
            client.abort(error)

    async def _receive(self, client: MqttClient) -> None:
        await self._emit(BrokerConnected())
        async for message in client.messages:
            if client.lost:
                raise aiomqtt.MqttError("the connection was lost")
            await self._take(Arrival.of(message))
            client.acknowledge(message)

    async def _take(self, arrival: Arrival) -> None:
        """At every subscription a broker tells all that is retained. Where that is what was heard
        last it is no news, and taken for news it would undo what was metered since."""
        if arrival.retained and self._last_heard.get(arrival.topic) == arrival.digest:
            return
        if topics.is_meter(self._site, arrival.topic):
            # A sample is for now: the next one comes in a second, and an old one is worth nothing.
            event: Event = self._sample(arrival)
        elif len(arrival.payload) > MAX_PAYLOAD_BYTES:
            # Not worth the disk: nothing is done about it but to say so.
            event = self._event(None, arrival)
        else:
            event = self._event(await self._keep(arrival), arrival)
        self._remember(arrival)
        await self._emit(event)

    def _remember(self, arrival: Arrival) -> None:
        """Not so a command: one that was retained is refused each time it is told."""
        # What is removed is retained no more, and a fleet has new routes every day.
        self._last_heard.pop(arrival.topic, None)
        if arrival.payload and not topics.is_command(self._site, arrival.topic):
            self._last_heard[arrival.topic] = arrival.digest
        if len(self._last_heard) > MOST_REMEMBERED:
            del self._last_heard[next(iter(self._last_heard))]

    async def _keep(self, arrival: Arrival) -> int:
        return await kept(
            self._inbox.receive(
                arrival.topic,
                arrival.payload,
                retained=arrival.retained,
                response_topic=arrival.response_topic,
                correlation_data=arrival.correlation_data,
            )
        )

    def _sample(self, arrival: Arrival) -> Event:
        message = self._decoded(None, arrival)
        if isinstance(message, MessageRefused):
            return message
        assert isinstance(message, MeterMessage), "another message on the meter's topic"
        return SiteMetered(import_kw=message.import_kw, phases_a=message.phases_a, at=message.at)

    def _event(self, inbox_id: int | None, arrival: Arrival) -> MessageReceived | MessageRefused:
        message = self._decoded(inbox_id, arrival)
        if isinstance(message, MessageRefused):
            return message
        assert inbox_id is not None, "a message too large for the inbox was decoded"
        return MessageReceived(inbox_id=inbox_id, message=message)

    def _decoded(self, inbox_id: int | None, arrival: Arrival) -> Message | MessageRefused:
        try:
            return decode(
                self._site,
                arrival.topic,
                arrival.payload,
                retained=arrival.retained,
                response_topic=arrival.response_topic,
                correlation_data=arrival.correlation_data,
            )
        except MessageError as error:
            answerable = topics.is_publishable(arrival.response_topic or "")
            return MessageRefused(
                topic=arrival.topic,
                reason=str(error),
                inbox_id=inbox_id,
                command_id=error.command_id,
                response_topic=arrival.response_topic if answerable else None,
                correlation_data=arrival.correlation_data,
            )

    async def _say(self, client: MqttClient, status: bytes, deadline_s: float = DEADLINE_S) -> None:
        await client.publish(
            topics.absolute(self._site, topics.DAEMON),
            status,
            qos=1,
            retain=True,
            timeout=deadline_s,
        )

    async def _say_goodbye(self, client: MqttClient) -> None:
        try:
            await self._say(client, OFFLINE, FAREWELL_S)
        except aiomqtt.MqttError as error:
            self._log.warning("mqtt_farewell_unheard", reason=str(error))


def _reason(error: BaseException) -> str:
    """The library says "disconnected" and keeps the reason as the cause."""
    return str(error.__cause__ or "") or str(error)


def _loop_s() -> float:
    return asyncio.get_running_loop().time()
