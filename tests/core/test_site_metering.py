"""A clock that was wrong once, the meter's or ours, blinds the site no longer than it is wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest

from daemon.core.events import SiteMetered
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
