"""What a station holds without us, and what it may have lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from daemon.core.budget import booking
from daemon.core.events import StationConnected
from daemon.core.keeps import Keeps, Kind
from daemon.core.site import EvseSpec
from protocol.ocpp.commands import (
    Answered,
    ClearChargingProfile,
    Command,
    CommandResult,
    GetCompositeSchedule,
    GetVariables,
    Refused,
    SetChargingProfile,
    TimedOut,
)
from protocol.ocpp.events import MeterValuesReported, StationBooted
from protocol.ocpp.model import (
    MAX_PERIODS,
    MAX_STACK_LEVEL,
    CompositeSchedule,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    SchedulePeriod,
    Version,
)
from tests.core.bench import Bench, site

# 22 kW, which no fallback of ours is.
OUTRANKED = CompositeSchedule(
    evse_id=1,
    start=None,
    duration_s=240,
    unit=RateUnit.AMPERES,
    periods=(SchedulePeriod(start_s=0, limit=32.0),),
)
NOTHING = replace(OUTRANKED, periods=(SchedulePeriod(start_s=0, limit=0.0),))


def test_a_link_that_breaks_after_a_clear_leaves_every_evse_booked_at_its_maximum() -> None:
    """One old default outranks the fallback of EVSE 1; all defaults are cleared for that, and
    before those of EVSE 1 and 2 are told again the link breaks."""
    spec = site(1, limit_kw=60.0)
    evses = (EvseSpec(connector=1), EvseSpec(connector=2))
    station = replace(spec.stations[0], fallback_kw=8.4, evses=evses, pinned=Keeps.LEASES)
    bench = Bench.of(replace(spec, stations=(station,)))
    bench.sessions = 1
    bench.apply(StationConnected(station="CP01", session=1, version=Version.V201))
    bench.wait(6.0)
    cleared = False
    while not cleared:
        send = bench.pending("CP01")
        assert send is not None, "nothing was cleared"
        match send.command:
            case GetCompositeSchedule(evse_id=1):
                bench.answer(send, Answered(status="Accepted", schedule=OUTRANKED))
            case command:
                bench.answer(send)
                cleared = isinstance(command, ClearChargingProfile)
    bench.lose("CP01")
    held, slack_s = bench.depot.stations["CP01"], bench.depot.site.slack_s
    booked = [booking(held, evse, bench.monotonic_s, slack_s) for evse in held.evses.values()]
    assert [kw for kw, _ in booked] == [22.0, 22.0]


def set_up(
    bench: Bench, answers: Callable[[Command], CommandResult | None], firmware: str = "1"
) -> None:
    """CP01 boots, and answers what it is told; with None it accepts."""
    bench.sessions += 1
    session = bench.sessions
    bench.apply(StationConnected(station="CP01", session=session, version=Version.V201))
    booted = StationBooted(vendor="V", model="M", firmware_version=firmware)
    bench.call("CP01", booted)
    answer(bench, answers)


def answer(bench: Bench, answers: Callable[[Command], CommandResult | None]) -> None:
    told = 0
    while (send := bench.pending("CP01")) is not None:
        told += 1
        assert told < 100, f"it is told again and again: {send.command}"
        bench.answer(send, answers(send.command))


def writes(*, unit: RateUnit, kind: ProfileKind) -> Callable[[Command], CommandResult | None]:
    """Takes profiles that are written in one way only."""

    def answers(command: Command) -> CommandResult | None:
        if not isinstance(command, SetChargingProfile):
            return None
        profile = command.profile
        right = profile.unit is unit and profile.kind is kind
        return None if right else Answered(status="Rejected")

    return answers


@pytest.mark.fault(4)
def test_another_firmware_need_not_hold_the_fallback_of_the_last_one() -> None:
    bench = Bench.of(site(1))
    bench.depot.kinds["V/M/1"] = Kind(keeps=Keeps.LEASES)
    set_up(bench, lambda command: None)
    bench.lose("CP01")
    assert bench.booked_kw("CP01") == 0.0
    bench.apply(StationConnected(station="CP01", session=7, version=Version.V201))
    booted = StationBooted(vendor="V", model="M", firmware_version="2")
    bench.call("CP01", booted)
    assert bench.booked_kw("CP01") == 22.0
    answer(bench, lambda command: None)
    bench.wait(9.0)
    assert bench.booked_kw("CP01") == 22.0, "what is plugged in there follows"
    bench.wait(1.0)
    assert bench.booked_kw("CP01") == 0.0


@pytest.mark.fault(7)
def test_another_firmware_is_told_profiles_in_every_way_there_is() -> None:
    bench = Bench.of(site(1))
    watts = RateUnit.WATTS
    set_up(bench, writes(unit=watts, kind=ProfileKind.RELATIVE))
    assert bench.booked_kw("CP01") == 0.0
    bench.lose("CP01")
    set_up(bench, writes(unit=watts, kind=ProfileKind.ABSOLUTE), firmware="2")
    bench.wait(10.0)
    assert bench.booked_kw("CP01") == 0.0


@pytest.mark.parametrize("answered", [TimedOut(), Refused(code="NotSupported", description="")])
def test_who_does_not_say_what_it_falls_back_to_is_asked_again(answered: CommandResult) -> None:
    """Something outranked its fallback and was cleared; whether that helped, it does not say."""
    bench = Bench.of(site(1))
    told: list[CommandResult] = [Answered(status="Accepted", schedule=OUTRANKED), answered]

    def answers(command: Command) -> CommandResult | None:
        if not isinstance(command, GetCompositeSchedule):
            return None
        return told.pop(0) if told else Answered(status="Accepted", schedule=NOTHING)

    set_up(bench, answers)
    assert bench.booked_kw("CP01") == 22.0
    assert "no_fallback" in bench.alerts()
    bench.wait(61.0)
    answer(bench, answers)
    bench.wait(10.0)
    assert bench.booked_kw("CP01") == 0.0


def test_a_power_without_an_end_says_nothing_of_a_fallback_that_was_not_taken() -> None:
    """All defaults were cleared, the fallback is refused, and it shows the 0 kW that it was told
    for good: they end with its transaction, and nothing is left."""
    spec = site(1)
    pinned = replace(spec.stations[0], pinned=Keeps.FALLBACK)
    bench = Bench.of(replace(spec, stations=(pinned,)))
    shown, cleared = [OUTRANKED], False

    def answers(command: Command) -> CommandResult | None:
        nonlocal cleared
        cleared |= isinstance(command, ClearChargingProfile)
        match command:
            case GetCompositeSchedule():
                schedule = shown.pop() if shown else NOTHING
                return Answered(status="Accepted", schedule=schedule)
            case SetChargingProfile() if cleared and command.profile.transaction_id is None:
                return Answered(status="Rejected")
        return None

    set_up(bench, answers)
    assert cleared
    assert bench.booked_kw("CP01") == 22.0


@pytest.mark.fault(4)
@pytest.mark.parametrize("met_by", ["transaction", "meter"])
def test_a_connector_that_is_spoken_of_for_the_first_time_is_told_its_fallback(met_by: str) -> None:
    """By a transaction or by its meter, before any status: with no default it would charge with all
    it can, and no order would follow for a vehicle that is to have its fallback."""
    bench = Bench.of(site(0, default_fallback_kw=4.2))
    bench.connect("NEW")
    if met_by == "transaction":
        bench.plug_in("NEW", "V01")
    else:
        bench.call("NEW", MeterValuesReported(evse_id=1, transaction_id=None, samples=()))
    told = [c.profile.purpose for c in bench.live(5) if isinstance(c, SetChargingProfile)]
    assert ProfilePurpose.TX_DEFAULT in told


def test_a_number_that_is_no_number_is_not_believed() -> None:
    bench = Bench.of(site(1))
    values = {MAX_PERIODS: "²", MAX_STACK_LEVEL: "³"}

    def answers(command: Command) -> CommandResult | None:
        if isinstance(command, GetVariables):
            return Answered(status="Accepted", variables=tuple(values.items()))
        return None

    set_up(bench, answers)
    assert bench.depot.stations["CP01"].capabilities.max_periods == 6


@pytest.mark.parametrize(("keeps", "booked_kw"), [(Keeps.LEASES, 22.0), (Keeps.FALLBACK, 20.0)])
def test_what_outranks_the_fallback_shows_below_a_lease_that_ends(
    keeps: Keeps, booked_kw: float
) -> None:
    """It shows 20 kW for a minute and 11 kW after that, which says nothing of one that keeps what
    it was told last."""
    spec = site(1)
    pinned = replace(spec.stations[0], pinned=keeps)
    bench = Bench.of(replace(spec, stations=(pinned,)))
    set_up(bench, lambda command: None)
    bench.plug_in("CP01", "V01")
    bench.follow({("V01", "CP01"): [20.0] * 40})
    bench.live(20)
    bench.lose("CP01")
    periods = (SchedulePeriod(start_s=0, limit=29.0), SchedulePeriod(start_s=60, limit=16.0))
    shown = Answered(status="Accepted", schedule=replace(OUTRANKED, periods=periods))
    set_up(bench, lambda command: shown if isinstance(command, GetCompositeSchedule) else None)
    assert bench.booked_kw("CP01") == pytest.approx(booked_kw, abs=0.1)
