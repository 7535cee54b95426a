"""Who does not obey is booked at what it may draw: what it was seen to draw, at least."""

from __future__ import annotations

import math

import pytest

from daemon.core.effects import Send
from daemon.core.keeping import restore
from daemon.core.keeps import Keeps
from daemon.core.phases import draw
from daemon.core.station import DISOBEYS, REFUSES, STUCK
from protocol.ocpp.commands import Answered
from protocol.ocpp.events import MeterValuesReported
from protocol.ocpp.model import Measurand, MeterSample
from tests.core.bench import Bench, tx_profile
from tests.core.test_dispatch import plugged
from tests.core.test_faults_stations import charge, yard
from tests.core.yard import Toy, Yard


def test_who_disobeys_beyond_its_rating_is_booked_at_what_was_metered() -> None:
    """The settings say 22 kW, or nobody has said anything, and the connector gives 43."""
    bench: Bench = plugged(1, limit_kw=100.0)
    bench.follow({("V01", "CP01"): [11.0] * 40})
    wh = 1000.0
    for _ in range(10):
        bench.live(60, step_s=10.0)
        wh += 43_000 / 60
        at, register = bench.utc, Measurand.ENERGY_IMPORT_REGISTER
        told = MeterSample(measurand=register, value=wh, at=at)
        bench.call("CP01", MeterValuesReported(evse_id=1, transaction_id=None, samples=(told,)))
    assert "station_disobeys" in bench.alerts()
    assert bench.booked_kw("CP01") >= 42.0
    evse = bench.depot.stations["CP01"].evses[1]
    assert min(draw(evse, bench.booked_kw("CP01"))[1:]) >= 42.0 / 3
    again = restore(bench.depot.site, bench.memory())
    assert again.stations["CP01"].evses[1].most_kw == evse.most_kw


def test_the_first_sample_above_its_rating_books_what_was_metered() -> None:
    bench: Bench = plugged(1, limit_kw=100.0)
    bench.follow({("V01", "CP01"): [11.0] * 40})
    bench.live(60)
    told = MeterSample(measurand=Measurand.POWER_IMPORT, value=43_000.0, at=bench.utc)
    bench.call("CP01", MeterValuesReported(evse_id=1, transaction_id=None, samples=(told,)))
    assert bench.booked_kw("CP01") == pytest.approx(43.0)


def liar(**deviates: object) -> tuple[Yard, Toy]:
    """A station of class B that took a cut from 20 to 5 kW, and goes on with 20 for good."""
    toy = Toy("CP01", keeps="B", tells_power=True, **deviates)  # type: ignore[arg-type]
    world = yard(toy, Toy("CP02"), limit_kw=40.0)
    charge(world, 20.0, 5.0)
    world.run(60)
    world.bench.depot.stations["CP01"].keeps = Keeps.FALLBACK
    put = toy.store.put
    toy.store.put = lambda held: None  # type: ignore[method-assign]
    world.bench.follow({("V01", "CP01"): [5.0] * 20, ("V02", "CP02"): [5.0] * 20})
    world.run(60)
    assert world.bench.depot.stations["CP01"].evses[1].fixed == DISOBEYS
    toy.store.put = put  # type: ignore[method-assign]
    return world, toy


@pytest.mark.fault(6)
def test_who_disobeyed_without_an_end_is_told_again_and_readmitted_when_it_obeys() -> None:
    """It has lost what it took, and no lease ends what it goes on with."""
    world, toy = liar()
    world.run(420)
    assert toy.power_kw(world.now_s) == pytest.approx(5.0, abs=0.1)
    assert "station_obeys" in world.bench.alerts()
    assert world.bench.booked_kw("CP01") == pytest.approx(5.0, abs=0.1)


@pytest.mark.fault(6)
@pytest.mark.parametrize("takes", [True, False])
def test_who_goes_on_disobeying_is_told_ever_less_often_and_stays_booked(takes: bool) -> None:
    world, toy = liar()
    toy.obeys, toy.takes = False, lambda command: takes
    before = len(told(world))
    world.run(960)
    assert 3 <= len(told(world)) - before <= 5
    assert world.bench.depot.stations["CP01"].evses[1].fixed == DISOBEYS
    assert world.bench.booked_kw("CP01") >= 22.0


def told(world: Yard) -> list[Send]:
    """The orders to CP01."""
    return [s for s in world.bench.sent if s.station == "CP01" and tx_profile(s.command)]


@pytest.mark.fault(6)
@pytest.mark.parametrize("refuses", [True, False])
def test_who_is_a_fixed_load_and_draws_more_than_that_is_booked_at_its_maximum(
    refuses: bool,
) -> None:
    """What is booked beside is not for others as soon as its meter is silent for a while."""
    toy = Toy("CP01", tells_power=True, reads_back=Answered(status="Rejected"))
    world = yard(toy, Toy("CP02"), limit_kw=30.0, fallback_kw=6.9)
    charge(world, 6.9, 20.0)
    toy.takes = lambda command: not refuses
    toy.store.put = lambda held: None  # type: ignore[method-assign]
    world.bench.follow({("V01", "CP01"): [0.0] * 20, ("V02", "CP02"): [20.0] * 20})
    world.run(200)
    evse = world.bench.depot.stations["CP01"].evses[1]
    assert evse.fixed == (REFUSES if refuses else STUCK)
    toy.obeys = False
    world.run(60)
    toy.next_sample_s = math.inf  # it speaks when it is asked
    world.on_second = lambda yard: _holds(yard, 30.0)
    world.run(400)
    assert evse.fixed == DISOBEYS
    assert "station_disobeys" in world.bench.alerts()


def _holds(world: Yard, limit_kw: float) -> None:
    assert world.total_kw <= limit_kw + 0.01
