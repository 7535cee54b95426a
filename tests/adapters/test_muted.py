"""The link to no broker: it empties the outbox, also after a store that could not forget."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from daemon.adapters import muted
from daemon.adapters.mqtt_boxes import OutboxRow
from daemon.adapters.muted import MutedLink
from daemon.adapters.store import OutboxRow as Row
from daemon.core.records import NotKept
from tests.waiting import until


class FullDisk:
    """An outbox of three; the first times it cannot forget."""

    def __init__(self) -> None:
        self.outbox_changed = asyncio.Event()
        self.failures = 2
        self.rows = [
            Row(id=i, topic="t", payload="", response_topic=None, correlation_data=None)
            for i in range(3)
        ]

    def outbox(self) -> Sequence[OutboxRow]:
        return list(self.rows)

    async def outbox_sent(self, outbox_id: int) -> None:
        if self.failures:
            self.failures -= 1
            raise NotKept("the disk is full")
        self.rows = [row for row in self.rows if row.id != outbox_id]


@pytest.mark.fault(53, 64)
async def test_a_full_disk_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(muted, "RETRY_S", 0.01)
    outbox = FullDisk()
    task = asyncio.create_task(MutedLink(outbox).run())
    await until(lambda: not outbox.rows)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
