"""Quantities that change in time, and the instants they change at."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from operator import attrgetter
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    model_serializer,
    model_validator,
)
from pydantic.dataclasses import dataclass

from planner.model import MODEL, FieldError

# Beyond any depot on earth, and far from where products of two such numbers lose their meaning.
MAX_NUMBER: Final = 1e9
# Wide enough for any clock, narrow enough to add and subtract years without leaving the calendar.
MIN_YEAR: Final = 1900
MAX_YEAR: Final = 9000

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_RFC3339 = re.compile(_DATE + r"T([01][0-9]|2[0-3])(:[0-5][0-9]){2}(\.[0-9]{1,9})?Z")
_WANTED = 'wants an instant in UTC such as "2026-11-20T16:00:00Z"'
# Within what can be told, so that a constant that got a second point can be read back.
_START_OF_TIME = datetime(MIN_YEAR, 1, 1, tzinfo=UTC)


def parse_instant(value: object) -> datetime:
    """An instant from RFC 3339 text with `Z`; an aware datetime passes, in UTC.

    Raises ValueError for any other text: a local time would be read twice a year by the wrong hour.
    """
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("wants an instant in UTC, not a local time")
        return value if value.tzinfo is UTC else value.astimezone(UTC)
    if not isinstance(value, str) or _RFC3339.fullmatch(value) is None:
        raise ValueError(_WANTED)
    if not MIN_YEAR <= int(value[:4]) <= MAX_YEAR:
        raise ValueError(f"wants an instant between the years {MIN_YEAR} and {MAX_YEAR}")
    try:
        return datetime.fromisoformat(value)
    except ValueError as error:
        raise ValueError(_WANTED) from error


def format_instant(value: datetime) -> str:
    """RFC 3339 in UTC with `Z`; fractions of a second only where there are any."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


Instant = Annotated[
    datetime, BeforeValidator(parse_instant), PlainSerializer(format_instant, when_used="json")
]
Number = Annotated[float, Field(ge=-MAX_NUMBER, le=MAX_NUMBER)]


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class Point:
    """A value and the instant from which it holds."""

    at: Instant
    value: Number


_instant = attrgetter("at")


@dataclass(frozen=True, slots=True, kw_only=True, config=MODEL)
class Series:
    """A step function of time: each point's value holds until the next, the first one also before.

    In JSON a number, or a list of `{"from": time, "value": number}` in order of time.
    """

    points: tuple[Point, ...]

    @model_validator(mode="before")
    @classmethod
    def _from_json(cls, value: Any) -> Any:
        match value:
            case bool() | str() | dict() | None:
                text = 'wants a number or a list of {"from": time, "value": number}'
                raise FieldError("", text, quantity=True)
            case int() | float():
                return {"points": (Point(at=_START_OF_TIME, value=_number("", value)),)}
            case list():
                return {"points": tuple(_point_from_json(i, x) for i, x in enumerate(value))}
        return value

    @model_validator(mode="after")
    def _in_order(self) -> Series:
        if not self.points:
            raise FieldError("", "wants at least one point")
        for i, (a, b) in enumerate(pairwise(self.points), 1):
            if b.at <= a.at:
                raise FieldError(f"[{i}].from", "wants an instant after the one before it")
        return self

    @model_serializer
    def _to_json(self) -> Any:
        if len(self.points) == 1 and self.points[0].at == _START_OF_TIME:
            return self.points[0].value
        return [{"from": format_instant(p.at), "value": p.value} for p in self.points]

    @classmethod
    def constant(cls, value: float) -> Series:
        return cls(points=(Point(at=_START_OF_TIME, value=value),))

    def at(self, instant: datetime) -> float:
        """The value that holds at `instant`."""
        if len(self.points) == 1:
            return self.points[0].value
        index = bisect_right(self.points, instant, key=_instant)
        return self.points[max(index - 1, 0)].value

    def next_change(self, after: datetime) -> datetime | None:
        """The first point's instant that is later than `after`."""
        if self.points[-1].at <= after:
            return None
        return self.points[bisect_right(self.points, after, key=_instant)].at

    def pieces(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, float]]:
        """The constant pieces `(from, to, value)` of `[start, end)`, in order, without gaps."""
        index = max(bisect_right(self.points, start, key=_instant) - 1, 0)
        at = start
        while at < end:
            more = index + 1 < len(self.points)
            to = min(self.points[index + 1].at, end) if more else end
            yield at, to, self.points[index].value
            at, index = to, index + 1

    def by_step(self, grid: Sequence[datetime], value: Callable[..., float]) -> list[float]:
        """`value(series, start, end)`, such as `Series.mean`, of each step of `grid`. It is asked
        only where the series changes within one."""
        if len(self.points) == 1:
            return [self.points[0].value] * (len(grid) - 1)
        at, found = [p.at for p in self.points], []
        for start, end in pairwise(grid):
            after = bisect_right(at, start)
            steady = after == len(at) or at[after] >= end
            last = self.points[max(after - 1, 0)].value
            found.append(last if steady else value(self, start, end))
        return found

    def mean(self, start: datetime, end: datetime) -> float:
        """The time-weighted mean over `[start, end)`."""
        total = sum(((b - a) / timedelta(seconds=1)) * v for a, b, v in self.pieces(start, end))
        return total / ((end - start) / timedelta(seconds=1))

    def lowest(self, start: datetime, end: datetime) -> float:
        return min(self._values(start, end))

    def highest(self, start: datetime, end: datetime) -> float:
        return max(self._values(start, end))

    def _values(self, start: datetime, end: datetime) -> list[float]:
        """All that it is in `[start, end)`, in order."""
        first = max(bisect_right(self.points, start, key=_instant) - 1, 0)
        after = bisect_left(self.points, end, key=_instant)
        return [p.value for p in self.points[first : max(after, first + 1)]]


def _never_negative(series: Series) -> Series:
    for i, point in enumerate(series.points):
        if point.value < 0:
            path = "" if len(series.points) == 1 else f"[{i}].value"
            raise FieldError(path, f"wants at least 0, not {point.value:g}", quantity=True)
    return series


NonNegativeSeries = Annotated[Series, AfterValidator(_never_negative)]


def _point_from_json(index: int, item: object) -> Point:
    if not isinstance(item, dict):
        raise FieldError(f"[{index}]", 'wants {"from": time, "value": number}')
    for key in ("from", "value"):
        if key not in item:
            raise FieldError(f"[{index}].{key}", "is missing")
    unknown = set(item) - {"from", "value"}
    if unknown:
        raise FieldError(f"[{index}].{min(unknown)}", "is not a known key")
    try:
        at = parse_instant(item["from"])
    except ValueError as error:
        raise FieldError(f"[{index}].from", str(error)) from error
    return Point(at=at, value=_number(f"[{index}].value", item["value"]))


def _number(path: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FieldError(path, "wants a number", quantity=True)
    if not -MAX_NUMBER <= value <= MAX_NUMBER:
        text = f"wants a number between {-MAX_NUMBER:g} and {MAX_NUMBER:g}"
        raise FieldError(path, text, quantity=True)
    return float(value)
