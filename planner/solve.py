"""The ladder: greedy answers at once, better algorithms follow until time is up, all audited.

`joint` begins with greedy's plan, so greedy is asked beside it only where it gave none that can be
used, and its plans have to beat what came before them. Any other algorithm has an aim of its own
and is asked for by its name: its answer stands, whatever it costs, and greedy's only until then or
if it has none.

`solve` is a pure function of its arguments as long as the budget does not bind.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from planner.algorithms import Algorithm
from planner.algorithms.at_hand import better
from planner.algorithms.joint import iter_joint, joint
from planner.algorithms.nothing import nothing
from planner.algorithms.plugins import find
from planner.check import audit
from planner.linear.clock import Deadline, clamp_time
from planner.params import Params
from planner.plan import Plan
from planner.snapshot import Snapshot

MAX_BUDGET_S: Final = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """`steps_down`: what could not be used on the way, one sentence each, for the log."""

    plan: Plan
    steps_down: tuple[str, ...] = ()


def solve(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Plan:
    """The best audited plan that the budget allows.

    Raises ValueError for an algorithm that nobody knows or that cannot be loaded.
    """
    return solve_with_report(snapshot, params, budget_s, seed).plan


def solve_with_report(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Solved:
    steps = list(iter_solved(snapshot, params, budget_s, seed))
    return steps[-1]


def iter_plans(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Iterator[Plan]:
    """Each plan takes the place of the one before; the last one is the answer."""
    last: Plan | None = None
    for solved in iter_solved(snapshot, params, budget_s, seed):
        if solved.plan is not last:
            last = solved.plan
            yield last


def iter_solved(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Iterator[Solved]:
    """As `iter_plans`, with the steps down so far; the last one repeats the plan if only these
    have grown."""
    try:
        algorithms = [(name, find(name)) for name in _rungs(params.algorithm)]
    except ValueError as error:
        raise ValueError(f"params.algorithm: {error}") from error
    deadline = Deadline.after(clamp_time(budget_s, MAX_BUDGET_S))
    best: Plan | None = None
    down: list[str] = []
    for name, algorithm in algorithms:
        if name == "greedy" and best is not None:
            break
        stands = name == params.algorithm and name != "joint"
        for found in _audited(snapshot, params, (name, algorithm), deadline.left_s, seed, down):
            if best is None or stands or _improves(found, best):
                best = found
                yield Solved(plan=best, steps_down=tuple(down))
        if best is None and name == "greedy":
            best = replace(nothing(snapshot, seed), status="fallback")
            yield Solved(plan=best, steps_down=tuple(down))
    assert best is not None
    yield Solved(plan=best, steps_down=tuple(down))


def _rungs(algorithm: str) -> list[str]:
    """Greedy first; `joint` is that itself, and tells greedy's plan before its own."""
    order = ("joint", "greedy") if algorithm == "joint" else ("greedy", algorithm)
    return list(dict.fromkeys(order))


def _audited(
    snapshot: Snapshot,
    params: Params,
    named: tuple[str, Algorithm],
    budget_s: float,
    seed: int,
    down: list[str],
) -> Iterator[Plan]:
    """The plans that break no law; for each other one a sentence more in `down`."""
    name, algorithm = named
    plans = _plans(algorithm, snapshot, params, clamp_time(budget_s, MAX_BUDGET_S), seed)
    while True:
        try:
            plan = next(plans, None)
        except (ArithmeticError, LookupError, ValueError) as error:
            down.append(f"{name} failed: {type(error).__name__}: {error}")
            return
        except MemoryError:
            # Nothing in this process is to be trusted after it.
            raise
        except Exception as error:
            # A mistake of ours, and no reason to leave a depot without any plan.
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{os.path.basename(place.filename)}, line {place.lineno}"
            down.append(f"{name} failed: {type(error).__name__}: {error} ({where})")
            return
        if plan is None:
            return
        breaches = audit(snapshot, plan)
        if breaches:
            more = f" and {len(breaches) - 1} more" if len(breaches) > 1 else ""
            down.append(f"{name} failed its audit: {breaches[0]}{more}")
        else:
            yield plan


def _plans(
    algorithm: Algorithm, snapshot: Snapshot, params: Params, budget_s: float, seed: int
) -> Iterator[Plan]:
    if algorithm is joint:
        yield from iter_joint(snapshot, params, budget_s, seed)
    else:
        yield algorithm(snapshot, params, budget_s, seed)


def _improves(plan: Plan, best: Plan) -> bool:
    """Better in a tier, or as good with a bound that says so."""
    if better(plan.objective, best.objective):
        return True
    proves = plan.bound is not None and best.bound is None
    return proves and not better(best.objective, plan.objective)
