"""The best that a search has found so far."""

from __future__ import annotations

from dataclasses import dataclass, replace

from planner.algorithms.at_hand import UNSERVED, AtHand, better
from planner.drafts.draft import Draft
from planner.linear.tiers import Known
from planner.plan import Objective, Plan


@dataclass(slots=True)
class Best:
    """The best draft so far, in `hand`, what it reaches, and the steps that led to it; None is
    greedy's. `told` is the plan it means, once that was asked for."""

    hand: AtHand
    reached: Objective
    iterations: int | None = None
    told: Plan | None = None

    @property
    def given(self) -> bool:
        return self.hand.chosen.given

    @property
    def served(self) -> bool:
        return self.given or self.reached.unserved <= self.hand.hopeless + UNSERVED

    @property
    def known(self) -> Known:
        return Known(
            unserved=self.reached.unserved,
            unserved_proved=self.served,
            shortfall_kwh=self.reached.shortfall_kwh,
        )

    def offer(self, draft: Draft | None) -> bool:
        if draft is not None:
            reached = self.hand.tiers(draft)
            if better(reached, self.reached):
                self.hand, self.reached = replace(self.hand, draft=draft), reached
                self.told = None
                return True
        return False
