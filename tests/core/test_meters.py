"""Readings that no charger can have."""

from __future__ import annotations

import json

import pytest

from daemon.core.records import Fact, MeterRecord
from protocol.ocpp.events import MeterValuesReported
from protocol.ocpp.model import Measurand, MeterSample
from tests.core.bench import Bench, site


@pytest.mark.parametrize("watts", [1.7e308, -1.7e308, 1e20])
def test_a_power_that_no_charger_has_is_kept_flagged_and_adds_up_to_nothing(watts: float) -> None:
    """Such a station tells no register, so its powers are added up: to no number, in the end, which
    no store takes."""
    bench = Bench.of(site(1))
    bench.connect("CP01")
    bench.plug_in("CP01", "V01")
    told = [watts, watts, watts, 3600.0, 3600.0, 3600.0]
    for value in told:
        bench.live(60)
        sample = MeterSample(measurand=Measurand.POWER_IMPORT, value=value, at=bench.utc)
        bench.call("CP01", MeterValuesReported(evse_id=1, transaction_id="T1", samples=(sample,)))
    json.dumps([r.value for r in bench.saved if isinstance(r, Fact)], allow_nan=False)
    kept = [(r.power_w, r.doubt) for r in bench.saved if isinstance(r, MeterRecord)]
    assert kept == [(watts, "power")] * 3 + [(3600.0, None)] * 3
    reading = bench.depot.stations["CP01"].evses[1].reading
    assert reading is not None
    assert 120.0 <= reading.energy_wh - 1000.0 <= 300.0
