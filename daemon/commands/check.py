"""`depotd check`: the independent audit of a plan; 1 where a law is broken."""

from __future__ import annotations

import argparse
import json

from daemon.commands import Refused


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("snapshot", metavar="SNAPSHOT", help='JSON; "-" reads standard input')
    parser.add_argument("plan", metavar="PLAN", help='JSON; "-" reads standard input')
    parser.add_argument("--json", action="store_true", help="the breaches as JSON")


def run(args: argparse.Namespace) -> int:
    from daemon.commands.files import STDIN, read_plan, read_snapshot
    from planner.check import audit
    from planner.series import format_instant

    if args.snapshot == args.plan == STDIN:
        raise Refused("SNAPSHOT and PLAN: only one of them can be standard input")
    breaches = audit(read_snapshot(args.snapshot), read_plan(args.plan))
    if args.json:
        found = [
            {
                "law": breach.law,
                "where": breach.where,
                "at": format_instant(breach.at) if breach.at is not None else None,
                "text": breach.text,
                "amount": breach.amount,
                "unit": breach.unit,
            }
            for breach in breaches
        ]
        print(json.dumps({"ok": not breaches, "breaches": found}, indent=2))
    else:
        for breach in breaches:
            print(breach)
        if not breaches:
            print("every law is kept")
    return int(bool(breaches))
