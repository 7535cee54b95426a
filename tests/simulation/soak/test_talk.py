"""What a station says, and in which order."""

from __future__ import annotations

import asyncio
import json
from random import Random

from simulation.soak.cable import Cable
from simulation.soak.loop import VirtualLoop
from simulation.soak.talk import Message, Talk


async def heard_by_the_daemon(cable: Cable, heard: list[str]) -> None:
    """Answers everything."""
    while True:
        _, call_id, action, _ = json.loads(await cable.daemon.recv())
        heard.append(action)
        await cable.daemon.send(json.dumps([3, call_id, {}]))


def test_what_was_missed_and_held_back_is_told_in_order_after_what_has_happened_since(
    virtual_loop: VirtualLoop,
) -> None:
    heard: list[str] = []
    listening: list[asyncio.Task[None]] = []

    def open_cable(talk: Talk) -> Cable:
        cable = Cable(
            Random(1),
            on_text=talk.hear,
            on_closed=talk.link_closed,
            seen=lambda direction, text: None,
        )
        listening.append(asyncio.ensure_future(heard_by_the_daemon(cable, heard)))
        return cable

    def event(action: str) -> Message:
        return Message(lambda: (action, {}), durable=True)

    async def day() -> None:
        talk = Talk(
            "CP01",
            Random(1),
            open_cable=open_cable,
            on_up=lambda: talk.say(event("up")),
            on_down=lambda: None,
            on_order=lambda call_id, action, payload: None,
        )
        talk.hold_back(60.0)
        for action in ("first", "second"):
            talk.say(event(action))
        talk.connect()
        await asyncio.sleep(30)
        talk.say(event("present"))
        await asyncio.sleep(20)
        assert heard == ["up", "present"]
        await asyncio.sleep(20)
        for task in listening:
            task.cancel()

    virtual_loop.run_until_complete(day())
    assert heard == ["up", "present", "first", "second"]
