"""`depotd plan`: one plan for a snapshot."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from daemon.commands import Refused

if TYPE_CHECKING:
    from planner.params import Params
    from planner.plan import Plan
    from planner.snapshot import Snapshot


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from planner.params import Params
    from planner.snapshot import Mode

    parser.add_argument("snapshot", metavar="SNAPSHOT", help='JSON; "-" reads standard input')
    parser.add_argument("--out", type=Path, metavar="PLAN", help="write the plan here")
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="draw the plan as one self-contained page here"
    )
    parser.add_argument("--mode", choices=get_args(Mode), help="instead of the snapshot's own")
    parser.add_argument(
        "--algorithm",
        default=Params().algorithm,
        metavar="A",
        help="one of ours or an installed plug-in's (default: %(default)s)",
    )
    parser.add_argument(
        "--budget-s", type=float, default=10.0, metavar="S", help="default: %(default)s"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--iterations",
        type=int,
        metavar="N",
        help="so many steps of search instead of a time, for the same plan every time; a plan says "
        "how many led to it",
    )
    parser.add_argument(
        "--solutions",
        type=int,
        metavar="N",
        help="up to N plans instead of one, as a JSON array, best first: all serve as many routes "
        "and are no further short, any two differ in allocations or stays",
    )


def run(args: argparse.Namespace) -> int:
    from daemon.commands.files import read_snapshot, write
    from planner.algorithms.plugins import find
    from planner.params import Params

    if not 0 < args.budget_s < float("inf"):
        raise Refused(f"--budget-s {args.budget_s:g}: wants a positive number of seconds")
    if args.seed < 0:
        raise Refused(f"--seed {args.seed}: wants 0 or more")
    if args.iterations is not None and args.iterations < 0:
        raise Refused(f"--iterations {args.iterations}: wants 0 or more")
    if args.solutions is not None and args.solutions < 1:
        raise Refused(f"--solutions {args.solutions}: wants 1 or more")
    if args.solutions is not None and args.html is not None:
        raise Refused("--html: draws one plan, wants no --solutions")
    try:
        find(args.algorithm)
    except ValueError as error:
        raise Refused(f"--algorithm {args.algorithm}: {error}") from error
    snapshot = read_snapshot(args.snapshot)
    if args.mode is not None:
        snapshot = replace(snapshot, mode=args.mode)
    params = Params(algorithm=args.algorithm, iterations=args.iterations)
    make = _one if args.solutions is None else _several
    text = make(snapshot, params, args)
    if args.out is None:
        sys.stdout.write(text)
    else:
        write(args.out, text)
    return 0


def _one(snapshot: Snapshot, params: Params, args: argparse.Namespace) -> str:
    from planner.codec import dump_plan
    from planner.solve import iter_solved

    solved = None
    for solved in iter_solved(snapshot, params, args.budget_s, args.seed):
        if sys.stderr.isatty():
            print(_progress(solved.plan), file=sys.stderr)
    if solved is None:
        raise RuntimeError("the planner gave no plan at all")
    for step in solved.steps_down:
        print(f"depotd: revision {snapshot.revision}: {step}", file=sys.stderr)
    if args.html is not None:
        from daemon.commands.files import write
        from daemon.commands.picture import page

        write(args.html, page(snapshot, solved.plan))
    return dump_plan(solved.plan, indent=2) + "\n"


def _several(snapshot: Snapshot, params: Params, args: argparse.Namespace) -> str:
    from planner.codec import dump_plan
    from planner.solutions import solutions

    plans = solutions(snapshot, params, args.budget_s, args.seed, args.solutions)
    if len(plans) < args.solutions:
        text = (
            f"{len(plans)} of {args.solutions} plans: no more as good ones that differ were found"
        )
        print(f"depotd: {text}", file=sys.stderr)
    listed = [json.loads(dump_plan(plan)) for plan in plans]
    return json.dumps(listed, indent=2, ensure_ascii=False) + "\n"


def _progress(plan: Plan) -> str:
    tiers = plan.objective
    gap = f", gap {plan.bound.gap:.2%}" if plan.bound is not None else ""
    return (
        f"{plan.algorithm}: {plan.status}, unserved {tiers.unserved:g}, "
        f"short {tiers.shortfall_kwh:.2f} kWh, {tiers.money:.2f}{gap}"
    )
