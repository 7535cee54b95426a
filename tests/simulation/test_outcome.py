from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import pytest

from planner.series import Point, Series
from protocol.ocpp.model import Version
from simulation.demo import Pace, verdict
from simulation.outcome import SitePower, StationOutcome, site_power, station_outcome
from simulation.spec import StationSpec
from simulation.station import VirtualStation
from tests.simulation.clock import START, JumpClock

END = START + timedelta(hours=1)
QUIET = Series.constant(0.0)


def after(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def steps(*pairs: tuple[float, float]) -> Series:
    return Series(points=tuple(Point(at=after(minutes), value=value) for minutes, value in pairs))


def station(name: str = "CP01", *trace: tuple[float, float]) -> VirtualStation:
    """One that has drawn the powers of `trace` from those minutes on."""
    spec = StationSpec(id=name, version=Version.V201)
    made = VirtualStation(spec, url="ws://nowhere", clock=JumpClock(), rng=Random(0))
    made.evses[1].trace[:] = [(after(minutes), kw) for minutes, kw in trace]
    return made


def power(*stations: VirtualStation, base_load: Series = QUIET, limit: Series) -> SitePower:
    return site_power(stations, base_load=base_load, limit=limit, start=START, end=END)


def test_the_highest_power_is_that_of_all_stations_and_the_base_load_at_once() -> None:
    a = station("A", (5, 20.0), (15, 0.0))
    b = station("B", (10, 11.0), (20, 22.0))
    found = power(a, b, base_load=steps((0, 4.0), (12, 6.0)), limit=steps((0, 50.0), (12, 40.0)))
    assert found.highest_kw == pytest.approx(37.0)
    assert found.highest_at == after(12)
    assert found.limit_kw == 40.0
    assert found.within_limit


def test_a_peak_of_a_second_is_seen_and_measured() -> None:
    peak = station("A", (5, 22.0), (5 + 1 / 60, 11.0))
    found = power(peak, limit=Series.constant(20.0))
    assert not found.within_limit
    assert found.over_s == pytest.approx(1.0)
    assert found.excess_kw == pytest.approx(2.0)


def test_a_limit_that_falls_under_a_steady_draw_is_broken_from_then_on() -> None:
    found = power(station("A", (0, 22.0)), limit=steps((0, 30.0), (50, 20.0)))
    assert found.over_s == pytest.approx(600.0)


def test_the_rounding_of_a_tenth_of_an_ampere_breaks_nothing() -> None:
    assert power(station("A", (0, 20.05)), limit=Series.constant(20.0)).within_limit


def test_what_was_drawn_before_the_start_and_goes_on_counts_and_what_is_after_the_end_not() -> None:
    found = power(station("A", (-30, 9.0), (61, 90.0)), limit=Series.constant(20.0))
    assert found.highest_kw == 9.0
    assert found.within_limit


def test_an_empty_run_is_refused() -> None:
    with pytest.raises(ValueError, match="ended before"):
        site_power([], base_load=QUIET, limit=QUIET, start=END, end=END)


@pytest.mark.parametrize(
    ("accepted", "rejected", "unanswered", "over_s", "obeyed"),
    [
        (0, 0, 0, 0.0, True),
        (3, 1, 0, 0.0, True),
        (0, 2, 0, 0.0, False),
        (2, 0, 1, 0.0, False),
        (2, 0, 0, 60.0, False),
    ],
)
def test_a_station_obeys_when_it_takes_answers_and_keeps_to_what_it_took(
    accepted: int, rejected: int, unanswered: int, over_s: float, obeyed: bool
) -> None:
    made = station()
    made.record.profiles_received = accepted + rejected
    made.record.profiles_accepted = accepted
    made.record.profiles_unanswered = unanswered
    made.evses[1].over_limit_s = over_s
    outcome = station_outcome(made, 0.0, [{"station": "CP02", "kind": "station_disobeys"}])
    assert (outcome.obeyed, outcome.flagged) == (obeyed, False)
    assert outcome.sent == accepted + rejected + unanswered
    flagged = station_outcome(made, 0.0, [{"station": "CP01", "kind": "station_disobeys"}])
    assert flagged.honest


FINE = SitePower(highest_kw=9, highest_at=START, limit_kw=10, over_s=0, excess_kw=0)
HONEST = StationOutcome(
    station="CP01",
    version="1.6",
    planned_kwh=1,
    sent=2,
    accepted=2,
    obeyed=True,
    flagged=False,
    metered_kwh=1,
    peak_kw=3,
    over_s=0,
    rejections={},
)


def test_the_verdict_names_a_broken_limit_and_who_neither_obeyed_nor_was_flagged() -> None:
    assert verdict([HONEST], FINE) == []
    broken = replace(FINE, over_s=30.0, excess_kw=2.5)
    liar = replace(HONEST, station="CP02", obeyed=False, over_s=600.0)
    caught = replace(liar, station="CP03", flagged=True)
    limit, station_problem = verdict([HONEST, liar, caught], broken)
    assert "30 s, by up to 2.5 kW" in limit
    assert station_problem.startswith("station CP02 ")


@pytest.mark.parametrize(
    ("seconds", "speed", "pace"),
    [
        (None, None, Pace(seconds=120, speed=30)),
        (60.0, None, Pace(seconds=60, speed=60)),
        (None, 10.0, Pace(seconds=360, speed=10)),
        (30.0, 10.0, Pace(seconds=30, speed=10)),
        (600.0, 10.0, Pace(seconds=360, speed=10)),
    ],
)
def test_what_is_not_said_about_the_pace_follows_from_the_span(
    seconds: float | None, speed: float | None, pace: Pace
) -> None:
    assert Pace.of(3600.0, seconds=seconds, speed=speed) == pace
