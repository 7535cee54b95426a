from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from protocol.ocpp.model import (
    ChargingProfile,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    SchedulePeriod,
)
from simulation.profiles import (
    NO_LIMIT_KW,
    Capabilities,
    Held,
    ProfileStore,
    Running,
    composite,
    refusal,
)

NOW = datetime(2026, 11, 20, 16, tzinfo=UTC)
RUNNING = Running(transaction_id="T1", started_at=NOW)
WATTS = ChargingProfile(
    profile_id=1,
    stack_level=0,
    purpose=ProfilePurpose.TX_DEFAULT,
    kind=ProfileKind.ABSOLUTE,
    unit=RateUnit.WATTS,
    periods=(SchedulePeriod(start_s=0, limit=11000.0),),
    start=NOW - timedelta(hours=1),
)


def steps(*pairs: tuple[int, float]) -> tuple[SchedulePeriod, ...]:
    return tuple(SchedulePeriod(start_s=s, limit=limit) for s, limit in pairs)


def hold(profile: ChargingProfile, evse_id: int = 1, every: timedelta | None = None) -> Held:
    return Held(evse_id=evse_id, profile=profile, received_at=NOW, every=every)


def store_of(*held: Held) -> ProfileStore:
    store = ProfileStore(voltage_v=230.0)
    for x in held:
        store.put(x)
    return store


def limit(store: ProfileStore, after_s: float = 0.0, *, phases: int = 3, evse_id: int = 1) -> float:
    at = NOW + timedelta(seconds=after_s)
    return min(
        store.station_limit_kw(at, phases=phases),
        store.evse_limit_kw(evse_id, at, running=RUNNING, phases=phases),
    )


TX = replace(WATTS, profile_id=2, purpose=ProfilePurpose.TX, transaction_id="T1", start=NOW)


def test_with_no_profile_left_there_is_no_limit() -> None:
    store = store_of(hold(WATTS))
    assert limit(store) == 11.0
    assert store.clear(profile_id=1) == 1
    assert limit(store) == NO_LIMIT_KW


@pytest.mark.parametrize(
    ("phases", "number_phases", "kw"),
    [(3, None, 11.04), (1, None, 3.68), (3, 1, 3.68), (3, 3, 11.04)],
)
def test_amps_are_per_phase_in_use(phases: int, number_phases: int | None, kw: float) -> None:
    period = SchedulePeriod(start_s=0, limit=16.0, number_phases=number_phases)
    amps = replace(WATTS, unit=RateUnit.AMPERES, periods=(period,))
    assert limit(store_of(hold(amps)), phases=phases) == pytest.approx(kw)


def test_watts_are_the_total_of_the_phases() -> None:
    assert limit(store_of(hold(WATTS)), phases=1) == 11.0


def test_a_transactions_own_profile_overrules_the_default_even_upwards() -> None:
    higher = replace(TX, periods=steps((0, 20000.0)))
    assert limit(store_of(hold(WATTS), hold(higher))) == 20.0


def test_the_stations_maximum_caps_what_the_other_purposes_allow() -> None:
    cap = replace(
        WATTS, profile_id=9, purpose=ProfilePurpose.STATION_MAX, periods=steps((0, 7000.0))
    )
    assert limit(store_of(hold(WATTS), hold(cap, evse_id=0))) == 7.0


def test_the_highest_stack_level_counts_until_its_schedule_runs_out() -> None:
    brief = replace(TX, stack_level=3, duration_s=600, periods=steps((0, 5000.0)))
    under = replace(TX, profile_id=3, stack_level=1, periods=steps((0, 8000.0)))
    store = store_of(hold(WATTS), hold(brief), hold(under))
    assert [limit(store, s) for s in (0, 599, 600)] == [5.0, 5.0, 8.0]


def test_an_expired_transaction_profile_leaves_the_default() -> None:
    brief = replace(TX, duration_s=600)
    store = store_of(hold(replace(WATTS, periods=steps((0, 4200.0)))), hold(brief))
    assert [limit(store, s) for s in (599, 600)] == [11.0, 4.2]


def test_a_profile_of_another_transaction_says_nothing() -> None:
    other = replace(TX, transaction_id="T0", periods=steps((0, 1000.0)))
    assert limit(store_of(hold(WATTS), hold(other))) == 11.0


def test_a_default_for_the_evse_comes_before_one_for_all_of_the_same_level() -> None:
    own = replace(WATTS, profile_id=5, periods=steps((0, 6000.0)))
    store = store_of(hold(WATTS, evse_id=0), hold(own, evse_id=1))
    assert limit(store, evse_id=1) == 6.0
    assert limit(store, evse_id=2) == 11.0


def test_the_same_id_replaces_wherever_it_stood() -> None:
    store = store_of(hold(WATTS), hold(replace(TX, profile_id=1)))
    assert [x.profile.purpose for x in store] == [ProfilePurpose.TX]


def test_the_same_purpose_level_and_evse_replace_under_another_id() -> None:
    newer = replace(WATTS, profile_id=77, periods=steps((0, 3000.0)))
    store = store_of(hold(WATTS), hold(newer))
    assert [x.profile.profile_id for x in store] == [77]
    assert limit(store) == 3.0


def test_another_level_or_evse_stands_beside() -> None:
    higher = replace(WATTS, profile_id=77, stack_level=1)
    assert len(store_of(hold(WATTS), hold(higher), hold(replace(WATTS, profile_id=78), 2))) == 3


def test_a_replacement_valid_from_later_leaves_a_gap() -> None:
    later = replace(WATTS, valid_from=NOW + timedelta(minutes=10))
    store = store_of(hold(WATTS), hold(later))
    assert [limit(store, s) for s in (0, 600)] == [NO_LIMIT_KW, 11.0]


def test_validity_ends_before_its_last_instant() -> None:
    store = store_of(hold(replace(WATTS, valid_to=NOW + timedelta(seconds=30))))
    assert [limit(store, s) for s in (29, 30)] == [11.0, NO_LIMIT_KW]


def test_an_absolute_schedule_counts_from_its_start_and_a_relative_one_from_the_transaction() -> (
    None
):
    pattern = steps((0, 9000.0), (3600, 2000.0))
    absolute = replace(WATTS, periods=pattern)
    relative = replace(WATTS, periods=pattern, kind=ProfileKind.RELATIVE, start=None)
    assert [limit(store_of(hold(absolute)), s) for s in (-1, 0)] == [9.0, 2.0]
    assert [limit(store_of(hold(relative)), s) for s in (0, 3599, 3600)] == [9.0, 9.0, 2.0]


def test_a_daily_schedule_comes_back_every_day() -> None:
    daily = replace(
        WATTS,
        kind=ProfileKind.RECURRING,
        start=NOW - timedelta(days=3),
        duration_s=7200,
        periods=steps((0, 9000.0), (3600, 2000.0)),
    )
    store = store_of(hold(daily, every=timedelta(days=1)))
    day = 86400
    assert [limit(store, s) for s in (0, 3600, 7200, day, day + 3600)] == [
        9.0,
        2.0,
        NO_LIMIT_KW,
        9.0,
        2.0,
    ]


def test_every_change_of_the_limit_is_foretold() -> None:
    daily = replace(
        WATTS,
        kind=ProfileKind.RECURRING,
        start=NOW - timedelta(days=3),
        duration_s=7200,
        periods=steps((0, 9000.0), (3600, 2000.0)),
        valid_to=NOW + timedelta(days=2, minutes=7),
    )
    store = store_of(
        hold(daily, every=timedelta(days=1)),
        hold(replace(TX, periods=steps((0, 5000.0), (900, 0.0)), duration_s=5000)),
    )
    at, foretold = NOW, {0.0}
    while (change := store.next_change(at, [RUNNING])) is not None:
        at = change
        foretold.add((at - NOW).total_seconds())
        if at > NOW + timedelta(days=3):
            break
    seen = limit(store, -60)
    for s in range(0, 3 * 86400, 60):
        now = limit(store, s)
        if now != seen:
            assert any(s - 60 < x <= s for x in foretold), f"a change near {s} s"
        seen = now


def test_the_composite_is_told_in_the_unit_asked_for_and_under_the_hardware() -> None:
    store = store_of(hold(replace(TX, periods=steps((0, 30000.0), (600, 6900.0)), duration_s=1200)))
    for unit, expected in (
        (RateUnit.WATTS, [(0, 22000.0), (600, 6900.0), (1200, 22000.0)]),
        (RateUnit.AMPERES, [(0, 31.8), (600, 10.0), (1200, 31.8)]),
    ):
        periods = composite(
            store,
            1,
            start=NOW,
            duration_s=3600,
            unit=unit,
            ceiling_kw=22.0,
            running=RUNNING,
            phases=3,
            voltage_v=230.0,
        )
        assert [(p.start_s, p.limit) for p in periods] == expected


STATION_MAX = replace(WATTS, purpose=ProfilePurpose.STATION_MAX)
ABLE = Capabilities(rate_units=(RateUnit.WATTS,), max_stack_level=4, max_periods=2, max_profiles=2)


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        (hold(replace(WATTS, unit=RateUnit.AMPERES)), "UnsupportedRateUnit"),
        (hold(replace(WATTS, stack_level=5)), "InvalidStackLevel"),
        (hold(replace(WATTS, periods=steps((0, 1.0), (1, 2.0), (2, 1.0)))), "InvalidSchedule"),
        (hold(replace(WATTS, periods=steps((5, 1.0)))), "InvalidSchedule"),
        (hold(replace(WATTS, periods=steps((0, -1.0)))), "InvalidSchedule"),
        (hold(STATION_MAX, evse_id=1), "InvalidEvse"),
        (hold(replace(STATION_MAX, kind=ProfileKind.RELATIVE), evse_id=0), "InvalidProfile"),
        (hold(TX, evse_id=0), "InvalidEvse"),
        (hold(replace(TX, transaction_id="T0")), "TxNotFound"),
        (hold(replace(WATTS, kind=ProfileKind.RECURRING)), "InvalidSchedule"),
    ],
)
def test_what_a_station_does_not_take_is_refused_with_its_reason(held: Held, reason: str) -> None:
    assert refusal(held, store_of(), ABLE, RUNNING) == reason


def test_a_transaction_profile_needs_a_transaction() -> None:
    assert refusal(hold(TX), store_of(), ABLE, None) == "TxNotFound"
    assert refusal(hold(TX), store_of(), ABLE, RUNNING) is None


def test_a_full_store_still_takes_a_replacement() -> None:
    full = store_of(hold(WATTS), hold(replace(WATTS, profile_id=2, stack_level=1)))
    assert refusal(hold(replace(WATTS, profile_id=3, stack_level=2)), full, ABLE, None) == (
        "TooManyProfiles"
    )
    assert refusal(hold(WATTS), full, ABLE, None) is None
