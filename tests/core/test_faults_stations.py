"""Faults of stations and of what is between them and us, one by one."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.core.events import OrderWithheld, SiteMetered, StationClaimed, StoreChanged
from daemon.core.keeps import Keeps, Kind, Shown, shown
from daemon.core.site import EvseSpec, StationSpec
from daemon.core.station import DISOBEYS, STUCK
from protocol.ocpp.commands import Answered, SetChargingProfile, TimedOut
from protocol.ocpp.model import Measurand, MeterSample, ProfileKind, ProfilePurpose, RateUnit
from tests.core.bench import Bench, site, tx_profile
from tests.core.test_dispatch import plugged
from tests.core.yard import Toy, Yard


def yard(*toys: Toy, limit_kw: float = 40.0, fallback_kw: float = 0.0, **more: object) -> Yard:
    """Toys that are connected, plugged in and charge as planned: `follow` is up to the test."""
    stations = tuple(
        StationSpec(
            id=toy.name,
            fallback_kw=fallback_kw,
            evses=(EvseSpec(connector=1, max_kw=toy.max_kw, phases=toy.wired),),
        )
        for toy in toys
    )
    spec = replace(site(len(toys), limit_kw=limit_kw, **more), stations=stations)
    made = Yard(spec, list(toys), random.Random(1))
    for n, toy in enumerate(toys, 1):
        made.connect(toy.name)
        made.plug_in(toy.name, f"V{n:02d}")
    made.run(2)
    return made


def charge(world: Yard, *kw: float) -> None:
    """Has each toy's vehicle charge at its power, and waits until they do."""
    names = list(world.toys)
    world.bench.follow(
        {(n.replace("CP", "V"), n): [p] * 20 for n, p in zip(names, kw, strict=True)}
    )
    world.run(15)


@pytest.mark.parametrize("seed", range(5))
def test_fault_01_killed_with_high_leases_every_charger_falls_back_within_the_lease(
    seed: int,
) -> None:
    """Fault 1: controller killed while all chargers run high leases."""
    world = yard(*(Toy(f"CP{i:02d}") for i in range(1, 4)), limit_kw=60.0, fallback_kw=4.2)
    charge(world, 22.0, 16.0, 16.0)
    world.run(random.Random(seed).uniform(0, 100))
    assert world.total_kw > 50.0
    world.dead = True
    world.on_second = lambda yard: _holds(yard, 60.0)
    world.run(world.bench.depot.site.lease_s + 10)
    assert [toy.power_kw(world.now_s) for toy in world.toys.values()] == pytest.approx([4.14] * 3)


@pytest.mark.parametrize("away_s", [1.0, 40.0, 200.0])
@pytest.mark.parametrize("keeps", "AB")
def test_fault_75_after_a_restart_under_load_none_draws_more_than_is_booked(
    keeps: str, away_s: float
) -> None:
    """Fault 75: nobody is heard yet, and all come back at once."""
    world = yard(*(Toy(f"CP0{n}", keeps=keeps) for n in (1, 2, 3)), limit_kw=60.0, fallback_kw=4.2)
    charge(world, 22.0, 16.0, 16.0)
    world.restart(away_s)

    def look(world: Yard) -> None:
        assert world.total_kw <= 60.01
        for name, toy in world.toys.items():
            assert toy.power_kw(world.now_s) <= world.bench.booked_kw(name) + 0.01, name

    world.on_second = look
    world.run(100)
    assert all(world.bench.depot.stations[name].online for name in world.toys)
    charge(world, 16.0, 22.0, 16.0)
    assert world.total_kw > 40.0


def _holds(world: Yard, limit_kw: float) -> None:
    assert world.total_kw <= limit_kw + 0.01


def test_fault_03_offline_a_lease_is_booked_until_it_is_over_or_for_good() -> None:
    """Fault 3: charger offline. The class decides what is reserved, and for how long."""
    booked = {}
    for keeps in (None, *Keeps):
        world = yard(Toy("CP01"), fallback_kw=4.2)
        charge(world, 11.0)
        world.bench.depot.stations["CP01"].keeps = keeps
        world.lose("CP01", 1000.0)
        soon = world.bench.booked_kw("CP01")
        world.run(120)
        booked[keeps] = (round(soon, 1), round(world.bench.booked_kw("CP01"), 1))
    # 4.2 kW of fallback are booked as declared; 11 kW were told as 15.9 A.
    assert booked == {
        Keeps.LEASES: (11.0, 4.2),
        Keeps.FALLBACK: (11.0, 11.0),
        Keeps.NOTHING: (22.0, 22.0),
        None: (22.0, 22.0),
    }


def test_fault_04_a_reboot_books_the_fallback_too_and_tells_limits_first() -> None:
    """Fault 4: charger reboots, its transaction profile is gone."""
    world = yard(Toy("CP01"), fallback_kw=4.2)
    charge(world, 0.0)
    assert world.bench.booked_kw("CP01") == pytest.approx(4.2)
    before = len(world.bench.sent)
    world.lose("CP01", 3.0, reboots=True)
    world.run(10)
    told = [send.command for send in world.bench.sent[before:]]
    purposes = [c.profile.purpose for c in told[:2] if isinstance(c, SetChargingProfile)]
    assert purposes == [ProfilePurpose.STATION_MAX, ProfilePurpose.TX_DEFAULT]
    assert any(tx_profile(command) for command in told)
    assert world.bench.follows_kw("CP01") == 0.0


def test_fault_05_a_lost_answer_books_old_and_new_and_is_told_again() -> None:
    """Fault 5: the answer to SetChargingProfile is lost."""
    bench = plugged(limit_kw=30.0)
    bench.follow({("V01", "CP01"): [22.0] * 8})
    bench.live(20)
    bench.follow({("V01", "CP01"): [7.0] * 8, ("V02", "CP02"): [22.0] * 8})
    send = bench.pending("CP01")
    assert send is not None
    bench.wait(30)
    bench.answer(send, TimedOut())
    assert bench.booked_kw("CP01") == pytest.approx(22.0, abs=0.07)
    assert bench.follows_kw("CP02") == 0.0, "nobody gets what an unheard cut may have freed"
    bench.wait(3)
    again = bench.pending("CP01")
    assert again is not None
    first, second = tx_profile(send.command), tx_profile(again.command)
    assert first is not None
    assert second is not None
    assert first.periods[0].limit == second.periods[0].limit
    bench.live(15)
    assert bench.follows_kw("CP02") == pytest.approx(22.0, abs=0.07)


def test_fault_06_who_accepts_and_ignores_is_booked_at_its_maximum() -> None:
    """Fault 6: accepted but not applied. One sample after the cut has settled is doubt enough to
    book the maximum; three flag it."""
    liar = Toy("CP01", obeys=False)
    world = yard(liar, Toy("CP02"), limit_kw=30.0)
    charge(world, 6.9, 6.9)
    evse = world.bench.depot.stations["CP01"].evses[1]
    cut_s = world.now_s
    while world.bench.booked_kw("CP01") < 22.0:
        world.run(1)
        assert world.now_s - cut_s < 60
    while "station_disobeys" not in world.bench.alerts():
        world.run(1)
        assert world.now_s - cut_s < 150
    assert evse.fixed == DISOBEYS
    liar.obeys = True
    world.run(300)
    assert "station_obeys" in world.bench.alerts()
    assert world.bench.booked_kw("CP01") < 22.0


@pytest.mark.parametrize("skew_s", [0.0, -7200.0, -120.0, 120.0, 7200.0])
def test_fault_06_who_ignores_a_cut_is_booked_at_its_maximum_and_flagged_within_15_s(
    skew_s: float,
) -> None:
    """Fault 6: accepted but not applied. A station that tells its power when it is asked is found
    out by its meter, whatever its clock says."""
    liar = Toy("CP01", tells_power=True, appetite_kw=11.0, skew_s=skew_s)
    world = yard(liar, limit_kw=30.0)
    charge(world, 11.0)
    world.run(300)
    liar.obeys = False
    world.bench.follow({("V01", "CP01"): [5.0] * 20})
    world.run(11, step_s=0.5)
    assert world.bench.booked_kw("CP01") == 22.0
    world.run(4, step_s=0.5)
    assert world.bench.depot.stations["CP01"].evses[1].fixed == DISOBEYS
    assert "station_disobeys" in world.bench.alerts()


def test_fault_06_who_draws_its_fallback_though_told_nothing_is_flagged() -> None:
    """Fault 6: the profile of the transaction is not applied, the fallback is."""
    world = yard(Toy("CP01", takes=lambda command: True), fallback_kw=6.9)
    world.toys["CP01"].store.put = lambda held: None  # type: ignore[method-assign]
    charge(world, 0.0)
    world.run(200)
    evse = world.bench.depot.stations["CP01"].evses[1]
    assert evse.fixed == STUCK
    assert world.bench.booked_kw("CP01") == pytest.approx(6.9)


def test_fault_07_a_refusal_keeps_the_old_power_booked_and_tries_another_way_to_say_it() -> None:
    """Fault 7: Rejected. A station that takes nothing that starts at an instant is told relative
    profiles without an end, and nobody else is raised meanwhile."""
    picky = Toy("CP01", takes=lambda c: c.evse_id == 0 or c.profile.kind is ProfileKind.RELATIVE)
    world = yard(picky, fallback_kw=4.2)
    charge(world, 11.0)
    station = world.bench.depot.stations["CP01"]
    assert station.capabilities.relative
    assert world.bench.follows_kw("CP01") == pytest.approx(11.0, abs=0.07)
    assert not station.takes_leases
    (profile,) = [h.profile for h in picky.store if h.profile.purpose is ProfilePurpose.TX]
    assert profile.start is None
    assert len(profile.periods) == 1
    watts = Toy("CP01", units=(RateUnit.WATTS,))
    world = yard(watts)
    charge(world, 11.0)
    assert world.bench.follows_kw("CP01") == pytest.approx(11.0, abs=0.07)


def test_fault_08_who_forgets_when_the_socket_drops_is_of_class_c_with_all_its_kind() -> None:
    """Fault 8: the charger drops its profiles with the socket."""
    toys = [Toy("CP01", keeps="C", model="Goldfish"), Toy("CP02", keeps="C", model="Goldfish")]
    world = yard(*toys, limit_kw=60.0)
    charge(world, 6.9, 6.9)
    world.run(60)
    world.lose("CP01", 120.0)
    world.run(200)
    stations = world.bench.depot.stations
    assert [stations[name].keeps for name in ("CP01", "CP02")] == [Keeps.NOTHING] * 2
    assert world.bench.booked_kw("CP02") == 22.0
    assert "class_learned" in world.bench.alerts()
    saved = [r for r in world.bench.saved if getattr(r, "kind", "") == "class"]
    assert getattr(saved[-1], "key", "").startswith("Toy/Goldfish/")


@pytest.mark.parametrize(("keeps", "away_s", "learned"), [("A", 300, "A"), ("B", 300, "B")])
def test_fault_08_a_class_is_learned_from_what_was_metered_in_silence(
    keeps: str, away_s: float, learned: str
) -> None:
    """Fault 8: what a station keeps is proven by silence, not by its word."""
    world = yard(Toy("CP01", keeps=keeps), limit_kw=60.0)
    charge(world, 11.0)
    world.run(60)
    assert world.bench.depot.stations["CP01"].keeps is None
    world.lose("CP01", away_s)
    world.run(away_s + 30)
    assert world.bench.depot.stations["CP01"].keeps == learned


def test_a_class_is_lowered_at_once_and_raised_by_proof_only() -> None:
    kept, forgot = Shown(least=Keeps.LEASES), Shown(most=Keeps.NOTHING)
    kind = Kind().after(kept)
    assert kind.keeps is Keeps.LEASES
    kind = kind.after(forgot)
    assert kind.keeps is Keeps.NOTHING
    assert kind.after(kept).keeps is Keeps.NOTHING
    assert kind.after(kept).after(kept).after(kept).keeps is Keeps.LEASES
    assert kind.after(Shown()) == kind
    assert Kind(keeps=Keeps.LEASES).after(Shown(least=Keeps.FALLBACK)).keeps is Keeps.LEASES


@pytest.mark.parametrize(
    ("metered", "expected"),
    [
        (10.0, Shown(most=Keeps.NOTHING)),
        (5.0, Shown(most=Keeps.FALLBACK, least=Keeps.FALLBACK)),
        (3.0, Shown(most=Keeps.FALLBACK)),
        (1.0, Shown(least=Keeps.LEASES)),
        (0.0, Shown()),
    ],
)
def test_a_silence_shows_what_a_station_keeps(metered: float, expected: Shown) -> None:
    assert shown(metered, lease_kwh=1.0, late_kwh=0.1, static_kwh=5.0, nothing_kwh=10.0) == expected


@pytest.mark.parametrize(
    ("metered", "expected"),
    [
        (5.0, Shown(most=Keeps.FALLBACK, least=Keeps.FALLBACK)),
        (3.0, Shown(most=Keeps.FALLBACK, least=Keeps.FALLBACK)),
        (1.0 / 3, Shown(least=Keeps.LEASES)),
        (0.1, Shown()),
    ],
)
def test_a_silence_with_a_vehicle_of_one_phase_shows_as_much(
    metered: float, expected: Shown
) -> None:
    """It takes a third of what is told; that it may have its other phases back is no breach."""
    told = {"lease_kwh": 1.0, "late_kwh": 0.1, "static_kwh": 5.0, "nothing_kwh": 10.0}
    assert shown(metered, **told, share=1 / 3) == expected


def test_what_a_vehicle_takes_of_what_it_is_told_is_known_in_silence() -> None:
    bench = plugged(1)
    bench.follow({("V01", "CP01"): [7.0] * 8})
    bench.live(20)
    evse = bench.depot.stations["CP01"].evses[1]
    evse.phases_used = frozenset({1})
    bench.lose("CP01")
    assert evse.silence is not None
    assert evse.silence.share == pytest.approx(1 / 3)


def test_fault_10_a_late_confirmation_of_an_older_order_confirms_nothing() -> None:
    """Fault 10: late confirmation of an older command."""
    bench = plugged(1)
    bench.follow({("V01", "CP01"): [7.0] * 8})
    old = bench.pending("CP01")
    assert old is not None
    bench.answer(old, TimedOut())
    bench.wait(3)
    newer = bench.pending("CP01")
    assert newer is not None
    assert newer.generation > old.generation
    bench.answer(old, Answered(status="Accepted"))
    assert bench.follows_kw("CP01") == 0.0
    assert bench.pending("CP01") == newer


def test_fault_11_a_pause_whose_lease_lapses_is_booked_at_the_fallback_all_along() -> None:
    """Fault 11: a paused charger's lease lapses."""
    world = yard(Toy("CP01"), Toy("CP02"), limit_kw=26.2, fallback_kw=4.2)
    charge(world, 0.0, 22.0)
    assert world.toys["CP01"].power_kw(world.now_s) == 0.0
    assert world.bench.booked_kw("CP01") == pytest.approx(4.2)
    world.on_second = lambda yard: _holds(yard, 26.2)
    world.lose("CP01", 400.0)
    world.run(200)
    assert world.toys["CP01"].power_kw(world.now_s) == pytest.approx(4.14)


def test_fault_18_a_skewed_clock_is_lent_nothing_and_follows_what_has_no_end() -> None:
    """Fault 18: charger clock skewed: an absolute lease would start wrong."""
    for skew_s in (-600.0, 600.0):
        toy = Toy("CP01", skew_s=skew_s)
        world = yard(toy, fallback_kw=4.2)
        charge(world, 11.0)
        world.run(200)
        assert toy.power_kw(world.now_s) == pytest.approx(11.0, abs=0.07), skew_s
        assert not world.bench.depot.stations["CP01"].takes_leases
        assert "station_clock_wrong" in world.bench.alerts()
        world.lose("CP01", 1000.0)
        world.run(200)
        assert world.bench.booked_kw("CP01") >= 10.9, "it may follow it for ever"


def test_fault_19_deadlines_follow_the_monotonic_clock_when_ours_is_set() -> None:
    """Fault 19: our clock steps."""
    for step in (timedelta(hours=1), timedelta(hours=-1)):
        world = yard(Toy("CP01"), Toy("CP02"), limit_kw=30.0)
        charge(world, 11.0, 11.0)
        world.on_second = lambda yard: _holds(yard, 30.0)
        world.bench.utc += step
        for toy in world.toys.values():
            toy.skew_s -= step.total_seconds()  # their clocks stay as they were
        booked = [world.bench.booked_kw(name) for name in world.toys]
        world.run(200)
        assert booked == pytest.approx([11.0, 11.0], abs=0.07)
        assert "clock_set" in world.bench.alerts()
        assert world.total_kw > 20.0, "they are told powers without an end instead"


def test_fault_19_nothing_is_planned_while_the_clock_cannot_be_right() -> None:
    """Fault 19: 1970 at boot, for want of a battery."""
    bench = Bench.of(site(1))
    bench.utc = bench.utc.replace(year=1970)
    bench.connect("CP01")
    bench.wait(60)
    assert bench.depot.revision == 0
    assert "clock_wrong" in bench.alerts()
    bench.utc = bench.utc.replace(year=2026)
    bench.wait(60)
    assert bench.depot.revision == 1


def test_an_outranked_fallback_is_read_back_cleared_and_told_again() -> None:
    """An old profile of a higher level may outrank the fallback for weeks."""
    toy = Toy("CP01")
    world = yard(toy, fallback_kw=4.2)
    held = next(h for h in toy.store if h.profile.purpose is ProfilePurpose.TX_DEFAULT)
    old = replace(held.profile, profile_id=77, stack_level=5)
    old = replace(old, periods=(replace(old.periods[0], limit=32.0),))
    toy.store.put(replace(held, profile=old))
    toy.running = None
    toy.store.end_transaction(1)
    world.bench.depot.stations["CP01"].evses[1].forget_profile()
    world.lose("CP01", 2.0)
    world.run(10)
    assert [h.profile.profile_id for h in toy.store if h.evse_id == 1] == [101]
    assert world.bench.depot.stations["CP01"].evses[1].floor_kw == pytest.approx(4.2)


def test_a_register_that_turns_from_wh_to_kwh_is_still_the_same_register() -> None:
    bench = plugged(1)
    bench.follow({("V01", "CP01"): [11.0] * 8})
    bench.live(20)
    readings = [12_000.0, 12_180.0, 12.36, 12.54]
    for value in readings:
        bench.live(60)
        _tell_register(bench, value)
    evse = bench.depot.stations["CP01"].evses[1]
    assert evse.reading is not None
    assert evse.reading.energy_wh == pytest.approx(12_540.0)
    assert evse.power_kw == pytest.approx(10.8, abs=0.2)
    assert evse.fixed is None


def _tell_register(bench: Bench, value: float) -> None:
    from protocol.ocpp.events import MeterValuesReported

    sample = MeterSample(measurand=Measurand.ENERGY_IMPORT_REGISTER, value=value, at=bench.utc)
    event = MeterValuesReported(evse_id=1, transaction_id="T1", samples=(sample,))
    bench.call("CP01", event)


def test_a_sample_that_nobody_asked_for_changes_nothing() -> None:
    bench = plugged(1)
    bench.apply(SiteMetered(import_kw=500.0))
    assert bench.depot.meter.import_kw is None


@pytest.mark.fault(32)
def test_a_station_that_is_claimed_twice_is_not_raised_until_that_is_over() -> None:
    bench = plugged(limit_kw=60.0)
    bench.follow({("V01", "CP01"): [7.0] * 8, ("V02", "CP02"): [7.0] * 8})
    bench.live(20)
    bench.apply(StationClaimed(station="CP01"))
    assert bench.alerts()[-1] == "station_twice"
    bench.follow({("V01", "CP01"): [22.0] * 8, ("V02", "CP02"): [22.0] * 8})
    bench.live(20)
    assert bench.follows_kw("CP01") == pytest.approx(7.0, abs=0.07)
    assert bench.follows_kw("CP02") == pytest.approx(22.0, abs=0.07)
    bench.live(120)
    assert bench.follows_kw("CP01") == pytest.approx(7.0, abs=0.07), "what it has is lent again"
    bench.live(180)
    assert bench.follows_kw("CP01") == pytest.approx(22.0, abs=0.07)


@pytest.mark.fault(53, 54)
def test_nobody_is_raised_while_the_next_start_could_not_know_of_it() -> None:
    bench = plugged(limit_kw=60.0)
    bench.follow({("V01", "CP01"): [7.0] * 8, ("V02", "CP02"): [22.0] * 8})
    bench.live(20)
    bench.apply(StoreChanged(trouble="the disk is full"))
    bench.follow({("V01", "CP01"): [22.0] * 8, ("V02", "CP02"): [7.0] * 8})
    bench.live(120)
    assert bench.follows_kw("CP01") == pytest.approx(7.0, abs=0.07)
    assert bench.follows_kw("CP02") == pytest.approx(7.0, abs=0.07), "cuts are never held back"
    bench.apply(StoreChanged(trouble=None))
    bench.live(20)
    assert bench.follows_kw("CP01") == pytest.approx(22.0, abs=0.07)


@pytest.mark.fault(53, 54)
def test_a_raise_that_never_left_is_booked_nowhere_and_sent_when_the_store_is_back() -> None:
    bench = plugged(1)
    bench.depot.stations["CP01"].evses[1].override = "charge_now"
    bench.depot.dirty = True
    bench.wait(0.0)
    send = bench.pending("CP01")
    assert send is not None
    assert send.raises
    bench.apply(StoreChanged(trouble="the disk is full"))
    bench.apply(OrderWithheld(station="CP01", generation=send.generation))
    assert bench.pending("CP01") is None
    assert bench.booked_kw("CP01") == 0.0
    bench.apply(StoreChanged(trouble=None))
    bench.live(1)
    assert bench.follows_kw("CP01") == pytest.approx(22.0, abs=0.1)


@pytest.mark.fault(53, 54)
def test_only_what_is_more_than_was_booked_waits_for_the_store() -> None:
    bench = plugged(1)
    bench.follow({("V01", "CP01"): [11.0] * 8})
    bench.live(100)
    sent = len(bench.sent)
    bench.follow({("V01", "CP01"): [7.0] * 8})
    bench.live(20)
    orders = [send for send in bench.sent if tx_profile(send.command) is not None]
    assert [send.raises for send in orders] == [True] + [False] * (len(orders) - 1)
    assert any(send in bench.sent[sent:] for send in orders)
