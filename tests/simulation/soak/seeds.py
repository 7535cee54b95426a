"""Runs that once broke a limit or ended the daemon: each stays a test, under what it showed."""

from __future__ import annotations

from simulation.soak.faults import FAULTS
from simulation.soak.scenario import Setup

SEEDS: dict[str, Setup] = {
    "a mean metered before a cut hides an undeclared load from the site's meter": Setup(
        seed=8,
        hours=0.2,
        stations=8,
        faults=frozenset({"surge", "planner-wild"}),
        rate=30.0,
        pinned=True,
    ),
    "a limit ordered until an instant is stored with a plan, and the next start cannot read it": (
        Setup(
            seed=3,
            hours=0.5,
            stations=4,
            faults=frozenset({"limit", "kill"}),
            rate=20.0,
        )
    ),
    "a station with a wrong clock is told a power without an end, refuses for a while, and is not "
    "asked again when an operator lowers the limit": (
        Setup(
            seed=4,
            hours=1.62,
            stations=8,
            faults=frozenset(FAULTS) - {"ignores"},
        )
    ),
}
