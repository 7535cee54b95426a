"""The controller: kept first, then answered; what could not be kept is not acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from daemon.adapters.metrics import Metrics
from daemon.controller import Controller
from daemon.core.depot import Depot
from daemon.core.effects import StartPlanning
from daemon.core.events import Event, MessageReceived, StationCalled, StationConnected, Ticked
from daemon.core.instant import Now
from daemon.core.keeping import new_depot
from daemon.core.records import Fact, Json, NotKept, OutboxRecord, Record, TransactionRecord
from protocol.mqtt.messages import CommandMessage
from protocol.ocpp.commands import Command
from protocol.ocpp.events import (
    BootReply,
    ErrorReply,
    Heartbeat,
    HeartbeatReply,
    Reply,
    StationBooted,
    TransactionReply,
    TransactionStarted,
)
from protocol.ocpp.model import Version
from tests.adapters.brokers import log_to
from tests.core.bench import START, site
from tests.core.test_dispatch import plugged
from tests.waiting import until


@dataclass
class Outside:
    """Everything the controller acts on, in the order in which it did."""

    full: bool = False
    acts: list[str] = field(default_factory=list)
    kept: list[Record] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)

    async def commit(self, records: Sequence[Record]) -> None:
        if self.full:
            raise NotKept("the disk is full")
        self.acts.append("commit")
        self.kept += records

    async def reply(self, station: str, session: int, call_id: str, reply: Reply) -> None:
        self.acts.append("reply")
        self.replies.append(reply)

    async def send(self, station: str, session: int, generation: int, command: Command) -> None:
        self.acts.append("send")

    async def disconnect(self, station: str, session: int, reason: str) -> None:
        self.acts.append("disconnect")

    async def start_planning(self, request: StartPlanning) -> None:
        self.acts.append("plan")

    def publish(self, topic: str, payload: Json) -> None:
        self.acts.append("publish")


def loop_clock() -> Now:
    return Now(utc=START, monotonic_s=asyncio.get_running_loop().time())


@asynccontextmanager
async def controlling(
    outside: Outside, *, depot: Depot | None = None, read_clock: Callable[[], Now] = loop_clock
) -> AsyncIterator[Controller]:
    controller = Controller(
        depot if depot is not None else new_depot(site(1)),
        read_clock=read_clock,
        log=log_to([]),
        metrics=Metrics(),
    )
    task = asyncio.create_task(
        controller.run(store=outside, stations=outside, planner=outside, broker=outside)
    )
    try:
        # A controller that has died answers nothing for ever.
        async with asyncio.timeout(30):
            yield controller
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def boot() -> list[Event]:
    booted = StationBooted(vendor="V", model="M")
    return [
        StationConnected(station="CP01", session=1, version=Version.V16),
        StationCalled(station="CP01", session=1, call_id="1", event=booted),
    ]


@pytest.mark.fault(51, 52)
async def test_an_event_is_committed_before_it_is_answered() -> None:
    outside = Outside()
    async with controlling(outside) as controller:
        for event in boot():
            await controller.put(event)
        await controller.drained()
    assert outside.acts.index("commit") < outside.acts.index("reply")
    assert "send" in outside.acts


@pytest.mark.fault(28)
async def test_a_storm_of_triggers_is_taken_whole_and_asks_for_one_plan() -> None:
    """As fast as the queue takes them, from several at once; the planner is never done."""
    outside = Outside()
    async with controlling(outside) as controller:
        sources = [[_replan(f"{source}-{n}") for n in range(500)] for source in range(4)]
        await asyncio.gather(*(_put_all(controller, events) for events in sources))
        await controller.drained()
        assert len([r for r in outside.kept if isinstance(r, OutboxRecord)]) == 2000
        await until(lambda: "plan" in outside.acts)
        await _put_all(controller, sources[0])
        await controller.drained()
    assert outside.acts.count("plan") == 1


async def _put_all(controller: Controller, events: Sequence[Event]) -> None:
    for event in events:
        await controller.put(event)


def _replan(id: str) -> Event:
    command = CommandMessage(
        topic="commands/replan",
        name="replan",
        id=id,
        issued_at=START,
        expires_at=START + timedelta(minutes=1),
        args={},
    )
    return MessageReceived(inbox_id=1, message=command)


@pytest.mark.fault(53)
async def test_what_could_not_be_kept_is_answered_with_an_error_and_control_goes_on() -> None:
    outside = Outside(full=True)
    async with controlling(outside) as controller:
        for event in boot():
            await controller.put(event)
        await controller.drained()
        assert [type(reply) for reply in outside.replies] == [ErrorReply]
        assert "send" in outside.acts
        outside.full = False
        beat = StationCalled(station="CP01", session=1, call_id="2", event=Heartbeat())
        await controller.put(beat)
        await controller.drained()
    assert isinstance(outside.replies[-1], HeartbeatReply)


@pytest.mark.fault(53)
async def test_what_was_not_kept_is_kept_before_anything_newer_is_answered() -> None:
    outside = Outside(full=True)
    async with controlling(outside) as controller:
        for event in boot():
            await controller.put(event)
        await controller.drained()
        assert controller.depot.store_trouble is not None
        assert controller.depot.alerts[-1].kind == "store_failed"
        outside.full = False
        await until(lambda: controller.depot.store_trouble is None)
        assert "CP01" in {r.key for r in outside.kept if isinstance(r, Fact)}
        await controller.put(boot()[1])
        await controller.drained()
    assert isinstance(outside.replies[-1], BootReply)
    assert [alert.kind for alert in controller.depot.alerts][-2:] == ["store_failed", "store_back"]


@pytest.mark.fault(40, 53)
async def test_a_start_told_again_is_not_acknowledged_while_the_first_is_not_kept() -> None:
    outside = Outside(full=True)
    started = TransactionStarted(
        evse_id=1, transaction_id=None, id_token="TAG-V01", at=START, meter_start_wh=1.0
    )
    async with controlling(outside) as controller:
        await controller.put(boot()[0])
        for call_id in "123":
            await controller.put(
                StationCalled(station="CP01", session=1, call_id=call_id, event=started)
            )
            await controller.drained()
        assert [type(reply) for reply in outside.replies] == [ErrorReply] * 3
        outside.full = False
        await until(lambda: controller.depot.store_trouble is None)
        again = StationCalled(station="CP01", session=1, call_id="4", event=started)
        await controller.put(again)
        await controller.drained()
    assert isinstance(outside.replies[-1], TransactionReply)
    kept = {r.id for r in outside.kept if isinstance(r, TransactionRecord)}
    assert len(kept) == 1


@pytest.mark.fault(71)
async def test_progress_is_proved_by_an_event_that_went_through_the_queue() -> None:
    async with controlling(Outside()) as controller:
        await asyncio.wait_for(controller.prove_progress(), 5)
        assert controller.waiting() == 0


@pytest.mark.fault(53)
async def test_a_raise_is_not_sent_by_the_commit_that_finds_the_store_full() -> None:
    """The next start would not know of it."""
    bench = plugged(1)
    bench.depot.stations["CP01"].evses[1].override = "charge_now"
    bench.depot.dirty = True
    outside = Outside(full=True)
    async with controlling(outside, depot=bench.depot, read_clock=lambda: bench.now) as controller:
        await controller.put(Ticked())
        await controller.drained()
    assert "send" not in outside.acts
