"""A daemon reduced to its MQTT link and its store, to be killed by a test.

Arguments: port, MQTT version, store, how many messages to take before it is killed (0: never), and
where: `inbox`, as one is about to be kept, or `controller`, as one is about to be acted on.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import Sequence

import structlog

from daemon.adapters.mqtt import MqttLink
from daemon.adapters.mqtt_boxes import Inbox, InboxRow
from daemon.adapters.store import Store
from daemon.core.events import Event, MessageReceived
from daemon.core.records import Fact, InboxDone
from protocol.mqtt.messages import CommandMessage

# So long an acknowledgement that is sent too early takes at most to be on its way.
EARLY_S = 0.1


class FatalInbox:
    """Its owner is killed instead of keeping the message after the first `fatal`."""

    def __init__(self, inbox: Inbox, fatal: int) -> None:
        self._inbox, self._left = inbox, fatal

    async def receive(
        self,
        topic: str,
        payload: bytes,
        *,
        retained: bool,
        response_topic: str | None = None,
        correlation_data: bytes | None = None,
    ) -> int:
        if self._left == 0:
            await asyncio.sleep(EARLY_S)
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1
        return await self._inbox.receive(
            topic,
            payload,
            retained=retained,
            response_topic=response_topic,
            correlation_data=correlation_data,
        )

    def inbox(self) -> Sequence[InboxRow]:
        return self._inbox.inbox()


async def main(port: str, version: str, url: str, fatal: int, where: str) -> None:
    store = Store.open(url)
    events: asyncio.Queue[Event] = asyncio.Queue(maxsize=8)
    link = MqttLink(
        url=f"mqtt://127.0.0.1:{port}",
        site="north",
        inbox=FatalInbox(store, fatal) if fatal and where == "inbox" else store,
        outbox=store,
        emit=events.put,
        rng=random.Random(0),
        log=structlog.wrap_logger(structlog.ReturnLogger()),
        protocol_version="5" if version == "5" else "3.1.1",
    )
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(link.run())
        acted = 0
        while True:
            event = await events.get()
            if not isinstance(event, MessageReceived):
                continue
            if fatal and where == "controller" and acted == fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            assert isinstance(event.message, CommandMessage)
            done = Fact(kind="reply", key=event.message.id, value=True)
            await store.commit([done, InboxDone(inbox_id=event.inbox_id)])
            acted += 1


if __name__ == "__main__":
    _, port, version, url, fatal, where = sys.argv
    asyncio.run(main(port, version, url, int(fatal), where))
