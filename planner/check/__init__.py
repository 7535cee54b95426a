"""The independent audit: every law of the contract that a plan breaks.

It shares no code with the algorithms. It takes a plan's word for nothing but what it does: who
drives which route, who stands where, which power flows when. Everything else is recomputed from
that and the snapshot, and compared with what the plan reports. Each group of laws has its file;
what is let pass is in `breach.py`, how the site's power is reckoned at the head of `flows.py`.

Where a sentence of the contract can be read in two ways:
- A route that does not count (law 1) is ignored in a plan too, be it allocated or unserved there.
- A plugged vehicle with no stay at its own connector in its first visit is taken to be unplugged:
  the connector is free from the start, and the vehicle may use another one (law 5).
- A vehicle that stands at an uncontrollable connector stands there until its first departure.
- Where fixed loads alone break a limit, a discharging battery may relieve it, but makes no room
  for charging (law 7).
"""

from __future__ import annotations

from datetime import UTC, datetime

from planner.check.battery import check_battery
from planner.check.breach import Breach
from planner.check.energy import check_battery_size, check_shortfalls, missing_energy, trace
from planner.check.facts import Facts
from planner.check.flows import supply
from planner.check.money import check_reports, check_sums
from planner.check.power import check_circuits, check_site
from planner.check.preference import check_preference
from planner.check.routes import check_allocations
from planner.check.stays import check_powers, check_stays
from planner.plan import Plan
from planner.snapshot import Snapshot

__all__ = ["Breach", "audit"]

_EARLIEST = datetime.min.replace(tzinfo=UTC)


def audit(snapshot: Snapshot, plan: Plan) -> list[Breach]:
    """All breaches, by law and time; none for a plan that may be carried out."""
    facts = Facts.of(snapshot, plan)
    flows = supply(facts)
    traces = {name: trace(facts, vehicle) for name, vehicle in facts.vehicles.items()}
    missing = missing_energy(facts, traces)
    found = [
        *check_allocations(facts),
        *check_battery_size(traces),
        *check_shortfalls(facts, missing),
        *check_stays(facts),
        *check_preference(facts),
        *check_powers(facts, traces),
        *check_circuits(facts),
        *check_site(facts, flows),
        *check_battery(facts),
        *check_sums(facts, flows, missing),
        *check_reports(facts, flows),
    ]
    return sorted(found, key=lambda b: (b.law, b.at or _EARLIEST, b.where, b.text))
