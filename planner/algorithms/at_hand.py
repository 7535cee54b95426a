"""A snapshot with its numbers and the best draft so far: where the algorithms start from."""

from __future__ import annotations

from dataclasses import dataclass

from planner.algorithms.greedy import greedy_draft
from planner.algorithms.words import Words
from planner.drafts.assemble import assemble, objective_of
from planner.drafts.choices import Choices, choices
from planner.drafts.draft import Draft
from planner.drafts.timeline import Timeline, timeline
from planner.plan import Objective, Plan, Status
from planner.snapshot import Snapshot

UNSERVED = 1e-6
KWH = 0.005
MONEY = 1e-4
TASTE = 1e-6
"""Differences within these are none: half of what law 10 lets a lower tier cost a higher one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtHand:
    snapshot: Snapshot
    line: Timeline
    chosen: Choices
    draft: Draft

    @classmethod
    def greedy(cls, snapshot: Snapshot) -> AtHand:
        """Routes and connectors as greedy has them; where that leads to no better connectors its
        charging is not mended."""
        line = timeline(snapshot)
        chosen = choices(snapshot, line)
        draft = greedy_draft(snapshot, line, chosen, for_places=True)
        return cls(snapshot=snapshot, line=line, chosen=chosen, draft=draft)

    def tiers(self, draft: Draft) -> Objective:
        return objective_of(self.snapshot, self.line, self.chosen, draft)

    @property
    def hopeless(self) -> float:
        """The priorities of the routes that nothing can serve."""
        lost = self.chosen.hopeless
        return sum(r.priority for r in self.chosen.routes if r.id in lost)


def finish(
    hand: AtHand,
    draft: Draft,
    *,
    algorithm: str,
    seed: int,
    status: Status = "feasible",
    bound_money: float | None = None,
) -> Plan:
    """The plan of `draft`, with its reasons."""
    said = Words(hand.snapshot, hand.line, hand.chosen, draft)
    return assemble(
        hand.snapshot,
        hand.line,
        hand.chosen,
        draft,
        algorithm=algorithm,
        seed=seed,
        status=status,
        bound_money=bound_money,
        traces=said.traces,
        loads_kw=said.loads_kw,
        unserved_reason=said.unserved,
        stay_reason=said.stay,
    )


def better(a: Objective, b: Objective) -> bool:
    """Whether `a` beats `b`, tier by tier."""
    for x, y, allowed in (
        (a.unserved, b.unserved, UNSERVED),
        (a.shortfall_kwh, b.shortfall_kwh, KWH),
        (a.money, b.money, MONEY),
        (a.taste, b.taste, TASTE),
    ):
        if abs(x - y) > allowed:
            return x < y
    return False
