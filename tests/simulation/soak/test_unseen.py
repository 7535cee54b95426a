"""For how long an overload is excused that only the site's meter shows."""

from __future__ import annotations

import asyncio

import pytest

from simulation.soak.loop import VirtualLoop
from simulation.soak.scenario import Setup
from simulation.soak.unseen import PROMISE_S
from simulation.soak.world import World

LOAD = (3.0, (1.0, 1.0, 1.0))


def test_a_load_that_has_been_there_for_longer_than_any_lease_is_known(
    virtual_loop: VirtualLoop,
) -> None:
    async def day() -> list[float]:
        world = World(Setup(seed=1, hours=1.0, stations=1))
        patience_s = []
        world.unseen.put("load", *LOAD)
        patience_s.append(world.unseen.patience_s())
        world.blame.noted("cut", "CP01")
        patience_s.append(world.unseen.patience_s())
        for seconds in (50, 150):
            await asyncio.sleep(seconds)
            world.unseen.put("load", *LOAD)
            patience_s.append(world.unseen.patience_s())
        world.unseen.put("another", *LOAD)
        patience_s.append(world.unseen.patience_s())
        await world.end()
        return patience_s

    told_s = virtual_loop.run_until_complete(day())
    assert told_s == pytest.approx([PROMISE_S, 110, 60, PROMISE_S, 110], abs=1e-3)
