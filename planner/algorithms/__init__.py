"""The algorithms by name: `(snapshot, params, budget_s, seed) -> Plan`."""

from __future__ import annotations

from collections.abc import Callable

from planner.algorithms.greedy import greedy
from planner.algorithms.joint import joint
from planner.algorithms.lp import lp
from planner.params import Params
from planner.plan import Plan
from planner.snapshot import Snapshot

Algorithm = Callable[[Snapshot, Params, float, int], Plan]

ALGORITHMS: dict[str, Algorithm] = {"greedy": greedy, "lp": lp, "joint": joint}
