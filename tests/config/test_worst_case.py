from __future__ import annotations

import json

import pytest

from config.settings import Settings
from config.worst_case import worst_case_kw, worst_cases


def settings_of(**values: object) -> Settings:
    return Settings.model_validate_json(json.dumps(values))


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
    settings = settings_of(
        site={"import_limit_kw": 20, "base_load_kw": base_load_kw, "pv_kw": 50},
        ocpp={"default_fallback_kw": 1.5},
        stations=[station("CP01", 4.2, None), station("CP02", None, None)],
    )

    assert worst_case_kw(settings) == pytest.approx(12 + 4.2 + 1.5)
    site = worst_cases(settings)[0]
    assert site.holds
    assert site.arithmetic() == "base load 12 + CP01 4.2 + CP02 1.5 = 17.7 kW, limit 20 kW"


def test_a_circuit_counts_its_connectors_shares_and_its_childrens() -> None:
    settings = settings_of(
        circuits=[
            {"id": "feeder", "limit_kw": 10},
            {"id": "yard", "limit_kw": 3, "parent": "feeder"},
        ],
        stations=[station("CP01", 8, "yard", "feeder"), station("CP02", 5, None)],
    )

    _, feeder, yard = worst_cases(settings)

    assert (feeder.place, feeder.sum_kw, feeder.holds) == ("circuit feeder", 8, True)
    assert (yard.place, yard.sum_kw, yard.holds) == ("circuit yard", 4, False)


def test_a_sum_equal_to_the_limit_holds() -> None:
    stations = [station(f"CP{i}", 0.1, None) for i in range(3)]

    assert worst_cases(settings_of(site={"import_limit_kw": 0.3}, stations=stations))[0].holds
