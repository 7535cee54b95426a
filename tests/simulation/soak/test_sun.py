"""A cloud: an overload that only the site's meter shows, and no excuse where there is none."""

from __future__ import annotations

from simulation.soak.ledger import SITE, Ledger
from simulation.soak.loop import VirtualLoop
from simulation.soak.run import run
from simulation.soak.scenario import Setup, scenario

PLACE = ("CP01", 1)


def sunny(*, metered: bool) -> Setup:
    """The first depot of this kind."""
    for seed in range(200):
        setup = Setup(
            seed=seed, hours=0.4, stations=4, faults=frozenset({"cloud", "planner-wild"}), rate=30.0
        )
        depot = scenario(setup)
        if depot.sun_kw and depot.site.metered is metered:
            return setup
    raise AssertionError("no such depot among 200")


def test_sun_is_drawn_where_a_meter_shows_it() -> None:
    outcome = run(sunny(metered=True))
    assert outcome.faults["cloud"] > 0
    assert outcome.holds


def test_sun_that_no_meter_shows_is_never_counted_on() -> None:
    outcome = run(sunny(metered=False))
    assert outcome.faults["cloud"] > 0
    assert outcome.holds
    assert all(line.sun_room_kw == 0 for line in outcome.lines)


def test_what_is_drawn_by_the_sun_is_not_over_a_limit_until_it_has_gone(
    virtual_loop: VirtualLoop,
) -> None:
    async def day() -> tuple[bool, bool]:
        ledger = Ledger({SITE: 30.0}, {PLACE: (SITE,)}, on_breach=lambda line: None)
        ledger.base_load(3.0, sun_kw=15.0)
        ledger.draw(PLACE, (13.0, 13.0, 13.0), (13.0, 13.0, 13.0))
        shines = ledger.lines[SITE].above_kw > 0
        ledger.base_load(3.0)
        return shines, ledger.lines[SITE].above_kw > 0

    assert virtual_loop.run_until_complete(day()) == (False, True)
