"""A link without a socket, and what may become of it."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from websockets.exceptions import ConnectionClosed

from simulation.soak.cable import Cable
from simulation.soak.loop import VirtualLoop


class Ends:
    """What the station's end has heard."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.closed = 0
        self.cable = Cable(
            Random(1),
            on_text=self.heard.append,
            on_closed=self._closed,
            seen=lambda direction, text: None,
        )

    def _closed(self) -> None:
        self.closed += 1


def test_text_arrives_in_order_both_ways_a_moment_later(virtual_loop: VirtualLoop) -> None:
    async def talk() -> tuple[list[str], list[str]]:
        ends = Ends()
        for n in range(20):
            ends.cable.say(f"up {n}")
            await ends.cable.daemon.send(f"down {n}")
        assert ends.heard == []
        await asyncio.sleep(1)
        return [await ends.cable.daemon.recv() for _ in range(20)], ends.heard

    up, down = virtual_loop.run_until_complete(talk())
    assert up == [f"up {n}" for n in range(20)]
    assert down == [f"down {n}" for n in range(20)]


def test_a_cut_is_told_to_both_ends(virtual_loop: VirtualLoop) -> None:
    async def cut() -> int:
        ends = Ends()
        ends.cable.cut()
        with pytest.raises(ConnectionClosed):
            await ends.cable.daemon.recv()
        await asyncio.sleep(1)
        with pytest.raises(ConnectionClosed):
            await ends.cable.daemon.send("too late")
        return ends.closed

    assert virtual_loop.run_until_complete(cut()) == 1


def test_a_half_open_link_swallows_everything_and_tells_nobody(virtual_loop: VirtualLoop) -> None:
    async def talk() -> tuple[list[str], bool]:
        ends = Ends()
        ends.cable.half_open = True
        await ends.cable.daemon.send("down")
        ends.cable.say("up")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(100):
                await ends.cable.daemon.recv()
        pong = await ends.cable.daemon.ping()
        await asyncio.sleep(100)
        return ends.heard, pong.done()

    assert virtual_loop.run_until_complete(talk()) == ([], False)


def test_a_peer_that_does_not_read_blocks_the_sender_until_it_reads_again(
    virtual_loop: VirtualLoop,
) -> None:
    async def talk() -> list[str]:
        ends = Ends()
        ends.cable.stall(True)
        virtual_loop.call_later(7.0, ends.cable.stall, False)
        await ends.cable.daemon.send("patience")
        assert virtual_loop.time() >= 7.0
        await asyncio.sleep(1)
        return ends.heard

    assert virtual_loop.run_until_complete(talk()) == ["patience"]


def test_lost_frames_are_lost_and_overtaken_ones_come_later(virtual_loop: VirtualLoop) -> None:
    async def talk() -> list[str]:
        ends = Ends()
        ends.cable.loss = 0.5
        for n in range(100):
            await ends.cable.daemon.send(f"{n}")
        ends.cable.loss, ends.cable.overtake = 0.0, 0.5
        for n in range(100, 200):
            await ends.cable.daemon.send(f"{n}")
        await asyncio.sleep(10)
        return ends.heard

    heard = [int(text) for text in virtual_loop.run_until_complete(talk())]
    assert 30 < sum(n < 100 for n in heard) < 70
    later = [n for n in heard if n >= 100]
    assert sorted(later) == list(range(100, 200))
    assert later != sorted(later)
