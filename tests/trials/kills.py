"""kill -9 at random instants: nothing acknowledged may be lost, nothing torn.

A process commits and tells each commit once it is acknowledged; it is killed, and another one opens
the store and looks. The same for messages that are put into the inbox.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from daemon.adapters.store import Store
from daemon.core.records import Fact

# A new file now and then: opening one reads all of it.
KILLS_PER_FILE = 50
TASKS = 10


@dataclass
class Result:
    kills: int = 0
    acknowledged: int = 0
    problems: list[str] = field(default_factory=list)


def run(folder: Path, kills: int, seed: int, longest_s: float = 0.15) -> Result:
    """To be called where no thread runs: it forks."""
    rng, result = random.Random(seed), Result()
    told: set[str] = set()
    for number in range(kills):
        file = number // KILLS_PER_FILE
        url = f"sqlite:///{folder}/{file}.db"
        if number % KILLS_PER_FILE == 0:
            told = set()
        new = _killed(url, number, rng.uniform(0.0, longest_s))
        told |= new
        result.kills += 1
        result.acknowledged += len(new)
        result.problems += [f"kill {number}: {problem}" for problem in _problems(url, told)]
    return result


def _killed(url: str, number: int, seconds: float) -> set[str]:
    """What a process said was kept before it was killed, so long after its first commit."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with contextlib.suppress(BaseException):
            asyncio.run(_append(url, number, writing))
        os._exit(1)
    os.close(writing)
    with open(reading, "rb") as told:
        first = told.readline()
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        lines = [first, *told.readlines()]
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        raise RuntimeError("the child ended before it was killed")
    # The last line may be cut off.
    return {line.decode().strip() for line in lines if line.endswith(b"\n")}


async def _append(url: str, number: int, out: int) -> None:
    async def commit(task: int) -> None:
        for i in range(10**9):
            name = f"{number}-{task}-{i}"
            pair = [Fact(kind="a", key=name, value=i), Fact(kind="b", key=name, value=i)]
            await store.commit(pair)
            os.write(out, f"{name}\n".encode())

    async def receive() -> None:
        while True:
            os.write(out, f"{await store.receive('t', b'x', retained=False)}\n".encode())

    with Store.open(url) as store:
        await asyncio.gather(receive(), *(commit(task) for task in range(TASKS)))


def _problems(url: str, told: set[str]) -> Iterator[str]:
    with Store.open(url) as store:
        facts = store.load().facts
        inbox = {str(row.id) for row in store.inbox()}
    kept = {kind: {fact.key for fact in facts if fact.kind == kind} for kind in "ab"}
    if torn := kept["a"] ^ kept["b"]:
        yield f"torn: {sorted(torn)[:5]}"
    if lost := told - kept["a"] - inbox:
        yield f"lost: {sorted(lost)[:5]}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = run(Path(folder), args.kills, args.seed)
    print(
        f"seed {args.seed}: {result.kills} kills, {result.acknowledged} acknowledged events, "
        f"{len(result.problems)} problems"
    )
    for problem in result.problems[:10]:
        print(problem)
    return 1 if result.problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
