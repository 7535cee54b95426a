"""Profiles: never more than what was asked for, 0 or what a connector can charge with."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.profiles import MIN_CURRENT_A, Electrics, Shaped, shape
from daemon.core.site import EvseSpec
from daemon.core.station import Capabilities
from planner.series import Point, Series
from protocol.ocpp.model import RateUnit
from tests.core.bench import START

VOLTAGES = st.sampled_from([208.0, 230.0, 240.0])
UNITS = st.sampled_from(list(RateUnit))
POWERS = st.lists(
    st.one_of(st.just(0.0), st.floats(min_value=0.0, max_value=60.0)), min_size=1, max_size=30
)


@pytest.mark.fault(16, 17)
@given(
    powers=POWERS,
    unit=UNITS,
    voltage_v=VOLTAGES,
    phases=st.sampled_from([0, 1, 3]),
    max_periods=st.integers(min_value=1, max_value=24),
    fallback_kw=st.floats(min_value=0.0, max_value=8.0),
)
def test_a_profile_never_allows_more_than_was_asked_for(
    powers: list[float],
    unit: RateUnit,
    voltage_v: float,
    phases: int,
    max_periods: int,
    fallback_kw: float,
) -> None:
    step = timedelta(minutes=15)
    tail = Point(at=START + len(powers) * step, value=fallback_kw)
    points = tuple(Point(at=START + i * step, value=kw) for i, kw in enumerate(powers))
    asked = Series(points=(*points, tail))
    spec = EvseSpec(connector=1, min_kw=1.4, max_kw=50.0, phases=phases)
    electrics = Electrics(spec=spec, unit=unit, voltage_v=voltage_v)
    capabilities = Capabilities(unit=unit, max_periods=max_periods)

    def shaped_from(power: Series) -> Shaped:
        return shape(
            power,
            now=START,
            electrics=electrics,
            capabilities=capabilities,
            profile_id=1,
            transaction_id="T",
        )

    shaped = shaped_from(asked)
    assert shaped_from(shaped.allows).profile == shaped.profile, "shaping again changes nothing"
    periods = shaped.profile.periods
    assert len(periods) <= max_periods
    assert periods[0].start_s == 0
    assert shaped.profile.start is not None
    assert shaped.profile.start < START
    for period in periods:
        at = max(START, shaped.profile.start + timedelta(seconds=period.start_s))
        kw = electrics.allows_kw(period.limit)
        assert kw <= asked.at(at) + 1e-9
        assert round(period.limit, 1) == period.limit
        if unit is RateUnit.AMPERES:
            assert period.limit == 0 or period.limit >= MIN_CURRENT_A
    if max_periods > 1:
        assert periods[-1].limit == electrics.limit(fallback_kw)


def test_sixteen_amperes_stay_sixteen_through_kilowatts_and_back() -> None:
    electrics = Electrics(
        spec=EvseSpec(connector=1, max_kw=22.0), unit=RateUnit.AMPERES, voltage_v=230.0
    )
    assert electrics.limit(16 * 230 * 3 / 1000) == 16.0


@pytest.mark.fault(16)
def test_between_nothing_and_six_amperes_is_nothing() -> None:
    electrics = Electrics(
        spec=EvseSpec(connector=1, min_kw=0.0, max_kw=22.0), unit=RateUnit.AMPERES, voltage_v=230.0
    )
    assert electrics.limit(4.1) == 0.0
    assert electrics.limit(4.14) == 6.0
