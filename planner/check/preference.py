"""`charger_preference` where the operator made it a law: connectors that are left alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from planner.check.breach import TIME, Breach
from planner.check.facts import Facts
from planner.soft import ChargerPreference

_DAY = timedelta(days=1)


def check_preference(facts: Facts) -> Iterator[Breach]:
    """No power flows in its window at a connector that has a cost."""
    rule = facts.snapshot.rules.soft.charger_preference
    if rule is None or not rule.hard:
        return
    for stays in facts.stays.values():
        for stay in stays:
            if rule.cost_of(*stay.key) <= 0:
                continue
            powered = [p for p in stay.periods if p.kw > 0]
            barred = next((p for p in powered if _touches(rule, p.start, p.end)), None)
            if barred is not None:
                where = f"stay of {stay.vehicle} at {stay.station}/{stay.connector}"
                text = "the connector is to be left alone at that time"
                yield Breach(law=5, where=where, at=barred.start, text=text)


def _touches(rule: ChargerPreference, start: datetime, end: datetime) -> bool:
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
        if begins < end - TIME and start + TIME < ends:
            return True
        day += _DAY
    return False
