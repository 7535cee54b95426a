"""Where instants and values fall in a chart, and how they are said. Lengths in pixels."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from planner.plan import Plan

WIDTH: Final = 1240.0
LEFT: Final = 118.0
RIGHT: Final = WIDTH - 16
SHADES: Final = 5
CHARACTER: Final = 6.3
"""Of 11 px sans-serif, on average."""

_TICK_ROOM: Final = 46
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_DAY: Final = 24 * 60
_EVERY: Final = (
    *(1, 2, 5, 10, 15, 30),
    *(60 * h for h in (1, 2, 3, 6, 12)),
    *(_DAY * d for d in (1, 2, 7, 14, 28)),
)


@dataclass(frozen=True, slots=True)
class TimeScale:
    """One for all charts of a page, so that a glance goes straight down."""

    start: datetime
    end: datetime

    def x(self, at: datetime) -> float:
        share = (min(max(at, self.start), self.end) - self.start) / (self.end - self.start)
        return LEFT + share * (RIGHT - LEFT)

    def shows(self, start: datetime, end: datetime) -> bool:
        return end > self.start and start < self.end

    @property
    def tick_minutes(self) -> int:
        minutes = (self.end - self.start) / timedelta(minutes=1)
        fitting = (m for m in _EVERY if minutes / m * _TICK_ROOM < RIGHT - LEFT)
        return next(fitting, _EVERY[-1])

    def ticks(self) -> list[datetime]:
        """Whole hours, or what there is room for, by the clock of UTC."""
        every = timedelta(minutes=self.tick_minutes)
        midnight = datetime.combine(self.start.date(), datetime.min.time(), UTC)
        first = math.ceil((self.start - midnight) / every)
        count = math.floor((self.end - midnight) / every) - first + 1
        return [midnight + (first + i) * every for i in range(count)]

    def moment(self, at: datetime) -> str:
        """The clock, and the day where it is not the first one."""
        same = at.date() == self.start.date()
        return clock(at) if same else f"{day(at)}, {clock(at)}"

    def span(self, start: datetime, end: datetime) -> str:
        until = clock(end) if start.date() == end.date() else self.moment(end)
        return f"{self.moment(start)} to {until}"


@dataclass(frozen=True, slots=True)
class ValueScale:
    """`levels`: round values from at or below the lowest to at or above the highest."""

    levels: Sequence[float]
    top: float
    bottom: float

    @classmethod
    def of(cls, values: Iterable[float], top: float, bottom: float, count: int = 4) -> ValueScale:
        """From zero, or below it, to above the highest; about `count` levels."""
        known = [*values, 0.0]
        low, high = min(known), max(known)
        reach = (high - low) or 1.0
        size = 10 ** math.floor(math.log10(reach / count))
        step = next(f * size for f in (1, 2, 2.5, 5, 10, 20) if f * size * (count + 0.5) >= reach)
        first, last = math.floor(low / step), math.ceil((high or low + reach) / step - 1e-9)
        return cls([(first + i) * step for i in range(last - first + 1)], top, bottom)

    def y(self, value: float) -> float:
        low, high = self.levels[0], self.levels[-1]
        share = (min(max(value, low), high) - low) / (high - low)
        return self.bottom - share * (self.bottom - self.top)


def clock(at: datetime) -> str:
    return f"{at:%H:%M}"


def day(at: datetime) -> str:
    return f"{_DAYS[at.weekday()]} {at.day} {_MONTHS[at.month - 1]}"


def number(value: float) -> str:
    """One decimal below 100, none above, as on the live page."""
    text = f"{value:.0f}" if abs(value) >= 99.95 else f"{value:.1f}"
    return text.removeprefix("-") if float(text) == 0 else text


def hours(duration: timedelta) -> str:
    return f"{duration / timedelta(hours=1):.1f}"


def shade(kw: float, highest_kw: float) -> int:
    return min(SHADES, max(1, math.ceil(kw / highest_kw * SHADES - 1e-9)))


def highest_kw(plan: Plan) -> float:
    """The power that the strongest shade stands for."""
    return max((p.kw for s in plan.stays for p in s.periods), default=0.0) or 1.0


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """Sorts V2 before V10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return tuple((int(p), "") if p[0] in "0123456789" else (-1, p) for p in parts)


def fitted(texts: Iterable[str], room: float, character: float = CHARACTER) -> str | None:
    """The first of the texts that `room` holds."""
    return next((t for t in texts if t and len(t) * character <= room), None)


def shortened(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
