"""Which phases are carried by whom, as stations name them."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from daemon.core.phases import draw
from daemon.core.site import EvseSpec, StationSpec
from protocol.ocpp.events import MeterValuesReported
from protocol.ocpp.model import Measurand, MeterSample
from tests.core.bench import Bench, site
from tests.core.test_faults_stations import charge
from tests.core.yard import Toy, Yard


@pytest.mark.fault(15)
def test_a_connector_that_names_the_sites_phase_for_its_own_is_booked_where_it_is_wired() -> None:
    """Of one phase, wired to the site's second one, whose current it calls that of L2."""
    wired = EvseSpec(connector=1, min_kw=1.4, max_kw=7.36, phases=1, rotation=(2,))
    station = StationSpec(id="CP01", fallback_kw=0.0, evses=(wired,))
    bench = Bench.of(replace(site(1), stations=(station,)))
    bench.connect("CP01")
    bench.plug_in("CP01", "V01")
    for _ in range(4):
        bench.live(60)
        current = MeterSample(
            measurand=Measurand.CURRENT_IMPORT, value=16.0, at=bench.utc, phase="L2"
        )
        power = MeterSample(measurand=Measurand.POWER_IMPORT, value=3680.0, at=bench.utc)
        samples = (current, power)
        bench.call("CP01", MeterValuesReported(evse_id=1, transaction_id="T1", samples=samples))
    assert draw(bench.depot.stations["CP01"].evses[1], 3.0) == (3.0, 0.0, 3.0, 0.0)


def of_one_phase(*, limit_kw: float = 40.0, planned_kw: float = 7.4, **toy: object) -> Yard:
    """A vehicle of 7.4 kW at most."""
    toys = [Toy("CP01", **{"phases": 1, **toy})]  # type: ignore[arg-type]
    world = Yard(site(1, limit_kw=limit_kw), toys, random.Random(1))
    world.connect("CP01")
    world.plug_in("CP01", "V01")
    belief = world.bench.depot.vehicles["V01"]
    assert belief.vehicle is not None
    belief.vehicle = replace(belief.vehicle, max_charge_kw=7.4)
    charge(world, planned_kw)
    return world


@pytest.mark.fault(15)
@pytest.mark.parametrize("tells_currents", [False, True])
def test_a_vehicle_of_one_phase_gets_what_is_planned_for_it(tells_currents: bool) -> None:
    """Of 7.4 kW at a connector of three phases of 32 A: told 10.7 A it takes 2.5 kW for ever, and
    never shows a current that only one of 32 A has."""
    world = of_one_phase(tells_currents=tells_currents)
    world.run(200)
    evse = world.bench.depot.stations["CP01"].evses[1]
    assert world.total_kw == pytest.approx(7.33, abs=0.1)
    assert draw(evse, 22.0)[0] == pytest.approx(7.33 if tells_currents else 22.0, abs=0.01)


@pytest.mark.fault(15)
def test_a_vehicle_that_takes_more_than_one_phase_has_is_told_no_more_than_is_planned() -> None:
    """One on all three that begins with little is not one of one phase."""
    world = of_one_phase(phases=3, planned_kw=4.2, appetite_kw=1.38)
    world.run(200)
    assert world.bench.follows_kw("CP01") == pytest.approx(12.6, abs=0.1)
    world.toys["CP01"].appetite_kw = 7.4
    world.run(200)
    assert world.total_kw == pytest.approx(4.14, abs=0.01)


@pytest.mark.fault(15)
def test_what_a_vehicle_of_one_phase_is_told_is_booked_whole_for_it() -> None:
    """Of which phase nobody knows; what is not there it is not told."""
    world = of_one_phase(limit_kw=15.0)
    world.run(200)
    assert 7.4 < world.bench.follows_kw("CP01") <= 15.0
    assert world.total_kw == pytest.approx(world.bench.follows_kw("CP01") / 3, abs=0.1)
