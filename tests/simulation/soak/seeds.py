"""Runs that once broke a limit or ended the daemon: each stays a test, under what it showed."""

from __future__ import annotations

from simulation.soak.faults import FAULTS
from simulation.soak.scenario import Setup

SEEDS: dict[str, Setup] = {
    "a limit ordered until an instant is stored with a plan, and the next start cannot read it": (
        Setup(
            seed=3,
            hours=0.5,
            stations=4,
            faults=frozenset({"limit", "kill"}),
            rate=20.0,
        )
    ),
    "a vehicle charges where the settings name no station and none has come back yet": (
        Setup(
            seed=32,
            hours=0.5,
            stations=4,
            faults=frozenset({"settings", "offline"}),
            rate=10.0,
        )
    ),
    "a higher fallback is told before others have made room for it": Setup(
        seed=280,
        hours=1.6,
        stations=6,
        faults=frozenset(FAULTS),
        rate=0.6,
        algorithm="steady",
    ),
}
