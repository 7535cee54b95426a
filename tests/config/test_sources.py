"""Where settings come from, which source wins, and what is refused in which words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from config.errors import SettingsError
from config.settings import Settings
from config.sources import load
from planner.soft import Swaps


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "depot.toml"


def loaded(file: Path, toml: str, environ: Mapping[str, str] | None = None) -> Settings:
    file.write_text(toml, encoding="utf-8")
    return load(file, environ or {})


def refusal(file: Path, toml: str, environ: Mapping[str, str] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        loaded(file, toml, environ)
    text = str(caught.value)
    assert "\n" not in text
    return text


def credentials(folder: Path, **secrets: str) -> dict[str, str]:
    folder.mkdir()
    for name, secret in secrets.items():
        (folder / name).write_text(secret + "\n", encoding="utf-8")
    return {"CREDENTIALS_DIRECTORY": str(folder)}


def test_without_a_file_everything_is_on_loopback_and_unknown_stations_are_accepted() -> None:
    settings = load(None, {})

    assert settings.ocpp.host == settings.http.host == settings.mqtt.host == "127.0.0.1"
    assert (settings.ocpp.port, settings.http.port, settings.mqtt.port) == (9000, 8080, 1883)
    assert settings.mqtt.url == "embedded"
    assert settings.ocpp.unknown_stations == "accept"


def test_the_environment_wins_over_the_file(file: Path) -> None:
    settings = loaded(
        file,
        "[site]\nimport_limit_kw = 50\ncurrency = 'CHF'",
        {"DEPOTD_SITE__IMPORT_LIMIT_KW": "80.5"},
    )

    assert (settings.site.import_limit_kw, settings.site.currency) == (80.5, "CHF")


def test_the_environment_reads_every_kind_of_value(file: Path) -> None:
    settings = loaded(
        file,
        "",
        {
            "DEPOTD_OCPP__SECURITY_PROFILE": "1",
            "DEPOTD_OCPP__ALLOW_INSECURE": "true",
            "DEPOTD_RULES__MAX_ROUTES_PER_VEHICLE": "3",
            "DEPOTD_RULES__SOFT__SWAPS": "0.25",
            "DEPOTD_SITE__BASE_LOAD_KW": '[{"from": "2026-11-20T16:00:00Z", "value": 7}]',
            "DEPOTD_HTTP__USER": "007",
            "DEPOTD_HTTP__PASSWORD": "12345",
            "DEPOTD_STORE__DIRECTORY": "/srv/depotd",
            "DEPOTD_STATIONS": '[{"id": "CP01", "password": "geheim"}]',
        },
    )

    assert settings.ocpp.security_profile == 1
    assert settings.ocpp.allow_insecure is True
    assert settings.rules.max_routes_per_vehicle == 3
    assert settings.rules.soft.swaps == Swaps(penalty=0.25)
    assert settings.site.base_load_kw.points[0].value == 7
    assert settings.http.user == "007"
    assert settings.http.password is not None
    assert settings.http.password.get_secret_value() == "12345"
    assert settings.store.directory == Path("/srv/depotd")
    assert [station.id for station in settings.stations] == ["CP01"]


def test_credentials_win_over_both_and_reach_stations_by_id(file: Path, tmp_path: Path) -> None:
    environ = credentials(tmp_path / "creds", http__password="c", stations__CP01__password="s")
    settings = loaded(
        file,
        "[http]\nuser = 'op'\npassword = 'a'\n[[stations]]\nid = 'CP01'",
        {"DEPOTD_HTTP__PASSWORD": "b", **environ},
    )

    assert settings.http.password is not None
    assert settings.http.password.get_secret_value() == "c"
    assert settings.stations[0].password is not None
    assert settings.stations[0].password.get_secret_value() == "s"


def test_credentials_of_a_folder_may_carry_its_name_in_front(tmp_path: Path) -> None:
    environ = credentials(tmp_path / "creds", depotd_mqtt__password="m")

    settings = load(None, {"DEPOTD_MQTT__USER": "depot", **environ})

    assert settings.mqtt.password is not None
    assert settings.mqtt.password.get_secret_value() == "m"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mqtt__pasword", "credential mqtt__pasword: unknown"),
        ("stations__CP09__password", "no station is called CP09"),
        ("site__id", "credential site__id: unknown"),
    ],
)
def test_a_credential_that_names_no_secret_is_refused(tmp_path: Path, name: str, said: str) -> None:
    environ = credentials(tmp_path / "creds", **{name: "x"})

    with pytest.raises(SettingsError, match=said):
        load(None, environ)


def test_a_missing_folder_of_credentials_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nowhere: cannot be read"):
        load(None, {"CREDENTIALS_DIRECTORY": str(tmp_path / "nowhere")})


def test_secrets_are_not_shown(file: Path) -> None:
    settings = loaded(
        file,
        "[http]\nuser = 'op'\npassword = 'geheim'\n[mqtt]\nurl = 'mqtt://u:geheim@host'\n"
        "[store]\nurl = 'postgresql://u:geheim@host/db'\n"
        "[[stations]]\nid = 'CP01'\npassword = 'geheim'",
    )

    assert "geheim" not in f"{settings!r} {settings}"


@pytest.mark.parametrize(
    "toml",
    [
        "[http]\npassword = ['geheim']",
        "[mqtt]\nurl = 'http://u:geheim@host'",
        "[store]\nurl = 'mysql://u:geheim@host'",
        "[http]\nuser = 'a'\npassword = 'geheim'\nhost = 5",
    ],
)
def test_a_refusal_does_not_show_secrets(file: Path, toml: str) -> None:
    assert "geheim" not in refusal(file, toml)


def test_the_state_directory_of_the_unit_is_where_files_go(tmp_path: Path) -> None:
    settings = load(None, {"STATE_DIRECTORY": str(tmp_path)})

    assert settings.store.directory == tmp_path
    assert settings.store.sqlalchemy_url == f"sqlite:///{tmp_path}/depotd.sqlite"


def test_a_directory_that_is_set_wins_over_the_units(file: Path, tmp_path: Path) -> None:
    settings = loaded(file, "[store]\ndirectory = '/srv'", {"STATE_DIRECTORY": str(tmp_path)})

    assert settings.store.directory == Path("/srv")


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml: cannot be read: No such file"):
        load(tmp_path / "nowhere.toml", {})


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        (
            "[site]\nimport_limit = 5",
            "site.import_limit: unknown key; did you mean import_limit_kw",
        ),
        ("[sites]\nid = 'x'", "sites: unknown key; did you mean site?"),
        ("[rules]\nturnaround = 1", "rules.turnaround: unknown key"),
        ("[[stations]]\nid='a'\nfallback=3", "stations[0].fallback: unknown key"),
        ("[[stations]]\nid='a'\nconnectors=[{id=1,kw=3}]", "stations[0].connectors[0].kw: unknown"),
        ("[[vehicles]]\nid='a'\nsoc=3", "vehicles[0].soc: unknown key"),
        ("[[circuits]]\nid='a'\nlimit_kw=1\nkw=3", "circuits[0].kw: unknown key"),
        (
            "[site]\nimport_limit_kw = nan",
            "site.import_limit_kw: wants to be a finite number, in kW",
        ),
        ("[site]\npv_kw = inf", "site.pv_kw"),
        (
            "[site]\nimport_limit_kw = '5'",
            "site.import_limit_kw: wants to be a valid number, in kW",
        ),
        ("[site]\nbase_load_kw = 'much'", "site.base_load_kw: wants a number or a list"),
        ("[planner]\ndeadline_s = true", "planner.deadline_s: wants to be a valid number, in sec"),
        ("[planner]\ndeadline_s = 0", "planner.deadline_s: wants to be greater than 0, in seconds"),
        ("[rules]\nturnaround_minutes = -1", "in minutes; found -1"),
        ("[rules.soft]\nswap = 1", "rules.soft.swap: unknown key; did you mean swaps?"),
        ("[rules.soft]\nenergy_margin = 1", "rules.soft.energy_margin: wants true, false, or"),
        ("[rules.soft.swaps]\nprice = 1", "rules.soft.swaps.price: unknown key"),
        ("[[circuits]]\nid='a'", "circuits[0].limit_kw: missing; wanted in kW"),
        ("[ocpp]\nport = 70000", "ocpp.port: wants to be less than or equal to 65535"),
        ("[ocpp]\nunknown_stations = 'maybe'", "wants to be 'accept' or 'reject'"),
        ("[site]\ntimezone = 'Mars/Phobos'", "site.timezone: wants a name such as"),
        ("[[stations]]\nid='a b'", "stations[0].id: has a character that does not belong there"),
        ("[http]\nuser='x'\npassword=''", "http.password: is empty"),
        ("site = ", "is not TOML"),
        ("site = " + "9" * 5000, "is not TOML: Exceeds the limit"),
        ("site = " + "[" * 5000, "is nested too deeply"),
        ("a" + ".a" * 5000 + " = 1", "is nested too deeply"),
        (
            "[site]\nbase_load_kw = [{from = 2026-11-20T16:00:00, value = 3}]",
            "site.base_load_kw[0].from: wants an instant in UTC",
        ),
    ],
)
def test_a_refusal_names_file_key_and_what_was_wanted(file: Path, toml: str, said: str) -> None:
    text = refusal(file, toml)

    assert text.startswith(f"{file}: ")
    assert said in text


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "DEPOTD_LIMIT",
            "5",
            "environment variable DEPOTD_LIMIT: unknown; wants DEPOTD_SECTION__K",
        ),
        ("DEPOTD_SITE__LIMIT", "5", "environment variable DEPOTD_SITE__LIMIT: site.limit: unknown"),
        (
            "DEPOTD_PLANNER__DEADLINE_S",
            "soon",
            "DEADLINE_S: planner.deadline_s: wants to be a valid",
        ),
        ("DEPOTD_PLANNER__DEADLINE_S", "nan", "DEADLINE_S: planner.deadline_s: wants to be a fini"),
        ("DEPOTD_SITE__PV_KW", "much", "environment variable DEPOTD_SITE__PV_KW: wants JSON"),
    ],
)
def test_a_refusal_names_the_variable_at_fault(
    file: Path, name: str, value: str, said: str
) -> None:
    assert said in refusal(file, "[planner]\ndeadline_s = 3", {name: value})


def test_a_file_that_is_not_utf_8_is_refused(file: Path) -> None:
    file.write_bytes(b"[site]\nid = '\xff'")

    with pytest.raises(SettingsError, match="is not UTF-8 text"):
        load(file, {})
