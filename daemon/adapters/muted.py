"""The link to no broker at all, for `mqtt.url = "off"`: what would be told is forgotten."""

from __future__ import annotations

import asyncio

from daemon.adapters.mqtt_boxes import Outbox
from daemon.core.records import Json


class MutedLink:
    """Empties the outbox, which would grow without a broker to take from it."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def publish(self, topic: str, payload: Json) -> None:
        """Retained state has nobody to hear it."""

    async def run(self) -> None:
        while True:
            self._outbox.outbox_changed.clear()
            while rows := await asyncio.to_thread(self._outbox.outbox):
                for row in rows:
                    await self._outbox.outbox_sent(row.id)
            await self._outbox.outbox_changed.wait()
