"""A clock that was wrong once, the meter's or ours, blinds the site no longer than it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.core.events import SiteMetered
from daemon.core.keeps import Keeps
from planner.series import Series
from tests.core.bench import Bench, site


def metered() -> Bench:
    bench = Bench.of(site(1, metered=True))
    sample(bench, 10)
    assert not bench.depot.meter.is_blind
    return bench


def sample(bench: Bench, seconds: int) -> None:
    """A good meter, once a second, by the right time."""
    for second in range(seconds):
        bench.wait(1)
        bench.apply(SiteMetered(import_kw=3.0 + second % 7 * 0.1, at=bench.utc))


@pytest.mark.fault(12)
def test_one_sample_of_the_future_does_not_blind_the_site_until_then() -> None:
    bench = metered()
    bench.apply(SiteMetered(import_kw=3.0, at=bench.utc + timedelta(days=30)))
    sample(bench, 60)
    assert not bench.depot.meter.is_blind


@pytest.mark.fault(19)
def test_a_clock_of_ours_that_is_set_back_does_not_blind_the_site_for_so_long() -> None:
    bench = metered()
    bench.utc -= timedelta(hours=1)
    sample(bench, 60)
    assert not bench.depot.meter.is_blind


@pytest.mark.fault(13)
def test_a_base_load_that_grows_little_by_little_is_made_room_for() -> None:
    """By 0.04 kW from each sample to the next, by 24 kW in 20 minutes. Nothing else happens: what
    the station was told has no end, so that it is not told again."""
    spec = site(1, metered=True)
    bench = Bench.of(replace(spec, stations=(replace(spec.stations[0], pinned=Keeps.FALLBACK),)))
    bench.connect("CP01")
    bench.depot.stations["CP01"].capabilities.relative = True
    bench.plug_in("CP01", "V01")
    base_kw = 1.0
    bench.apply(SiteMetered(import_kw=base_kw, at=bench.utc))
    bench.follow({("V01", "CP01"): [22.0] * 40})
    over_kw = 0.0
    for _ in range(600):
        bench.live(2)
        import_kw = base_kw + bench.follows_kw("CP01")
        over_kw = max(over_kw, import_kw - 30.0)
        bench.apply(SiteMetered(import_kw=import_kw, at=bench.utc))
        base_kw += 0.04
    # What is cut counts as drawn until it has settled, and the load grows meanwhile.
    assert over_kw < 0.3
    assert "site_overload" not in bench.alerts()
    assert bench.follows_kw("CP01") > 4.0


@pytest.mark.fault(13)
def test_a_booking_that_is_not_drawn_lends_no_sun_that_was_only_forecast() -> None:
    """12 kW of sun are forecast and none shines. A station that nobody can reach is booked at
    15 kW and draws nothing, and so hides the 12 kW of base load; then its vehicle takes them."""
    spec = replace(site(2, metered=True), base_load_kw=Series.constant(12.0))
    spec = replace(spec, pv_kw=Series.constant(12.0))
    first, second = spec.stations
    first, second = replace(first, pinned=Keeps.FALLBACK), replace(second, pinned=Keeps.LEASES)
    bench = Bench.of(replace(spec, stations=(first, second)))

    def metered(seconds: int, charging_kw: Callable[[], float]) -> None:
        for _ in range(seconds):
            bench.live(1)
            kw = 12.0 + charging_kw()
            phase_a = kw * 1000 / 3 / 230.0
            bench.apply(
                SiteMetered(import_kw=kw, phases_a=(phase_a, phase_a, phase_a), at=bench.utc)
            )

    for n in ("01", "02"):
        bench.connect(f"CP{n}")
        bench.plug_in(f"CP{n}", f"V{n}")
    metered(5, lambda: 0.0)
    bench.follow({("V01", "CP01"): [15.0] * 8})
    metered(20, lambda: 0.0)
    assert bench.follows_kw("CP01") == pytest.approx(15.0, abs=0.07)
    bench.lose("CP01")
    bench.follow({("V01", "CP01"): [15.0] * 8, ("V02", "CP02"): [22.0] * 8})
    metered(75, lambda: bench.follows_kw("CP02"))
    assert bench.booked_kw("CP01") == pytest.approx(15.0, abs=0.07)
    assert 12.0 + bench.booked_kw("CP01") + bench.follows_kw("CP02") <= 30.0
