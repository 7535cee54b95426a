from __future__ import annotations

import json
import tomllib
from pathlib import Path

import jsonschema_rs
import pytest

from config.example import text
from daemon.cli import main


def test_the_example_that_is_printed_passes_the_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "example"]) == 0
    file = tmp_path / "depot.toml"
    file.write_text(capsys.readouterr().out, encoding="utf-8")

    assert main(["config", "check", str(file)]) == 0

    told = capsys.readouterr().out
    assert told.startswith(f"{file}: fine: site north, 3 stations, 2 vehicles\n")
    assert "= 24.6 kW, limit 80 kW" in told


def test_the_check_answers_in_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", "--json"]) == 0

    answer = json.loads(capsys.readouterr().out)
    assert answer["site"] == "depot"
    assert answer["worst_case_kw"] <= answer["import_limit_kw"]


def test_an_algorithm_that_nobody_has_is_refused_with_those_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "depot.toml"
    file.write_text('[planner]\nalgorithm = "jiont"\n')
    assert main(["config", "check", str(file)]) == 2
    said = capsys.readouterr().err
    assert f"{file}: planner.algorithm: wants one of" in said
    assert "joint" in said
    assert "'jiont'" in said


def test_a_missing_file_is_wrong_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", str(tmp_path / "nowhere.toml")]) == 2
    assert "nowhere.toml: cannot be read" in capsys.readouterr().err


def test_the_schema_takes_the_example_and_refuses_what_the_settings_refuse(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["config", "schema"]) == 0
    schema = jsonschema_rs.validator_for(json.loads(capsys.readouterr().out))
    example = json.loads(json.dumps(tomllib.loads(text()), default=lambda v: v.isoformat()))

    assert schema.is_valid(example)
    assert schema.is_valid({"site": {"pv_kw": 5}})
    assert not schema.is_valid({"site": {"pv_kw": "much"}})
    assert not schema.is_valid({"site": {"limit": 5}})
    assert not schema.is_valid({"planner": {"deadline_s": 0}})
