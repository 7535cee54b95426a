"""Solvers as the planner process must survive them; the process finds them by their dotted name."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace

from planner.params import Params
from planner.plan import Cost, Objective, Plan
from planner.snapshot import Snapshot
from planner.solve import Solved


def _solved(snapshot: Snapshot, algorithm: str, seed: int = 0) -> Solved:
    plan = Plan(
        revision=snapshot.revision,
        status="feasible",
        algorithm=algorithm,
        seed=seed,
        objective=Objective(),
        cost=Cost(),
    )
    return Solved(plan=plan)


def good(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Iterator[Solved]:
    yield _solved(snapshot, "greedy", seed)
    best = _solved(snapshot, params.algorithm, seed)
    yield best
    yield replace(best, steps_down=("lp failed", "milp timed out"))


def no_plan(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Iterator[Solved]:
    yield from ()


def by_seed(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Iterator[Solved]:
    """A first plan, then the fault that `seed` chooses: 0 none."""
    yield _solved(snapshot, str(os.getpid()))
    match seed:
        case 1:
            hang()
        case 2:
            os.abort()
        case 3:
            held = [bytes(2**20) for _ in range(2**20)]
            raise AssertionError(f"{len(held)} MiB were allowed")
        case 4:
            raise ValueError("no such column")
        case 5:
            os._exit(3)
        case 6:
            # The kernel, short of memory.
            os.kill(os.getpid(), signal.SIGKILL)
        case 7:
            other = _solved(snapshot, "of another revision").plan
            yield Solved(plan=replace(other, revision=snapshot.revision + 1))


GARBAGE = (
    b"[]",
    b"5",
    b"{}",
    b'{"plan":5}',
    b'{"plan":"{}"}',
    b'{"steps_down":5}',
    b'{"failed":{}}',
    b"\xff",
    b"[" * 100_000,
)


def garbage(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Iterator[Solved]:
    """A first plan, then what `seed` chooses, past everything that writes answers."""
    yield _solved(snapshot, str(os.getpid()))
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{descriptor}").startswith("socket:"):
                os.write(int(descriptor), GARBAGE[seed] + b"\n")
    hang()


def hang() -> None:
    # As deaf as a solver's C code: no signal handler of Python's runs.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    while True:
        time.sleep(3600)
