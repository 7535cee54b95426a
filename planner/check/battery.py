"""Law 9: the site's battery. Its energy is at its extremes where periods begin and end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from planner.check.breach import POWER_KW, TIME, Breach, Excess, worst
from planner.check.facts import HOUR, Facts
from planner.plan import Period
from planner.snapshot import Battery


def check_battery(facts: Facts) -> Iterator[Breach]:
    snapshot, periods = facts.snapshot, facts.plan.battery
    at = snapshot.taken_at
    for period in periods:
        if period.end <= period.start or period.start < at - TIME:
            text = "a period ends before it begins, or begins before the last one ends"
            yield Breach(law=9, where="battery", at=period.start, text=text)
        at = max(at, period.end)
    if at > snapshot.end + TIME:
        yield Breach(law=9, where="battery", at=at, text="a period ends after the horizon")
    battery = snapshot.site.battery
    if battery is not None:
        yield from worst(9, "battery", _excesses(facts, battery, periods))
    elif any(abs(p.kw) > POWER_KW for p in periods):
        yield Breach(law=9, where="battery", text="the site has none")


def _excesses(facts: Facts, battery: Battery, periods: Sequence[Period]) -> Iterator[Excess]:
    floor = min(battery.min_kwh, battery.energy_kwh)
    kwh = battery.energy_kwh
    for p in periods:
        yield Excess("it charges above its power", p.start, p.kw - battery.max_charge_kw, "kW")
        over = -p.kw - battery.max_discharge_kw
        yield Excess("it discharges above its power", p.start, over, "kW")
        moved = p.kw * ((p.end - p.start) / HOUR)
        factor = battery.charge_efficiency if moved > 0 else 1 / battery.discharge_efficiency
        kwh += moved * factor
        yield Excess("it holds more than its capacity", p.end, kwh - battery.capacity_kwh, "kWh")
        yield Excess("it holds less than it may", p.end, floor - kwh, "kWh")
    lost = battery.energy_kwh - kwh
    yield Excess("it ends with less than it began with", facts.snapshot.end, lost, "kWh")
