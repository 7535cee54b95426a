"""One run from one setup, and many of them in parallel."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from simulation.soak.blame import Breach
from simulation.soak.faults import unleash
from simulation.soak.ledger import Line
from simulation.soak.loop import VirtualLoop
from simulation.soak.scenario import Setup
from simulation.soak.world import World

AFTER_BREACH_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`lines` are the limits with what was drawn below them; `digest` tells whether two runs were
    the same; `cpu_s` is the machine's and no part of it."""

    setup: Setup
    lines: tuple[Line, ...]
    breaches: tuple[Breach, ...]
    underbooked: dict[str, int]
    faults: Counter[str]
    notes: Counter[str]
    failures: tuple[str, ...]
    events: int
    digest: str
    cpu_s: float

    @property
    def over_s(self) -> float:
        return sum(line.over_s for line in self.lines)

    @property
    def holds(self) -> bool:
        return self.over_s == 0 and not self.failures


def run(setup: Setup) -> Outcome:
    """In virtual time on a loop of its own: a pure function of the setup, but for `cpu_s`."""
    began_s = time.process_time()
    loop = VirtualLoop()
    try:
        world = loop.run_until_complete(_live(setup))
    finally:
        loop.close()
    return Outcome(
        setup=setup,
        lines=tuple(world.ledger.lines.values()),
        breaches=tuple(world.blame.breaches),
        underbooked=world.blame.underbooked,
        faults=world.faults,
        notes=world.journal.notes,
        failures=tuple(world.failures),
        events=world.journal.lines,
        digest=world.journal.digest(),
        cpu_s=time.process_time() - began_s,
    )


async def _live(setup: Setup) -> World:
    world = World(setup)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: world.failed(context))
    unleash(world)
    if setup.to_breach:
        with suppress(TimeoutError):
            async with asyncio.timeout(setup.hours * 3600):
                await world.blame.first.wait()
                await asyncio.sleep(AFTER_BREACH_S)
    else:
        await asyncio.sleep(setup.hours * 3600)
    world.ledger.advance()
    world.blame.close()
    await world.end()
    return world


def run_all(setups: Sequence[Setup], jobs: int) -> Iterator[Outcome]:
    """In the order of the setups."""
    if jobs == 1:
        yield from map(run, setups)
        return
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        yield from pool.map(run, setups)
