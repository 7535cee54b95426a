"""The plan that is always there: routes by priority, each to the vehicle to which it adds least."""

from __future__ import annotations

from typing import Final

from planner.algorithms.words import Words
from planner.drafts.assemble import assemble
from planner.drafts.choices import Choices, choices
from planner.drafts.draft import Draft
from planner.drafts.timeline import Timeline, timeline
from planner.linear.clock import Deadline
from planner.params import Params
from planner.plan import Plan
from planner.search.construct import constructed
from planner.search.instance import Instance
from planner.snapshot import Snapshot

_CONSTRUCTING: Final = 0.7
"""Of the budget; reasons and the audit take the rest of it where there are many vehicles."""

_LEAST_S: Final = 0.5
"""What it takes anyway: in less a small depot's plan would depend on what else the machine does."""


def constructing(budget_s: float) -> Deadline:
    """When the first plan is to be there, whole or not."""
    return Deadline.after(max(_LEAST_S, _CONSTRUCTING * budget_s))


def greedy(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Plan:
    """Deterministic as long as the budget does not bind, so `seed` is only passed on. Where it
    does, routes that are not given out by then are not driven."""
    deadline = constructing(budget_s)
    line = timeline(snapshot)
    chosen = choices(snapshot, line)
    draft = greedy_draft(snapshot, line, chosen, deadline)
    words = Words(snapshot, line, chosen, draft)
    return assemble(
        snapshot,
        line,
        chosen,
        draft,
        algorithm="greedy",
        seed=seed,
        status="feasible",
        traces=words.traces,
        loads_kw=words.loads_kw,
        unserved_reason=words.unserved,
        stay_reason=words.stay,
    )


def greedy_draft(
    snapshot: Snapshot,
    line: Timeline,
    chosen: Choices,
    deadline: Deadline | None = None,
    *,
    for_places: bool = False,
) -> Draft:
    """With `for_places` its charging is not to be used."""
    instance = Instance(snapshot, line, chosen)
    return constructed(instance, deadline, for_places=for_places).draft()
