"""What waits for a station's one conversation, and what of it goes first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.core.depot import LimitOverride
from daemon.core.keeps import Keeps
from daemon.core.site import EvseSpec, StationSpec
from protocol.ocpp.commands import Answered, GetCompositeSchedule, SetChargingProfile
from protocol.ocpp.events import TransactionStarted
from protocol.ocpp.model import CompositeSchedule, RateUnit, SchedulePeriod
from tests.core.bench import Bench, site

EVSES, ANSWERED_AFTER_S = 8, 5
# It reads back that it goes on as before, so that it is asked again.
GOES_ON = CompositeSchedule(
    evse_id=1,
    start=None,
    duration_s=240,
    unit=RateUnit.AMPERES,
    periods=(SchedulePeriod(start_s=0, limit=32.0),),
)


def charging() -> Bench:
    """A station of eight EVSEs, each of which is told 22 kW without an end."""
    evses = tuple(EvseSpec(connector=number) for number in range(1, EVSES + 1))
    station = StationSpec(id="CP01", fallback_kw=0.0, evses=evses, pinned=Keeps.FALLBACK)
    bench = Bench.of(replace(site(0, limit_kw=22.0 * EVSES), stations=(station,)))
    bench.connect("CP01")
    held = bench.depot.stations["CP01"]
    held.capabilities.relative = True
    for number, evse in held.evses.items():
        started = TransactionStarted(
            evse_id=number,
            transaction_id=f"T{number}",
            id_token=None,
            at=bench.utc,
            meter_start_wh=0.0,
        )
        bench.call("CP01", started)
        evse.override = "charge_now"
    bench.depot.dirty = True
    bench.live(20)
    held.capabilities.reads_back = True
    return bench


def limit(bench: Bench, kw: float) -> None:
    bench.depot.override = LimitOverride(import_limit_kw=kw, until=None)
    bench.depot.dirty = True


def follows_kw(bench: Bench) -> float:
    evses = bench.depot.stations["CP01"].evses.values()
    return sum(evse.follows_kw(bench.monotonic_s) for evse in evses)


def answer_slowly(bench: Bench, seconds: int) -> None:
    age_s = 0
    for _ in range(seconds):
        bench.wait(1)
        age_s += 1
        send = bench.pending("CP01")
        if send is not None and age_s >= ANSWERED_AFTER_S:
            age_s = 0
            asked = isinstance(send.command, GetCompositeSchedule)
            bench.answer(send, Answered(status="Accepted", schedule=GOES_ON if asked else None))


@pytest.mark.fault(13)
def test_a_cut_waits_for_no_question_on_a_slow_link() -> None:
    """Eight answers take 40 s; the cuts of before are asked about all the while."""
    bench = charging()
    assert follows_kw(bench) > 21.0 * EVSES
    limit(bench, 11.0 * EVSES)
    answer_slowly(bench, 60)
    before = len(bench.sent)
    limit(bench, 0.0)
    answer_slowly(bench, 60)
    assert follows_kw(bench) == 0.0
    told = [send.command for send in bench.sent[before:]]
    cuts = [i for i, command in enumerate(told) if isinstance(command, SetChargingProfile)]
    assert cuts == list(range(len(cuts)))
