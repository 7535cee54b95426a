"""The doctor's checks against real sockets, folders and certificates."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.settings import Settings
from daemon.cli import main
from daemon.commands.examine import Finding, examine

NOW = datetime(2026, 11, 20, 16, tzinfo=UTC)
FREE = {"port": 0}


def findings(
    tmp_path: Path, now: datetime = NOW, **sections: dict[str, object] | list[object]
) -> dict[str, Finding]:
    values: dict[str, object] = {
        "ocpp": FREE, "http": FREE, "mqtt": {"url": "off"},
        "store": {"directory": str(tmp_path / "state")}, **sections,
    }  # fmt: skip
    settings = Settings.model_validate_json(json.dumps(values))
    return {finding.check: finding for finding in examine(settings, now)}


def test_a_fresh_machine_is_well(tmp_path: Path) -> None:
    found = findings(tmp_path)
    found.pop("time synchronisation")

    assert {finding.status for finding in found.values()} == {"ok"}
    assert not (tmp_path / "state").exists()


def test_a_port_in_use_fails(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        found = findings(tmp_path, http={"port": port})

    assert found["port of HTTP"].status == "fails"
    assert found["port of HTTP"].text == f"127.0.0.1:{port}: Address already in use"
    assert found["port of OCPP"].status == "ok"


def test_a_clock_before_the_software_fails(tmp_path: Path) -> None:
    assert findings(tmp_path, now=datetime(1970, 1, 1, tzinfo=UTC))["clock"].status == "fails"


def test_fallbacks_beyond_the_limit_fail_with_their_sum(tmp_path: Path) -> None:
    station = {"id": "CP01", "fallback_kw": 9, "connectors": [{"id": 1}, {"id": 2}]}
    found = findings(tmp_path, site={"import_limit_kw": 11, "base_load_kw": 3}, stations=[station])[
        "worst case of site"
    ]

    assert found.status == "fails"
    assert found.text == "base load 3 + CP01 9 = 12 kW, limit 11 kW"


def test_a_fallback_too_small_to_charge_with_is_told(tmp_path: Path) -> None:
    station = {"id": "CP01", "fallback_kw": 6, "connectors": [{"id": 1}, {"id": 2}]}

    found = findings(tmp_path, stations=[station])

    assert "3 kW is below the least power of 4.2 kW" in found["fallback of CP01/2"].text


@pytest.mark.parametrize(("url", "status"), [("embedded", "ok"), ("off", "fails")])
def test_a_vehicle_that_lacks_keys_is_told_with_the_keys(
    tmp_path: Path, url: str, status: str
) -> None:
    vehicle = {
        "id": "V07", "type": "van", "battery_kwh": 80, "energy_kwh": 30, "target_kwh": 60,
        "max_charge_kw": 50, "available_from": "2026-11-20T16:00:00Z",
    }  # fmt: skip
    whole = {**vehicle, "id": "V08", "plugs": ["ccs2"], "reserve_kwh": 8}

    found = findings(tmp_path, mqtt={"url": url, "port": 0}, vehicles=[vehicle, whole])

    assert found["vehicle V07"].status == status
    assert "plugs" in found["vehicle V07"].text
    assert "vehicle V08" not in found


@pytest.mark.parametrize(("name", "status"), [("lp", "ok"), ("jiont", "fails")])
def test_an_algorithm_that_nobody_has_fails(tmp_path: Path, name: str, status: str) -> None:
    found = findings(tmp_path, planner={"algorithm": name})["planner.algorithm"]

    assert found.status == status
    assert name in found.text


def test_a_folder_that_takes_no_files_fails(tmp_path: Path) -> None:
    # A file where a folder should be stops root too, unlike permissions.
    (tmp_path / "state").write_text("")

    assert findings(tmp_path)["store"].status == "fails"


def test_a_database_that_does_not_answer_fails_without_its_password(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    found = findings(tmp_path, store={"url": f"postgresql://u:geheim@127.0.0.1:{port}/db"})["store"]

    assert found.status == "fails"
    assert "geheim" not in found.text


def test_a_broker_is_tried(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as broker:
        url = f"mqtt://127.0.0.1:{broker.getsockname()[1]}"
        assert findings(tmp_path, mqtt={"url": url})["broker"].status == "ok"
    assert findings(tmp_path, mqtt={"url": url})["broker"].status == "fails"


def test_the_embedded_broker_is_there(tmp_path: Path) -> None:
    found = findings(tmp_path, mqtt={"url": "embedded", "port": 0})

    assert found["broker"].status == "ok"
    assert found["broker"].text.endswith("nats-server")


@pytest.fixture
def pair(
    tmp_path: Path, require_tool: Callable[[str], Path]
) -> Callable[[datetime, datetime], dict[str, object]]:
    openssl = require_tool("openssl")

    def make(start: datetime, end: datetime) -> dict[str, object]:
        certificate, key = tmp_path / "depot.crt", tmp_path / "depot.key"
        request = tmp_path / "depot.csr"
        run = [str(openssl), "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        run += ["-nodes", "-subj", "/CN=depot", "-keyout", str(key), "-out", str(request)]
        subprocess.run(run, check=True, capture_output=True)
        form = "%Y%m%d%H%M%SZ"
        (tmp_path / "index").touch()
        (tmp_path / "serial").write_text("01")
        (tmp_path / "ca.conf").write_text(
            f"[ca]\ndefault_ca=c\n[c]\ndir={tmp_path}\ndatabase=$dir/index\nserial=$dir/serial\n"
            f"new_certs_dir=$dir\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n"
        )
        run = [str(openssl), "ca", "-batch", "-selfsign", "-config", str(tmp_path / "ca.conf")]
        run += ["-keyfile", str(key), "-in", str(request), "-out", str(certificate), "-notext"]
        run += ["-startdate", f"{start:{form}}", "-enddate", f"{end:{form}}"]
        subprocess.run(run, check=True, capture_output=True)
        return {
            "port": 0,
            "security_profile": 2,
            "certificate": str(certificate),
            "private_key": str(key),
        }

    return make


@pytest.mark.fault(77)
@pytest.mark.openssl
@pytest.mark.parametrize(("days", "status"), [(90, "ok"), (10, "fails")])
def test_a_certificate_is_told_its_end(
    tmp_path: Path,
    pair: Callable[[datetime, datetime], dict[str, object]],
    days: int,
    status: str,
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    end = now + timedelta(days=days, hours=1)

    found = findings(tmp_path, now=now, ocpp=pair(now - timedelta(days=1), end))["certificates"]

    assert found.status == status
    assert f"until {end:%Y-%m-%d}, {days} days from now" in found.text


@pytest.mark.openssl
def test_an_expired_certificate_fails(
    tmp_path: Path, pair: Callable[[datetime, datetime], dict[str, object]]
) -> None:
    now = datetime.now(UTC)

    ocpp = pair(now - timedelta(days=9), now - timedelta(days=1))

    found = findings(tmp_path, now=now, ocpp=ocpp)["certificates"]
    assert (found.status, found.text.split(": ")[1]) == ("fails", "certificate has expired")


def test_a_certificate_that_is_not_there_fails(tmp_path: Path) -> None:
    ocpp = {"port": 0, "security_profile": 2, "certificate": "no.crt", "private_key": "no.key"}

    found = findings(tmp_path, ocpp=ocpp)["certificates"]

    assert (found.status, found.text) == ("fails", "no.crt: No such file or directory")


def test_the_command_ends_with_1_when_a_check_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    file = tmp_path / "depot.toml"
    file.write_text("[site]\nimport_limit_kw = 1\nbase_load_kw = 2\n[mqtt]\nurl = 'off'\n")

    assert main(["doctor", "--config", str(file), "--json"]) == 1

    told = {finding["check"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert told["worst case of site"] == {
        "check": "worst case of site",
        "status": "fails",
        "text": "base load 2 = 2 kW, limit 1 kW",
    }
