"""A restart with other settings excuses what was lent before it, and no more."""

from __future__ import annotations

import asyncio
from unittest.mock import patch

from daemon.core.budget import Budget
from simulation.soak import settings
from simulation.soak.changeover import Changeover
from simulation.soak.run import run
from simulation.soak.scenario import Scenario, Setup

REGROUPED = Setup(
    seed=2,
    hours=1.0,
    stations=6,
    faults=frozenset({"settings", "planner-wild"}),
    rate=30.0,
    pinned=True,
)


def test_a_guard_that_forgets_circuits_while_old_leases_run_breaks_one_with_newcomers() -> None:
    begin, above = Changeover.begin, Budget.above
    begun_s: list[float] = []

    def began(self: Changeover, scenario: Scenario) -> None:
        begun_s.append(asyncio.get_running_loop().time())
        begin(self, scenario)

    def forgotten(self: Budget, circuit: str | None) -> tuple[str, ...]:
        if begun_s and asyncio.get_running_loop().time() < begun_s[-1] + 100:
            return ("site",)
        return above(self, circuit)

    regroups = patch.multiple(settings, CHANGED=(settings._regrouped,), CHANGES=1)
    with regroups:
        assert run(REGROUPED).holds
    begun_s.clear()
    with (
        regroups,
        patch.object(Changeover, "begin", began),
        patch.object(Budget, "above", forgotten),
    ):
        broken = run(REGROUPED)
    over = {line.name for line in broken.lines if line.over_s}
    assert "feeder-b L1" in over
    assert all(name.startswith("feeder") for name in over)
