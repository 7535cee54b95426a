"""Times of the day by the wall clock, as people write them: "22:00" to "06:00" in a time zone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from planner.model import FieldError

_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


def check_daily(window: Sequence[str] | None, timezone: str | None) -> None:
    """Raises FieldError for what is no time of the day or no time zone."""
    for i, text in enumerate(window or ()):
        if _CLOCK.fullmatch(text) is None:
            raise FieldError(f"window[{i}]", 'wants a time of the day such as "22:00"')
    try:
        ZoneInfo(timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise FieldError("timezone", 'wants a name such as "Europe/Berlin"') from error


def daily_spans(
    window: tuple[str, str], timezone: str | None, start: datetime, end: datetime
) -> list[tuple[date, datetime, datetime]]:
    """The window's times that touch `[start, end)`, with the day each begins on: over midnight if
    it ends before it begins.

    By the wall clock of each day: where clocks are changed one is shorter or longer.
    """
    zone = ZoneInfo(timezone or "UTC")
    begins, ends = (time.fromisoformat(text) for text in window)
    over_midnight = timedelta(days=1 if ends <= begins else 0)
    first = start.astimezone(zone).date() - timedelta(days=1)
    days = (end.astimezone(zone).date() - first).days + 1
    found = []
    for day in (first + timedelta(days=number) for number in range(days)):
        span = tuple(
            datetime.combine(on, clock, zone).astimezone(UTC)
            for on, clock in ((day, begins), (day + over_midnight, ends))
        )
        if span[1] > start and span[0] < end:
            found.append((day, span[0], span[1]))
    return found
