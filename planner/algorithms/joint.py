"""Routes, connectors and charging together: ruin and recreate, and the exact charging in between.

Whole plans are taken apart in places and put together anew (`planner.search`), in blocks. After
some of these the charging of the best plan found is solved exactly (`planner.linear`), and the best
of these is what is told; the search itself goes on from what it had. A problem small enough is then
solved whole, and proved. Time decides when charging is solved, and nothing else: what so many steps
lead to is the exact charging of the best plan among them. A plan carries their number
(`iterations`), and with `Params.iterations` it is made again, however long that takes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from planner.algorithms.at_hand import KWH, AtHand, finish
from planner.algorithms.baselines import least_short
from planner.algorithms.best import Best
from planner.algorithms.greedy import constructing
from planner.algorithms.proof import is_optimal, prove, whole_model
from planner.drafts.assemble import bound_of
from planner.drafts.choices import choices
from planner.drafts.draft import Draft
from planner.drafts.timeline import timeline
from planner.linear.bound import bound_s, money_bound
from planner.linear.charge import Charged, charge
from planner.linear.clock import Deadline
from planner.linear.handover import handed_over
from planner.linear.model import Model
from planner.linear.tiers import Solved
from planner.params import Params
from planner.plan import Plan
from planner.search.construct import constructed
from planner.search.instance import Instance
from planner.search.search import Search
from planner.search.state import State
from planner.snapshot import Snapshot

_BLOCK: Final = 100
_SMALL_STEPS: Final = 200
"""So many steps are made before a problem is solved whole."""

_STALLED: Final = 12
"""After so many blocks in a row that found nothing the search ends."""

_BOUND_SHARE: Final = 0.2
"""Of the time there is, at most, for the bound."""

_CHARGING_S: Final = 5e-5
"""What the exact charging of a vehicle and a step takes, until it is measured: 0.3 to 3.8 s for 300
vehicles and 72 steps."""

_SOON: Final = 0.05
"""Of the time there is: exact charging that takes no longer comes first."""

_CHARGING_PAUSE: Final = 2.0
"""So many times what the exact charging takes is searched before it comes again."""

_HANDED_OVER: Final = 12_000
"""Vehicles times steps up to which connectors are handed over within steps: that doubles what the
exact charging takes, for 0.3 to 0.6 % less money where these are few."""

_ENOUGH: Final = 0.01
"""Beyond that charging need not be rounded until it is exact, but to so much above its optimum: 1.0
to 1.5 s instead of 3.5 to 10 at 300 vehicles, with a battery or too little energy."""

_TOLD_S: Final = 1.0
_TOLD_PAUSE: Final = 10.0
"""The first better plan is told at once, others no more often than each second, and than ten times
what telling takes."""


def joint(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Plan:
    """At least as good as greedy with its charging solved anew; `optimal` where that is proved."""
    *_, last = iter_joint(snapshot, params, budget_s, seed)
    return last


def iter_joint(snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> Iterator[Plan]:
    """Better and better plans; the last is the answer, with its bound."""
    run = _Run(snapshot, params, budget_s, seed)
    yield from run.search()
    # Told before its bound is known: that may take HiGHS longer than it is given.
    yield run.plan()
    yield run.decided()


class _Run:
    def __init__(self, snapshot: Snapshot, params: Params, budget_s: float, seed: int) -> None:
        self._snapshot, self._params, self._seed = snapshot, params, seed
        counted = params.iterations is not None
        self._deadline = Deadline.after(math.inf if counted else budget_s)
        first = constructing(math.inf if counted else budget_s)
        line = timeline(snapshot)
        chosen = choices(snapshot, line)
        spared_s = min(bound_s(snapshot, line, chosen), _BOUND_SHARE * budget_s)
        self._until = Deadline(self._deadline.end_s - spared_s)
        self._instance = Instance(snapshot, line, chosen)
        self._greedy = constructed(self._instance, first).draft()
        self._cut_short = first.left_s <= 0
        """Greedy's plan depends on time: no number of steps would lead to it again."""
        hand = AtHand(snapshot=snapshot, line=line, chosen=chosen, draft=self._greedy)
        told = finish(hand, hand.draft, algorithm="greedy", seed=seed)
        self._best = Best(hand, told.objective, told=told)
        self._first = self._greedy
        self._charging_s = _CHARGING_S * len(hand.chosen.vehicles) * hand.line.steps
        """What the exact charging took the last time."""
        self._charged = Deadline.after(0.0)
        """When that was."""
        self._whole: Model | None = None
        self._proof: Solved | None = None

    def search(self) -> Iterator[Plan]:
        """Greedy's plan, where it lacks energy a baseline's charging, then blocks of steps until
        time is up, nothing more is found, or all asked for are made."""
        most = self._params.iterations
        yield self.plan()
        if self._cut_short:
            return
        self._whole = whole_model(self._snapshot, self._best)
        if self._best.given:
            self._first = least_short(self._best.hand, self._params)
        if self._first_exact():
            if self._lacking(self._first):
                self._charge(self._greedy, 0)
            self._charge(self._first, 0)
            yield self.plan()
        if self._whole is not None:
            most = _SMALL_STEPS if most is None else min(most, _SMALL_STEPS)
        told = Deadline.after(0.0)
        for _ in self._blocks(most):
            if told.left_s <= 0:
                started = Deadline.after(0.0)
                yield self.plan()
                told = Deadline.after(max(_TOLD_S, -_TOLD_PAUSE * started.left_s))
        if self._whole is not None and self._params.iterations in (None, _SMALL_STEPS + 1):
            self._proof, best = prove(self._best, self._whole, self._params, self._until)
            if best is not self._best:
                self._best, best.iterations = best, _SMALL_STEPS + 1

    def _lacking(self, draft: Draft) -> bool:
        """Whether greedy's connectors may have what another draft lacks."""
        return draft is not self._greedy and self._best.hand.tiers(draft).shortfall_kwh > KWH

    def _first_exact(self) -> bool:
        """Whether the first draft's charging is solved before any step is made."""
        if self._whole is not None or self._from_exact or self._first is not self._greedy:
            return True
        if self._params.iterations is not None:
            return self._params.iterations == 0
        return self._charging_s <= _SOON * self._until.left_s

    def _blocks(self, most: int | None) -> Iterator[None]:
        """Yields whenever the best plan was beaten. The search goes on from its own plan, not from
        the exact one: that holds connectors for as long as nobody else wants them."""
        search = Search(self._start(), self._seed)
        stalled, in_time = 0, True
        draft: Draft | None = None
        self._charged = Deadline.after(0.0)
        while in_time and stalled < _STALLED and (most is None or search.steps < most):
            steps = _BLOCK if most is None else min(_BLOCK, most - search.steps)
            in_time = self._block(search, steps)
            found = search.improved()
            stalled, draft = (stalled + 1, draft) if found is None else (0, found)
            if draft is not None and self._due():
                if self._charge(draft, search.steps):
                    yield
                draft = None
        if draft is not None and self._charge(draft, search.steps):
            yield

    def _due(self) -> bool:
        """Whether the exact charging comes before the last step. A small problem's is quick, and
        its proof starts from the best of all blocks."""
        if self._whole is not None:
            return True
        counted = self._params.iterations is not None
        return not counted and -self._charged.left_s >= _CHARGING_PAUSE * self._charging_s

    @property
    def _from_exact(self) -> bool:
        """A peak that is paid for and a battery are known from the exact plan alone."""
        site = self._snapshot.site
        return site.peak_price_per_kw > 0 or site.battery is not None

    def _start(self) -> State:
        draft = self._best.hand.draft if self._from_exact else self._first
        return State.of(self._instance, draft)

    def _block(self, search: Search, steps: int) -> bool:
        """Whether all steps were made in time, with what is left for the exact charging."""
        for _ in range(steps):
            if self._until.left_s <= 1.2 * self._charging_s:
                return False
            search.step()
        return True

    def _charge(self, draft: Draft, steps: int) -> bool:
        """The exact charging of a draft, or the draft; whether that is the best so far. What time
        has cut short counts for nothing: it could not be made again."""
        started = Deadline.after(0.0)
        best = self._best
        found = self._exactly(draft, sooner=steps > 0)
        self._charging_s, self._charged = -started.left_s, Deadline.after(0.0)
        if self._deadline.left_s <= 0:
            return False
        beaten = False
        for each in found:
            beaten = best.offer(each.draft) or beaten
        if not found or not found[0].exact:
            # Its rounding may cost a tier more than what the search does anyway.
            beaten = best.offer(draft) or beaten
        if beaten or steps == 0:
            best.iterations = steps
        return beaten

    def _exactly(self, draft: Draft, *, sooner: bool) -> list[Charged]:
        """The exact charging; with `sooner` also that with connectors handed over within steps. Not
        for what a search goes on from: it books them for whole steps."""
        hand, chosen, deadline = self._best.hand, self._best.hand.chosen, self._deadline
        large = len(chosen.vehicles) * hand.line.steps > _HANDED_OVER
        enough = _ENOUGH if large else 0.0
        given = self._snapshot, hand.line, chosen
        found = charge(*given, draft, deadline, enough=enough)
        if found is None:
            return []
        if not sooner or large:
            return [found]
        other = handed_over(self._snapshot, chosen, draft, found.draft)
        if other is None:
            return [found]
        again = charge(*given, other, deadline, stretched=False)
        return [found] if again is None else [found, again]

    def plan(self) -> Plan:
        best = self._best
        if best.told is None:
            name = "greedy" if best.iterations is None else "joint"
            plan = finish(best.hand, best.hand.draft, algorithm=name, seed=self._seed)
            best.told = replace(plan, iterations=best.iterations)
        return best.told

    def _bound(self) -> float:
        hand, at = self._best.hand, self._best.reached
        return money_bound(self._snapshot, hand.line, hand.chosen, at, self._deadline)

    def decided(self) -> Plan:
        """The plan with the bound that holds for plans equal in the tiers above."""
        found = self._proof
        bound = found.bound_money if found is not None else -math.inf
        if not math.isfinite(bound) and self._deadline.left_s > 0:
            bound = self._bound()
        plan = self.plan()
        if math.isfinite(bound):
            plan = replace(plan, bound=bound_of(plan.objective.money, bound))
        if found is not None and is_optimal(found, plan.objective.money):
            return replace(plan, status="optimal")
        return plan
