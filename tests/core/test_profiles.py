"""Profiles: never more than what was asked for, 0 or what a connector can charge with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.core.profiles import MIN_CURRENT_A, Electrics, lend, standing
from daemon.core.site import EvseSpec
from daemon.core.station import Capabilities
from protocol.ocpp.model import ProfilePurpose, RateUnit
from protocol.ocpp.profiles import check
from tests.core.bench import START

VOLTAGES = st.sampled_from([208.0, 230.0, 240.0])
UNITS = st.sampled_from(list(RateUnit))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.fault(18)
@given(behind_days=st.floats(min_value=0, max_value=400).map(lambda days: timedelta(days=days)))
def test_what_has_no_end_has_begun_for_any_clock(behind_days: timedelta) -> None:
    """Else a fallback would not be in force by one that is behind, or has lost its battery."""
    electrics = Electrics(spec=EvseSpec(connector=1), unit=RateUnit.AMPERES, voltage_v=230.0)
    fallback = standing(ProfilePurpose.TX_DEFAULT, 4.2, electrics=electrics, profile_id=101)
    endless = lend(
        11.0,
        4.2,
        lease_s=None,
        now=START,
        electrics=electrics,
        capabilities=Capabilities(unit=RateUnit.AMPERES),
        profile_id=1001,
        transaction_id="T1",
    )
    for profile in (fallback, endless):
        assert profile.start is not None
        for clock in (START - behind_days, datetime(2000, 1, 1, tzinfo=UTC), EPOCH):
            assert profile.start <= clock


@pytest.mark.fault(16, 17)
@given(
    kw=st.one_of(st.just(0.0), st.floats(min_value=0.0, max_value=60.0)),
    fallback_kw=st.floats(min_value=0.0, max_value=8.0),
    unit=UNITS,
    voltage_v=VOLTAGES,
    phases=st.sampled_from([0, 1, 3]),
    lease_s=st.one_of(st.none(), st.floats(min_value=10, max_value=600)),
    relative=st.booleans(),
)
def test_fault_17_a_profile_never_allows_more_than_was_asked_for(
    kw: float,
    fallback_kw: float,
    unit: RateUnit,
    voltage_v: float,
    phases: int,
    lease_s: float | None,
    relative: bool,
) -> None:
    """Fault 17: unit, voltage or phase count mistaken."""
    spec = EvseSpec(connector=1, min_kw=1.4, max_kw=50.0, phases=phases)
    electrics = Electrics(spec=spec, unit=unit, voltage_v=voltage_v)
    profile = lend(
        kw,
        fallback_kw,
        lease_s=None if relative else lease_s,
        now=START,
        electrics=electrics,
        capabilities=Capabilities(unit=unit, relative=relative),
        profile_id=1,
        transaction_id="T",
    )
    check(1, profile)
    first, *rest = profile.periods
    assert first.start_s == 0
    assert electrics.allows_kw(first.limit) <= min(kw, 50.0) + 1e-9
    for period in profile.periods:
        amperes = period.limit
        if unit is RateUnit.WATTS:
            amperes /= voltage_v * (phases or 3)
        assert period.limit == 0 or phases == 0 or amperes >= MIN_CURRENT_A - 0.05
        assert round(period.limit, 1) == period.limit
    for tail in rest:
        assert lease_s is not None
        assert profile.start is not None
        assert electrics.allows_kw(tail.limit) <= fallback_kw + 1e-9
        ends = profile.start + timedelta(seconds=tail.start_s)
        assert timedelta(0) <= START + timedelta(seconds=lease_s) - ends < timedelta(seconds=2)
    assert (profile.start is None) is relative
    assert relative or (profile.start is not None and profile.start < START)


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
