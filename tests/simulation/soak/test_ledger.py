"""Seconds over a limit, counted exactly."""

from __future__ import annotations

import asyncio

import pytest

from simulation.soak.ledger import SITE, Ledger, Line
from simulation.soak.loop import VirtualLoop

A, B, C = ("CP01", 1), ("CP02", 1), ("CP03", 1)


def balanced(kw: float) -> tuple[float, float, float]:
    return (kw / 3, kw / 3, kw / 3)


def test_seconds_above_a_limit_are_counted_to_the_instant_and_the_worst_is_kept(
    virtual_loop: VirtualLoop,
) -> None:
    breaches: list[tuple[float, float]] = []

    def broken(line: Line) -> None:
        if line.phase == 0:
            breaches.append((virtual_loop.time(), line.draw_kw))

    async def day() -> Ledger:
        ledger = Ledger(
            {SITE: 30.0, "feeder": 12.0},
            {A: ("feeder", SITE), B: (SITE,)},
            on_breach=broken,
        )
        ledger.base_load(5.0)
        ledger.draw(A, balanced(12.0), balanced(22.0))
        await asyncio.sleep(10)
        ledger.draw(B, balanced(15.5), balanced(22.0))
        await asyncio.sleep(2.5)
        ledger.draw(A, balanced(11.0), balanced(22.0))
        await asyncio.sleep(10)
        ledger.limit(SITE, 31.0)
        ledger.draw(B, balanced(15.0), balanced(22.0))
        await asyncio.sleep(10)
        ledger.advance()
        return ledger

    ledger = virtual_loop.run_until_complete(day())
    assert ledger.lines[SITE].over_s == pytest.approx(12.5, abs=1e-6)
    assert ledger.lines[SITE].worst_kw == pytest.approx(2.5)
    assert ledger.lines["feeder"].over_s == 0
    ((at_s, draw_kw),) = breaches
    assert at_s == pytest.approx(10.0, abs=1e-6)
    assert draw_kw == pytest.approx(32.5)


def test_powers_that_change_at_one_instant_make_one_change(virtual_loop: VirtualLoop) -> None:
    breaches: list[Line] = []

    async def swap() -> float:
        ledger = Ledger({SITE: 20.0}, {A: (SITE,), B: (SITE,)}, on_breach=breaches.append)
        ledger.draw(A, balanced(20.0), balanced(20.0))
        await asyncio.sleep(5)
        ledger.draw(B, balanced(20.0), balanced(20.0))
        ledger.draw(A, balanced(0.0), balanced(20.0))
        await asyncio.sleep(5)
        ledger.advance()
        return ledger.lines[SITE].over_s

    assert virtual_loop.run_until_complete(swap()) == 0
    assert breaches == []


def test_the_share_of_the_limit_counts_only_while_there_is_demand_for_all_of_it(
    virtual_loop: VirtualLoop,
) -> None:
    async def hour() -> Line:
        ledger = Ledger({SITE: 20.0}, {A: (SITE,)}, on_breach=lambda line: None)
        ledger.draw(A, balanced(15.0), balanced(40.0))
        await asyncio.sleep(1800)
        ledger.draw(A, balanced(1.0), balanced(1.0))
        await asyncio.sleep(1800)
        ledger.advance()
        return ledger.lines[SITE]

    line = virtual_loop.run_until_complete(hour())
    assert line.drawn_kwh / line.allowed_kwh == pytest.approx(0.75)


def test_no_more_is_taken_to_be_allowed_than_the_limits_below_could_carry(
    virtual_loop: VirtualLoop,
) -> None:
    async def hour() -> Line:
        parents = {A: ("feeder", SITE), B: (SITE,)}
        ledger = Ledger({SITE: 40.0, "feeder": 10.0}, parents, on_breach=lambda line: None)
        ledger.base_load(5.0)
        ledger.draw(A, balanced(9.0), balanced(40.0))
        ledger.draw(B, balanced(13.0), balanced(15.0))
        await asyncio.sleep(3600)
        ledger.advance()
        return ledger.lines[SITE]

    line = virtual_loop.run_until_complete(hour())
    assert line.allowed_kwh == pytest.approx(5 + 10 + 15)
    assert line.drawn_kwh == pytest.approx(5 + 9 + 13)


def test_no_more_is_taken_to_be_allowed_than_vehicles_on_their_phases_could_take(
    virtual_loop: VirtualLoop,
) -> None:
    """A and B stand on the same phase of three, of which 10 kW are left with the base load; what
    the third takes there is lost on all of its own."""

    async def hour() -> Line:
        parents = {A: (SITE,), B: (SITE,), C: (SITE,)}
        ledger = Ledger({SITE: 36.0}, parents, on_breach=lambda line: None)
        ledger.base_load(6.0)
        ledger.draw(A, (7.0, 0.0, 0.0), (7.0, 0.0, 0.0))
        ledger.draw(B, (3.0, 0.0, 0.0), (7.0, 0.0, 0.0))
        ledger.draw(C, balanced(0.0), balanced(22.0))
        await asyncio.sleep(3600)
        ledger.advance()
        return ledger.lines[SITE]

    line = virtual_loop.run_until_complete(hour())
    assert line.drawn_kwh == pytest.approx(16.0)
    assert line.allowed_kwh == pytest.approx(6.0 + 22.0 + 10.0 - 22.0 / 3)


def test_what_is_drawn_while_no_machine_has_power_is_no_share_of_the_limit(
    virtual_loop: VirtualLoop,
) -> None:
    async def hour() -> Line:
        ledger = Ledger({SITE: 20.0}, {A: (SITE,)}, on_breach=lambda line: None)
        ledger.draw(A, balanced(21.0), balanced(40.0))
        await asyncio.sleep(1800)
        ledger.machine(False)
        ledger.draw(A, balanced(22.0), balanced(40.0))
        await asyncio.sleep(1800)
        ledger.machine(True)
        return ledger.lines[SITE]

    line = virtual_loop.run_until_complete(hour())
    assert line.drawn_kwh / line.allowed_kwh == pytest.approx(21.0 / 20.0)
    assert line.over_s == pytest.approx(3600), "the limit holds all the time"


def test_a_third_of_a_limit_holds_on_each_phase(virtual_loop: VirtualLoop) -> None:
    async def hour() -> Ledger:
        ledger = Ledger({SITE: 30.0}, {A: (SITE,), B: (SITE,)}, on_breach=lambda line: None)
        ledger.draw(A, (0.0, 7.0, 0.0), (0.0, 7.0, 0.0))
        await asyncio.sleep(10)
        ledger.draw(B, (4.0, 4.0, 4.0), (4.0, 4.0, 4.0))
        await asyncio.sleep(5)
        ledger.limit(SITE, 36.0)
        await asyncio.sleep(5)
        ledger.advance()
        return ledger

    ledger = virtual_loop.run_until_complete(hour())
    over_s = {name: line.over_s for name, line in ledger.lines.items()}
    assert over_s == pytest.approx({SITE: 0, "site L1": 0, "site L2": 5, "site L3": 0}, abs=1e-6)
    assert ledger.lines["site L2"].worst_kw == pytest.approx(1.0)


def test_an_overload_that_nobody_can_know_of_is_excused_for_a_while(
    virtual_loop: VirtualLoop,
) -> None:
    async def hour() -> tuple[float, float]:
        ledger = Ledger({SITE: 30.0}, {A: (SITE,)}, on_breach=lambda line: None)
        line = ledger.lines[SITE]
        ledger.unseen(SITE, 3.0, lambda: 10.0)
        await asyncio.sleep(100)
        ledger.draw(A, balanced(33.0), balanced(33.0))
        await asyncio.sleep(14)
        ledger.draw(A, balanced(30.0), balanced(30.0))
        ledger.advance()
        longer_s = line.over_s
        ledger.draw(A, balanced(34.0), balanced(34.0))
        await asyncio.sleep(2)
        ledger.advance()
        return longer_s, line.over_s - longer_s

    longer_s, more_s = virtual_loop.run_until_complete(hour())
    assert longer_s == pytest.approx(4, abs=1e-6)
    assert more_s == pytest.approx(2, abs=1e-6)
