"""One connection to a broker: aiomqtt's client, with what it leaves to be done.

aiomqtt 2.5 acknowledges a message once it is queued. Here it is acknowledged when its receiver says
so, and a connection can be ended without asking the broker.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar
from urllib.parse import unquote, urlsplit

import aiomqtt
import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions
from structlog.typing import FilteringBoundLogger

from protocol.mqtt import topics
from protocol.mqtt.decode import MAX_PAYLOAD_BYTES

MqttVersion = Literal["3.1.1", "5"]

T = TypeVar("T")

DEADLINE_S: Final = 5.0
FAREWELL_S: Final = 2.0
KEEPALIVE_S: Final = 15
SESSION_EXPIRY_S: Final = 7 * 24 * 3600
RECEIVE_MAXIMUM: Final = 100
MAX_PACKET_BYTES: Final = 1024 * 1024
MAX_UNRELIABLE: Final = 1000
"""Messages of QoS 0 that may wait; the broker holds back those of QoS 1, but not these."""

OFFLINE: Final = b'{"status": "offline"}'
ONLINE: Final = b'{"status": "online"}'

# The library leaves its constructor untyped.
_properties: Callable[[int], Properties] = Properties

# What goes wrong reaches us as an exception and is logged once, by us.
_SILENT: Final = logging.getLogger("depotd.mqtt.paho")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerAddress:
    """Where the broker is and how to talk to it; `tls` None is plain TCP."""

    host: str
    port: int
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    version: MqttVersion = "5"

    @classmethod
    def parse(
        cls,
        url: str,
        *,
        user: str | None = None,
        password: str | None = None,
        tls: ssl.SSLContext | None = None,
        version: MqttVersion = "5",
    ) -> BrokerAddress:
        """`mqtt[s]://[USER[:PASSWORD]@]HOST[:PORT]`; `user` and `password` win over the URL's.

        `tls` replaces the context that checks the broker's certificate against the system's
        authorities. Raises ValueError, without repeating the password.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ValueError("mqtt url: wants mqtt[s]://HOST[:PORT], cannot be read") from error
        if parts.scheme not in ("mqtt", "mqtts"):
            raise ValueError(f"mqtt url: scheme {parts.scheme!r}, wants mqtt or mqtts")
        if not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError("mqtt url: wants a host and nothing after the port")
        try:
            parts.hostname.encode("idna")
        except UnicodeError as error:
            raise ValueError(f"mqtt url: {parts.hostname!r} is no host name") from error
        secure = parts.scheme == "mqtts"
        return cls(
            host=parts.hostname,
            port=port or (8883 if secure else 1883),
            user=user or (unquote(parts.username) if parts.username else None),
            password=password or (unquote(parts.password) if parts.password else None),
            tls=(tls or ssl.create_default_context()) if secure else None,
            version=version,
        )


class CancellableClient(aiomqtt.Client):
    """aiomqtt's client, whose calls end when the task that waits for them is cancelled."""

    async def _wait_for(self, fut: Awaitable[T], timeout: float | None) -> T:  # noqa: ASYNC109  (aiomqtt's)
        """aiomqtt takes `asyncio.wait_for`, which before Python 3.12 loses a cancellation that
        comes together with the result: the cancelled task then runs on for ever."""
        try:
            async with asyncio.timeout(self.timeout if timeout is None else timeout):
                return await fut
        except TimeoutError as error:
            raise aiomqtt.MqttError("the broker did not answer in time") from error


class MqttClient(CancellableClient):
    """Good for one connection: `connect`, then use, then `leave`, whatever happened between.

    Every call that waits for the broker raises `aiomqtt.MqttError` after 5 s.
    """

    def __init__(self, address: BrokerAddress, site: str, log: FilteringBoundLogger) -> None:
        new = address.version == "5"
        super().__init__(
            address.host,
            address.port,
            username=address.user,
            password=address.password,
            logger=_SILENT,
            identifier=f"depotd-{site}",
            protocol=aiomqtt.ProtocolVersion.V5 if new else aiomqtt.ProtocolVersion.V311,
            will=aiomqtt.Will(topics.absolute(site, topics.DAEMON), OFFLINE, qos=1, retain=True),
            clean_session=None if new else False,
            clean_start=False if new else paho.MQTT_CLEAN_START_FIRST_ONLY,
            properties=_connect_properties() if new else None,
            timeout=DEADLINE_S,
            keepalive=KEEPALIVE_S,
            tls_context=address.tls,
            # Nagle and delayed acknowledgement together cost 88 ms a request, 0.5 ms without.
            socket_options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),),
        )
        self.version = address.version
        self._log = log
        self._unacknowledged: set[int] = set()
        self._dropped = 0
        self._client.manual_ack_set(True)
        self._client.connect_timeout = DEADLINE_S

    async def connect(self) -> None:
        """Raises MqttError. Cancelled, it waits for the thread that connects, as nothing else can
        close the socket that the thread is about to open, but no longer than a connect takes: to
        look up a name may take a minute."""
        opening = asyncio.create_task(self.__aenter__())
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            await asyncio.wait({opening}, timeout=DEADLINE_S)
            if opening.done():
                opening.exception()
            raise

    async def listen(self, site: str) -> None:
        """Subscribes to all that the site hears. Raises MqttError, also where the broker refuses.

        With MQTT 5 a command keeps the retain flag of its sender, and one that the broker retained
        is told only once; of the rest only what was retained before is marked so.
        """
        wanted = [(topic, False) for topic in topics.fleet_filters(site)]
        for topic, is_command in [*wanted, (topics.command_filter(site), True)]:
            options = SubscribeOptions(
                qos=1,
                retainAsPublished=is_command,
                retainHandling=(
                    SubscribeOptions.RETAIN_SEND_IF_NEW_SUB
                    if is_command
                    else SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE
                ),
            )
            if self.version == "5":
                granted = await self.subscribe(topic, options=options)
            else:
                granted = await self.subscribe(topic, qos=1)
            for code in granted:
                if (code.value if isinstance(code, ReasonCode) else code) >= 0x80:
                    raise aiomqtt.MqttError(f"the broker refuses the subscription to {topic}")

    def acknowledge(self, message: aiomqtt.Message) -> None:
        """Lets the broker forget a message. Raises MqttError when the connection is lost."""
        if not message.qos:
            return
        self._unacknowledged.discard(message.mid)
        code = self._client.ack(message.mid, message.qos)
        if code != paho.MQTT_ERR_SUCCESS:
            raise aiomqtt.MqttCodeError(code, "Could not acknowledge")

    @property
    def lost(self) -> bool:
        return self._disconnected.done()

    def abort(self, reason: Exception) -> None:
        """Ends the connection at once: whoever reads `messages` gets an MqttError."""
        if not self._disconnected.done():
            self._disconnected.set_exception(reason)
        self._client._sock_close()

    async def leave(self) -> None:
        """Says goodbye where there is somebody to hear it, and closes the socket in any case."""
        try:
            if self._connected.done() and not self.lost:
                async with asyncio.timeout(FAREWELL_S):
                    await self.__aexit__(None, None, None)
        except (TimeoutError, aiomqtt.MqttError) as error:
            self._log.debug("mqtt_farewell_unheard", reason=str(error))
        finally:
            # Callbacks that the library has scheduled for this socket must find it open.
            await asyncio.sleep(0)
            self._client._sock_close()
            if self._disconnected.done():
                self._disconnected.exception()

    def _on_message(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        """A message that still waits for us is not taken in again: a broker may repeat it under
        its number until it is acknowledged (the embedded one does, every 2 s)."""
        # What is too large is refused whatever it says: a thousand of 8 MiB would fill the memory.
        message.payload = message.payload[: MAX_PAYLOAD_BYTES + 1]
        if message.qos == 0 and self._queue.qsize() >= MAX_UNRELIABLE:
            self._drop(message.topic)
            return
        if message.qos:
            if message.mid in self._unacknowledged:
                return
            self._unacknowledged.add(message.mid)
        super()._on_message(client, userdata, message)

    def _drop(self, topic: str) -> None:
        """Told of with the first and then each time that twice as many are gone."""
        self._dropped += 1
        if self._dropped & (self._dropped - 1) == 0:
            self._log.warning(
                "mqtt_message_dropped", topic=topic, reason="QoS 0, too many", dropped=self._dropped
            )

    def _on_publish(
        self,
        client: paho.Client,
        userdata: Any,
        mid: int,
        reason_code: ReasonCode,
        properties: Properties,
    ) -> None:
        """aiomqtt takes a refused publish for a successful one; it will not get better by being
        repeated, so it is only told."""
        if reason_code.is_failure:
            self._log.error("mqtt_publish_refused", reason=str(reason_code))
        super()._on_publish(client, userdata, mid, reason_code, properties)


def correlated(correlation_data: bytes | None) -> Properties:
    """What marks a publish as the reply to the request that carried `correlation_data`."""
    properties = _properties(PacketTypes.PUBLISH)
    if correlation_data is not None:
        properties.CorrelationData = correlation_data
    return properties


def _connect_properties() -> Properties:
    properties = _properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = SESSION_EXPIRY_S
    properties.ReceiveMaximum = RECEIVE_MAXIMUM
    properties.MaximumPacketSize = MAX_PACKET_BYTES
    return properties
