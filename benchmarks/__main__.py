"""`python -m benchmarks NAME [options]` measures; with `table` it writes the tables."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Final

from benchmarks import charging_only, first_plan, growth, replan, tables, tiers
from benchmarks.apart import ROOT, run_apart
from benchmarks.cases import Case, append, load, to_do

BENCHMARKS: Final[dict[str, ModuleType]] = {
    "tiers": tiers,
    "first-plan": first_plan,
    "replan": replan,
    "charging-only": charging_only,
    "growth": growth,
}
RESULTS: Final = ROOT / "benchmarks" / "results"


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        if args.benchmark == "table":
            tables.write(BENCHMARKS, args.results, args.docs)
            return 0
        if getattr(args, "profile", False):
            charging_only.profile(args)
            return 0
        path = args.results / f"{args.benchmark}.jsonl"
        wanted = list(BENCHMARKS[args.benchmark].cases(args))
        left = to_do(wanted, load([path]))
    except (OSError, ValueError) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 2
    print(f"{len(left)} of {len(wanted)} cases to measure, into {path}", file=sys.stderr)
    asyncio.run(_run(left, path, args))
    return 0


async def _run(cases: Sequence[Case], path: Path, args: argparse.Namespace) -> None:
    """`workers` at a time, in order; each result is kept as soon as it is there."""
    free = asyncio.Semaphore(args.workers)

    async def one(case: Case) -> None:
        async with free:
            limit_s = args.limit_s if case.budget_s is None else case.budget_s + args.grace_s
            result = await run_apart(case, limit_s=limit_s, memory_gb=args.memory_gb)
        append(path, result)
        print(f"{case}: {result.trouble or 'done'}", file=sys.stderr, flush=True)

    async with asyncio.TaskGroup() as group:
        for case in cases:
            group.create_task(one(case))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="benchmark", required=True, metavar="NAME")
    for name, module in BENCHMARKS.items():
        text = (module.__doc__ or "").partition("\n")[0].replace("%", "%%")
        command = commands.add_parser(name, help=text, description=module.__doc__)
        module.add_arguments(command)
        _add_common(command)
    command = commands.add_parser("table", help="write the tables of all results into the docs")
    command.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER")
    command.add_argument("--docs", type=Path, default=ROOT / "docs", metavar="FOLDER")
    return parser


def _add_common(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("running")
    group.add_argument(
        "--results", type=Path, default=RESULTS, metavar="FOLDER",
        help="what is measured there already is not measured again (default: benchmarks/results)",
    )  # fmt: skip
    group.add_argument("--workers", type=int, default=1, metavar="N", help="cases at a time")
    group.add_argument(
        "--grace-s", type=float, default=30.0, metavar="S",
        help="past its budget a case is killed after so long, its start included (default: 30)",
    )  # fmt: skip
    group.add_argument(
        "--limit-s", type=float, default=900.0, metavar="S",
        help="a case without a budget is killed after so long (default: 900)",
    )  # fmt: skip
    group.add_argument("--memory-gb", type=float, default=12.0, metavar="GB", help="for each case")


if __name__ == "__main__":
    sys.exit(main())
