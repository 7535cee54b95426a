"""Charging alone: what `lp` takes beyond HiGHS, and others who plan the same charging sessions.

A call is the whole of it: greedy's connectors, building, solving, reading the answer, the audit.
It is set against HiGHS's own time within that call (all of its problems), and against HiGHS alone
on the same matrix once, with the tiers in one sum: as it stands, which leaves minimum powers out,
and where there are any also with an integral column for each of them, until the gap is what `lp`
leaves. Each is measured three times, the median counts.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

from benchmarks import opponents, sessions
from benchmarks.cases import Case, Line, Result
from benchmarks.families import depot, digest
from benchmarks.families import size as size_of
from benchmarks.highs import timed
from benchmarks.markdown import number, table, yes_no
from benchmarks.selection import several
from planner.algorithms import ALGORITHMS
from planner.algorithms.at_hand import AtHand
from planner.check import audit
from planner.drafts.timeline import Floats
from planner.linear.hints import curve_hints
from planner.linear.model import Model
from planner.linear.scope import Scope
from planner.linear.scopes import placed_scope
from planner.linear.solver import solve_lp, solve_milp
from planner.objectives import MONEY, SHORTFALL
from planner.params import Params
from planner.plan import Plan
from planner.snapshot import Snapshot

TARGET: Final = 1.5
FASTER: Final = 50.0
REPEATS: Final = 3
BUDGET_S: Final = 600.0
OURS: Final = ("lp", "max_min", "fair")
THEIRS: Final = ("optivgi-pulp", "optivgi-heuristic", "cvxpy")
SIZES: Final = ("40x480", "100x72")
_SHORT_PER_KWH: Final = 100.0
_MIXED_S: Final = 120.0
"""HiGHS is given so long for the mixed-integer matrix, by the clock."""

_LEAST_GAP: Final = 1e-4
"""HiGHS's own; it is not asked for less."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sizes", type=several(str), default=list(SIZES), metavar="VxT,...",
        help="vehicles x steps: 480 are charging sessions by the minute, 72 a depot of the family "
        "charging-only (default: 40x480,100x72)")  # fmt: skip
    parser.add_argument("--seeds", type=several(int), default=[0], metavar="N,...")
    parser.add_argument(
        "--who", type=several(str), default=[*OURS, *THEIRS], metavar="A,B",
        help="at 480 steps; theirs want the group bench (default: all)",
    )  # fmt: skip
    parser.add_argument(
        "--profile", action="store_true",
        help="measure nothing: print where the time of lp goes in the first size",
    )  # fmt: skip


def cases(args: argparse.Namespace) -> Iterator[Case]:
    for size in args.sizes:
        for seed in args.seeds:
            told = digest(_depot(size, seed))
            for who in args.who if size.endswith("x480") else ["lp"]:
                arguments = {"size": size, "seed": seed, "digest": told, "who": who}
                yield Case(module="charging_only", arguments=arguments)


def _depot(size: str, seed: int) -> Snapshot:
    """Raises ValueError for a size that is neither by the minute nor by the quarter hour."""
    vehicles, _, steps = size.partition("x")
    if not vehicles.isdecimal() or steps not in ("480", "72"):
        raise ValueError(f'wants vehicles x 480 or 72 steps such as "40x480", not "{size}"')
    if steps == "480":
        return sessions.snapshot(sessions.lot(int(vehicles), seed))
    return depot("charging-only", *size_of(f"{vehicles}/{int(vehicles) * 3 // 2}"), seed)


def measure(size: str, seed: int, digest: str, who: str) -> Iterator[Line]:
    snapshot = _depot(size, seed)
    lot = sessions.lot(int(size.partition("x")[0]), seed) if size.endswith("x480") else None
    if who in THEIRS:
        assert lot is not None
        yield from _theirs(lot, who)
        return
    _call(depot("charging-only", 3, 4, 0), who)
    for _ in range(REPEATS):
        with timed() as solves:
            plan, line = _clocked(partial(_call, snapshot, who))
        line |= {"highs_s": round(sum(s.seconds for s in solves), 4), "solves": len(solves)}
        line |= {"short_kwh": round(plan.objective.shortfall_kwh, 3)}
        line |= {"money": round(plan.objective.money, 4)}
        if lot is not None:
            least, mean = sessions.satisfaction(lot, sessions.delivered(lot, plan))
            line |= {"least": round(least, 5), "mean": round(mean, 5)}
        yield line
        # In turn, for the machine may be slower a minute later.
        if who == "lp":
            yield _alone(snapshot)
    if who == "lp" and any(connector.min_kw > 0 for connector in snapshot.connectors):
        for _ in range(REPEATS):
            yield _mixed(snapshot, plan)


def _call(snapshot: Snapshot, algorithm: str) -> Plan:
    plan = ALGORITHMS[algorithm](snapshot, Params(algorithm=algorithm), BUDGET_S, 0)
    breaches = audit(snapshot, plan)
    if breaches:
        raise ValueError(f"{algorithm} failed its audit: {breaches[0]}")
    return plan


def _clocked(call: Callable[[], Any]) -> tuple[Any, Line]:
    """The answer, and the seconds it took: by the clock, and of processors, children included."""
    started_s, cpu_s = time.perf_counter(), _cpu_s()
    answer = call()
    took_s, spent_s = time.perf_counter() - started_s, _cpu_s() - cpu_s
    return answer, {"call_s": round(took_s, 4), "cpu_s": round(spent_s, 4)}


def _cpu_s() -> float:
    """Finer than `os.times`, whose hundredths of a second are a twentieth of a call."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(x.ru_utime + x.ru_stime for x in used)


def _alone(snapshot: Snapshot) -> Line:
    """The model that `lp` builds first, solved once: shortfall, then money, in one sum."""
    hand = AtHand.greedy(snapshot)
    with timed() as solves:
        _relaxed(Model(_scope(hand)), hand)
    (alone,) = solves
    return {
        "alone_s": round(alone.seconds, 4),
        "alone_cpu_s": round(alone.cpu_s, 4),
        "rows": alone.rows,
        "columns": alone.columns,
    }


def _mixed(snapshot: Snapshot, plan: Plan) -> Line:
    """The same with minimum powers, until it is as near to its bound as the plan of `lp` is to the
    optimum without them."""
    hand = AtHand.greedy(snapshot)
    scope = _scope(hand)
    simple = Model(scope)
    least = _relaxed(simple, hand)
    ours = _SHORT_PER_KWH * plan.objective.shortfall_kwh + plan.objective.money
    gap = max(_LEAST_GAP, (ours - least) / max(abs(ours), _LEAST_GAP))
    lowest_kw = [group.min_kw for group in scope.groups]
    stepped = (place for place in simple.columns["kw"] if lowest_kw[place[1]] > 0)
    model = Model(scope.refine(stepped=stepped, steady=()))
    held = curve_hints(model.columns, hand.draft)
    with timed() as solves:
        found = solve_milp(
            model.columns, model.rows, _sum(model), time_s=_MIXED_S, gap=gap, fixed=held
        )
    (alone,) = solves
    return {
        "mixed_s": round(alone.seconds, 4),
        "mixed_cpu_s": round(alone.cpu_s, 4),
        "mixed_proved": found.proved,
        "gap": round(gap, 6),
        "integral": sum(model.columns.integral) - len(held),
    }


def _scope(hand: AtHand) -> Scope:
    return placed_scope(hand.snapshot, hand.line, hand.chosen, hand.draft, thrifty=True)


def _sum(model: Model) -> Floats:
    cost: Floats = _SHORT_PER_KWH * model.cost(SHORTFALL) + model.cost(MONEY)
    return cost


def _relaxed(model: Model, hand: AtHand) -> float:
    """The optimum without minimum powers; runs of charge curves are as in the draft at hand."""
    held = {c: (value, value) for c, value in curve_hints(model.columns, hand.draft).items()}
    found = solve_lp(model.columns, model.rows, _sum(model), time_s=BUDGET_S, bounds=held)
    if found is None:
        raise ValueError("the matrix has no optimum")
    return found.objective


def _theirs(lot: sessions.Lot, who: str) -> Iterator[Line]:
    for _ in range(REPEATS):
        if who == "cvxpy":
            ready = opponents.cvxpy(lot)
        else:
            ready = opponents.optivgi(lot, who.removeprefix("optivgi-"))
        powers, line = _clocked(ready)
        hours = sessions.STEP_MINUTES / 60
        kwh = {name: hours * sum(powers[name]) for name in powers}
        least, mean = sessions.satisfaction(lot, kwh)
        over_kw = max(map(sum, zip(*powers.values(), strict=True))) - lot.limit_kw
        short_kwh = sum(max(0.0, s.wants_kwh - kwh[s.name]) for s in lot.sessions)
        line |= {"least": round(least, 5), "mean": round(mean, 5)}
        line |= {"short_kwh": round(short_kwh, 3), "money": round(sessions.money(lot, powers), 4)}
        yield line | {"over_limit_kw": round(max(0.0, over_kw), 6)}


def profile(args: argparse.Namespace) -> None:
    """Prints the share of each part of the planner in one call of `lp`, HiGHS included."""
    for size in args.sizes:
        snapshot = _depot(size, args.seeds[0])
        _call(depot("charging-only", 3, 4, 0), "lp")
        with timed() as solves:
            _, line = _clocked(partial(_call, snapshot, "lp"))
        highs_s = sum(s.seconds for s in solves)
        print(
            f"{size}: {line['call_s']:.3f} s, of it HiGHS {highs_s:.3f} s in {len(solves)} solves"
        )
        for solve in solves:
            print(f"  {solve.seconds:8.3f} s  {solve.rows} rows, {solve.columns} columns")
        profiler = cProfile.Profile()
        profiler.runcall(_call, snapshot, "lp")
        pstats.Stats(profiler).strip_dirs().sort_stats("cumulative").print_stats(45)


_OVERHEAD: Final = (
    "Vehicles x steps", "rows x columns", "`lp`, s", "HiGHS in it, s", "HiGHS once, s",
    "over HiGHS in it", "over HiGHS once", "the same by CPU time", "at most 1.5 (once, CPU)",
)  # fmt: skip
_MIXED: Final = (
    "Vehicles x steps", "integers", "gap of `lp`", "`lp`, s", "HiGHS, s", "over HiGHS",
    "the same by CPU time", "at most 1.5 (CPU)",
)  # fmt: skip
_BESIDE: Final = (
    "Who", "s", "CPU, s", "times `max_min`", "the same by CPU time", "smallest share",
    "mean share", "short, kWh", "money",
)  # fmt: skip


def tables(results: Sequence[Result]) -> Iterator[str]:
    yield "Whole call of `lp` over HiGHS (at most 1.5):"
    yield table(_OVERHEAD, [_overhead(r) for r in results if r.arguments["who"] == "lp"])
    mixed = [r for r in results if any("mixed_s" in line for line in r.lines)]
    if mixed:
        yield "The same, HiGHS with minimum powers as integers, until its gap is that of `lp`:"
        yield table(_MIXED, [_mixed_over(r) for r in mixed])
    sizes = {r.arguments["size"] for r in results}
    for size in sorted(s for s in sizes if s.endswith("x480")):
        mine = [r for r in results if r.arguments["size"] == size and _median(r, "call_s")]
        yield f"Others on {size.replace('x', ' vehicles and ')} one-minute steps:"
        yield table(_BESIDE, [_beside(r, mine) for r in mine])


def _overhead(result: Result) -> list[str]:
    call_s, highs_s, alone_s = (_median(result, k) for k in ("call_s", "highs_s", "alone_s"))
    if not (call_s and highs_s and alone_s):
        return [result.arguments["size"], *["-"] * 7, result.trouble or "-"]
    call_cpu_s, alone_cpu_s = (_median(result, k) or 0.0 for k in ("cpu_s", "alone_cpu_s"))
    shape = next(line for line in result.lines if "rows" in line)
    return [
        result.arguments["size"], f"{shape['rows']} x {shape['columns']}", f"{call_s:.2f}",
        f"{highs_s:.2f}", f"{alone_s:.2f}", number(call_s / highs_s), number(call_s / alone_s),
        number(call_cpu_s / alone_cpu_s), yes_no(call_cpu_s / alone_cpu_s <= TARGET),
    ]  # fmt: skip


def _mixed_over(result: Result) -> list[str]:
    """Where HiGHS was cut short it takes longer than is told, and the ratio is smaller."""
    lines = [line for line in result.lines if "mixed_s" in line]
    more, less = ("", "") if all(line["mixed_proved"] for line in lines) else ("> ", "< ")
    call_s, cpu_s = _median(result, "call_s") or 0.0, _median(result, "cpu_s") or 0.0
    mixed_s, mixed_cpu_s = _median(result, "mixed_s") or 0.0, _median(result, "mixed_cpu_s") or 0.0
    ratio = cpu_s / mixed_cpu_s
    return [
        result.arguments["size"], str(lines[0]["integral"]), f"{100 * lines[0]['gap']:.3f} %",
        f"{call_s:.2f}", f"{more}{mixed_s:.2f}", f"{less}{call_s / mixed_s:.3f}",
        f"{less}{ratio:.3f}", yes_no(ratio <= TARGET),
    ]  # fmt: skip


def _beside(result: Result, mine: Sequence[Result]) -> list[str]:
    ours = next((r for r in mine if r.arguments["who"] == "max_min"), None)
    line = next(line for line in result.lines if "least" in line)
    times = []
    for key in ("call_s", "cpu_s"):
        theirs_s, ours_s = _median(result, key), _median(ours, key) if ours else None
        times.append(number(theirs_s / ours_s) if theirs_s and ours_s else "-")
    took = (f"{_median(result, key):.3f}" for key in ("call_s", "cpu_s"))
    return [
        result.arguments["who"], *took, *times,
        f"{100 * line['least']:.1f} %", f"{100 * line['mean']:.1f} %",
        number(line["short_kwh"]), number(line["money"]),
    ]  # fmt: skip


def _median(result: Result, key: str) -> float | None:
    found = [float(line[key]) for line in result.lines if key in line]
    return statistics.median(found) if found else None
