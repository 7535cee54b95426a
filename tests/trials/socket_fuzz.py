"""Hostile frames over real sockets to the real daemon in a process of its own.

Each station sends a handful of frames, then a Heartbeat: when that is answered, so is whatever came
before it. A handful with too few or too many answers, or whose socket closed, is sent again frame
by frame, so that the one to blame is named. An escape is a traceback in the daemon's log.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from websockets.exceptions import ConnectionClosed

from protocol.ocpp.model import Version
from tests.end_to_end.running import ACCEPTED, ANSWERS, Daemon, RawStation, running
from tests.trials.frames import frames
from tests.trials.fuzz import is_call, rss_mib

STATIONS = 4
HANDFUL = 20
# Of one station, which comes back under another name then: what frames make up about connectors
# and transactions is the daemon's to remember.
FRAMES_PER_LINK = 500
ANSWER_S = 60.0
SHOWN = 5
PROTOCOLS = {Version.V16: "ocpp1.6", Version.V201: "ocpp2.0.1"}


@dataclass
class Result:
    """`rss_mib` of the daemon by how many frames it had been sent."""

    frames: int = 0
    calls: int = 0
    closes: Counter[int] = field(default_factory=Counter)
    escapes: list[str] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    rss_mib: list[tuple[int, float]] = field(default_factory=list)


async def run(folder: Path, many: int, seed: int) -> Result:
    result = Result()
    # What slows a flood and ends a conversation of nonsense has tests of its own.
    settings = {"OCPP__MESSAGES_PER_S": "1000000", "OCPP__STRIKES_PER_MINUTE": "1000000000"}
    async with running(folder, **settings) as daemon:
        trials = [
            Trial(daemon, number, random.Random(f"{seed}/{number}"), result)
            for number in range(STATIONS)
        ]
        step = max(many // 10, STATIONS)
        while result.frames < many:
            await asyncio.gather(*(trial.run(step // STATIONS) for trial in trials))
            assert daemon.process is not None
            result.rss_mib.append((result.frames, rss_mib(daemon.process.pid)))
    result.escapes = [line for line in daemon.log().splitlines() if '"exception"' in line]
    return result


@dataclass
class Trial:
    """One place for stations, each of which comes, sends its share and gives way to the next."""

    daemon: Daemon
    number: int
    rng: random.Random
    result: Result

    def __post_init__(self) -> None:
        self._version = list(Version)[self.number % len(Version)]
        self._frames = frames(self._version, self.rng)
        self._links = 0

    async def run(self, many: int) -> None:
        while many > 0:
            share = min(many, FRAMES_PER_LINK)
            await self._converse(list(islice(self._frames, share)))
            many -= share

    async def _converse(self, texts: list[str]) -> None:
        self._links += 1
        async with AsyncExitStack() as stack:
            link = await self._linked(stack)
            for at in range(0, len(texts), HANDFUL):
                handful = texts[at : at + HANDFUL]
                self.result.frames += len(handful)
                self.result.calls += sum(map(is_call, handful))
                if await self._answers(link, handful) == sum(map(is_call, handful)):
                    continue
                for text in handful:
                    link = await self._alone(stack, link, text)

    async def _alone(self, stack: AsyncExitStack, link: RawStation, text: str) -> RawStation:
        """One frame of a handful in which something was amiss; the link that is left."""
        if link.link.close_code is not None:
            link = await self._linked(stack)
        answers = await self._answers(link, [text])
        if answers is None:
            self.result.closes[link.link.close_code or 0] += 1
        elif is_call(text) and answers != 1:
            self.result.unanswered.append(f"{answers} answers to {text[:2000]}")
        return link

    async def _linked(self, stack: AsyncExitStack) -> RawStation:
        name = f"CP{self.number}-{self._links}"
        connecting = RawStation.connected(self.daemon, name, PROTOCOLS[self._version])
        return await stack.enter_async_context(connecting)

    async def _answers(self, link: RawStation, texts: list[str]) -> int | None:
        """How many answers the frames got; None where the socket was closed instead."""
        beat = f"beat-{self.rng.getrandbits(48):x}"
        answers = 0
        try:
            async with asyncio.timeout(ANSWER_S):
                for text in [*texts, json.dumps([2, beat, "Heartbeat", {}])]:
                    await link.link.send(text)
                while True:
                    frame = json.loads(await link.link.recv())
                    if frame[0] == 2:
                        answer = ANSWERS.get(frame[2], ACCEPTED)
                        await link.link.send(json.dumps([3, frame[1], answer]))
                    elif frame[1] == beat:
                        return answers
                    else:
                        answers += 1
        except ConnectionClosed:
            return None


def told(seed: int, result: Result, took_s: float) -> None:
    (first, first_mib), *_, (last, last_mib) = result.rss_mib
    print(
        f"seed {seed}: {result.frames} frames over sockets in {took_s:.0f} s, {result.calls} of "
        f"them CALLs; escapes {len(result.escapes)}, CALLs without exactly one answer "
        f"{len(result.unanswered)}; closed {dict(result.closes)}"
    )
    print(f"the daemon: {first_mib:.1f} MiB after {first} frames, {last_mib:.1f} after {last}")
    for found in [*result.escapes[:SHOWN], *result.unanswered[:SHOWN]]:
        print(found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    began_s = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(run(Path(folder), args.frames, args.seed))
    told(args.seed, result, time.perf_counter() - began_s)
    return 1 if result.escapes or result.unanswered else 0


if __name__ == "__main__":
    raise SystemExit(main())
