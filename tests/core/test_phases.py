"""Which phases are carried by whom, as stations name them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.core.phases import draw
from daemon.core.site import EvseSpec, StationSpec
from protocol.ocpp.events import MeterValuesReported
from protocol.ocpp.model import Measurand, MeterSample
from tests.core.bench import Bench, site


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
