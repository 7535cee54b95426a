"""Orders to the stations: reductions first, nothing above what the limit leaves."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from daemon.core.depot import LimitOverride
from daemon.core.effects import Reply, Send
from daemon.core.events import StationCalled, StationConnected, StationLost
from daemon.core.keeps import Keeps
from daemon.core.phases import draw
from daemon.core.standing import submit_standing
from planner.snapshot import Allocation, Route
from protocol.ocpp.commands import (
    Answered,
    Lost,
    RequestStopTransaction,
    SetChargingProfile,
    TimedOut,
)
from protocol.ocpp.events import TransactionEnded
from protocol.ocpp.model import ChargingProfile, ProfilePurpose, RateUnit, Version
from tests.core.bench import Bench, profile_kw, site, tx_profile


def plugged(stations: int = 2, *, limit_kw: float = 30.0) -> Bench:
    bench = Bench.of(site(stations, limit_kw=limit_kw))
    for n in range(1, stations + 1):
        bench.connect(f"CP{n:02d}")
        bench.plug_in(f"CP{n:02d}", f"V{n:02d}")
        bench.answer_all(f"CP{n:02d}")
    return bench


def told_kw(bench: Bench, station: str) -> float | None:
    """What the transaction profile under way allows now; None when none is under way."""
    send = bench.pending(station)
    profile = tx_profile(send.command) if send is not None else None
    return None if profile is None else profile_kw(profile, bench.utc)


@pytest.mark.fault(4)
def test_a_station_is_told_its_maximum_and_its_fallback_before_anything_else() -> None:
    bench = Bench.of(site(1))
    bench.connect("CP01")
    purposes = [
        s.command.profile.purpose for s in bench.sent if isinstance(s.command, SetChargingProfile)
    ]
    assert purposes == [ProfilePurpose.STATION_MAX, ProfilePurpose.TX_DEFAULT]
    assert isinstance(bench.sent[0].command, SetChargingProfile)
    assert isinstance(bench.sent[1].command, SetChargingProfile)


def test_a_plan_becomes_a_lease_that_ends_in_the_fallback() -> None:
    bench = plugged(1)
    bench.follow({("V01", "CP01"): [11.0, 22.0]})
    send = bench.pending("CP01")
    assert send is not None
    profile = tx_profile(send.command)
    assert profile is not None
    assert profile.start is not None
    assert profile.start <= bench.utc
    assert profile.transaction_id == "T1"
    lease = timedelta(seconds=bench.depot.site.lease_s)
    assert profile_kw(profile, bench.utc) == pytest.approx(11.0, abs=0.07)
    assert profile_kw(profile, bench.utc + lease - timedelta(seconds=1)) > 10.0
    assert profile_kw(profile, bench.utc + lease) == 0.0
    assert len(profile.periods) == 2


@pytest.mark.fault(9)
def test_a_raise_waits_until_the_cut_is_confirmed_and_settled() -> None:
    bench = plugged()
    bench.follow({("V01", "CP01"): [22.0] * 8, ("V02", "CP02"): [7.0] * 8})
    bench.live(60)
    bench.follow({("V01", "CP01"): [7.0] * 8, ("V02", "CP02"): [22.0] * 8})
    assert told_kw(bench, "CP01") == pytest.approx(7.0, abs=0.07)
    bench.live(9)
    assert bench.follows_kw("CP01") == pytest.approx(7.0, abs=0.07)
    assert bench.follows_kw("CP02") == pytest.approx(7.0, abs=0.07)
    bench.live(2)
    assert bench.follows_kw("CP02") == pytest.approx(22.0, abs=0.07)


@pytest.mark.fault(28)
def test_a_lower_limit_cuts_at_once_without_a_plan_the_latest_departure_first() -> None:
    bench = plugged()
    bench.follow({("V01", "CP01"): [15.0] * 8, ("V02", "CP02"): [14.0] * 8})
    bench.live(20)
    bench.depot.override = LimitOverride(import_limit_kw=20.0, until=None)
    bench.depot.dirty = True
    bench.wait(0)
    assert told_kw(bench, "CP01") is None
    assert told_kw(bench, "CP02") == pytest.approx(5.0, abs=0.07)


@pytest.mark.fault(13)
def test_a_lower_limit_cuts_who_leaves_last_first_and_who_is_to_charge_now_never_before() -> None:
    bench = plugged(3, limit_kw=60.0)
    bench.follow({(f"V0{n}", f"CP0{n}"): [15.0] * 8 for n in (1, 2, 3)})
    bench.live(40)
    applied = bench.depot.applied
    assert applied is not None
    departs = {"V01": 9, "V02": 2, "V03": 5}
    routes = tuple(
        Route(
            id=vehicle,
            depart=bench.utc + timedelta(hours=hours),
            return_=bench.utc + timedelta(hours=hours + 3),
            distance_km=20.0,
            energy_kwh=10.0,
            priority=1.0,
            vehicle_types=("van",),
        )
        for vehicle, hours in departs.items()
    )
    allocations = tuple(Allocation(route=vehicle, vehicle=vehicle) for vehicle in departs)
    bench.depot.applied = replace(
        applied,
        snapshot=replace(applied.snapshot, routes=routes),
        plan=replace(applied.plan, allocations=allocations),
    )

    def lowered_to(limit_kw: float) -> set[str]:
        """Who is lowered at once."""
        bench.depot.override = LimitOverride(import_limit_kw=limit_kw, until=None)
        bench.depot.dirty = True
        bench.wait(0)
        found = {name for name in bench.depot.stations if told_kw(bench, name) is not None}
        bench.live(1)
        return found

    assert lowered_to(40.0) == {"CP01"}
    assert lowered_to(25.0) == {"CP01", "CP03"}
    bench.depot.stations["CP03"].evses[1].override = "charge_now"
    bench.live(60)
    assert [round(bench.follows_kw(f"CP0{n}")) for n in (1, 2, 3)] == [0, 0, 22]


@pytest.mark.fault(2)
def test_a_site_that_is_not_armed_charges_nobody_whatever_is_planned_or_ordered() -> None:
    spec = site(2, limit_kw=30.0)
    stations = tuple(replace(station, fallback_kw=20.0) for station in spec.stations)
    bench = Bench.of(replace(spec, stations=stations))
    assert bench.depot.unarmed is not None
    for n in (1, 2):
        bench.connect(f"CP0{n}")
        bench.plug_in(f"CP0{n}", f"V0{n}")
    bench.depot.stations["CP02"].evses[1].override = "charge_now"
    bench.follow({("V01", "CP01"): [11.0] * 8})
    told = [profile for command in bench.live(30) if (profile := tx_profile(command)) is not None]
    assert all(profile_kw(profile, bench.utc) == 0.0 for profile in told)
    assert [bench.follows_kw(name) for name in ("CP01", "CP02")] == [0.0, 0.0]


@pytest.mark.fault(33)
def test_what_an_old_socket_tells_after_its_replacement_changes_nothing() -> None:
    bench = plugged(1)
    old = bench.session("CP01")
    bench.sessions += 1
    bench.apply(StationConnected(station="CP01", session=bench.sessions, version=Version.V201))
    bench.apply(StationLost(station="CP01", session=old, reason="replaced"))
    assert bench.session("CP01") == bench.sessions
    ended = TransactionEnded(evse_id=1, transaction_id="T1", at=bench.utc, meter_stop_wh=1000.0)
    effects = bench.apply(StationCalled(station="CP01", session=old, call_id="c", event=ended))
    assert not [effect for effect in effects if isinstance(effect, Reply)]
    assert bench.depot.stations["CP01"].evses[1].transaction is not None


@pytest.mark.fault(5)
def test_a_lost_answer_keeps_both_profiles_booked() -> None:
    bench = plugged()
    bench.follow({("V01", "CP01"): [22.0] * 8})
    send = bench.pending("CP01")
    assert send is not None
    bench.answer(send, TimedOut())
    assert bench.follows_kw("CP01") == 0.0
    assert bench.booked_kw("CP01") == pytest.approx(22.0, abs=0.07)


@pytest.mark.fault(3)
def test_an_offline_station_stays_booked_and_others_keep_away_from_its_power() -> None:
    bench = plugged(limit_kw=30.0)
    bench.follow({("V01", "CP01"): [22.0] * 8})
    bench.answer_all("CP01")
    bench.lose("CP01")
    bench.live(60)
    bench.follow({("V02", "CP02"): [22.0] * 8})
    assert told_kw(bench, "CP02") == pytest.approx(30.0 - 22.0, abs=0.14)


@pytest.mark.fault(4)
def test_a_station_that_comes_back_is_told_its_profile_again_and_stays_booked_meanwhile() -> None:
    bench = plugged(1)
    bench.depot.stations["CP01"].keeps = Keeps.FALLBACK
    bench.follow({("V01", "CP01"): [11.0] * 8})
    bench.answer_all("CP01")
    bench.lose("CP01")
    bench.sessions += 1
    bench.apply(StationConnected(station="CP01", session=bench.sessions, version=Version.V201))
    bench.wait(6.0)
    evse = bench.depot.stations["CP01"].evses[1]
    assert bench.booked_kw("CP01") == pytest.approx(11.0, abs=0.07)
    told = [tx_profile(command) for command in bench.answer_all("CP01")]
    (profile,) = [one for one in told if one is not None]
    assert profile_kw(profile, bench.utc) == pytest.approx(11.0, abs=0.07)
    assert evse.unconfirmed is None


@pytest.mark.fault(8)
def test_who_comes_back_unproven_is_booked_at_its_maximum_until_it_took_its_fallback() -> None:
    bench = plugged(1)
    bench.lose("CP01")
    bench.sessions += 1
    bench.apply(StationConnected(station="CP01", session=bench.sessions, version=Version.V201))
    bench.wait(6.0)
    assert bench.booked_kw("CP01") == 22.0
    bench.answer_all("CP01")
    bench.wait(9.0)
    assert bench.booked_kw("CP01") == 22.0, "its vehicle follows"
    bench.wait(1.0)
    assert bench.booked_kw("CP01") == 0.0


@pytest.mark.fault(8)
def test_who_keeps_nothing_is_booked_at_its_maximum_though_nobody_stands_there() -> None:
    """It may have lost its fallback meanwhile, and its vehicle starts within seconds."""
    bench = plugged(limit_kw=22.0)
    bench.follow({("V02", "CP02"): [22.0] * 8})
    bench.live(20)
    station = bench.depot.stations["CP01"]
    bench.call(
        "CP01", TransactionEnded(evse_id=1, transaction_id="T1", at=bench.utc, meter_stop_wh=1000.0)
    )
    bench.live(20)
    assert bench.booked_kw("CP01") == 0.0
    station.keeps = Keeps.NOTHING
    bench.depot.dirty = True
    assert bench.live(60) != [], "the other one is cut"
    assert bench.booked_kw("CP02") == 0.0
    assert bench.booked_kw("CP01") == 22.0


@pytest.mark.fault(8)
def test_who_keeps_nothing_is_told_its_power_as_a_transaction_begins_though_it_gets_nothing() -> (
    None
):
    bench = plugged(limit_kw=44.0)
    station = bench.depot.stations["CP01"]
    bench.call(
        "CP01", TransactionEnded(evse_id=1, transaction_id="T1", at=bench.utc, meter_stop_wh=1000.0)
    )
    station.keeps = Keeps.NOTHING
    bench.live(60)
    station.evses[1].override = "pause"
    assert bench.pending("CP01") is None
    bench.plug_in("CP01", "V01", transaction="T2")
    assert told_kw(bench, "CP01") == 0.0
    bench.answer_all("CP01")
    assert told_kw(bench, "CP01") is None, "once"


@pytest.mark.fault(9)
def test_who_is_booked_above_what_it_follows_is_lent_what_the_others_leave_and_no_more() -> None:
    bench = plugged(limit_kw=30.0)
    bench.follow({("V01", "CP01"): [22.0] * 8})
    bench.answer_all("CP01")
    bench.live(20)
    evse = bench.depot.stations["CP02"].evses[1]
    evse.floor_kw = 22.0
    bench.follow({("V01", "CP01"): [22.0] * 8, ("V02", "CP02"): [22.0] * 8})
    assert told_kw(bench, "CP02") == pytest.approx(30.0 - 22.0, abs=0.07)


@pytest.mark.fault(7)
def test_a_station_that_refuses_amperes_is_told_watts() -> None:
    bench = Bench.of(site(1))
    bench.sessions += 1
    bench.apply(StationConnected(station="CP01", session=1, version=Version.V16))
    bench.wait(6.0)
    while (send := bench.pending("CP01")) is not None:
        profile = getattr(send.command, "profile", None)
        refused = profile is not None and profile.unit is RateUnit.AMPERES
        bench.answer(send, Answered(status="Rejected" if refused else "Accepted"))
    station = bench.depot.stations["CP01"]
    assert station.capabilities.unit is RateUnit.WATTS
    assert station.evses[1].floor_kw == 0.0


@pytest.mark.fault(7)
def test_a_station_that_goes_on_refusing_is_asked_less_often_and_then_is_a_fixed_load() -> None:
    bench = plugged(1)
    bench.follow({("V01", "CP01"): [11.0] * 8})
    asked_at = []
    for _ in range(40):
        send = bench.pending("CP01")
        if send is not None:
            asked_at.append(bench.monotonic_s)
            bench.answer(send, Answered(status="Rejected"))
        bench.wait(1.0)
    pauses = [b - a for a, b in pairwise(asked_at)]
    assert len(asked_at) == 3
    assert pauses[0] >= 2
    assert pauses[1] >= 10
    evse = bench.depot.stations["CP01"].evses[1]
    assert evse.fixed is not None
    assert bench.booked_kw("CP01") == 0.0
    assert any(alert.kind == "station_not_controllable" for alert in bench.depot.alerts)


@pytest.mark.fault(13)
def test_while_a_limit_cannot_hold_who_refuses_is_asked_again_and_at_last_stopped() -> None:
    """What it holds may have no end, and ends by no other way."""
    bench = plugged(1, limit_kw=30.0)
    bench.follow({("V01", "CP01"): [20.0] * 8})
    bench.live(20)
    bench.depot.override = LimitOverride(import_limit_kw=10.0, until=None)
    bench.depot.dirty = True
    bench.wait(0.0)
    asked_at = []
    for _ in range(38):
        send = bench.pending("CP01")
        if send is not None:
            assert tx_profile(send.command) is not None
            asked_at.append(bench.monotonic_s)
            bench.answer(send, Answered(status="Rejected"))
        bench.wait(1.0)
    assert max(b - a for a, b in pairwise([*asked_at, bench.monotonic_s])) <= 12
    assert bench.alerts().count("station_not_controllable") == 1
    assert bench.alerts().count("limit_cannot_hold") == 1
    assert "limit_holds" not in bench.alerts()
    told = []
    for _ in range(20):
        if (send := bench.pending("CP01")) is not None:
            told.append(send.command)
            stops = isinstance(send.command, RequestStopTransaction)
            bench.answer(send, Answered(status="Accepted" if stops else "Rejected"))
        bench.wait(1.0)
    assert RequestStopTransaction(transaction_id="T1") in told
    assert "transaction_ended" in bench.alerts()


def test_a_fixed_load_is_soon_tried_again_at_growing_pauses_and_planned_when_it_takes_a_power() -> (
    None
):
    bench = plugged(1)
    bench.follow({("V01", "CP01"): [11.0] * 8})
    evse, asked_at = bench.depot.stations["CP01"].evses[1], []
    for _ in range(460):
        send = bench.pending("CP01")
        if send is not None:
            asked_at.append(bench.monotonic_s)
            refuses = len(asked_at) < 6
            bench.answer(send, Answered(status="Rejected" if refuses else "Accepted"))
        bench.wait(1.0)
    pauses = [b - a for a, b in pairwise(asked_at)]
    assert pauses[2:5] == [60, 120, 240]
    assert evse.fixed is None
    assert "station can be told again" in bench.depot.trigger.reasons
    alerts = [a for a in bench.depot.alerts if a.kind == "station_not_controllable"]
    assert len(alerts) == 1


def test_a_refusal_after_an_accepted_profile_does_not_change_the_unit() -> None:
    bench = plugged(1)
    bench.follow({("V01", "CP01"): [11.0] * 8})
    bench.live(20)
    bench.follow({("V01", "CP01"): [7.0] * 8})
    send = bench.pending("CP01")
    assert send is not None
    bench.answer(send, Answered(status="Rejected", reason="TxNotFound"))
    assert bench.depot.stations["CP01"].capabilities.unit is RateUnit.AMPERES


def test_a_station_that_takes_no_fallback_is_booked_at_its_maximum() -> None:
    bench = Bench.of(site(1))
    bench.sessions += 1
    bench.apply(StationConnected(station="CP01", session=1, version=Version.V16))
    bench.wait(6.0)
    while (send := bench.pending("CP01")) is not None:
        bench.answer(send, Answered(status="NotSupported"))
    assert bench.depot.stations["CP01"].evses[1].floor_kw == 22.0
    assert any(alert.kind == "no_fallback" for alert in bench.depot.alerts)


def test_of_vehicles_as_urgent_those_on_all_phases_come_first() -> None:
    """A single-phase vehicle fills all phases for a third of their power, where nobody has noted
    which of them it stands on."""
    bench = plugged(2, limit_kw=24.0)
    bench.depot.stations["CP01"].evses[1].phases_used = frozenset({1})
    bench.follow({("V01", "CP01"): [7.3] * 8, ("V02", "CP02"): [16.5] * 8})
    bench.live(60)
    assert bench.follows_kw("CP02") == pytest.approx(16.5, abs=0.1)
    assert 0 < draw(bench.depot.stations["CP01"].evses[1], bench.follows_kw("CP01"))[0] < 2.6


def test_a_fallback_that_was_not_taken_is_told_again_ever_less_until_it_is() -> None:
    bench = Bench.of(site(1))
    bench.connect("CP01")
    station, told_at = bench.depot.stations["CP01"], []
    submit_standing(bench.depot, station)
    bench.depot.dirty = True
    for _ in range(430):
        bench.wait(1.0)
        while (send := bench.pending("CP01")) is not None:
            fallback = is_fallback(send)
            if fallback:
                told_at.append(bench.monotonic_s)
            refuses = fallback and len(told_at) < 4
            bench.answer(send, Answered(status="Rejected" if refuses else "Accepted"))
        assert station.evses[1].floor_kw == (22.0 if len(told_at) < 4 else 0.0)
    assert [b - a for a, b in pairwise(told_at)] == [60, 120, 240]
    kinds = [a.kind for a in bench.depot.alerts if "fallback" in a.kind]
    assert kinds == ["no_fallback", "fallback_taken"]


def is_fallback(send: Send) -> bool:
    command = send.command
    if not isinstance(command, SetChargingProfile):
        return False
    return command.profile.purpose is ProfilePurpose.TX_DEFAULT


@pytest.mark.fault(10)
def test_a_late_answer_confirms_nothing() -> None:
    bench = plugged(1)
    bench.follow({("V01", "CP01"): [22.0] * 8})
    old = bench.pending("CP01")
    assert old is not None
    bench.answer(old, TimedOut())
    bench.wait(3)
    newer = bench.pending("CP01")
    assert newer is not None
    assert newer.generation > old.generation
    bench.answer(old)
    assert bench.follows_kw("CP01") == 0.0


@pytest.mark.parametrize("seed", range(20))
def test_what_stations_follow_never_exceeds_the_limit_whatever_is_lost(seed: int) -> None:
    """Stations do what they are told, but answers get lost and links break; the sum of what they
    may follow and settle from stays within every limit that was in force when they were told."""
    rng = random.Random(seed)
    bench = plugged(4, limit_kw=40.0)
    followed: dict[str, ChargingProfile] = {}
    highest_kw = 0.0
    for _ in range(60):
        _random_step(rng, bench, followed)
        total = sum(profile_kw(profile, bench.utc) for profile in followed.values())
        highest_kw = max(highest_kw, total)
    assert highest_kw <= 40.0 + 1e-6, f"seed {seed}: {highest_kw} kW, the limit is 40 kW"
    assert highest_kw > 0.0, f"seed {seed}: nobody was told to charge, so nothing was tested"


def _random_step(rng: random.Random, bench: Bench, followed: dict[str, ChargingProfile]) -> None:
    action = rng.random()
    names = list(bench.depot.stations)
    if action < 0.25:
        split = [rng.choice([0.0, 6.0, 10.0, 13.0, 22.0]) for _ in names]
        while sum(split) > 40.0:
            split[rng.randrange(len(split))] = 0.0
        plan = {
            (f"V{i:02d}", f"CP{i:02d}"): [kw * rng.choice([0.5, 1.0]) for _ in range(6)]
            for i, kw in enumerate(split, 1)
        }
        bench.follow(plan, minutes=5)
    elif action < 0.75:
        station = rng.choice(names)
        send = bench.pending(station)
        if send is not None:
            _station_does(rng, bench, send, followed)
    elif action < 0.8:
        station = rng.choice(names)
        if bench.depot.stations[station].online:
            bench.lose(station)
    elif action < 0.9:
        for station in names:
            if not bench.depot.stations[station].online:
                bench.sessions += 1
                event = StationConnected(
                    station=station, session=bench.sessions, version=Version.V201
                )
                bench.apply(event)
    else:
        bench.wait(rng.choice([1.0, 5.0, 15.0, 120.0]))


def _station_does(
    rng: random.Random, bench: Bench, send: Send, followed: dict[str, ChargingProfile]
) -> None:
    luck = rng.random()
    arrives, answered = luck < 0.9, luck < 0.75
    profile = tx_profile(send.command)
    if arrives and profile is not None:
        followed[send.station] = profile
    bench.answer(send, None if answered else TimedOut() if luck < 0.95 else Lost())


def test_the_last_step_of_room_is_freed_first_and_not_asked_for_again_and_again() -> None:
    """19.4 A become 19.3 A, which leaves another just the 6.1 A that its plan wants; before that
    it would be left less than 6 A."""
    ampere_kw = 0.69
    bench = plugged(limit_kw=(19.3 + 6.1) * ampere_kw)
    bench.follow({("V01", "CP01"): [19.4 * ampere_kw] * 8})
    bench.live(20)
    bench.follow({("V01", "CP01"): [19.3 * ampere_kw] * 8, ("V02", "CP02"): [6.1 * ampere_kw] * 8})
    told = [tx_profile(command) for command in bench.live(25)]
    assert len([profile for profile in told if profile is not None]) == 2
    assert bench.follows_kw("CP02") == pytest.approx(6.1 * ampere_kw)


def test_a_plan_costs_each_station_one_profile_and_then_one_renewal_every_half_lease() -> None:
    bench = plugged(4, limit_kw=40.0)
    powers = {f"CP{n:02d}": kw for n, kw in enumerate([13.37, 7.77, 10.01, 8.85], 1)}
    bench.follow({(s.replace("CP", "V"), s): [kw] * 8 for s, kw in powers.items()})
    lease_s = bench.depot.site.lease_s
    told = []
    for _ in range(round(4 * lease_s)):
        told += [profile for c in bench.live(1) if (profile := tx_profile(c)) is not None]
        bench.depot.dirty = True
    # Renewed between two fifths and half of the lease: 8 to 10 times in four leases.
    assert 4 * 8 <= len(told) <= 4 * 11
    for station, kw in powers.items():
        assert kw - 0.07 <= bench.follows_kw(station) <= kw


def test_a_limit_below_what_stations_fall_back_to_is_told_once_and_its_end_too() -> None:
    spec = site(2, limit_kw=30.0)
    stations = tuple(replace(station, fallback_kw=5.0) for station in spec.stations)
    bench = Bench.of(replace(spec, stations=stations))
    for n in (1, 2):
        bench.connect(f"CP{n:02d}")
        bench.plug_in(f"CP{n:02d}", f"V{n:02d}")
    for limit_kw in (9.0, 8.0, 30.0):
        bench.depot.override = LimitOverride(import_limit_kw=limit_kw, until=None)
        bench.depot.dirty = True
        bench.wait(1)
    kinds = [alert.kind for alert in bench.depot.alerts]
    assert kinds == ["limit_cannot_hold", "limit_holds"]
    assert "site by 1.0 kW" in bench.depot.alerts[0].text
