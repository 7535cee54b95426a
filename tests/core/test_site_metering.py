"""A clock that was wrong once, the meter's or ours, blinds the site no longer than it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from daemon.core.events import SiteMetered
from daemon.core.keeps import Keeps
from planner.series import Series
from protocol.ocpp.commands import TriggerMessage
from protocol.ocpp.events import MeterValuesReported, TransactionEnded
from protocol.ocpp.model import Measurand, MeterSample
from tests.core.bench import Bench, site, vehicle_values


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


@pytest.mark.fault(13)
def test_a_base_load_that_grows_little_by_little_is_made_room_for() -> None:
    """By 0.04 kW from each sample to the next, by 24 kW in 20 minutes. Nothing else happens: what
    the station was told has no end, so that it is not told again."""
    spec = site(1, metered=True)
    bench = Bench.of(replace(spec, stations=(replace(spec.stations[0], pinned=Keeps.FALLBACK),)))
    bench.connect("CP01")
    bench.depot.stations["CP01"].capabilities.relative = True
    bench.plug_in("CP01", "V01")
    base_kw = 1.0
    bench.apply(SiteMetered(import_kw=base_kw, at=bench.utc))
    bench.follow({("V01", "CP01"): [22.0] * 40})
    over_kw = 0.0
    for _ in range(600):
        bench.live(2)
        import_kw = base_kw + bench.follows_kw("CP01")
        over_kw = max(over_kw, import_kw - 30.0)
        bench.apply(SiteMetered(import_kw=import_kw, at=bench.utc))
        base_kw += 0.04
    # What is cut counts as drawn until it has settled, and the load grows meanwhile.
    assert over_kw < 0.3
    assert "site_overload" not in bench.alerts()
    assert bench.follows_kw("CP01") > 4.0


@pytest.mark.fault(13)
def test_a_booking_that_is_not_drawn_lends_no_sun_that_was_only_forecast() -> None:
    """12 kW of sun are forecast and none shines. A station that nobody can reach is booked at
    15 kW and draws nothing, and so hides the 12 kW of base load; then its vehicle takes them."""
    spec = replace(site(2, metered=True), base_load_kw=Series.constant(12.0))
    spec = replace(spec, pv_kw=Series.constant(12.0))
    first, second = spec.stations
    first, second = replace(first, pinned=Keeps.FALLBACK), replace(second, pinned=Keeps.LEASES)
    bench = Bench.of(replace(spec, stations=(first, second)))

    def metered(seconds: int, charging_kw: Callable[[], float]) -> None:
        for _ in range(seconds):
            bench.live(1)
            kw = 12.0 + charging_kw()
            phase_a = kw * 1000 / 3 / 230.0
            bench.apply(
                SiteMetered(import_kw=kw, phases_a=(phase_a, phase_a, phase_a), at=bench.utc)
            )

    for n in ("01", "02"):
        bench.connect(f"CP{n}")
        bench.plug_in(f"CP{n}", f"V{n}")
    metered(5, lambda: 0.0)
    bench.follow({("V01", "CP01"): [15.0] * 8})
    metered(20, lambda: 0.0)
    assert bench.follows_kw("CP01") == pytest.approx(15.0, abs=0.07)
    bench.lose("CP01")
    bench.follow({("V01", "CP01"): [15.0] * 8, ("V02", "CP02"): [22.0] * 8})
    metered(75, lambda: bench.follows_kw("CP02"))
    assert bench.booked_kw("CP01") == pytest.approx(15.0, abs=0.07)
    assert 12.0 + bench.booked_kw("CP01") + bench.follows_kw("CP02") <= 30.0


@pytest.mark.fault(12)
def test_a_meter_that_dies_during_an_overload_leaves_the_fallbacks_and_not_nothing() -> None:
    """70 kW that nobody declared stop all; then nobody knows whether they are still there."""
    spec = site(1, metered=True, base_load_kw=Series.constant(5.0))
    bench = Bench.of(replace(spec, stations=(replace(spec.stations[0], fallback_kw=4.2),)))
    bench.connect("CP01")
    bench.plug_in("CP01", "V01")
    bench.follow({("V01", "CP01"): [11.0] * 40})
    for second in range(40):
        bench.live(1)
        bench.apply(SiteMetered(import_kw=70.0 + second % 3 / 10, at=bench.utc))
    assert bench.depot.meter.forces_zero
    bench.live(60)
    assert "all chargers are stopped until it is back, or for 15 min" in last_told(bench)
    bench.live(14 * 60)
    assert bench.follows_kw("CP01") == 0.0
    bench.live(30)
    assert "chargers have their fallbacks" in last_told(bench)
    bench.live(3 * 3600, step_s=20.0)
    assert bench.follows_kw("CP01") == pytest.approx(4.2, abs=0.07)
    for second in range(60):
        bench.live(1)
        bench.apply(SiteMetered(import_kw=9.0 + second % 3 / 10, at=bench.utc))
    assert bench.follows_kw("CP01") == pytest.approx(11.0, abs=0.07)


def last_told(bench: Bench) -> str:
    return [told.text for told in bench.depot.alerts if told.kind == "meter_blind"][-1]


@pytest.mark.fault(12)
def test_who_waits_at_nothing_as_the_meter_dies_gets_its_fallback_and_no_more() -> None:
    """It is booked in any case, and what the static safe budget has room for."""
    spec = site(1, metered=True)
    bench = Bench.of(replace(spec, stations=(replace(spec.stations[0], fallback_kw=4.2),)))
    bench.connect("CP01")
    bench.plug_in("CP01", "V01")
    bench.follow({("V01", "CP01"): [0.0] * 40})
    sample(bench, 10)
    bench.live(10)
    assert bench.depot.meter.is_blind
    bench.follow({("V01", "CP01"): [22.0] * 40})
    bench.live(300)
    assert bench.follows_kw("CP01") == pytest.approx(4.2, abs=0.07)


@pytest.mark.fault(12)
def test_what_a_frozen_meter_shows_is_base_load_no_more_once_that_is_known() -> None:
    """It shows what was charged before; with that gone, all of it would look like base load."""
    bench = metered()
    bench.connect("CP01")
    bench.plug_in("CP01", "V01")
    sample(bench, 10)
    bench.follow({("V01", "CP01"): [10.0] * 8})
    for second in range(70):
        bench.live(1)
        bench.apply(SiteMetered(import_kw=13.0 + second % 2 / 10, at=bench.utc))
    meter = bench.depot.meter
    assert meter.base_kw[0] == pytest.approx(3.0, abs=0.3)
    bench.follow({("V01", "CP01"): [0.0] * 8})
    meter.stands_still = True
    for _ in range(30):
        bench.live(1)
        bench.apply(SiteMetered(import_kw=13.1, at=bench.utc))
    assert bench.booked_kw("CP01") == 0.0
    assert meter.blind == "shows the same while chargers change"
    assert meter.base_kw[0] == pytest.approx(3.0, abs=0.3)


@pytest.mark.fault(13)
def test_a_load_that_was_seen_is_not_forgotten_behind_a_booking() -> None:
    """12 kW that nobody declared. A station that is lost is booked at 15 kW and draws nothing,
    and so hides them from the meter; then its vehicle takes what it was lent."""
    bench = two_charge()
    live_metered(bench, 5, lambda: 0.0)
    bench.follow({("V01", "CP01"): [15.0] * 8})
    live_metered(bench, 20, lambda: 0.0)
    bench.lose("CP01")
    bench.follow({("V01", "CP01"): [15.0] * 8, ("V02", "CP02"): [22.0] * 8})
    live_metered(bench, 75, lambda: bench.follows_kw("CP02"))
    assert bench.booked_kw("CP01") == pytest.approx(15.0, abs=0.07)
    assert 12.0 + bench.booked_kw("CP01") + bench.follows_kw("CP02") <= 30.0


@pytest.mark.fault(13)
def test_what_a_booking_frees_is_lent_once_the_meter_has_shown_what_it_hid() -> None:
    """12 kW that nobody declared have come while a station was lost that draws nothing of its
    15 kW. It comes back, its vehicle has left, and the other one wants all that is free."""
    bench = two_charge(undeclared_kw=0.0)
    bench.follow({("V01", "CP01"): [15.0] * 8})
    live_metered(bench, 75, lambda: 15.0, undeclared_kw=0.0)
    bench.lose("CP01")
    bench.follow({("V01", "CP01"): [15.0] * 8, ("V02", "CP02"): [22.0] * 8})
    live_metered(bench, 75, lambda: bench.follows_kw("CP02"))
    assert bench.follows_kw("CP02") == pytest.approx(15.0, abs=0.07)
    bench.connect("CP01")
    live_metered(bench, 2, lambda: bench.follows_kw("CP02"))
    ended = TransactionEnded(evse_id=1, transaction_id="T1", at=bench.utc, meter_stop_wh=1000.0)
    bench.call("CP01", ended)
    for station in ("CP01", "CP02"):
        bench.answer_all(station)
    assert bench.booked_kw("CP01") == 0.0
    assert bench.follows_kw("CP02") == pytest.approx(15.0, abs=0.07)
    live_metered(bench, 5, lambda: bench.follows_kw("CP02"))
    assert bench.follows_kw("CP02") == pytest.approx(18.0, abs=0.07)


def two_charge(undeclared_kw: float = 12.0) -> Bench:
    spec = site(2, metered=True)
    first, second = spec.stations
    first, second = replace(first, pinned=Keeps.FALLBACK), replace(second, pinned=Keeps.LEASES)
    bench = Bench.of(replace(spec, stations=(first, second)))
    for n in ("01", "02"):
        bench.connect(f"CP{n}")
        bench.plug_in(f"CP{n}", f"V{n}")
    live_metered(bench, 5, lambda: 0.0, undeclared_kw=undeclared_kw)
    return bench


def live_metered(
    bench: Bench, seconds: int, charging_kw: Callable[[], float], undeclared_kw: float = 12.0
) -> None:
    """By a meter of the sum, with a load that nobody declared."""
    for _ in range(seconds):
        bench.live(1)
        bench.apply(SiteMetered(import_kw=undeclared_kw + charging_kw(), at=bench.utc))


@pytest.mark.fault(13)
def test_what_turns_out_to_be_charging_leaves_the_load_that_was_seen_before() -> None:
    """A vehicle takes 5 kW more by its own will just as another one stops, which is not heard: what
    the first one tells says nothing of the 10 kW that nobody declared."""
    bench = two_charge(undeclared_kw=10.0)
    meter = bench.depot.meter
    told_s = bench.monotonic_s
    bench.follow({("V02", "CP02"): [8.0] * 8})
    live_metered(bench, 70, lambda: bench.follows_kw("CP02"), undeclared_kw=10.0)
    live_metered(bench, 2, lambda: 5.0 + bench.follows_kw("CP02"), undeclared_kw=10.0)
    assert meter.base_kw[0] == pytest.approx(15.0)
    meter.forget({held.at_s: (5.0,) * 4 for held in meter.bases if held.at_s > told_s})
    assert meter.base_kw[0] == pytest.approx(10.0)
    live_metered(bench, 40, lambda: 0.0, undeclared_kw=10.0)
    assert meter.base_kw[0] == pytest.approx(10.0, abs=0.06)


@pytest.mark.fault(13)
def test_what_was_charging_for_longer_than_samples_are_held_leaves_what_else_is_drawn() -> None:
    """A charger has drawn 15 kW more than it told for more than a minute: nothing that is held is
    of the time before."""
    bench = two_charge(undeclared_kw=10.0)
    meter = bench.depot.meter
    live_metered(bench, 160, lambda: 15.0, undeclared_kw=10.0)
    assert meter.base_kw[0] == pytest.approx(25.0)
    meter.forget({held.at_s: (15.0,) * 4 for held in meter.bases})
    assert meter.base_kw[0] == pytest.approx(10.0)
    live_metered(bench, 70, lambda: 0.0, undeclared_kw=10.0)
    assert meter.base_kw[0] == pytest.approx(10.0)


@pytest.mark.fault(13)
def test_a_load_that_came_since_a_vehicles_last_word_outlasts_its_next_one() -> None:
    """10 kW that nobody declared are known for 20 s when a vehicle takes 6 kW more by its own will.
    Another one is cut for it, draws nothing and is booked yet, and so hides as much as it had."""
    bench = two_charge(undeclared_kw=0.0)
    first_kw = 0.0

    def charging_kw() -> float:
        return min(bench.follows_kw("CP01"), first_kw) + bench.follows_kw("CP02")

    bench.follow({("V01", "CP01"): [11.0] * 8, ("V02", "CP02"): [22.0] * 8})
    live_metered(bench, 60, charging_kw, undeclared_kw=0.0)
    tell_power(bench, "CP01", 0.0)
    tell_power(bench, "CP02", bench.follows_kw("CP02"))
    live_metered(bench, 20, charging_kw, undeclared_kw=0.0)
    live_metered(bench, 20, charging_kw, undeclared_kw=10.0)
    assert bench.depot.meter.base_kw[0] == pytest.approx(10.0)
    first_kw = 6.0
    live_metered(bench, 2, charging_kw, undeclared_kw=10.0)
    tell_power(bench, "CP01", first_kw)
    for _ in range(15):
        live_metered(bench, 1, charging_kw, undeclared_kw=10.0)
        assert 10.0 + charging_kw() <= 30.0
    assert bench.follows_kw("CP02") == pytest.approx(9.0, abs=0.07)


def tell_power(bench: Bench, station: str, kw: float) -> None:
    power = MeterSample(measurand=Measurand.POWER_IMPORT, value=kw * 1000, at=bench.utc)
    told = MeterValuesReported(evse_id=1, transaction_id="T1", samples=(power,))
    bench.call(station, told)


@pytest.mark.fault(13)
@pytest.mark.parametrize("since_s", [1, 3, 6, 9])
def test_a_raise_that_is_not_drawn_is_no_relief_from_an_overload(since_s: int) -> None:
    """20 kW that nobody declared, `since_s` after a vehicle that takes 5 kW was raised to 20, which
    is cut first."""
    yard = TwoAsked({"CP01": 9.0, "CP02": 5.0})
    yard.bench.follow({("V01", "CP01"): [9.0] * 8, ("V02", "CP02"): [5.0] * 8})
    yard.live(130, 0.0)
    yard.bench.follow({("V01", "CP01"): [9.0] * 8, ("V02", "CP02"): [20.0] * 8})
    yard.live(since_s, 0.0)
    assert yard.bench.follows_kw("CP02") == pytest.approx(20.0, abs=0.07)
    assert yard.live(30, 20.0) <= 6
    assert "site_overload" not in yard.bench.alerts()


@pytest.mark.fault(13)
def test_what_a_vehicle_draws_no_more_is_no_relief_from_an_overload() -> None:
    """20 kW that nobody declared, as a vehicle takes 5 kW of 20 and its charger has not told so."""
    yard = TwoAsked({"CP01": 9.0, "CP02": 20.0})
    yard.bench.follow({("V01", "CP01"): [9.0] * 8, ("V02", "CP02"): [20.0] * 8})
    yard.live(60, 0.0)
    yard.tell()
    yard.most_kw["CP02"] = 5.0
    yard.live(20, 0.0)
    assert yard.live(30, 20.0) <= 6
    assert "site_overload" not in yard.bench.alerts()


class TwoAsked:
    """Below a limit of 30 kW. Both tell their meter when asked; vehicles take `most_kw`, and follow
    within 3 s."""

    def __init__(self, most_kw: dict[str, float]) -> None:
        self.bench = two_charge(undeclared_kw=0.0)
        self.most_kw = most_kw
        self.followed = [(0.0, 0.0)] * 3

    def drawn_kw(self) -> list[float]:
        followed = zip(self.most_kw.values(), self.followed[-3], strict=True)
        return [min(most_kw, kw) for most_kw, kw in followed]

    def tell(self) -> None:
        for station, kw in zip(self.most_kw, self.drawn_kw(), strict=True):
            tell_power(self.bench, station, kw)

    def live(self, seconds: int, undeclared_kw: float) -> int:
        """Returns for how many seconds the limit was exceeded."""
        bench, over_s = self.bench, 0
        for _ in range(seconds):
            told = bench.live(1)
            self.followed.append((bench.follows_kw("CP01"), bench.follows_kw("CP02")))
            if any(isinstance(command, TriggerMessage) for command in told):
                self.tell()
            import_kw = undeclared_kw + sum(self.drawn_kw())
            over_s += import_kw > 30.0
            bench.apply(SiteMetered(import_kw=import_kw, at=bench.utc))
        return over_s


@pytest.mark.fault(13, 15)
def test_what_seemed_to_charge_on_a_phase_is_lent_once_the_meter_has_shown_that_phase() -> None:
    """3 kW on each phase that nobody declared, and vehicles of one phase; nobody knows which. The
    first one leaves, and one that stands on the second one's phase has waited for its power."""
    bench = of_one_phase(3)
    places = {"CP01": 0, "CP02": 1, "CP03": 1}

    def each_kw() -> list[float]:
        drawn = [3.0, 3.0, 3.0]
        for station, phase in places.items():
            if bench.depot.stations[station].evses[1].transaction is not None:
                drawn[phase] += min(bench.follows_kw(station) / 3, 7.36)
        return drawn

    def live(seconds: int, *planned_kw: float) -> None:
        pairs = zip(("01", "02", "03"), planned_kw, strict=False)
        bench.follow({(f"V{n}", f"CP{n}"): [kw] * 8 for n, kw in pairs})
        for second in range(seconds):
            bench.live(1)
            for station in places if second % 10 == 0 else ():
                tell_phase(bench, station, min(bench.follows_kw(station) / 3, 7.36))
            meter(bench, each_kw())

    live(5, 0.0, 0.0, 0.0)
    for planned_kw in ((6.0, 0.0, 0.0), (0.0, 6.0, 0.0), (0.0, 0.0, 6.0)):
        live(90, *planned_kw)
    live(130, 3.4, 3.4, 0.0)
    live(20, 3.4, 3.4, 7.4)
    assert [round(kw, 1) for kw in each_kw()] == [6.4, 9.6, 3.0]
    ended = TransactionEnded(evse_id=1, transaction_id="T1", at=bench.utc, meter_stop_wh=1000.0)
    bench.call("CP01", ended)
    for _ in range(20):
        for station in places:
            bench.answer_all(station)
        assert max(each_kw()) <= 10.0
        meter(bench, each_kw())
        bench.live(1)


def of_one_phase(stations: int) -> Bench:
    """Below a limit of 10 kW on each phase."""
    spec = site(stations, metered=True)
    one_phase = {**vehicle_values(), "max_charge_kw": 7.4}
    vehicles = tuple(replace(vehicle, values=one_phase) for vehicle in spec.vehicles)
    pinned = tuple(replace(station, pinned=Keeps.FALLBACK) for station in spec.stations)
    bench = Bench.of(replace(spec, vehicles=vehicles, stations=pinned))
    for n in range(1, stations + 1):
        bench.connect(f"CP{n:02}")
        bench.plug_in(f"CP{n:02}", f"V{n:02}")
    return bench


def tell_phase(bench: Bench, station: str, kw: float) -> None:
    """A station's words of a vehicle on the first of its phases."""
    currents_a = {"L1": kw * 1000 / 230.0, "L2": 0.0, "L3": 0.0}
    current, at = Measurand.CURRENT_IMPORT, bench.utc
    samples = [
        MeterSample(measurand=current, value=amperes, phase=phase, at=at)
        for phase, amperes in currents_a.items()
    ]
    samples.append(MeterSample(measurand=Measurand.POWER_IMPORT, value=kw * 1000, at=at))
    told = MeterValuesReported(evse_id=1, transaction_id="T1", samples=tuple(samples))
    bench.call(station, told)


def meter(bench: Bench, each_kw: list[float]) -> None:
    """A sample of the site's meter, by phase."""
    a, b, c = (kw * 1000 / 230.0 for kw in each_kw)
    bench.apply(SiteMetered(import_kw=sum(each_kw), phases_a=(a, b, c), at=bench.utc))
