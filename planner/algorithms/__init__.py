"""The algorithms by name: `(snapshot, params, budget_s, seed) -> Plan`."""

from __future__ import annotations

from collections.abc import Callable

from planner.algorithms.edf import edf
from planner.algorithms.fair import fair
from planner.algorithms.greedy import greedy
from planner.algorithms.joint import joint
from planner.algorithms.llf import llf
from planner.algorithms.lp import lp
from planner.algorithms.max_min import max_min
from planner.algorithms.milp import milp
from planner.algorithms.on_off import on_off
from planner.algorithms.sequential import sequential
from planner.algorithms.uncontrolled import uncontrolled
from planner.params import Params
from planner.plan import Plan
from planner.snapshot import Snapshot

Algorithm = Callable[[Snapshot, Params, float, int], Plan]

ALGORITHMS: dict[str, Algorithm] = {
    "greedy": greedy,
    "lp": lp,
    "joint": joint,
    "sequential": sequential,
    "milp": milp,
    "on_off": on_off,
    "max_min": max_min,
    "fair": fair,
    "edf": edf,
    "llf": llf,
    "uncontrolled": uncontrolled,
}
