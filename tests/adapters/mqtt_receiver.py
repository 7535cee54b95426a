"""A daemon reduced to its MQTT link and its store, to be killed by a test.

Arguments: port, MQTT version, store, how many messages to act on before it kills itself (0: never).
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys

import structlog

from daemon.adapters.mqtt import MqttLink
from daemon.adapters.store import Store
from daemon.core.events import Event, MessageReceived
from daemon.core.records import Fact, InboxDone
from protocol.mqtt.messages import CommandMessage


async def main(port: str, version: str, url: str, fatal: int) -> None:
    store = Store.open(url)
    events: asyncio.Queue[Event] = asyncio.Queue(maxsize=8)
    link = MqttLink(
        url=f"mqtt://127.0.0.1:{port}",
        site="north",
        inbox=store,
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
            if fatal and acted == fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            assert isinstance(event.message, CommandMessage)
            done = Fact(kind="reply", key=event.message.id, value=True)
            await store.commit([done, InboxDone(inbox_id=event.inbox_id)])
            acted += 1


if __name__ == "__main__":
    _, port, version, url, fatal = sys.argv
    asyncio.run(main(port, version, url, int(fatal)))
