"""The link to no broker at all, for `mqtt.url = "off"`: what would be told is forgotten."""

from __future__ import annotations

import asyncio
from typing import Final

from daemon.adapters.mqtt_boxes import Outbox
from daemon.core.records import Json, NotKept

# A store that cannot forget now (a full disk, a lock) is asked again after this.
RETRY_S: Final = 5.0


class MutedLink:
    """Empties the outbox, which would grow without a broker to take from it."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def publish(self, topic: str, payload: Json) -> None:
        """Retained state has nobody to hear it."""

    async def run(self) -> None:
        """Until cancelled. What the store cannot forget now goes later; the keeper tells of its
        trouble."""
        while True:
            self._outbox.outbox_changed.clear()
            try:
                await self._empty()
            except NotKept:
                await asyncio.sleep(RETRY_S)
                continue
            await self._outbox.outbox_changed.wait()

    async def _empty(self) -> None:
        while rows := await asyncio.to_thread(self._outbox.outbox):
            for row in rows:
                await self._outbox.outbox_sent(row.id)
