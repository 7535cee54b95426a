"""The fleet's own connection to the broker: another program than the daemon, as in a depot."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import aiomqtt

from daemon.adapters.mqtt_client import BrokerAddress, CancellableClient
from protocol.mqtt import topics
from simulation.scenario import Json

_NO_DELAY: Final = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)


class FleetLink:
    """Publishes retained messages below the site's prefix and hears the plan and the alerts."""

    def __init__(self, client: aiomqtt.Client, site: str) -> None:
        self._client = client
        self._site = site

    async def tell(self, path: str, value: Json) -> None:
        """Raises MqttError where the broker does not take it."""
        await self._publish(path, json.dumps(value))

    async def forget(self, path: str) -> None:
        """An empty payload removes what was retained. Raises MqttError."""
        await self._publish(path, "")

    async def heard(self) -> AsyncIterator[tuple[str, Mapping[str, Json]]]:
        """(path, object) of each plan and alert. Raises MqttError when the connection is lost."""
        for heard in (topics.PLAN, topics.ALERTS):
            await self._client.subscribe(topics.absolute(self._site, heard), qos=1)
        async for message in self._client.messages:
            path = topics.path_of(self._site, str(message.topic))
            if path is not None and message.payload:
                yield path, json.loads(bytes(message.payload))

    async def _publish(self, path: str, payload: str) -> None:
        topic = topics.absolute(self._site, path)
        await self._client.publish(topic, payload, qos=1, retain=True)


@asynccontextmanager
async def fleet_link(address: BrokerAddress, site: str) -> AsyncIterator[FleetLink]:
    """Connected while entered. Raises MqttError."""
    new = address.version == "5"
    async with CancellableClient(
        address.host,
        address.port,
        username=address.user,
        password=address.password,
        identifier=f"fleet-{site}",
        protocol=aiomqtt.ProtocolVersion.V5 if new else aiomqtt.ProtocolVersion.V311,
        clean_session=None if new else True,
        tls_context=address.tls,
        socket_options=_NO_DELAY,
    ) as client:
        yield FleetLink(client, site)
