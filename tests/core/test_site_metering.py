"""A clock that was wrong once, the meter's or ours, blinds the site no longer than it is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.core.events import SiteMetered
from daemon.core.keeps import Keeps
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
