"""What no plan costs less than, of those equal to a plan at hand in the tiers above money."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from planner.drafts.choices import Choices
from planner.drafts.timeline import Timeline
from planner.linear.blocks import blocks_model
from planner.linear.clock import Deadline
from planner.linear.model import Model
from planner.linear.scopes import open_scope
from planner.linear.solver import solve_lp
from planner.linear.tiers import relaxed_bound
from planner.plan import Objective
from planner.snapshot import Snapshot

LARGEST: Final = 60_000
"""Powers and drives of the whole model up to which its relaxation is worth trying."""


def money_bound(
    snapshot: Snapshot,
    line: Timeline,
    chosen: Choices,
    at: Objective,
    deadline: Deadline,
    *,
    largest: int = LARGEST,
) -> float:
    """The best bound that time allows; `-inf` where none was found.

    Depends on the arguments alone as long as the deadline does not bind. A small program over
    classes of vehicles comes first, then the relaxation of the whole model where that is not too
    large (`largest`, in columns): it knows each connector, part and curve.
    """
    best = -math.inf
    if not chosen.given:
        columns, rows = blocks_model(snapshot, line, chosen, at)
        cost = np.array(columns.cost)
        found = solve_lp(columns, rows, cost, time_s=deadline.left_s)
        best = best if found is None else found.objective
    if deadline.left_s > 0 and _size(snapshot, line, chosen) <= largest:
        whole = Model(open_scope(snapshot, line, chosen, fixed=chosen.given))
        best = max(best, relaxed_bound(whole, deadline, at))
    return best


def _size(snapshot: Snapshot, line: Timeline, chosen: Choices) -> int:
    """About how many columns the whole model has."""
    kinds = len({(c.circuit, c.min_kw, c.max_kw, c.plugs) for c in snapshot.connectors})
    return sum((line.steps + 2 * len(drives)) * kinds for drives in chosen.drives.values())
