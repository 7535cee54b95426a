"""`depotd simulate`: the daemon under faults, in virtual time, from a seed."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import TYPE_CHECKING

from daemon.commands import Refused

if TYPE_CHECKING:
    from simulation.soak.scenario import Setup

# A site's run: long enough for vehicles to come and go, short enough to be replayed in seconds.
RUN_H = 4.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "Ends with 1 where a limit was exceeded or the daemon failed."
    parser.add_argument(
        "--faults",
        default="all",
        metavar="all|none|NAME,NAME|all,-NAME",
        help="which may come, see --list (default: %(default)s)",
    )
    parser.add_argument(
        "--site-hours",
        type=float,
        default=RUN_H,
        metavar="N",
        help=f"in all; a site lives {RUN_H:g} (default: %(default)g)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="S", help="of the first site (default: %(default)s)"
    )
    parser.add_argument(
        "--stations", type=int, default=20, metavar="N", help="of each site (default: %(default)s)"
    )
    parser.add_argument(
        "--classes",
        default="AB",
        metavar="ABC",
        help="what stations keep without us: A leases, B a fallback, C nothing "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--rate",
        type=float,
        default=1.0,
        metavar="X",
        help="faults come X times as often (default: %(default)g)",
    )
    parser.add_argument(
        "--algorithm",
        default="steady",
        metavar="A",
        help="of the planner: steady, restless (another plan every time), or a real one "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="0: all processors (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="the outcome as JSON")
    parser.add_argument("--list", action="store_true", help="the faults, and what they are")


def run(args: argparse.Namespace) -> int:
    """1 when a limit was exceeded or the daemon failed. Raises Refused for what cannot be used."""
    from simulation.soak.faults import FAULTS
    from simulation.soak.report import Total, as_json, lines
    from simulation.soak.run import run_all

    if args.list:
        print("\n".join(f"{name:16} {fault.text}" for name, fault in FAULTS.items()))
        return 0
    setups = _setups(args)
    jobs = args.jobs or len(os.sched_getaffinity(0))
    total = Total()
    for outcome in run_all(setups, jobs):
        total.add(outcome)
        if sys.stderr.isatty():
            done = f"{total.hours:g} of {args.site_hours:g} site-hours, {total.over_s:g} s over"
            print(f"\r{done} ", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    print(json.dumps(as_json(total), indent=2) if args.json else "\n".join(lines(total)))
    return 0 if total.holds else 1


def _setups(args: argparse.Namespace) -> list[Setup]:
    """Sites of some hours each, with seeds that count up from the first."""
    from simulation.soak.scenario import Setup

    faults = _faults(args.faults)
    _check(args)
    hours = [RUN_H] * int(args.site_hours // RUN_H)
    if rest := args.site_hours - sum(hours):
        hours.append(rest)
    return [
        Setup(
            seed=args.seed + number,
            hours=duration,
            stations=args.stations,
            faults=faults,
            kinds=args.classes,
            rate=args.rate,
            algorithm=args.algorithm,
        )
        for number, duration in enumerate(hours)
    ]


def _check(args: argparse.Namespace) -> None:
    from planner.algorithms.plugins import find
    from simulation.soak.planner import RESTLESS, STEADY

    for key in ("site_hours", "rate"):
        value = getattr(args, key)
        if not 0 < value < float("inf"):
            option = key.replace("_", "-")
            raise Refused(f"--{option}: {value:g}, wants a positive number")
    if not 1 <= args.stations <= 1000:
        raise Refused(f"--stations: {args.stations}, wants 1 to 1000")
    if args.jobs < 0:
        raise Refused(f"--jobs: {args.jobs}, wants at least 0")
    if not args.classes or not set(args.classes) <= set("ABC"):
        raise Refused(f"--classes: {args.classes!r}, wants some of the letters A, B and C")
    if args.algorithm not in {RESTLESS, STEADY}:
        try:
            find(args.algorithm)
        except ValueError as error:
            raise Refused(f"--algorithm: {error}") from error


def _faults(text: str) -> frozenset[str]:
    from simulation.soak.faults import FAULTS

    if text == "none":
        return frozenset()
    chosen: set[str] = set()
    for word in (word.strip() for word in text.split(",")):
        name = word.removeprefix("-")
        if name not in {"all", *FAULTS}:
            known = ", ".join(FAULTS)
            raise Refused(f"--faults: {name!r}, wants all, none, or some of {known}")
        named = set(FAULTS) if name == "all" else {name}
        chosen = chosen - named if word.startswith("-") else chosen | named
    if not chosen:
        raise Refused(f"--faults: {text!r} leaves no fault, wants all,-NAME or none")
    return frozenset(chosen)
