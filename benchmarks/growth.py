"""Time to the first plan, and to within 2 % of the bound, against the number of vehicles.

Three routes for two vehicles; `python -m benchmarks table` draws it into docs/growth.svg.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import runs
from benchmarks.cases import Case, Line, Result
from benchmarks.drawing import Curve, drawing
from benchmarks.families import again, depot, digest, size
from benchmarks.markdown import table
from benchmarks.selection import a_family, seconds, several

VEHICLES: Final = (10, 20, 40, 80, 160, 320)
SHARE: Final = 0.02
PICTURE: Final = "growth.svg"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--family", type=a_family, default="mixed-fleet")
    parser.add_argument("--vehicles", type=several(int), default=list(VEHICLES), metavar="N,...")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--budget-s", type=seconds, default=120.0, metavar="S", help="of each run")


def cases(args: argparse.Namespace) -> Iterator[Case]:
    for vehicles in args.vehicles:
        text = f"{vehicles}/{vehicles * 3 // 2}"
        told = digest(depot(args.family, *size(text), args.seed))
        arguments = {"family": args.family, "size": text, "seed": args.seed, "digest": told}
        arguments["budget_s"] = args.budget_s
        yield Case(module="growth", arguments=arguments, budget_s=args.budget_s)


def measure(family: str, size: str, seed: int, digest: str, budget_s: float) -> Iterator[Line]:
    snapshot = again(family, size, seed, digest)
    for line, _ in runs.followed(snapshot, "joint", budget_s):
        yield line


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """`near_bound_s` and `near_best_s`: within 2 % of the bound, and of the run's own last plan."""

    family: str
    vehicles: int
    first_s: float
    near_bound_s: float | None
    near_best_s: float | None
    gap: float | None


def _points(results: Sequence[Result]) -> list[Point]:
    points = [_point(r) for r in results if runs.outcomes(r.lines)]
    return sorted(points, key=lambda p: (p.family, p.vehicles))


def _point(result: Result) -> Point:
    found = runs.outcomes(result.lines)
    last = runs.best(found)
    bounds = [o.bound_money for o in found if o.bound_money is not None]
    # The last bound is for plans like the last one above money; others come to it on the way.
    bound = bounds[-1] if bounds and found[-1].equals_above_money(last) else None
    near_bound_s = None
    if bound is not None:
        near = [o for o in found if o.equals_above_money(last)]
        limit = bound + SHARE * abs(bound)
        near_bound_s = next((o.at_s for o in near if o.money <= limit), None)
    return Point(
        family=result.arguments["family"],
        vehicles=size(result.arguments["size"])[0],
        first_s=found[0].at_s,
        near_bound_s=near_bound_s,
        near_best_s=runs.reaches(found, last, SHARE),
        gap=None if bound is None or not last.money else (last.money - bound) / abs(last.money),
    )


def tables(results: Sequence[Result]) -> Iterator[str]:
    points = _points(results)
    if points:
        yield f"![Seconds against vehicles]({PICTURE})"
    heads = ("Family", "Vehicles", "first plan, s", "2 % of the bound, s",
        "2 % of its own best, s", "gap at the end")  # fmt: skip
    yield table(heads, [_row(p) for p in points])


def _row(point: Point) -> list[str]:
    return [
        point.family, str(point.vehicles), f"{point.first_s:.2f}",
        "not reached" if point.near_bound_s is None else f"{point.near_bound_s:.2f}",
        "-" if point.near_best_s is None else f"{point.near_best_s:.2f}",
        "no bound" if point.gap is None else f"{100 * point.gap:.1f} %",
    ]  # fmt: skip


def draw(results: Sequence[Result], folder: Path) -> None:
    """Writes the picture; times that were not reached have no point."""
    points = _points(results)
    if not points:
        return
    named = (
        ("first plan", [(p.vehicles, p.first_s) for p in points]),
        ("within 2 % of the bound", [(p.vehicles, p.near_bound_s) for p in points]),
        ("within 2 % of its own best", [(p.vehicles, p.near_best_s) for p in points]),
    )
    curves = [
        Curve(name=name, points=tuple((float(x), y) for x, y in found if y is not None))
        for name, found in named
    ]
    text = drawing(
        [c for c in curves if c.points],
        title=f"Seconds until a plan is there ({points[0].family})",
        x_name="vehicles",
        y_name="s",
    )
    (folder / PICTURE).write_text(text, encoding="utf-8")
