"""What a lean station is like, by its make."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

import pytest

from protocol.ocpp.model import Version
from simulation.soak.ledger import SITE
from simulation.soak.make import WORDS
from simulation.soak.outlet import Begins, Outlet, Session, new_car
from simulation.soak.run import run
from simulation.soak.scenario import Setup, scenario

AT = datetime(2026, 11, 20, tzinfo=UTC)


def statuses(outlet: Outlet) -> list[str]:
    words = WORDS[Version.V201]
    told = [words.status(outlet, connector, AT)[1] for connector in outlet.connectors]
    assert [(one["evseId"], one["connectorId"]) for one in told] == [(7, 1), (7, 2)]
    return [one["connectorStatus"] for one in told]


@pytest.mark.parametrize(("blocks", "beside"), [(False, "Available"), (True, "Unavailable")])
async def test_the_connector_beside_one_that_charges_is_told_free_unavailable_or_taken(
    blocks: bool, beside: str
) -> None:
    outlet = Outlet(
        7,
        max_kw=22.0,
        min_kw=4.14,
        phases=3,
        on_power=lambda outlet: None,
        connectors=2,
        blocks=blocks,
    )
    assert statuses(outlet) == ["Available", "Available"]
    outlet.car, outlet.plugged = new_car(Random(1), "V1", "TAG-V1"), 2
    assert statuses(outlet) == [beside, "Occupied"]
    outlet.waiting = 1
    assert statuses(outlet) == ["Occupied", "Occupied"]


@pytest.mark.parametrize(
    ("begins", "evse"),
    [
        (Begins.PLUGGED, {"id": 7, "connectorId": 1}),
        (Begins.AT_EVSE, {"id": 7}),
        (Begins.NOWHERE, None),
    ],
)
async def test_a_transaction_that_begins_before_the_plug_is_told_without_a_connector_or_an_evse(
    begins: Begins, evse: dict[str, int] | None
) -> None:
    outlet = Outlet(
        7, max_kw=22.0, min_kw=4.14, phases=3, on_power=lambda outlet: None, begins=begins
    )
    session = Session(id="S1", token="TAG-V1", started_at=AT, start_wh=0)
    car = new_car(Random(1), "V1", "TAG-V1")
    if begins is Begins.PLUGGED:
        outlet.car = car
    words = WORDS[Version.V201]
    assert words.begin(outlet, session, AT, False)[1].get("evse") == evse
    outlet.car = car
    told = words.sample(outlet, session, AT, False)[1]
    assert (told["eventType"], told["evse"]) == ("Updated", {"id": 7, "connectorId": 1})


def test_transactions_that_begin_before_the_plug_are_charged() -> None:
    """Taken for one at EVSE 0, on which nothing can be planned, a tenth is drawn, not 68 %."""
    outcome = run(Setup(seed=9, hours=0.4, stations=6, faults=frozenset({"planner-fails"})))
    (site,) = (line for line in outcome.lines if line.name == SITE)
    assert outcome.holds
    assert site.drawn_kwh > 0.5 * site.allowed_kwh


def test_an_evse_that_no_setting_names_is_counted_below_the_circuit_of_its_station() -> None:
    found = 0
    for seed in range(20):
        made = scenario(Setup(seed=seed, hours=1.0))
        named = {(s.id, e.connector): e.circuit for s in made.site.stations for e in s.evses}
        for (station, connector), limits in made.lines().items():
            found += (station, connector) not in named
            assert limits[0] == named[(station, 1)]
    assert found > 0


def test_some_evses_have_several_connectors_but_none_of_a_version_that_knows_no_evse() -> None:
    makes = [make for seed in range(20) for make in scenario(Setup(seed=seed, hours=1.0)).makes]
    shapes = {(make.version, make.connectors) for make in makes}
    assert shapes == {(Version.V16, 1), (Version.V201, 1), (Version.V201, 2)}
