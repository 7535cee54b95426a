"""Faults of the site: its meter, its other loads, its phases, and orders from outside."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.core.budget import SITE
from daemon.core.events import SiteMetered
from daemon.core.phases import draw, flow, learn, most_kw
from daemon.core.rooms import budget_of
from daemon.core.site import EvseSpec, StationSpec
from daemon.core.station import DISOBEYS, new_station
from planner.series import Series
from protocol.ocpp.commands import RequestStopTransaction, SetChargingProfile
from protocol.ocpp.events import MeterValuesReported
from protocol.ocpp.model import Measurand, MeterSample
from tests.core.bench import Bench, site
from tests.core.test_faults_stations import charge
from tests.core.yard import Toy, Yard

BASE_KW = 5.0


class Site:
    """A yard with a base load and a meter that samples once a second, well or badly."""

    def __init__(self, *toys: Toy, limit_kw: float = 60.0, fallback_kw: float = 0.0) -> None:
        spec = site(
            len(toys), limit_kw=limit_kw, base_load_kw=Series.constant(BASE_KW), metered=True
        )
        stations = tuple(
            StationSpec(id=t.name, fallback_kw=fallback_kw, evses=(EvseSpec(connector=1),))
            for t in toys
        )
        self.yard = Yard(replace(spec, stations=stations), list(toys), random.Random(1))
        self.limit_kw = limit_kw
        self.base_kw = BASE_KW
        self.samples = True
        self.frozen: float | None = None
        self.noise = 0.0
        self.over_s = 0.0
        self.yard.on_second = self._second
        for n, toy in enumerate(toys, 1):
            self.yard.connect(toy.name)
            self.yard.plug_in(toy.name, f"V{n:02d}")
        self.yard.run(2)

    @property
    def bench(self) -> Bench:
        return self.yard.bench

    @property
    def import_kw(self) -> float:
        return self.base_kw + self.yard.total_kw

    def _second(self, yard: Yard) -> None:
        self.over_s += self.import_kw > self.limit_kw * 1.01
        if self.samples and not yard.dead:
            kw = self.frozen if self.frozen is not None else self.import_kw
            kw += self.noise * (-1 if round(yard.now_s) % 2 else 1)
            yard.bench.apply(SiteMetered(import_kw=kw, at=yard.bench.utc))
            yard._carry()


def three(**more: float) -> Site:
    return Site(Toy("CP01"), Toy("CP02"), Toy("CP03"), **more)


def test_fault_12_a_silent_meter_leaves_what_is_declared_and_raises_nothing() -> None:
    """Fault 12: site meter stale for more than 5 s."""
    world = three()
    charge(world.yard, 11.0, 0.0, 0.0)
    world.samples = False
    world.yard.run(6)
    assert world.bench.depot.meter.is_blind
    assert "meter_blind" in world.bench.alerts()
    charge(world.yard, 6.9, 22.0, 0.0)
    assert world.bench.follows_kw("CP01") == pytest.approx(6.9, abs=0.07)
    assert world.bench.follows_kw("CP02") == 0.0
    world.yard.run(100)
    assert world.bench.follows_kw("CP01") == pytest.approx(6.9, abs=0.07), "leases are renewed"
    world.samples = True
    world.yard.run(10)
    assert world.bench.follows_kw("CP02") == pytest.approx(22.0, abs=0.07)
    assert "meter_back" in world.bench.alerts()


def test_fault_12_a_blind_meter_leaves_no_sunshine_to_charge_with() -> None:
    """Fault 12: the static safe budget is the limit less the declared base load alone."""
    spec = replace(
        site(1, limit_kw=40.0, base_load_kw=Series.constant(20.0), metered=True),
        pv_kw=Series.constant(30.0),
    )
    bench = Bench.of(spec)
    at = bench.now
    bench.apply(SiteMetered(import_kw=0.0, phases_a=(0.0, 0.0, 0.0), at=bench.utc))
    assert budget_of(bench.depot, at).soon[SITE][0] == pytest.approx(40.0)
    bench.wait(6)
    assert bench.depot.meter.is_blind
    assert budget_of(bench.depot, bench.now).soon[SITE][0] == pytest.approx(20.0)


def test_fault_12_a_frozen_meter_is_seen_by_what_chargers_do() -> None:
    """Fault 12: site meter frozen: the same to the last digit while chargers change."""
    world = three()
    charge(world.yard, 6.9, 6.9, 6.9)
    world.frozen = world.import_kw
    world.yard.run(200)
    assert not world.bench.depot.meter.is_blind, "nothing changes, so nothing has to move"
    charge(world.yard, 0.0, 6.9, 6.9)
    world.yard.run(90)
    assert world.bench.depot.meter.blind == "shows the same while chargers change"


@pytest.mark.parametrize("kw", [float("nan"), float("inf"), 1e6, -1e6])
def test_fault_12_what_no_meter_can_show_is_no_sample(kw: float) -> None:
    """Fault 12: NaN, and numbers that no site has."""
    world = three()
    charge(world.yard, 11.0, 11.0, 11.0)
    world.frozen = kw
    before = world.bench.depot.meter.base_kw
    world.yard.run(10)
    assert world.bench.depot.meter.base_kw == before
    assert world.bench.depot.meter.is_blind


@pytest.mark.parametrize("amperes", [float("nan"), float("inf"), 1e6])
@pytest.mark.parametrize("phase", range(3))
def test_fault_12_what_no_phase_can_carry_is_no_sample(amperes: float, phase: int) -> None:
    """Fault 12: one of the phases is NaN, or a number that no site has."""
    world = three()
    world.samples = False
    before = world.bench.depot.meter.base_kw
    told = [60.0, 60.0, 60.0]
    told[phase] = amperes
    world.bench.apply(SiteMetered(import_kw=40.0, phases_a=(told[0], told[1], told[2])))
    assert world.bench.depot.meter.base_kw == before
    world.yard.run(6)
    assert world.bench.depot.meter.is_blind


def test_fault_12_a_meter_that_leaps_to_and_fro_is_blind() -> None:
    """Fault 12: site meter jumps."""
    world = three()
    charge(world.yard, 11.0, 11.0, 11.0)
    world.noise = 40.0
    world.yard.run(5)
    assert world.bench.depot.meter.blind == "leaps to and fro"


def test_fault_13_a_step_of_the_base_load_cuts_the_last_first_at_the_sample() -> None:
    """Fault 13: base load step. The orders leave with the sample; what is over lasts as long as
    the vehicles take to follow."""
    world = three()
    charge(world.yard, 18.0, 18.0, 18.0)
    world.yard.run(60)
    assert world.over_s == 0
    sent = len(world.bench.sent)
    world.base_kw += 12.0
    world.yard.run(1)
    told = world.bench.sent[sent:]
    cut = {send.station for send in told if isinstance(send.command, SetChargingProfile)}
    assert cut == {"CP03"}, "nobody has a departure, so the last by name goes first"
    world.yard.run(120)
    assert world.over_s <= 7, "as long as the vehicle's lag, and the second until the sample"
    assert 6.0 < world.bench.follows_kw("CP03") <= 7.0
    assert world.bench.follows_kw("CP01") == pytest.approx(18.0, abs=0.07)


def test_fault_13_what_a_vehicle_draws_since_a_raise_is_no_base_load() -> None:
    """Fault 13: the register's mean over an interval that began before the raise says less."""
    world = Site(Toy("CP01", tells_power=True), limit_kw=60.0)
    toy, highest_kw = world.yard.toys["CP01"], 0.0
    for kw in (7.0, 21.0):
        toy.next_sample_s = world.yard.now_s + 40.0
        charge(world.yard, kw)
        for _ in range(100):
            world.yard.run(1)
            highest_kw = max(highest_kw, world.bench.depot.meter.base_kw[0])
    assert world.import_kw == pytest.approx(BASE_KW + 21.0, abs=0.1)
    assert highest_kw == pytest.approx(BASE_KW, abs=0.3)


def test_fault_13_a_vehicle_that_takes_more_by_itself_is_no_base_load_for_long() -> None:
    """Fault 13: it took less than it was lent, and its charger's last word is half a minute old."""
    world = Site(Toy("CP01", tells_power=True, appetite_kw=5.0), Toy("CP02"), limit_kw=60.0)
    charge(world.yard, 20.0, 20.0)
    world.yard.run(90)
    toy = world.yard.toys["CP01"]
    toy.next_sample_s = world.yard.now_s + 30.0
    toy.appetite_kw = 1000.0
    world.yard.run(6)
    assert world.import_kw == pytest.approx(BASE_KW + 40.0, abs=0.3)
    assert world.bench.depot.meter.base_kw[0] == pytest.approx(BASE_KW, abs=1.0)
    assert world.bench.follows_kw("CP02") == pytest.approx(20.0, abs=0.07)


def test_fault_13_what_a_charger_metered_before_a_cut_hides_no_other_load() -> None:
    """Fault 13: what it told before its last order had settled says nothing of what it draws."""
    bench = Bench.of(replace(site(1, limit_kw=60.0), metered=True))
    bench.connect("CP01")
    bench.plug_in("CP01", "V01")
    bench.apply(SiteMetered(import_kw=0.0, at=bench.utc))
    bench.follow({("V01", "CP01"): [20.0] * 8})
    for second in range(30):
        bench.live(1)
        bench.apply(SiteMetered(import_kw=20.0 + second % 2 / 100, at=bench.utc))
    power = MeterSample(measurand=Measurand.POWER_IMPORT, value=20_000.0, at=bench.utc)
    bench.call("CP01", MeterValuesReported(evse_id=1, transaction_id=None, samples=(power,)))
    bench.follow({("V01", "CP01"): [7.0] * 8})
    for second in range(14):
        bench.live(1)
        # 13 kW that nobody declared come as the vehicle follows.
        bench.apply(SiteMetered(import_kw=20.0 + second % 2 / 100, at=bench.utc))
    assert bench.depot.meter.base_kw[0] == pytest.approx(13.0, abs=0.1)


def test_fault_13_what_a_charger_draws_beyond_its_order_counts_as_base_load() -> None:
    """Fault 13: a little too much is no disobedience; base load and bookings still come to no less
    than the site's meter shows."""
    bench = Bench.of(replace(site(1, limit_kw=60.0), metered=True))
    bench.connect("CP01")
    bench.plug_in("CP01", "V01")
    bench.apply(SiteMetered(import_kw=0.0, at=bench.utc))
    bench.follow({("V01", "CP01"): [15.0] * 8})
    for second in range(15):
        bench.live(1)
        bench.apply(SiteMetered(import_kw=10.0 + second / 100, at=bench.utc))
    for register_wh in (1100.0, 1100.0 + 16_400 / 60):
        bench.live(60)
        told = MeterSample(
            measurand=Measurand.ENERGY_IMPORT_REGISTER, value=register_wh, at=bench.utc
        )
        bench.call("CP01", MeterValuesReported(evse_id=1, transaction_id=None, samples=(told,)))
    bench.depot.meter.bases.clear()
    bench.live(1)
    bench.apply(SiteMetered(import_kw=16.4, at=bench.utc))
    assert bench.depot.meter.base_kw[0] + bench.booked_kw("CP01") == pytest.approx(16.4)


@pytest.mark.parametrize("newer_s", [-60.0, 0.0, 1.0])
def test_fault_12_a_sample_that_is_repeated_or_old_is_none(newer_s: float) -> None:
    """Fault 12: site meter stale: samples come, and none of them is of this moment."""
    bench = Bench.of(replace(site(1, limit_kw=60.0), metered=True))
    bench.apply(SiteMetered(import_kw=10.0, at=bench.utc))
    at = bench.utc + timedelta(seconds=newer_s)
    bench.live(7)
    for second in range(3):
        bench.apply(SiteMetered(import_kw=5.0 + second, at=at))
    assert bench.depot.meter.import_kw == 10.0
    assert bench.depot.meter.is_blind


def test_fault_12_a_meter_that_tells_a_thousand_samples_a_second_is_held_in_few() -> None:
    """Fault 12: nothing grows with what is told, and the highest of the time counts."""
    bench = Bench.of(replace(site(1, limit_kw=60.0), metered=True))
    for n in range(3000):
        bench.utc += timedelta(milliseconds=1)
        bench.monotonic_s += 0.001
        kw = 30.0 if n == 1500 else 20.0 + n % 7 / 100
        bench.apply(SiteMetered(import_kw=kw, at=bench.utc))
    assert len(bench.depot.meter.bases) <= 4
    assert bench.depot.meter.base_kw[0] == 30.0


def test_fault_13_an_overload_that_lasts_has_all_fall_back_and_then_stop() -> None:
    """Fault 13: persistent overload: all to fallback, then to nothing."""
    world = three(fallback_kw=4.2)
    charge(world.yard, 11.0, 11.0, 11.0)
    world.base_kw = 70.0
    world.yard.run(14)
    stages = []
    for _ in range(40):
        world.yard.run(1)
        stages.append(world.bench.depot.meter.stage)
    assert stages == sorted(stages)
    assert stages[-1] == 2
    assert all(world.bench.follows_kw(f"CP0{n}") == 0.0 for n in (1, 2, 3))
    assert world.yard.total_kw == 0.0
    world.base_kw = BASE_KW
    world.yard.run(160)
    assert world.bench.depot.meter.stage == 0
    assert world.yard.total_kw > 30.0


def test_fault_13_who_draws_on_though_told_nothing_has_its_transaction_ended_once() -> None:
    """Fault 13: the last resort, for who does not obey while the site draws too much."""
    world = Site(Toy("CP01", obeys=False), Toy("CP02"), Toy("CP03"), fallback_kw=4.2)
    charge(world.yard, 11.0, 11.0, 11.0)
    world.yard.run(300)
    assert world.bench.depot.stations["CP01"].evses[1].fixed == DISOBEYS
    assert stops(world) == [], "it is booked at what it draws, and that fits"
    world.base_kw = 70.0
    world.yard.run(120)
    assert stops(world) == ["CP01"]
    assert "transaction_ended" in world.bench.alerts()
    world.yard.run(120)
    assert stops(world) == ["CP01"]


def stops(world: Site) -> list[str]:
    """Who was asked to end a transaction, in order."""
    return [
        send.station
        for send in world.bench.sent
        if isinstance(send.command, RequestStopTransaction)
    ]


def test_fault_14_a_charger_that_meters_too_little_shows_in_what_is_left_over() -> None:
    """Fault 14: charger meter lies: the site's meter less the sum of the chargers."""
    liar = Toy("CP01", meter=0.5, obeys=False)
    world = Site(liar, Toy("CP02"), Toy("CP03"))
    charge(world.yard, 11.0, 18.0, 18.0)
    world.yard.run(200)
    assert "residual" in world.bench.alerts()
    world.over_s = 0
    world.yard.run(300)
    assert world.over_s == 0
    assert world.import_kw <= world.limit_kw * 1.01


def test_fault_15_phases_are_learned_from_their_currents_and_forgotten_on_evidence() -> None:
    """Fault 15: single-phase vehicle, on a connector whose wiring is known."""
    spec = EvseSpec(connector=1, rotation=(2, 3, 1))
    evse = new_station(StationSpec(id="A", fallback_kw=0.0, evses=(spec,))).evses[1]
    single = {"L1": 32.0, "L2": 0.1, "L3": 0.0}
    for _ in range(2):
        learn(evse, single, 7.4, voltage_v=230.0)
    assert draw(evse, 11.0) == pytest.approx((11.0, 3.67, 3.67, 3.67), abs=0.01)
    assert learn(evse, single, 7.4, voltage_v=230.0)
    assert draw(evse, 11.0) == pytest.approx((3.67, 0.0, 3.67, 0.0), abs=0.01)
    assert most_kw(evse, [(3.0, 9.0, 2.0, 0.0)]) == pytest.approx(6.0)
    assert learn(evse, {"L1": 16.0, "L2": 16.0, "L3": 16.0}, 7.4, voltage_v=230.0)
    assert draw(evse, 11.0) == pytest.approx((11.0, 3.67, 3.67, 3.67), abs=0.01)


@pytest.mark.parametrize("vehicle_kw", [11.0, 22.0, math.inf])
def test_fault_15_a_vehicle_made_for_more_phases_may_have_them_back(vehicle_kw: float) -> None:
    """Fault 15: a vehicle of three phases that has lost two, and a stranger."""
    spec = EvseSpec(connector=1, rotation=(2, 3, 1))
    evse = new_station(StationSpec(id="A", fallback_kw=0.0, evses=(spec,))).evses[1]
    single = {"L1": 32.0, "L2": 0.1, "L3": 0.0}
    assert not any(learn(evse, single, vehicle_kw, voltage_v=230.0) for _ in range(5))
    assert draw(evse, 11.0) == pytest.approx((11.0, 3.67, 3.67, 3.67), abs=0.01)
    for _ in range(3):
        learn(evse, single, 7.4, voltage_v=230.0)
    assert draw(evse, 11.0)[0] == pytest.approx(3.67, abs=0.01)
    assert learn(evse, {}, vehicle_kw, voltage_v=230.0), "the fleet tells that it can take more"
    assert draw(evse, 11.0)[0] == 11.0


@pytest.mark.parametrize(
    ("currents_a", "vehicle_kw", "believed"),
    [
        ((16.0, 16.0), 11.0, False),  # three of 16 A that have lost one
        ((20.0, 20.0), 11.0, False),
        ((16.0, 16.0), 7.4, True),
        ((16.0,), 7.4, False),  # two of 16 A that have lost one
        ((20.0,), 7.4, True),
        ((16.0,), 3.7, True),
        ((32.0,), 11.0, False),
    ],
)
def test_fault_15_phases_count_as_all_that_there_are_by_what_vehicles_are_made_for(
    currents_a: tuple[float, ...], vehicle_kw: float, believed: bool
) -> None:
    """Fault 15: a phase that was lost may be back at any moment."""
    evse = new_station(
        StationSpec(id="A", fallback_kw=0.0, evses=(EvseSpec(connector=1, rotation=(1, 2, 3)),))
    ).evses[1]
    told = {f"L{i + 1}": (*currents_a, 0.0, 0.0)[i] for i in range(3)}
    for _ in range(5):
        learn(evse, told, vehicle_kw, voltage_v=230.0)
    whole_kw = draw(evse, 11.0)[0]
    assert whole_kw == pytest.approx(11.0 * len(currents_a) / 3 if believed else 11.0)


def test_fault_15_the_fallback_of_a_single_phase_is_booked_for_the_vehicle_after_it() -> None:
    """Fault 15: the next vehicle has three phases, and falls back before we hear of it."""
    spec = EvseSpec(connector=1, rotation=(1, 2, 3))
    evse = new_station(StationSpec(id="A", fallback_kw=6.0, evses=(spec,))).evses[1]
    evse.phases_used = frozenset({1})
    assert draw(evse, 22.0) == pytest.approx((22 / 3, 22 / 3, 2.0, 2.0))
    assert draw(evse, 6.0) == pytest.approx((6.0, 2.0, 2.0, 2.0))
    assert flow(evse, 6.0) == pytest.approx((2.0, 2.0, 0.0, 0.0)), "what is left is base load"


def test_fault_15_a_single_phase_is_told_three_times_what_it_is_to_take() -> None:
    """Fault 15: amperes are told per phase; what the vehicle leaves is lent to others."""
    names = ("CP01", "CP02", "CP03")
    world = Site(*(Toy(name, phases=1) for name in names), limit_kw=55.0)
    for name, rotation in zip(names, ((1, 2, 3), (2, 3, 1), (3, 1, 2)), strict=True):
        belief = world.bench.depot.vehicles[name.replace("CP", "V")]
        assert belief.vehicle is not None
        belief.vehicle = replace(belief.vehicle, max_charge_kw=7.4)
        evse = world.bench.depot.stations[name].evses[1]
        evse.spec = replace(evse.spec, rotation=rotation)
        evse.phases_used, evse.phase_shown_kw = frozenset({1}), 7.36
    charge(world.yard, 7.4, 7.4, 7.4)
    world.yard.run(120)
    assert [world.bench.follows_kw(name) for name in names] == pytest.approx([22.0] * 3, abs=0.07)
    assert world.import_kw == pytest.approx(BASE_KW + 22.0, abs=0.2)
    assert world.over_s == 0


@pytest.mark.parametrize(
    "rotations", [[None] * 3, [(1, 2, 3)] * 3, [(1, 2, 3), (2, 3, 1), (3, 1, 2)]]
)
def test_fault_15_phases_differ_by_no_more_than_the_settings_allow(
    rotations: list[tuple[int, ...] | None],
) -> None:
    """Fault 15: 20 A on any phase, where it is known which one that is; else together."""
    names = ("CP01", "CP02", "CP03")
    world = Site(*(Toy(name, phases=1) for name in names), limit_kw=90.0)
    depot = world.bench.depot
    depot.site = replace(depot.site, imbalance_limit_a=20.0)
    for name, rotation in zip(names, rotations, strict=True):
        belief = depot.vehicles[name.replace("CP", "V")]
        assert belief.vehicle is not None
        belief.vehicle = replace(belief.vehicle, max_charge_kw=7.4)
        evse = depot.stations[name].evses[1]
        evse.spec = replace(evse.spec, rotation=rotation)
        evse.phases_used, evse.phase_shown_kw = frozenset({1}), 7.36
    charge(world.yard, 7.0, 7.0, 7.0)
    world.yard.run(60)
    drawn_kw = [toy.power_kw(world.yard.now_s) for toy in world.yard.toys.values()]
    apart = len(set(rotations)) == 3
    assert max(drawn_kw) == pytest.approx(20 * 0.23, abs=0.05)
    assert sum(drawn_kw) == pytest.approx((3 if apart else 1) * 20 * 0.23, abs=0.15)


def test_fault_15_the_phase_that_is_measured_highest_is_cut_too() -> None:
    """Fault 15: the sum is within the limit, one phase is not."""
    world = three(limit_kw=66.0)
    charge(world.yard, 20.0, 20.0, 20.0)
    world.samples = False
    bench, before = world.bench, world.bench.follows_kw("CP03")
    third_a = world.import_kw / 3 * 1000 / 230
    high_a = (third_a + 25.0, third_a - 20.0, third_a - 20.0)
    bench.apply(SiteMetered(import_kw=world.import_kw, phases_a=high_a))
    world.yard._carry()
    world.yard.run(2)
    assert bench.follows_kw("CP03") < before - 5.0


def test_fault_15_a_meter_of_the_sum_alone_shows_no_load_on_phases_nobody_charges_on() -> None:
    """Fault 15: three vehicles on the site's first phase, and a load that nobody declared."""
    names = ("CP01", "CP02", "CP03")
    world = Site(*(Toy(name, phases=1) for name in names), limit_kw=90.0)
    for name in names:
        belief = world.bench.depot.vehicles[name.replace("CP", "V")]
        assert belief.vehicle is not None
        belief.vehicle = replace(belief.vehicle, max_charge_kw=7.4)
        evse = world.bench.depot.stations[name].evses[1]
        evse.spec = replace(evse.spec, rotation=(1, 2, 3))
        evse.phases_used, evse.phase_shown_kw = frozenset({1}), 7.36
    charge(world.yard, 7.4, 7.4, 7.4)
    world.yard.run(120)
    world.base_kw += 6.0
    world.yard.run(20)
    whole_kw, *each_kw = world.bench.depot.meter.base_kw
    assert whole_kw == pytest.approx(BASE_KW + 6.0, abs=0.4)
    assert each_kw == pytest.approx([whole_kw / 3] * 3, abs=0.01)


def test_fault_20_an_order_above_the_ceiling_changes_no_booking() -> None:
    """Fault 20: MQTT orders above the limit are clamped to it."""
    from daemon.core.depot import LimitOverride

    world = three()
    world.bench.depot.tell_series("import_limit_kw", Series.constant(400.0), None)
    assert world.bench.depot.limit_kw()[0].at(world.bench.utc) == 60.0
    world.bench.depot.override = LimitOverride(import_limit_kw=500.0, until=None)
    assert world.bench.depot.limit_kw()[0].at(world.bench.utc) == 60.0
