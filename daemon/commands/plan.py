"""`depotd plan`: one plan for a snapshot."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from daemon.commands import Refused

if TYPE_CHECKING:
    from planner.plan import Plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from planner.params import Params
    from planner.snapshot import Mode

    parser.add_argument("snapshot", metavar="SNAPSHOT", help='JSON; "-" reads standard input')
    parser.add_argument("--out", type=Path, metavar="PLAN", help="write the plan here")
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="draw the plan as one self-contained page here"
    )
    parser.add_argument("--mode", choices=get_args(Mode), help="instead of the snapshot's own")
    parser.add_argument("--algorithm", default=Params().algorithm, help="default: %(default)s")
    parser.add_argument(
        "--budget-s", type=float, default=10.0, metavar="S", help="default: %(default)s"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default: %(default)s")


def run(args: argparse.Namespace) -> int:
    from daemon.commands.files import read_snapshot, write
    from planner.algorithms import ALGORITHMS
    from planner.codec import dump_plan
    from planner.params import Params
    from planner.solve import iter_solved

    if not 0 < args.budget_s < float("inf"):
        raise Refused(f"--budget-s {args.budget_s:g}: wants a positive number of seconds")
    if args.seed < 0:
        raise Refused(f"--seed {args.seed}: wants 0 or more")
    if args.algorithm not in ALGORITHMS:
        known = ", ".join(sorted(ALGORITHMS))
        raise Refused(f"--algorithm {args.algorithm}: wants one of {known}")
    snapshot = read_snapshot(args.snapshot)
    if args.mode is not None:
        snapshot = replace(snapshot, mode=args.mode)
    params = Params(algorithm=args.algorithm)
    solved = None
    for solved in iter_solved(snapshot, params, args.budget_s, args.seed):
        if sys.stderr.isatty():
            print(_progress(solved.plan), file=sys.stderr)
    if solved is None:
        raise RuntimeError("the planner gave no plan at all")
    for step in solved.steps_down:
        print(f"depotd: {step}", file=sys.stderr)
    if args.html is not None:
        from daemon.commands.picture import page

        write(args.html, page(snapshot, solved.plan))
    text = dump_plan(solved.plan, indent=2) + "\n"
    if args.out is None:
        sys.stdout.write(text)
    else:
        write(args.out, text)
    return 0


def _progress(plan: Plan) -> str:
    tiers = plan.objective
    gap = f", gap {plan.bound.gap:.2%}" if plan.bound is not None else ""
    return (
        f"{plan.algorithm}: {plan.status}, unserved {tiers.unserved:g}, "
        f"short {tiers.shortfall_kwh:.2f} kWh, {tiers.money:.2f}{gap}"
    )
