"""What a silence shows of a station, and what it does not."""

from __future__ import annotations

from datetime import UTC, datetime

from daemon.core.events import StationConnected
from protocol.ocpp.events import MeterValuesReported
from protocol.ocpp.model import Measurand, MeterSample, Version
from tests.core.bench import Bench
from tests.core.test_dispatch import plugged

NO_CLOCK = datetime(1970, 1, 1, tzinfo=UTC)


def tell(bench: Bench, wh: float, at: datetime) -> None:
    sample = MeterSample(measurand=Measurand.ENERGY_IMPORT_REGISTER, value=wh, at=at)
    bench.call("CP01", MeterValuesReported(evse_id=1, transaction_id=None, samples=(sample,)))


def test_what_was_followed_until_a_cut_counts_beside_a_sample_that_is_told_after_it() -> None:
    """The sample was taken half a minute before the cut; its link was slow."""
    bench = plugged(1, limit_kw=100.0)
    bench.follow({("V01", "CP01"): [15.0] * 8})
    bench.live(60)
    tell(bench, 2000.0, bench.utc)
    bench.live(60)
    taken_at = bench.utc
    bench.live(30)
    bench.follow({("V01", "CP01"): [0.0] * 8})
    bench.live(15)
    assert bench.follows_kw("CP01") == 0.0
    tell(bench, 2250.0, taken_at)
    bench.lose("CP01")
    bench.wait(5.0)
    bench.connect("CP01")
    # 15 kW for the 30 s before the cut, and 5 s more.
    tell(bench, 2396.0, bench.utc)
    assert "class_learned" not in bench.alerts()


def test_more_than_a_connector_can_give_shows_that_the_instants_are_wrong() -> None:
    """A station without a clock tells two samples that it held back: dated by their receipt, they
    are a tenth of a second apart."""
    bench = plugged(1, limit_kw=100.0)
    bench.follow({("V01", "CP01"): [15.0] * 8})
    bench.live(60)
    tell(bench, 2000.0, NO_CLOCK)
    bench.lose("CP01")
    bench.wait(40.0)
    bench.apply(StationConnected(station="CP01", session=9, version=Version.V201))
    tell(bench, 2001.0, NO_CLOCK)
    bench.wait(0.1)
    tell(bench, 2170.0, NO_CLOCK)
    assert "class_learned" not in bench.alerts()
