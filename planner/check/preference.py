"""Rules of the time of the day that the operator made laws: when connectors are left alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from planner.check.breach import TIME, Breach
from planner.check.facts import Facts
from planner.plan import Period, Stay
from planner.snapshot import Route
from planner.soft import ChargerPreference, Triad

_DAY = timedelta(days=1)
_YEAR = range(1, 13)


def check_preference(facts: Facts) -> Iterator[Breach]:
    """No power flows in the window of `charger_preference` at a connector that has a cost, before
    the routes that it is about, and none at all in that of `triad`."""
    wish, triad = facts.snapshot.rules.soft.charger_preference, facts.snapshot.rules.soft.triad
    for name, stays in facts.stays.items():
        for stay in stays:
            powered = [p for p in stay.periods if p.kw > 0]
            if wish is not None and wish.hard and wish.cost_of(*stay.key) > 0:
                drives = facts.drives.get(name, ())
                counted = [p for p in powered if _counts(wish, p.start, drives)]
                yield from _barred(stay, counted, wish, _YEAR, "the connector is to be left alone")
            if triad is not None and triad.hard:
                text = "the triad is to be left alone"
                yield from _barred(stay, powered, triad, triad.months, text)


def _counts(wish: ChargerPreference, at: datetime, drives: Sequence[Route]) -> bool:
    """Whether what begins at `at` lies before the first of `drives`, which are in order, or next
    before the longest: the earliest of those."""
    if wish.routes == "all":
        return True
    ahead = [route for route in drives if route.depart > at + TIME]
    if wish.routes == "first":
        return len(ahead) == len(drives)
    return bool(ahead) and ahead[0] is max(drives, key=lambda route: route.return_ - route.depart)


def _barred(
    stay: Stay,
    periods: Sequence[Period],
    rule: ChargerPreference | Triad,
    months: Sequence[int],
    text: str,
) -> Iterator[Breach]:
    barred = next((p for p in periods if _touches(rule, months, p.start, p.end)), None)
    if barred is not None:
        where = f"stay of {stay.vehicle} at {stay.station}/{stay.connector}"
        yield Breach(law=5, where=where, at=barred.start, text=f"{text} at that time")


def _touches(
    rule: ChargerPreference | Triad, months: Sequence[int], start: datetime, end: datetime
) -> bool:
    """Whether any of `[start, end)` is in the window of its own day or of the evening before."""
    if rule.window is None:
        return True
    zone = ZoneInfo(rule.timezone or "UTC")
    opens, closes = (time.fromisoformat(text) for text in rule.window)
    day = start.astimezone(zone).date() - _DAY
    while day <= end.astimezone(zone).date():
        night = _DAY if closes <= opens else timedelta()
        begins = datetime.combine(day, opens, zone)
        ends = datetime.combine(day + night, closes, zone)
        if day.month in months and begins < end - TIME and start + TIME < ends:
            return True
        day += _DAY
    return False
