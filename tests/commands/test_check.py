from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from daemon.cli import main

FROM, TO = "2026-11-20T16:00:00Z", "2026-11-20T17:00:00Z"


def snapshot(**values: object) -> dict[str, Any]:
    return {
        "format": "depotd.snapshot/1",
        "revision": 7,
        "taken_at": FROM,
        "mode": "integrated",
        "horizon": {"hours": 1, "step_minutes": 60},
        "site": {
            "id": "north",
            "currency": "EUR",
            "import_limit_kw": 10,
            "base_load_kw": 4,
            "import_price_per_kwh": 0.5,
        },
        "circuits": [],
        "connectors": [],
        "vehicles": [],
        "routes": [],
        **values,
    }


def plan(import_kw: float, money: float) -> dict[str, Any]:
    return {
        "format": "depotd.plan/1",
        "revision": 7,
        "status": "feasible",
        "algorithm": "none",
        "site": [{"from": FROM, "to": TO, "import_kw": import_kw}],
        "objective": {"unserved": 0, "shortfall_kwh": 0, "money": money, "taste": 0},
        "cost": {"energy": money, "peak": 0, "wear": 0},
    }


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "snapshot.json", tmp_path / "plan.json"


def written(files: tuple[Path, Path], *texts: object) -> list[str]:
    for file, text in zip(files, texts, strict=True):
        file.write_text(json.dumps(text), encoding="utf-8")
    return [str(file) for file in files]


def test_a_plan_that_keeps_every_law_passes(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *written(files, snapshot(), plan(4, 2))]) == 0
    assert capsys.readouterr().out == "every law is kept\n"


def test_a_broken_law_is_told_with_place_and_amount(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *written(files, snapshot(), plan(5, 2))]) == 1

    told = capsys.readouterr().out
    assert told.startswith("law 11, ")
    assert "1 kW" in told


def test_the_breaches_come_as_json_too(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *written(files, snapshot(), plan(5, 2)), "--json"]) == 1

    answer = json.loads(capsys.readouterr().out)
    assert answer["ok"] is False
    assert answer["breaches"][0]["law"] == 11
    assert answer["breaches"][0]["amount"] == pytest.approx(1)


def test_the_snapshot_may_come_from_standard_input(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, plan_file = written(files, snapshot(), plan(4, 2))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(files[0].read_bytes())))

    assert main(["check", "-", plan_file]) == 0


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ((snapshot(revision=-1), plan(4, 2)), "snapshot.json: revision: "),
        ((snapshot(), {**plan(4, 2), "extra": 1}), "plan.json: extra: "),
        ((plan(4, 2), snapshot()), "snapshot.json: format: "),
    ],
)
def test_what_cannot_be_read_is_wrong_input_with_file_and_key(
    files: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
    texts: tuple[object, object],
    said: str,
) -> None:
    assert main(["check", *written(files, *texts)]) == 2

    told = capsys.readouterr()
    assert said in told.err
    assert told.err.count("\n") == 1


def test_a_missing_file_is_wrong_input(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *map(str, files)]) == 2
    assert "snapshot.json: cannot be read: No such file" in capsys.readouterr().err


def test_standard_input_cannot_be_both(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-", "-"]) == 2
    assert "only one of them" in capsys.readouterr().err
