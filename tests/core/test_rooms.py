"""The room below the site's limit: what is hoped for is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.core.budget import SITE
from daemon.core.events import SiteMetered
from daemon.core.rooms import budget_of
from planner.series import Series, format_instant
from protocol.mqtt.messages import SeriesMessage
from tests.core.bench import START, Bench, site
from tests.core.test_messages import tell


def room_kw(bench: Bench) -> float:
    return budget_of(bench.depot, bench.now).soon[SITE][0]


def loaded() -> Bench:
    """12 kW of base load below 30 kW, and no meter that would show a cloud."""
    return Bench.of(replace(site(1), base_load_kw=Series.constant(12.0)))


def test_sunshine_that_no_meter_shows_is_no_room_below_the_limit() -> None:
    bench = loaded()
    message = SeriesMessage(topic="site/pv_kw", key="pv_kw", value=12.0)
    tell(bench, message)
    assert room_kw(bench) == pytest.approx(18.0)


@pytest.mark.parametrize(
    ("phases", "phases_a", "room_kw_"), [(3, None, 18.0), (3, (0.0,) * 3, 30.0), (1, None, 30.0)]
)
def test_sunshine_is_room_only_on_phases_that_the_meter_tells(
    phases: int, phases_a: tuple[float, float, float] | None, room_kw_: float
) -> None:
    """A meter of the sum alone leaves open on which phase it shines, and which of them a vehicle on
    one phase loads."""
    spec = replace(site(1, metered=True), phases=phases, base_load_kw=Series.constant(12.0))
    bench = Bench.of(replace(spec, pv_kw=Series.constant(12.0)))
    bench.apply(SiteMetered(import_kw=0.0, phases_a=phases_a, at=bench.utc))
    assert room_kw(bench) == pytest.approx(room_kw_)


def test_sunshine_counts_no_longer_than_it_is_known() -> None:
    bench = loaded()
    points = [
        {"from": format_instant(START), "value": 12.0},
        {"from": format_instant(START + timedelta(hours=1)), "value": None},
    ]
    tell(bench, SeriesMessage(topic="site/pv_kw", key="pv_kw", value=points))
    bench.wait(8 * 3600.0)
    assert room_kw(bench) == pytest.approx(18.0)
