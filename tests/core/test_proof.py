"""What is left stays booked until the meter and what is read back have shown that it was left."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import pytest

from daemon.core.effects import Send
from daemon.core.keeps import Keeps
from daemon.core.site import EvseSpec
from daemon.core.standing import read_back
from daemon.core.station import DISOBEYS, Evse
from protocol.ocpp.commands import Answered, CommandResult, TimedOut
from protocol.ocpp.model import CompositeSchedule, RateUnit, SchedulePeriod
from tests.core.bench import START, Bench, site
from tests.core.test_faults_stations import charge, yard
from tests.core.yard import Toy, Yard

REFUSED = Answered(status="Rejected")


def cut(world: Yard) -> None:
    """Has the first give up what the second is to get."""
    world.bench.follow({("V01", "CP01"): [5.0] * 20, ("V02", "CP02"): [20.0] * 20})


def two(first: Toy, keeps: Keeps = Keeps.FALLBACK) -> Yard:
    world = yard(first, Toy("CP02"), limit_kw=25.0)
    charge(world, 20.0, 5.0)
    world.run(60)
    world.bench.depot.stations["CP01"].keeps = keeps
    return world


def raised_kw(world: Yard) -> float:
    return world.bench.follows_kw("CP02")


@pytest.mark.fault(9)
@pytest.mark.parametrize(
    ("tells_power", "not_before_s", "within_s"), [(True, 5, 7), (False, 10, 18)]
)
def test_a_cut_frees_its_power_when_the_meter_shows_it(
    tells_power: bool, not_before_s: int, within_s: int
) -> None:
    """A vehicle has followed after 5 s. A register wants two samples to show a power."""
    world = two(Toy("CP01", tells_power=tells_power))
    cut(world)
    world.run(not_before_s)
    assert raised_kw(world) == pytest.approx(5.0, abs=0.07)
    world.run(within_s - not_before_s)
    assert raised_kw(world) == pytest.approx(20.0, abs=0.07)


@pytest.mark.fault(9)
def test_a_vehicle_that_is_slow_to_follow_a_cut_keeps_its_power_booked() -> None:
    """It is asked as others have followed, and draws more than it was cut to."""
    world = two(Toy("CP01", tells_power=True, lag_s=9.5))
    world.on_second = lambda yard: _holds(yard, 25.0)
    cut(world)
    world.run(8)
    assert world.bench.depot.stations["CP01"].evses[1].settling
    world.run(2)
    assert raised_kw(world) == pytest.approx(5.0, abs=0.07)
    world.run(5)
    assert raised_kw(world) == pytest.approx(20.0, abs=0.07)


@pytest.mark.fault(9)
def test_what_a_vehicle_draws_before_it_has_had_its_time_shows_nothing_of_a_cut() -> None:
    """It pauses by its own will as it is cut, and may go on as before while it follows yet."""
    world = two(Toy("CP01", tells_power=True))
    cut(world)
    world.run(1)
    toy = world.toys["CP01"]
    toy.appetite_kw, toy.lag_s, toy.next_sample_s = 0.0, 0.0, world.now_s + 2.0
    world.run(4)
    assert raised_kw(world) == pytest.approx(5.0, abs=0.07)
    world.run(3)
    assert raised_kw(world) == pytest.approx(20.0, abs=0.07), "its next word counts"


@pytest.mark.fault(9)
def test_a_vehicle_that_took_less_before_it_was_cut_shows_nothing_before_it_has_settled() -> None:
    """It may be about to take all that it was lent."""
    world = two(Toy("CP01", tells_power=True, appetite_kw=2.0))
    cut(world)
    world.run(9)
    assert raised_kw(world) == pytest.approx(5.0, abs=0.07)
    world.run(6)
    assert raised_kw(world) == pytest.approx(20.0, abs=0.07)


@pytest.mark.fault(6)
def test_who_accepts_a_cut_and_ignores_it_frees_nothing() -> None:
    world = two(Toy("CP01", tells_power=True, appetite_kw=20.0))
    world.toys["CP01"].obeys = False
    world.on_second = lambda yard: _holds(yard, 25.0)
    cut(world)
    world.run(300)
    assert raised_kw(world) < 5.0, "it is booked at its maximum, which leaves 3 kW"


@pytest.mark.fault(6, 15)
@pytest.mark.parametrize("tells_power", [True, False])
def test_who_ignores_a_cut_with_a_vehicle_on_one_phase_frees_nothing_of_it(
    tells_power: bool,
) -> None:
    """Of what it was cut to, it draws less as a whole, and twice as much on that phase."""
    liar = Toy(
        "CP01",
        keeps="B",
        phases=1,
        tells_power=tells_power,
        tells_currents=True,
        reads_back=REFUSED,
    )
    world = two(liar)
    liar.store.put = lambda held: None  # type: ignore[method-assign]  # accepted and dropped
    world.on_second = _first_phase_holds
    world.bench.follow({("V01", "CP01"): [10.0] * 20, ("V02", "CP02"): [15.0] * 20})
    world.run(300)
    assert world.bench.depot.stations["CP01"].evses[1].fixed == DISOBEYS


@pytest.mark.fault(6, 15)
def test_who_reads_back_the_phases_in_use_has_not_left_what_it_goes_on_with() -> None:
    """29 A on one phase are what it was told with 20 kW, and no 6.7 kW of all three."""
    liar = Toy("CP01", keeps="B", phases=1, tells_power=True)
    world = two(liar)
    liar.store.put = lambda held: None  # type: ignore[method-assign]
    still = (SchedulePeriod(start_s=0, limit=28.9, number_phases=1),)
    schedule = CompositeSchedule(
        evse_id=1, start=START, duration_s=240, unit=RateUnit.AMPERES, periods=still
    )
    liar.reads_back = Answered(status="Accepted", schedule=schedule)
    world.on_second = _first_phase_holds
    world.bench.follow({("V01", "CP01"): [10.0] * 20, ("V02", "CP02"): [15.0] * 20})
    world.run(60)
    assert world.bench.booked_kw("CP01") > 19.0


@pytest.mark.parametrize("tells_power", [True, False])
def test_a_vehicle_that_loses_phases_and_has_them_back_is_no_disobedience(
    tells_power: bool,
) -> None:
    honest = Toy("CP01", tells_power=tells_power, tells_currents=True, reads_back=REFUSED)
    world = two(honest)
    world.on_second = lambda yard: _is_believed(yard, 20.0)
    for phases, kw in ((1, 10.0), (3, 15.0), (1, 20.0), (3, 10.0)):
        honest.phases = phases
        world.run(200)
        world.bench.follow({("V01", "CP01"): [kw] * 20, ("V02", "CP02"): [5.0] * 20})
        world.run(200)
        assert honest.power_kw(world.now_s) == pytest.approx(kw * phases / 3, abs=0.07)
        assert world.bench.booked_kw("CP01") == pytest.approx(kw, abs=0.07)
    assert "station_disobeys" not in world.bench.alerts()


def _is_believed(world: Yard, most_kw: float) -> None:
    assert world.bench.booked_kw("CP01") <= most_kw + 0.01


def _first_phase_holds(world: Yard) -> None:
    each = [toy.power_kw(world.now_s) / toy.phases for toy in world.toys.values()]
    assert sum(each) <= 25.0 / 3 + 0.01


@pytest.mark.fault(6)
def test_a_vehicle_that_takes_nothing_shows_nothing_so_the_station_is_read_back() -> None:
    """The vehicle wakes up long after the cut that was ignored."""
    liar = Toy("CP01", tells_power=True)
    world = two(liar)
    liar.appetite_kw = 0.0
    world.run(60)
    liar.store.put = lambda held: None  # type: ignore[method-assign]  # accepted and dropped
    world.on_second = lambda yard: _holds(yard, 25.0)
    cut(world)
    world.run(40)
    assert raised_kw(world) == pytest.approx(5.0, abs=0.07)
    liar.appetite_kw = 22.0
    world.run(40)


def test_who_cannot_read_back_is_believed_by_its_meter() -> None:
    world = two(Toy("CP01", tells_power=True, reads_back=REFUSED))
    cut(world)
    world.run(12)
    assert raised_kw(world) == pytest.approx(20.0, abs=0.07)


def test_who_answers_all_but_what_it_follows_is_believed_by_its_meter() -> None:
    """It was read back once, and leaves every such question unanswered from then on."""
    world = two(Toy("CP01", tells_power=True))
    assert world.bench.depot.stations["CP01"].capabilities.reads_back
    world.toys["CP01"].reads_back = TimedOut()
    cut(world)
    world.run(120)
    assert world.bench.booked_kw("CP01") == pytest.approx(20.0, abs=0.07)
    world.run(480)
    assert world.bench.booked_kw("CP01") == pytest.approx(5.0, abs=0.1)
    assert raised_kw(world) == pytest.approx(20.0, abs=0.07)


@pytest.mark.fault(6)
def test_who_is_slow_with_all_its_answers_is_not_believed_by_its_meter() -> None:
    """Of its answers to other questions, too, one in four comes after the deadline. The vehicle of
    the liar takes little, and its meter shows that."""
    liar = Toy("CP01", tells_power=True, appetite_kw=20.0)
    world = two(liar)
    liar.appetite_kw = 2.0
    world.run(60)
    liar.store.put = lambda held: None  # type: ignore[method-assign]
    liar.reads_back = TimedOut()
    obey, asked = world._obey, count()

    def slowly(toy: Toy, send: Send) -> CommandResult:
        result = obey(toy, send)
        is_late = toy is liar and next(asked) % 4 == 3
        return TimedOut() if is_late else result

    world._obey = slowly  # type: ignore[method-assign]
    cut(world)
    world.run(900)
    assert world.bench.booked_kw("CP01") == pytest.approx(20.0, abs=0.07)


def test_an_empty_schedule_of_who_charges_nobody_says_nothing_of_the_others() -> None:
    spec = site(1)
    station = replace(
        spec.stations[0], evses=(*spec.stations[0].evses, EvseSpec(connector=2, max_kw=22.0))
    )
    bench = Bench.of(replace(spec, stations=(station,)))
    bench.connect("CP01")
    bench.plug_in("CP01", "V01")
    bench.live(5)
    capabilities = bench.depot.stations["CP01"].capabilities
    for number, reads_back in ((2, True), (1, False)):
        capabilities.reads_back = True
        read_back(bench.depot, bench.depot.stations["CP01"], station_evse(bench, number))
        bench.wait(0)
        question = bench.pending("CP01")
        assert question is not None
        empty = CompositeSchedule(
            evse_id=number, start=bench.utc, duration_s=60, unit=RateUnit.AMPERES, periods=()
        )
        bench.answer(question, Answered(status="Accepted", schedule=empty))
        assert capabilities.reads_back is reads_back


def station_evse(bench: Bench, number: int) -> Evse:
    return bench.depot.stations["CP01"].evses[number]


def test_what_is_not_shown_is_booked_until_the_lease_is_over_where_leases_are_kept() -> None:
    """A station that stops telling its meter has a lease like any other."""
    world = two(Toy("CP01", tells_power=True), Keeps.LEASES)
    world.tell_meter = lambda toy: None  # type: ignore[method-assign]
    cut(world)
    world.run(40)
    assert world.bench.booked_kw("CP01") == pytest.approx(20.0, abs=0.07)
    world.run(70)
    assert world.bench.booked_kw("CP01") == pytest.approx(5.0, abs=0.1)


@pytest.mark.fault(6)
@pytest.mark.parametrize("tells_power", [True, False])
def test_a_cut_that_no_meter_can_tell_from_its_error_frees_only_what_is_metered_to_be_free(
    tells_power: bool,
) -> None:
    """19 kW are within a tenth of 18 kW: nobody is called a liar for it, and nobody gets it."""
    world = two(Toy("CP01", tells_power=tells_power, reads_back=REFUSED), Keeps.FALLBACK)
    world.toys["CP01"].store.put = lambda held: None  # type: ignore[method-assign]
    world.toys["CP01"].appetite_kw = 19.0
    world.on_second = lambda yard: _holds(yard, 25.0)
    world.bench.follow({("V01", "CP01"): [18.0] * 20, ("V02", "CP02"): [20.0] * 20})
    world.run(45)
    assert "station_disobeys" not in world.bench.alerts()
    assert world.total_kw > 24.0, "what the meter shows to be free is given to others"
    assert world.bench.booked_kw("CP01") >= 19.0


@pytest.mark.fault(6)
def test_a_lease_kept_against_an_order_is_left_when_its_vehicle_has_followed_its_end() -> None:
    """It draws little until, seconds before the lease that it kept is over, it takes all of it."""
    liar = Toy("CP01", tells_power=True)
    world = two(liar, Keeps.LEASES)
    liar.appetite_kw = 2.0
    world.run(30)
    liar.store.put = lambda held: None  # type: ignore[method-assign]
    world.on_second = lambda yard: _holds(yard, 25.0)
    cut(world)
    evse = world.bench.depot.stations["CP01"].evses[1]
    world.run(12)
    assert evse.leaving is not None
    over_s = evse.leaving.lease.until_s
    while world.now_s < over_s + 30:
        world.run(1)
        liar.appetite_kw = 2.0 if world.now_s < over_s - 3 else 22.0
        if evse.leaving is not None:  # it is asked next in the very second that it ends
            evse.leaving.ask_s = over_s


def test_what_was_not_shown_to_be_left_outlives_the_daemon() -> None:
    world = two(Toy("CP01", tells_power=True))
    cut(world)
    kept = [r.value for r in world.bench.saved if getattr(r, "key", "") == "CP01/1"]  # type: ignore[union-attr]
    assert kept[-1]["held_kw"] == pytest.approx(20.0, abs=0.07)  # type: ignore[index,call-overload]


def _holds(world: Yard, limit_kw: float) -> None:
    assert world.total_kw <= limit_kw + 0.01
