"""What the joint search has after 1 to 60 s, beside its own best, `milp` and the simple ways.

One run serves all times within its budget: its plans carry the instants at which they stood. The
reference is such a run too.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks import runs
from benchmarks.cases import Case, Line, Result
from benchmarks.families import SIZES, again, size
from benchmarks.markdown import number, table, yes_no
from benchmarks.runs import Outcome
from benchmarks.selection import add_depots, depots, place, seconds, several

TIMES_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
TARGET_S: Final = 10.0
OPPONENT_S: Final = 60.0
LATE_S: Final = 0.5
"""By which an answer may come after its budget without a word."""

_SMALL: Final = size("40/60")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_depots(parser, SIZES)
    parser.add_argument(
        "--budgets-s", type=several(seconds), default=[TARGET_S], metavar="S,...",
        help="joint runs beside the reference; a table takes each time from the shortest run that "
        "lasted so long (default: 10)",
    )  # fmt: skip
    parser.add_argument("--reference-s", type=seconds, default=150.0, metavar="S")
    parser.add_argument("--opponent-s", type=seconds, default=OPPONENT_S, metavar="S")
    parser.add_argument(
        "--opponents", type=lambda x: x.split(",") if x else [],
        default=["milp", "sequential", "greedy"], metavar="A,B",
    )  # fmt: skip


def cases(args: argparse.Namespace) -> Iterator[Case]:
    for chosen in depots(args):
        ways = [("joint", s) for s in sorted({*args.budgets_s, args.reference_s})]
        ways += [(name, args.opponent_s) for name in args.opponents]
        for algorithm, budget_s in ways:
            arguments = {**chosen, "algorithm": algorithm, "budget_s": budget_s}
            yield Case(module="tiers", arguments=arguments, budget_s=budget_s)


def measure(
    family: str, size: str, seed: int, digest: str, algorithm: str, budget_s: float
) -> Iterator[Line]:
    """Each plan, then `end_s`, when the solver gave back control."""
    snapshot = again(family, size, seed, digest)
    last: Line = {}
    for last, _ in runs.followed(snapshot, algorithm, budget_s):
        yield last
    yield {"end_s": last["at_s"], "steps_down": last["steps_down"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Depot:
    """All runs on one depot: joint ones by budget, others by name."""

    family: str
    size: str
    seed: int
    joint: dict[float, Result]
    others: dict[str, Result]

    @property
    def title(self) -> list[str]:
        return [f"{self.family}{f' ({self.seed})' if self.seed else ''}", self.size]

    def at(self, at_s: float) -> Outcome | None:
        lasting = [s for s in sorted(self.joint) if s >= at_s]
        return runs.at(runs.outcomes(self.joint[lasting[0]].lines), at_s) if lasting else None

    @property
    def found(self) -> list[Outcome]:
        """All plans of all joint runs."""
        return [o for r in self.joint.values() for o in runs.outcomes(r.lines)]

    def best(self) -> Outcome | None:
        return runs.best(self.found) if self.found else None

    def other(self, algorithm: str) -> Outcome | None:
        """Its own last plan, not greedy's that stands in for it."""
        lines = self.others[algorithm].lines if algorithm in self.others else ()
        own = [o for o in runs.outcomes(lines) if o.algorithm == algorithm]
        return own[-1] if own else None

    def bound(self, like: Outcome) -> float | None:
        """The best bound that any joint run proved for plans equal to `like` above money."""
        alike = [o for o in self.found if o.equals_above_money(like)]
        return max((o.bound_money for o in alike if o.bound_money is not None), default=None)


def by_depot(results: Iterable[Result]) -> list[Depot]:
    found: dict[tuple[Any, ...], Depot] = {}
    for r in results:
        a = r.arguments
        key = (*place(a), a["seed"])
        depot = found.setdefault(
            key, Depot(family=a["family"], size=a["size"], seed=a["seed"], joint={}, others={})
        )
        if a["algorithm"] == "joint":
            depot.joint[a["budget_s"]] = r
        else:
            depot.others[a["algorithm"]] = r
    return [found[key] for key in sorted(found)]


def tables(results: Sequence[Result]) -> Iterator[str]:
    found = by_depot(results)
    yield (
        "Targets: at 10 s tiers 1 and 2 as the best that was found, money within 2 % of it; beyond "
        "40/60 each tier within 5 %. Tiers are priority unserved / kWh short / money."
    )
    yield table(_TARGETS, [_targets(d) for d in found])
    yield "Over time, with the gap to the best bound for plans equal above money:"
    heads = [f"{t:g} s" for t in TIMES_S]
    yield table(["Family", "Size", *heads], [_over_time(d) for d in found])
    yield "Beside the simple ways:"
    rows = [
        [*d.title, *(_tiers(d.other(name)) for name in ("greedy", "sequential"))] for d in found
    ]
    yield table(["Family", "Size", "greedy", "sequential"], rows)
    late = [row for d in found for row in _late(d)]
    if late:
        yield "Runs that did not keep their budget, or told of trouble:"
        yield table(["Family", "Size", "Run", "What happened"], late)


_TARGETS: Final = (
    "Family", "Size", "best of joint", f"joint at {TARGET_S:g} s", "tiers 1, 2 equal",
    "money over best", "target", f"`milp` at {OPPONENT_S:g} s", "better than `milp`",
    "proved optimal",
)  # fmt: skip


def _targets(depot: Depot) -> list[str]:
    best, now, milp = depot.best(), depot.at(TARGET_S), depot.other("milp")
    if best is None or now is None:
        return [*depot.title, _tiers(best), _tiers(now), *["-"] * 6]
    equal = now.equals_above_money(best)
    over = (now.money - best.money) / abs(best.money) if best.money else 0.0
    small = size(depot.size) <= _SMALL
    met = (equal and over <= 0.02) if small else now.within(0.05, best)
    ours = depot.at(OPPONENT_S) or now
    # The bound of an optimal plan is `milp`'s too: nothing can be better than as good.
    as_good = milp is not None and not milp.beats(ours) and ours.status == "optimal"
    return [
        *depot.title, _tiers(best), _tiers(now), yes_no(equal),
        f"{100 * over:+.1f} %" if equal else "-", yes_no(met),
        _tiers(milp) if milp else "no plan" if "milp" in depot.others else "-",
        yes_no(milp is None or ours.beats(milp) or as_good) if "milp" in depot.others else "-",
        yes_no(any(o.status == "optimal" for o in depot.found)),
    ]  # fmt: skip


def _over_time(depot: Depot) -> list[str]:
    return [*depot.title, *(_with_gap(depot, depot.at(t)) for t in TIMES_S)]


def _with_gap(depot: Depot, outcome: Outcome | None) -> str:
    if outcome is None:
        return "-"
    bound = depot.bound(outcome)
    if bound is None:
        return _tiers(outcome)
    gap = (outcome.money - bound) / abs(outcome.money) if outcome.money else 0.0
    return f"{_tiers(outcome)} ({100 * max(gap, 0.0):.1f} %)"


def _tiers(outcome: Outcome | None) -> str:
    if outcome is None:
        return "-"
    parts = (outcome.unserved, outcome.shortfall_kwh, outcome.money)
    return " / ".join(number(x) for x in parts)


def _late(depot: Depot) -> Iterator[list[str]]:
    for result in (*depot.joint.values(), *depot.others.values()):
        algorithm, budget_s = result.arguments["algorithm"], result.arguments["budget_s"]
        told = [result.trouble] if result.trouble else []
        for line in result.lines:
            if "end_s" in line:
                late_s = line["end_s"] - budget_s
                told += [f"ended {late_s:.1f} s late"] if late_s > LATE_S else []
                told += [textwrap.shorten(x, 90, placeholder=" ...") for x in line["steps_down"]]
        if told:
            yield [*depot.title, f"{algorithm}, {budget_s:g} s", "; ".join(told)]
