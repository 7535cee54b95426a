"""An operator's limit until an instant."""

from __future__ import annotations

from datetime import timedelta

from daemon.core.depot import LimitOverride
from daemon.core.fleet import SERIES
from planner.series import Series
from tests.core.bench import START


def test_a_limit_until_an_instant_can_be_read_back_from_its_json() -> None:
    """It stands in every snapshot that is stored meanwhile, and a start reads the last of them."""
    until = START + timedelta(hours=1)
    limit = LimitOverride(import_limit_kw=12.0, until=until).series(Series.constant(30.0))
    again = SERIES.validate_json(SERIES.dump_json(limit))
    assert again == limit
    assert [again.at(START - timedelta(days=400)), again.at(START), again.at(until)] == [
        12.0,
        12.0,
        30.0,
    ]
