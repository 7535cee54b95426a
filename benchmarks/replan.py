"""Planning again after one vehicle is 20 minutes late, over the time of the first plan as good.

Three runs, each with the whole budget: the first plan; the plan after the event, which knows the
one before; and the same depot after the event planned from nothing, which with the second says
what can be reached. As good is: tiers 1 and 2 as the best of its depot, money within 2 % of it.
Times are of the processor, so that what else the machine does counts for little.
"""

from __future__ import annotations

import argparse
from collections.abc import Generator, Iterator, Sequence
from typing import Final

from benchmarks import events, runs
from benchmarks.cases import Case, Line, Result
from benchmarks.families import again
from benchmarks.markdown import number, table, yes_no
from benchmarks.selection import add_depots, depots, place, seconds
from planner.plan import Plan
from planner.snapshot import Snapshot

TARGET: Final = 1 / 10
SHARE: Final = 0.02
MINUTES: Final = 20.0
_KEPT: Final = (("kept", "routes"), ("places_kept", "places"))
RUNS: Final = ("first", "again", "from nothing")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_depots(parser, ["40/60"])
    parser.add_argument("--budget-s", type=seconds, default=60.0, metavar="S", help="of each run")


def cases(args: argparse.Namespace) -> Iterator[Case]:
    for chosen in depots(args):
        arguments = {**chosen, "budget_s": args.budget_s}
        yield Case(module="replan", arguments=arguments, budget_s=len(RUNS) * args.budget_s)


def measure(family: str, size: str, seed: int, digest: str, budget_s: float) -> Iterator[Line]:
    snapshot = again(family, size, seed, digest)
    plan = yield from _run("first", snapshot, budget_s)
    vehicle = events.expected(snapshot, plan, seed)
    after = events.late(snapshot, vehicle, MINUTES)
    second = yield from _run("again", events.following(after, plan), budget_s)
    yield from _run("from nothing", after, budget_s)
    before, places = {a.route: a.vehicle for a in plan.allocations}, _places(plan)
    kept = sum(before.get(a.route) == a.vehicle for a in second.allocations)
    there = len(places & _places(second))
    yield {
        "late": vehicle, "routes": len(second.allocations), "kept": kept,
        "places": len(places), "places_kept": there,
    }  # fmt: skip


def _places(plan: Plan) -> set[tuple[str, str, int]]:
    """Who charges where."""
    return {(stay.vehicle, stay.station, stay.connector) for stay in plan.stays}


def _run(name: str, snapshot: Snapshot, budget_s: float) -> Generator[Line, None, Plan]:
    """Returns the last plan."""
    plans: list[Plan] = []
    for line, plan in runs.followed(snapshot, "joint", budget_s):
        plans.append(plan)
        yield {**line, "run": name}
    return plans[-1]


def tables(results: Sequence[Result]) -> Iterator[str]:
    yield table(
        (
            "Family", "Size", "first plan as good, s", "again as good, s", "from nothing, s",
            "ratio", "at most 1/10", "money over the best", "routes kept", "connectors kept",
        ),
        [_row(r) for r in sorted(results, key=lambda r: place(r.arguments))],
    )  # fmt: skip


def _row(result: Result) -> list[str]:
    title = [result.arguments["family"], result.arguments["size"]]
    first, second, fresh = (_outcomes(result, name) for name in RUNS)
    if not (first and second and fresh):
        return [*title, *["-"] * 7, result.trouble or "-"]
    quality, reached = runs.best(first), runs.best([*second, *fresh])
    took_s = _cpu_s(first, quality)
    again_s, fresh_s = (_cpu_s(found, reached) for found in (second, fresh))
    end = second[-1]
    equal = end.equals_above_money(reached)
    over = (end.money - reached.money) / abs(reached.money) if reached.money else 0.0
    ratio = again_s / took_s if again_s is not None and took_s else None
    told = next((x for x in result.lines if "places_kept" in x), None)
    kept = ["-", "-"]
    if told is not None:
        kept = [f"{told[a]} of {told[b]}" for a, b in _KEPT]
    return [
        *title, _seconds(took_s), _seconds(again_s), _seconds(fresh_s),
        "-" if ratio is None else number(ratio), yes_no(ratio is not None and ratio <= TARGET),
        f"{100 * over:+.1f} %" if equal else "worse in tier 1 or 2", *kept,
    ]  # fmt: skip


def _cpu_s(found: Sequence[runs.Outcome], quality: runs.Outcome) -> float | None:
    outcome = runs.reached(found, quality, SHARE)
    return None if outcome is None else outcome.cpu_s


def _outcomes(result: Result, name: str) -> list[runs.Outcome]:
    return runs.outcomes([line for line in result.lines if line.get("run") == name])


def _seconds(value: float | None) -> str:
    return "not reached" if value is None else f"{value:.2f}"
