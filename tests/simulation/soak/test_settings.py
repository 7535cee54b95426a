"""Other settings for a depot: lawful in the worst case, whatever was told before."""

from __future__ import annotations

from random import Random

import pytest

from daemon.core.arming import refusal
from simulation.soak.ledger import SITE, Ledger
from simulation.soak.loop import VirtualLoop
from simulation.soak.run import run
from simulation.soak.scenario import Setup, scenario
from simulation.soak.settings import other_settings

A, B = ("CP01", 1), ("CP02", 1)


@pytest.mark.parametrize("kinds", ["AB", "ABC"])
def test_all_that_any_settings_have_told_fits_the_next_ones(kinds: str) -> None:
    for seed in range(60):
        rng = Random(seed)
        depot = scenario(Setup(seed=seed, hours=1.0, stations=1 + seed % 12, kinds=kinds))
        for _ in range(6):
            before, depot = depot, other_settings(depot, rng)
            assert refusal(depot.site) is None, f"seed {seed}"
            assert depot.sure_kw <= depot.site.import_limit_kw, f"seed {seed}"
            assert depot.keeps_kw.keys() == before.keeps_kw.keys()
            assert all(kw >= before.keeps_kw[name] for name, kw in depot.keeps_kw.items())
            assert depot.lines().keys() == before.lines().keys(), f"seed {seed}"
            for circuit in depot.site.circuits:
                below = {
                    name for (name, _), limits in depot.lines().items() if circuit.id in limits
                }
                kept_kw = sum(depot.keeps_kw[name] for name in below)
                assert kept_kw <= circuit.limit_kw.points[0].value, f"seed {seed}"


def test_connectors_that_come_below_another_circuit_are_counted_there(
    virtual_loop: VirtualLoop,
) -> None:
    async def day() -> Ledger:
        ledger = Ledger(
            {"feeder-a": 20.0, "feeder-b": 20.0, SITE: 50.0},
            {A: ("feeder-a", SITE), B: ("feeder-b", SITE)},
            on_breach=lambda line: None,
        )
        for place in (A, B):
            ledger.draw(place, (5.0, 5.0, 5.0), (7.0, 7.0, 7.0))
        ledger.regroup({A: ("feeder-b", SITE), B: ("feeder-b", SITE)})
        return ledger

    lines = virtual_loop.run_until_complete(day()).lines
    assert (lines["feeder-a"].draw_kw, lines["feeder-b"].draw_kw) == (0.0, 30.0)
    assert lines["feeder-b L1"].draw_kw == 10.0
    assert lines[SITE].draw_kw == 30.0


def test_a_daemon_with_other_settings_is_held_to_them() -> None:
    setup = Setup(
        seed=5,
        hours=0.5,
        stations=4,
        faults=frozenset({"settings", "offline", "planner-wild"}),
        rate=30.0,
    )
    outcome = run(setup)
    assert outcome.faults["settings"] > 1
    assert outcome.holds
    limits_kw = {line.name: line.limit_kw for line in outcome.lines}
    assert limits_kw != scenario(setup).limits_kw()
