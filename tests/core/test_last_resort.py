"""Who does not obey has its transaction ended where that costs a limit, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from daemon.core.budget import SITE, limits_above
from daemon.core.depot import LimitOverride
from daemon.core.events import SiteMetered
from daemon.core.site import EvseSpec, StationSpec
from daemon.core.station import DISOBEYS
from planner.series import Point, Series
from planner.snapshot import Circuit
from protocol.ocpp.commands import RequestStopTransaction
from tests.core.bench import Bench, site

FEEDERS = ("a", "b")
VOLTAGE_V = 230.0


def depot(*, feeder_kw: float = 30.0, limit_kw: float = 100.0) -> Bench:
    """Two feeders with a station each, of which neither obeys, below a site with a meter."""
    stations = tuple(
        StationSpec(id=f"CP0{n}", fallback_kw=4.2, evses=(EvseSpec(connector=1, circuit=name),))
        for n, name in enumerate(FEEDERS, 1)
    )
    circuits = tuple(Circuit(id=name, limit_kw=Series.constant(feeder_kw)) for name in FEEDERS)
    spec = replace(site(2, limit_kw=limit_kw, metered=True), stations=stations, circuits=circuits)
    bench = Bench.of(spec)
    for n in (1, 2):
        bench.connect(f"CP0{n}")
        bench.plug_in(f"CP0{n}", f"V0{n}")
        bench.answer_all(f"CP0{n}")
        bench.depot.stations[f"CP0{n}"].evses[1].fixed = DISOBEYS
    return bench


def lower(bench: Bench, feeder: str, kw: float) -> None:
    """A feeder whose limit has just become less."""
    limit = Series(points=(Point(at=bench.utc, value=kw),))
    bench.depot.site = replace(
        bench.depot.site,
        circuits=tuple(
            replace(c, limit_kw=limit) if c.id == feeder else c for c in bench.depot.site.circuits
        ),
    )
    bench.depot.dirty = True


def metered(
    bench: Bench, seconds: int, kw: float, phases_a: tuple[float, float, float] | None = None
) -> list[str]:
    """Who was asked meanwhile to end a transaction, the site's meter showing `kw` each second."""
    before = len(bench.sent)
    for second in range(seconds):
        bench.live(1)
        noise_kw = 0.01 * (second % 2)
        bench.apply(SiteMetered(import_kw=kw + noise_kw, phases_a=phases_a, at=bench.utc))
    return [
        send.station
        for send in bench.sent[before:]
        if isinstance(send.command, RequestStopTransaction)
    ]


@pytest.mark.fault(13)
def test_who_overloads_a_feeder_is_stopped_though_the_sites_meter_shows_room() -> None:
    bench = depot()
    assert metered(bench, 60, 40.0) == []
    lower(bench, "a", 20.0)
    assert metered(bench, 38, 40.0) == [], "what settles may make it fit yet"
    assert metered(bench, 20, 40.0) == ["CP01"], "the other feeder carries what it draws"
    assert "transaction_ended" in bench.alerts()


@pytest.mark.fault(13)
def test_a_limit_that_is_exceeded_later_has_patience_and_an_alert_of_its_own() -> None:
    bench = depot()
    lower(bench, "a", 20.0)
    assert metered(bench, 60, 40.0) == ["CP01"]
    lower(bench, "b", 20.0)
    assert metered(bench, 38, 40.0) == []
    assert metered(bench, 20, 40.0) == ["CP02"]
    told = [alert.text for alert in bench.depot.alerts if alert.kind == "limit_cannot_hold"]
    assert ["b by 2.0 kW" in text for text in told] == [False, True]


def test_a_connector_stands_under_its_circuit_all_circuits_above_it_and_the_site() -> None:
    parents = {"yard": "feeder", "feeder": "main", "main": None, "other": None}
    assert limits_above(parents, "yard") == ("yard", "feeder", "main", SITE)
    assert limits_above(parents, "other") == ("other", SITE)
    assert limits_above(parents, None) == (SITE,)


@pytest.mark.fault(13)
def test_bookings_above_the_sites_limit_stop_nobody_while_its_meter_shows_that_it_holds() -> None:
    bench = depot()
    bench.depot.override = LimitOverride(import_limit_kw=40.0, until=None)
    each_a = 40.0 * 1000 / 3 / VOLTAGE_V
    assert metered(bench, 60, 39.0, (each_a - 1, each_a - 1, each_a - 1)) == []
    assert "limit_cannot_hold" in bench.alerts()


@pytest.mark.fault(13)
def test_one_phase_above_its_part_of_the_sites_limit_does_not_hold() -> None:
    bench = depot()
    bench.depot.override = LimitOverride(import_limit_kw=40.0, until=None)
    each_a = 40.0 * 1000 / 3 / VOLTAGE_V
    # Less above it than the meter's own error, which would stop all without asking what is booked.
    high_a = (each_a * 1.005, each_a - 2, each_a - 2)
    assert metered(bench, 60, 39.0, high_a) == ["CP01", "CP02"]


@pytest.mark.fault(13)
def test_who_was_not_reached_is_asked_again_for_the_end_when_its_link_is_back() -> None:
    bench = depot()
    lower(bench, "a", 10.0)
    assert metered(bench, 60, 25.0) == ["CP01"]
    bench.lose("CP01")
    before = len(bench.sent)
    bench.connect("CP01")
    asked = [send.command for send in bench.sent[before:]]
    assert RequestStopTransaction(transaction_id="T1") in asked
