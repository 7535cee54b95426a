"""Who does not obey is booked at what it may draw: what it was seen to draw, at least."""

from __future__ import annotations

from daemon.core.keeping import restore
from daemon.core.phases import draw
from protocol.ocpp.events import MeterValuesReported
from protocol.ocpp.model import Measurand, MeterSample
from tests.core.bench import Bench
from tests.core.test_dispatch import plugged


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
