"""The settings in the core's words."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest

from config.settings import Settings
from daemon.core.site import EvseSpec, SiteSpec, StationSpec, VehicleSpec
from daemon.site_of import site_of


def settings_of(**values: object) -> Settings:
    return Settings.model_validate_json(json.dumps(values))


def test_every_field_of_the_site_follows_its_setting() -> None:
    site = site_of(
        settings_of(
            site={
                "id": "north", "currency": "CHF", "import_limit_kw": 81, "export_limit_kw": 1,
                "base_load_kw": 2, "pv_kw": 3, "import_price_per_kwh": 4, "voltage_v": 240,
                "phases": 1, "imbalance_limit_a": 23,
                "export_price_per_kwh": 5, "peak_price_per_kw": 6,
            },
            ocpp={
                "heartbeat_s": 7, "sample_s": 8, "settle_s": 9, "default_fallback_kw": 10,
                "unknown_tokens": "reject", "lease_s": 20, "skew_s": 22,
            },
            planner={
                "mode": "charging", "horizon_hours": 11, "step_minutes": 12, "deadline_s": 13,
                "quiet_s": 14, "quiet_max_s": 15, "period_s": 16, "algorithm": "greedy",
                "seed": 17,
            },
            meter={"source": "mqtt", "stale_s": 21},
            rules={"max_routes_per_vehicle": 18},
            circuits=[{"id": "yard", "limit_kw": 19}],
            stations=[{"id": "CP01"}],
            vehicles=[{"id": "V01"}],
        )
    )  # fmt: skip

    default = SiteSpec(id="", import_limit_kw=0)
    untouched = [
        f.name for f in fields(SiteSpec) if getattr(site, f.name) == getattr(default, f.name)
    ]
    assert untouched == []


def test_a_supply_agreed_in_kva_is_the_sites_limit() -> None:
    site = site_of(settings_of(site={"agreed_capacity_kva": 100}))
    assert site.import_limit_kw == pytest.approx(76.5)


def test_a_time_of_the_day_is_the_sites_unless_it_says_whose() -> None:
    site = {"timezone": "America/New_York"}
    for told, meant in ((None, "America/New_York"), ("UTC", "UTC")):
        where = {} if told is None else {"timezone": told}
        soft = {"charger_preference": {"costs": {"CP01": 1}, **where}, "triad": where}
        rules = site_of(settings_of(site=site, rules={"soft": soft})).rules
        assert rules.soft.charger_preference is not None
        assert rules.soft.charger_preference.timezone == meant
        assert rules.soft.triad is not None
        assert rules.soft.triad.timezone == meant


def test_a_station_gets_its_defaults() -> None:
    site = site_of(
        settings_of(
            ocpp={"default_fallback_kw": 4.2},
            stations=[{"id": "CP01", "connectors": [{"id": 1}, {"id": 2, "phases": 0}]}],
        )
    )

    assert site.stations == (
        StationSpec(
            id="CP01",
            fallback_kw=4.2,
            evses=(
                EvseSpec(connector=1, min_kw=4.2, max_kw=22.0, phases=3, plugs=("type2",)),
                EvseSpec(connector=2, min_kw=0.0, max_kw=22.0, phases=0, plugs=("ccs2",)),
            ),
        ),
    )


def test_a_vehicle_keeps_only_the_keys_that_were_set() -> None:
    vehicle = {
        "id": "V01",
        "id_tokens": ["04A2"],
        "battery_kwh": 75,
        "charge_curve": [[0.8, 1.0], [1.0, 0.3]],
        "available_from": "2026-11-20T16:00:00Z",
        "plugged": {"station": "CP01", "connector": 1},
    }
    site = site_of(settings_of(vehicles=[vehicle]))

    values = {key: value for key, value in vehicle.items() if key not in ("id", "id_tokens")}
    assert site.vehicles == (VehicleSpec(id="V01", values=values, id_tokens=("04A2",)),)
