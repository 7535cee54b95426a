"""What must hold between settings, and what they fill in themselves."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest
from pydantic import ValidationError

from config.settings import Settings
from config.site import VehicleTable
from planner.snapshot import Vehicle


def settings_of(**values: object) -> Settings:
    return Settings.model_validate_json(json.dumps(values))


def refusal(**values: object) -> str:
    with pytest.raises(ValidationError) as caught:
        settings_of(**values)
    return str(caught.value)


def connector(**values: object) -> dict[str, object]:
    return {"id": 1, **values}


def station(*connectors: dict[str, object], **values: object) -> dict[str, object]:
    return {"id": "CP01", "connectors": list(connectors), **values}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"stations": [station(), station()]}, "stations[1].id: CP01 is there already"),
        ({"vehicles": [{"id": "V"}, {"id": "V"}]}, "vehicles[1].id: V is there already"),
        (
            {"circuits": [{"id": "a", "limit_kw": 1}, {"id": "a", "limit_kw": 2}]},
            "circuits[1].id: a is there already",
        ),
        (
            {"stations": [station(connector(), connector())]},
            "stations[0].connectors[1].id: 1 is there already",
        ),
        (
            {"stations": [station(connector(circuit="yard"))]},
            "stations[0].connectors[0].circuit: no circuit is called yard",
        ),
        (
            {"circuits": [{"id": "a", "limit_kw": 1, "parent": "b"}]},
            "circuits[0].parent: no circuit is called b",
        ),
        ({"circuits": [{"id": "a", "limit_kw": -1}]}, "circuits.0.limit_kw"),
        (
            {"meter": {"source": "modbus", "host": "h", "import_kw": {"address": 1, "scale": 0}}},
            "0 makes a meter that always shows nothing",
        ),
        (
            {"circuits": [{"id": "site", "limit_kw": 1}]},
            "circuits[0].id: site is what a limit of the whole site is called",
        ),
        ({"stations": [station(connector(min_kw=12, max_kw=11))]}, "11 kW is below"),
        ({"stations": [station(connector(max_kw=3.7))]}, "least power of 4.2 kW"),
        (
            {"stations": [station(connector(), fallback_kw=23)]},
            "stations[0].fallback_kw: 23 kW is more than its connectors' 22 kW together",
        ),
        (
            {"vehicles": [{"id": "V", "id_tokens": ["t"]}, {"id": "W", "id_tokens": ["t"]}]},
            "vehicles[1].id_tokens: t is V's already",
        ),
        (
            {"vehicles": [{"id": "V", "battery_kwh": 40, "energy_kwh": 41}]},
            "vehicles[0].energy_kwh: 41 kWh is more than its battery_kwh 40",
        ),
        ({"planner": {"horizon_hours": 1, "step_minutes": 7}}, "not a whole number of steps"),
        ({"planner": {"quiet_s": 11}}, "quiet_s 11 is longer than quiet_max_s 10"),
        ({"stations": [station(connector(phases=0, rotation=[2]))]}, "is direct current"),
        ({"stations": [station(connector(phases=0, rotation=[]))]}, "is direct current"),
        ({"stations": [station(connector(rotation=[1, 1, 2, 3]))]}, "a different phase"),
        ({"stations": [station(connector(rotation=[1, 2, 2]))]}, "a different phase"),
        ({"stations": [station(connector(id=900))]}, "stations.0.connectors.0.id"),
        ({"site": {"pv_kw": -1}}, "site.pv_kw"),
        ({"site": {"export_limit_kw": -1}}, "site.export_limit_kw"),
        ({"ocpp": {"skew_s": 1e12}}, "ocpp.skew_s"),
        ({"ocpp": {"settle_s": 1e9}}, "ocpp.settle_s"),
        ({"ocpp": {"sample_s": 10**30}}, "ocpp.sample_s"),
    ],
)
def test_contradictions_are_refused(values: dict[str, object], said: str) -> None:
    assert said in refusal(**values)


@pytest.mark.parametrize("length", [1, 2, 3])
def test_circuits_that_feed_themselves_are_refused(length: int) -> None:
    circuits = [
        {"id": str(i), "limit_kw": 1, "parent": str((i + 1) % length)} for i in range(length)
    ]

    assert "would be fed by itself" in refusal(circuits=circuits)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "depot.example"])
def test_nothing_listens_beyond_loopback_without_credentials(host: str) -> None:
    assert "security_profile" in refusal(ocpp={"host": host})
    assert "wants a user and a password" in refusal(http={"host": host})
    assert "wants a user and a password" in refusal(mqtt={"host": host})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_loopback_needs_no_credentials(host: str) -> None:
    settings = settings_of(ocpp={"host": host}, http={"host": host}, mqtt={"host": host})

    assert settings.ocpp.security_profile == 0


def test_beyond_loopback_credentials_or_an_explicit_word_are_enough() -> None:
    login = {"host": "0.0.0.0", "user": "a", "password": "b"}

    settings = settings_of(ocpp={"host": "0.0.0.0", "allow_insecure": True}, http=login, mqtt=login)

    assert settings.ocpp.allow_insecure
    assert settings_of(ocpp={"host": "0.0.0.0", "security_profile": 1}).ocpp.security_profile == 1


def test_the_host_of_a_broker_that_is_not_ours_does_not_matter() -> None:
    assert settings_of(mqtt={"url": "mqtt://broker", "host": "0.0.0.0"}).mqtt.host == "0.0.0.0"


@pytest.mark.parametrize("profile", [1, 2])
def test_password_profiles_want_a_password_for_every_station(profile: int) -> None:
    tls = {"certificate": "c.pem", "private_key": "k.pem"}

    said = refusal(ocpp={"security_profile": profile, **tls}, stations=[station()])

    assert f"stations[0].password: missing; ocpp.security_profile {profile} wants one" in said


@pytest.mark.parametrize(
    ("profile", "given", "missing"),
    [
        (2, {}, "certificate"),
        (2, {"certificate": "c.pem"}, "private_key"),
        (3, {"certificate": "c.pem", "private_key": "k.pem"}, "client_ca"),
    ],
)
def test_tls_profiles_want_their_files(profile: int, given: dict[str, str], missing: str) -> None:
    assert f"{missing} is missing" in refusal(ocpp={"security_profile": profile, **given})


@pytest.mark.parametrize("url", ["broker", "http://broker", "mqtt://", "mqtt://b:x", "mqtt://b/t"])
def test_an_address_that_is_no_brokers_is_refused(url: str) -> None:
    assert 'wants "embedded", "off" or a broker' in refusal(mqtt={"url": url})


@pytest.mark.parametrize(
    ("phases", "least_kw", "plugs"),
    [(3, 4.2, ("type2",)), (2, 2.8, ("type2",)), (1, 1.4, ("type2",)), (0, 0.0, ("ccs2",))],
)
def test_a_connectors_defaults_follow_its_phases(
    phases: int, least_kw: float, plugs: tuple[str, ...]
) -> None:
    settings = settings_of(stations=[station(connector(phases=phases))])
    only = settings.stations[0].connectors[0]

    assert settings.min_kw_of(only) == pytest.approx(least_kw)
    assert only.plugs_or_default == plugs


def test_the_least_power_follows_the_voltage() -> None:
    settings = settings_of(site={"voltage_v": 240}, stations=[station(connector(phases=1))])

    assert settings.min_kw_of(settings.stations[0].connectors[0]) == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("site", "ceiling_kw"),
    [
        ({}, 22),
        ({"import_limit_kw": 80}, 80),
        ({"agreed_capacity_kva": 200}, 200 * 0.85 * 0.9),
        ({"agreed_capacity_kva": 200, "power_factor": 1, "capacity_share": 0.5}, 100),
        ({"agreed_capacity_kva": 200, "import_limit_kw": 80}, 80),
        ({"agreed_capacity_kva": 50, "import_limit_kw": 80}, 50 * 0.85 * 0.9),
    ],
)
def test_the_ceiling_is_the_lower_one_of_the_limit_and_the_agreed_supply(
    site: dict[str, object], ceiling_kw: float
) -> None:
    assert settings_of(site=site).site.ceiling_kw == pytest.approx(ceiling_kw)


def test_a_vehicle_has_the_snapshots_keys_and_its_tokens() -> None:
    wanted = {field.name for field in fields(Vehicle)} | {"id_tokens"}

    assert set(VehicleTable.model_fields) == wanted
