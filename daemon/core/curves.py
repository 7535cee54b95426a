"""Arithmetic on series: powers over time that are compared, summed and cut, all in kW."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from planner.series import Point, Series

# What can be asked of stations lies on a grid of 10 W or 0.1 A, so less than half of its finest
# step is the same.
TOLERANCE_KW = 0.005


def combine(fold: Callable[[Iterable[float]], float], *series: Series) -> Series:
    """The series that holds `fold` of all values at every instant, with no needless points."""
    # A constant changes nowhere: its point, at the beginning of time, is no instant of the result.
    changing = [one for one in series if len(one.points) > 1] or list(series[:1])
    instants = sorted({point.at for one in changing for point in one.points})
    points: list[Point] = []
    for at in instants:
        value = fold([one.at(at) for one in series])
        if not points or points[-1].value != value:
            points.append(Point(at=at, value=value))
    return Series(points=tuple(points))


def after(series: Series, start: datetime) -> Series:
    """The same from `start` on, and constant before it."""
    later = tuple(p for p in series.points if p.at > start)
    return Series(points=(Point(at=start, value=series.at(start)), *later))


def exceeds(a: Series, b: Series, start: datetime, end: datetime | None = None) -> bool:
    """Whether `a` is above `b`, by more than rounding, in `[start, end)`."""
    instants = {start} | {p.at for s in (a, b) for p in s.points if p.at > start}
    return any(a.at(t) > b.at(t) + TOLERANCE_KW for t in instants if end is None or t < end)


def highest_from(series: Series, start: datetime) -> float:
    return max(p.value for p in after(series, start).points)


def lowest_from(series: Series, start: datetime) -> float:
    return min(p.value for p in after(series, start).points)


def minus(a: Series, *others: Series) -> Series:
    """`a` less the sum of the others; may be negative."""
    return combine(sum, a, *(_negative(other) for other in others))


def _negative(series: Series) -> Series:
    return Series(points=tuple(Point(at=p.at, value=-p.value) for p in series.points))
