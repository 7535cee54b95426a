"""What a station holds without us, and what it may have lost."""

from __future__ import annotations

from dataclasses import replace

from daemon.core.budget import booking
from daemon.core.events import StationConnected
from daemon.core.keeps import Keeps
from daemon.core.site import EvseSpec
from protocol.ocpp.commands import Answered, ClearChargingProfile, GetCompositeSchedule
from protocol.ocpp.model import CompositeSchedule, RateUnit, SchedulePeriod, Version
from tests.core.bench import Bench, site

# 22 kW, which no fallback of ours is.
OUTRANKED = CompositeSchedule(
    evse_id=1,
    start=None,
    duration_s=240,
    unit=RateUnit.AMPERES,
    periods=(SchedulePeriod(start_s=0, limit=32.0),),
)


def test_a_link_that_breaks_after_a_clear_leaves_every_evse_booked_at_its_maximum() -> None:
    """One old default outranks the fallback of EVSE 1; all defaults are cleared for that, and
    before those of EVSE 1 and 2 are told again the link breaks."""
    spec = site(1, limit_kw=60.0)
    evses = (EvseSpec(connector=1), EvseSpec(connector=2))
    station = replace(spec.stations[0], fallback_kw=8.4, evses=evses, pinned=Keeps.LEASES)
    bench = Bench.of(replace(spec, stations=(station,)))
    bench.sessions = 1
    bench.apply(StationConnected(station="CP01", session=1, version=Version.V201))
    bench.wait(6.0)
    cleared = False
    while not cleared:
        send = bench.pending("CP01")
        assert send is not None, "nothing was cleared"
        match send.command:
            case GetCompositeSchedule(evse_id=1):
                bench.answer(send, Answered(status="Accepted", schedule=OUTRANKED))
            case command:
                bench.answer(send)
                cleared = isinstance(command, ClearChargingProfile)
    bench.lose("CP01")
    held, slack_s = bench.depot.stations["CP01"], bench.depot.site.slack_s
    booked = [booking(held, evse, bench.monotonic_s, slack_s) for evse in held.evses.values()]
    assert [kw for kw, _ in booked] == [22.0, 22.0]
