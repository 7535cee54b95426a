from __future__ import annotations

import socket
from pathlib import Path

import pytest

from daemon.cli import main

HEAD = "arrival,departure,requested_energy (kWh),station_id,session_id\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--day", "2019-05-07"), "--sessions FILE"),
        (("--seconds", "0"), "--seconds: 0, wants a positive number"),
        (("--speed", "nan"), "--speed: nan, wants a positive number"),
        (("--stations", "0"), "--stations: 0, wants at least 1"),
        (("--sessions", "nowhere.csv"), "nowhere.csv: cannot be read"),
        (("--config", "nowhere.toml"), "nowhere.toml: cannot be read"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_sentence(
    arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_a_day_without_sessions_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "day.csv"
    file.write_text(f"{HEAD}2019-05-07 06:00:00Z,2019-05-07 07:00:00Z,5,A,s1\n")
    assert main(["demo", "--sessions", str(file), "--day", "2019-05-08"]) == 2
    assert "no session began on 2019-05-08" in capsys.readouterr().err


def test_a_fleet_without_a_broker_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DEPOTD_MQTT__URL", "off")
    assert main(["demo"]) == 2
    assert "mqtt.url" in capsys.readouterr().err


def test_a_port_that_is_taken_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("DEPOTD_OCPP__PORT", str(taken.getsockname()[1]))
        assert main(["demo"]) == 2
    assert "address already in use" in capsys.readouterr().err
