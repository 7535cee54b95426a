"""Nothing is armed whose worst case does not hold, and the arithmetic is told."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.settings import Settings
from daemon.core.arming import WorstCase, refusal
from daemon.core.arming import worst_cases as cases_of
from daemon.core.keeping import new_depot
from daemon.site_of import site_of


def settings_of(**values: object) -> Settings:
    return Settings.model_validate_json(json.dumps(values))


def worst_cases(found: Settings) -> tuple[WorstCase, ...]:
    return cases_of(site_of(found))


def station(name: str, fallback_kw: float | None, *circuits: str | None) -> dict[str, object]:
    connectors = [{"id": i, "circuit": circuit} for i, circuit in enumerate(circuits, 1)]
    return {"id": name, "fallback_kw": fallback_kw, "connectors": connectors}


@pytest.mark.fault(2)
def test_the_worst_case_adds_the_highest_base_load_and_every_fallback() -> None:
    base_load_kw = [
        {"from": "2026-11-20T16:00:00Z", "value": 3},
        {"from": "2026-11-20T17:00:00Z", "value": 12},
        {"from": "2026-11-20T18:00:00Z", "value": 5},
    ]
    found = settings_of(
        site={"import_limit_kw": 22, "base_load_kw": base_load_kw, "pv_kw": 50},
        stations=[station("CP01", 4.2, None), station("CP02", 5.5, None)],
    )

    site = worst_cases(found)[0]
    assert site.holds
    assert site.arithmetic() == "base load 12 + CP01 4.2 + CP02 5.5 = 21.7 kW, limit 22 kW"


@pytest.mark.fault(2)
def test_who_is_set_to_keep_nothing_counts_with_its_maximum() -> None:
    keeps_nothing = {**station("CP01", 4.2, None), "capability_class": "C"}
    found = settings_of(
        site={"import_limit_kw": 30}, stations=[keeps_nothing, station("CP02", 5.5, None)]
    )
    site = worst_cases(found)[0]
    assert site.arithmetic() == "base load 0 + CP01 22 + CP02 5.5 = 27.5 kW, limit 30 kW"
    refused = refusal(site_of(settings_of(site={"import_limit_kw": 20}, stations=[keeps_nothing])))
    assert refused is not None
    assert "CP01 22 = 22 kW, limit 20 kW" in refused


@pytest.mark.fault(2)
def test_a_circuit_counts_its_connectors_shares_and_its_childrens() -> None:
    found = settings_of(
        circuits=[
            {"id": "feeder", "limit_kw": 10},
            {"id": "yard", "limit_kw": 3, "parent": "feeder"},
        ],
        stations=[station("CP01", 9, "yard", "feeder"), station("CP02", 5, None)],
    )

    _, feeder, yard = worst_cases(found)

    assert (feeder.place, feeder.sum_kw, feeder.holds) == ("circuit feeder", 9, True)
    assert (yard.place, yard.sum_kw, yard.holds) == ("circuit yard", 4.5, False)


def test_a_sum_equal_to_the_limit_holds() -> None:
    stations = [station(f"CP{i}", 4.2, None) for i in range(3)]

    assert worst_cases(settings_of(site={"import_limit_kw": 12.6}, stations=stations))[0].holds


def test_a_share_that_nothing_can_charge_with_is_none() -> None:
    found = settings_of(site={"import_limit_kw": 5}, stations=[station("CP01", 6, None, None)])

    assert worst_cases(found)[0].sum_kw == 0


@pytest.mark.fault(2)
def test_single_phases_that_nobody_told_apart_may_all_be_one() -> None:
    connectors = [{"id": 1, "phases": 1, "max_kw": 7.4}]
    stations = [{"id": f"CP{i}", "fallback_kw": 3, "connectors": connectors} for i in range(3)]
    told = [
        {**s, "connectors": [{**connectors[0], "rotation": [i]}]} for i, s in enumerate(stations, 1)
    ]
    site = {"import_limit_kw": 12}

    refused = refusal(site_of(settings_of(site=site, stations=stations)))

    assert refused is not None
    assert "site, worst phase: base load 0 + CP0 3 + CP1 3 + CP2 3 = 9 kW, limit 4 kW" in refused
    assert refusal(site_of(settings_of(site=site, stations=told))) is None


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    limit_kw=st.floats(min_value=0, max_value=200),
    base_kw=st.floats(min_value=0, max_value=50),
    fallbacks=st.lists(st.floats(min_value=0, max_value=22), max_size=8),
    phases=st.sampled_from([1, 3]),
)
def test_fault_02_what_is_armed_holds_with_us_dead_for_hours(
    limit_kw: float, base_kw: float, fallbacks: list[float], phases: int
) -> None:
    """Fault 2: controller dead for hours."""
    built = settings_of(
        site={"import_limit_kw": limit_kw, "base_load_kw": base_kw, "phases": phases},
        stations=[station(f"CP{i}", kw, None) for i, kw in enumerate(fallbacks)],
    )
    depot = new_depot(site_of(built))
    total_kw = base_kw + sum(evse.fallback_kw for _, evse in depot.evses())
    if depot.unarmed is None:
        assert total_kw <= limit_kw + 1e-6
    else:
        assert "limit" in depot.unarmed
        assert all(evse.fallback_kw == 0 for _, evse in depot.evses())


@pytest.mark.fault(2)
def test_a_base_load_below_zero_is_no_room_for_fallbacks() -> None:
    """What feeds in today may stand still while we are dead for hours."""
    site = {"import_limit_kw": 10, "base_load_kw": -50}
    found = settings_of(site=site, stations=[station("CP01", 22, None)])
    assert refusal(site_of(found)) is not None
