"""The first audited plan for 100 vehicles, over HiGHS's time for the LP relaxation beside it.

The depot is loaded and the planner warm, as in the daemon's planner process. The relaxation is of
the whole model (routes, connectors, powers), solved once for a sum of all tiers with weights:
easier for HiGHS than the tiers in turn.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from benchmarks import runs
from benchmarks.cases import Case, Line, Result
from benchmarks.families import again, depot
from benchmarks.highs import timed
from benchmarks.markdown import table, yes_no
from benchmarks.selection import add_depots, depots, place, seconds
from planner.drafts.choices import choices
from planner.drafts.timeline import timeline
from planner.linear.model import Model
from planner.linear.scopes import open_scope
from planner.linear.solver import solve_milp
from planner.objectives import MONEY, SHORTFALL, UNSERVED
from planner.snapshot import Snapshot

TARGET: Final = 1 / 20
REPEATS: Final = 3
WEIGHTS: Final = ((UNSERVED, 10_000.0), (SHORTFALL, 100.0), (MONEY, 1.0))
"""Currency for a point of priority and for a kWh: far above what either can save."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_depots(parser, ["100/150"])
    parser.add_argument(
        "--lp-limit-s", type=seconds, default=300.0, metavar="S",
        help="HiGHS is cut short after so long; its time is then at least that (default: 300)",
    )  # fmt: skip


def cases(args: argparse.Namespace) -> Iterator[Case]:
    for chosen in depots(args):
        yield Case(module="first_plan", arguments={**chosen, "lp_limit_s": args.lp_limit_s})


def measure(family: str, size: str, seed: int, digest: str, lp_limit_s: float) -> Iterator[Line]:
    snapshot = again(family, size, seed, digest)
    _first(depot(family, 3, 4, seed))
    for _ in range(REPEATS):
        yield _first(snapshot)
    yield _relaxation(snapshot, lp_limit_s)


def _first(snapshot: Snapshot) -> Line:
    planning = runs.followed(snapshot, "joint", 60.0)
    line, _ = next(planning)
    planning.close()
    return line


def _relaxation(snapshot: Snapshot, limit_s: float) -> Line:
    started_s = time.perf_counter()
    line = timeline(snapshot)
    chosen = choices(snapshot, line)
    model = Model(open_scope(snapshot, line, chosen, fixed=chosen.given))
    cost = np.sum([weight * model.cost(tier) for tier, weight in WEIGHTS], axis=0)
    build_s = time.perf_counter() - started_s
    with timed() as solves:
        solve_milp(model.columns, model.rows, cost, time_s=limit_s, gap=0.0, relaxed=True)
    (alone,) = solves
    return {
        "highs_s": round(alone.seconds, 3),
        "highs_cpu_s": round(alone.cpu_s, 3),
        "build_s": round(build_s, 3),
        "rows": alone.rows,
        "columns": alone.columns,
        "cut_short": alone.status != 0,
    }


def tables(results: Sequence[Result]) -> Iterator[str]:
    yield table(
        (
            "Family",
            "Size",
            "first plan, s",
            "HiGHS, s",
            "rows x columns",
            "ratio",
            "the same by CPU time",
            "at most 1/20",
        ),
        [_row(r) for r in sorted(results, key=lambda r: place(r.arguments))],
    )


def _row(result: Result) -> list[str]:
    title = [result.arguments["family"], result.arguments["size"]]
    firsts = [line["at_s"] for line in result.lines if "at_s" in line]
    relaxed = [line for line in result.lines if "highs_s" in line]
    if not firsts or not relaxed:
        return [*title, *["-"] * 5, result.trouble or "-"]
    first_s, (lp,) = statistics.median(firsts), relaxed
    first_cpu_s = statistics.median(line["cpu_s"] for line in result.lines if "at_s" in line)
    by_cpu = lp["highs_cpu_s"] / first_cpu_s
    ratio, more = lp["highs_s"] / first_s, "more than " if lp["cut_short"] else ""
    met = yes_no(ratio >= 1 / TARGET)
    if lp["cut_short"] and ratio < 1 / TARGET:
        met = "open: HiGHS was cut short"
    return [
        *title, f"{first_s:.2f}", f"{more}{lp['highs_s']:.1f}", f"{lp['rows']} x {lp['columns']}",
        f"1/{ratio:.0f}{' or less' if more else ''}", f"1/{by_cpu:.0f}", met,
    ]  # fmt: skip
