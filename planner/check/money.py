"""Laws 10 and 11: what the plan reports about itself, against what it does.

Taste is not recomputed: its weights are the planner's own, and no law depends on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from planner.check.breach import GAP, PRIORITY, REPORTED, TIME, Breach
from planner.check.energy import Claim, Missing
from planner.check.facts import HOUR, Facts
from planner.check.flows import Supply
from planner.plan import Cost


def true_cost(facts: Facts, supply: Supply) -> Cost:
    """`energy`: every step's mean import at the step's price, exports at the export price."""
    site, hours = facts.snapshot.site, facts.snapshot.step / HOUR
    imports = supply.step_imports()
    prices = zip(imports, supply.import_price, supply.export_price, strict=True)
    energy = sum(kw * (buy if kw > 0 else sell) for kw, buy, sell in prices) * hours
    peak = site.peak_price_per_kw * max(0.0, max(imports) - site.peak_so_far_kw)
    wear = 0.0
    if site.battery is not None:
        discharged = sum(max(-f.battery_kw, 0.0) * f.hours for f in supply.flows)
        wear = site.battery.wear_per_kwh * discharged
    return Cost(energy=energy, peak=peak, wear=wear)


def check_sums(facts: Facts, supply: Supply, missing: Mapping[Claim, Missing]) -> Iterator[Breach]:
    told, cost, true = facts.plan.objective, facts.plan.cost, true_cost(facts, supply)
    currency = facts.snapshot.site.currency
    priorities = sum(r.priority for r in facts.unserved)
    lacking = sum(m.kwh for m in missing.values())
    money = true.energy + true.peak + true.wear
    sums = (
        ("objective.unserved", told.unserved, priorities, PRIORITY, "of priority"),
        ("objective.shortfall_kwh", told.shortfall_kwh, lacking, REPORTED, "kWh"),
        ("objective.money", told.money, money, REPORTED, currency),
        ("cost.energy", cost.energy, true.energy, REPORTED, currency),
        ("cost.peak", cost.peak, true.peak, REPORTED, currency),
        ("cost.wear", cost.wear, true.wear, REPORTED, currency),
    )
    for name, reported, recomputed, tolerance, unit in sums:
        if abs(reported - recomputed) > tolerance:
            yield Breach(
                law=10,
                where=name,
                amount=abs(reported - recomputed),
                unit=unit,
                text=f"it is {recomputed:.6g}, the plan reports {reported:.6g}",
            )
    yield from _check_bound(facts, money)


def _check_bound(facts: Facts, money: float) -> Iterator[Breach]:
    """The gap is relative to the money or to the bound, whichever the solver's habit; within
    REPORTED of each other the two are equal, whatever their ratio."""
    bound, optimal = facts.plan.bound, facts.plan.status == "optimal"
    if bound is None:
        if optimal:
            yield Breach(law=10, where="bound", text="an optimal plan tells its bound")
        return
    apart = money - bound.money
    if apart < -REPORTED:
        text = f"the money is below its lower bound of {bound.money:.6g}"
        yield Breach(
            law=10, where="bound.money", amount=-apart, unit=facts.snapshot.site.currency, text=text
        )
        return
    if optimal and bound.gap > GAP:
        text = f"an optimal plan has a gap of at most {GAP:g}"
        yield Breach(law=10, where="bound.gap", amount=bound.gap, text=text)
    scales = [abs(x) for x in (money, bound.money) if x != 0]
    gaps = [apart / x for x in scales]
    if apart > REPORTED and all(abs(bound.gap - gap) > GAP for gap in gaps):
        text = f"the gap is {min(gaps):.6g}, the plan reports {bound.gap:.6g}"
        yield Breach(law=10, where="bound.gap", amount=min(gaps), text=text)


def check_reports(facts: Facts, supply: Supply) -> Iterator[Breach]:
    """Law 11: energy of stays as metered at the connector, import over the whole horizon."""
    for stay in facts.plan.stays:
        metered = sum(p.kw * ((p.end - p.start) / HOUR) for p in stay.periods)
        if abs(metered - stay.energy_kwh) > REPORTED:
            yield Breach(
                law=11,
                where=f"stay of {stay.vehicle} at {stay.station}/{stay.connector}",
                at=stay.start,
                amount=abs(metered - stay.energy_kwh),
                unit="kWh",
                text=f"its periods carry {metered:.6g} kWh, it reports {stay.energy_kwh:.6g}",
            )
    yield from _check_site(facts, supply)


def _check_site(facts: Facts, supply: Supply) -> Iterator[Breach]:
    at = facts.snapshot.taken_at
    for entry in facts.plan.site:
        if entry.end <= entry.start or abs(entry.start - at) > TIME:
            text = "an entry does not begin where the last one ends, or ends before it begins"
            yield Breach(law=11, where="site", at=entry.start, text=text)
            return
        at = entry.end
    if abs(at - facts.snapshot.end) > TIME:
        yield Breach(law=11, where="site", at=at, text="it does not cover the horizon to its end")
        return
    flows, i = supply.flows, 0
    for entry in facts.plan.site:
        kwh = 0.0
        while i + 1 < len(flows) and flows[i].end <= entry.start:
            i += 1
        for j in range(i, len(flows)):
            flow = flows[j]
            if flow.start >= entry.end:
                break
            overlap = min(flow.end, entry.end) - max(flow.start, entry.start)
            kwh += flow.import_kw * max(overlap / HOUR, 0.0)
        mean = kwh / ((entry.end - entry.start) / HOUR)
        if abs(mean - entry.import_kw) > REPORTED:
            yield Breach(
                law=11,
                where="site",
                at=entry.start,
                amount=abs(mean - entry.import_kw),
                unit="kW",
                text=f"the import is {mean:.6g} kW, the plan reports {entry.import_kw:.6g}",
            )
