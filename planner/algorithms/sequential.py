"""Allocation first, then charging: what is done where the two are planned by two systems.

Routes are allocated as if every vehicle had the best connector for itself and no limit held, then
charged under the real limits. Routes for which that leaves too little are not driven; nobody goes
back to allocate them to another vehicle.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from planner.algorithms.at_hand import AtHand, finish
from planner.algorithms.dispatch import Drives
from planner.algorithms.greedy import greedy_draft
from planner.algorithms.lp import cheaper
from planner.algorithms.served import served
from planner.drafts.choices import choices
from planner.drafts.draft import Draft, usable
from planner.drafts.timeline import timeline
from planner.linear.clock import Deadline
from planner.linear.scopes import open_scope
from planner.linear.tiers import Known, solve_tiers
from planner.params import Params
from planner.plan import Plan
from planner.series import MAX_NUMBER, Series
from planner.snapshot import Connector, Snapshot, Vehicle

_ALLOCATION_SHARE: Final = 0.5
"""Of the budget."""


def sequential(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Plan:
    deadline = Deadline.after(budget_s)
    line = timeline(snapshot)
    chosen = choices(snapshot, line)
    drives: Drives = chosen.drives
    if not chosen.given:
        roomy = AtHand.greedy(_roomy(snapshot))
        drives = _allocated(roomy, params, Deadline.after(_ALLOCATION_SHARE * budget_s)).drives
        # The same routes and vehicles, with the energies and places of the real depot.
        driven = {(d.vehicle, d.route) for own in drives.values() for d in own}
        drives = {
            name: [d for d in own if (d.vehicle, d.route) in driven]
            for name, own in chosen.drives.items()
        }

    def charge(given: Drives) -> Draft:
        fixed = replace(chosen, given=True, drives={v: tuple(own) for v, own in given.items()})
        return greedy_draft(snapshot, line, fixed)

    empty = Draft(drives={}, visits=[])
    hand = AtHand(snapshot=snapshot, line=line, chosen=chosen, draft=empty)
    hand = replace(hand, draft=served(hand, drives, charge))
    draft = cheaper(hand, params, deadline) or hand.draft
    return finish(hand, draft, algorithm="sequential", seed=seed)


def _allocated(roomy: AtHand, params: Params, deadline: Deadline) -> Draft:
    """The exact allocation where time allows, else greedy's."""
    tiers = roomy.tiers(roomy.draft)
    known = Known(
        unserved=tiers.unserved,
        unserved_proved=tiers.unserved <= roomy.hopeless,
        shortfall_kwh=tiers.shortfall_kwh,
    )
    scope = open_scope(roomy.snapshot, roomy.line, roomy.chosen, fixed=False)
    found = solve_tiers(scope, deadline, max_gap=params.max_gap, known=known)
    return found.draft or roomy.draft


def _roomy(snapshot: Snapshot) -> Snapshot:
    """The depot as somebody sees it who does not know its connectors, circuits and limits."""
    site = replace(
        snapshot.site,
        import_limit_kw=Series.constant(MAX_NUMBER / 1000),
        peak_price_per_kw=0.0,
        battery=None,
    )
    fleet: list[Vehicle] = []
    places: list[Connector] = []
    for i, vehicle in enumerate(snapshot.vehicles):
        own = f"vehicle {i}"
        fitting = [c for c in usable(snapshot) if _fits(c, vehicle)]
        if fitting:
            best = max(fitting, key=lambda c: min(c.max_kw, vehicle.max_charge_kw))
            places.append(replace(best, station=own, circuit=None, plugs=(own,)))
        fleet.append(replace(vehicle, plugs=(own,), plugged=None))
    return replace(
        snapshot, site=site, circuits=(), connectors=tuple(places), vehicles=tuple(fleet)
    )


def _fits(connector: Connector, vehicle: Vehicle) -> bool:
    shared = set(connector.plugs) & set(vehicle.plugs)
    return connector.min_kw <= vehicle.max_charge_kw and bool(shared)
